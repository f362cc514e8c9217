//! Ids that sort by the time they were made: a short prefix that names the kind, and a ULID.

use ulid::Ulid;

/// The longest id that is accepted from outside, in bytes.
pub const MAX_LEN: usize = 64;

/// A new id, for example `ord_01JD5X…`.
pub fn new(prefix: &str) -> String {
    format!("{prefix}_{}", Ulid::new())
}

/// The id of another kind that belongs to this one, always the same: `ref_01JD5X…` to `ord_01JD5X…`.
pub fn sibling(prefix: &str, id: &str) -> String {
    format!("{prefix}_{}", id.split_once('_').map_or(id, |(_, rest)| rest))
}

/// Whether `id` could have been made with this prefix: the prefix, an underscore, and 1 to 60 letters, digits,
/// dashes or underscores. Seeded data uses readable ids such as `prd_tall-vase`.
pub fn is_valid(prefix: &str, id: &str) -> bool {
    id.len() <= MAX_LEN
        && id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// A number that an id always has, for choices that must not change between runs or releases (FNV-1a).
pub fn hash(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{hash, is_valid, new, sibling};

    #[test]
    fn hashes_stay_what_they_are() {
        // Test vectors of the FNV reference.
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn siblings_share_what_follows_the_prefix() {
        assert_eq!(sibling("ref", "ord_a_b"), "ref_a_b");
    }

    #[test]
    fn ids_know_their_kind() {
        assert!(is_valid("ord", &new("ord")));
        for bad in ["", "ord", "ord_", "cus_1", "ord_a b", "ord_ä", &format!("ord_{}", "a".repeat(61))] {
            assert!(!is_valid("ord", bad), "{bad}");
        }
    }
}
