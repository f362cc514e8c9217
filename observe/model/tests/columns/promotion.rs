//! Frequent attributes get columns, and nothing is lost on the way.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use vitrine_observe_model::{Builder, MAX_ATTRIBUTE_COLUMNS, Signal, definitions::ATTRIBUTES};

use crate::expected::{self, ARRIVAL_NS};
use crate::roundtrip::{shown, span_rows};

/// The bits that stand for "no number" in a column.
const NULL_DOUBLE: u64 = 0x7FF8_DEAD_BEEF_0001;

fn pair(key: &str, value: Proto) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn request(spans: impl Iterator<Item = Vec<KeyValue>>) -> ExportTraceServiceRequest {
    let span = |(number, attributes): (usize, Vec<KeyValue>)| Span {
        trace_id: vec![1; 16],
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        attributes,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: spans.enumerate().map(span).collect(), ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }
}

fn append(builder: &mut Builder, request: &ExportTraceServiceRequest) {
    let before = builder.columns().rows;
    let appended = builder.append(&request.encode_to_vec(), ARRIVAL_NS).expect("a sound request");
    assert_eq!(appended.rejected, 0);
    let rows = span_rows(builder).split_off(before);
    assert_eq!(shown(rows, |row| &mut row.attributes), shown(expected::spans(request), |row| &mut row.attributes));
}

fn columns(builder: &Builder) -> Vec<String> {
    builder.columns().attributes().iter().map(|column| column.name.to_string()).collect()
}

/// Every kind of attribute, in an order and a choice that differ from span to span.
fn varied(number: usize) -> Vec<KeyValue> {
    let int = match number % 10 {
        0 => i64::MIN,
        rest => rest as i64 - 3,
    };
    let double = if number.is_multiple_of(7) { f64::from_bits(NULL_DOUBLE) } else { number as f64 / 8.0 };
    let mut attributes = vec![
        pair("http.route", Proto::StringValue(format!("/orders/{}", number % 50))),
        pair("status", Proto::IntValue(int)),
        pair("share", Proto::DoubleValue(double)),
        pair("cached", Proto::BoolValue(number.is_multiple_of(3))),
        pair("long", Proto::StringValue("x".repeat(number % 300))),
        pair("", Proto::StringValue("no key".into())),
        pair("odd:int", Proto::StringValue("looks like another column".into())),
        pair("bytes", Proto::BytesValue(vec![number as u8])),
        pair(&format!("rare {}", number % 40), Proto::IntValue(1)),
    ];
    if number.is_multiple_of(5) {
        // The same key with another type, and once more with the same.
        attributes.push(pair("status", Proto::StringValue("fine".into())));
        attributes.push(pair("http.route", Proto::StringValue("again".into())));
    }
    let length = attributes.len();
    attributes.rotate_left(number % 3 % length);
    attributes
}

#[test]
fn frequent_attributes_get_columns_and_nothing_is_lost() {
    let mut builder = Builder::new(Signal::Traces);
    for _ in 0..2 {
        for part in 0..3 {
            append(&mut builder, &request((0..1000).map(|number| varied(number + part * 77))));
        }
        let mut names = columns(&builder);
        names.sort();
        let all =
            ["attr.cached:bool", "attr.http.route", "attr.long", "attr.share:double", "attr.status", "attr.status:int"];
        assert_eq!(names, all);
        assert!(builder.columns().flat.iter().all(|column| column.data.len() == 3000));
        builder.clear();
        assert_eq!((builder.columns().rows, columns(&builder).len()), (0, all.len()), "kept for the next table");
    }
}

#[test]
fn columns_that_became_rare_go() {
    let mut builder = Builder::new(Signal::Traces);
    append(&mut builder, &request((0..2000).map(|_| vec![pair("old", Proto::IntValue(1))])));
    assert_eq!(columns(&builder), ["attr.old:int"]);
    builder.clear();
    let new = |number| match number {
        0 => vec![pair("old", Proto::IntValue(1)), pair("new", Proto::IntValue(2))],
        _ => vec![pair("new", Proto::IntValue(2))],
    };
    append(&mut builder, &request((0..2000).map(new)));
    assert_eq!(columns(&builder), ["attr.old:int", "attr.new:int"]);
    builder.clear();
    assert_eq!(columns(&builder), ["attr.new:int"]);
    append(&mut builder, &request((0..2000).map(new)));
    assert_eq!(columns(&builder), ["attr.new:int"]);
    assert_eq!(builder.columns().lists[ATTRIBUTES].range(1999).len(), 0, "a column takes what it is for");
}

#[test]
fn there_are_only_so_many_columns() {
    let mut builder = Builder::new(Signal::Traces);
    let keys: Vec<String> = (0..200).map(|number| format!("key {number}")).collect();
    let all = || keys.iter().map(|key| pair(key, Proto::IntValue(1))).collect();
    append(&mut builder, &request((0..300).map(|_| all())));
    assert_eq!(columns(&builder).len(), MAX_ATTRIBUTE_COLUMNS);
}

#[test]
fn ten_thousand_attributes_on_one_span_stay_rare() {
    let mut builder = Builder::new(Signal::Traces);
    let many = (0..10_000).map(|number| pair(&format!("key {number}"), Proto::StringValue("v".into()))).collect();
    append(&mut builder, &request(std::iter::once(many)));
    assert_eq!(columns(&builder).len(), 0);
    let big = vec![pair("big", Proto::StringValue("x".repeat(1 << 20)))];
    append(&mut builder, &request((0..20).map(|_| big.clone())));
    assert!(builder.bytes() < 16 << 20, "equal values are held once");
}
