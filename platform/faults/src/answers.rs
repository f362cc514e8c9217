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

impl Answers {
    /// An earlier answer to the same question, if it is not older than this; otherwise the new one is remembered.
    pub(crate) fn older(&self, path: &str, request: &[u8], body: &[u8], age: Duration) -> Option<Vec<u8>> {
        let key = mix64(subject_of(path.as_bytes()), subject_of(request));
        let mut known = self.0.lock();
        match known.get(&key) {
            Some((at, earlier)) if at.elapsed() <= age => return Some(earlier.clone()),
            Some(_) => {}
            None if known.len() >= MAX_ANSWERS => return None,
            None => {}
        }
        if body.len() <= MAX_ANSWER {
            known.insert(key, (Instant::now(), body.to_vec()));
        }
        None
    }

    pub(crate) fn clear(&self) {
        *self.0.lock() = HashMap::new();
    }
}
