//! What a push's streams become: labels the resource, entries the records.

use vitrine_observe_store::model::TraceId;

use crate::budget::{Budget, Buffer};
use crate::document::value::Value;
use crate::error::Error;
use crate::protobuf::Writer;
use crate::records::{Origin, Record, Records, key_value};
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
            key_value(message, 1, "service.name", |writer| writer.text(1, service));
        }
        // The first of them is the service's name under the name that OTLP has for it.
        for (name, value) in labels.clone().filter(|(name, _)| *name != SERVICE_LABELS[0]) {
            key_value(message, 1, name, |writer| writer.text(1, value));
        }
        let level = LEVELS.into_iter().find_map(label).map(|(_, level)| level.to_owned());
        Stream { origin: Origin { resource: message.bytes().to_vec(), scope: Vec::new() }, level }
    }

    /// Adds an entry. Its time is in nanoseconds since 1970.
    pub(super) fn entry<'m>(
        &mut self,
        stream: &Stream,
        time_ns: u64,
        line: &str,
        metadata: impl Iterator<Item = (&'m str, Value<'m>)> + Clone,
    ) -> Result<(), Error> {
        let record = &mut self.record;
        record.clear();
        if time_ns > 0 {
            record.time(time_ns);
        }
        record.observed(self.now_ns);
        record.body(line);
        let text = |names: &[&str]| {
            let found = metadata.clone().find(|(name, _)| names.contains(name));
            found.and_then(|(_, value)| value.as_text().map(str::to_owned))
        };
        let level = text(&LEVELS).or_else(|| stream.level.clone());
        if let Some(level) = level {
            record.severity(severity::of_text(&level), &level);
        }
        for (name, value) in metadata.clone() {
            record.attribute(name, |writer| value.write(writer));
        }
        let is_whole = |id: &String| id.len() == 2 * size_of::<TraceId>();
        if let Some(id) = text(&TRACE_IDS).filter(is_whole).and_then(|id| TraceId::parse(&id).ok()) {
            record.trace_id(id.0);
        }
        self.records.put(&stream.origin, record)
    }

    /// The request.
    pub(super) fn finish(self) -> Result<Buffer, Error> {
        self.records.finish()
    }
}
