//! Requests as servers see them.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use vitrine_platform_config::yaml;
use vitrine_platform_fetch::{Client, Error, Limits, Request, Settings};
use vitrine_platform_tls as tls;

const LIMITS: Limits = Limits { within: Duration::from_secs(20), max_response_bytes: 1000 };

fn settings(text: &str, folder: &Path) -> Result<Settings, Vec<String>> {
    let read = yaml::read(text, |root, reader| Some(Settings::read(reader, &mut reader.fields(root)?, folder)));
    read.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

/// Reads the head of a request, answers, and returns what it read.
async fn serve(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, answer: &str) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    stream.write_all(answer.as_bytes()).await.expect("answered");
    String::from_utf8(head).expect("text")
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

#[tokio::test]
async fn settings_become_headers_and_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), "s3cret\n").expect("written");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    for (text, url, expected) in [
        ("{}", "http://SERVER/a?b=c", &["GET /a?b=c HTTP/1.1", "user-agent: vitrine/"][..]),
        ("{}", "http://ada:a%20b@SERVER/", &["authorization: Basic YWRhOmEgYg=="]),
        (
            "basic_auth: {username: ada, password_file: secret}",
            "http://SERVER/",
            &["authorization: Basic YWRhOnMzY3JldA=="],
        ),
        ("authorization: {credentials_file: secret}", "http://SERVER/", &["authorization: Bearer s3cret"]),
        ("bearer_token: abc", "http://SERVER/", &["authorization: Bearer abc"]),
        (
            "http_headers: {X-A: {values: [one, two], files: [secret]}}",
            "http://SERVER/",
            &["x-a: one", "x-a: two", "x-a: s3cret"],
        ),
        (
            "proxy_url: 'http://u:p@SERVER'",
            "http://elsewhere.example/x",
            &["GET http://elsewhere.example/x HTTP/1.1", "proxy-authorization: Basic dTpw"],
        ),
    ] {
        let (text, url) = (text.replace("SERVER", &address.to_string()), url.replace("SERVER", &address.to_string()));
        let client = Client::new(&settings(&text, folder.path()).expect("settings")).expect("a client");
        let serving = async { serve(listener.accept().await.expect("a connection").0, FINE).await };
        let (head, answer) = tokio::join!(serving, client.send(Request::get(url), LIMITS));
        assert_eq!(&answer.expect("answered").body[..], b"fine");
        for expected in expected {
            assert!(head.contains(expected), "{text}: {expected}\n{head}");
        }
    }
}

#[tokio::test]
async fn a_unix_socket_and_a_tunnel_are_ways_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let client = Client::new(&Settings { unix_socket: Some(path), ..Settings::default() }).expect("a client");
    let serving = async { serve(listener.accept().await.expect("a connection").0, FINE).await };
    let (head, answer) = tokio::join!(serving, client.send(Request::get("http://docker/containers"), LIMITS));
    assert!(head.starts_with("GET /containers HTTP/1.1") && answer.is_ok(), "{head}");

    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = proxy.local_addr().expect("bound");
    let text = format!("proxy_url: 'http://u:p@{address}'\nproxy_connect_header: {{X-Way: [through]}}");
    let client = settings(&text, folder.path()).expect("settings");
    let client = Client::new(&client).expect("a client");
    let serving = async { serve(proxy.accept().await.expect("a connection").0, "HTTP/1.1 403 no\r\n\r\n").await };
    let (head, answer) = tokio::join!(serving, client.send(Request::get("https://elsewhere.example/"), LIMITS));
    assert!(head.starts_with("CONNECT elsewhere.example:443 HTTP/1.1"), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic dTpw\r\nx-way: through\r\n"), "{head}");
    let told = answer.expect_err("the proxy refuses").to_string();
    assert!(told.contains("the proxy answered 403"), "{told}");
}

#[tokio::test]
async fn certificates_are_believed_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = vitrine_tests_engines::Certificates::new(folder.path()).expect("an authority");
    let (certificate, key) = certificates.issue("localhost").expect("issued");
    let server = tls::Server::new(&tls::Files { certificate, key, ..tls::Files::default() }).expect("a server");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let authority = std::fs::read_to_string(folder.path().join("ca.pem")).expect("an authority");
    let url = format!("https://localhost:{}/", listener.local_addr().expect("bound").port());
    for (text, is_believed) in [
        ("tls_config: {ca_file: ca.pem}", true),
        (&format!("tls_config: {{ca: {authority:?}}}"), true),
        ("tls_config: {insecure_skip_verify: true}", true),
        ("tls_config: {ca_file: ca.pem, server_name: other.example}", false),
        ("{}", false),
    ] {
        // What serves here speaks HTTP/1.1 only.
        let settings = Settings { refuses_http2: true, ..settings(text, folder.path()).expect("settings") };
        let client = Client::new(&settings).expect("a client");
        let serving = async {
            // One who does not believe the certificate says so, and goes.
            if let Ok(stream) = server.accept(listener.accept().await.expect("a connection").0).await {
                serve(stream, FINE).await;
            }
        };
        let (_, answer) = tokio::join!(serving, client.send(Request::get(&url), LIMITS));
        assert_eq!(answer.is_ok(), is_believed, "{text}: {answer:?}");
    }
}

#[tokio::test]
async fn what_takes_too_long_or_says_too_much_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let client = Client::new(&Settings::default()).expect("a client");
    // Never answered: connections are made and nothing is said.
    let hasty = Limits { within: Duration::from_millis(30), ..LIMITS };
    assert!(matches!(client.send(Request::get(&url), hasty).await, Err(Error::Late(_))));
    let _hung = listener.accept().await.expect("a connection");
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n{}", "x".repeat(1001));
    let serving = async { serve(listener.accept().await.expect("a connection").0, &long).await };
    let (_, answer) = tokio::join!(serving, client.send(Request::get(&url), LIMITS));
    assert!(matches!(answer, Err(Error::TooLong(1000))), "{answer:?}");
    let serving = async { drop(listener.accept().await.expect("a connection")) };
    let (_, answer) = tokio::join!(serving, client.send(Request::get(&url), LIMITS));
    assert!(matches!(answer, Err(Error::Unreachable(_))), "{answer:?}");
    for bad in ["", "ftp://a/", "http://", "/path", "http://a b/", "https://:80/"] {
        assert!(matches!(client.send(Request::get(bad), LIMITS).await, Err(Error::Url(_))), "{bad}");
    }
}

#[test]
fn settings_that_cannot_be_meant_are_told_without_their_secrets() {
    for (text, told) in [
        ("basic_auth: {username: a, password: hunter2, password_file: f}", "password and password_file are both set"),
        ("basic_auth: {username: a}\nbearer_token: hunter2", "basic_auth and bearer_token are both set"),
        ("authorization: {type: Basic, credentials: hunter2}", "Basic is set by basic_auth"),
        ("proxy_url: 'socks5://a'", "proxy_url: expected the URL of an HTTP proxy"),
        ("http_headers: {'a b': {values: [x]}}", "is no name of a header"),
        ("http_headers: {a: {secrets: [\"hunter2\\n\"]}}", "holds what no header may hold"),
        ("oauth2: {client_id: a}", "the field \"token_url\" is missing"),
        ("oauth2: {client_id: a, token_url: ftp}", "token_url: expected a URL"),
        (
            "oauth2: {client_id: a, token_url: 'http://a/', client_secret: hunter2, client_secret_file: f}",
            "are both set",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a/', grant_type: password}",
            "grant_type: expected client_credentials",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a/'}\nbearer_token: hunter2",
            "bearer_token and oauth2 are both set",
        ),
        ("no_proxy: a", "if no_proxy is configured, proxy_url must also be configured"),
        ("proxy_from_environment: true\nproxy_url: 'http://a'", "proxy_url must not be configured"),
        ("proxy_connect_header: {a: [hunter2]}", "proxy_url or proxy_from_environment must also be configured"),
        ("tls_config: {key: hunter2, key_file: f}", "key and key_file are both set"),
        ("tls_config: {keys: hunter2}", "unknown field \"keys\""),
    ] {
        let mistakes = settings(text, Path::new("")).expect_err(text).join("\n");
        assert!(mistakes.contains(told) && !mistakes.contains("hunter2"), "{text}: {mistakes}");
    }
    let shown = format!("{:?}", settings("bearer_token: hunter2", Path::new("")).expect("settings"));
    assert!(!shown.contains("hunter2"), "{shown}");
}
