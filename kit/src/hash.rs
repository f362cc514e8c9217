//! A quick hash of bytes. It keeps nobody out who knows its seed.

/// The golden ratio in 64 bits.
pub const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Multiply and fold, 8 bytes at a time; the seed goes in with every word. The last word overlaps the one before, which spares a copy.
/// Returns the last word, too: of up to 8 bytes, it and their number are all that there is to tell.
#[inline]
pub fn seeded(seed: u64, bytes: &[u8]) -> (u64, u64) {
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
    (fold(hash ^ tail, key), tail)
}

/// Both halves of a product as one.
#[inline(always)]
pub fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::seeded;

    #[test]
    fn bytes_are_told_apart_by_all_of_them() {
        let texts = ["", "a", "b", "ab", "ba", "abcd", "abcdefgh", "abcdefghi", "bbcdefghi", "abcdefghijklmnopq"];
        for (place, text) in texts.iter().enumerate() {
            for other in &texts[..place] {
                assert_ne!(seeded(7, text.as_bytes()), seeded(7, other.as_bytes()), "{text:?} {other:?}");
            }
            assert_eq!(seeded(7, text.as_bytes()), seeded(7, text.as_bytes()));
            assert_ne!(seeded(7, text.as_bytes()).0, seeded(8, text.as_bytes()).0, "{text:?}");
        }
        let tail = u64::from_le_bytes(*b"bcdefghi");
        assert_eq!(seeded(7, b"abcdefghi").1, tail);
    }
}
