//! Fields and what they are called.

use vitrine_observe_model::LogField;

use super::lexer::{is_bare, quoted};
use super::tree::Field;

/// Fields that are no attributes: the name, other names, and the field.
const KNOWN: [(&str, &[&str], LogField); 10] = [
    ("service", &["service.name"], LogField::Service),
    ("level", &["severity"], LogField::Severity),
    ("severity_text", &[], LogField::SeverityText),
    ("message", &["body"], LogField::Body),
    ("template", &[], LogField::Template),
    ("event", &["event_name"], LogField::EventName),
    ("trace", &["trace_id", "trace.id"], LogField::TraceId),
    ("span", &["span_id", "span.id"], LogField::SpanId),
    ("scope", &["scope_name"], LogField::ScopeName),
    ("scope_version", &[], LogField::ScopeVersion),
];
/// How the attributes of one thing are called, and which they are.
const OF: [(&str, fn(String) -> LogField); 3] =
    [("attributes.", LogField::Attribute), ("resource.", LogField::Resource), ("scope.", LogField::Scope)];
/// What is of logs and of traces: [`Field::Status`].
const STATUS: &str = "status";

/// The field of a key; one in quotes is an attribute's, whatever it says.
pub(super) fn field(key: &str, is_quoted: bool) -> Field {
    if is_quoted {
        return Field::Log(LogField::Named(key.to_owned()));
    }
    if key == STATUS {
        return Field::Status;
    }
    let known = KNOWN.iter().find(|(name, others, _)| *name == key || others.contains(&key));
    if let Some((_, _, field)) = known {
        return Field::Log(field.clone());
    }
    let of = OF.iter().find_map(|(prefix, field)| Some(field(key.strip_prefix(prefix)?.to_owned())));
    Field::Log(of.unwrap_or_else(|| LogField::Named(key.to_owned())))
}

/// Reads the name of a field: a known one's, or that of an attribute, as it stands before the colon of a condition. One that is quoted is an
/// attribute's.
pub fn parse_field(name: &str) -> LogField {
    let unquoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match field(unquoted.unwrap_or(name), unquoted.is_some()) {
        Field::Log(field) => field,
        Field::Status => LogField::Named(STATUS.to_owned()),
    }
}

/// Returns the name of a field, as it stands before the colon of a condition.
pub fn field_name(field: &LogField) -> String {
    let key = |prefix: &str, key: &str| {
        let key = if is_bare(key) { key.to_owned() } else { quoted(key) };
        format!("{prefix}{key}")
    };
    match field {
        LogField::Attribute(name) => key(OF[0].0, name),
        LogField::Resource(name) => key(OF[1].0, name),
        LogField::Scope(name) => key(OF[2].0, name),
        LogField::Named(name) => {
            let is_plain = is_bare(name) && self::field(name, false) == Field::Log(field.clone());
            if is_plain { name.clone() } else { quoted(name) }
        }
        LogField::Time => "time".to_owned(),
        LogField::ObservedTime => "observed_time".to_owned(),
        LogField::Any => "any".to_owned(),
        known => {
            let found = KNOWN.iter().find(|(_, _, field)| field == known);
            found.map_or_else(String::new, |(name, _, _)| (*name).to_owned())
        }
    }
}

/// The name of a field of a query.
pub(super) fn name(field: &Field) -> String {
    match field {
        Field::Log(field) => field_name(field),
        Field::Status => STATUS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use vitrine_observe_model::LogField;

    use super::{KNOWN, field_name, parse_field};

    #[test]
    fn names_lead_back_to_their_fields() {
        let known = KNOWN.into_iter().map(|(_, _, field)| field);
        let keys = ["http.route", "service", "a b", "status", "resource.x", "\"", "OR", "ä", ""];
        let attributes = keys.into_iter().flat_map(|key| {
            [LogField::Attribute, LogField::Resource, LogField::Scope, LogField::Named].map(|make| make(key.to_owned()))
        });
        for field in known.chain(attributes) {
            let query = super::super::Query::parse(&format!("{}:*", field_name(&field)));
            // A key without characters has no name of its own.
            if field_name(&field) != "\"\"" {
                assert!(query.is_ok(), "{field:?}: {query:?}");
            }
        }
        assert_eq!(field_name(&LogField::Named("service".into())), "\"service\"");
        assert_eq!(parse_field("\"service\""), LogField::Named("service".into()));
        assert_eq!(parse_field("severity"), LogField::Severity);
        assert_eq!(parse_field("resource.host.name"), LogField::Resource("host.name".into()));
    }
}
