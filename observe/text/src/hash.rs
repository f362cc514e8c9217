//! Hashes of words and ids.

use vitrine_kit::hash::{self, MULTIPLIER};

/// The seed of [`id`], part of the format of files: digits of pi.
const ID_SEED: u64 = 0x243F_6A88_85A3_08D3;

/// The hash by which a file knows an id.
#[inline]
pub(crate) fn id(text: &str) -> u64 {
    seeded(ID_SEED, text.as_bytes()).0
}

/// Returns a hash, and the last word of the bytes, as [`hash::seeded`] does.
#[inline]
pub(crate) fn seeded(seed: u64, bytes: &[u8]) -> (u64, u64) {
    let (hash, tail) = hash::seeded(seed, bytes);
    // Once more: of a few bytes, the upper bits of one product alone are not spread evenly.
    (hash::fold(hash, MULTIPLIER), tail)
}
