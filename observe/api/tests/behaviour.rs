//! What Jaeger's clients and a browser get.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use serde_json::{Value, json};
use tower::ServiceExt;
use vitrine_observe_api::{Store, router};

/// 2023-11-14T22:13:20.123456789Z.
const START_NS: u64 = 1_700_000_000_123_456_789;
const START_US: u64 = 1_700_000_000_123_456;
const TRACE: &str = "000000000000000000000000000000ab";

fn attribute(key: &str, value: Proto) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Proto::StringValue(value.into()))
}

fn id(last: u8) -> Vec<u8> {
    let mut id = vec![0; 16];
    id[15] = last;
    id
}

fn plain(trace: u8, span: u8, parent: u8, name: &str) -> Span {
    Span {
        trace_id: id(trace),
        span_id: id(span)[8..].to_vec(),
        parent_span_id: if parent == 0 { vec![] } else { id(parent)[8..].to_vec() },
        name: name.into(),
        start_time_unix_nano: START_NS,
        end_time_unix_nano: START_NS + 1_500_000,
        ..Span::default()
    }
}

fn add(store: &Store, service: &str, spans: Vec<Span>) {
    let resource =
        Resource { attributes: vec![text("service.name", service), text("host", "h1")], ..Resource::default() };
    let scope =
        Some(InstrumentationScope { name: "lib".into(), version: "0.1".into(), ..InstrumentationScope::default() });
    let scope_spans = vec![ScopeSpans { scope, spans, ..ScopeSpans::default() }];
    store.append_traces(vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }]);
}

fn shop() -> Store {
    let store = Store::default();
    add(&store, "gateway", vec![Span { kind: 2, ..plain(0xab, 1, 0, "GET /") }]);
    let rich = Span {
        kind: 3,
        flags: 0x101,
        trace_state: "a=b".into(),
        start_time_unix_nano: START_NS + 1_000,
        end_time_unix_nano: START_NS + 2_001_999,
        attributes: vec![
            text("s", "v"),
            attribute("b", Proto::BoolValue(true)),
            attribute("i", Proto::IntValue(-7)),
            attribute("big", Proto::IntValue(i64::MAX)),
            attribute("d", Proto::DoubleValue(0.5)),
            attribute("y", Proto::BytesValue(vec![255, 0])),
            attribute(
                "a",
                Proto::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(Proto::IntValue(1)) }] }),
            ),
        ],
        events: vec![span::Event {
            time_unix_nano: START_NS + 5_000,
            name: "retry".into(),
            attributes: vec![attribute("n", Proto::IntValue(2))],
            ..span::Event::default()
        }],
        links: vec![span::Link { trace_id: id(0xcd), span_id: id(9)[8..].to_vec(), ..span::Link::default() }],
        status: Some(Status { code: 2, message: "no stock".into() }),
        ..plain(0xab, 2, 1, "Reserve")
    };
    add(&store, "carts", vec![rich]);
    store
}

async fn get(store: &Store, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).expect("a sound request");
    let response = router(store.clone()).oneshot(request).await.expect("a router answers");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

async fn get_json(store: &Store, path: &str) -> (StatusCode, Value) {
    let (status, body) = get(store, path).await;
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}")))
}

#[tokio::test]
async fn a_trace_has_exactly_jaegers_shape() {
    let (status, body) = get_json(&shop(), "/jaeger/api/traces/ab").await;
    assert_eq!(status, StatusCode::OK);
    let tag = |key: &str, kind: &str, value: Value| json!({ "key": key, "type": kind, "value": value });
    let expected = json!({
        "data": [{
            "traceID": TRACE,
            "spans": [{
                "traceID": TRACE, "spanID": "0000000000000001", "flags": 0, "operationName": "GET /", "references": [],
                "startTime": START_US, "duration": 1_500,
                "tags": [
                    tag("otel.scope.name", "string", json!("lib")), tag("otel.scope.version", "string", json!("0.1")),
                    tag("span.kind", "string", json!("server")),
                ],
                "logs": [], "processID": "p1", "warnings": null,
            }, {
                "traceID": TRACE, "spanID": "0000000000000002", "flags": 1, "operationName": "Reserve",
                "references": [
                    { "refType": "CHILD_OF", "traceID": TRACE, "spanID": "0000000000000001" },
                    { "refType": "FOLLOWS_FROM", "traceID": "000000000000000000000000000000cd", "spanID": "0000000000000009" },
                ],
                "startTime": START_US + 1, "duration": 2_000,
                "tags": [
                    tag("otel.scope.name", "string", json!("lib")), tag("otel.scope.version", "string", json!("0.1")),
                    tag("s", "string", json!("v")), tag("b", "bool", json!(true)), tag("i", "int64", json!(-7)),
                    tag("big", "int64", json!("9223372036854775807")), tag("d", "float64", json!(0.5)),
                    tag("y", "binary", json!("/wA=")), tag("a", "string", json!("[1]")),
                    tag("span.kind", "string", json!("client")), tag("otel.status_code", "string", json!("ERROR")),
                    tag("error", "bool", json!(true)), tag("otel.status_description", "string", json!("no stock")),
                    tag("w3c.tracestate", "string", json!("a=b")),
                ],
                "logs": [{ "timestamp": START_US + 5, "fields": [
                    tag("event", "string", json!("retry")), tag("n", "int64", json!(2)),
                ] }],
                "processID": "p2", "warnings": null,
            }],
            "processes": {
                "p1": { "serviceName": "gateway", "tags": [tag("host", "string", json!("h1"))] },
                "p2": { "serviceName": "carts", "tags": [tag("host", "string", json!("h1"))] },
            },
            "warnings": null,
        }],
        "total": 0, "limit": 0, "offset": 0, "errors": null,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn services_operations_and_dependencies() {
    let store = shop();
    let envelope =
        |data: Value, total: u64| json!({ "data": data, "total": total, "limit": 0, "offset": 0, "errors": null });
    let cases = [
        ("/jaeger/api/services", envelope(json!(["carts", "gateway"]), 2)),
        ("/jaeger/api/services/carts/operations", envelope(json!(["Reserve"]), 1)),
        ("/jaeger/api/services/none/operations", envelope(json!([]), 0)),
        ("/jaeger/api/operations?service=carts", envelope(json!([{ "name": "Reserve", "spanKind": "client" }]), 1)),
        ("/jaeger/api/operations?service=carts&spanKind=server", envelope(json!([]), 0)),
        ("/jaeger/api/dependencies", envelope(json!([{ "parent": "gateway", "child": "carts", "callCount": 1 }]), 0)),
        (
            "/jaeger/api/dependencies?endTs=1700000000124&lookback=1000",
            envelope(json!([{ "parent": "gateway", "child": "carts", "callCount": 1 }]), 0),
        ),
        ("/jaeger/api/dependencies?endTs=1700000000122&lookback=1000", envelope(json!([]), 0)),
    ];
    for (path, expected) in cases {
        assert_eq!(get_json(&store, path).await, (StatusCode::OK, expected), "{path}");
    }
    let (_, empty) = get_json(&Store::default(), "/jaeger/api/services").await;
    assert_eq!(empty, envelope(json!([]), 0));
}

#[tokio::test]
async fn searches_read_every_parameter() {
    let store = shop();
    let found = [
        String::new(),
        "&operation=Reserve".into(),
        "&operation=".into(),
        format!("&start={START_US}&end={}", START_US + 1),
        format!("&start={}", START_US + 1),
        "&minDuration=2ms".into(),
        "&minDuration=1.9ms&maxDuration=2ms".into(),
        "&maxDuration=2000us".into(),
        "&lookback=custom&limit=1".into(),
        "&lookback=300000h".into(),
        "&tags=%7B%22s%22%3A%22v%22%2C%22error%22%3A%22true%22%7D".into(),
        "&tag=s:v&tag=i:-7&tag=error:true".into(),
        "&tag=span.kind:client&tag=host:h1&tag=n:2".into(),
    ];
    for query in found {
        let (status, body) = get_json(&store, &format!("/jaeger/api/traces?service=carts{query}")).await;
        assert_eq!((status, &body["data"][0]["traceID"]), (StatusCode::OK, &json!(TRACE)), "{query}");
        assert_eq!(body["data"][0]["spans"].as_array().map(Vec::len), Some(2), "the whole trace answers: {query}");
    }
    let empty = [
        "&operation=GET%20%2F".to_owned(),
        format!("&start={}", START_US + 2),
        format!("&end={START_US}"),
        format!("&start={START_NS}"),
        format!("&end={}", START_US / 1_000),
        "&minDuration=2.1ms".into(),
        "&maxDuration=1ms".into(),
        "&lookback=1h".into(),
        "&tag=s:w".into(),
    ];
    for query in empty {
        let (status, body) = get_json(&store, &format!("/jaeger/api/traces?service=carts{query}")).await;
        assert_eq!((status, &body["data"]), (StatusCode::OK, &json!([])), "{query}");
    }
}

#[tokio::test]
async fn traces_by_id_name_the_absent_ones() {
    let (status, body) = get_json(&shop(), "/jaeger/api/traces?traceID=ab&traceID=1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(body["errors"], json!([{ "msg": "trace not found", "traceID": "00000000000000000000000000000001" }]));
}

#[tokio::test]
async fn bad_questions_get_jaegers_errors() {
    let cases = [
        ("/jaeger/api/traces/1", 404, "trace not found"),
        ("/jaeger/api/traces/xyz", 400, "expected 1 to 32 hexadecimal digits"),
        ("/jaeger/api/traces/0", 400, "not all zero"),
        ("/jaeger/api/traces/123456789012345678901234567890123", 400, "expected 1 to 32 hexadecimal digits"),
        ("/jaeger/api/traces", 400, "parameter 'service' is required"),
        ("/jaeger/api/operations", 400, "parameter 'service' is required"),
        ("/jaeger/api/traces?service=a&start=x", 400, "'start'"),
        ("/jaeger/api/traces?service=a&end=-1", 400, "'end'"),
        ("/jaeger/api/traces?service=a&limit=many", 400, "'limit'"),
        ("/jaeger/api/traces?service=a&minDuration=5", 400, "expected a duration such as"),
        ("/jaeger/api/traces?service=a&minDuration=s", 400, "'minDuration'"),
        ("/jaeger/api/traces?service=a&maxDuration=99999999999999h", 400, "'maxDuration'"),
        ("/jaeger/api/traces?service=a&minDuration=2s&maxDuration=1s", 400, "'maxDuration' should be greater"),
        ("/jaeger/api/traces?service=a&tag=nocolon", 400, "expecting key:value, received: nocolon"),
        ("/jaeger/api/traces?service=a&tags=%7B", 400, "malformed 'tags' parameter"),
        ("/jaeger/api/traces?traceID=zz", 400, "'traceID'"),
        ("/jaeger/api/dependencies?endTs=soon", 400, "'endTs'"),
    ];
    for (path, code, message) in cases {
        let (status, body) = get_json(&shop(), path).await;
        assert_eq!(
            (status.as_u16(), &body["data"], &body["errors"][0]["code"]),
            (code, &Value::Null, &json!(code)),
            "{path}"
        );
        let said = body["errors"][0]["msg"].as_str().expect("a message");
        assert!(said.contains(message), "{path}: {said}");
    }
}

#[tokio::test]
async fn status_counts_each_signal() {
    let (_, status) = get_json(&shop(), "/api/status").await;
    assert_eq!(
        (&status["traces"]["rows"], &status["traces"]["evicted"], &status["logs"]["rows"]),
        (&json!(2), &json!(0), &json!(0))
    );
    assert!(
        status["bytes"].as_u64().is_some_and(|bytes| bytes > 0 && bytes <= status["limit_bytes"].as_u64().unwrap_or(0))
    );
}

#[tokio::test]
async fn the_pages_show_what_is_here_and_escape_every_value() {
    let (status, empty) = get(&Store::default(), "/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(empty.contains("Nothing has arrived yet"));

    let store = shop();
    let evil = "<script>alert('x')</script>\"&";
    let spans = vec![Span {
        attributes: vec![text(evil, evil)],
        events: vec![span::Event { name: evil.into(), attributes: vec![text(evil, evil)], ..span::Event::default() }],
        status: Some(Status { code: 2, message: evil.into() }),
        trace_state: evil.into(),
        ..plain(0xee, 1, 0, evil)
    }];
    add(&store, evil, spans);
    let record = LogRecord {
        trace_id: id(0xee),
        severity_text: evil.into(),
        body: Some(AnyValue { value: Some(Proto::StringValue(evil.into())) }),
        ..LogRecord::default()
    };
    let resource = Some(Resource { attributes: vec![text("service.name", evil)], ..Resource::default() });
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    store.append_logs(vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }]);

    let (_, home) = get(&store, "/").await;
    assert!(
        home.contains("gateway")
            && home.contains(&format!("/trace/{TRACE}"))
            && home.contains("2023-11-14 22:13:20.123")
    );
    let (status, page) = get(&store, "/trace/ee").await;
    assert_eq!(status, StatusCode::OK);
    for page in [&home, &page] {
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
        assert!(
            !page.contains("<script") && !page.contains("http://") || page.contains("OTEL_EXPORTER"),
            "nothing foreign"
        );
        assert!(!page.contains("<script"));
    }
    let (_, of_carts) = get(&store, "/?service=carts").await;
    assert!(of_carts.contains(TRACE) && !of_carts.contains("/trace/000000000000000000000000000000ee"));
    let (_, of_nobody) = get(&store, "/?service=%3Cb%3E").await;
    assert!(of_nobody.contains("No traces are held") && of_nobody.contains("of &lt;b&gt;"));
    let (_, waterfall) = get(&store, &format!("/trace/{TRACE}")).await;
    assert!(waterfall.contains("Reserve") && waterfall.contains("no stock") && waterfall.contains("2.00 ms"));
}

#[tokio::test]
async fn a_missing_or_malformed_trace_has_a_page_too() {
    for (path, code, message) in [("/trace/1", 404, "trace not found"), ("/trace/%3Cb%3E", 400, "&lt;b&gt;")] {
        let (status, page) = get(&shop(), path).await;
        assert_eq!(status.as_u16(), code);
        assert!(page.contains(message) && page.contains("Back to recent traces"), "{page}");
    }
}

#[tokio::test]
async fn odd_traces_are_drawn() {
    let store = Store::default();
    // A circle, a span that is its own parent, an orphan, and one that ends before it starts.
    let backwards = Span { end_time_unix_nano: 1, ..plain(1, 5, 1, "backwards") };
    add(
        &store,
        "a",
        vec![plain(1, 1, 2, "one"), plain(1, 2, 1, "two"), plain(1, 3, 3, "self"), plain(1, 4, 9, "orphan"), backwards],
    );
    let (status, page) = get(&store, "/trace/1").await;
    assert_eq!(status, StatusCode::OK);
    for name in ["one", "two", "self", "orphan", "backwards"] {
        assert_eq!(page.matches(&format!("<b>a</b> {name}</span>")).count(), 1, "{name}");
    }
    let (_, body) = get_json(&store, "/jaeger/api/traces/1").await;
    let warned =
        body["data"][0]["spans"].as_array().expect("spans").iter().filter(|span| !span["warnings"].is_null()).count();
    assert_eq!(warned, 1);
}
