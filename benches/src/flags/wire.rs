//! HTTP/1.1 by hand: clients that cost next to nothing, so that the server is what is measured.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::process::cpu;

/// Connections that ask.
pub(super) const CLIENTS: usize = 4;
/// Requests that one connection has under way.
pub(crate) const PIPELINE: usize = 16;

/// The text of a request on a connection that stays; `headers` end with a line's end, each.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// How long the first answer is that is there, if it is there whole.
fn whole(buffer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = buffer.windows(4).position(|part| part == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
    ensure!(text.starts_with("http/1.1 200"), "{text}: {}", String::from_utf8_lossy(&buffer[head..]));
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let end = head + 4 + length.context("a length")?.trim().parse::<usize>()?;
    Ok((buffer.len() >= end).then_some(end))
}

/// Reads so many answers with a body of a length that they state.
async fn answers(stream: &mut TcpStream, buffer: &mut Vec<u8>, mut count: usize) -> Result<()> {
    while count > 0 {
        if let Some(end) = whole(buffer)? {
            buffer.drain(..end);
            count -= 1;
            continue;
        }
        ensure!(stream.read_buf(buffer).await? > 0, "the connection ended");
    }
    Ok(())
}

/// How many requests are served in a second of the server's processor time, and in a second of the day's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_cpu: f64,
    pub(crate) per_s: f64,
}

/// Lets `ask` be done in as many tasks as there are clients, each of which returns how often it asked, and tells what that cost the server.
pub(super) async fn rate<F>(pid: u32, turn: Duration, ask: impl Fn(Instant) -> F) -> Result<Rate>
where
    F: Future<Output = Result<usize>> + Send + 'static,
{
    let (before, began) = (cpu(pid)?, Instant::now());
    let until = began + turn;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(ask(until));
    }
    let mut count = 0;
    while let Some(done) = clients.join_next().await {
        count += done??;
    }
    let took = began.elapsed().as_secs_f64();
    Ok(Rate { per_cpu: count as f64 / (cpu(pid)? - before), per_s: count as f64 / took })
}

/// The rate of a request, many of which are under way at once; of those who do not take that, one.
pub(crate) async fn requests(pid: u32, address: &str, request: &str, pipeline: usize, turn: Duration) -> Result<Rate> {
    let asking = |until: Instant| {
        let (address, many) = (address.to_owned(), request.repeat(pipeline));
        async move {
            let mut stream = TcpStream::connect(address).await?;
            let (mut buffer, mut count) = (Vec::new(), 0_usize);
            while Instant::now() < until {
                stream.write_all(many.as_bytes()).await?;
                answers(&mut stream, &mut buffer, pipeline).await?;
                count += pipeline;
            }
            Ok(count)
        }
    };
    rate(pid, turn, asking).await
}

/// How long each answer takes where so many requests come in a second, evenly, whether the ones before are answered or not: from the moment at which each
/// was due, in microseconds.
pub(crate) async fn at_rate(address: &str, request: &str, per_s: f64, turn: Duration) -> Result<Histogram<u64>> {
    let mut clients = JoinSet::new();
    let began = Instant::now();
    for n in 0..CLIENTS {
        let (address, request) = (address.to_owned(), request.to_owned());
        let pause = Duration::from_secs_f64(CLIENTS as f64 / per_s);
        let first = began + pause.mul_f64(n as f64 / CLIENTS as f64);
        // A thread each: the runtime's clock is too coarse.
        clients.spawn_blocking(move || paced(&address, &request, first, pause, began + turn));
    }
    let mut all = Histogram::new(3)?;
    while let Some(latency) = clients.join_next().await {
        all.add(latency??)?;
    }
    Ok(all)
}

fn paced(address: &str, request: &str, first: Instant, pause: Duration, until: Instant) -> Result<Histogram<u64>> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (mut latency, mut buffer, mut part) = (Histogram::new(3)?, Vec::new(), [0; 8192]);
    let mut due = first;
    while due < until {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(request.as_bytes())?;
        let end = loop {
            if let Some(end) = whole(&buffer)? {
                break end;
            }
            let read = stream.read(&mut part)?;
            ensure!(read > 0, "the connection ended");
            buffer.extend_from_slice(&part[..read]);
        };
        buffer.drain(..end);
        latency.record(u64::try_from(due.elapsed().as_micros())?)?;
        due += pause;
    }
    Ok(latency)
}
