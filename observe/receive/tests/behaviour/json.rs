//! OTLP's JSON becomes the protobuf that it stands for, or is refused where it does not fit.

use axum::response::Response;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde::de::DeserializeOwned;

use crate::common::{JSON, Recorder, open, post, text};

/// What an independent reader of OTLP's JSON makes of it, and what the engine gets.
async fn both<M: Message + Default + DeserializeOwned>(path: &str, json: &str) -> (M, M) {
    let engine = Recorder::new();
    let response = post(open(engine.clone()), path, &[("content-type", JSON)], json.to_owned()).await;
    assert_eq!(response.status(), StatusCode::OK, "{}", text(response).await);
    (serde_json::from_str(json).expect("JSON"), engine.only())
}

#[tokio::test]
async fn every_field_of_every_message_is_kept() {
    let (expected, found) =
        both::<ExportTraceServiceRequest>("/v1/traces", include_str!("../corpus/otlp/traces.json")).await;
    assert_eq!(found, expected);
    let span = &found.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.trace_id.len(), span.span_id.len(), span.parent_span_id.len()), (16, 8, 8));
    assert_eq!((span.flags, span.attributes.len(), span.events.len(), span.links.len()), (257, 7, 1, 1));

    let (expected, found) =
        both::<ExportLogsServiceRequest>("/v1/logs", include_str!("../corpus/otlp/logs.json")).await;
    assert_eq!(found, expected);
    assert_eq!(found.resource_logs[0].scope_logs[0].log_records[0].event_name, "order.placed");

    let (expected, found) =
        both::<ExportMetricsServiceRequest>("/v1/metrics", include_str!("../corpus/otlp/metrics.json")).await;
    assert_eq!(found, expected);
    assert_eq!(found.resource_metrics[0].scope_metrics[0].metrics.len(), 5);
}

async fn span(fields: &str) -> Response {
    send(Recorder::new(), fields).await
}

async fn send(engine: std::sync::Arc<Recorder>, fields: &str) -> Response {
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{}},{{{fields}}}]}}]}}]}}"#);
    post(open(engine), "/v1/traces", &[("content-type", JSON)], body).await
}

async fn taken(fields: &str) -> Span {
    let engine = Recorder::new();
    let response = send(engine.clone(), fields).await;
    assert_eq!(response.status(), StatusCode::OK, "{}", text(response).await);
    engine.only::<ExportTraceServiceRequest>().resource_spans.remove(0).scope_spans.remove(0).spans.remove(1)
}

#[tokio::test]
async fn spellings_that_mean_the_same_are_taken() {
    let expected = Span { start_time_unix_nano: 1_544_712_660_300_000_000, kind: 3, flags: 5, ..Span::default() };
    for fields in [
        r#""startTimeUnixNano":"1544712660300000000","kind":3,"flags":5"#,
        r#""startTimeUnixNano":1544712660300000000,"kind":"SPAN_KIND_CLIENT","flags":"5""#,
        r#""startTimeUnixNano":1.5447126603e18,"kind":3,"flags":5.0"#,
        r#""startTimeUnixNano":"1.5447126603e18","kind":3.0,"flags":5e0,"name":null,"attributes":null,"status":null"#,
        r#""start_time_unix_nano":1,"trace_id":"zz","unknown":{"a":[1e999]},"startTimeUnixNano":"1544712660300000000","kind":3,"flags":5"#,
        r#""name":"\u0000","name2":{"kind":[[[{}]]]},"startTimeUnixNano":"1544712660300000000","kind":3,"flags":5"#,
    ] {
        let mut found = taken(fields).await;
        found.name.clear();
        assert_eq!(found, expected, "{fields}");
    }
    let value = |json: &'static str| async move {
        taken(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#)).await.attributes.remove(0)
    };
    let is =
        |value: Option<Value>| KeyValue { key: "k".into(), value: Some(AnyValue { value }), ..KeyValue::default() };
    for (json, expected) in [
        ("{}", None),
        (r#"{"stringValue":null,"intValue":"-5"}"#, Some(Value::IntValue(-5))),
        (r#"{"intValue":-9223372036854775808}"#, Some(Value::IntValue(i64::MIN))),
        (r#"{"doubleValue":18446744073709551615}"#, Some(Value::DoubleValue(18_446_744_073_709_551_615.0))),
        (r#"{"doubleValue":"-Infinity"}"#, Some(Value::DoubleValue(f64::NEG_INFINITY))),
        (r#"{"doubleValue":"1.25"}"#, Some(Value::DoubleValue(1.25))),
        // Doubles whose nearest neighbour is a digit away.
        (r#"{"doubleValue":0.30000000000000004}"#, Some(Value::DoubleValue(0.1 + 0.2))),
        (r#"{"doubleValue":-1.0471044899826139e270}"#, Some(Value::DoubleValue(-1.047_104_489_982_613_9e270))),
        (r#"{"bytesValue":"_-8"}"#, Some(Value::BytesValue(vec![255, 239]))),
        (r#"{"bytesValue":""}"#, Some(Value::BytesValue(vec![]))),
        (r#"{"stringValue":"\ud83d\ude00"}"#, Some(Value::StringValue("😀".into()))),
        (r#"{"boolValue":false}"#, Some(Value::BoolValue(false))),
    ] {
        assert_eq!(value(json).await, is(expected), "{json}");
    }
    let nan = value(r#"{"doubleValue":"NaN"}"#).await.value.and_then(|value| value.value);
    assert!(matches!(nan, Some(Value::DoubleValue(nan)) if nan.is_nan()));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place() {
    let place = "resourceSpans[0].scopeSpans[0].spans[1]";
    for (fields, field, expected) in [
        (r#""traceId":"abc""#, ".traceId", "expected an even number of hexadecimal digits"),
        (r#""traceId":"zz""#, ".traceId", "expected an even number of hexadecimal digits"),
        (r#""traceId":[1,2]"#, ".traceId", "expected an even number of hexadecimal digits"),
        (r#""name":5"#, ".name", "expected a string"),
        (r#""name":{}"#, ".name", "expected a string"),
        (r#""name":"a","name":"b""#, ".name", "expected each field once"),
        (r#""attributes":[],"attributes":[]"#, ".attributes", "expected each field once"),
        (r#""attributes":{}"#, ".attributes", "expected a list"),
        (r#""attributes":[{},null]"#, ".attributes[1]", "null: expected an object"),
        (r#""attributes":["x"]"#, ".attributes[0]", "expected an object"),
        (r#""startTimeUnixNano":-1"#, ".startTimeUnixNano", "-1: expected an integer of 64 bits from 0 on"),
        (
            r#""startTimeUnixNano":18446744073709551616"#,
            ".startTimeUnixNano",
            "18446744073709551616: expected an integer",
        ),
        (r#""startTimeUnixNano":1e999"#, ".startTimeUnixNano", "number out of range"),
        (r#""startTimeUnixNano":"0x10""#, ".startTimeUnixNano", "expected an integer of 64 bits from 0 on"),
        (r#""startTimeUnixNano":1.5"#, ".startTimeUnixNano", "1.5: expected an integer of 64 bits from 0 on"),
        (r#""startTimeUnixNano":true"#, ".startTimeUnixNano", "true: expected an integer"),
        (r#""flags":4294967296"#, ".flags", "expected an integer from 0 to 4294967295"),
        (r#""kind":"CLIENT""#, ".kind", "expected an enum's value as an integer of 32 bits, or its name"),
        (r#""kind":2147483648"#, ".kind", "expected an enum's value"),
        (r#""status":{"code":2,"message":[]}"#, ".status.message", "expected a string"),
        (
            r#""attributes":[{"value":{"boolValue":"true"}}]"#,
            ".attributes[0].value.boolValue",
            "expected true or false",
        ),
        (r#""attributes":[{"value":{"boolValue":1}}]"#, ".attributes[0].value.boolValue", "expected true or false"),
        (r#""attributes":[{"value":{"bytesValue":"a b"}}]"#, ".attributes[0].value.bytesValue", "expected base64"),
        (r#""attributes":[{"value":{"doubleValue":"x"}}]"#, ".attributes[0].value.doubleValue", "expected a number"),
        (
            r#""attributes":[{"value":{"intValue":1,"stringValue":"x"}}]"#,
            ".attributes[0].value.stringValue",
            "expected only one of the fields that exclude each other",
        ),
        (r#""name":"\ud800""#, ".name", "hex escape"),
        ("\"name\":\"a\nb\"", ".name", "control character"),
    ] {
        let response = span(fields).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{fields}");
        let status: serde_json::Value = serde_json::from_str(&text(response).await).expect("JSON");
        let message = status["message"].as_str().expect("a message");
        assert!(message.contains(&format!("in JSON: {place}{field}: ")), "{fields}: {message}");
        assert!(message.contains(expected), "{fields}: {message}");
        assert!(message.contains("at line "), "{fields}: {message}");
    }
}

#[tokio::test]
async fn documents_that_are_no_request_are_refused() {
    for (body, expected) in [
        (&b""[..], "EOF"),
        (b"[]", "expected an object"),
        (b"5", "expected an object"),
        (b"null", "expected an object"),
        (b"{}{}", "trailing characters"),
        (b"{\"resourceSpans\":[", "EOF"),
        (b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\"}]}", "invalid unicode code point"),
    ] {
        let response = post(open(Recorder::new()), "/v1/traces", &[("content-type", JSON)], body).await;
        let shown = String::from_utf8_lossy(body).into_owned();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{shown}");
        let message = text(response).await;
        assert!(message.contains(expected), "{shown}: {message}");
    }
}

#[tokio::test]
async fn a_message_does_not_repeat_megabytes() {
    let response = span(&format!(r#""kind":"{}""#, "ä".repeat(1 << 20))).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(text(response).await.len() < 2000);
}

#[tokio::test]
async fn nesting_ends_at_a_depth() {
    for (open_, close) in
        [(r#"{"arrayValue":{"values":["#, "]}}"), (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}")]
    {
        for (depth, fits) in [(10, true), (25, true), (40, false), (100_000, false)] {
            let value = format!("{}{{\"intValue\":1}}{}", open_.repeat(depth), close.repeat(depth));
            let response = span(&format!(r#""attributes":[{{"key":"a","value":{value}}}]"#)).await;
            assert_eq!(response.status() == StatusCode::OK, fits, "{depth}");
            if !fits {
                assert!(text(response).await.contains("recursion limit exceeded"));
            }
        }
        // Below a name that is not known it does not matter.
        let response = span(&format!(r#""unknown":{}{}"#, "[".repeat(100_000), "]".repeat(100_000))).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}
