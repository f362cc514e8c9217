//! What a push's streams become: labels the resource, entries the records.

use std::borrow::Cow;

use vitrine_observe_store::model::TraceId;

use crate::budget::{Budget, Buffer};
use crate::document::value::Value;
use crate::error::Error;
use crate::key_values::key_text;
use crate::protobuf::Writer;
use crate::records::{Origin, Record, Records};
use crate::severity;

/// The label that is the service's name, and after it those that Loki takes for it, in its order.
const SERVICE_LABELS: [&str; 13] = [
    "service_name",
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
];
/// Labels and metadata that say how severe a line is.
const LEVELS: [&str; 5] = ["level", "severity", "detected_level", "severity_text", "lvl"];
/// Metadata that says which trace a line belongs to.
const TRACE_IDS: [&str; 3] = ["trace_id", "traceID", "traceid"];

/// A request of log records that is being made of streams.
pub(super) struct Streams {
    records: Records,
    record: Record,
    message: Writer,
    now_ns: u64,
}

/// The stream that entries belong to.
pub(super) struct Stream {
    origin: Origin,
    level: Option<String>,
}

/// The first text that has one of these names.
fn text<'m>(metadata: &'m [(Cow<'_, str>, Value<'_>)], names: &[&str]) -> Option<&'m str> {
    metadata.iter().find(|(name, _)| names.contains(&&**name)).and_then(|(_, value)| value.as_text())
}

impl Streams {
    /// Streams that come in at this time, in nanoseconds since 1970.
    pub(super) fn new(budget: &Budget, now_ns: u64) -> Self {
        Self { records: Records::new(budget), record: Record::new(budget), message: Writer::new(budget), now_ns }
    }

    /// The stream of these labels.
    pub(super) fn stream<'l>(&mut self, labels: impl Iterator<Item = (&'l str, &'l str)> + Clone) -> Stream {
        let message = &mut self.message;
        message.clear();
        let label = |wanted: &str| labels.clone().find(|(name, value)| *name == wanted && !value.is_empty());
        if let Some((_, service)) = SERVICE_LABELS.into_iter().find_map(label) {
            key_text(message, 1, "service.name", service);
        }
        // The first of them is the service's name under the name that OTLP has for it.
        for (name, value) in labels.clone().filter(|(name, _)| *name != SERVICE_LABELS[0]) {
            key_text(message, 1, name, value);
        }
        let level = LEVELS.into_iter().find_map(label).map(|(_, level)| level.to_owned());
        Stream { origin: Origin { resource: message.bytes().to_vec(), scope: Vec::new() }, level }
    }

    /// Adds an entry. Its time is in nanoseconds since 1970.
    pub(super) fn entry(
        &mut self,
        stream: &Stream,
        time_ns: u64,
        line: &str,
        metadata: &[(Cow<'_, str>, Value<'_>)],
    ) -> Result<(), Error> {
        let record = &mut self.record;
        record.clear();
        if time_ns > 0 {
            record.time(time_ns);
        }
        record.observed(self.now_ns);
        record.body(line);
        if let Some(level) = text(metadata, &LEVELS).or(stream.level.as_deref()) {
            record.severity(severity::of_text(level), level);
        }
        for (name, value) in metadata {
            record.attribute(name, |writer| value.write(writer));
        }
        let is_whole = |id: &&str| id.len() == 2 * size_of::<TraceId>();
        if let Some(id) = text(metadata, &TRACE_IDS).filter(is_whole).and_then(|id| TraceId::parse(id).ok()) {
            record.trace_id(id.0);
        }
        self.records.put(&stream.origin, record)
    }

    /// The request.
    pub(super) fn finish(self) -> Result<Buffer, Error> {
        self.records.finish()
    }
}
