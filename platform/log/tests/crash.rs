//! The log in processes that are killed, run out of disk, or have a disk that fails.
//!
//! Each test runs its own binary again, in an environment that was made for it: what stands behind [`inside`] happens
//! there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use vitrine_platform_log::{Error, Fsync, Log, Options, Position, Record};

const OPTIONS: Options =
    Options { segment_bytes: 1 << 20, fsync: Fsync::Always, max_bytes: 256 << 20, max_waiting_bytes: 64 << 20 };
/// The variable that says: this is the process within, and this is its folder.
const INSIDE: &str = "VITRINE_LOG_FOLDER";
/// How long something may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// The folder of the process within.
fn inside() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

/// This test again, run by this command.
fn again(command: &str, arguments: &[&OsStr], test: &str, folder: &Path) -> Command {
    let own = std::env::current_exe().expect("the test's binary");
    let mut command = Command::new(command);
    command.args(arguments).arg(own).args(["--exact", test, "--nocapture"]).env(INSIDE, folder);
    command
}

/// Runs it to its end, and returns what it said.
fn run(mut command: Command) -> String {
    let output = command.output().expect("started");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn passes(command: Command) {
    let text = run(command);
    assert!(text.contains("1 passed"), "{text}");
}

fn open(folder: &Path, options: Options) -> (Log, Vec<Record>) {
    let (log, replay) = Log::open(folder, options).expect("open");
    (log, replay.map(|item| item.expect("whole")).collect())
}

/// Appends so many records together. Returns what was acknowledged, and the first error.
fn append(log: &Log, count: usize, length: usize) -> (Vec<Position>, Option<Error>) {
    let payload = Bytes::from(vec![length as u8; length]);
    let answers: Vec<_> = (0..count).map(|_| log.append(1, [payload.clone()]).expect("taken")).collect();
    let mut error = None;
    let mut acknowledged = Vec::new();
    for answer in answers {
        match answer.wait() {
            Ok(position) => acknowledged.push(position),
            Err(e) => error = error.or(Some(e)),
        }
    }
    (acknowledged, error)
}

/// Appends until the disk is full; nothing else may go wrong.
fn fill(log: &Log, acknowledged: &mut Vec<Position>) {
    loop {
        let (more, error) = append(log, 4, 1000);
        acknowledged.extend(more);
        if let Some(e) = error {
            assert!(matches!(e, Error::Io { .. }) && e.is_full(), "{e:?}");
            return;
        }
    }
}

fn positions(records: &[Record]) -> Vec<Position> {
    records.iter().map(|r| r.position).collect()
}

/// Bytes of all segments' files.
fn on_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry"));
    entries.map(|e| e.metadata().expect("a file").len()).sum()
}

#[test]
fn files_may_not_grow() {
    let Some(folder) = inside() else {
        let dir = tempfile::tempdir().expect("a folder");
        let script = OsStr::new(r#"trap "" XFSZ; ulimit -f 40; exec "$0" "$@""#);
        return passes(again("sh", &[OsStr::new("-c"), script], "files_may_not_grow", dir.path()));
    };
    let (log, _) = open(&folder, OPTIONS);
    let mut acknowledged = Vec::new();
    fill(&log, &mut acknowledged);
    assert!(acknowledged.len() > 4);
    assert_eq!(on_disk(&folder), log.status().bytes, "put back");
    // What is smaller has room.
    let (small, error) = append(&log, 1, 8);
    assert!(error.is_none(), "{error:?}");
    acknowledged.extend(small);
    drop(log);
    let (log, records) = open(&folder, OPTIONS);
    assert_eq!(positions(&records), acknowledged);
    // So has a new segment.
    fill(&log, &mut acknowledged);
    log.truncate_before(log.status().end).expect("taken").wait().expect("truncated");
    let (mut later, error) = append(&log, 4, 1000);
    assert!(error.is_none(), "{error:?}");
    drop(log);
    let (_log, records) = open(&folder, OPTIONS);
    assert_eq!(positions(&records), later);
    acknowledged.append(&mut later);
    assert!(acknowledged.is_sorted());
}

#[test]
fn the_disk_is_full() {
    let Some(folder) = inside() else {
        let dir = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("unshare");
        mount.args(["-rm", "mount", "-t", "tmpfs", "none"]).arg(dir.path());
        if !mount.output().is_ok_and(|o| o.status.success()) {
            // In some containers no one may mount. What a full disk does, a limit does as well: see above.
            return;
        }
        let script = OsStr::new(r#"mount -t tmpfs -o size=512k none "$VITRINE_LOG_FOLDER" && exec "$0" "$@""#);
        let arguments = ["-rm", "sh", "-c"].map(OsStr::new);
        let arguments = [&arguments[..], &[script]].concat();
        return passes(again("unshare", &arguments, "the_disk_is_full", dir.path()));
    };
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, [1; 200 << 10]).expect("written");
    let options = Options { segment_bytes: 64 << 10, ..OPTIONS };
    let log_folder = folder.join("log");
    let (mut log, _) = open(&log_folder, options);
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        fill(&log, &mut acknowledged);
        assert_eq!(on_disk(&log_folder), log.status().bytes);
    }
    assert!(acknowledged.len() > 200, "{}", acknowledged.len());
    // A full disk does not keep it from being opened.
    drop(log);
    let (again, records) = open(&log_folder, options);
    log = again;
    assert_eq!(positions(&records), acknowledged);
    let (none, error) = append(&log, 4, 1000);
    assert!(none.is_empty() && error.is_some_and(|e| e.is_full()));
    // There is room again; first by truncating, then by what others leave.
    let middle = acknowledged[acknowledged.len() / 2];
    assert!(log.truncate_before(middle).expect("taken").wait().expect("truncated") > 0);
    fill(&log, &mut acknowledged);
    std::fs::remove_file(&ballast).expect("removed");
    let before = acknowledged.len();
    fill(&log, &mut acknowledged);
    assert!(acknowledged.len() > before + 100);
    assert!(acknowledged.is_sorted());
    drop(log);
    let (_log, records) = open(&log_folder, options);
    assert!(acknowledged.ends_with(&positions(&records)) && records[0].position <= middle);
}

/// Runs a test in a process whose calls of the disk fail as long as there are the files `sync` and `cut`.
fn on_a_disk_that_fails(test: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let library = dir.path().join("disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/disk.c");
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-O1", "-o"]).args([library.as_path(), Path::new(source)]);
    run(compile);
    let mut command = again("env", &[], test, dir.path());
    command.env("LD_PRELOAD", &library);
    command.env("SYNC_FAILS_IF", dir.path().join("sync")).env("CUT_FAILS_IF", dir.path().join("cut"));
    passes(command)
}

#[test]
fn the_disk_fails() {
    let Some(folder) = inside() else { return on_a_disk_that_fails("the_disk_fails") };
    let fails = |what: &str| std::fs::write(folder.join(what), "").expect("written");
    let works = |what: &str| std::fs::remove_file(folder.join(what)).expect("removed");
    let log_folder = folder.join("log");
    let (log, _) = open(&log_folder, OPTIONS);
    let good = |log: &Log| {
        let (positions, error) = append(log, 5, 100);
        assert!(error.is_none(), "{error:?}");
        positions
    };
    let bad = |log: &Log| {
        let (none, error) = append(log, 5, 100);
        let error = error.expect("an error");
        assert!(none.is_empty() && matches!(error, Error::Io { .. }) && !error.is_full(), "{error:?}");
    };
    let mut acknowledged = good(&log);
    for also in [None, Some("cut")] {
        let before = log.status();
        also.into_iter().for_each(fails);
        fails("sync");
        // First the segment's sync fails, then no other can be made.
        bad(&log);
        bad(&log);
        let status = log.status();
        assert!(status.syncs_failed > before.syncs_failed);
        assert_eq!(status.bytes, before.bytes);
        assert_eq!(
            on_disk(&log_folder) > status.bytes,
            also.is_some(),
            "what was not acknowledged is cut off if it can"
        );
        works("sync");
        let later = good(&log);
        assert!(u64::from(later[0]) >> 32 > u64::from(acknowledged[0]) >> 32, "the file is never trusted again");
        acknowledged.extend(later);
        also.into_iter().for_each(works);
    }
    drop(log);
    // Also what could not be cut off is not served.
    let every = Options { fsync: Fsync::Every(Duration::from_millis(1)), ..OPTIONS };
    let (log, records) = open(&log_folder, every);
    assert_eq!(positions(&records), acknowledged);

    // What was acknowledged before a sync stays, as far as the disk goes.
    acknowledged.extend(good(&log));
    fails("sync");
    let begun = Instant::now();
    while log.status().syncs_failed == 0 {
        // The sync before may just have passed.
        let (more, _) = append(&log, 1, 100);
        acknowledged.extend(more);
        assert!(begun.elapsed() < PATIENCE, "{:?}", log.status());
    }
    works("sync");
    acknowledged.extend(good(&log));
    drop(log);
    let (_log, records) = open(&log_folder, OPTIONS);
    assert_eq!(positions(&records), acknowledged);
}

/// A payload that says which it is, from small to larger than a segment.
fn numbered(n: u64) -> Bytes {
    let length = [10, 300, 5000, 70_000, 1_500_000][(n % 5) as usize];
    let mut payload = n.to_le_bytes().to_vec();
    payload.extend((0..length).map(|i| (i as u64 * 31 + n) as u8));
    payload.into()
}

/// Appends from four threads until it is killed, and says what was acknowledged.
fn append_for_ever(folder: &Path) {
    let (log, _) = open(folder, OPTIONS);
    let log = Arc::new(log);
    let threads: Vec<_> = (0..4u64)
        .map(|thread| {
            let log = log.clone();
            std::thread::spawn(move || {
                for n in 0.. {
                    let n = thread << 32 | n;
                    let position = log.append(n as u8, [numbered(n)]).expect("taken").wait().expect("written");
                    let line = format!("ack {} {n} .\n", u64::from(position));
                    std::io::stdout().write_all(line.as_bytes()).expect("said");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("a thread"));
}

/// Reads so many acknowledgements, kills, and reads what was said until then.
fn kill_after(child: &mut Child, count: usize) -> Vec<(Position, u64)> {
    let mut killed = false;
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("a line");
        // The test harness says something of its own in front of the first; the last may be half a line.
        let words: Vec<_> = line.split(' ').skip_while(|word| !word.ends_with("ack")).skip(1).collect();
        if let [position, n, "."] = words[..] {
            let number = |word: &str| word.parse::<u64>().expect("a number");
            acknowledged.push((Position::from(number(position)), number(n)));
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
        return append_for_ever(&folder);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut all: BTreeMap<Position, u64> = BTreeMap::new();
    let mut last = Position::default();
    for count in [1, 10, 37, 64, 101, 150] {
        let mut command = again("env", &[], "what_was_acknowledged_survives_kill_9", dir.path());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        let acknowledged = kill_after(&mut child, count);
        assert!(acknowledged.iter().all(|(position, _)| *position > last), "given twice");
        all.extend(acknowledged);
        let (log, replay) = Log::open(dir.path(), OPTIONS).expect("open");
        let mut served = BTreeMap::new();
        for record in replay.flatten() {
            let n = u64::from_le_bytes(record.payload[..8].try_into().expect("a number"));
            assert!(record.payload == numbered(n) && record.kind == n as u8, "never written: {n}");
            assert!(served.insert(record.position, n).is_none());
        }
        for (position, n) in &all {
            assert_eq!(served.get(position), Some(n), "acknowledged and lost");
        }
        last = served.last_key_value().map(|(position, _)| *position).expect("a record");
        assert!(last < log.status().end);
    }
}
