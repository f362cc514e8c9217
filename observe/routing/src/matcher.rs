//! Conditions on labels as Alertmanager reads and writes them: the syntax of any UTF-8 and, where a text is none, the classic one.
//!
//! Source: Alertmanager's documentation, "Label matchers", and the behaviour of its `matcher/parse` and `pkg/labels`.

mod classic;
mod utf8;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vitrine_observe_series::{MatchOp, Matcher as Test};

use crate::labels::{LabelSet, quoted};

/// Longest text of matchers that is read, in bytes.
pub const MAX_MATCHERS_BYTES: usize = 64 * 1024;

/// A condition on one label; a label that is not there has the empty value.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How its value is compared.
    pub op: MatchOp,
    /// With what: a text, or a pattern that the whole value matches.
    pub value: String,
    test: Test,
}

/// A text that is no matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MatcherError(pub String);

impl Matcher {
    /// A condition; an error where the pattern is none.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, MatcherError> {
        // Unlike PromQL's, a dot of Alertmanager's patterns stands for no line feed.
        let pattern = match op {
            MatchOp::Regex | MatchOp::NotRegex => format!("(?-s:{value})"),
            MatchOp::Equal | MatchOp::NotEqual => value.to_owned(),
        };
        let test = Test::new(name, op, &pattern)
            .map_err(|error| MatcherError(format!("{} is no regular expression: {error}", quoted(value))))?;
        Ok(Self { name: name.to_owned(), op, value: value.to_owned(), test })
    }

    /// Whether a value meets it.
    pub fn matches(&self, value: &str) -> bool {
        self.test.matches(value)
    }

    /// Whether a label that is not there meets it.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// Whether the operator is one of patterns.
    pub fn is_regex(&self) -> bool {
        matches!(self.op, MatchOp::Regex | MatchOp::NotRegex)
    }

    /// Whether the operator asks for sameness, and not for difference.
    pub fn is_equal(&self) -> bool {
        matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }

    /// Reads one matcher, such as `severity=~"warning|critical"`.
    pub fn parse(text: &str) -> Result<Self, MatcherError> {
        if text.starts_with('{') || text.ends_with('}') {
            return Err(MatcherError(format!("unexpected open or close brace: {text}")));
        }
        let one = |found: Vec<Self>| match found.len() {
            1 => found.into_iter().next().ok_or_else(|| MatcherError("no matchers".to_owned())),
            0 => Err(MatcherError("no matchers".to_owned())),
            count => Err(MatcherError(format!("expected 1 matcher, found {count}"))),
        };
        either(text, |text| utf8::parse(text).and_then(one), classic::parse_one)
    }

    /// Reads any number of matchers, apart by commas, in braces or without: `{severity="page", team!="web"}`.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, MatcherError> {
        either(text, utf8::parse, classic::parse)
    }
}

/// What the syntax of UTF-8 says; what the classic one says where the first cannot read the text, or reads something else.
fn either<T: PartialEq>(
    text: &str,
    utf8: impl FnOnce(&str) -> Result<T, MatcherError>,
    classic: impl FnOnce(&str) -> Result<T, MatcherError>,
) -> Result<T, MatcherError> {
    if text.len() > MAX_MATCHERS_BYTES {
        return Err(MatcherError(format!("matchers of {} bytes: at most {MAX_MATCHERS_BYTES} are read", text.len())));
    }
    match (utf8(text), classic(text)) {
        (Ok(new), Ok(old)) if new != old => Ok(old),
        (Ok(new), _) => Ok(new),
        (Err(_), old) => old,
    }
}

/// Whether labels meet all conditions.
pub fn all_match(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).map_or("", String::as_str)))
}

/// Returns matchers as Alertmanager writes them, `{a="1",b=~"2"}`, in the order of their names, values and operators.
pub fn written(matchers: &[Matcher]) -> String {
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", texts.join(","))
}

/// Puts matchers in the order in which they are written.
pub fn sort(matchers: &mut [Matcher]) {
    matchers.sort_by(|a, b| (&a.name, &a.value, a.op).cmp(&(&b.name, &b.value, b.op)));
}

/// Whether a character may not stand in a name or value without quotes.
fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        };
        if self.name.contains(is_reserved) {
            return write!(f, "{}{op}{}", quoted(&self.name), quoted(&self.value));
        }
        let value = self.value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        write!(f, "{}{op}\"{value}\"", self.name)
    }
}

/// The form in which API v2 and the state hold a matcher.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = Form {
            name: self.name.clone(),
            value: self.value.clone(),
            is_regex: self.is_regex(),
            is_equal: self.is_equal(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form::deserialize(deserializer)?;
        let op = match (form.is_equal, form.is_regex) {
            (true, false) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (false, true) => MatchOp::NotRegex,
        };
        Self::new(&form.name, op, &form.value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
