//! What came in as Zipkin's JSON goes out equal. The spans here are as `observe/receive` writes them: its `zipkin.rs`
//! has the table.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::{Value, json};
use vitrine_observe_store::Tenant;

use crate::client::{engine, get, open};
use crate::scenario::{self, attribute, integer, span, text};

fn flag(key: &str) -> opentelemetry_proto::tonic::common::v1::KeyValue {
    attribute(key, Some(Proto::BoolValue(true)))
}

fn failed(message: &str) -> Option<Status> {
    Some(Status { code: 2, message: message.into() })
}

/// The tags that a span comes out with.
async fn tags(span: Span) -> Value {
    let (_folder, engine) = engine();
    scenario::write(&*engine, &Tenant::default(), vec![scenario::of(vec![text("service.name", "a")], vec![span])])
        .await;
    let mut body = get(&open(&engine), "/zipkin/api/v2/trace/1").await.json();
    body[0]["tags"].take()
}

#[tokio::test]
async fn ends_flags_and_missing_times_come_back() {
    let (_folder, engine) = engine();
    let full = Span {
        kind: 2,
        attributes: vec![
            text("net.host.ip", "10.0.0.1"),
            text("zipkin.localEndpoint.ipv6", "2001:db8::1"),
            integer("net.host.port", 80),
            text("net.peer.ip", "2001:db8::c001"),
            flag("zipkin.debug"),
            flag("zipkin.shared"),
            text("http.path", "/a"),
        ],
        ..span("1", "2", "get")
    };
    let bare = Span { attributes: vec![flag("otel.zipkin.absentField.startTime")], ..span("1", "3", "") };
    let bare = Span { end_time_unix_nano: bare.start_time_unix_nano, ..bare };
    let odd = Span {
        attributes: vec![text("net.host.ip", "a machine"), text("net.peer.port", "99999"), text("span.kind", "odd")],
        end_time_unix_nano: scenario::START_NS + 1_500,
        ..span("1", "4", "odd")
    };
    let service = scenario::of(vec![text("service.name", "a")], vec![full]);
    scenario::write(&*engine, &Tenant::default(), vec![service, scenario::of(vec![], vec![bare, odd])]).await;
    let expected = json!([
        {
            "traceId": "0000000000000001", "id": "0000000000000002", "kind": "SERVER", "name": "get",
            "timestamp": 1_700_000_000_000_000u64, "duration": 1_000,
            "localEndpoint": { "serviceName": "a", "ipv4": "10.0.0.1", "ipv6": "2001:db8::1", "port": 80 },
            "remoteEndpoint": { "ipv6": "2001:db8::c001" },
            "tags": { "http.path": "/a" },
            "debug": true, "shared": true,
        },
        { "traceId": "0000000000000001", "id": "0000000000000003" },
        {
            "traceId": "0000000000000001", "id": "0000000000000004", "name": "odd",
            "timestamp": 1_700_000_000_000_000u64, "duration": 2,
            "tags": { "net.host.ip": "a machine", "net.peer.port": "99999", "span.kind": "odd" },
        },
    ]);
    assert_eq!(get(&open(&engine), "/zipkin/api/v2/trace/1").await.json(), expected);
}

#[tokio::test]
async fn failures_come_back_as_they_were_told() {
    let with = |error: Option<&str>, status| Span {
        attributes: error.map(|error| text("error", error)).into_iter().collect(),
        status,
        ..span("1", "2", "a")
    };
    let cases = [
        (with(Some("true"), failed("")), json!({ "error": "true" })),
        (with(Some("timeout"), failed("timeout")), json!({ "error": "timeout" })),
        (with(Some(""), failed("")), json!({ "error": "" })),
        (with(Some("false"), None), json!({ "error": "false" })),
        (with(None, failed("")), json!({ "error": "true", "otel.status_code": "ERROR" })),
        (with(None, failed("boom")), json!({ "error": "boom", "otel.status_code": "ERROR" })),
        (
            with(Some("true"), failed("boom")),
            json!({ "error": "true", "otel.status_code": "ERROR", "otel.status_description": "boom" }),
        ),
        (with(None, Some(Status { code: 1, message: String::new() })), json!({ "otel.status_code": "OK" })),
        (with(None, None), Value::Null),
    ];
    for (span, expected) in cases {
        assert_eq!(tags(span.clone()).await, expected, "{span:?}");
    }
}

#[tokio::test]
async fn a_no_that_opentelemetry_sent_is_no_failure() {
    let no = attribute("error", Some(Proto::BoolValue(false)));
    assert_eq!(tags(Span { attributes: vec![no], ..span("1", "2", "a") }).await, Value::Null);
}
