//! Lines that are followed over WebSocket.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use vitrine_kit::percent;

use super::data::{START_S, api, record, write};
use crate::scenario::text;

/// How long anything that must come is waited for.
const WAIT: Duration = Duration::from_secs(60);
/// What one who does not read takes in nevertheless, in bytes.
const SMALL_WINDOW: u32 = 4_096;

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A client that follows, as small as the protocol allows (RFC 6455): what a server sends is not masked.
struct Following(TcpStream);

impl Following {
    async fn open(address: SocketAddr, query: &str, parameters: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(SMALL_WINDOW).expect("a small window");
        let mut stream = socket.connect(address).await.expect("connected");
        let query = percent::encode(query);
        let request = format!(
            "GET /loki/api/v1/tail?query={query}&{parameters} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: \
             websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        let head = String::from_utf8_lossy(&head);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self(stream)
    }

    /// The next message.
    async fn next(&mut self) -> Value {
        loop {
            let frame = timeout(WAIT, self.frame()).await.expect("a frame in time");
            if let (1, payload) = frame {
                return serde_json::from_slice(&payload).expect("JSON");
            }
        }
    }

    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.0.read_u8().await.expect("a frame");
        assert_eq!(first & 0x80, 0x80, "a frame is a whole message");
        let length = match self.0.read_u8().await.expect("a length") {
            126 => u64::from(self.0.read_u16().await.expect("a length")),
            127 => self.0.read_u64().await.expect("a length"),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("a length")];
        self.0.read_exact(&mut payload).await.expect("a payload");
        (first & 0x0f, payload)
    }
}

fn lines(message: &Value) -> Vec<String> {
    let streams = message["streams"].as_array().cloned().unwrap_or_default();
    let values = streams.iter().flat_map(|stream| stream["values"].as_array().cloned().unwrap_or_default());
    values.map(|value| value[1].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn lines_are_told_once_from_the_past_into_the_future() {
    let (_folder, engine, router) = api().await;
    let address = serve(router).await;
    let query = "{k8s_pod_name=~\"shop-.*\"} |= \"order\" | logfmt | line_format \"{{.user}}\"";
    let mut following = Following::open(address, query, &format!("start={START_S}&limit=10")).await;
    let past = following.next().await;
    assert_eq!(lines(&past).len(), 2, "{past}");
    for (second, pod, line) in [
        (101, "shop-1", "msg=\"order shipped\" user=zoe"),
        (102, "cart-1", "msg=\"order of another\" user=no"),
        (103, "shop-1", "msg=nothing user=no"),
        (104, "shop-2", "msg=\"order billed\" user=kim"),
    ] {
        write(&*engine, vec![text("k8s.pod.name", pod)], vec![record(second, 9, line, vec![])]).await;
    }
    let mut new = Vec::new();
    while new.len() < 2 {
        new.extend(lines(&following.next().await));
    }
    assert_eq!(new, ["zoe", "kim"]);
}

#[tokio::test]
async fn who_does_not_read_is_told_how_much_was_dropped() {
    const RECORDS: u64 = 60;
    let (_folder, engine, router) = api().await;
    let address = serve(router).await;
    let mut following = Following::open(address, "{service_name=\"big\"}", &format!("start={START_S}")).await;
    let line = "x".repeat(200_000);
    for second in 0..RECORDS {
        // Taken whoever follows, and however slowly.
        write(&*engine, vec![text("service.name", "big")], vec![record(100 + second, 9, &line, vec![])]).await;
    }
    let (mut read, mut dropped) = (0, 0);
    while read + dropped < RECORDS {
        let message = following.next().await;
        read += lines(&message).len() as u64;
        let told = message["dropped_entries"][0]["labels"]["dropped"]
            .as_str()
            .map_or(0, |count| count.parse().expect("a count"));
        dropped += told;
    }
    assert_eq!(read + dropped, RECORDS);
    assert!(dropped > 0, "{read} lines fitted into buffers");
}
