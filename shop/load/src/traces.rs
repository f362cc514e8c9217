//! Traces of requests whose ids repeat: the low half is of who comes and of how many requests they have made, the high half of the run.
//!
//! What decides by the low half, as a fault's share does, decides the same in another run of the same seed; and a request can be compared
//! with the same one there. Each is a trace of its own, as without this.

use vitrine_platform_faults::mix64;

/// Keys of what is hashed besides.
const PARENT: u64 = 1;

/// The `traceparent` header of a request: of the nth, from 1, that a visitor makes whose seed is known.
pub fn traceparent(run: u64, seed: u64, nth: u64) -> String {
    // No half of an id is nothing.
    let (high, low) = (run.max(1), mix64(seed, nth).max(1));
    let trace_id = (u128::from(high) << u64::BITS) | u128::from(low);
    format!("00-{trace_id:032x}-{:016x}-01", parent_span(trace_id))
}

/// The span that such a request says it is within, and that nobody tells of: a trace begins below it.
pub fn parent_span(trace_id: u128) -> u64 {
    mix64(PARENT, trace_id as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::{parent_span, traceparent};

    #[test]
    fn the_low_half_is_of_the_visitor_and_the_high_one_of_the_run() {
        let id = |run, seed, nth| {
            let header = traceparent(run, seed, nth);
            let parts: Vec<&str> = header.split('-').collect();
            let trace_id = u128::from_str_radix(parts[1], 16).expect("digits");
            assert_eq!((parts[0], parts[1].len(), parts[2].len(), parts[3]), ("00", 32, 16, "01"));
            assert_eq!(u64::from_str_radix(parts[2], 16).ok(), Some(parent_span(trace_id)));
            ((trace_id >> 64) as u64, trace_id as u64)
        };
        let ((high, low), (other_high, other_low)) = (id(7, 42, 1), id(8, 42, 1));
        assert_eq!((high, other_high, low), (7, 8, other_low));
        assert!(low != id(7, 42, 2).1 && low != id(7, 43, 1).1);
        assert_eq!(id(0, 42, 1).0, 1);
    }
}
