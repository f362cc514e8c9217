//! Changes told to a thousand streams of three protocols: how soon, and whether each is told of every change; and memory.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::grpc::{self, EVENTS, EventStreamRequest, EventStreamResponse};
use super::request;
use super::served::Served;
use crate::goals::{tell, thousands};
use crate::process::cpu;

/// Streams that hear of changes: of each four, two are server-sent events, one is Connect's and one gRPC's.
const STREAMS: usize = 1_000;
/// Connections that gRPC's streams share.
const CHANNELS: usize = 10;
/// Changes whose way to each stream is timed.
const TIMED: usize = 100;
/// Pause between them: each is told by itself, since streams join those that come at once.
const PAUSE: Duration = Duration::from_millis(50);
/// Changes that are made as fast as they go, each of a flag of its own: with the flags that are there, all that a set holds.
const FAST: usize = 8_900;
/// What the keys of flags that are changed begin with; a number follows.
const KEY: &str = "bench-";
/// Flags before.
const FLAGS: usize = 1_000;
/// Who makes them at a time.
const WRITERS: usize = 4;
/// How long all may take to be heard.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a stream heard.
struct Received {
    /// When, of each of the first [`TIMED`] changes; of changes that were told together, at the same time.
    at: Vec<Option<Instant>>,
    /// It heard of all changes: those of flagd each flag, the others the last revision.
    whole: bool,
}

/// How much a stream is to hear of.
#[derive(Clone, Copy)]
struct Expected {
    flags: usize,
    revision: usize,
}

impl Expected {
    fn after(changes: usize) -> Self {
        // The first revision is that of the import.
        Self { flags: changes, revision: changes + 1 }
    }
}

/// Follows what a stream says until it has heard of all, or nothing comes any more.
struct Listener {
    expected: Expected,
    received: Received,
    keys: HashSet<String>,
}

impl Listener {
    fn new(expected: Expected) -> Self {
        Self { expected, received: Received { at: vec![None; TIMED], whole: false }, keys: HashSet::new() }
    }

    fn keys(&mut self, keys: impl Iterator<Item = String>) {
        let now = Instant::now();
        for key in keys {
            let number = key.strip_prefix(KEY).and_then(|number| number.parse::<usize>().ok());
            if let Some(at) = number.and_then(|n| self.received.at.get_mut(n)) {
                at.get_or_insert(now);
            }
            self.keys.insert(key);
        }
        self.received.whole = self.keys.len() >= self.expected.flags;
    }

    fn revision(&mut self, text: &str) -> Result<()> {
        let (now, revision) = (Instant::now(), text.parse::<usize>()?);
        // The first change follows the import.
        let told = revision.saturating_sub(1).min(TIMED);
        self.received.at[..told].iter_mut().filter(|at| at.is_none()).for_each(|at| *at = Some(now));
        self.received.whole |= revision == self.expected.revision;
        Ok(())
    }
}

/// The text between two others, and what is behind it.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<(&'t str, &'t str)> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after)
}

/// Server-sent events, or Connect's stream.
async fn over_http(address: String, is_sse: bool, ready: Arc<Barrier>, mut listener: Listener) -> Result<Received> {
    let mut stream = TcpStream::connect(address).await?;
    let path = "/flagd.evaluation.v1.Service/EventStream";
    let asked = match is_sse {
        true => request("GET", "/ofrep/v1/events", "", ""),
        false => request("POST", path, "content-type: application/connect+json\r\n", "\0\0\0\0\u{2}{}"),
    };
    stream.write_all(asked.as_bytes()).await?;
    let mut buffer = vec![0; 1 << 16];
    let read = stream.read(&mut buffer).await?;
    ensure!(String::from_utf8_lossy(&buffer[..read]).starts_with("HTTP/1.1 200"), "the stream was refused");
    ready.wait().await;
    let mut text = String::new();
    while !listener.received.whole {
        let read = stream.read(&mut buffer).await?;
        ensure!(read > 0, "the stream ended");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        loop {
            let rest = if is_sse {
                let Some((revision, rest)) = between(&text, "\"etag\":\"", "\"") else { break };
                listener.revision(revision)?;
                rest
            } else {
                let Some((flags, rest)) = between(&text, "configuration_change\",\"data\":", "}}}") else { break };
                let flags: Value = serde_json::from_str(&format!("{flags}}}}}}}"))?;
                listener.keys(flags["flags"].as_object().context("flags")?.keys().cloned());
                rest
            };
            text.drain(..text.len() - rest.len());
        }
    }
    Ok(listener.received)
}

async fn over_grpc(channel: Channel, ready: Arc<Barrier>, mut listener: Listener) -> Result<Received> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await?;
    let codec = tonic_prost::ProstCodec::<EventStreamRequest, EventStreamResponse>::default();
    let path = http::uri::PathAndQuery::from_static(EVENTS);
    let request = tonic::Request::new(EventStreamRequest {});
    let mut stream = client.server_streaming(request, path, codec).await?.into_inner();
    ready.wait().await;
    while !listener.received.whole {
        let event = stream.message().await?.context("the stream ended")?;
        if event.r#type == "configuration_change" {
            listener.keys(event.keys().cloned());
        }
    }
    Ok(listener.received)
}

/// Opens all streams, and waits until they are open.
async fn open(address: &str, expected: Expected) -> Result<JoinSet<Result<Received>>> {
    let ready = Arc::new(Barrier::new(STREAMS + 1));
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        channels.push(grpc::channel(address).await?);
    }
    let mut listeners = JoinSet::new();
    for n in 0..STREAMS {
        let (ready, listener) = (ready.clone(), Listener::new(expected));
        match n % 4 {
            0 => listeners.spawn(over_grpc(channels[n / 4 % CHANNELS].clone(), ready, listener)),
            1 => listeners.spawn(over_http(address.to_owned(), false, ready, listener)),
            _ => listeners.spawn(over_http(address.to_owned(), true, ready, listener)),
        };
    }
    tokio::select! {
        _ = ready.wait() => Ok(listeners),
        Some(ended) = listeners.join_next() => ended?.and_then(|_| anyhow::bail!("a stream ended")),
    }
}

async fn change(served: &Served, n: usize) -> Result<()> {
    let definition = format!(r#"{{"state": "ENABLED", "variants": {{"a": {n}}}, "defaultVariant": "a"}}"#);
    served.send(Method::PUT, &format!("/api/v1/flags/{KEY}{n}?revision=0&why=bench"), &definition).await
}

/// What all streams heard.
async fn gathered(mut listeners: JoinSet<Result<Received>>) -> Result<Vec<Received>> {
    let all = async {
        let mut heard = Vec::new();
        while let Some(one) = listeners.join_next().await {
            heard.push(one??);
        }
        Ok::<_, anyhow::Error>(heard)
    };
    tokio::time::timeout(PATIENCE, all).await.context("a stream was not told of all changes")?
}

async fn soon(binary: &Path) -> Result<()> {
    println!(
        "Flags: a change told to {STREAMS} streams, half server-sent events, a quarter Connect, a quarter gRPC, {TIMED} times"
    );
    let served = Served::start(binary, FLAGS).await?;
    let listeners = open(&served.address, Expected::after(TIMED)).await?;
    let (mut changed, mut commits) = (Vec::new(), Histogram::<u64>::new(3)?);
    let before = cpu(served.process.id())?;
    for n in 0..TIMED {
        let began = Instant::now();
        change(&served, n).await?;
        changed.push(began);
        commits.record(u64::try_from(began.elapsed().as_micros())?)?;
        tokio::time::sleep(PAUSE).await;
    }
    let heard = gathered(listeners).await?;
    let used_us = (cpu(served.process.id())? - before) * 1e6 / (TIMED * STREAMS) as f64;
    let mut latency = Histogram::<u64>::new(3)?;
    for heard in &heard {
        for (at, began) in heard.at.iter().zip(&changed) {
            let at = at.context("a stream was not told of a change")?;
            latency.record(u64::try_from(at.saturating_duration_since(*began).as_micros())?)?;
        }
    }
    tell("from the request of a change to a stream, p50", thousands(&latency, 0.5), "ms", 5.0, false);
    tell("the same, p99", thousands(&latency, 0.99), "ms", 50.0, false);
    println!("  a change is acknowledged after {:.1} ms at p50", thousands(&commits, 0.5));
    println!("  to tell one stream takes the server {used_us:.1} µs of CPU; its clients are on the same cores");
    Ok(())
}

async fn whole(binary: &Path) -> Result<()> {
    let served = Arc::new(Served::start(binary, FLAGS).await?);
    let listeners = open(&served.address, Expected::after(FAST)).await?;
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let served = served.clone();
        writers.spawn(async move {
            for n in (writer..FAST).step_by(WRITERS) {
                change(&served, n).await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    let rate = FAST as f64 / began.elapsed().as_secs_f64();
    let heard = gathered(listeners).await?;
    let whole = heard.iter().filter(|heard| heard.whole).count();
    println!("  {FAST} changes at {rate:.0}/s, told to {STREAMS} streams at the same time");
    tell("streams that were told of every change", whole as f64, "streams", STREAMS as f64, true);
    println!();
    Ok(())
}

async fn memory(binary: &Path) -> Result<()> {
    println!("Flags: resident memory of the process, the program's own pages in it");
    let idle = Served::start(binary, 0).await?;
    println!("  without flags {:.1} MiB", idle.resident_mib()?);
    drop(idle);
    let small = Served::start(binary, 1_000).await?;
    println!("  after an import of 1,000 flags {:.1} MiB", small.resident_mib()?);
    let small = small.again(binary)?;
    tell("1,000 flags", small.resident_mib()?, "MiB", 20.0, false);
    drop(small);
    let served = Served::start(binary, 10_000).await?;
    println!("  after an import of 10,000 flags {:.1} MiB", served.resident_mib()?);
    let served = served.again(binary)?;
    println!("  10,000 flags {:.1} MiB", served.resident_mib()?);
    let listeners = open(&served.address, Expected::after(usize::MAX - 1)).await?;
    tell("10,000 flags and 1,000 streams", served.resident_mib()?, "MiB", 60.0, false);
    drop(listeners);
    println!();
    Ok(())
}

/// Measures all of it.
pub(super) async fn measure(binary: &Path) -> Result<()> {
    soon(binary).await?;
    whole(binary).await?;
    memory(binary).await
}
