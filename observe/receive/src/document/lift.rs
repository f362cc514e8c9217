//! Which values of a document have a place of their own in a log record.

use vitrine_observe_store::model::elastic::TimeFormat;
use vitrine_observe_store::model::{SpanId, TraceId};

use super::flat::Flat;
use super::time;
use super::value::Value;
use crate::severity;

/// Keys of one role.
const MAX_KEYS: usize = 9;
/// Keys of a service that are the service's alone; the others name something else, too, and stay attributes.
const OWN_SERVICE_KEYS: usize = 2;

#[derive(Clone, Copy)]
enum Role {
    Time,
    Body,
    Severity,
    Service,
    TraceId,
    SpanId,
}

/// Roles.
const ROLES: usize = 6;

/// What a key may be, and how many keys are preferred to it.
fn role(key: &str) -> Option<(Role, usize)> {
    Some(match key {
        "@timestamp" => (Role::Time, 0),
        "timestamp" => (Role::Time, 1),
        "time" => (Role::Time, 2),
        "ts" => (Role::Time, 3),
        "message" => (Role::Body, 0),
        "log" => (Role::Body, 1),
        "msg" => (Role::Body, 2),
        "body" => (Role::Body, 3),
        "log.level" => (Role::Severity, 0),
        "level" => (Role::Severity, 1),
        "severity" => (Role::Severity, 2),
        "service.name" => (Role::Service, 0),
        "service" => (Role::Service, 1),
        "kubernetes.labels.app.kubernetes.io/name" => (Role::Service, 2),
        "kubernetes.labels.app_kubernetes_io/name" => (Role::Service, 3),
        "kubernetes.labels.app" => (Role::Service, 4),
        "kubernetes.container.name" => (Role::Service, 5),
        "kubernetes.container_name" => (Role::Service, 6),
        "container.name" => (Role::Service, 7),
        "container_name" => (Role::Service, 8),
        "trace.id" => (Role::TraceId, 0),
        "trace_id" => (Role::TraceId, 1),
        "span.id" => (Role::SpanId, 0),
        "span_id" => (Role::SpanId, 1),
        _ => return None,
    })
}

/// A value that was found for a place.
pub(super) struct Lifted<T> {
    /// The leaf that it is of.
    pub leaf: usize,
    pub value: T,
    /// Whether the record gives it back exactly, so that it need not be an attribute, too.
    pub is_moved: bool,
}

/// What was found for each place of a record.
#[derive(Default)]
pub(super) struct LiftedValues<'d> {
    /// Nanoseconds since 1970, and how it was written.
    pub time: Option<Lifted<(u64, Option<TimeFormat>)>>,
    pub body: Option<Lifted<&'d str>>,
    /// OTLP's number, and the sender's word.
    pub severity: Option<Lifted<(Option<u64>, &'d str)>>,
    pub service: Option<Lifted<&'d str>>,
    pub trace_id: Option<Lifted<TraceId>>,
    pub span_id: Option<Lifted<SpanId>>,
}

impl<'d> LiftedValues<'d> {
    /// Looks through a document; not for a time if it is known already.
    pub(super) fn find(flat: &Flat<'d>, with_time: bool) -> Self {
        let mut keys = [[None; MAX_KEYS]; ROLES];
        for (place, leaf) in flat.leaves.iter().enumerate() {
            if let Some((role, rank)) = role(flat.key(leaf)) {
                keys[role as usize][rank].get_or_insert(place);
            }
        }
        let leaves = |role: Role| {
            let found = keys[role as usize].into_iter().enumerate();
            found.filter_map(|(rank, leaf)| leaf.map(|leaf: usize| (rank, leaf, flat.leaves[leaf].value)))
        };
        let mut times = leaves(Role::Time).filter(|_| with_time);
        Self {
            time: times.find_map(|(_, leaf, value)| {
                let (ns, format) = time::of(value)?;
                Some(Lifted { leaf, value: (ns, format), is_moved: format.is_some() })
            }),
            body: leaves(Role::Body)
                .find_map(|(_, leaf, value)| Some(Lifted { leaf, value: value.as_text()?, is_moved: true })),
            severity: leaves(Role::Severity).find_map(|(_, leaf, value)| severity_of(leaf, value)),
            service: leaves(Role::Service).find_map(|(rank, leaf, value)| {
                let name = value.as_text().filter(|name| !name.is_empty())?;
                Some(Lifted { leaf, value: name, is_moved: rank < OWN_SERVICE_KEYS })
            }),
            trace_id: leaves(Role::TraceId).find_map(|(_, leaf, value)| {
                let (text, id) = (value.as_text()?, TraceId::parse(value.as_text()?).ok()?);
                Some(Lifted { leaf, value: id, is_moved: id.to_string() == text })
            }),
            span_id: leaves(Role::SpanId).find_map(|(_, leaf, value)| {
                let (text, id) = (value.as_text()?, SpanId::parse(value.as_text()?).ok()?);
                Some(Lifted { leaf, value: id, is_moved: id.to_string() == text })
            }),
        }
    }

    /// The leaves that are no attributes.
    pub(super) fn moved(&self) -> [Option<usize>; ROLES] {
        fn leaf<T>(lifted: &Option<Lifted<T>>) -> Option<usize> {
            lifted.as_ref().filter(|lifted| lifted.is_moved).map(|lifted| lifted.leaf)
        }
        [
            leaf(&self.time),
            leaf(&self.body),
            leaf(&self.severity),
            leaf(&self.service),
            leaf(&self.trace_id),
            leaf(&self.span_id),
        ]
    }
}

fn severity_of<'d>(leaf: usize, value: &'d Value<'d>) -> Option<Lifted<(Option<u64>, &'d str)>> {
    match value {
        Value::Text(text) if !text.is_empty() => {
            Some(Lifted { leaf, value: (severity::of_text(text), text), is_moved: true })
        }
        Value::Int(number) => {
            severity::of_number(*number).map(|found| Lifted { leaf, value: (Some(found), ""), is_moved: false })
        }
        _ => None,
    }
}
