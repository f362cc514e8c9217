//! Requests that are hardly HTTP: each gets an answer in the promised form, no matter who refuses it.

use std::time::Duration;

use axum::extract::{Path, Query};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use vitrine_platform_http::{
    Router, bind, health_routes, nowhere, operations_routes, plain_bodies, problem_errors, serve, with_error_format,
};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Filter {
    limit: u8,
}

fn router() -> Router {
    let routes = Router::new()
        .route("/items/{id}", get(async |Path(id): Path<String>| id))
        .route("/items", get(async |Query(Filter { limit }): Query<Filter>| limit.to_string()))
        .route("/take", post(async |body: String| body))
        .route("/silent", get(async || axum::http::StatusCode::CONFLICT))
        .route("/panics", get(async || -> &'static str { panic!("as asked") }));
    with_error_format(plain_bodies(nowhere(routes, problem_errors)), problem_errors)
}

/// What a router answers to these bytes, until the connection ends.
async fn response_to(router: Router, bytes: &[u8]) -> String {
    let tcp = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let (address, stop) = (tcp.local_addr().expect("an address"), CancellationToken::new());
    tokio::spawn(serve(tcp, router, stop.clone(), PATIENCE));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    stream.shutdown().await.expect("sent");
    let mut text = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("closed in time");
    stop.cancel();
    String::from_utf8_lossy(&text).into_owned()
}

/// Status, code and field of the problem that an answer is.
fn problem(response_to: &str) -> (u16, String, String) {
    let (head, body) = response_to.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {response_to:?}"));
    assert!(head.contains("content-type: application/problem+json"), "{response_to}");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {response_to}"));
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    assert!(!text("detail").is_empty() && !text("expected").is_empty(), "{response_to}");
    let status = head[9..12].parse().expect("a status");
    assert_eq!(body["status"], status, "{response_to}");
    (status, text("code"), text("field"))
}

/// A request, and the status, code and field of the problem that it is answered with.
type Case<'a> = (&'a [u8], u16, &'a str, &'a str);

async fn check(cases: &[Case<'_>]) {
    for (bytes, status, code, field) in cases {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(90)]).into_owned();
        let answer = response_to(router(), bytes).await;
        assert!(!answer.is_empty(), "no answer: {shown}");
        assert_eq!(problem(&answer), (*status, (*code).to_owned(), (*field).to_owned()), "{shown}\n{answer}");
    }
}

#[tokio::test]
async fn whatever_is_refused_is_told_as_a_problem() {
    let large = format!("POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{}", 3 << 20, "a".repeat(3 << 20));
    let cases: Vec<Case> = vec![
        // No route, no method, no parameters.
        (b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", 404, "NO_SUCH_ROUTE", "path"),
        (b"GET //items HTTP/1.1\r\nhost: x\r\n\r\n", 404, "NO_SUCH_ROUTE", "path"),
        (b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", 404, "NO_SUCH_ROUTE", "path"),
        (b"GET /%ff HTTP/1.1\r\nhost: x\r\n\r\n", 404, "NO_SUCH_ROUTE", "path"),
        (b"PUT /take HTTP/1.1\r\nhost: x\r\n\r\n", 405, "METHOD_NOT_ALLOWED", "method"),
        (b"BREW /items HTTP/1.1\r\nhost: x\r\n\r\n", 405, "METHOD_NOT_ALLOWED", "method"),
        (b"GET /items/%ff%fe HTTP/1.1\r\nhost: x\r\n\r\n", 400, "INVALID_PATH", "id"),
        (b"GET /items/%c3%28 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "INVALID_PATH", "id"),
        (b"GET /items?limit=many HTTP/1.1\r\nhost: x\r\n\r\n", 400, "INVALID_QUERY", "query"),
        (b"GET /items HTTP/1.1\r\nhost: x\r\n\r\n", 400, "INVALID_QUERY", "query"),
        (b"GET /items?limit=1&a=%ff HTTP/1.1\r\nhost: x\r\n\r\n", 400, "INVALID_QUERY", "a"),
        (b"GET /items?limit=%c3%28 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "INVALID_QUERY", "limit"),
        (b"GET /items?%e9=1 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "INVALID_QUERY", "%e9"),
        // Bodies.
        (b"POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n\xff\xfe", 400, "INVALID_REQUEST", "request"),
        (
            b"POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-encoding: gzip\r\n\r\nx",
            415,
            "UNSUPPORTED_ENCODING",
            "Content-Encoding",
        ),
        (large.as_bytes(), 413, "BODY_TOO_LARGE", "body"),
        // Handlers that say nothing.
        (b"GET /silent HTTP/1.1\r\nhost: x\r\n\r\n", 409, "INVALID_REQUEST", "request"),
        (b"GET /panics HTTP/1.1\r\nhost: x\r\n\r\n", 500, "INTERNAL", "request"),
        // Hosts.
        (b"GET /items/1 HTTP/1.1\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost: x\r\nHost: y\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost:\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost: a b\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost: a/b\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost: u@a\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost: a:port\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.1\r\nhost: \xff\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET http://x/items/1 HTTP/1.1\r\n\r\n", 400, "INVALID_HOST", "Host"),
        (b"GET /items/1 HTTP/1.0\r\nhost: a b\r\n\r\n", 400, "INVALID_HOST", "Host"),
    ];
    check(&cases).await;
}

#[tokio::test]
async fn what_is_refused_before_any_code_of_ours_is_told_as_a_problem() {
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(65_600));
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx-y: {}\r\n\r\n", "a".repeat(140_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    let cases: Vec<Case> = vec![
        (b"NOT HTTP AT ALL\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"GET /items/\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"GET / HTTP/1.1\r\nhost : x\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: \0\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (
            b"POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            400,
            "MALFORMED_REQUEST",
            "request",
        ),
        (b"POST /take HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (b"POST /take HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", 400, "MALFORMED_REQUEST", "request"),
        (long.as_bytes(), 414, "URI_TOO_LONG", "request"),
        (huge.as_bytes(), 431, "HEAD_TOO_LARGE", "request"),
        (many.as_bytes(), 431, "HEAD_TOO_LARGE", "request"),
    ];
    check(&cases).await;
}

#[tokio::test]
async fn what_is_odd_but_sound_is_answered() {
    for sound in [
        "GET /items/a%20b HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /items/%zz HTTP/1.1\r\nhost: x:80\r\n\r\n",
        "GET /items?limit=%31&a=%c3%a9&b=%&c=%z&d=%4 HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /items/1 HTTP/1.0\r\n\r\n",
        "GET http://x/items/1 HTTP/1.1\r\nHOST: [::1]:8080\r\n\r\n",
        "\r\nGET /items/1 HTTP/1.1\r\nHost:   shop.example:  \r\n\r\n",
        "POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-encoding: identity\r\n\r\n1",
        "POST /take HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
    ] {
        let answer = response_to(router(), sound.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"), "{sound}\n{answer}");
    }
    // Whatever is quoted, an answer is short.
    for long in ["/nothing", "/items?limit=", "/items?limit=1&%ff"].map(|path| format!("{path}{}", "a".repeat(60_000)))
    {
        let answer = response_to(router(), format!("GET {long} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
        assert!(problem(&answer).0 >= 400 && answer.len() < 1500, "{} bytes", answer.len());
    }
    // Who says no Host is not heard further.
    let told_twice =
        response_to(router(), b"GET /items/1 HTTP/1.1\r\n\r\nGET /items/2 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(told_twice.contains("connection: close") && told_twice.matches("HTTP/1.1 ").count() == 1, "{told_twice}");
    // Allow comes through, and so does what a client may compress with.
    let refused = response_to(router(), b"PUT /items HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(
        refused.to_lowercase().contains("allow: get,head") && refused.contains("PUT is not possible here"),
        "{refused}"
    );
    let encoded = b"POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-encoding: br\r\n\r\nx";
    assert!(response_to(router(), encoded).await.to_lowercase().contains("accept-encoding: identity"));
}

#[tokio::test]
async fn operators_have_health_and_metrics_and_nothing_else() {
    let operations = || operations_routes(health_routes(|| false), || None);
    for (line, status, text) in [
        ("GET /healthz", "200", "ok"),
        ("GET /readyz", "503", "not ready"),
        ("HEAD /healthz", "200", ""),
        ("POST /healthz", "405", "POST is not possible here"),
        ("GET /", "404", "there is nothing at GET /"),
        ("GET /metrics", "503", "starting: there are no metrics yet"),
        ("POST /metrics", "405", "POST is not possible here"),
    ] {
        let answer = response_to(operations(), format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(text), "{line}: {answer}");
        assert!(answer.contains("content-type: text/plain"), "{line}: {answer}");
    }
}
