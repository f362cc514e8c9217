//! Redirects, access tokens, HTTP/2 and bodies that come little by little, as servers see them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use vitrine_platform_config::yaml;
use vitrine_platform_fetch::{Client, Error, Limits, Request, Settings};
use vitrine_platform_tls as tls;

const LIMITS: Limits = Limits { within: Duration::from_secs(20), max_response_bytes: 1000 };

fn client(text: &str, folder: &Path) -> Client {
    let read = yaml::read(text, |root, reader| Some(Settings::read(reader, &mut reader.fields(root)?, folder)));
    Client::new(&read.unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))).expect("a client")
}

/// What a server was asked.
#[derive(Debug)]
struct RequestInfo {
    line: String,
    headers: http::HeaderMap,
    body: String,
}

impl RequestInfo {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// A server that answers by a function, and what it was asked.
struct Server {
    address: String,
    asked: UnboundedReceiver<RequestInfo>,
}

type Reply = (u16, &'static str, String);

impl Server {
    async fn start(answer: impl Fn(&RequestInfo) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer).await
    }

    async fn start_with(
        tls: Option<tls::Server>,
        answer: impl Fn(&RequestInfo) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let (sender, asked) = unbounded_channel();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, sender, tls) = (answer.clone(), sender.clone(), tls.clone());
                let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
                    let (answer, sender) = (answer.clone(), sender.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.expect("a body").to_bytes();
                        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
                        let asked = RequestInfo {
                            line: format!("{} {path} {:?}", head.method, head.version),
                            headers: head.headers,
                            body: String::from_utf8(body.to_vec()).expect("text"),
                        };
                        let (status, location, text) = answer(&asked);
                        let _ = sender.send(asked);
                        let mut response = Response::new(Full::new(Bytes::from(text)));
                        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
                        if !location.is_empty() {
                            response.headers_mut().insert("location", location.parse().expect("a header"));
                        }
                        Ok::<_, std::convert::Infallible>(response)
                    }
                });
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = match tls {
                        Some(tls) => {
                            let stream = tls.accept(stream).await.expect("a handshake");
                            server.serve_connection(TokioIo::new(stream), service).await
                        }
                        None => server.serve_connection(TokioIo::new(stream), service).await,
                    };
                });
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn next(&mut self) -> RequestInfo {
        self.asked.recv().await.expect("asked")
    }
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn redirects_are_followed_as_their_status_says() {
    for (status, method, expected) in [
        (301, Method::GET, "GET /b?c HTTP/1.1"),
        (302, Method::POST, "GET /b?c HTTP/1.1"),
        (303, Method::PUT, "GET /b?c HTTP/1.1"),
        (307, Method::POST, "POST /b?c HTTP/1.1"),
        (308, Method::PUT, "PUT /b?c HTTP/1.1"),
    ] {
        let mut server = Server::start(move |asked| {
            if asked.line.contains("/a/") { (status, "../b?c#d", String::new()) } else { (200, "", "there".to_owned()) }
        })
        .await;
        let client = client("bearer_token: s3cret", Path::new(""));
        let asked = Request { method, ..Request::post(server.url("/a/x"), "text/plain", "told") };
        let answer = client.send(asked, LIMITS).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"there"[..]), "{status}");
        server.next().await;
        let second = server.next().await;
        let keeps = expected.starts_with('P');
        assert_eq!((second.line.as_str(), second.body.as_str()), (expected, if keeps { "told" } else { "" }));
        assert_eq!(
            (second.header("authorization"), !second.header("content-type").is_empty()),
            ("Bearer s3cret", keeps)
        );
    }
}

#[tokio::test]
async fn a_redirect_may_be_an_answer_and_a_loop_ends() {
    let mut server = Server::start(|_| (302, "/again", String::new())).await;
    let refusing = client("follow_redirects: false", Path::new(""));
    let answer = refusing.send(Request::get(server.url("/")), LIMITS).await.expect("an answer");
    assert_eq!(answer.status, 302);
    server.next().await;
    let told = client("{}", Path::new("")).send(Request::get(server.url("/")), LIMITS).await.expect_err("a loop");
    assert!(matches!(told, Error::Redirects) && told.to_string() == "stopped after 10 redirects", "{told}");
    for _ in 0..11 {
        server.next().await;
    }
    assert!(server.asked.try_recv().is_err(), "no more than ten redirects");
    for location in ["http://", "ftp://a/", "//"] {
        let server = Server::start(move |_| (302, location, String::new())).await;
        let told = client("{}", Path::new("")).send(Request::get(server.url("/")), LIMITS).await.expect_err(location);
        assert!(matches!(told, Error::Url(_)), "{location}: {told}");
    }
}

#[tokio::test]
async fn no_secret_goes_along_to_another_server() {
    let mut back = Server::start(|_| (200, "", "there".to_owned())).await;
    let home = back.url("/home");
    // Also when it leads back: who was in between may have chosen where.
    let mut other = Server::start(move |_| (302, leaked(home.clone()), String::new())).await;
    let away = other.url("/away");
    let mut first = Server::start(move |_| (307, leaked(away.clone()), String::new())).await;
    let text = "basic_auth: {username: ada, password: s3cret}\nhttp_headers: {X-Key: {secrets: [s3cret]}}";
    let client = client(text, Path::new(""));
    let mut asked = Request::get(first.url("/"));
    asked.headers.insert("cookie", "s3cret".parse().expect("a header"));
    asked.headers.insert("x-plain", "yes".parse().expect("a header"));
    client.send(asked, LIMITS).await.expect("an answer");
    let begun = first.next().await;
    assert_eq!((begun.header("x-key"), !begun.header("authorization").is_empty()), ("s3cret", true));
    for asked in [other.next().await, back.next().await] {
        assert!(!format!("{asked:?}").contains("s3cret") && asked.header("authorization").is_empty(), "{asked:?}");
        assert_eq!(asked.header("x-plain"), "yes");
    }
}

fn token(kind: &str, expires: &str) -> String {
    format!(r#"{{"access_token": "tok", "token_type": "{kind}", "expires_in": {expires}}}"#)
}

#[tokio::test]
async fn tokens_are_asked_for_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), "one\n").expect("written");
    let mut tokens = Server::start(|_| (200, "", token("bearer", "3600"))).await;
    let mut api =
        Server::start(|asked| (if asked.line.contains("/refused") { 401 } else { 200 }, "", String::new())).await;
    let text = format!(
        "oauth2: {{client_id: 'a:b', client_secret_file: secret, token_url: '{}', scopes: [x, y], endpoint_params: {{audience: z}}}}",
        tokens.url("/token")
    );
    let client = client(&text, folder.path());
    let ask = async |path: &str| client.send(Request::get(api.url(path)), LIMITS).await.expect("an answer");
    ask("/1").await;
    ask("/2").await;
    let asked = tokens.next().await;
    assert_eq!(asked.line, "POST /token HTTP/1.1");
    assert_eq!(asked.body, "grant_type=client_credentials&scope=x%20y&audience=z");
    // "a%3Ab:one"
    assert_eq!(asked.header("authorization"), "Basic YSUzQWI6b25l");
    assert!(tokens.asked.try_recv().is_err(), "kept until it is used up");
    // A secret that changed, and a token that was refused, are reasons for another one.
    std::fs::write(folder.path().join("secret"), "two\n").expect("written");
    ask("/3").await;
    assert_eq!(tokens.next().await.header("authorization"), "Basic YSUzQWI6dHdv");
    ask("/refused").await;
    ask("/4").await;
    tokens.next().await;
    for _ in 0..5 {
        assert_eq!(api.next().await.header("authorization"), "Bearer tok");
    }
}

#[tokio::test]
async fn token_servers_differ() {
    // It takes id and secret in the body only; what it gives is used up at once.
    let mut tokens = Server::start(|asked| {
        if asked.header("authorization").is_empty() {
            (200, "", token("Custom", "\"9\""))
        } else {
            (401, "", String::new())
        }
    })
    .await;
    let mut api = Server::start(|_| (200, "", String::new())).await;
    let text = format!("oauth2: {{client_id: a, client_secret: b, token_url: '{}'}}", tokens.url("/"));
    let client = client(&text, Path::new(""));
    for _ in 0..2 {
        client.send(Request::get(api.url("/")), LIMITS).await.expect("an answer");
        assert_eq!(api.next().await.header("authorization"), "Custom tok");
    }
    assert_eq!(tokens.next().await.body, "grant_type=client_credentials");
    for _ in 0..2 {
        assert_eq!(tokens.next().await.body, "grant_type=client_credentials&client_id=a&client_secret=b");
    }
}

#[tokio::test]
async fn why_there_is_no_token_is_told() {
    for (status, body, expected) in [
        (
            400,
            r#"{"error": "invalid_client", "error_description": "who?"}"#,
            "the server answered 400 Bad Request: invalid_client: who?",
        ),
        (500, "<html>", "the server answered 500 Internal Server Error"),
        (200, "<html>", "the server's answer cannot be read"),
        (200, "{}", "the server's answer has no access_token"),
        (
            200,
            leaked(format!(r#"{{"access_token": "{}"}}"#, "x".repeat(70_000))),
            "the answer is longer than 65536 bytes",
        ),
    ] {
        let tokens = Server::start(move |_| (status, "", body.to_owned())).await;
        let text = format!("oauth2: {{client_id: a, client_secret: hunter2, token_url: '{}'}}", tokens.url("/"));
        let client = client(&text, Path::new(""));
        let told = client.send(Request::get("http://127.0.0.1:1/"), LIMITS).await.expect_err("no token").to_string();
        assert!(told.starts_with(&format!("no access token: {expected}")) && !told.contains("hunter2"), "{told}");
    }
    // One that hangs takes no longer than the request itself may.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let client = client(&format!("oauth2: {{client_id: a, token_url: '{url}'}}"), Path::new(""));
    let hasty = Limits { within: Duration::from_millis(30), ..LIMITS };
    for _ in 0..2 {
        let told = client.send(Request::get("http://127.0.0.1:1/"), hasty).await.expect_err("no token");
        assert!(matches!(told, Error::Late(_)), "{told}");
    }
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_wants_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = vitrine_tests_engines::Certificates::new(folder.path()).expect("an authority");
    let (certificate, key) = certificates.issue("localhost").expect("issued");
    let server = tls::Server::new(&tls::Files { certificate, key, ..tls::Files::default() }).expect("a server");
    let mut server = Server::start_with(Some(server), |_| (200, "", "fine".to_owned())).await;
    let url = format!("https://localhost:{}/x", server.address.rsplit_once(':').expect("a port").1);
    for (text, expected) in [
        ("tls_config: {ca_file: ca.pem}", "GET /x HTTP/2.0"),
        ("tls_config: {ca_file: ca.pem}\nenable_http2: false", "GET /x HTTP/1.1"),
    ] {
        let answer = client(text, folder.path()).send(Request::get(&url), LIMITS).await.expect("an answer");
        assert_eq!((&answer.body[..], server.next().await.line.as_str()), (&b"fine"[..], expected));
    }
}

#[tokio::test]
async fn a_body_is_read_as_it_comes() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let client = client("{}", Path::new(""));
    let (mut opened, mut stream) =
        tokio::join!(async { client.open(Request::get(&url), LIMITS.within).await.expect("a head") }, async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            while stream.read_u8().await.expect("a head") != b'\n' {}
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n";
            stream.write_all(head).await.expect("written");
            stream
        });
    assert_eq!(opened.status, 200);
    assert_eq!(opened.next(LIMITS.within).await.expect("a part").as_deref(), Some(&b"one"[..]));
    let silent = opened.next(Duration::from_millis(10)).await;
    assert!(matches!(silent, Err(Error::Late(_))), "{silent:?}");
    stream.write_all(b"3\r\ntwo\r\n0\r\n\r\n").await.expect("written");
    assert_eq!(opened.next(LIMITS.within).await.expect("a part").as_deref(), Some(&b"two"[..]));
    assert_eq!(opened.next(LIMITS.within).await.expect("the end"), None);
}
