//! systemd's journal is uploaded, and lines are imported.

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use vitrine_observe_store::model::Value;

use crate::common::{Recorder, gzip, post, text};
use crate::records::{attribute, open, rows};

const EXPORT: (&str, &str) = ("content-type", "application/vnd.fdo.journal");
const ENTRY: &[u8] =
    b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1785585600000001\nPRIORITY=3\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=sshd\n\
    MESSAGE=refused\n_PID=7\n\n";
const BINARY: &[u8] = b"__REALTIME_TIMESTAMP=1785585600000002\nMESSAGE\n\x05\0\0\0\0\0\0\0a\n\nb\xff\nRAW\n\x02\0\0\0\0\0\0\0\xff\xfe\n\n";

/// A body that comes in pieces of this size.
fn pieces(body: &[u8], size: usize) -> Body {
    let pieces: Vec<_> =
        body.chunks(size).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(futures::stream::iter(pieces))
}

#[tokio::test]
async fn entries_become_records() {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let response = post(router, "/upload", &[EXPORT], pieces(&[ENTRY, BINARY].concat(), 7)).await;
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::ACCEPTED, "OK.\n"));
    let found = rows(&engine);
    let sshd = found.iter().find(|row| row.service == "sshd").expect("there");
    assert_eq!((sshd.time_ns, sshd.body.text(), sshd.severity), (1_785_585_600_000_001_000, "refused".to_owned(), 17));
    assert_eq!(
        sshd.resource.iter().map(|a| (a.key.as_str(), a.value.text())).collect::<Vec<_>>(),
        [("service.name", "sshd".to_owned()), ("host.name", "web1".to_owned())]
    );
    assert_eq!(attribute(sshd, "_PID"), Some(Value::String("7".into())));
    let binary = found.iter().find(|row| row.service != "sshd").expect("there");
    assert_eq!(binary.body.text(), "a\n\nb\u{fffd}");
    assert_eq!(attribute(binary, "RAW"), Some(Value::Bytes(vec![0xff, 0xfe])));
}

#[tokio::test]
async fn a_journal_may_be_longer_than_a_body() {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let count = 20_000;
    let long = [b"MESSAGE=".as_slice(), &[b'x'; 4_000], b"\n\n"].concat().repeat(count);
    assert!(long.len() > vitrine_observe_receive::MAX_BODY_BYTES);
    let response = post(router, "/upload", &[EXPORT], pieces(&long, 1 << 16)).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(rows(&engine).len(), count);
    assert!(engine.seen.lock().len() > 10);
}

#[tokio::test]
async fn a_journal_that_is_none_is_refused() {
    for (content_type, body, status) in [
        ("application/vnd.fdo.journal", &ENTRY[..ENTRY.len() - 5], StatusCode::BAD_REQUEST),
        (
            "application/vnd.fdo.journal",
            b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffx\n\n".as_slice(),
            StatusCode::BAD_REQUEST,
        ),
        ("text/plain", ENTRY, StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let engine = Recorder::new();
        let (_folder, router) = open(engine.clone());
        let response = post(router, "/upload", &[("content-type", content_type)], body.to_vec()).await;
        assert_eq!((response.status(), engine.seen.lock().len()), (status, 0));
    }
}

#[tokio::test]
async fn lines_are_documents_or_messages() {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let lines = b"{\"message\":\"one\",\"level\":\"error\",\"service\":\"carts\"}\n\nplain text\n[1]\n{\"cut\n\xff\n";
    let headers = [("content-encoding", "gzip")];
    let response = post(router, "/api/logs/import", &headers, gzip(lines)).await;
    assert_eq!((response.status(), text(response).await), (StatusCode::OK, json!({ "records": 5 }).to_string()));
    let found = rows(&engine);
    let of = |message: &str| found.iter().find(|row| row.body.text() == message).expect("there");
    assert_eq!((of("one").service.as_str(), of("one").severity), ("carts", 17));
    for message in ["plain text", "[1]", "{\"cut", "\u{fffd}"] {
        assert_eq!(of(message).time_ns, of(message).observed_time_ns);
    }
}
