//! Random histories, and every kind of damage: what is whole is served, and nothing that was never written.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use vitrine_platform_log::{Damage, Fsync, Log, Options, Position, Record};

const SMALL: Options =
    Options { segment_bytes: 4 << 10, fsync: Fsync::Always, max_bytes: 8 << 20, max_waiting_bytes: 8 << 20 };
/// Bytes before a segment's first record.
const HEADER: usize = 128;
/// Bytes of one copy of a segment's header.
const COPY: usize = 64;

/// A folder in memory where there is one: syncing is then quick, and what is tested here is not the disk.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn open(folder: &Path) -> (Log, Vec<Record>, Vec<Damage>) {
    let (log, replay) = Log::open(folder, SMALL).expect("open");
    let (mut records, mut damages) = (Vec::new(), Vec::new());
    for item in replay {
        match item {
            Ok(record) => records.push(record),
            Err(damage) => damages.push(damage),
        }
    }
    (log, records, damages)
}

/// A payload that is like no other, and of this length or a little more.
fn payload(n: usize, length: usize) -> Bytes {
    let mut bytes = format!("{n};").into_bytes();
    bytes.extend((0..length).map(|i| (i * 7 + n * 13) as u8));
    bytes.into()
}

/// Appends records of these lengths together, and remembers them.
fn append(log: &Log, lengths: &[usize], model: &mut Vec<Record>) {
    let answers: Vec<_> = lengths
        .iter()
        .map(|length| {
            let (kind, payload) = (model.len() as u8, payload(model.len(), *length));
            let parts = [payload.slice(..payload.len() / 2), payload.slice(payload.len() / 2..)];
            let answer = log.append(kind, parts).expect("taken");
            model.push(Record { position: Position::default(), kind, payload });
            answer
        })
        .collect();
    let first = model.len() - answers.len();
    for (record, answer) in model[first..].iter_mut().zip(answers) {
        record.position = answer.wait().expect("written");
    }
}

/// All segments, by number.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    let mut paths: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "segment")).collect();
    paths.sort();
    paths
}

#[derive(Debug, Clone)]
enum Act {
    Append(Vec<usize>),
    Reopen,
    Truncate(Index),
    TruncateAll,
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![6 => 0..40usize, 3 => 0..1500usize, 1 => 4000..9000usize], 1..8)
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        5 => lengths().prop_map(Act::Append),
        3 => Just(Act::Reopen),
        1 => any::<Index>().prop_map(Act::Truncate),
        1 => Just(Act::TruncateAll),
    ];
    vec(act, 1..30)
}

/// What is done to a file.
#[derive(Debug, Clone)]
enum Corruption {
    Flip(Index, Index, u8),
    Zero(Index, Index, usize),
    Cut(Index, Index),
    Delete(Index),
    /// Bytes of the file itself, from here on, are there again at its end.
    Repeat(Index, Index),
    Rubbish(Index, Vec<u8>),
}

fn harms() -> impl Strategy<Value = Vec<Corruption>> {
    let file = any::<Index>;
    let corruption = prop_oneof![
        8 => (file(), any::<Index>(), 0..8u8).prop_map(|(f, at, bit)| Corruption::Flip(f, at, bit)),
        2 => (file(), any::<Index>(), 1..600usize).prop_map(|(f, at, n)| Corruption::Zero(f, at, n)),
        2 => (file(), any::<Index>()).prop_map(|(f, at)| Corruption::Cut(f, at)),
        1 => file().prop_map(Corruption::Delete),
        1 => (file(), any::<Index>()).prop_map(|(f, at)| Corruption::Repeat(f, at)),
        1 => (file(), vec(any::<u8>(), 1..100)).prop_map(|(f, bytes)| Corruption::Rubbish(f, bytes)),
    ];
    vec(corruption, 1..5)
}

/// Does it. Returns which file was harmed, and its bytes that are not what they were.
fn inflict(corruption: &Corruption, paths: &[PathBuf]) -> Option<(usize, std::ops::Range<usize>)> {
    let (Corruption::Flip(file, ..)
    | Corruption::Zero(file, ..)
    | Corruption::Cut(file, ..)
    | Corruption::Delete(file)
    | Corruption::Repeat(file, ..)
    | Corruption::Rubbish(file, ..)) = corruption;
    let file = file.index(paths.len());
    let path = &paths[file];
    let mut bytes = std::fs::read(path).ok().filter(|b| !b.is_empty())?;
    let harmed = match corruption {
        Corruption::Flip(_, at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            at..at + 1
        }
        Corruption::Zero(_, at, n) => {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + n);
            bytes[at..end].fill(0);
            at..end
        }
        Corruption::Cut(_, at) => {
            bytes.truncate(at.index(bytes.len()));
            bytes.len()..usize::MAX
        }
        Corruption::Delete(_) => {
            std::fs::remove_file(path).expect("removed");
            return Some((file, 0..usize::MAX));
        }
        Corruption::Repeat(_, at) => {
            bytes.extend_from_within(at.index(bytes.len())..);
            0..0
        }
        Corruption::Rubbish(_, rubbish) => {
            bytes.extend(rubbish);
            0..0
        }
    };
    std::fs::write(path, bytes).expect("written");
    Some((file, harmed))
}

/// Whether a record's bytes, and one copy of its segment's header, are what they were.
fn whole(record: &Record, harmed: &[(u32, std::ops::Range<usize>)]) -> bool {
    let position = u64::from(record.position);
    let (segment, offset) = ((position >> 32) as u32, (position & u64::from(u32::MAX)) as usize);
    let own = offset..offset + 32 + record.payload.len();
    let touched = |part: &std::ops::Range<usize>| {
        harmed.iter().any(|(s, h)| *s == segment && h.start < part.end && part.start < h.end)
    };
    let headless = touched(&(0..COPY)) && touched(&(COPY..HEADER));
    !touched(&own) && !headless
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_list_whose_front_may_go(acts in acts()) {
        let dir = folder();
        let (mut log, _, _) = open(dir.path());
        let mut model = Vec::new();
        let mut truncated = Position::default();
        for act in acts.into_iter().chain([Act::Reopen]) {
            match act {
                Act::Append(lengths) => append(&log, &lengths, &mut model),
                Act::Truncate(index) if !model.is_empty() => {
                    truncated = truncated.max(model[index.index(model.len())].position);
                    log.truncate_before(truncated).expect("taken").wait().expect("truncated");
                }
                Act::Truncate(_) => {}
                Act::TruncateAll => {
                    truncated = log.status().end;
                    log.truncate_before(truncated).expect("taken").wait().expect("truncated");
                    prop_assert_eq!(log.status().segments, 0);
                }
                Act::Reopen => {
                    let before = log.status();
                    drop(log);
                    let (again, records, damages) = open(dir.path());
                    log = again;
                    prop_assert!(damages.is_empty(), "{damages:?}");
                    let behind = model.len() - records.len();
                    prop_assert_eq!(&records[..], &model[behind..]);
                    prop_assert!(model[..behind].iter().all(|r| r.position < truncated));
                    let after = log.status();
                    prop_assert_eq!((before.bytes, before.segments), (after.bytes, after.segments));
                    prop_assert!(before.end <= after.end);
                }
            }
            prop_assert!(model.is_sorted_by(|a, b| a.position < b.position));
        }
    }

    #[test]
    fn what_is_whole_is_served_and_nothing_false(
        sessions in vec(vec(lengths(), 1..6), 1..4),
        harms in harms(),
        later in lengths(),
    ) {
        let dir = folder();
        let mut model = Vec::new();
        for session in &sessions {
            let (log, _, _) = open(dir.path());
            session.iter().for_each(|lengths| append(&log, lengths, &mut model));
        }
        let paths = segments(dir.path());
        let number = |file: usize| -> u32 {
            paths[file].file_stem().and_then(|n| n.to_str()).and_then(|n| n.parse().ok()).expect("a number")
        };
        let harmed: Vec<_> =
            harms.iter().filter_map(|corruption| inflict(corruption, &paths)).map(|(file, bytes)| (number(file), bytes)).collect();
        served(&dir, &model, &harmed, &later)?;
    }
}

/// Opens the log twice, with appends in between, and looks at what is served.
fn served(
    dir: &tempfile::TempDir,
    model: &[Record],
    harmed: &[(u32, std::ops::Range<usize>)],
    later: &[usize],
) -> Result<(), TestCaseError> {
    let (log, records, damages) = open(dir.path());
    for record in &records {
        prop_assert!(model.contains(record), "never written: {record:?}");
    }
    prop_assert!(records.is_sorted_by(|a, b| a.position < b.position));
    for record in model.iter().filter(|r| whole(r, harmed)) {
        prop_assert!(records.contains(record), "not served: {} {harmed:?} {damages:?}", record.position);
    }
    // The end of the newest segment cannot be missed: whatever was cut off exactly before a record was never there.
    let newest = model.iter().map(|r| u64::from(r.position) >> 32).max();
    let lost = model.iter().filter(|r| !records.contains(r));
    if lost.clone().any(|r| Some(u64::from(r.position) >> 32) != newest) {
        prop_assert!(!damages.is_empty());
    }
    let mut again = model.to_vec();
    append(&log, later, &mut again);
    prop_assert!(again.is_sorted_by(|a, b| a.position < b.position), "a position was given twice");
    let added = &again[model.len()..];
    drop(log);
    let (_log, second, _) = open(dir.path());
    prop_assert_eq!(&second[..records.len()], &records[..]);
    prop_assert_eq!(&second[records.len()..], added);
    Ok(())
}

#[test]
fn a_torn_end_is_cut_off_at_every_byte() {
    let origin = folder();
    let (log, _, _) = open(origin.path());
    let mut model = Vec::new();
    append(&log, &[0, 5, 100, 1, 30], &mut model);
    drop(log);
    let bytes = std::fs::read(&segments(origin.path())[0]).expect("a segment");
    let offset = |r: &Record| (u64::from(r.position) & u64::from(u32::MAX)) as usize;
    let range = |r: &Record| offset(r)..offset(r) + 32 + r.payload.len();
    for length in HEADER..=bytes.len() {
        for tail in [&[][..], &[0; 700], &[0xff; 33], &bytes[..200]] {
            let dir = folder();
            for entry in std::fs::read_dir(origin.path()).expect("a folder") {
                let entry = entry.expect("an entry");
                std::fs::copy(entry.path(), dir.path().join(entry.file_name())).expect("copied");
            }
            let path = dir.path().join("0000000001.segment");
            let torn = [&bytes[..length], tail].concat();
            std::fs::write(&path, &torn).expect("written");
            let (log, records, damages) = open(dir.path());
            let there = model.iter().filter(|r| torn.get(range(r)) == Some(&bytes[range(r)]));
            assert!(records.iter().eq(there), "{length}");
            let kept = path.metadata().expect("a file").len();
            match &damages[..] {
                [] => assert_eq!(kept, torn.len() as u64),
                [Damage::Torn { at, bytes, .. }] => {
                    assert_eq!((*at, kept), (Position::from((1 << 32) + kept), torn.len() as u64 - bytes));
                }
                other => panic!("{length}: {other:?}"),
            }
            let mut all = model.clone();
            append(&log, &[10], &mut all);
            assert!(all[5].position > model[4].position);
            drop(log);
            let (_log, records, damages) = open(dir.path());
            assert!(damages.is_empty(), "it was cut: {damages:?}");
            assert_eq!(records.last(), all.last());
        }
    }
}

#[test]
fn what_is_damaged_is_kept_and_told_where() {
    let dir = folder();
    let (log, _, _) = open(dir.path());
    let mut model = Vec::new();
    append(&log, &[1000; 8], &mut model);
    drop(log);
    let corruption = |path: &Path, at: usize| {
        let mut bytes = std::fs::read(path).expect("a segment");
        bytes[at] ^= 1;
        std::fs::write(path, bytes).expect("written");
    };
    let paths = segments(dir.path());
    // The second record's payload; the length of the first; both copies of a header.
    let second = (u64::from(model[1].position) & u64::from(u32::MAX)) as usize;
    corruption(&paths[0], second + 40);
    corruption(&paths[1], HEADER + 18);
    corruption(&paths[2], 20);
    corruption(&paths[2], COPY + 20);
    let expected: Vec<_> = [0, 2, 4, 5].map(|n: usize| model[n].clone()).into();
    for _ in 0..2 {
        let (_log, records, damages) = open(dir.path());
        assert_eq!(records, expected);
        let [Damage::Unreadable { at, bytes, path }, Damage::Unreadable { at: other, .. }, Damage::Header { .. }] =
            &damages[..]
        else {
            panic!("{damages:?}");
        };
        assert_eq!((*at, *other), (model[1].position, model[3].position));
        assert_eq!(*bytes, u64::from(model[2].position) - u64::from(model[1].position));
        assert!(path.ends_with("0000000001.damaged") && path.exists());
        assert!(segments(dir.path()).is_empty());
    }
}

#[test]
fn a_length_that_lies_costs_no_memory() {
    let dir = folder();
    let (log, _, _) = open(dir.path());
    append(&log, &[50], &mut Vec::new());
    drop(log);
    let path = &segments(dir.path())[0];
    let mut bytes = std::fs::read(path).expect("a segment");
    for length in [51u32, 1 << 20, 128 << 20, u32::MAX] {
        bytes[HEADER + 16..HEADER + 20].copy_from_slice(&length.to_le_bytes());
        let crc = crc32fast::hash(&bytes[HEADER..HEADER + 28]);
        bytes[HEADER + 28..HEADER + 32].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(path, &bytes).expect("written");
        let (_log, records, damages) = open(dir.path());
        assert!(records.is_empty() && matches!(damages[..], [Damage::Torn { .. }]), "{length}: {damages:?}");
        drop(_log);
        assert_eq!(File::open(path).and_then(|f| f.metadata()).expect("a file").len(), HEADER as u64);
    }
}
