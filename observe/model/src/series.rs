//! Which points belong to one series.

/// Two primes of 64 bits, from xxHash. They must never change: hashes are kept on disk.
const FIRST: u64 = 0x9E37_79B1_85EB_CA87;
const SECOND: u64 = 0xC2B2_AE3D_27D4_EB4F;

/// A hash of bytes that is the same in every process. Attributes are hashed as on the wire, and their hashes added up,
/// so that their order does not matter; what belongs to resource, scope, name and point is rotated by another number of
/// bits each, so that it matters where an attribute stands. A sender can make its own series collide: who needs to be sure compares names
/// and attributes too.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let start = FIRST ^ (bytes.len() as u64).wrapping_mul(SECOND);
    let hash = words.iter().fold(start, |hash, word| fold(hash ^ u64::from_le_bytes(*word)));
    let mut rest = [0; 8];
    rest[..tail.len()].copy_from_slice(tail);
    fold(fold(hash ^ u64::from_le_bytes(rest)) ^ SECOND)
}

fn fold(value: u64) -> u64 {
    let product = u128::from(value ^ FIRST) * u128::from(SECOND);
    product as u64 ^ (product >> 64) as u64
}
