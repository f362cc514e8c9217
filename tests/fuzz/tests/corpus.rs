//! Each target on its corpus, and on mutations of it that are the same in every run.

use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use vitrine_tests_fuzz::TARGETS;

/// Mutations of each target.
const MUTATIONS: u64 = 10_000;
/// Longest input, in bytes.
const MAX_BYTES: usize = 64 << 10;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).expect("a file"))).collect()
}

/// Changes some bytes, takes some away, repeats some, or joins two inputs.
fn mutate(rng: &mut SmallRng, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..rng.random_range(1..6) {
        let place = rng.random_range(0..=bytes.len());
        let end = rng.random_range(place..=bytes.len().min(place + 40));
        match rng.random_range(0..6) {
            0 if place < bytes.len() => bytes[place] ^= 1 << rng.random_range(0..8),
            1 if place < bytes.len() => {
                bytes[place] = [0, 0x7f, 0x80, 0xff, b'"', b'{', b'\n', b'9'][rng.random_range(0..8)]
            }
            2 => drop(bytes.drain(place..end)),
            3 => {
                let part = bytes[place..end].to_vec();
                for _ in 0..rng.random_range(1..50) {
                    bytes.splice(place..place, part.iter().copied());
                }
            }
            4 => bytes.insert(place, rng.random()),
            _ => {
                let from = rng.random_range(0..=other.len());
                let to = rng.random_range(from..=other.len());
                bytes.splice(place..end, other[from..to].iter().copied());
            }
        }
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

fn mutations(name: &str) {
    let target = |input: &[u8]| vitrine_tests_fuzz::run(name, input);
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    for (_, input) in &corpus {
        target(input);
    }
    let mut rng = SmallRng::seed_from_u64(7);
    for _ in 0..MUTATIONS {
        let (_, input) = &corpus[rng.random_range(0..corpus.len())];
        let (_, other) = &corpus[rng.random_range(0..corpus.len())];
        target(&mutate(&mut rng, input, other));
    }
}

/// One test for each target, so that they run side by side.
macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { mutations(stringify!($name)); })*

        #[test]
        fn every_target_is_run() {
            let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names.as_slice(), [$(stringify!($name)),*]);
        }
    };
}

targets! {
    remote_write_v1 remote_write_v2 otlp_metrics exposition_text exposition_protobuf promql logql template rule_file
    configuration flag_definitions flag_contexts flag_requests bulk loki_push journal text_index forward syslog
    analytics people_query query_string
}
