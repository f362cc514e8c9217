//! Files that a fuzzer would send: the corpus, mutated with a fixed seed, is read without a panic, within the memory that
//! the file's length allows, and nothing false is served.
//!
//! `tests/corpus` holds first segments as the log wrote them. They also hold the format: what they hold is known here.

use std::path::{Path, PathBuf};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use vitrine_platform_log::{Damage, Fsync, Log, Options, Record};

const OPTIONS: Options =
    Options { segment_bytes: 64 << 10, fsync: Fsync::Never, max_bytes: 1 << 20, max_waiting_bytes: 1 << 20 };
/// Files of the corpus, with the kind and the length of each record.
const CORPUS: &[(&str, &[(u8, usize)])] = &[
    ("empty", &[]),
    ("one", &[(1, 20)]),
    ("many", &[(0, 0), (1, 1), (2, 7), (3, 8), (4, 9), (255, 100), (6, 31), (7, 32), (8, 33), (9, 300)]),
    ("torn", &[(1, 50), (2, 60)]),
];
/// How many mutated files are read.
const ROUNDS: u32 = 6000;
/// Most mutations of one file.
const MUTATIONS: u32 = 6;
/// Numbers that are often wrong.
const ODD: [u32; 8] = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, u32::MAX, 128 << 20, (128 << 20) + 1];

fn corpus(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{name}.segment"));
    std::fs::read(path).expect("the corpus")
}

/// What a record of the corpus holds.
fn payload(kind: u8, length: usize) -> Vec<u8> {
    (0..length).map(|i| (i as u8).wrapping_mul(3).wrapping_add(kind)).collect()
}

fn read(folder: &Path) -> (Vec<Record>, Vec<Damage>) {
    let (_log, replay) = Log::open(folder, OPTIONS).expect("open");
    let (mut records, mut damages) = (Vec::new(), Vec::new());
    for item in replay {
        match item {
            Ok(record) => records.push(record),
            Err(damage) => damages.push(damage),
        }
    }
    (records, damages)
}

/// The segment's file in a folder of its own, in memory where there is such.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let path = dir.path().join("0000000001.segment");
    (dir, path)
}

#[test]
fn the_format_is_the_one_on_record() {
    for (name, expected) in CORPUS {
        let (dir, path) = folder();
        std::fs::write(&path, corpus(name)).expect("written");
        let (records, damages) = read(dir.path());
        let found: Vec<_> = records.iter().map(|r| (r.kind, r.payload.to_vec())).collect();
        let expected: Vec<_> = expected.iter().map(|&(kind, length)| (kind, payload(kind, length))).collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(damages.len(), usize::from(*name == "torn"), "{damages:?}");
    }
}

struct Mutator(TestRng);

impl Mutator {
    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.next_u32() as usize % end }
    }

    /// Changes something. Returns whether the file may now truly say what no one wrote.
    fn mutate(&mut self, bytes: &mut Vec<u8>) -> bool {
        let (at, other) = (self.below(bytes.len()), self.below(bytes.len()));
        let until = bytes.len().min(at + self.below(80));
        match self.below(9) {
            0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << (other % 8)),
            2 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = other as u8),
            3 => {
                let odd = ODD[other % ODD.len()].to_le_bytes();
                bytes.iter_mut().skip(at / 4 * 4).zip(odd).for_each(|(b, odd)| *b = odd);
            }
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..until)),
            6 => {
                let copy = bytes[at..until].to_vec();
                bytes.splice(other..other, copy);
            }
            7 => bytes.extend_from_slice(&corpus(CORPUS[other % CORPUS.len()].0)),
            // A record's header is right about itself, whatever it says.
            _ => {
                let at = at / 8 * 8;
                if let Some(header) = bytes.get_mut(at..at + 32) {
                    let length = ODD[other % ODD.len()].to_le_bytes();
                    header[16..20].copy_from_slice(&length);
                    let crc = crc32fast::hash(&header[..28]).to_le_bytes();
                    header[28..].copy_from_slice(&crc);
                    return true;
                }
            }
        }
        false
    }
}

#[test]
fn whatever_a_file_holds_it_is_read() {
    let (dir, path) = folder();
    let mut mutator = Mutator(TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let mut served = 0;
    for round in 0..ROUNDS {
        for entry in std::fs::read_dir(dir.path()).expect("a folder") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("removed");
        }
        let (name, expected) = CORPUS[mutator.below(CORPUS.len())];
        let mut bytes = corpus(name);
        let mut forged = false;
        for _ in 0..=mutator.below(MUTATIONS as usize) {
            forged |= mutator.mutate(&mut bytes);
        }
        std::fs::write(&path, &bytes).expect("written");
        let (records, _) = read(dir.path());
        served += records.len();
        let held: usize = records.iter().map(|r| 32 + r.payload.len()).sum();
        assert!(held <= bytes.len(), "{round}: {held} bytes out of {}", bytes.len());
        for Record { kind, payload: found, .. } in records {
            let known = expected.iter().any(|&(k, length)| kind == k && found == payload(k, length));
            assert!(known || forged, "{round}: never written: {kind} {found:?}");
        }
    }
    assert!(served > ROUNDS as usize / 2, "the mutations leave nothing to read: {served}");
}
