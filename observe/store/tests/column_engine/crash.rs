//! The engine in processes that are killed, or run out of disk.
//!
//! Each test runs its own binary again: what stands behind [`inside`] happens there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vitrine_kit::clock::Clock;
use vitrine_observe_store::model::metrics::SeriesWrite;
use vitrine_observe_store::{ColumnEngine, Fsync, Options, Reports, Signal, SpanMetrics, Tenant, WriteError};

use crate::series::{find, send, series};
use crate::span_metrics::{counted, latest};
use crate::support::{Sent, all, options, request, write};

/// The variable that says: this is the process within, and this is its folder.
const INSIDE: &str = "VITRINE_KEPT_FOLDER";
/// How long something may take to come about.
const PATIENCE: Duration = Duration::from_secs(60);
/// Spans of a request.
const SPANS: u64 = 25;

fn inside() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

/// A test of this file again, run by this command.
fn again(command: &str, arguments: &[&OsStr], test: &str, folder: &Path) -> Command {
    let own = std::env::current_exe().expect("the test's binary");
    let mut command = Command::new(command);
    command.args(arguments).arg(own).args(["--exact", &format!("crash::{test}"), "--nocapture"]).env(INSIDE, folder);
    command
}

fn busy(folder: &Path) -> Options {
    let span_metrics = Some(SpanMetrics::default());
    Options { fsync: Fsync::Always, seal_rows: 200, span_metrics, ..options(folder) }
}

/// Threads that write, each every third request.
const THREADS: u64 = 3;
/// Spans of a request that call, and as many that are called by those of the thread's request before it.
const CALLS: u64 = 10;
/// The id of a span that never comes.
const NOBODY: u64 = 1 << 40;
/// What is behind all times of processes that were killed, and not so late that series have ended, in milliseconds.
const LATER_MS: i64 = 300_000;

/// The spans of a request, by its number: some call, some were called, and some by no one.
fn numbered(number: u64) -> Vec<Sent> {
    let id = |number: u64, span: u64| number * SPANS + span + 1;
    let span = |span: u64| {
        let sent = Sent::new((number % THREADS) as u8, id(number, span));
        match span {
            0..CALLS => Sent { kind: 3, ..sent },
            CALLS..20 => {
                let caller = number.checked_sub(THREADS).map(|before| id(before, span - CALLS));
                Sent { parent: caller.unwrap_or(NOBODY), ..sent }
            }
            _ => sent,
        }
    };
    (0..SPANS).map(span).collect()
}

/// Calls that are counted: by users, in pairs, and spans of clients and of servers that are alone.
fn calls(engine: &ColumnEngine) -> [f64; 4] {
    let requests = latest(engine, "traces_service_graph_request_total", "connection_type");
    let alone = latest(engine, "traces_service_graph_unpaired_spans_total", "client");
    let clients = alone.iter().filter(|(client, _)| !client.is_empty()).map(|(_, count)| count).sum();
    let of = |counts: &BTreeMap<String, f64>, key: &str| counts.get(key).copied().unwrap_or_default();
    assert!(latest(engine, "traces_service_graph_dropped_spans_total", "none").is_empty());
    [of(&requests, "virtual_node"), of(&requests, ""), clients, of(&alone, "")]
}

/// Writes from several threads until it is killed, and says what was acknowledged.
fn write_for_ever(folder: &Path) {
    let engine = Arc::new(ColumnEngine::open(busy(folder), Clock::system()).expect("opens"));
    let first = engine.status().traces.rows;
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let engine = engine.clone();
            std::thread::spawn(move || {
                for round in 0.. {
                    if thread == 0 && round % 4 == 3 {
                        // It is busy now and then, and killed at any moment.
                        drop(engine.write_span_metrics());
                    }
                    // Numbers that no process before has used.
                    let number = (first + 1) * 1000 * THREADS + round * THREADS + thread;
                    match write(&engine, &Tenant::default(), Signal::Traces, request(&numbered(number))) {
                        Ok(_) => {
                            let line = format!("ack {number} .\n");
                            std::io::stdout().write_all(line.as_bytes()).expect("said");
                        }
                        Err(WriteError::Busy { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("a thread"));
}

/// Reads so many acknowledgements, kills, and reads what was said until then.
fn kill_after(child: &mut Child, count: usize) -> Vec<u64> {
    let mut killed = false;
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("a line");
        // The test harness says something of its own in front of the first; the last may be half a line.
        let words: Vec<_> = line.split(' ').skip_while(|word| !word.ends_with("ack")).skip(1).collect();
        if let [number, "."] = words[..] {
            acknowledged.push(number.parse().expect("a number"));
        }
        if acknowledged.len() >= count && !killed {
            killed = true;
            child.kill().expect("killed");
        }
    }
    child.wait().expect("ended");
    assert!(killed, "it ended by itself");
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Some(folder) = inside() {
        return write_for_ever(&folder);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Vec::new();
    for count in [1, 7, 20, 45, 80, 130] {
        let mut command = again("env", &[], "what_was_acknowledged_survives_kill_9", folder.path());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        acknowledged.extend(kill_after(&mut child, count));
        let engine = ColumnEngine::open(busy(folder.path()), Clock::system()).expect("opens");
        let mut served: BTreeMap<u64, usize> = BTreeMap::new();
        for span in all(&engine) {
            *served.entry((span.span - 1) / SPANS).or_default() += 1;
        }
        // Also what is not seen by its id, because equal spans are shown once, is there once.
        assert_eq!(engine.status().traces.rows, served.values().sum::<usize>() as u64);
        assert_eq!(counted(&engine), engine.status().traces.rows as f64);
        assert_eq!(calls(&engine)[0], (served.len() as u64 * (SPANS - 2 * CALLS)) as f64);
        for (number, spans) in &served {
            assert_eq!(*spans as u64, SPANS, "request {number} is there in part");
        }
        for number in &acknowledged {
            assert!(served.contains_key(number), "request {number} was acknowledged and is lost");
        }
        assert_eq!(engine.status().quarantined, 0);
    }
    // When nothing waits any more, each side of a call is one of a pair or alone, once.
    let (later, hand) = Clock::manual(Clock::system().now_ms() + LATER_MS);
    let engine = ColumnEngine::open(busy(folder.path()), later).expect("opens");
    hand.advance(PATIENCE);
    let spans = counted(&engine);
    let [users, pairs, clients, servers] = calls(&engine);
    assert_eq!(users, spans / SPANS as f64 * (SPANS - 2 * CALLS) as f64);
    let sides = spans / SPANS as f64 * CALLS as f64;
    assert_eq!((pairs + clients, pairs + servers), (sides, sides));
    assert!(pairs > 0.0 && clients >= CALLS as f64, "{pairs} pairs, {clients} clients alone");
}

/// Series that each request has a sample of.
const SERIES: usize = 5;
/// Before all clocks of the tests, in milliseconds from when those begin.
const LONG_AGO_MS: i64 = -200_000_000_000;

/// The samples of a request, by its number: one of each series, at a time of its own.
fn numbered_samples(number: u64) -> Vec<SeriesWrite> {
    let time = LONG_AGO_MS + number as i64;
    (0..SERIES).map(|place| series(&format!("m{place}"), &[(time, number as f64)])).collect()
}

/// In how many series there is a sample of each request.
fn served_samples(engine: &ColumnEngine) -> BTreeMap<u64, usize> {
    let mut served = BTreeMap::new();
    for (name, samples) in find(engine, &Tenant::default(), "m") {
        for (time, value) in samples {
            let number = (time - LONG_AGO_MS) as u64;
            assert_eq!(number as f64, value, "{name}");
            *served.entry(number).or_default() += 1;
        }
    }
    served
}

/// Writes samples from several threads until it is killed, makes files meanwhile, and says what was acknowledged.
fn write_samples_for_ever(folder: &Path) {
    let engine = Arc::new(ColumnEngine::open(busy(folder), Clock::system()).expect("opens"));
    let first = served_samples(&engine).last_key_value().map_or(0, |(number, _)| number + 1);
    let threads: Vec<_> = (0..3u64)
        .map(|thread| {
            let engine = engine.clone();
            std::thread::spawn(move || {
                for round in 0.. {
                    let number = first + round * 3 + thread;
                    match send(&engine, &Tenant::default(), &numbered_samples(number)) {
                        Ok(_) => {
                            let line = format!("ack {number} .\n");
                            std::io::stdout().write_all(line.as_bytes()).expect("said");
                        }
                        Err(WriteError::Busy { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    if thread == 0 && round % 8 == 7 {
                        engine.seal().expect("sealed");
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("a thread"));
}

#[test]
fn acknowledged_samples_survive_kill_9() {
    if let Some(folder) = inside() {
        return write_samples_for_ever(&folder);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Vec::new();
    for count in [1, 7, 30, 60, 100] {
        let mut command = again("env", &[], "acknowledged_samples_survive_kill_9", folder.path());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        acknowledged.extend(kill_after(&mut child, count));
        let engine = ColumnEngine::open(busy(folder.path()), Clock::system()).expect("opens");
        let served = served_samples(&engine);
        for (number, found) in &served {
            assert_eq!(*found, SERIES, "request {number} is there in part");
        }
        for number in &acknowledged {
            assert!(served.contains_key(number), "request {number} was acknowledged and is lost");
        }
        assert_eq!(engine.status().quarantined, 0);
    }
}

#[test]
fn the_disk_is_full() {
    let Some(folder) = inside() else {
        let dir = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("unshare");
        mount.args(["-rm", "mount", "-t", "tmpfs", "none"]).arg(dir.path());
        if !mount.output().is_ok_and(|output| output.status.success()) {
            // In some containers no one may mount.
            return;
        }
        let script = OsStr::new(r#"mount -t tmpfs -o size=2m none "$VITRINE_KEPT_FOLDER" && exec "$0" "$@""#);
        let arguments = ["-rm", "sh", "-c"].map(OsStr::new);
        let arguments = [&arguments[..], &[script]].concat();
        let output = again("unshare", &arguments, "the_disk_is_full", dir.path()).output().expect("started");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    };
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).expect("written");
    let engine = ColumnEngine::open(busy(&folder.join("data")), Clock::system()).expect("opens");
    let mut acknowledged = 0;
    let mut send = |number: u64| {
        let outcome = write(&engine, &Tenant::default(), Signal::Traces, request(&numbered(number)));
        acknowledged += u64::from(outcome.is_ok());
        outcome
    };
    let begun = Instant::now();
    let mut number = 0;
    while !matches!(send(number), Err(WriteError::Disk { .. })) {
        number += 1;
        assert!(begun.elapsed() < PATIENCE);
    }
    std::fs::remove_file(&ballast).expect("removed");
    let begun = Instant::now();
    let mut later = 0;
    while later < 20 {
        number += 1;
        later += u64::from(send(number).is_ok());
        assert!(begun.elapsed() < PATIENCE, "it does not recover");
    }
    engine.seal().expect("sealed");
    assert_eq!(engine.status().traces.rows, acknowledged * SPANS);
    drop(engine);
    let engine = ColumnEngine::open(busy(&folder.join("data")), Clock::system()).expect("opens");
    assert_eq!(all(&engine).len() as u64, acknowledged * SPANS);
}
