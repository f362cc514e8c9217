//! A flags service in a process of its own: evaluations for each second of its CPU, changes told to many streams, and memory.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use http::Method;
use http::header::CONTENT_TYPE;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_testkit::Process;

use super::{FLAGS, definitions};
use crate::goals::tell;
use crate::process::{cpu, resident};

/// Connections that ask.
const CLIENTS: usize = 4;
/// Requests that one connection has under way.
const PIPELINE: usize = 16;
/// Flags of the bulk evaluation.
const BULK: usize = 50;
/// Streams that hear of changes, half of them server-sent events, half Connect.
const STREAMS: usize = 1_000;
/// Changes that each of them hears of.
const CHANGES: usize = 20;
/// How long a change may take to be heard.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    process: Process,
    url: String,
    address: String,
    _folder: TempDir,
}

impl Served {
    async fn start(binary: &Path, flags: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data").display().to_string();
        let args = ["flags", "serve", "--quiet", "--listen", "127.0.0.1:0", "--data", &data];
        let process = Process::start(binary, &args, &[], &folder.path().join("log"))?;
        let url = process.ready["flags"].as_str().context("the ready file has no flags")?.to_owned();
        let address = url.trim_start_matches("http://").to_owned();
        let served = Self { process, url, address, _folder: folder };
        served.send(Method::POST, "/api/v1/import?why=bench", &definitions(flags / 2)).await?;
        Ok(served)
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Result<()> {
        let call = Call::new(method, path).raw(body).header(CONTENT_TYPE, "application/json");
        let answer = Client::new(&self.url)?.send(call).await?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(())
    }

    fn resident_mib(&self) -> Result<f64> {
        Ok(resident(self.process.id())?.0)
    }
}

/// The text of a request on a connection that stays.
fn request(method: &str, path: &str, content_type: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads so many answers with a body of a length that they state.
async fn answers(stream: &mut TcpStream, buffer: &mut Vec<u8>, mut count: usize) -> Result<()> {
    while count > 0 {
        let head = buffer.windows(4).position(|part| part == b"\r\n\r\n");
        if let Some(head) = head {
            let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
            ensure!(text.starts_with("http/1.1 200"), "{text}");
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let end = head + 4 + length.context("a length")?.trim().parse::<usize>()?;
            if buffer.len() >= end {
                buffer.drain(..end);
                count -= 1;
                continue;
            }
        }
        ensure!(stream.read_buf(buffer).await? > 0, "the connection ended");
    }
    Ok(())
}

/// Returns how many requests are served in each second of the server's CPU.
async fn per_cpu(served: &Served, request: &str, turn: Duration) -> Result<f64> {
    let before = cpu(served.process.id())?;
    let until = Instant::now() + turn;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, many) = (served.address.clone(), request.repeat(PIPELINE));
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let (mut buffer, mut count) = (Vec::new(), 0_usize);
            while Instant::now() < until {
                stream.write_all(many.as_bytes()).await?;
                answers(&mut stream, &mut buffer, PIPELINE).await?;
                count += PIPELINE;
            }
            Ok::<_, anyhow::Error>(count)
        });
    }
    let mut count = 0;
    while let Some(done) = clients.join_next().await {
        count += done??;
    }
    Ok(count as f64 / (cpu(served.process.id())? - before))
}

async fn evaluations(binary: &Path, turn: Duration) -> Result<()> {
    println!("Flags: a service, {CLIENTS} connections with {PIPELINE} requests under way each, turns of {turn:?}");
    let served = Served::start(binary, 2 * FLAGS).await?;
    let context = r#"{"context": {"targetingKey": "cus_4711", "country": "CH"}}"#;
    let single = request("POST", "/ofrep/v1/evaluate/flags/simple-7", "application/json", context);
    let bare =
        request("POST", "/flagd.evaluation.v1.Service/ResolveString", "application/json", r#"{"flagKey": "simple-7"}"#);
    let alive = request("GET", "/healthz", "text/plain", "");
    per_cpu(&served, &single, turn / 4).await?;
    let ceiling = per_cpu(&served, &alive, turn).await?;
    let found = per_cpu(&served, &single, turn).await?;
    let connect = per_cpu(&served, &bare, turn).await?;
    println!("  GET /healthz of the same listener, which is a bare axum answer: {ceiling:.0}/s of CPU");
    tell("OFREP, one flag of 10,000", found, "/s of CPU", 50_000.0, true);
    tell("the same beside the bare answer", found / ceiling, "×", 0.6, true);
    println!("  Connect, one flag: {connect:.0}/s of CPU");
    let small = Served::start(binary, BULK).await?;
    let bulk = request("POST", "/ofrep/v1/evaluate/flags", "application/json", context);
    tell("OFREP, all of 50 flags", per_cpu(&small, &bulk, turn).await?, "/s of CPU", 10_000.0, true);
    Ok(())
}

/// Opens a stream, and notes when it heard of each change; `ready` is where all streams meet.
async fn listen(address: String, n: usize, ready: Arc<Barrier>) -> Result<Vec<Instant>> {
    let mut stream = TcpStream::connect(address).await?;
    let (request, word) = match n % 2 {
        0 => ("GET /ofrep/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), "refetchEvaluation"),
        _ => {
            let path = "/flagd.evaluation.v1.Service/EventStream";
            (request("POST", path, "application/connect+json", "\0\0\0\0\u{2}{}"), "configuration_change")
        }
    };
    stream.write_all(request.as_bytes()).await?;
    let (mut text, mut heard) = (String::new(), Vec::new());
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).await?;
    ensure!(String::from_utf8_lossy(&buffer[..read]).starts_with("HTTP/1.1 200"), "the stream was refused");
    ready.wait().await;
    while heard.len() < CHANGES {
        let read = stream.read(&mut buffer).await?;
        ensure!(read > 0, "the stream ended after {} changes", heard.len());
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some(at) = text.find(word) {
            heard.push(Instant::now());
            text.drain(..at + word.len());
        }
    }
    Ok(heard)
}

async fn streams(binary: &Path) -> Result<()> {
    println!("Flags: a change told to {STREAMS} streams, half server-sent events, half Connect, {CHANGES} times");
    let served = Served::start(binary, 1_000).await?;
    let ready = Arc::new(Barrier::new(STREAMS + 1));
    let mut listeners = JoinSet::new();
    for n in 0..STREAMS {
        listeners.spawn(listen(served.address.clone(), n, ready.clone()));
    }
    tokio::select! {
        _ = ready.wait() => {}
        Some(ended) = listeners.join_next() => ended?.map(|_| ())?,
    }
    let (mut changed, mut commits) = (Vec::new(), Histogram::<u64>::new(3)?);
    for n in 0..CHANGES {
        let definition = format!(r#"{{"state": "ENABLED", "variants": {{"a": {n}}}, "defaultVariant": "a"}}"#);
        let began = Instant::now();
        served.send(Method::PUT, &format!("/api/v1/flags/bench-{n}?revision=0&why=bench"), &definition).await?;
        changed.push(began);
        commits.record(u64::try_from(began.elapsed().as_micros())?)?;
        // Each change is told by itself: streams join those that come at once.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut latency = Histogram::<u64>::new(3)?;
    let all = async {
        while let Some(heard) = listeners.join_next().await {
            for (heard, began) in heard??.iter().zip(&changed) {
                latency.record(u64::try_from(heard.saturating_duration_since(*began).as_micros())?)?;
            }
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(PATIENCE, all).await.context("a stream missed a change")??;
    let ms = |share: f64| latency.value_at_quantile(share) as f64 / 1000.0;
    tell("from the request of a change to a stream, p50", ms(0.5), "ms", 5.0, false);
    tell("the same, p99", ms(0.99), "ms", 50.0, false);
    println!("  a change is acknowledged after {:.1} ms at p50", commits.value_at_quantile(0.5) as f64 / 1000.0);
    println!("  {} of {} told, none lost\n", latency.len(), STREAMS * CHANGES);
    Ok(())
}

async fn memory(binary: &Path) -> Result<()> {
    println!("Flags: resident memory of the process");
    let small = Served::start(binary, 1_000).await?;
    tell("1,000 flags", small.resident_mib()?, "MiB", 20.0, false);
    drop(small);
    let served = Served::start(binary, 10_000).await?;
    let ready = Arc::new(Barrier::new(STREAMS + 1));
    let mut listeners = JoinSet::new();
    for n in 0..STREAMS {
        listeners.spawn(listen(served.address.clone(), n, ready.clone()));
    }
    ready.wait().await;
    tell("10,000 flags and 1,000 streams", served.resident_mib()?, "MiB", 60.0, false);
    listeners.abort_all();
    println!();
    Ok(())
}

/// Measures all of it.
pub(super) async fn measure(binary: &Path, turn: Duration) -> Result<()> {
    evaluations(binary, turn).await?;
    streams(binary).await?;
    memory(binary).await
}
