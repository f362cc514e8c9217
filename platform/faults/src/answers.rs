//! Old answers, which are given again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::coin::{mix64, subject_of};

/// Most answers that a site remembers. Others are not made old.
const MAX_ANSWERS: usize = 1_024;
/// Largest of them, in bytes.
const MAX_ANSWER: usize = 64 * 1_024;

/// Bodies by what was asked, each with when it was new.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<HashMap<u64, (Instant, Vec<u8>)>>);

fn key(path: &str, request: &[u8]) -> u64 {
    mix64(subject_of(path.as_bytes()), subject_of(request))
}

impl Answers {
    /// An earlier answer to the same question, if there is one that is not older than this.
    pub(crate) fn earlier(&self, path: &str, request: &[u8], age: Duration) -> Option<Vec<u8>> {
        let known = self.0.lock();
        known.get(&key(path, request)).filter(|(at, _)| at.elapsed() <= age).map(|(_, body)| body.clone())
    }

    /// Remembers an answer that is new.
    pub(crate) fn remember(&self, path: &str, request: &[u8], body: &[u8]) {
        let (key, mut known) = (key(path, request), self.0.lock());
        if body.len() <= MAX_ANSWER && (known.len() < MAX_ANSWERS || known.contains_key(&key)) {
            known.insert(key, (Instant::now(), body.to_vec()));
        }
    }

    pub(crate) fn clear(&self) {
        *self.0.lock() = HashMap::new();
    }
}
