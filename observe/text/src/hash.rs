//! Hashes of words and ids.

/// The golden ratio in 64 bits.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// The seed of [`id`], part of the format of files: digits of pi.
const ID_SEED: u64 = 0x243F_6A88_85A3_08D3;

/// The hash by which a file knows an id.
#[inline]
pub(crate) fn id(text: &str) -> u64 {
    seeded(ID_SEED, text.as_bytes()).0
}

/// Multiply and fold, 8 bytes at a time; the seed goes in with every word. The last word overlaps the one before. Returns the last word, too:
/// of up to 8 bytes, it and their number are all that there is to tell.
#[inline]
pub(crate) fn seeded(seed: u64, bytes: &[u8]) -> (u64, u64) {
    let start = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let key = seed ^ MULTIPLIER;
    let (words, _) = bytes[..bytes.len().saturating_sub(1)].as_chunks::<8>();
    let hash = words.iter().fold(start, |hash, word| fold(hash ^ u64::from_le_bytes(*word), key));
    let tail = match (bytes.last_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(word), ..) => u64::from_le_bytes(*word),
        (None, Some(low), Some(high)) => {
            u64::from(u32::from_le_bytes(*low)) | u64::from(u32::from_le_bytes(*high)) << 32
        }
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    // Once more: of a few bytes, the upper bits of one product alone are not spread evenly.
    (fold(fold(hash ^ tail, key), MULTIPLIER), tail)
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
