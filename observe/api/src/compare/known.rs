//! Names of attributes: which are known best, and how a value of one is asked for.

use std::cmp::Ordering;

use vitrine_observe_search::people::{Query, term_text};
use vitrine_observe_store::model::LogField;

use super::values::{Key, Of};

/// Names that people know, the best known first.
const NAMES: [&str; 32] = [
    "service",
    "operation",
    "status",
    "exception.type",
    "error.type",
    "http.route",
    "http.request.method",
    "http.response.status_code",
    "rpc.method",
    "rpc.service",
    "db.operation.name",
    "db.system.name",
    "db.query.text",
    "messaging.destination.name",
    "kind",
    "status_message",
    "event",
    "server.address",
    "service.version",
    "deployment.environment.name",
    "cloud.availability_zone",
    "cloud.region",
    "k8s.deployment.name",
    "k8s.pod.name",
    "k8s.node.name",
    "container.image.tags",
    "container.id",
    "service.instance.id",
    "host.name",
    "host.id",
    "process.pid",
    "service.name",
];

/// Which of two attributes is shown for both: the one that people know better.
pub(super) fn order(a: &Key, b: &Key) -> Ordering {
    let rank = |key: &Key| NAMES.iter().position(|name| *name == key.name).unwrap_or(NAMES.len());
    let key = |key: &Key| (rank(key), key.of, key.name.len());
    key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
}

/// The condition of the query text that picks the spans with a value; none if there is none.
pub(super) fn condition(key: &Key, value: &str) -> Option<String> {
    let named = |name: &str| LogField::Named(name.to_owned());
    let (field, value) = match (key.of, key.name.as_str(), value) {
        (Of::Field, "status", "error") => return Some("status:error".to_owned()),
        (Of::Field, "status", "ok") => (named("otel.status_code"), "OK"),
        (Of::Field, "status", _) | (Of::Field, "kind", "unspecified") => return None,
        (Of::Field, "service", value) => (LogField::Service, value),
        (Of::Field, "operation", value) => (named("name"), value),
        (Of::Field, "kind", value) => (named("span.kind"), value),
        (Of::Field, _, value) => (named("otel.status_description"), value),
        (_, name, value) => (named(name), value),
    };
    let text = term_text(&field, value);
    let asked = Query::parse(&text).ok()?.trace_query().ok()?;
    let tags = asked.tags.into_iter().map(|(_, value)| value);
    let mut values = asked.service.into_iter().chain(asked.operation).chain(tags);
    values.any(|asked| asked == value).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{condition, order};
    use crate::compare::values::{Key, Of};

    fn key(of: Of, name: &str) -> Key {
        Key { of, name: name.to_owned() }
    }

    #[test]
    fn values_are_asked_for_in_the_query_text() {
        for (of, name, value, expected) in [
            (Of::Field, "service", "checkout", Some("service:checkout")),
            (Of::Field, "operation", "GET /cart", Some("name:\"GET /cart\"")),
            (Of::Field, "kind", "server", Some("span.kind:server")),
            (Of::Field, "kind", "unspecified", None),
            (Of::Field, "status", "error", Some("status:error")),
            (Of::Field, "status", "ok", Some("otel.status_code:OK")),
            (Of::Field, "status", "unset", None),
            (Of::Field, "status_message", "card declined", Some("otel.status_description:\"card declined\"")),
            (Of::Attribute, "http.response.status_code", "503", Some("http.response.status_code:503")),
            (Of::Event, "event", "retry", Some("\"event\":retry")),
            (Of::Attribute, "duration", "200", None),
        ] {
            assert_eq!(condition(&key(of, name), value).as_deref(), expected, "{name} {value}");
        }
    }

    #[test]
    fn known_names_come_first() {
        let mut keys = [
            key(Of::Resource, "service.name"),
            key(Of::Attribute, "zz"),
            key(Of::Resource, "zz"),
            key(Of::Attribute, "a.longer.name"),
            key(Of::Field, "service"),
        ];
        keys.sort_by(order);
        let names: Vec<_> = keys.iter().map(|key| (key.of, key.name.as_str())).collect();
        assert_eq!(
            names,
            [
                (Of::Field, "service"),
                (Of::Resource, "service.name"),
                (Of::Attribute, "zz"),
                (Of::Attribute, "a.longer.name"),
                (Of::Resource, "zz")
            ]
        );
    }
}
