//! OTLP over HTTP.

use axum::body::Body;
use http::{Request, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use tonic_types::Status;
use tower::ServiceExt;
use vitrine_observe_receive::{MAX_BODY_BYTES, otlp_errors};
use vitrine_observe_store::model::{TraceId, Value};
use vitrine_observe_store::{Logs, Reports, Signal, Tenant};
use vitrine_platform_http::nowhere;

use crate::common::{
    JSON, PROTOBUF, Recorder, bytes, deflate, gzip, header, open, open_engine, post, request, sound, span, trace_of,
    zlib, zstd,
};

#[tokio::test]
async fn protobuf_is_passed_through_plain_and_compressed() {
    let signals = [("/v1/traces", Signal::Traces), ("/v1/logs", Signal::Logs), ("/v1/metrics", Signal::Metrics)];
    for (encoding, body) in [
        ("", sound()),
        ("identity", sound()),
        ("gzip", gzip(&sound())),
        ("zstd", zstd(&sound())),
        ("GZIP", gzip(&sound())),
        ("x-gzip", gzip(&sound())),
        ("deflate", zlib(&sound())),
        ("deflate", deflate(&sound())),
        (" Deflate ", zlib(&sound())),
        ("zlib", zlib(&sound())),
        ("identity, gzip", gzip(&sound())),
        ("deflate, gzip", gzip(&zlib(&sound()))),
        ("gzip, deflate,zstd", zstd(&deflate(&gzip(&sound())))),
    ] {
        for (path, signal) in signals {
            let engine = Recorder::new();
            let headers = [("content-type", PROTOBUF), ("content-encoding", encoding)];
            let response = post(open(engine.clone()), path, &headers, body.clone()).await;
            assert_eq!((response.status(), header(&response, "content-type")), (StatusCode::OK, Some(PROTOBUF)));
            assert!(bytes(response).await.is_empty(), "{encoding}");
            let seen = engine.seen.lock();
            assert_eq!((seen[0].0.name(), seen[0].1, seen[0].2.as_ref()), ("default", signal, sound().as_slice()));
        }
    }
}

#[tokio::test]
async fn json_is_taken_with_every_attribute_type() {
    let (_folder, store) = open_engine();
    let body = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"carts"}}]},
        "scopeSpans":[{"scope":{"name":"lib"},"unknownField":1,"spans":[{
        "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"","name":"I'm a span","kind":2,
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"flags":1,
        "attributes":[{"key":"s","value":{"stringValue":"v"}},{"key":"b","value":{"boolValue":true}},{"key":"i","value":{"intValue":"-7"}},
          {"key":"d","value":{"doubleValue":0.5}},{"key":"y","value":{"bytesValue":"/wA="}},
          {"key":"a","value":{"arrayValue":{"values":[{"intValue":1},{"stringValue":"x"}]}}},
          {"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"intValue":"2"}}]}}}],
        "events":[{"timeUnixNano":"1544712660500000000","name":"e"}],"status":{"code":2,"message":"bad"}}]}]}]}"#;
    let router = open(store.clone());
    let response = post(router, "/v1/traces", &[("content-type", "application/json; charset=utf-8")], body).await;
    assert_eq!((response.status(), header(&response, "content-type")), (StatusCode::OK, Some(JSON)));
    assert_eq!(bytes(response).await, b"{}");
    let id = TraceId::parse("5b8efff798038103d269b633813fc60c").expect("an id");
    let row = trace_of(&store, id).spans.remove(0);
    assert_eq!(
        (row.service.as_str(), row.start_ns, row.duration_ns()),
        ("carts", 1_544_712_660_000_000_000, 1_000_000_000)
    );
    let values: Vec<Value> = row.attributes.into_iter().map(|attribute| attribute.value).collect();
    assert_eq!(
        values[..5],
        [Value::String("v".into()), Value::Bool(true), Value::Int(-7), Value::Double(0.5), Value::Bytes(vec![255, 0])]
    );
    assert_eq!(values[5], Value::Array(vec![Value::Int(1), Value::String("x".into())]));
    assert_eq!(values[6].json(), serde_json::json!({ "k": 2 }));
}

#[tokio::test]
async fn logs_and_metrics_are_taken() {
    let (_folder, store) = open_engine();
    let router = open(store.clone());
    let record = LogRecord { trace_id: vec![1; 16], severity_number: 9, ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let logs = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    let response = post(router.clone(), "/v1/logs", &[("content-type", PROTOBUF)], logs.encode_to_vec()).await;
    let answer = ExportLogsServiceResponse::decode(bytes(response).await.as_slice()).expect("decodes");
    assert_eq!(answer.partial_success, None);
    let metrics = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"g","gauge":{"dataPoints":[{"asInt":"4","timeUnixNano":"1"}]}},
        {"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
          {"count":"2","sum":3,"bucketCounts":["1","1"],"explicitBounds":[1],"timeUnixNano":"1"},
          {"count":"2","sum":3,"bucketCounts":["1"],"explicitBounds":[1,2],"timeUnixNano":"1"}]}}]}]}]}"#;
    let response = post(router, "/v1/metrics", &[("content-type", JSON)], metrics).await;
    let answer: serde_json::Value = serde_json::from_slice(&bytes(response).await).expect("JSON");
    assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], "1");
    let status = store.status();
    assert_eq!((status.logs.rows, status.metrics.rows, status.metrics.rejected), (1, 2, 1));
    assert_eq!(store.logs_of(&Tenant::default(), TraceId([1; 16]), 10).expect("they can be read").len(), 1);
}

#[tokio::test]
async fn malformed_ids_are_counted_and_sound_spans_taken() {
    let spans = vec![
        span(vec![0; 16], vec![2; 8]),
        span(vec![1; 15], vec![2; 8]),
        span(vec![1; 16], vec![0; 8]),
        span(vec![1; 16], vec![]),
        span(vec![1; 16], vec![2; 8]),
    ];
    let (_folder, store) = open_engine();
    let router = open(store.clone());
    let body = request(spans.clone()).encode_to_vec();
    let response = post(router.clone(), "/v1/traces", &[("content-type", PROTOBUF)], body).await;
    assert_eq!(response.status(), StatusCode::OK);
    let answer = ExportTraceServiceResponse::decode(bytes(response).await.as_slice()).expect("decodes");
    let partial = answer.partial_success.expect("some were refused");
    assert_eq!(partial.rejected_spans, 4);
    assert!(partial.error_message.contains("traceId: all zero; expected 16 bytes"), "{}", partial.error_message);
    assert_eq!(store.status().traces.rows, 1);

    let json = serde_json::to_string(&request(spans)).expect("JSON");
    let response = post(router, "/v1/traces", &[("content-type", JSON)], json).await;
    let answer: serde_json::Value = serde_json::from_slice(&bytes(response).await).expect("JSON");
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "4");
}

/// Name, Content-Type, Content-Encoding, body, expected status and part of the message.
type BadBody = (&'static str, &'static str, &'static str, Vec<u8>, u16, &'static str);

fn bad_bodies() -> Vec<BadBody> {
    let unknown = "expected gzip, deflate, zstd or identity";
    let zeros = vec![0; MAX_BODY_BYTES + 1];
    let half = |body: Vec<u8>| body[..body.len() / 2].to_vec();
    let too_large = "more than 67108864 bytes";
    let protobuf = "not a valid ExportTraceServiceRequest in protobuf";
    vec![
        ("garbage", PROTOBUF, "", vec![0xff; 100], 400, protobuf),
        ("truncated", PROTOBUF, "", half(sound()), 400, protobuf),
        ("not gzip", PROTOBUF, "gzip", sound(), 400, "not valid gzip"),
        ("truncated gzip", PROTOBUF, "gzip", half(gzip(&sound())), 400, "not valid gzip"),
        ("not zstd", PROTOBUF, "zstd", sound(), 400, "not valid zstd"),
        ("truncated zstd", PROTOBUF, "zstd", half(zstd(&sound())), 400, "not valid zstd"),
        ("gzip bomb", PROTOBUF, "gzip", gzip(&zeros), 413, too_large),
        ("zstd bomb", PROTOBUF, "zstd", zstd(&zeros), 413, too_large),
        ("JSON bomb", JSON, "gzip", gzip(&zeros), 413, too_large),
        ("not deflate", PROTOBUF, "deflate", sound(), 400, "not valid deflate"),
        ("truncated zlib", PROTOBUF, "deflate", half(zlib(&sound())), 400, "not valid deflate"),
        ("truncated deflate", PROTOBUF, "deflate", half(deflate(&sound())), 400, "not valid deflate"),
        ("deflate bomb", PROTOBUF, "deflate", zlib(&zeros), 413, too_large),
        ("raw deflate bomb", PROTOBUF, "deflate", deflate(&zeros), 413, too_large),
        ("bomb within a bomb", PROTOBUF, "gzip, gzip", gzip(&gzip(&zeros)), 413, too_large),
        ("the wrong way round", PROTOBUF, "gzip, deflate", gzip(&zlib(&sound())), 400, "not valid deflate"),
        ("unknown encoding", PROTOBUF, "br", sound(), 415, unknown),
        ("unknown among known ones", JSON, "gzip, br", gzip(b"{}"), 415, unknown),
        ("too many encodings", PROTOBUF, "gzip, gzip, gzip, gzip", sound(), 415, unknown),
        ("oversize", PROTOBUF, "", zeros, 413, too_large),
        ("not JSON", JSON, "", b"{".to_vec(), 400, "not a valid ExportTraceServiceRequest in JSON"),
        ("deep JSON", JSON, "", "[".repeat(100_000).into_bytes(), 400, "in JSON"),
    ]
}

#[tokio::test]
async fn what_cannot_be_decoded_changes_nothing_and_says_why() {
    for (name, format, encoding, body, status, message) in bad_bodies() {
        let (_folder, store) = open_engine();
        let headers = [("content-type", format), ("content-encoding", encoding)];
        let response = post(open(store.clone()), "/v1/traces", &headers, body).await;
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (status, Some(format)), "{name}");
        assert_eq!(header(&response, "retry-after"), None, "{name}");
        let taken = (status == 415).then_some("gzip, deflate, zstd, identity");
        assert_eq!(header(&response, "accept-encoding"), taken, "{name}");
        let body = bytes(response).await;
        let (code, text) = if format == PROTOBUF {
            let status = Status::decode(body.as_slice()).expect("a google.rpc.Status");
            assert!(status.details.is_empty(), "{name}");
            (i64::from(status.code), status.message)
        } else {
            let status: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            (status["code"].as_i64().expect("a code"), status["message"].as_str().expect("a message").to_owned())
        };
        let expected = match status {
            413 => 8,
            415 => 12,
            _ => 3,
        };
        assert_eq!(code, expected, "{name}");
        assert!(text.contains(message), "{name}: {text}");
        assert_eq!(store.status().traces.taken, 0, "{name}");
    }
}

#[tokio::test]
async fn other_content_types_and_methods_are_refused() {
    for headers in [&[("content-type", "text/plain")][..], &[]] {
        let response = post(open(Recorder::new()), "/v1/traces", headers, sound()).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let status: serde_json::Value = serde_json::from_slice(&bytes(response).await).expect("JSON");
        let message = status["message"].as_str().expect("text");
        assert!(message.contains("expected application/x-protobuf or application/json"), "{message}");
    }
}

#[tokio::test]
async fn what_is_refused_around_the_handlers_is_told_as_otlp_has_it() {
    for (method, path, format, status) in [
        ("GET", "/v1/traces", "", 405),
        ("OPTIONS", "/v1/logs", "", 405),
        ("DELETE", "/v1/metrics", PROTOBUF, 405),
        ("POST", "/v1/profiles", JSON, 404),
        ("POST", "/v1/traces/", PROTOBUF, 404),
    ] {
        let router = nowhere(open(Recorder::new()), otlp_errors);
        let mut request = Request::builder().method(method).uri(path);
        if !format.is_empty() {
            request = request.header("content-type", format);
        }
        let response = router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(header(&response, "allow"), (status == 405).then_some("POST"), "{method} {path}");
        let expected = if format.is_empty() { JSON } else { format };
        assert_eq!(header(&response, "content-type"), Some(expected), "{method} {path}");
        let body = bytes(response).await;
        let (code, message) = if format == PROTOBUF {
            let status = Status::decode(body.as_slice()).expect("a google.rpc.Status");
            (status.code, status.message)
        } else {
            let status: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            (status["code"].as_i64().and_then(|n| n.try_into().ok()).expect("a code"), status["message"].to_string())
        };
        assert_eq!(code, 12, "UNIMPLEMENTED");
        assert!(message.contains(method), "{message}");
    }
}
