//! Labels of a line: those of its stream, its structured metadata, and what parsers found.
//!
//! The resource and the service are the stream; attributes of the record and of its scope are structured metadata, and so are its ids and
//! its severity. Whatever a label cannot be called in its name shows as `_`.

use std::collections::BTreeMap;

use vitrine_observe_model::{Attribute, LogField, LogFieldInfo, LogRow, Value};

/// The label that says what went wrong with a line.
pub const ERROR: &str = "__error__";
/// The label that says more of it.
pub const ERROR_DETAILS: &str = "__error_details__";
/// The label of a line's level.
pub const DETECTED_LEVEL: &str = "detected_level";
/// What a parser's label ends with where the stream has one of that name.
const EXTRACTED: &str = "_extracted";
/// The attribute that is the service.
const SERVICE: &str = "service.name";
/// The label that it is.
pub const SERVICE_LABEL: &str = "service_name";

/// Fields that are structured metadata by names of their own.
const METADATA: [(&str, LogField); 7] = [
    ("trace_id", LogField::TraceId),
    ("span_id", LogField::SpanId),
    ("severity_text", LogField::SeverityText),
    ("severity_number", LogField::Severity),
    ("event_name", LogField::EventName),
    ("scope_name", LogField::ScopeName),
    ("scope_version", LogField::ScopeVersion),
];

/// Where a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The stream.
    Stream,
    /// The record itself.
    Metadata,
    /// A parser.
    Parsed,
}

/// A label of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineLabel {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// All labels of a line.
#[derive(Debug, Clone, Default)]
pub struct LineLabels {
    all: Vec<LineLabel>,
    /// What went wrong, and more of it.
    error: Option<(String, String)>,
}

/// A field's name as a label.
pub fn label_name(key: &str) -> String {
    let is_digit_first = key.starts_with(|c: char| c.is_ascii_digit());
    let first = if is_digit_first { "_" } else { "" };
    let rest = key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' });
    first.chars().chain(rest).collect()
}

impl LineLabels {
    /// The labels of a record.
    pub fn of(row: &LogRow) -> Self {
        let mut labels = Self::default();
        labels.add(SERVICE_LABEL, row.service.clone(), Origin::Stream);
        labels.add_all(&row.resource, Origin::Stream);
        for (name, field) in &METADATA {
            labels.add(name, row.value(field).as_ref().map(Value::text).unwrap_or_default(), Origin::Metadata);
        }
        labels.add_all(&row.attributes, Origin::Metadata);
        labels.add_all(&row.scope.attributes, Origin::Metadata);
        let level = row.value(&LogField::Named("level".to_owned())).map(|value| value.text());
        labels.add(
            DETECTED_LEVEL,
            detected_level(i64::from(row.severity), &row.severity_text, level.as_deref().unwrap_or_default())
                .to_owned(),
            Origin::Metadata,
        );
        labels
    }

    fn add_all(&mut self, attributes: &[Attribute], origin: Origin) {
        for Attribute { key, value } in attributes.iter().filter(|attribute| attribute.key != SERVICE) {
            let name = label_name(key);
            let is_other = own_field(&name).is_some() && !spellings(&name).any(|spelling| spelling == *key);
            if origin == Origin::Stream || !is_other {
                self.add(&name, value.text(), origin);
            }
        }
    }

    /// Adds what the record itself has, unless it is empty or there is such a label.
    pub fn add(&mut self, name: &str, value: String, origin: Origin) {
        if !value.is_empty() && self.place(name).is_none() {
            self.all.push(LineLabel { name: name.to_owned(), value, origin });
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|label| label.name == name)
    }

    /// The value of a label; empty where it is not there.
    pub fn get(&self, name: &str) -> &str {
        match (name, &self.error) {
            (ERROR, Some((error, _))) => error,
            (ERROR_DETAILS, Some((_, details))) => details,
            _ => self.place(name).map_or("", |place| &self.all[place].value),
        }
    }

    /// Whether there is such a label.
    pub fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Sets what a parser found: beside a label of the stream of that name.
    pub fn parsed(&mut self, name: &str, value: String) {
        let is_taken = self.all.iter().any(|label| label.origin == Origin::Stream && label.name == name);
        if is_taken { self.set(&format!("{name}{EXTRACTED}"), value) } else { self.set(name, value) }
    }

    /// Sets a label; an empty value takes it away.
    pub fn set(&mut self, name: &str, value: String) {
        match self.place(name) {
            Some(place) if value.is_empty() => {
                self.all.swap_remove(place);
            }
            Some(place) => {
                self.all[place].value = value;
                self.all[place].origin = Origin::Parsed;
            }
            None if value.is_empty() => {}
            None => self.all.push(LineLabel { name: name.to_owned(), value, origin: Origin::Parsed }),
        }
    }

    /// Takes labels away of which this does not hold.
    pub fn retain(&mut self, mut keeps: impl FnMut(&LineLabel) -> bool) {
        self.all.retain(&mut keeps);
    }

    /// Says what went wrong.
    pub fn fail(&mut self, error: &str, details: impl Into<String>) {
        self.error = Some((error.to_owned(), details.into()));
    }

    /// Whether something went wrong.
    pub fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Forgets what went wrong.
    pub fn clear_error(&mut self) {
        self.error = None;
    }

    /// All of them in order of their names, with what went wrong.
    pub fn sorted(&self) -> Vec<LineLabel> {
        let mut all = self.all.clone();
        if let Some((error, details)) = &self.error {
            for (name, value) in [(ERROR, error), (ERROR_DETAILS, details)] {
                if !value.is_empty() {
                    all.push(LineLabel { name: name.to_owned(), value: value.clone(), origin: Origin::Parsed });
                }
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All of them in no order, without what went wrong.
    pub fn iter(&self) -> impl Iterator<Item = &LineLabel> {
        self.all.iter()
    }
}

/// The level of a line as Loki calls it, by OTLP's severity number, its text, or an attribute `level`.
pub fn detected_level(severity: i64, text: &str, level: &str) -> &'static str {
    match severity {
        1..=4 => return "trace",
        5..=8 => return "debug",
        9..=12 => return "info",
        13..=16 => return "warn",
        17..=20 => return "error",
        21..=24 => return "fatal",
        _ => {}
    }
    let word = if text.is_empty() { level } else { text }.to_ascii_lowercase();
    match word.as_str() {
        "trace" | "trc" => "trace",
        "debug" | "dbg" => "debug",
        "info" | "inf" | "information" | "informational" | "notice" => "info",
        "warn" | "wrn" | "warning" => "warn",
        "error" | "err" => "error",
        "critical" | "crit" | "alert" | "emerg" => "critical",
        "fatal" | "panic" => "fatal",
        _ => "unknown",
    }
}

/// Which fields a label may be, by its name. Most names say it by themselves: only what is `_` in them may have been another character.
#[derive(Debug, Clone, Default)]
pub struct LabelMap {
    stream: BTreeMap<String, Vec<LogField>>,
    metadata: BTreeMap<String, Vec<LogField>>,
}

impl LabelMap {
    /// Of fields that records have.
    pub fn new(fields: &[LogFieldInfo]) -> Self {
        let mut all: Vec<&LogField> = fields.iter().map(|info| &info.field).collect();
        // Attributes come before those of scopes, each in order of its key.
        all.sort();
        let mut label_map = Self::default();
        for field in all {
            let (map, key) = match field {
                LogField::Resource(key) if key != SERVICE => (&mut label_map.stream, key),
                LogField::Attribute(key) | LogField::Scope(key) => (&mut label_map.metadata, key),
                _ => continue,
            };
            map.entry(label_name(key)).or_default().push(field.clone());
        }
        label_map
    }

    /// Whether it is known of a label which fields it may be, without a look at those that there are.
    pub fn is_plain(name: &str) -> bool {
        !name.contains('_') || [SERVICE_LABEL, DETECTED_LEVEL].contains(&name) || own_field(name).is_some()
    }

    /// Labels of streams: their names, and which fields they may be, the first one that is there counting.
    pub fn streams(&self) -> impl Iterator<Item = (&str, Vec<LogField>)> {
        let service = std::iter::once((SERVICE_LABEL, vec![LogField::Service]));
        let others = self.stream.iter().filter(|(name, _)| *name != SERVICE_LABEL);
        service.chain(others.map(|(name, fields)| (name.as_str(), fields.clone())))
    }

    /// Which fields a label of streams may be.
    pub fn stream(&self, name: &str) -> Vec<LogField> {
        if name == SERVICE_LABEL {
            return vec![LogField::Service];
        }
        if !name.contains('_') {
            return vec![LogField::Resource(name.to_owned())];
        }
        self.stream.get(name).cloned().unwrap_or_default()
    }

    /// Which fields any label may be that a record itself has.
    pub fn fields(&self, name: &str) -> Vec<LogField> {
        let mut fields = self.stream(name);
        if let Some(own) = own_field(name) {
            fields.push(own);
            fields.extend(spellings(name).map(LogField::Attribute));
        } else if name.contains('_') {
            fields.extend(self.metadata.get(name).cloned().unwrap_or_default());
        } else {
            fields.extend([LogField::Attribute(name.to_owned()), LogField::Scope(name.to_owned())]);
        }
        fields
    }
}

/// The field that is structured metadata by this name.
fn own_field(name: &str) -> Option<LogField> {
    METADATA.iter().find(|(own, _)| *own == name).map(|(_, field)| field.clone())
}

/// How an attribute may be spelled that stands for such a field.
fn spellings(name: &str) -> impl Iterator<Item = String> {
    [name.to_owned(), name.replace('_', ".")].into_iter()
}

#[cfg(test)]
mod tests {
    use vitrine_observe_model::{LogField, LogFieldInfo};

    use super::{LabelMap, LineLabels, Origin, detected_level, label_name};

    #[test]
    fn names_are_labels_and_levels_are_words() {
        assert_eq!([label_name("k8s.pod.name"), label_name("9-lives")], ["k8s_pod_name", "_9_lives"]);
        assert_eq!([detected_level(17, "", ""), detected_level(0, "WARNING", "")], ["error", "warn"]);
        assert_eq!([detected_level(0, "", "crit"), detected_level(0, "", "")], ["critical", "unknown"]);
    }

    #[test]
    fn only_names_with_an_underscore_need_to_be_looked_up() {
        let field = |field| LogFieldInfo { field, kinds: Vec::new(), records: 1 };
        let resource = |key: &str| LogField::Resource(key.to_owned());
        let map = LabelMap::new(&[field(resource("k8s.pod")), field(resource("k8s_pod")), field(resource("env"))]);
        assert_eq!(map.stream("k8s_pod"), [resource("k8s.pod"), resource("k8s_pod")]);
        assert_eq!(LabelMap::default().stream("env"), [resource("env")]);
        assert_eq!(LabelMap::default().fields("trace_id")[0], LogField::TraceId);
        assert_eq!(["env", "service_name", "trace_id", "k8s_pod"].map(LabelMap::is_plain), [true, true, true, false]);
    }

    #[test]
    fn what_a_parser_finds_stands_beside_the_stream() {
        let mut labels = LineLabels::default();
        labels.add("app", "shop".to_owned(), Origin::Stream);
        labels.parsed("app", "cart".to_owned());
        labels.parsed("level", "warn".to_owned());
        assert_eq!([labels.get("app"), labels.get("app_extracted"), labels.get("level")], ["shop", "cart", "warn"]);
        labels.fail("JSONParserErr", "");
        assert_eq!(labels.get("__error__"), "JSONParserErr");
        assert_eq!(labels.sorted().len(), 4);
    }
}
