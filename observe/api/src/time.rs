//! Units of time, and now.

use vitrine_kit::clock::Clock;

pub(crate) const NANOS_PER_MICRO: u64 = 1_000;
pub(crate) const NANOS_PER_MILLI: u64 = 1_000_000;
pub(crate) const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Returns now, in nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    u64::try_from(Clock::system().now_ms()).unwrap_or(0).saturating_mul(NANOS_PER_MILLI)
}
