//! Listeners: who may connect, and how a stop goes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_platform_http::{Peer, Router, bind, serve};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);
/// A drain that no caller waits for in vain.
const LONG: Duration = Duration::from_secs(600);

struct World {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    asked: Arc<Notify>,
    go: Arc<Notify>,
    left: Arc<Notify>,
}

/// Tells that a handler was dropped.
struct Leaving(Arc<Notify>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn world(drain: Duration) -> World {
    let (asked, go, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = (asked.clone(), go.clone(), left.clone());
    let router = Router::new()
        .route("/quick", get(async |Extension(Peer(peer)): Extension<Peer>| format!("hello {peer}")))
        .route("/panics", get(async || -> &'static str { panic!("as asked") }))
        .route(
            "/slow",
            get(async move || {
                let _leaving = Leaving(slow.2);
                slow.0.notify_one();
                slow.1.notified().await;
                "at last"
            }),
        );
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, router, stop.clone(), drain));
    World { address, stop, serving, asked, go, left }
}

impl World {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.serving).await.expect("in time").expect("no panic");
    }
}

async fn send(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
}

/// Reads until this text, or the end.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        let mut part = [0; 1024];
        while end.is_empty() || !text.contains(end) {
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => break,
                Ok(n) => text.push_str(&String::from_utf8_lossy(&part[..n])),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("in time");
    text
}

#[tokio::test]
async fn what_is_in_flight_ends_and_nobody_new_comes_in() {
    let world = world(LONG).await;
    let mut idle = world.connect().await;
    send(&mut idle, "/quick").await;
    let text = read_until(&mut idle, "hello").await;
    assert!(text.contains(&idle.local_addr().expect("an address").to_string()) || text.contains("200 OK"), "{text}");
    let silent = world.connect().await;
    let mut busy = world.connect().await;
    send(&mut busy, "/slow").await;
    world.asked.notified().await;

    world.stop.cancel();
    assert_eq!(read_until(&mut idle, "").await.matches("HTTP/1.1").count(), 0, "idle connections are closed");
    let looking = async {
        while TcpStream::connect(world.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("nobody is let in while others are served to their end");
    assert!(!world.serving.is_finished());
    world.go.notify_one();
    let text = read_until(&mut busy, "").await;
    assert!(text.contains("200 OK") && text.contains("at last"), "{text}");
    world.ended().await;
    drop(silent);
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let world = world(Duration::from_millis(50)).await;
    let mut busy = world.connect().await;
    send(&mut busy, "/slow").await;
    world.asked.notified().await;
    let mut half = world.connect().await;
    half.write_all(b"GET /quick HT").await.expect("sent");
    world.stop.cancel();
    tokio::time::timeout(PATIENCE, world.left.notified()).await.expect("the handler is left");
    assert_eq!(read_until(&mut busy, "").await, "");
    assert_eq!(read_until(&mut half, "").await, "");
    world.ended().await;
}

#[tokio::test]
async fn a_handler_whose_client_goes_is_left() {
    let world = world(LONG).await;
    let mut busy = world.connect().await;
    send(&mut busy, "/slow").await;
    world.asked.notified().await;
    drop(busy);
    tokio::time::timeout(PATIENCE, world.left.notified()).await.expect("the handler is left");
    world.stop.cancel();
    world.ended().await;
}

#[tokio::test]
async fn bad_clients_and_panics_harm_nobody_else() {
    let world = world(LONG).await;
    for bad in [
        "\r\n\r\n",
        "NOT HTTP AT ALL\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxx",
    ] {
        let mut stream = world.connect().await;
        stream.write_all(bad.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("closed");
        read_until(&mut stream, "").await;
    }
    let mut stream = world.connect().await;
    send(&mut stream, "/panics").await;
    let text = read_until(&mut stream, "}").await;
    assert!(text.starts_with("HTTP/1.1 500") && text.contains("problem+json") && !text.contains("as asked"), "{text}");
    // On the same connection, too.
    send(&mut stream, "/quick").await;
    assert!(read_until(&mut stream, "hello").await.contains("200 OK"));
    world.stop.cancel();
    world.ended().await;
}

#[tokio::test]
async fn nobody_connected_is_no_reason_to_wait() {
    let world = world(LONG).await;
    let began = Instant::now();
    world.stop.cancel();
    world.ended().await;
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_what_to_do() {
    let world = world(LONG).await;
    let error = bind(world.address).await.expect_err("taken").to_string();
    assert!(error.contains(&world.address.to_string()) && error.contains("another address"), "{error}");
    let elsewhere: SocketAddr = "203.0.113.7:0".parse().expect("an address");
    let error = bind(elsewhere).await.expect_err("not ours").to_string();
    assert!(error.contains("203.0.113.7:0") && error.contains("no such address"), "{error}");
    world.stop.cancel();
    world.ended().await;
}
