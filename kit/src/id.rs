//! Ids that sort by the time they were made: a short prefix that names the kind, and a ULID.

use ulid::Ulid;

/// The longest id that is accepted from outside, in bytes.
pub const MAX_LEN: usize = 64;

/// A new id, for example `ord_01JD5X…`.
pub fn new(prefix: &str) -> String {
    format!("{prefix}_{}", Ulid::new())
}

/// Whether `id` could have been made with this prefix: the prefix, an underscore, and 1 to 60 letters, digits,
/// dashes or underscores. Seeded data uses readable ids such as `prd_tall-vase`.
pub fn is_valid(prefix: &str, id: &str) -> bool {
    id.len() <= MAX_LEN
        && id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::{is_valid, new};

    #[test]
    fn ids_know_their_kind() {
        assert!(is_valid("ord", &new("ord")));
        for bad in ["", "ord", "ord_", "cus_1", "ord_a b", "ord_ä", &format!("ord_{}", "a".repeat(61))] {
            assert!(!is_valid("ord", bad), "{bad}");
        }
    }
}
