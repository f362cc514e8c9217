//! Log records as an engine was given them, in short.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;

use crate::common::Recorder;

/// A record with attributes of its resource and its own by their names.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub time_ns: u64,
    pub observed_ns: u64,
    pub severity: (i32, String),
    pub body: String,
    pub fields: BTreeMap<String, String>,
}

fn shown(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::BytesValue(bytes)) => format!("{bytes:?}"),
        Some(Value::ArrayValue(list)) => {
            let items: Vec<String> = list.values.into_iter().map(|value| shown(Some(value))).collect();
            format!("[{}]", items.join(","))
        }
        Some(Value::KvlistValue(map)) => format!("{:?}", fields(map.values).collect::<BTreeMap<_, _>>()),
        None => "null".to_owned(),
        other => format!("{other:?}"),
    }
}

fn fields(all: Vec<KeyValue>) -> impl Iterator<Item = (String, String)> {
    all.into_iter().map(|pair| (pair.key, shown(pair.value)))
}

fn seen_record(record: LogRecord, resource: &[KeyValue]) -> Seen {
    Seen {
        time_ns: record.time_unix_nano,
        observed_ns: record.observed_time_unix_nano,
        severity: (record.severity_number, record.severity_text),
        body: if record.body.is_some() { shown(record.body) } else { String::new() },
        fields: fields(resource.to_vec()).chain(fields(record.attributes)).collect(),
    }
}

/// All records that an engine was given.
pub fn seen(engine: &Recorder) -> Vec<Seen> {
    let mut all = Vec::new();
    for (_, _, request) in engine.seen.lock().iter() {
        let request = ExportLogsServiceRequest::decode(request.clone()).expect("sound protobuf");
        for group in request.resource_logs {
            let resource = group.resource.unwrap_or_default().attributes;
            for scope in group.scope_logs {
                all.extend(scope.log_records.into_iter().map(|record| seen_record(record, &resource)));
            }
        }
    }
    all
}

/// Fields by their names.
pub fn map(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
