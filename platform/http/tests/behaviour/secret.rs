//! A listener over TLS, and who knocks there.

use std::time::{Duration, Instant};

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use vitrine_platform_http::{Listener, Router, bind, serve};
use vitrine_platform_tls::{Client, Files, Server};
use vitrine_tests_engines::Certificates;

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn who_knocks_wrongly_or_never_on_harms_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::new(folder.path()).expect("an authority");
    let files = |name: &str| {
        let (certificate, key) = certificates.issue(name).expect("issued");
        Files { ca: certificates.authority(), certificate, key }
    };
    let tcp = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let (address, stop) = (tcp.local_addr().expect("an address"), CancellationToken::new());
    let listener = Listener::from(tcp).with_tls(Some(Server::new(&files("server")).expect("read")));
    let router = Router::new().route("/", get(async || "in secret"));
    let serving = tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(1)));
    let client = Client::new(&files("client")).expect("read");

    let began = Instant::now();
    let silent: Vec<TcpStream> = futures::future::join_all((0..20).map(|_| TcpStream::connect(address)))
        .await
        .into_iter()
        .map(|stream| stream.expect("a connection"))
        .collect();
    let mut plain = TcpStream::connect(address).await.expect("a connection");
    plain.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut heard = Vec::new();
    // An alert, or a reset: nothing that was asked for.
    let _ = tokio::time::timeout(PATIENCE, plain.read_to_end(&mut heard)).await.expect("in time");
    assert!(!heard.starts_with(b"HTTP/"), "{heard:?}");

    // ALPN is HTTP/2 with this client; the server reads what is spoken.
    let stream = TcpStream::connect(address).await.expect("a connection");
    let mut stream = client.connect("localhost", stream).await.expect("let in");
    assert!(began.elapsed() < Duration::from_secs(4), "nobody waits for those who say nothing: {:?}", began.elapsed());
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    // A head in small pieces, as it may come.
    for piece in ["G", "ET / HT", "TP/1.1\r\nho", "st: x\r\nconnection: close\r\n\r\n"] {
        stream.write_all(piece.as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
    }
    let mut heard = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut heard)).await.expect("in time").expect("read");
    assert!(heard.contains("200 OK") && heard.contains("in secret"), "{heard}");

    // A handshake has a bound.
    for mut stream in silent {
        let ended = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("in time");
        ended.expect_err("closed");
    }
    assert!(began.elapsed() >= Duration::from_secs(4), "not before: {:?}", began.elapsed());
    stop.cancel();
    serving.await.expect("no panic");
}
