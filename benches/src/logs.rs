//! Log records: what it costs to store them with their text index, how large they are, how quickly a word is found among them, and how soon
//! they are at who follows them.
//!
//! All systems get the same records on the same machine in the same run: ClickHouse (chdb) with the OpenTelemetry Collector's table, with its
//! filter of tokens and with its text index, and tantivy with the message alone. CPU time is the operating system's account of the server's
//! process.

mod lines;
mod peers;
mod tail;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vitrine_kit::percent;
use vitrine_tests_testkit::Observatory;

use crate::goals::tell;
use crate::observe::generator::START_NS;
use crate::observe::senders::{PROTOBUF, SENDERS, Senders};
use crate::observe::{ARGS, settle, wire};
use crate::process;
use lines::{ABSENT, Lines, RARE};
use peers::Peers;

/// The same records, every time.
const SEED: u64 = 11;
/// How often each is asked: medians are told.
const ASKED: usize = 9;
/// Characters within numbers in hexadecimal: no index knows of them.
const INFIX: &str = "e4a9f";
/// The share of the records that is sent to `_bulk`, too.
const BULK: usize = 10;

/// What is asked of all.
struct Question {
    what: &'static str,
    goal_ms: f64,
    /// What is asked of the observatory: a path, and its parameters but the time.
    path: String,
    /// Of ClickHouse.
    sql: String,
    /// Of tantivy, where it can be asked.
    words: Option<String>,
}

/// How the observatory did.
struct Ours {
    bytes: f64,
    /// Milliseconds, by question.
    times: Vec<f64>,
}

/// Everything that is sent, and what is known of it.
struct Sent {
    records: usize,
    body_bytes: usize,
    /// A word that stands in one message.
    once: String,
    end_ns: u64,
}

/// Measures everything with so many records.
pub(crate) async fn measure(binary: &Path, records: usize) -> Result<()> {
    let mut observatory = Observatory::start(binary, &ARGS)?;
    let pid = observatory.process().id();
    let (idle, _) = process::resident(pid)?;
    let began = Instant::now();
    let sent = send(&observatory.otlp_http, records).await?;
    let wall = began.elapsed().as_secs_f64();
    let status = settle(&observatory.api()?).await?;
    let (cpu, (_, most)) = (process::cpu(pid)?, process::resident(pid)?);
    let in_segments = status["logs"]["segment_rows"].as_f64().context("rows in segments")?;
    let segments = observatory.data().join("observatory").join("segments");
    let is_text_index = |path: &Path| path.extension().is_some_and(|extension| extension == "words");
    let (disk, words) = (process::size(&segments)? as f64, process::size_of(&segments, &is_text_index)? as f64);
    println!(
        "Logs: {} records, {SENDERS} connections, OTLP/HTTP protobuf, every request synced before it is answered; {:.0} bytes a message",
        sent.records,
        sent.body_bytes as f64 / sent.records as f64
    );
    tell("records stored, merged and indexed per CPU second", sent.records as f64 / cpu, "", 200_000.0, true);
    println!("  {:<50} {:>12.0}", "records a second while sending", sent.records as f64 / wall);
    println!("  {:<50} {:>12}", "records that are in memory still", status["logs"]["memory_rows"]);
    println!("  {:<50} {:>12.1} bytes", "bytes a record on disk after merging", disk / in_segments);
    tell("text index, share of the bytes", words / disk * 100.0, "%", 20.0, false);
    tell("resident memory, idle", idle, "MiB", 40.0, false);
    tell("resident memory, most while taking in", most, "MiB", 300.0, false);
    let questions = questions(&sent.once);
    let mut ours = Ours { bytes: disk / in_segments, times: Vec::new() };
    for question in &questions {
        let (ms, _) = ask(&observatory.observe, &question.path, sent.end_ns).await?;
        tell(question.what, ms, "ms", question.goal_ms, false);
        ours.times.push(ms);
    }
    let before = process::cpu(pid)?;
    let query = format!("/api/logs/counts?step=1h&query=*{INFIX}*");
    let (ms, counts) = ask(&observatory.observe, &query, sent.end_ns).await?;
    let seconds = (process::cpu(pid)? - before) / ASKED as f64;
    ensure!(counts["counts"].as_array().is_some_and(|counts| !counts.is_empty()), "{counts}");
    println!("  {:<50} {ms:>12.1} ms", "counting what no index helps with");
    tell("the same, messages looked through", sent.body_bytes as f64 / 1e9 / seconds, "GB/CPU s", 1.5, true);
    observatory.process().stop()?;
    drop(observatory);
    bulk(binary, records / BULK).await?;
    tail::measure(binary).await?;
    Peers::start().await?.compare(records, &questions, &ours).await?;
    println!();
    Ok(())
}

fn questions(once: &str) -> [Question; 6] {
    let newest =
        |condition: &str| format!("SELECT * FROM otel_logs WHERE {condition} ORDER BY Timestamp DESC LIMIT 100");
    let token = |word: &str| format!("hasToken(Body, '{word}')");
    let find = |query: &str| format!("/api/logs?query={}", percent::encode(query));
    let minutes = "toStartOfMinute(TimestampTime) AS minute";
    [
        Question {
            what: "a word that is nowhere",
            goal_ms: 2.0,
            path: find(ABSENT),
            sql: newest(&token(ABSENT)),
            words: Some(ABSENT.to_owned()),
        },
        Question {
            what: "a word that is in one message",
            goal_ms: 10.0,
            path: find(once),
            sql: newest(&token(once)),
            words: Some(once.to_owned()),
        },
        Question {
            what: "the newest 100 of a frequent word",
            goal_ms: 15.0,
            path: find("payment"),
            sql: newest(&token("payment")),
            words: Some("payment".to_owned()),
        },
        Question {
            what: "the newest 100 of two words and a service",
            goal_ms: 15.0,
            path: find("payment declined service:checkout"),
            sql: newest(&format!("{} AND {} AND ServiceName = 'checkout'", token("payment"), token("declined"))),
            words: Some("+payment +declined +service:checkout".to_owned()),
        },
        Question {
            what: "a rare word counted by minute",
            goal_ms: 150.0,
            path: format!("/api/logs/counts?step=1m&query={RARE}"),
            sql: format!("SELECT {minutes}, count() FROM otel_logs WHERE {} GROUP BY minute", token(RARE)),
            words: None,
        },
        Question {
            what: "everything counted by minute and level",
            goal_ms: 5.0,
            path: "/api/logs/counts?step=1m&by=level".to_owned(),
            sql: format!("SELECT {minutes}, SeverityNumber, count() FROM otel_logs GROUP BY minute, SeverityNumber"),
            words: None,
        },
    ]
}

/// Sends records as OTLP.
async fn send(url: &str, records: usize) -> Result<Sent> {
    let senders = Senders::start(url, "/v1/logs", PROTOBUF).await?;
    let mut lines = Lines::new(SEED);
    let mut sent = Sent { records: 0, body_bytes: 0, once: String::new(), end_ns: 0 };
    while sent.records < records {
        let (service, batch) = lines.batch();
        sent.body_bytes += batch.iter().map(|line| line.body.len()).sum::<usize>();
        // The end of an access line's id, somewhere in the first half.
        let id = batch[0].body.rsplit_once('-').map(|(_, last)| last).filter(|last| last.len() == 12);
        match id {
            Some(id) if sent.records < records / 2 => id.clone_into(&mut sent.once),
            _ => {}
        }
        sent.records += batch.len();
        if !senders.send(lines::request(service, &batch)).await {
            break;
        }
    }
    sent.end_ns = lines.now_ns() + 1;
    senders.finish().await?;
    ensure!(!sent.once.is_empty(), "too few records for a word that is in one: at least 10,000");
    Ok(sent)
}

/// Median of a request about all that was sent, in milliseconds, and what it is answered with.
async fn ask(url: &str, path: &str, end_ns: u64) -> Result<(f64, Value)> {
    wire::median_ms(url, &format!("{path}&start={START_NS}&end={end_ns}"), None, ASKED).await
}

/// The same records as documents of `_bulk`.
async fn bulk(binary: &Path, records: usize) -> Result<()> {
    let mut observatory = Observatory::start(binary, &ARGS)?;
    let pid = observatory.process().id();
    let senders = Senders::start(&observatory.observe, "/elastic/_bulk", "application/x-ndjson").await?;
    let (mut lines, mut sent, mut bytes) = (Lines::new(SEED), 0, 0);
    while sent < records {
        let (service, batch) = lines.batch();
        let body = lines::bulk(service, &batch);
        sent += batch.len();
        bytes += body.len();
        if !senders.send(body).await {
            break;
        }
    }
    senders.finish().await?;
    settle(&observatory.api()?).await?;
    let cpu = process::cpu(pid)?;
    println!("Logs: {sent} documents by _bulk, {:.0} bytes each", bytes as f64 / sent as f64);
    tell("documents stored, merged and indexed per CPU second", sent as f64 / cpu, "", 120_000.0, true);
    tell("their JSON", bytes as f64 / 1e6 / cpu, "MB/CPU s", 60.0, true);
    observatory.process().stop()?;
    Ok(())
}
