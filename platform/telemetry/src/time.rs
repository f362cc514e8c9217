//! The time as telemetry tells it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How wrong it is, in nanoseconds. One for the process, as its machine's clock is: spans end, and logs come, where no pipeline is at hand.
static SHIFT_NS: AtomicI64 = AtomicI64::new(0);

const NS_PER_MS: i64 = 1_000_000;

/// Lets all that the process tells from now on be so many milliseconds late, or early; 0 makes it right again. Durations stay as they are.
pub fn shift_time(ms: i64) {
    SHIFT_NS.store(ms.saturating_mul(NS_PER_MS), Ordering::Relaxed);
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now_unix_nano() -> u64 {
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
    now.saturating_add_signed(SHIFT_NS.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::{NS_PER_MS, now_unix_nano, shift_time};

    #[test]
    fn the_time_is_as_wrong_as_it_is_made() {
        const HOUR_MS: i64 = 3_600_000;
        let hour = (HOUR_MS * NS_PER_MS) as u64;
        let right = now_unix_nano();
        shift_time(HOUR_MS);
        let late = now_unix_nano();
        shift_time(-HOUR_MS);
        let early = now_unix_nano();
        shift_time(0);
        assert!(late >= right + hour && early < right && now_unix_nano() < late);
    }
}
