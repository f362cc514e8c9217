//! Zipkin's JSON becomes OTLP spans.

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use vitrine_observe_store::model::{TraceId, Value};
use vitrine_observe_store::{Reports, Services, Tenant};

use crate::common::{JSON, Recorder, gzip, header, open, open_engine, post, text, trace_of, zstd};

const SPANS: &str = include_str!("../corpus/zipkin/spans.json");

async fn translated(json: &str) -> ExportTraceServiceRequest {
    let engine = Recorder::new();
    let response = post(open(engine.clone()), "/api/v2/spans", &[("content-type", JSON)], json.to_owned()).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED, "{}", text(response).await);
    engine.only()
}

async fn one(fields: &str) -> Span {
    let mut request = translated(&format!(r#"[{{"traceId":"1","id":"2",{fields}}}]"#)).await;
    request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0)
}

/// Attributes as `key=value`.
fn attributes(span: &Span) -> Vec<String> {
    let value = |value: Option<Any>| match value {
        Some(Any::StringValue(text)) => text,
        Some(Any::BoolValue(flag)) => flag.to_string(),
        Some(Any::IntValue(number)) => format!("{number}i"),
        other => panic!("{other:?}"),
    };
    let pair = |(key, any): (&String, Option<Any>)| format!("{key}={}", value(any));
    span.attributes.iter().map(|a| pair((&a.key, a.value.clone().and_then(|any| any.value)))).collect()
}

#[tokio::test]
async fn every_part_of_a_span_has_its_place() {
    let request = translated(SPANS).await;
    let spans: Vec<&Span> = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans[0].spans).collect();
    let services: Vec<usize> = request.resource_spans.iter().map(|r| r.scope_spans[0].spans.len()).collect();
    assert_eq!((spans.len(), services), (4, vec![1, 1, 1, 1]));
    assert_eq!(
        request.resource_spans[1].scope_spans[0].scope.as_ref().map(|s| (s.name.as_str(), s.version.as_str())),
        Some(("lib", "1"))
    );
    assert!(request.resource_spans[3].resource.is_none());

    let client = spans[0];
    assert_eq!(client.trace_id, 0x4d1e_00c0_db90_10db_8615_4a4b_a6e9_1385_u128.to_be_bytes());
    assert_eq!(client.span_id, 0x4d1e_00c0_db90_10db_u64.to_be_bytes());
    assert_eq!(client.parent_span_id, 0x8615_4a4b_a6e9_1385_u64.to_be_bytes());
    assert_eq!((client.kind(), client.name.as_str()), (SpanKind::Client, "get"));
    assert_eq!(client.start_time_unix_nano, 1_472_470_996_199_000_000);
    assert_eq!(client.end_time_unix_nano - client.start_time_unix_nano, 207_000_000);
    assert_eq!(
        attributes(client),
        [
            "net.host.ip=127.0.0.1",
            "zipkin.localEndpoint.ipv6=2001:db8::c001",
            "net.host.port=8080i",
            "net.peer.ip=192.168.99.101",
            "net.peer.port=9000i",
            "peer.service=backend",
            "http.path=/api",
            "clnt/finagle.version=6.45.0",
        ]
    );
    let events: Vec<_> = client.events.iter().map(|event| (event.time_unix_nano, event.name.as_str())).collect();
    assert_eq!(events, [(1_472_470_996_238_000_000, "foo"), (1_472_470_996_403_000_000, "bär \"x\"")]);
    assert!(client.status.is_none());

    // An id of 64 bits is padded; a span that was shared is another row with the same id.
    let server = spans[1];
    assert_eq!(server.trace_id, 0x8615_4a4b_a6e9_1385_u128.to_be_bytes());
    assert_eq!((server.kind(), &server.span_id), (SpanKind::Server, &client.span_id));
    assert_eq!(server.end_time_unix_nano - server.start_time_unix_nano, 1_000_000);
    assert_eq!(server.trace_state, "a=b");
    assert_eq!(attributes(server), ["net.peer.ip=::1", "zipkin.shared=true", "zipkin.debug=true", "error=500"]);
    assert_eq!(server.status.as_ref().map(|s| (s.code(), s.message.as_str())), Some((SpanStatus::Error, "500")));

    let internal = spans[2];
    assert_eq!((internal.kind(), internal.parent_span_id.len()), (SpanKind::Internal, 0));
    assert_eq!((internal.start_time_unix_nano, internal.end_time_unix_nano), (5_000, 5_000));
    assert_eq!(attributes(internal), ["otel.zipkin.absentField.startTime=true"]);
    assert_eq!(internal.status.as_ref().map(|s| (s.code(), s.message.as_str())), Some((SpanStatus::Error, "why")));

    let bare = spans[3];
    assert_eq!((bare.kind(), bare.parent_span_id.len(), bare.events.len()), (SpanKind::Unspecified, 0, 0));
    assert_eq!(attributes(bare), ["otel.zipkin.absentField.startTime=true"]);
    // It began when it came.
    assert!(bare.start_time_unix_nano > 1_700_000_000_000_000_000);
}

#[tokio::test]
async fn statuses_are_read_from_tags() {
    let error = |message: &'static str| Some((SpanStatus::Error, message));
    for (tags, status, kept) in [
        (r#""error":"true""#, error(""), &["error=true"][..]),
        (r#""error":"""#, error(""), &["error="]),
        (r#""error":"no route""#, error("no route"), &["error=no route"]),
        (r#""error":"false""#, None, &["error=false"]),
        (r#""otel.status_code":"OK""#, Some((SpanStatus::Ok, "")), &[]),
        (r#""error":"x","otel.status_code":"OK""#, Some((SpanStatus::Ok, "")), &["error=x"]),
        (r#""otel.status_code":"ERROR""#, error(""), &[]),
        (r#""error":"true","otel.status_code":"ERROR""#, error(""), &[]),
        (r#""otel.status_code":"ERROR","error":"why""#, error("why"), &[]),
        (r#""otel.status_code":"ERROR","otel.status_description":"why""#, error("why"), &[]),
        (r#""otel.status_code":"ERROR","otel.status_description":"why","error":"500""#, error("why"), &["error=500"]),
        (r#""otel.status_code":"odd""#, None, &["otel.status_code=odd"]),
        (r#""otel.status_description":"odd""#, None, &["otel.status_description=odd"]),
        ("", None, &[]),
    ] {
        let span = one(&format!(r#""timestamp":1,"tags":{{{tags}}}"#)).await;
        assert_eq!(span.status.as_ref().map(|s| (s.code(), s.message.as_str())), status, "{tags}");
        assert_eq!(attributes(&span), kept, "{tags}");
    }
    let span = one(r#""timestamp":1,"kind":"CLIENT","tags":{"span.kind":"internal"}"#).await;
    assert_eq!((span.kind(), attributes(&span)), (SpanKind::Client, vec!["span.kind=internal".to_owned()]));
}

#[tokio::test]
async fn spans_of_one_service_share_its_resource() {
    let span = |service: &str| format!(r#"{{"traceId":"1","id":"2","localEndpoint":{{"serviceName":"{service}"}}}}"#);
    let list = ["a", "a", "b", "a", "a", "a"].map(span).join(",");
    let request = translated(&format!("[{list}]")).await;
    let counts: Vec<usize> = request.resource_spans.iter().map(|r| r.scope_spans[0].spans.len()).collect();
    assert_eq!(counts, [2, 1, 3]);
    assert_eq!(translated("[]").await.resource_spans.len(), 0);
}

#[tokio::test]
async fn lists_are_taken_on_both_paths_plain_and_compressed_and_can_be_read_back() {
    for (encoding, body) in
        [("", SPANS.as_bytes().to_vec()), ("gzip", gzip(SPANS.as_bytes())), ("zstd", zstd(SPANS.as_bytes()))]
    {
        for path in ["/api/v2/spans", "/zipkin/api/v2/spans"] {
            let (_folder, store) = open_engine();
            let headers = [("content-encoding", encoding)];
            let response = post(open(store.clone()), path, &headers, body.clone()).await;
            assert_eq!(response.status(), StatusCode::ACCEPTED);
            assert!(text(response).await.is_empty());
            assert_eq!(
                store.services(&Tenant::default()).expect("they can be read"),
                ["backend", "frontend", "unknown_service"]
            );
            let id = TraceId::parse("4d1e00c0db9010db86154a4ba6e91385").expect("an id");
            let row = trace_of(&store, id).spans.remove(0);
            assert_eq!((row.service.as_str(), row.name.as_str(), row.duration_ns()), ("frontend", "get", 207_000_000));
            let port = row.attributes.iter().find(|attribute| attribute.key == "net.host.port").expect("kept");
            assert_eq!(port.value, Value::Int(8080));
        }
    }
}

#[tokio::test]
async fn what_is_malformed_is_refused_as_a_whole_and_says_where() {
    let id = r#""traceId":"1","id":"2""#;
    let span = |fields: &str| format!(r#"[{{{id}}},{{{fields}}}]"#);
    for (body, expected) in [
        ("{}".to_owned(), "list of Zipkin spans in JSON: invalid type: map, expected a list of spans"),
        ("[".to_owned(), "EOF"),
        ("[5]".to_owned(), "[0]: invalid type: integer `5`, expected a span"),
        ("[null]".to_owned(), "[0]: invalid type: null, expected a span"),
        (span(r#""id":"1""#), "[1]: missing field `traceId`"),
        (span(r#""traceId":"1""#), "[1]: missing field `id`"),
        (span(r#""traceId":"0","id":"2""#), "[1].traceId: malformed id \"0\""),
        (span(r#""traceId":"","id":"2""#), "[1].traceId: malformed id \"\""),
        (span(r#""traceId":"xyz","id":"2""#), "[1].traceId: malformed id \"xyz\""),
        (span(r#""traceId":"1","id":"00000000000000001""#), "[1].id: malformed id"),
        (span(r#""traceId":1,"id":"2""#), "[1].traceId: invalid type: integer `1`, expected a string"),
        (span(&format!(r#"{id},"id":"3""#)), "[1].id: expected each field once"),
        (span(&format!(r#"{id},"parentId":"g""#)), "[1].parentId: malformed id"),
        (span(&format!(r#"{id},"kind":"INTERNAL""#)), "[1].kind: unknown variant `INTERNAL`, expected one of"),
        (span(&format!(r#"{id},"timestamp":-1"#)), "[1].timestamp: invalid type: integer `-1`"),
        (span(&format!(r#"{id},"timestamp":18446744073709551615"#)), "expected microseconds since 1970"),
        (span(&format!(r#"{id},"timestamp":18446744073709551,"duration":18446744073709551"#)), "[1]: the span's end"),
        (span(&format!(r#"{id},"tags":{{"a":1}}"#)), "[1].tags: invalid type: integer `1`, expected a string"),
        (span(&format!(r#"{id},"tags":[]"#)), "[1].tags: invalid type: sequence, expected an object of strings"),
        (span(&format!(r#"{id},"annotations":[{{"value":"x"}}]"#)), "[1].annotations[0]: missing field `timestamp`"),
        (span(&format!(r#"{id},"localEndpoint":{{"ipv4":"::1"}}"#)), "expected an IPv4 address"),
        (span(&format!(r#"{id},"localEndpoint":{{"port":65536}}"#)), "[1].localEndpoint: port 65536: expected at most"),
        (
            span(&format!(r#"{id},"localEndpoint":"x""#)),
            "[1].localEndpoint: invalid type: string \"x\", expected an endpoint",
        ),
        (span(&format!(r#"{id},"debug":1"#)), "[1].debug: invalid type: integer `1`, expected a boolean"),
    ] {
        let (_folder, store) = open_engine();
        let response = post(open(store.clone()), "/api/v2/spans", &[("content-type", JSON)], body.clone()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(header(&response, "content-type"), Some("text/plain; charset=utf-8"));
        let message = text(response).await;
        assert!(message.contains(expected), "{body}: {message}");
        assert_eq!(store.status().traces.taken, 0);
    }
    for content_type in ["application/x-protobuf", "application/x-thrift", "text/plain"] {
        let response = post(open(Recorder::new()), "/api/v2/spans", &[("content-type", content_type)], "[]").await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(text(response).await.contains("expected application/json"));
    }
}
