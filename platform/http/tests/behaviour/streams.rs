//! The same over HTTP/2, where many requests share a connection.

use std::time::Duration;

use axum::body::Bytes;
use axum::routing::{get, post};
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use vitrine_platform_http::{Bounds, Listener, Router, bind, grpc_routes, problem_errors, serve, with_error_format};

use crate::routes::transport;

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);
/// A bound that a test waits for.
const SHORT: Duration = Duration::from_millis(500);
/// A bound that no test waits for.
const NEVER: Duration = Duration::from_secs(3600);
/// More than a client takes that opens no window.
const LARGE: usize = 1 << 20;

/// A connection to a listener, and what became of it.
struct World {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    stop: CancellationToken,
}

async fn world(bounds: Bounds, window: u32) -> World {
    let router = Router::new()
        .route("/quick", get(async || "hello"))
        .route("/large", get(async || vec![b'x'; LARGE]))
        .route("/body", post(async |body: Bytes| format!("{} bytes", body.len())));
    world_of(with_error_format(router, problem_errors), bounds, window).await
}

async fn world_of(router: Router, bounds: Bounds, window: u32) -> World {
    let tcp = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let (address, stop) = (tcp.local_addr().expect("an address"), CancellationToken::new());
    tokio::spawn(serve(Listener::from(tcp).with_bounds(bounds), router, stop.clone(), PATIENCE));
    let stream = TcpStream::connect(address).await.expect("a connection");
    let mut client = h2::client::Builder::new();
    let (requests, connection) = client.initial_window_size(window).handshake(stream).await.expect("HTTP/2");
    World { requests, connection: tokio::spawn(connection), stop }
}

fn patient() -> Bounds {
    Bounds { handshake: NEVER, head: NEVER, request: NEVER, idle: NEVER, unread: NEVER, ..Bounds::default() }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

/// The body of an answer, taken as it comes, and its trailers.
async fn whole(answer: Response<RecvStream>) -> Result<(String, HeaderMap), h2::Error> {
    let (head, mut body) = answer.into_parts();
    let mut bytes = Vec::new();
    while let Some(part) = in_time(body.data()).await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        bytes.extend_from_slice(&part);
    }
    let mut trailers = head.headers;
    trailers.extend(in_time(body.trailers()).await?.unwrap_or_default());
    Ok((String::from_utf8_lossy(&bytes).into_owned(), trailers))
}

impl World {
    /// Sends a head; the body is still to come, if there is one.
    fn ask(
        &mut self,
        request: http::request::Builder,
        is_whole: bool,
    ) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        self.requests.send_request(request.body(()).expect("a request"), is_whole).expect("sent")
    }

    async fn is_well(&mut self) -> bool {
        let (answer, _) = self.ask(Request::get("http://x/quick"), true);
        in_time(answer).await.is_ok_and(|answer| answer.status() == 200)
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_answered_and_its_neighbours_are_not_touched() {
    let mut world = world(Bounds { request: SHORT, ..patient() }, 65_535).await;
    let (answer, mut body) = world.ask(Request::post("http://x/body").header("content-length", "100"), false);
    body.send_data(Bytes::from_static(b"1"), false).expect("sent");
    assert!(world.is_well().await);
    let answer = in_time(answer).await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (408, &"application/problem+json".parse().expect("a value"))
    );
    assert!(world.is_well().await);
}

#[tokio::test]
async fn a_message_that_does_not_end_is_answered_as_grpc_says_it() {
    let router = grpc_routes(transport, Routes::default());
    let mut world = world_of(router, Bounds { request: SHORT, ..patient() }, 65_535).await;
    let (call, mut message) =
        world.ask(Request::post("http://x/vitrine.reads.v1.X/Y").header("content-type", "application/grpc"), false);
    message.send_data(Bytes::from_static(b"\0\0\0\0\x09"), false).expect("sent");
    let call = in_time(call).await.expect("an answer");
    assert_eq!(call.status(), 200);
    let (_, trailers) = whole(call).await.expect("whole");
    assert_eq!(trailers["grpc-status"], "4", "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_stream_whose_client_opens_no_window_is_reset() {
    for path in ["/quick", "/large"] {
        let mut world = world(Bounds { unread: SHORT, ..patient() }, 0).await;
        let (answer, _) = world.ask(Request::get(format!("http://x{path}")), true);
        let answer = in_time(answer).await.expect("a head needs no window");
        let error = whole(answer).await.expect_err(path);
        assert_eq!(error.reason(), Some(Reason::CANCEL), "{path}: {error}");
    }
    // A caller that opens it gets all, however many windows that takes.
    let mut world = world(Bounds { unread: SHORT * 4, ..patient() }, 65_535).await;
    let (answer, _) = world.ask(Request::get("http://x/large"), true);
    let (text, _) = whole(in_time(answer).await.expect("an answer")).await.expect("whole");
    assert_eq!(text.len(), LARGE);
}

#[tokio::test]
async fn a_connection_without_a_request_is_told_to_go() {
    let mut world = world(Bounds { idle: SHORT, ..patient() }, 65_535).await;
    assert!(world.is_well().await);
    in_time(world.connection).await.expect("no panic").expect("it was told to go: no error");
}

#[tokio::test]
async fn a_stop_tells_connections_to_go() {
    let mut world = world(patient(), 65_535).await;
    let (answer, mut body) = world.ask(Request::post("http://x/body"), false);
    assert!(world.is_well().await);
    world.stop.cancel();
    // What is in flight may end; then the connection does.
    body.send_data(Bytes::from_static(b"1"), true).expect("sent");
    let (text, _) = whole(in_time(answer).await.expect("an answer")).await.expect("whole");
    assert_eq!(text, "1 bytes");
    in_time(world.connection).await.expect("no panic").expect("it was told to go: no error");
}
