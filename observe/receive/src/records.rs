//! OTLP log records being written: those of one request that share a resource and a scope stand together, in the order in which they came.

use std::collections::HashMap;

use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::key_values::{key_int, key_text, key_true, key_value};
use crate::protobuf::Writer;

/// Bytes of records that are held apart by their origins before they go to the request.
const GROUPED_BYTES: usize = 1 << 20;
/// Origins that are told apart at a time.
const MAX_ORIGINS: usize = 1_024;

/// Fields of `LogRecord`.
const TIME: u32 = 1;
const SEVERITY: u32 = 2;
const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
const ATTRIBUTES: u32 = 6;
const TRACE_ID: u32 = 9;
const SPAN_ID: u32 = 10;
const OBSERVED_TIME: u32 = 11;

/// Where records come from, both messages as they are written.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// The `Resource`.
    pub resource: Vec<u8>,
    /// The `InstrumentationScope`.
    pub scope: Vec<u8>,
}

/// One record that is being written.
pub(crate) struct Record(Writer);

/// An `ExportLogsServiceRequest` that is being written.
pub(crate) struct Records {
    budget: Budget,
    request: Writer,
    groups: Vec<(Origin, Writer)>,
    places: HashMap<Origin, usize>,
    grouped_bytes: usize,
}

impl Record {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self(Writer::new(budget))
    }

    /// Starts over.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// When it happened, in nanoseconds since 1970.
    pub(crate) fn time(&mut self, time_ns: u64) {
        self.0.fixed64(TIME, time_ns);
    }

    /// When it came in, in nanoseconds since 1970.
    pub(crate) fn observed(&mut self, time_ns: u64) {
        self.0.fixed64(OBSERVED_TIME, time_ns);
    }

    /// OTLP's number of its severity, and the sender's word.
    pub(crate) fn severity(&mut self, number: Option<u64>, text: &str) {
        if let Some(number) = number {
            self.0.varint(SEVERITY, number);
        }
        if !text.is_empty() {
            self.0.text(SEVERITY_TEXT, text);
        }
    }

    /// The message.
    pub(crate) fn body(&mut self, text: &str) {
        let value = self.0.open(BODY);
        self.0.text(1, text);
        self.0.close(value);
    }

    pub(crate) fn trace_id(&mut self, id: [u8; 16]) {
        self.0.bytes_field(TRACE_ID, &id);
    }

    pub(crate) fn span_id(&mut self, id: [u8; 8]) {
        self.0.bytes_field(SPAN_ID, &id);
    }

    /// An attribute whose value (the fields of an `AnyValue`) is written by the caller.
    pub(crate) fn attribute(&mut self, key: &str, value: impl FnOnce(&mut Writer)) {
        key_value(&mut self.0, ATTRIBUTES, key, value);
    }

    /// An attribute that is a text.
    pub(crate) fn text_attribute(&mut self, key: &str, text: &str) {
        key_text(&mut self.0, ATTRIBUTES, key, text);
    }

    /// An attribute that is true.
    pub(crate) fn true_attribute(&mut self, key: &str) {
        key_true(&mut self.0, ATTRIBUTES, key);
    }

    /// An attribute that is a whole number.
    pub(crate) fn int_attribute(&mut self, key: &str, value: u64) {
        key_int(&mut self.0, ATTRIBUTES, key, value);
    }
}

impl Records {
    pub(crate) fn new(budget: &Budget) -> Self {
        let (groups, places) = (Vec::new(), HashMap::new());
        Self { budget: budget.clone(), request: Writer::new(budget), groups, places, grouped_bytes: 0 }
    }

    /// Puts a record among those of its origin.
    pub(crate) fn put(&mut self, origin: &Origin, record: &mut Record) -> Result<(), Error> {
        record.0.reserve_written()?;
        let place = match self.places.get(origin) {
            Some(place) => *place,
            None => {
                if self.groups.len() == MAX_ORIGINS {
                    self.flush()?;
                }
                self.places.insert(origin.clone(), self.groups.len());
                self.groups.push((origin.clone(), Writer::new(&self.budget)));
                self.groups.len() - 1
            }
        };
        let group = &mut self.groups[place].1;
        let before = group.bytes().len();
        group.bytes_field(2, record.0.bytes());
        group.reserve_written()?;
        self.grouped_bytes += group.bytes().len() - before;
        if self.grouped_bytes > GROUPED_BYTES { self.flush() } else { Ok(()) }
    }

    /// The request.
    pub(crate) fn finish(mut self) -> Result<Buffer, Error> {
        self.flush()?;
        self.request.finish()
    }

    /// Moves what is grouped into the request, a `ResourceLogs` for each origin.
    fn flush(&mut self) -> Result<(), Error> {
        for (origin, records) in self.groups.drain(..) {
            let resource_logs = self.request.open(1);
            if !origin.resource.is_empty() {
                self.request.bytes_field(1, &origin.resource);
            }
            let scope_logs = self.request.open(2);
            if !origin.scope.is_empty() {
                self.request.bytes_field(1, &origin.scope);
            }
            self.request.raw(records.bytes());
            self.request.close(scope_logs);
            self.request.close(resource_logs);
            self.request.reserve_written()?;
        }
        self.places.clear();
        self.grouped_bytes = 0;
        Ok(())
    }
}
