//! Labels of alerts: how they are identified, ordered and written, as Prometheus's `model` package does.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The label that holds an alert's name.
pub const ALERT_NAME: &str = "alertname";

/// Labels, annotations, or a part of them: names and values, in order of the names.
pub type LabelSet = BTreeMap<String, String>;

/// What identifies a set of labels: FNV-1a of 64 bits over names and values, as Prometheus computes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// Stands between names and values; no byte of UTF-8.
const SEPARATOR: u8 = 0xff;

impl Fingerprint {
    /// Returns the fingerprint of labels.
    pub fn of(labels: &LabelSet) -> Self {
        Self::of_pairs(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// Returns the fingerprint of pairs that are in order of their names.
    pub fn of_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut sum = FNV_OFFSET;
        let mut add = |bytes: &[u8]| {
            for byte in bytes.iter().chain(&[SEPARATOR]) {
                sum = (sum ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
            }
        };
        for (name, value) in pairs {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        Self(sum)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// As 16 hexadecimal digits: numbers of 64 bits are no numbers of JSON.
impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Returns labels as Alertmanager writes them in group keys: `{job="api", zone="a"}`.
pub fn written(labels: &LabelSet) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// Returns a text in quotes, as Go's `strconv.Quote` writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control()
                || matches!(c, '\u{ad}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}') =>
            {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, LabelSet, quoted, written};

    fn labels(pairs: &[(&str, &str)]) -> LabelSet {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn labels_are_identified_and_written_as_prometheus_does() {
        // Figures of `LabelSet.Fingerprint` in prometheus/common's model.
        assert_eq!(Fingerprint::of(&labels(&[])).0, 14_695_981_039_346_656_037);
        assert_eq!(
            Fingerprint::of(&labels(&[("name", "garland, briggs"), ("fear", "love is not enough")])).0,
            5_799_056_148_416_392_346
        );
        assert_eq!(written(&labels(&[("b", "x\"y"), ("a", "1")])), r#"{a="1", b="x\"y"}"#);
        assert_eq!(quoted("a\n\u{1}\u{85}é"), "\"a\\n\\x01\\u0085é\"");
        let print = Fingerprint(0x1f);
        let json = serde_json::to_string(&print).expect("JSON");
        assert_eq!(
            (json.as_str(), serde_json::from_str::<Fingerprint>(&json).expect("read")),
            ("\"000000000000001f\"", print)
        );
    }
}
