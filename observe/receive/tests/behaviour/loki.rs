//! Loki's clients push streams.

use http::StatusCode;
use prost::Message;
use serde_json::json;
use vitrine_observe_receive::MAX_BODY_BYTES;
use vitrine_observe_store::model::{LogRow, Value};

use crate::common::{JSON, Recorder, gzip, header, post, text, zlib};
use crate::records::{attribute, open, rows};

const PUSH: &str = "/loki/api/v1/push";

#[derive(Clone, PartialEq, Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
    #[prost(uint64, tag = "3")]
    hash: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "2")]
    line: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn push(labels: &str, line: &[u8]) -> PushRequest {
    let metadata = [("trace_id", "0af7651916cd43dd8448eb211c80319c"), ("user", "u1")];
    let metadata = metadata.map(|(name, value)| Label { name: name.into(), value: value.into() }).to_vec();
    let timestamp = Some(Timestamp { seconds: 1_785_585_600, nanos: 5 });
    let entries = vec![Entry { timestamp, line: line.to_vec(), metadata }];
    PushRequest { streams: vec![Stream { labels: labels.into(), entries, hash: 9 }] }
}

fn snappy(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("compresses")
}

async fn sent(headers: &[(&str, &str)], body: Vec<u8>) -> (StatusCode, String, Vec<LogRow>) {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let response = post(router, PUSH, headers, body).await;
    (response.status(), text(response).await, rows(&engine))
}

fn check(row: &LogRow) {
    assert_eq!((row.time_ns, row.body.text()), (1_785_585_600_000_000_005, "a line".to_owned()));
    assert_eq!((row.service.as_str(), row.severity, row.severity_text.as_str()), ("shop", 13, "warn"));
    let resource: Vec<(&str, String)> = row.resource.iter().map(|a| (a.key.as_str(), a.value.text())).collect();
    let expected = [("service.name", "shop"), ("env", "dev"), ("level", "warn")];
    assert_eq!(resource, expected.map(|(key, value)| (key, value.to_owned())));
    assert_eq!(attribute(row, "user"), Some(Value::String("u1".into())));
    assert_eq!(row.trace_id.map(|id| id.to_string()).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
}

#[tokio::test]
async fn a_push_comes_as_protobuf_and_as_json() {
    let labels = r#"{service_name="shop", env="dev", level="warn"}"#;
    let message = snappy(&push(labels, b"a line").encode_to_vec());
    for headers in [&[("content-type", "application/x-protobuf")][..], &[("content-encoding", "snappy")], &[]] {
        let (status, body, found) = sent(headers, message.clone()).await;
        assert_eq!((status, body.as_str(), found.len()), (StatusCode::NO_CONTENT, "", 1));
        check(&found[0]);
    }
    let entry =
        json!(["1785585600000000005", "a line", { "trace_id": "0af7651916cd43dd8448eb211c80319c", "user": "u1" }]);
    let stream = json!({ "service_name": "shop", "env": "dev", "level": "warn" });
    let json = json!({ "streams": [{ "stream": stream, "values": [entry] }] }).to_string().into_bytes();
    for (encoding, body) in [("", json.clone()), ("gzip", gzip(&json)), ("deflate", zlib(&json))] {
        let (status, body, found) = sent(&[("content-type", JSON), ("content-encoding", encoding)], body).await;
        assert_eq!((status, body.as_str(), found.len()), (StatusCode::NO_CONTENT, "", 1), "{encoding}");
        check(&found[0]);
    }
    let (status, _, found) = sent(&[("content-type", JSON)], b"{\"streams\":[]}".to_vec()).await;
    assert_eq!((status, found.len()), (StatusCode::NO_CONTENT, 0));
}

#[tokio::test]
async fn the_service_is_the_label_that_loki_takes_for_it() {
    for (labels, service) in [
        (r#"{app="a", job="b"}"#, "a"),
        (r#"{job="b", container="c"}"#, "c"),
        (r#"{env="dev"}"#, "unknown_service"),
        (r#"{service_name="", job="b"}"#, "b"),
    ] {
        let (status, body, found) = sent(&[], snappy(&push(labels, b"x").encode_to_vec())).await;
        assert_eq!((status, found[0].service.as_str()), (StatusCode::NO_CONTENT, service), "{labels} {body}");
    }
}

#[tokio::test]
async fn odd_pushes_are_taken_or_refused_as_a_whole() {
    // Not UTF-8, without a time, and long: all taken.
    let mut odd = push("{}", b"a\xffb");
    odd.streams[0].entries[0].timestamp = Some(Timestamp { seconds: -5, nanos: 0 });
    odd.streams[0].entries.push(Entry { line: vec![b'x'; 10 << 20], ..Entry::default() });
    let (status, _, found) = sent(&[], snappy(&odd.encode_to_vec())).await;
    assert_eq!((status, found.len(), found[0].body.text().as_str()), (StatusCode::NO_CONTENT, 2, "a\u{fffd}b"));
    assert_eq!((found[0].time_ns, found[1].body.text().len()), (found[0].observed_time_ns, 10 << 20));

    let whole = push("{a=\"b\"}", b"x").encode_to_vec();
    let mut lie = snappy(&whole);
    lie.splice(..1, [0xff, 0xff, 0xff, 0xff, 0x0f]);
    for (body, status) in [
        (snappy(&whole[..whole.len() - 3]), StatusCode::BAD_REQUEST),
        (snappy(b"\x0a\xff\xff\xff\xff\x0f"), StatusCode::BAD_REQUEST),
        (snappy(&push("{a=b}", b"x").encode_to_vec()), StatusCode::BAD_REQUEST),
        (b"not snappy".to_vec(), StatusCode::BAD_REQUEST),
        (lie, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (found, text, rows) = sent(&[], body).await;
        assert_eq!((found, rows.len()), (status, 0), "{text}");
    }
    for body in [
        "",
        "[]",
        "{",
        "{\"streams\":1}",
        "{\"streams\":[1]}",
        "{\"streams\":[{\"stream\":{\"a\":1}}]}",
        "{\"streams\":[{\"stream\":{},\"values\":[[\"1\"]]}]}",
        "{\"streams\":[{\"stream\":{},\"values\":[[\"x\",\"y\"]]}]}",
    ] {
        let (status, text, rows) = sent(&[("content-type", JSON)], body.as_bytes().to_vec()).await;
        assert!(
            status == StatusCode::BAD_REQUEST && text.contains("push request") && rows.is_empty(),
            "{body}: {text}"
        );
    }
    let bomb = gzip(&vec![b' '; MAX_BODY_BYTES + 1]);
    let (status, ..) = sent(&[("content-type", JSON), ("content-encoding", "gzip")], bomb).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn otlp_comes_where_loki_has_it() {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    for path in ["/otlp/v1/logs", "/loki/otlp/v1/logs"] {
        let body = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"x\"}}]}]}]}";
        let response = post(router.clone(), path, &[("content-type", JSON)], body).await;
        assert_eq!((response.status(), header(&response, "content-type")), (StatusCode::OK, Some(JSON)), "{path}");
    }
    assert_eq!(rows(&engine).len(), 2);
}
