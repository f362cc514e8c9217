//! The log as its user sees it: what is acknowledged is served again, in order, within bounds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vitrine_platform_log::{Damage, Error, Fsync, Log, MAX_RECORD_BYTES, Options, Position, Record};

const SMALL: Options =
    Options { segment_bytes: 4 << 10, fsync: Fsync::Always, max_bytes: 1 << 20, max_waiting_bytes: 1 << 20 };

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn append(log: &Log, kind: u8, payload: impl Into<Bytes>) -> Position {
    log.append(kind, [payload.into()]).expect("taken").wait().expect("written")
}

/// All that is in the log; nothing may be damaged.
fn read(folder: &Path) -> Vec<Record> {
    let (_log, replay) = Log::open(folder, SMALL).expect("open");
    replay.map(|item| item.expect("whole")).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    let dir = folder();
    let (log, replay) = Log::open(dir.path(), SMALL).expect("open");
    assert_eq!(replay.count(), 0);
    let parts = [Bytes::from_static(b"one "), Bytes::new(), Bytes::from_static(b"record")];
    let first = log.append(7, parts).expect("taken").wait().expect("written");
    let second = append(&log, 8, Bytes::new());
    // Larger than a segment.
    let large: Bytes = vec![1; 10_000].into();
    let third = append(&log, 9, large.clone());
    let fourth = append(&log, 255, "after");
    assert!(first < second && second < third && third < fourth && fourth < log.status().end);
    assert_eq!(log.status().segments, 3);
    drop(log);
    let record = |position, kind, payload: &Bytes| Record { position, kind, payload: payload.clone() };
    let expected = [
        record(first, 7, &Bytes::from_static(b"one record")),
        record(second, 8, &Bytes::new()),
        record(third, 9, &large),
        record(fourth, 255, &Bytes::from_static(b"after")),
    ];
    assert_eq!(read(dir.path()), expected);
    // The replay is not disturbed by appends, and does not see them.
    let (log, mut replay) = Log::open(dir.path(), SMALL).expect("open");
    assert_eq!(replay.next().expect("a record").expect("whole"), expected[0]);
    assert!(append(&log, 1, "new") > fourth);
    assert_eq!(replay.map(|item| item.expect("whole")).collect::<Vec<_>>(), expected[1..]);
}

#[test]
fn only_one_may_have_it_open() {
    let dir = folder();
    let first = Log::open(dir.path(), SMALL).expect("open");
    let error = Log::open(dir.path(), SMALL).expect_err("locked");
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(first);
    Log::open(dir.path(), SMALL).expect("open again");
}

#[test]
fn whole_segments_go_when_they_are_behind() {
    let dir = folder();
    let (log, _) = Log::open(dir.path(), SMALL).expect("open");
    let truncate = |position| log.truncate_before(position).expect("taken").wait().expect("truncated");
    let positions: Vec<_> = (0..20).map(|_| append(&log, 0, vec![0; 1000])).collect();
    let before = log.status();
    assert_eq!(truncate(positions[2]), 0);
    let freed = truncate(positions[10]);
    assert!(freed > 6000);
    assert_eq!(log.status().bytes, before.bytes - freed);
    drop(log);
    let left = read(dir.path());
    assert!(left[0].position <= positions[10] && left[0].position > positions[5], "{:?}", left[0].position);
    assert_eq!(left.last().map(|r| r.position), positions.last().copied());

    // All of it, also the segment that is written to; and no position comes again.
    let (log, replay) = Log::open(dir.path(), SMALL).expect("open");
    let last = append(&log, 0, "last");
    log.truncate_before(log.status().end).expect("taken").wait().expect("truncated");
    assert_eq!((log.status().bytes, log.status().segments), (0, 0));
    assert_eq!(replay.count(), 0, "what is truncated is passed over");
    assert_eq!(files(dir.path()).len(), 1);
    drop(log);
    let (log, replay) = Log::open(dir.path(), SMALL).expect("open");
    assert_eq!(replay.count(), 0);
    assert!(append(&log, 0, "next") > last);
}

#[test]
fn the_log_is_bounded() {
    let dir = folder();
    let options = Options { max_bytes: 8 << 10, ..SMALL };
    let (log, _) = Log::open(dir.path(), options).expect("open");
    let payload = Bytes::from(vec![0; 1000]);
    let error = loop {
        match log.append(0, [payload.clone()]) {
            Ok(answer) => drop(answer.wait().expect("written")),
            Err(e) => break e,
        }
    };
    assert!(matches!(error, Error::NoRoom { .. }) && error.is_full(), "{error}");
    let on_disk: u64 = files(dir.path()).iter().map(|n| dir.path().join(n).metadata().expect("a file").len()).sum();
    assert_eq!(on_disk, log.status().bytes);
    assert!(on_disk <= options.max_bytes, "{on_disk}");
    log.truncate_before(log.status().end).expect("taken").wait().expect("truncated");
    append(&log, 0, payload.clone());

    let too_large = log.append(0, [Bytes::from(vec![0; MAX_RECORD_BYTES]), Bytes::from_static(b"1")]);
    assert!(matches!(too_large, Err(Error::TooLarge { .. })));
    for options in [
        Options { segment_bytes: 100, ..SMALL },
        Options { segment_bytes: 2 << 30, ..SMALL },
        Options { max_bytes: 5 << 10, ..SMALL },
    ] {
        let error = Log::open(dir.path(), options).expect_err("no such log");
        assert!(matches!(error, Error::Option { .. }), "{error}");
    }
}

#[test]
fn what_waits_is_bounded() {
    let dir = folder();
    let options = Options { max_bytes: 1 << 30, max_waiting_bytes: 1 << 20, ..SMALL };
    let (log, _) = Log::open(dir.path(), options).expect("open");
    // Larger than the bound, so it goes alone; and nothing else goes until it is written.
    let large = Bytes::from(vec![0; 16 << 20]);
    let mut refused = false;
    for _ in 0..20 {
        let answer = log.append(0, [large.clone()]).expect("taken");
        let second = log.append(0, [Bytes::from_static(b"small")]);
        answer.wait().expect("written");
        match second {
            Err(Error::Full { bytes }) => refused = bytes > 16 << 20,
            // The disk was quicker than this thread.
            other => drop(other.expect("taken").wait().expect("written")),
        }
        if refused {
            break;
        }
    }
    assert!(refused);
    append(&log, 0, "room again");
    let status = log.status();
    assert_eq!((status.waiting, status.waiting_bytes), (0, 0));
}

#[test]
fn a_newer_log_is_left_alone() {
    let dir = folder();
    append(&Log::open(dir.path(), SMALL).expect("open").0, 0, "record");
    let path = dir.path().join("0000000001.segment");
    let mut bytes = std::fs::read(&path).expect("a segment");
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..60]).to_le_bytes();
    bytes[60..64].copy_from_slice(&crc);
    std::fs::write(&path, &bytes).expect("written");
    let error = Log::open(dir.path(), SMALL).expect_err("of another version");
    assert!(matches!(error, Error::Version { found: 2, .. }), "{error}");
    assert_eq!(std::fs::read(&path).expect("still there"), bytes);
}

#[test]
fn records_stand_in_the_order_of_their_positions() {
    const THREADS: u32 = 8;
    const EACH: u32 = 200;
    for fsync in [Fsync::Always, Fsync::Every(Duration::from_millis(5)), Fsync::Never] {
        let dir = folder();
        let log = Arc::new(Log::open(dir.path(), Options { fsync, ..SMALL }).expect("open").0);
        let threads = (0..THREADS).map(|thread| {
            let log = log.clone();
            std::thread::spawn(move || {
                (0..EACH)
                    .map(|n| {
                        let payload = Bytes::from(format!("{thread} {n} {}", "x".repeat((n % 50) as usize)));
                        (append(&log, thread as u8, payload.clone()), payload)
                    })
                    .collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = threads.collect();
        let mut all = Vec::new();
        for thread in threads {
            let own = thread.join().expect("a thread");
            assert!(own.is_sorted_by_key(|(position, _)| *position));
            all.extend(own);
        }
        let status = log.status();
        match fsync {
            Fsync::Always => assert!(status.syncs < u64::from(THREADS * EACH), "one sync for many: {status:?}"),
            Fsync::Every(_) => assert!(status.syncs > 0),
            Fsync::Never => assert_eq!(status.syncs, 0),
        }
        drop(log);
        all.sort();
        let read: Vec<_> = read(dir.path()).into_iter().map(|r| (r.position, r.payload)).collect();
        assert_eq!(read, all);
    }
}

#[tokio::test]
async fn an_answer_is_a_future() {
    let dir = folder();
    let (log, _) = Log::open(dir.path(), SMALL).expect("open");
    let answers: Vec<_> = (0..10).map(|n| log.append(n, [Bytes::from_static(b"async")]).expect("taken")).collect();
    let mut last = Position::default();
    for answer in answers {
        let position = answer.await.expect("written");
        assert!(position > last);
        last = position;
    }
    // What is accepted is written also when no caller waits for it and the log is dropped.
    drop(log.append(99, [Bytes::from_static(b"alone")]).expect("taken"));
    drop(log);
    assert_eq!(read(dir.path()).last().map(|r| r.kind), Some(99));
}

#[test]
fn what_a_crash_left_unfinished_is_finished() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    let (log, _) = Log::open(dir.path(), SMALL).expect("open");
    let positions: Vec<_> = (0..8).map(|_| append(&log, 0, vec![0; 1500])).collect();
    let copy = std::fs::read(path("0000000001.segment")).expect("a segment");
    log.truncate_before(positions[4]).expect("taken").wait().expect("truncated");
    drop(log);
    // A segment that should be deleted, and one that was not yet made.
    std::fs::write(path("0000000001.segment"), copy).expect("written");
    std::fs::write(path("0000000005.segment"), [0; 100]).expect("written");
    assert_eq!(read(dir.path()).iter().map(|r| r.position).collect::<Vec<_>>(), positions[4..]);
    assert!(!path("0000000001.segment").exists() && !path("0000000005.segment").exists());
    // Without the range it is known from the segments.
    std::fs::remove_file(path("0000000003-0000000004.range")).expect("removed");
    assert_eq!(read(dir.path()).len(), 4);
    assert!(path("0000000003-0000000004.range").exists());
}

#[test]
fn what_is_missing_is_reported() {
    let dir = folder();
    let (log, _) = Log::open(dir.path(), SMALL).expect("open");
    let positions: Vec<_> = (0..12).map(|_| append(&log, 0, vec![0; 1500])).collect();
    drop(log);
    for number in [1, 4, 6] {
        std::fs::remove_file(dir.path().join(format!("000000000{number}.segment"))).expect("removed");
    }
    let short = dir.path().join("0000000002.segment");
    std::fs::File::options().write(true).open(short).expect("a file").set_len(1664).expect("shortened");
    let (log, replay) = Log::open(dir.path(), SMALL).expect("open");
    let (mut served, mut lost) = (Vec::new(), Vec::new());
    for item in replay {
        match item {
            Ok(record) => served.push(record.position),
            Err(damage) => lost.push(damage),
        }
    }
    assert_eq!(served, [2, 4, 5, 8, 9].map(|n: usize| positions[n]));
    assert_eq!(lost.len(), 4, "{lost:?}");
    let missing = |n: usize| matches!(&lost[n], Damage::Missing { .. });
    let numbered = |n: usize, number: &str| lost[n].to_string().contains(number);
    assert!(missing(0) && numbered(0, "0000000001.segment"), "{lost:?}");
    assert!(matches!(lost[1], Damage::Short { .. }) && numbered(1, "0000000002.damaged"), "{lost:?}");
    assert!(missing(2) && numbered(2, "0000000004.segment"), "{lost:?}");
    assert!(missing(3) && numbered(3, "0000000006.segment"), "{lost:?}");
    assert!(append(&log, 0, "new") > positions[11]);
    // Truncating keeps what is damaged.
    log.truncate_before(log.status().end).expect("taken").wait().expect("truncated");
    assert_eq!(files(dir.path()), ["0000000002.damaged", "0000000008-0000000007.range"]);
}
