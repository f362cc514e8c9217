//! `tracing` events become OTLP log records of the service whose context is current, with its trace and span id.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer};

use crate::context::Context;
use crate::pipeline::{Service, Telemetry};
use crate::time::now_unix_nano;
use crate::value::{Value, attribute};

/// Longest text of one field, in bytes.
const MAX_FIELD_BYTES: usize = 4096;

/// A `tracing` layer that feeds the pipeline. Events outside of any service are the process's own.
#[derive(Debug)]
pub struct LogLayer {
    process: Service,
}

impl LogLayer {
    /// Events that belong to no service are reported as `process`.
    pub fn new(telemetry: &Telemetry, process: &str) -> Self {
        Self { process: telemetry.service(process) }
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let now = now_unix_nano();
        let (number, text) = severity(*event.metadata().level());
        let mut record = LogRecord {
            time_unix_nano: now,
            observed_time_unix_nano: now,
            severity_number: number.into(),
            severity_text: text.to_owned(),
            body: Some(AnyValue { value: Some(any_value::Value::StringValue(fields.message)) }),
            attributes: fields.attributes,
            ..LogRecord::default()
        };
        let found = Context::with_current(|context| {
            if context.trace_id != 0 {
                record.trace_id = context.trace_id.to_be_bytes().to_vec();
                record.span_id = context.span_id.to_be_bytes().to_vec();
                record.flags = u32::from(context.sampled);
            }
            context.service.clone()
        });
        found.flatten().unwrap_or_else(|| self.process.clone()).take_log(event.metadata().target(), record);
    }
}

fn severity(level: Level) -> (SeverityNumber, &'static str) {
    match level {
        Level::ERROR => (SeverityNumber::Error, "ERROR"),
        Level::WARN => (SeverityNumber::Warn, "WARN"),
        Level::INFO => (SeverityNumber::Info, "INFO"),
        Level::DEBUG => (SeverityNumber::Debug, "DEBUG"),
        Level::TRACE => (SeverityNumber::Trace, "TRACE"),
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    attributes: Vec<KeyValue>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.attributes.push(attribute(field.name(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = format!("{value:?}");
        if text.len() > MAX_FIELD_BYTES {
            let cut = (0..=MAX_FIELD_BYTES).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            text.truncate(cut);
        }
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text.into());
        }
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.to_owned().into());
        }
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, i64::try_from(value).unwrap_or(i64::MAX).into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
