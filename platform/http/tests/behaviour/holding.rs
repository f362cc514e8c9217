//! Clients that hold on to what they have: none of them can hold a listener.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_platform_http::{Bounds, Listener, Router, bind, plain_errors, problem_errors, serve, with_error_format};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);
/// A bound that a test waits for.
const SHORT: Duration = Duration::from_millis(500);
/// A bound that no test waits for.
const NEVER: Duration = Duration::from_secs(3600);
/// More than the system keeps for a client that does not read.
const LARGE: usize = 64 << 20;

/// A listener of these bounds; what is not said is never reached.
struct World {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

fn patient() -> Bounds {
    Bounds { handshake: NEVER, head: NEVER, request: NEVER, idle: NEVER, unread: NEVER, ..Bounds::default() }
}

async fn world(bounds: Bounds) -> World {
    let read = async |body: Bytes| format!("{} bytes", body.len());
    let router = Router::new()
        .route("/quick", get(async || "hello"))
        .route("/large", get(async || vec![b'x'; LARGE]))
        .route("/body", post(read));
    let plain = with_error_format(Router::new().route("/plain", post(read)), plain_errors);
    let tcp = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let (address, stop) = (tcp.local_addr().expect("an address"), CancellationToken::new());
    let listener = Listener::from(tcp).with_bounds(bounds);
    let router = with_error_format(router, problem_errors).merge(plain);
    let serving = tokio::spawn(serve(listener, router, stop.clone(), PATIENCE));
    World { address, stop, serving }
}

impl World {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    async fn say(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream
    }

    async fn ended(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.serving).await.expect("in time").expect("no panic");
    }
}

/// All that comes until the other side closes.
async fn all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset ends it as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("closed in time");
    String::from_utf8_lossy(&text).into_owned()
}

/// What comes until this text has.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        let mut part = [0; 1024];
        while !text.contains(end) {
            let read = stream.read(&mut part).await.expect("read");
            assert_ne!(read, 0, "closed after {text:?}");
            text.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("in time");
    text
}

const QUICK: &str = "GET /quick HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn half_a_body_is_answered_in_the_apis_own_words() {
    let world = world(Bounds { request: SHORT, ..patient() }).await;
    for head in ["content-length: 100", "transfer-encoding: chunked", "content-length: 100\r\nexpect: 100-continue"] {
        for (path, content_type) in [("/body", "application/problem+json"), ("/plain", "text/plain")] {
            let mut stream = world.say(&format!("POST {path} HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n")).await;
            stream.write_all(b"1").await.expect("sent");
            let told = all(&mut stream).await;
            let told = told.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
            assert!(told.starts_with("HTTP/1.1 408"), "{path} {head}: {told}");
            assert!(told.contains(content_type) && told.contains("connection: close"), "{path} {head}: {told}");
            assert!(told.contains("the body did not come in time"), "{path} {head}: {told}");
        }
    }
    // A body that comes byte for byte is measured by the same deadline.
    let mut stream = world.say("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").await;
    let (mut reading, mut writing) = stream.split();
    let dripping = async {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut told = vec![0; 1024];
    let read = tokio::select! {
        read = reading.read(&mut told) => read.expect("an answer"),
        () = dripping => panic!("it was closed without a word"),
    };
    assert!(told[..read].starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&told[..read]));
    // A whole one is taken, however it comes.
    let mut stream =
        world.say("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nconnection: close\r\n\r\n1").await;
    stream.write_all(b"23").await.expect("sent");
    assert!(all(&mut stream).await.ends_with("3 bytes"));
    world.ended().await;
}

#[tokio::test]
async fn half_a_head_is_answered_and_silence_is_not() {
    let world = world(Bounds { head: SHORT, idle: NEVER, ..patient() }).await;
    let mut silent = world.connect().await;
    for half in ["G", "GET /quick HT", "GET /quick HTTP/1.1\r\nhost: x\r\nx-"] {
        let told = all(&mut world.say(half).await).await;
        assert!(told.starts_with("HTTP/1.1 408") && told.contains("problem+json"), "{half:?}: {told}");
    }
    // A preface of HTTP/2 that does not end is closed: there is no telling in which protocol to answer.
    assert_eq!(all(&mut world.say("PRI * HT").await).await, "");
    // Time that passed between two requests is not the second one's.
    let mut stream = world.say(QUICK).await;
    until(&mut stream, "hello").await;
    tokio::time::sleep(SHORT * 2).await;
    stream.write_all(QUICK.as_bytes()).await.expect("sent");
    until(&mut stream, "hello").await;
    stream.write_all(b"GET /qui").await.expect("sent");
    assert!(all(&mut stream).await.starts_with("HTTP/1.1 408"));
    // Who has said nothing all the while may still speak.
    silent.write_all(QUICK.as_bytes()).await.expect("sent");
    until(&mut silent, "hello").await;
    world.ended().await;
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_after_a_while() {
    let world = world(Bounds { idle: SHORT, ..patient() }).await;
    assert_eq!(all(&mut world.connect().await).await, "");
    let mut stream = world.say(QUICK).await;
    until(&mut stream, "hello").await;
    assert_eq!(all(&mut stream).await, "");
    world.ended().await;
}

/// Reads an answer that is too large for the system to hold, with a pause after each of 16 parts; says how much of it came.
async fn read_slowly(world: &World, pause: Duration) -> usize {
    let mut stream = world.say("GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let (mut part, mut got, mut paused) = (vec![0; 256 << 10], 0, 0);
    while let Ok(read @ 1..) = tokio::time::timeout(PATIENCE, stream.read(&mut part)).await.expect("in time") {
        got += read;
        if got / (LARGE / 16) > paused {
            paused += 1;
            tokio::time::sleep(pause).await;
        }
    }
    got
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_its_connection_and_a_slow_one_does_not() {
    let world = world(Bounds { unread: SHORT * 2, ..patient() }).await;
    let (stuck, slow) = tokio::join!(read_slowly(&world, SHORT * 5), read_slowly(&world, SHORT / 5));
    assert!(stuck < LARGE, "{stuck} bytes came: it was not closed");
    assert!(slow >= LARGE, "{slow} bytes came: it was closed while it was read");
    world.ended().await;
}

#[tokio::test]
async fn one_address_has_its_share_and_its_idle_connections_make_place() {
    let bounds = Bounds { connections: 100, connections_per_address: 3, ..patient() };
    let world = world(bounds).await;
    let mut idle = world.say(QUICK).await;
    until(&mut idle, "hello").await;
    let mut busy = Vec::new();
    let half = "POST /body HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n";
    for _ in 0..3 {
        // The idle one has to go for the third.
        let mut stream = world.say(half).await;
        until(&mut stream, "100 Continue").await;
        busy.push(stream);
    }
    assert_eq!(all(&mut idle).await, "");
    for _ in 0..3 {
        let told = all(&mut world.connect().await).await;
        assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after: 1"), "{told}");
        assert!(told.contains("TOO_MANY_CONNECTIONS"), "{told}");
    }
    drop(busy);
    let again = async {
        loop {
            let mut stream = world.say(QUICK).await;
            let mut part = [0; 12];
            if stream.read_exact(&mut part).await.is_ok() && part.ends_with(b"200") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("there is room again");
    world.ended().await;
}

#[tokio::test]
async fn one_address_leaves_half_of_the_operations_listener_to_probes() {
    let operations = Bounds::operations();
    let most = operations.connections;
    let world = world(Bounds { head: NEVER, ..operations }).await;
    let mut held = Vec::new();
    for _ in 0..most {
        let elsewhere = TcpSocket::new_v4().expect("a socket");
        elsewhere.bind("127.0.0.2:0".parse().expect("an address")).expect("another address of this machine");
        let mut stream = elsewhere.connect(world.address).await.expect("a connection");
        stream.write_all(b"GET /quick HT").await.expect("sent");
        held.push(stream);
    }
    let mut probe = world.say(QUICK).await;
    until(&mut probe, "hello").await;
    drop((held, probe));
    world.ended().await;
}
