//! How soon a record is at those who follow, and what that costs those who send.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use vitrine_tests_testkit::Observatory;

use super::SEED;
use super::lines::{self, BATCH, Lines};
use crate::goals::tell;
use crate::observe::ARGS;
use crate::observe::senders::{PROTOBUF, SENDERS};
use crate::observe::wire::Wire;
use crate::process;

/// Who follows.
const TAILS: usize = 10;
/// Records a second.
const RATE: usize = 50_000;
/// Requests of a turn.
const REQUESTS: usize = 1_000;
/// Turns, one without anyone who follows and one with all of them after the other.
const TURNS: usize = 2;
/// The word that is followed; it stands in the first record of each request, with the request's number, and nowhere else.
const PROBE: &str = "beacon";
/// How long nothing may come before it is believed that nothing will.
const LATEST: Duration = Duration::from_secs(10);

/// Sends at a steady pace, and follows.
pub(super) async fn measure(binary: &Path) -> Result<()> {
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests());
    let (mut alone, mut followed, mut sent_in, mut late) = (0.0, 0.0, 0.0, Vec::new());
    for _ in 0..TURNS {
        alone += turn(binary, &requests, 0).await?.cpu_s;
        let beside = turn(binary, &requests, TAILS).await?;
        followed += beside.cpu_s;
        sent_in += beside.sent_in;
        late.extend(beside.late);
    }
    ensure!(!late.is_empty(), "no line came");
    late.sort_by(f64::total_cmp);
    println!("Logs: {TAILS} tails of one word, from being acknowledged until the line is read");
    let rate = (TURNS * REQUESTS * BATCH) as f64 / sent_in;
    tell("records a second, meant to be 50,000", rate, "", 0.98 * RATE as f64, true);
    println!("  {:<50} {:>12.1} ms", "median", late[late.len() / 2]);
    let all = TURNS * TAILS * REQUESTS;
    tell("lines that were dropped", (all - late.len()) as f64 / all as f64 * 100.0, "%", 0.0, false);
    tell("99th percentile", late[late.len() * 99 / 100], "ms", 50.0, false);
    tell("CPU of sending alone, of that beside tails", alone / followed, "", 0.95, true);
    Ok(())
}

fn requests() -> Vec<Vec<u8>> {
    let mut lines = Lines::new(SEED);
    let request = |number| {
        let (service, mut batch) = lines.batch();
        batch[0].body = format!("{PROBE} {number}");
        lines::request(service, &batch)
    };
    (0..REQUESTS).map(request).collect()
}

/// What one turn took.
struct Turn {
    /// Seconds until all was acknowledged.
    sent_in: f64,
    /// CPU seconds of the server.
    cpu_s: f64,
    /// Milliseconds from being acknowledged until the line was read, of each line at each tail.
    late: Vec<f64>,
}

async fn turn(binary: &Path, requests: &Arc<Vec<Vec<u8>>>, tails: usize) -> Result<Turn> {
    let mut observatory = Observatory::start(binary, &ARGS)?;
    let pid = observatory.process().id();
    let mut reading = JoinSet::new();
    for _ in 0..tails {
        let lines = follow(&observatory.observe).await?;
        reading.spawn(read(lines));
    }
    let before = process::cpu(pid)?;
    let mut sending = JoinSet::new();
    let began = tokio::time::Instant::now();
    for sender in 0..SENDERS {
        sending.spawn(send(Wire::connect(&observatory.otlp_http).await?, requests.clone(), sender, began));
    }
    let mut acknowledged = vec![None; requests.len()];
    while let Some(sent) = sending.join_next().await {
        for (number, at) in sent?? {
            acknowledged[number] = Some(at);
        }
    }
    let sent_in = began.elapsed().as_secs_f64();
    let mut late = Vec::new();
    while let Some(read) = reading.join_next().await {
        for (number, at) in read?? {
            let Some(Some(since)) = acknowledged.get(number) else { continue };
            late.push(at.saturating_duration_since(*since).as_secs_f64() * 1e3);
        }
    }
    let cpu_s = process::cpu(pid)? - before;
    observatory.process().stop()?;
    Ok(Turn { sent_in, cpu_s, late })
}

fn pause() -> Duration {
    Duration::from_secs(1) * BATCH as u32 / RATE as u32
}

/// Sends each request of one sender when its time has come. Returns when each was acknowledged.
async fn send(
    mut wire: Wire,
    requests: Arc<Vec<Vec<u8>>>,
    sender: usize,
    began: tokio::time::Instant,
) -> Result<Vec<(usize, Instant)>> {
    let mut acknowledged = Vec::new();
    for (number, request) in requests.iter().enumerate().skip(sender).step_by(SENDERS) {
        tokio::time::sleep_until(began + pause() * number as u32).await;
        let (status, body) = wire.post("/v1/logs", PROTOBUF, request).await?;
        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(&body));
        acknowledged.push((number, Instant::now()));
    }
    Ok(acknowledged)
}

/// Follows the word. Returns what is read from when the answer has begun.
async fn follow(observe: &str) -> Result<BufReader<TcpStream>> {
    let host = observe.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await?;
    let head = format!("GET /api/logs/tail?query={PROBE} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let (mut reader, mut line) = (BufReader::new(stream), String::new());
    reader.read_line(&mut line).await?;
    ensure!(line.contains(" 200 "), "{line}");
    while line != "\r\n" {
        line.clear();
        ensure!(reader.read_line(&mut line).await? > 0, "it hung up");
    }
    Ok(reader)
}

/// Reads until every request's line has come, or none does any more. Returns when each did.
async fn read(mut reader: BufReader<TcpStream>) -> Result<Vec<(usize, Instant)>> {
    let (mut came, mut line) = (Vec::with_capacity(REQUESTS), Vec::new());
    while came.len() < REQUESTS {
        line.clear();
        // What was dropped does not come any more.
        let Ok(read) = timeout(LATEST, reader.read_until(b'\n', &mut line)).await else { break };
        ensure!(read? > 0, "it hung up");
        let text = String::from_utf8_lossy(&line);
        let Some((_, rest)) = text.split_once(&format!("\"{PROBE} ")) else { continue };
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        came.push((digits.parse()?, Instant::now()));
    }
    Ok(came)
}
