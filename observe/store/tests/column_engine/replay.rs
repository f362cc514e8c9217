//! A log that is longer than memory, when the engine is opened.

use vitrine_observe_store::{Options, Reports, Tenant};

use crate::series::{find, named, send, series};
use crate::support::{open, options};

/// Bytes of the log: its files have half of them, and what is sent takes more than one.
const LOG_BYTES: u64 = 3 << 20;
/// Bytes of memory when it is read again: less than the samples of one of its files.
const MEMORY: usize = 64 << 10;
/// Requests, and samples in each: more than half of that memory.
const REQUESTS: i64 = 25;
const SAMPLES: i64 = 5_000;

/// Values that are not packed well.
fn samples(request: i64) -> Vec<(i64, f64)> {
    (request * SAMPLES..(request + 1) * SAMPLES).map(|at| (at * 1_000 - 1_000_000_000, (at as f64).sin())).collect()
}

#[test]
fn a_log_longer_than_memory_is_taken_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let large = Options { log_bytes: LOG_BYTES, ..options(folder.path()) };
    let expected = named("long", &(0..REQUESTS).flat_map(samples).collect::<Vec<_>>());
    {
        let (engine, _clock) = open(large.clone());
        for request in 0..REQUESTS {
            send(&engine, &Tenant::default(), &[series("long", &samples(request))]).expect("taken");
        }
        let status = engine.status();
        assert_eq!((status.series.file_samples, status.log.bytes > LOG_BYTES / 2), (0, true), "all is in the log only");
    }
    for _ in 0..2 {
        // Files are written while it is read. What was not read yet must stay in it.
        let small = Options { memory_bytes: MEMORY, seal_bytes: MEMORY / 8, ..large.clone() };
        let (engine, _clock) = open(small);
        assert!(engine.status().series.file_samples > 0);
        assert_eq!(find(&engine, &Tenant::default(), "long"), expected);
    }
}
