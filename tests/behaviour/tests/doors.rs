//! The listeners of a running shop, as clients find them who are slow, many, or bent; and the one that is for operators.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use vitrine_tests_testkit::{Launch, Observatory, Options, PATIENCE, Placement, Shop, eventually};

/// Connections that one address may have here.
const CONNECTIONS: usize = 8;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"))
}

/// Where a base URL is.
fn place(url: &str) -> &str {
    url.trim_start_matches("http://")
}

async fn say(url: &str, text: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(place(url)).await?;
    stream.write_all(text.as_bytes()).await?;
    Ok(stream)
}

/// What comes until the other side closes.
async fn all(mut stream: TcpStream) -> Result<String> {
    let mut told = Vec::new();
    // A reset ends it as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut told)).await.context("it was not closed")?;
    Ok(String::from_utf8_lossy(&told).into_owned())
}

async fn get(url: &str, path: &str) -> Result<String> {
    all(say(url, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await?).await
}

async fn shop(variables: &[(&str, &str)]) -> Result<Shop> {
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Shop::start(binary(), Placement::Local, &Options { variables, ..Options::default() }).await
}

/// The address of the operations listener.
fn operations(shop: &mut Shop) -> Result<String> {
    Ok(shop.process()?.ready["operations"].as_str().context("an address")?.to_owned())
}

/// Half a body for each way in, and how the answer says that the other half did not come.
async fn half_bodies(shop: &Shop) -> Result<()> {
    let form = "application/x-www-form-urlencoded";
    for (url, path, content_type, said) in [
        (&shop.url, "/oauth2/token", form, "\"error\":\"invalid_request\""),
        (&shop.url, "/oauth2/revoke", form, "\"error\":\"invalid_request\""),
        (&shop.url, "/oauth2/authorize", form, "\"code\":\"REQUEST_TIMEOUT\""),
        (&shop.url, "/api/v1/customers", "application/json", "\"code\":\"REQUEST_TIMEOUT\""),
        (&shop.observe, "/api/sql", "application/sql", "{\"error\":\"the body did not come in time"),
        (&shop.observe, "/v1/traces", "application/json", "{\"code\":4,"),
        (&shop.observe, "/zipkin/api/v2/spans", "application/json", "\r\n\r\nthe body did not come in time"),
        (&shop.otlp[1], "/v1/logs", "application/json", "{\"code\":4,"),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: 100\r\n\r\n1"
        );
        let told = all(say(url, &head).await?).await?;
        ensure!(told.starts_with("HTTP/1.1 408") && told.contains(said), "{path}: {told}");
        ensure!(told.contains("connection: close"), "{path}: {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_body_holds_nothing() {
    let check = async {
        let mut shop = shop(&[("VITRINE_HTTP__REQUEST_S", "1")]).await?;
        half_bodies(&shop).await?;
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("each is answered in time");
}

/// Fills what one address may have of the shop's listener; the connections are held as long as what is returned lives.
async fn fill(url: &str) -> Result<Vec<TcpStream>> {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let expecting = "expect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
        let mut stream =
            say(url, &format!("POST /api/v1/customers HTTP/1.1\r\nhost: localhost\r\n{expecting}")).await?;
        // The handler waits for the body when this has come.
        let mut continued = [0; 25];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut continued)).await.context("nothing came")??;
        held.push(stream);
    }
    Ok(held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fills_the_shop_shuts_out_nobody_else() {
    let check = async {
        let most = CONNECTIONS.to_string();
        let mut shop =
            shop(&[("VITRINE_HTTP__MAX_CONNECTIONS_PER_ADDRESS", &most), ("VITRINE_HTTP__REQUEST_S", "600")]).await?;
        let operations = operations(&mut shop)?;
        let held = fill(&shop.url).await?;
        let told = get(&shop.url, "/healthz").await?;
        ensure!(told.starts_with("HTTP/1.1 503") && told.contains("TOO_MANY_CONNECTIONS"), "{told}");
        // Another address of this machine is another client.
        let elsewhere = TcpSocket::new_v4()?;
        elsewhere.bind("127.0.0.2:0".parse()?)?;
        let mut stream = elsewhere.connect(place(&shop.url).parse()?).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let told = all(stream).await?;
        ensure!(told.starts_with("HTTP/1.1 200"), "{told}");
        for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/", 404), ("/api/v1/products", 404)] {
            let told = get(&operations, path).await?;
            ensure!(told.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {told}");
        }
        // What asks whether the shop is well asks there.
        let status =
            tokio::process::Command::new(binary()).args(["status", "--data"]).arg(shop.data().join("up")).output();
        let told = String::from_utf8(status.await?.stdout)?;
        ensure!(told.starts_with("ready") && told.contains(&operations), "{told}");
        drop(held);
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("only who fills it is shut out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_are_told_that_a_process_drains() {
    let check = async {
        let mut shop = shop(&[("VITRINE_HTTP__REQUEST_S", "600")]).await?;
        let operations = operations(&mut shop)?;
        let mut held =
            say(&shop.url, "POST /api/v1/customers HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n").await?;
        held.write_all(b"content-type: application/json\r\ncontent-length: 2\r\n\r\n").await?;
        let mut continued = [0; 25];
        tokio::time::timeout(PATIENCE, held.read_exact(&mut continued)).await.context("nothing came")??;
        let pid = shop.process()?.id();
        tokio::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        eventually("it says that it drains", async || {
            Ok(get(&operations, "/readyz").await?.starts_with("HTTP/1.1 503").then_some(()))
        })
        .await?;
        let told = get(&operations, "/healthz").await?;
        ensure!(told.starts_with("HTTP/1.1 200"), "{told}");
        // Once it takes no new connections, those that it has are told, too.
        eventually("it takes no connections", async || {
            Ok(TcpStream::connect(place(&shop.url)).await.is_err().then_some(()))
        })
        .await?;
        // What is in flight ends, and its connection with it.
        held.write_all(b"{}").await?;
        let told = all(held).await?;
        ensure!(told.starts_with("HTTP/1.1 400") && told.contains("connection: close"), "{told}");
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("it drains and says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bent_requests_are_told_in_the_form_of_each_api() {
    let check = async {
        let mut shop = shop(&[]).await?;
        for (url, line, host, said) in [
            (&shop.url, "GET /api/v1/products/%ff", "localhost", "INVALID_PATH"),
            (&shop.url, "GET /api/v1/products?limit=%ff", "localhost", "INVALID_QUERY"),
            (&shop.url, "GET /api/v1/\u{e9}\u{7f}", "localhost", "problem+json"),
            (&shop.url, "GET /api/v1/products", "localhost\r\nhost: localhost", "INVALID_HOST"),
            (&shop.url, "GET /oauth2/token", "localhost", "\"error\":\"invalid_request\""),
            (&shop.observe, "GET /jaeger/api/traces/%ff", "localhost", "\"errors\":[{\"code\":400"),
            (&shop.observe, "GET /jaeger/api/v3/traces/%ff", "localhost", "\"httpCode\":400"),
            (&shop.observe, "GET /zipkin/api/v2/trace/%ff", "localhost", "text/plain"),
            (&shop.observe, "GET /nothing/%ff", "localhost", "text/html"),
            (&shop.observe, "GET /v1/traces", "localhost", "{\"code\":12,"),
            (&shop.observe, "GET /api/nothing", "localhost", "{\"error\":"),
            (&shop.observe, "GET /api/status", "a b", "INVALID_HOST"),
            (&shop.observe, "GET /api/status", "evil.example", "{\"error\":\"the Host"),
            (&shop.otlp[1], "POST /v1/traces", "evil.example", "{\"code\":7,"),
            (&shop.otlp[0], "POST /", "evil.example", "{\"code\":7,"),
            (&shop.otlp[1], "POST /v1/nothing", "localhost", "{\"code\":12,"),
            (&shop.otlp[0], "GET /", "localhost", "{\"code\":12,"),
        ] {
            let told =
                all(say(url, &format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")).await?).await?;
            ensure!(told.starts_with("HTTP/1.1 4") && told.contains(said), "{line}: {told}");
        }
        for url in [&shop.url, &shop.observe, &shop.otlp[0], &shop.otlp[1]] {
            let told = all(say(url, "GET / HTTP/1.1\r\n\r\n").await?).await?;
            ensure!(told.starts_with("HTTP/1.1 400") && told.contains("INVALID_HOST"), "{told}");
        }
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("each has its form");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_may_send_and_ask_where_a_setting_lets_them() {
    let check = async {
        let variable = ("VITRINE_OBSERVATORY__CORS__ALLOWED_ORIGINS", "[\"https://*.example.com\"]");
        let variables = vec![(variable.0.to_owned(), variable.1.to_owned())];
        let mut observatory = Observatory::launch(binary(), Launch { variables, ..Launch::default() })?;
        for (url, path) in [
            (&observatory.otlp_http, "/v1/traces"),
            (&observatory.observe, "/v1/logs"),
            (&observatory.observe, "/zipkin/api/v2/spans"),
            (&observatory.observe, "/jaeger/api/traces"),
            (&observatory.observe, "/api/sql"),
        ] {
            for (origin, allowed) in [("https://shop.example.com", true), ("https://shop.example", false)] {
                let asks = "access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n";
                let head = format!(
                    "OPTIONS {path} HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n{asks}connection: close\r\n\r\n"
                );
                let told = all(say(url, &head).await?).await?.to_lowercase();
                ensure!(told.starts_with("http/1.1 200") && told.contains("vary: origin"), "{path}: {told}");
                ensure!(told.contains(&format!("access-control-allow-origin: {origin}")) == allowed, "{path}: {told}");
            }
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("browsers are answered");
}
