//! Documents, which are named values of any kind, become log records.
//!
//! | of the document | in the record |
//! |---|---|
//! | `@timestamp`, else `timestamp`, `time`, `ts`: text, or a number of s, ms, µs or ns by its size | the time; without one, when it came in |
//! | `message`, else `log`, `msg`, `body`, if it is a text | the body |
//! | `log.level`, else `level`, `severity`: a word, a letter, or pino's number | the severity |
//! | `service.name`, else `service`, or a label or name of Kubernetes or of a container | the resource's `service.name` |
//! | `trace.id`, `trace_id`, `span.id`, `span_id`, in hexadecimal digits | the ids |
//! | all else | attributes; what is in objects has dotted keys, arrays stay as they are |
//!
//! A value that the record would not give back exactly (a time in a zone, a severity as a number) is an attribute as well. What was lifted,
//! and what was an object, stands in attributes of the scope, from which `vitrine_observe_model::elastic::source` makes the document again.
//! A document that cannot be made again (a name twice, names whose dots hide where they lay, whole numbers of more than 63 bits, arrays that
//! are nested too deep) is kept as it was sent beside its values, if its sender's protocol has a text of it.

mod flat;
mod lift;
pub(crate) mod time;
pub(crate) mod value;

use vitrine_observe_store::model::elastic::{
    BESIDE_DOCUMENT, BODY, OBJECTS, SERVICE, SEVERITY, SOURCE_ATTRIBUTE, SPAN_ID, TIME, TIME_FORMAT, TRACE_ID,
};

use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::key_values::{key_text, key_value};
use crate::protobuf::Writer;
use crate::records::{Origin, Record, Records};
use flat::Flat;
use lift::LiftedValues;
use value::Object;

/// What is known of a document beside it.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    /// Attributes of its scope.
    pub scope: &'a [(&'a str, &'a str)],
    /// Attributes of its record that are not of the document.
    pub beside: &'a [(&'a str, &'a str)],
    /// When it happened, in nanoseconds since 1970; then no time is looked for in it.
    pub time_ns: Option<u64>,
    /// The document as JSON, if it was sent so.
    pub sent: Option<&'a str>,
}

/// A request of log records that is being made of documents.
pub(crate) struct Documents {
    records: Records,
    record: Record,
    message: Writer,
    origin: Origin,
    now_ns: u64,
}

impl Documents {
    /// Documents that come in at this time, in nanoseconds since 1970.
    pub(crate) fn new(budget: &Budget, now_ns: u64) -> Self {
        let (records, record, message) = (Records::new(budget), Record::new(budget), Writer::new(budget));
        Self { records, record, message, origin: Origin::default(), now_ns }
    }

    /// Adds a document.
    pub(crate) fn put(&mut self, about: About<'_>, document: &Object<'_>) -> Result<(), Error> {
        let flat = Flat::of(document);
        let places = LiftedValues::find(&flat, about.time_ns.is_none());
        // Where nothing is to come back as it was sent, that is of no interest.
        let is_ambiguous = about.sent.is_some() && flat.is_ambiguous();
        self.write_record(about, &flat, &places, is_ambiguous);
        self.write_origin(about, &flat, &places, is_ambiguous);
        self.records.put(&self.origin, &mut self.record)
    }

    /// The request.
    pub(crate) fn finish(self) -> Result<Buffer, Error> {
        self.records.finish()
    }

    fn write_record(&mut self, about: About<'_>, flat: &Flat<'_>, places: &LiftedValues<'_>, is_ambiguous: bool) {
        let record = &mut self.record;
        record.clear();
        if let Some(time_ns) = about.time_ns.or(places.time.as_ref().map(|time| time.value.0)) {
            record.time(time_ns);
        }
        record.observed(self.now_ns);
        if let Some(severity) = &places.severity {
            record.severity(severity.value.0, severity.value.1);
        }
        if let Some(body) = &places.body {
            record.body(body.value);
        }
        for (key, text) in about.beside {
            record.text_attribute(key, text);
        }
        let moved = places.moved();
        let mut needs_source = is_ambiguous;
        for (place, leaf) in flat.leaves.iter().enumerate() {
            let key = flat.key(leaf);
            if BESIDE_DOCUMENT.contains(&key) {
                needs_source = true;
            } else if !moved.contains(&Some(place)) {
                record.attribute(key, |writer| leaf.value.write(writer));
            }
        }
        if let Some(sent) = about.sent.filter(|_| needs_source) {
            record.text_attribute(SOURCE_ATTRIBUTE, sent);
        }
        if let Some(id) = &places.trace_id {
            record.trace_id(id.value.0);
        }
        if let Some(id) = &places.span_id {
            record.span_id(id.value.0);
        }
    }

    fn write_origin(&mut self, about: About<'_>, flat: &Flat<'_>, places: &LiftedValues<'_>, is_ambiguous: bool) {
        let message = &mut self.message;
        message.clear();
        if let Some(service) = &places.service {
            key_text(message, 1, "service.name", service.value);
        }
        message.bytes().clone_into(&mut self.origin.resource);
        message.clear();
        for (key, text) in about.scope {
            key_text(message, 3, key, text);
        }
        let lifted = [TIME, BODY, SEVERITY, SERVICE, TRACE_ID, SPAN_ID].into_iter().zip(places.moved());
        for (name, leaf) in lifted {
            if let Some(leaf) = leaf {
                let key = flat.key(&flat.leaves[leaf]);
                key_text(message, 3, name, key);
            }
        }
        if let Some(format) = places.time.as_ref().and_then(|time| time.value.1) {
            key_text(message, 3, TIME_FORMAT, &format.name());
        }
        // What is kept as it was sent needs none.
        if !flat.objects.is_empty() && !is_ambiguous {
            key_value(message, 3, OBJECTS, |writer| {
                let list = writer.open(5);
                for (key, _) in &flat.objects {
                    let any = writer.open(1);
                    writer.text(1, key);
                    writer.close(any);
                }
                writer.close(list);
            });
        }
        message.bytes().clone_into(&mut self.origin.scope);
    }
}
