//! What OTLP senders get back, whatever they send.

use std::io::Write;

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tonic::codec::CompressionEncoding;
use tower::ServiceExt;
use vitrine_observe_receive::{MAX_BODY_BYTES, RpcStatus, Store, grpc_routes, http_router};
use vitrine_observe_store::model::{TraceId, Value};

const PROTOBUF: &str = "application/x-protobuf";

fn span(trace_id: Vec<u8>, span_id: Vec<u8>) -> Span {
    Span { trace_id, span_id, name: "op".into(), ..Span::default() }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

fn sound() -> Vec<u8> {
    request(vec![span(vec![1; 16], vec![2; 8])]).encode_to_vec()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("a vector grows");
    encoder.finish().expect("a vector grows")
}

async fn post(store: &Store, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).expect("a sound request");
    http_router(store.clone()).oneshot(request).await.expect("a router answers")
}

async fn bytes(response: Response) -> Vec<u8> {
    response.into_body().collect().await.expect("a body").to_bytes().to_vec()
}

fn content_type(response: &Response) -> &str {
    response.headers()["content-type"].to_str().expect("text")
}

#[tokio::test]
async fn protobuf_is_taken_plain_and_compressed() {
    let cases = [
        ("", sound()),
        ("identity", sound()),
        ("gzip", gzip(&sound())),
        ("zstd", zstd::encode_all(sound().as_slice(), 0).expect("compresses")),
    ];
    for (encoding, body) in cases {
        let store = Store::default();
        let response =
            post(&store, "/v1/traces", &[("content-type", PROTOBUF), ("content-encoding", encoding)], body).await;
        assert_eq!((response.status(), content_type(&response)), (StatusCode::OK, PROTOBUF), "{encoding}");
        let answer = ExportTraceServiceResponse::decode(bytes(response).await.as_slice()).expect("the answer decodes");
        assert_eq!(answer.partial_success, None, "{encoding}");
        assert!(store.trace(TraceId([1; 16])).is_some(), "{encoding}");
    }
}

#[tokio::test]
async fn json_is_taken_with_every_attribute_type() {
    let store = Store::default();
    let body = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"carts"}}]},
        "scopeSpans":[{"scope":{"name":"lib"},"unknownField":1,"spans":[{
        "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"","name":"I'm a span","kind":2,
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"flags":1,
        "attributes":[{"key":"s","value":{"stringValue":"v"}},{"key":"b","value":{"boolValue":true}},{"key":"i","value":{"intValue":"-7"}},
          {"key":"d","value":{"doubleValue":0.5}},{"key":"y","value":{"bytesValue":"/wA="}},
          {"key":"a","value":{"arrayValue":{"values":[{"intValue":1},{"stringValue":"x"}]}}},
          {"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"intValue":"2"}}]}}}],
        "events":[{"timeUnixNano":"1544712660500000000","name":"e"}],"status":{"code":2,"message":"bad"}}]}]}]}"#;
    let response = post(&store, "/v1/traces", &[("content-type", "application/json; charset=utf-8")], body).await;
    assert_eq!((response.status(), content_type(&response)), (StatusCode::OK, "application/json"));
    assert_eq!(bytes(response).await, b"{}");
    let id = TraceId::parse("5b8efff798038103d269b633813fc60c").expect("an id");
    let row = store.trace(id).expect("taken").spans.remove(0);
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
    let store = Store::default();
    let record = LogRecord { trace_id: vec![1; 16], severity_number: 9, ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let logs = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    let response = post(&store, "/v1/logs", &[("content-type", PROTOBUF)], logs.encode_to_vec()).await;
    assert_eq!(
        ExportLogsServiceResponse::decode(bytes(response).await.as_slice()).expect("decodes").partial_success,
        None
    );
    let metrics = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"g","gauge":{"dataPoints":[{"asInt":"4","timeUnixNano":"1"}]}},
        {"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
          {"count":"2","sum":3,"bucketCounts":["1","1"],"explicitBounds":[1],"timeUnixNano":"1"},
          {"count":"2","sum":3,"bucketCounts":["1"],"explicitBounds":[1,2],"timeUnixNano":"1"}]}}]}]}]}"#;
    let response = post(&store, "/v1/metrics", &[("content-type", "application/json")], metrics).await;
    let answer: serde_json::Value = serde_json::from_slice(&bytes(response).await).expect("JSON");
    assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], "1");
    let status = store.status();
    assert_eq!((status.logs.rows, status.metrics.rows, status.metrics.rejected), (1, 2, 1));
    assert_eq!(store.logs_of(TraceId([1; 16]), 10).len(), 1);
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
    let store = Store::default();
    let response =
        post(&store, "/v1/traces", &[("content-type", PROTOBUF)], request(spans.clone()).encode_to_vec()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let answer = ExportTraceServiceResponse::decode(bytes(response).await.as_slice()).expect("decodes");
    let partial = answer.partial_success.expect("some were refused");
    assert_eq!(partial.rejected_spans, 4);
    assert!(partial.error_message.contains("traceId: all zero; expected 16 bytes"), "{}", partial.error_message);
    assert_eq!(store.status().traces.rows, 1);

    let json = serde_json::to_string(&request(spans)).expect("JSON");
    let response = post(&store, "/v1/traces", &[("content-type", "application/json")], json).await;
    let answer: serde_json::Value = serde_json::from_slice(&bytes(response).await).expect("JSON");
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "4");
}

/// Name, Content-Type, Content-Encoding, body, expected status and part of the message.
type BadBody = (&'static str, &'static str, &'static str, Vec<u8>, u16, &'static str);

#[tokio::test]
async fn what_cannot_be_decoded_changes_nothing_and_says_why() {
    let bomb = gzip(&vec![0; MAX_BODY_BYTES + 1]);
    let zstd_bomb = zstd::encode_all(vec![0; MAX_BODY_BYTES + 1].as_slice(), 1).expect("compresses");
    let truncated_zstd = zstd::encode_all(sound().as_slice(), 0).expect("compresses");
    let half = |body: Vec<u8>| body[..body.len() / 2].to_vec();
    let cases: Vec<BadBody> = vec![
        ("garbage", PROTOBUF, "", vec![0xff; 100], 400, "not a valid ExportTraceServiceRequest in protobuf"),
        ("truncated", PROTOBUF, "", half(sound()), 400, "not a valid ExportTraceServiceRequest in protobuf"),
        ("not gzip", PROTOBUF, "gzip", sound(), 400, "not valid gzip"),
        ("truncated gzip", PROTOBUF, "gzip", half(gzip(&sound())), 400, "not valid gzip"),
        ("not zstd", PROTOBUF, "zstd", sound(), 400, "not valid zstd"),
        ("truncated zstd", PROTOBUF, "zstd", half(truncated_zstd), 400, "not valid zstd"),
        ("gzip bomb", PROTOBUF, "gzip", bomb, 413, "more than 67108864 bytes"),
        ("zstd bomb", PROTOBUF, "zstd", zstd_bomb, 413, "more than 67108864 bytes"),
        ("oversize", PROTOBUF, "", vec![0; MAX_BODY_BYTES + 1], 413, "more than 67108864 bytes"),
        ("unknown encoding", PROTOBUF, "br", sound(), 415, "expected gzip, zstd or none"),
        ("not JSON", "application/json", "", b"{".to_vec(), 400, "not a valid ExportTraceServiceRequest in JSON"),
        (
            "odd hex",
            "application/json",
            "",
            br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"abc"}]}]}]}"#.to_vec(),
            400,
            "in JSON",
        ),
        ("deep JSON", "application/json", "", "[".repeat(100_000).into_bytes(), 400, "in JSON"),
    ];
    for (name, format, encoding, body, status, message) in cases {
        let store = Store::default();
        let response =
            post(&store, "/v1/traces", &[("content-type", format), ("content-encoding", encoding)], body).await;
        assert_eq!((response.status().as_u16(), content_type(&response)), (status, format), "{name}");
        let body = bytes(response).await;
        let (code, text) = if format == PROTOBUF {
            let status = RpcStatus::decode(body.as_slice()).expect("a google.rpc.Status");
            (i64::from(status.code), status.message)
        } else {
            let status: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            (status["code"].as_i64().expect("a code"), status["message"].as_str().expect("a message").to_owned())
        };
        assert_eq!(code, if status == 413 { 8 } else { 3 }, "{name}");
        assert!(text.contains(message), "{name}: {text}");
        assert_eq!(store.status().traces.taken, 0, "{name}");
    }
}

#[tokio::test]
async fn other_content_types_and_methods_are_refused() {
    let store = Store::default();
    for headers in [&[("content-type", "text/plain")][..], &[]] {
        let response = post(&store, "/v1/traces", headers, sound()).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let status: serde_json::Value = serde_json::from_slice(&bytes(response).await).expect("JSON");
        assert!(
            status["message"].as_str().expect("text").contains("expected application/x-protobuf or application/json")
        );
    }
    let get = Request::get("/v1/traces").body(Body::empty()).expect("a sound request");
    let response = http_router(store).oneshot(get).await.expect("a router answers");
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn deeply_nested_attributes_do_no_harm() {
    for (open, close) in
        [(r#"{"arrayValue":{"values":["#, "]}}"), (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}")]
    {
        for depth in [10, 20, 25, 28, 40] {
            let value = format!("{}{{\"intValue\":1}}{}", open.repeat(depth), close.repeat(depth));
            let body = format!(
                r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"r","value":{value}}}]}},"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{}","attributes":[{{"key":"a","value":{value}}}]}}]}}]}}]}}"#,
                "01".repeat(16),
                "02".repeat(8)
            );
            let store = Store::default();
            let response = post(&store, "/v1/traces", &[("content-type", "application/json")], body).await;
            let taken = response.status() == StatusCode::OK;
            assert!(taken || response.status() == StatusCode::BAD_REQUEST);
            let trace = store.trace(TraceId([1; 16]));
            assert_eq!(trace.is_some(), taken, "{depth}");
            let deep = |value: &Value| value.text().contains('1');
            assert!(trace.is_none_or(
                |trace| deep(&trace.spans[0].attributes[0].value) && deep(&trace.spans[0].resource[0].value)
            ));
        }
    }
}

#[tokio::test]
async fn grpc_is_taken_plain_and_gzipped() {
    for compressed in [false, true] {
        let store = Store::default();
        let mut client = TraceServiceClient::new(grpc_routes(store.clone()));
        if compressed {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let sent = request(vec![span(vec![1; 16], vec![2; 8]), span(vec![0; 16], vec![2; 8])]);
        let answer = client.export(sent).await.expect("taken").into_inner();
        assert_eq!(answer.partial_success.expect("one was refused").rejected_spans, 1);
        assert!(store.trace(TraceId([1; 16])).is_some());
    }
}

#[tokio::test]
async fn grpc_refuses_garbage_and_other_paths() {
    let cases = [
        ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", b"\0\0\0\0\x03\xff\xff\xff".as_slice(), "13"),
        ("/opentelemetry.proto.collector.trace.v1.TraceService/Nothing", b"", "12"),
    ];
    for (path, body, code) in cases {
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .body(Full::from(body))
            .expect("a sound request");
        let response =
            grpc_routes(Store::default()).oneshot(request.map(tonic::body::Body::new)).await.expect("routes answer");
        let body = response.into_parts();
        let status = match body.0.headers.get("grpc-status") {
            Some(status) => status.clone(),
            None => {
                let collected = body.1.collect().await.expect("a body");
                collected.trailers().expect("trailers")["grpc-status"].clone()
            }
        };
        assert_eq!(status, code, "{path}");
    }
}
