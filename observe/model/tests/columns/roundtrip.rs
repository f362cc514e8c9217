//! Whatever is sent comes back as rows.

use std::fmt::Debug;

use proptest::prelude::{ProptestConfig, prop, proptest};
use proptest::prop_assert_eq;
use prost::Message;
use vitrine_observe_model::{Attribute, Builder, LogRow, Signal, SpanRow, Value, json_attributes, json_value};

use crate::expected::ARRIVAL_NS;
use crate::{expected, requests};

/// Rows to compare: attributes may come in another order, and a NaN equals a NaN.
pub fn shown<R: Debug>(rows: Vec<R>, attributes: impl Fn(&mut R) -> &mut Vec<Attribute>) -> Vec<String> {
    let row = |mut row: R| {
        attributes(&mut row).sort_by_key(|attribute| format!("{attribute:?}"));
        format!("{row:?}")
    };
    rows.into_iter().map(row).collect()
}

pub fn span_rows(builder: &Builder) -> Vec<SpanRow> {
    (0..builder.columns().rows).map(|row| SpanRow::from_columns(builder.columns(), row)).collect()
}

pub fn log_rows(builder: &Builder) -> Vec<LogRow> {
    (0..builder.columns().rows).map(|row| LogRow::from_columns(builder.columns(), row)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn spans_come_back(sent in prop::collection::vec(requests::traces(), 1..3)) {
        let mut builder = Builder::new(Signal::Traces);
        for request in &sent {
            let appended = builder.append(&request.encode_to_vec(), ARRIVAL_NS).expect("a sound request");
            let all: usize = request.resource_spans.iter().flat_map(|group| &group.scope_spans).map(|scope| scope.spans.len()).sum();
            prop_assert_eq!((appended.taken + appended.rejected) as usize, all);
            prop_assert_eq!(appended.reason.is_some(), appended.rejected > 0);
        }
        let rows: Vec<SpanRow> = sent.iter().flat_map(expected::spans).collect();
        prop_assert_eq!(shown(span_rows(&builder), |row| &mut row.attributes), shown(rows, |row| &mut row.attributes));
    }

    #[test]
    fn logs_come_back(sent in prop::collection::vec(requests::logs(), 1..3)) {
        let mut builder = Builder::new(Signal::Logs);
        for request in &sent {
            let appended = builder.append(&request.encode_to_vec(), ARRIVAL_NS).expect("a sound request");
            prop_assert_eq!(appended.rejected, 0);
        }
        let rows: Vec<LogRow> = sent.iter().flat_map(expected::logs).collect();
        prop_assert_eq!(shown(log_rows(&builder), |row| &mut row.attributes), shown(rows, |row| &mut row.attributes));
    }
}

fn attribute(key: &str, value: Value) -> Attribute {
    Attribute { key: key.into(), value }
}

#[test]
fn typed_json_is_natural_and_loses_nothing() {
    let cases = [
        ("null", Value::Empty),
        (r#""a\"\\\n\u0001é""#, Value::String("a\"\\\n\u{1}é".into())),
        ("true", Value::Bool(true)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("1.0", Value::Double(1.0)),
        ("-0.0", Value::Double(-0.0)),
        ("1e300", Value::Double(1e300)),
        (r#"{"doubleValue":"-Infinity"}"#, Value::Double(f64::NEG_INFINITY)),
        (r#"{"bytesValue":"AP8="}"#, Value::Bytes(vec![0, 255])),
        (r#"[1,"x",[]]"#, Value::Array(vec![Value::Int(1), Value::String("x".into()), Value::Array(vec![])])),
        (r#"{"a":1,"a":2.0}"#, Value::Map(vec![attribute("a", Value::Int(1)), attribute("a", Value::Double(2.0))])),
        (
            r#"{"kvlistValue":{"bytesValue":"AA=="}}"#,
            Value::Map(vec![attribute("bytesValue", Value::String("AA==".into()))]),
        ),
        (
            r#"{"kvlistValue":{"kvlistValue":{"a":1}}}"#,
            Value::Map(vec![attribute("kvlistValue", Value::Map(vec![attribute("a", Value::Int(1))]))]),
        ),
        (r#"{"doubleValue":"one"}"#, Value::Map(vec![attribute("doubleValue", Value::String("one".into()))])),
        (" { \"a\" : [ 1 , 2 ] } ", Value::Map(vec![attribute("a", Value::Array(vec![Value::Int(1), Value::Int(2)]))])),
        (r#""\ud83d\ude00""#, Value::String("😀".into())),
        ("{\"a\":", Value::String("{\"a\":".into())),
        ("1 2", Value::String("1 2".into())),
        ("", Value::String(String::new())),
    ];
    for (text, value) in cases {
        assert_eq!(json_value(text), value, "{text}");
    }
    assert_eq!(json_attributes(r#"{"bytesValue":"AA=="}"#), [attribute("bytesValue", Value::String("AA==".into()))]);
    assert_eq!(json_attributes("[]"), []);
    let deep = "[".repeat(1_000_000);
    assert_eq!(json_value(&deep), Value::String(deep.clone()));
    let twins = format!("{}1{}", r#"{"kvlistValue":"#.repeat(60), r#","a":1}"#.repeat(60));
    assert!(matches!(json_value(&twins), Value::Map(_)));
}
