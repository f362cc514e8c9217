//! Time as a value that is handed in, so that tests can hold it in their hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const NANOS_PER_MS: i128 = 1_000_000;
/// Characters of a date such as `2026-11-21`.
const DATE_CHARS: usize = 10;

/// The wall clock. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
    Skewed(Box<Source>, Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start_ms` until its [`Manual`] moves it.
    pub fn manual(start_ms: i64) -> (Self, Manual) {
        let now = Arc::new(AtomicI64::new(start_ms));
        (Self(Source::Manual(now.clone())), Manual(now))
    }

    /// The same clock, and what makes it wrong: as a machine's clock can be.
    pub fn skewed(self) -> (Self, Skew) {
        let skew = Arc::new(AtomicI64::new(0));
        (Self(Source::Skewed(Box::new(self.0), skew.clone())), Skew(skew))
    }

    /// Milliseconds since the Unix epoch, UTC.
    pub fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }
}

impl Source {
    fn now_ms(&self) -> i64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
            Self::Manual(now) => now.load(Ordering::SeqCst),
            Self::Skewed(source, skew) => source.now_ms().saturating_add(skew.load(Ordering::Relaxed)),
        }
    }
}

/// Makes a clock wrong.
#[derive(Clone, Debug)]
pub struct Skew(Arc<AtomicI64>);

impl Skew {
    /// By so many milliseconds from now on; 0 makes it right again.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

/// Moves a manual clock.
#[derive(Clone, Debug)]
pub struct Manual(Arc<AtomicI64>);

impl Manual {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// A time with its date. One before the year -9999 or after 9999, which dates cannot tell, becomes the nearest that they can.
fn date_time(unix_ms: i64) -> OffsetDateTime {
    let clamped = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * NANOS_PER_MS);
    clamped.unwrap_or(if unix_ms < 0 {
        PrimitiveDateTime::MIN.assume_utc()
    } else {
        PrimitiveDateTime::MAX.assume_utc()
    })
}

/// Returns the year and the month, from 1 on, of a time in UTC.
pub fn year_and_month(unix_ms: i64) -> (i32, u8) {
    let time = date_time(unix_ms);
    (time.year(), time.month().into())
}

/// Returns a time as English text for people, in UTC, for example `Thu 24 Dec 2026, 18:00`.
pub fn text(unix_ms: i64) -> String {
    let shape =
        format_description!("[weekday repr:short] [day padding:none] [month repr:short] [year], [hour]:[minute]");
    date_time(unix_ms).format(shape).expect("the shape asks only for what every time has")
}

/// Returns the time of the day, in UTC, for example `20:00`.
pub fn time_of_day(unix_ms: i64) -> String {
    date_time(unix_ms).format(format_description!("[hour]:[minute]")).expect("every time has an hour and a minute")
}

/// Returns a time as RFC 3339 in UTC with milliseconds, for example `2026-11-21T02:29:26.000Z`.
pub fn rfc3339(unix_ms: i64) -> String {
    let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    date_time(unix_ms).format(shape).expect("the shape asks only for what every time has")
}

/// Returns a time in nanoseconds since 1970 as RFC 3339 in UTC, with as many digits of a second as it has, for example `2026-11-21T02:29:26.5Z`.
pub fn rfc3339_ns(unix_ns: u64) -> String {
    const WITHIN: &str = "64 bits of nanoseconds end in the year 2554";
    let time = OffsetDateTime::from_unix_timestamp_nanos(unix_ns.into()).expect(WITHIN);
    time.format(&Rfc3339).expect(WITHIN)
}

/// Reads a time as RFC 3339, for example `2026-11-21T18:30:00Z` or `2026-11-21T18:30:00.5+01:00`, as Unix milliseconds; what is finer is cut off.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    i64::try_from(parse_rfc3339_ns(text)?.div_euclid(NANOS_PER_MS)).ok()
}

/// Reads a time as RFC 3339, as Unix nanoseconds; what is finer is cut off. Date and time may be apart by `T`, `t` or a space.
pub fn parse_rfc3339_ns(text: &str) -> Option<i128> {
    // The crate takes any byte there.
    if !matches!(text.as_bytes().get(DATE_CHARS)?, b'T' | b't' | b' ') {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos)
}

#[cfg(test)]
mod tests {
    use super::{Clock, parse_rfc3339, parse_rfc3339_ns, rfc3339, rfc3339_ns, text, time_of_day, year_and_month};
    use std::time::Duration;

    #[test]
    fn times_are_written_for_people() {
        let at = parse_rfc3339("2026-12-24T18:00:59.999Z").expect("a time");
        assert_eq!((text(at), time_of_day(at)), ("Thu 24 Dec 2026, 18:00".to_owned(), "18:00".to_owned()));
        assert_eq!(text(0), "Thu 1 Jan 1970, 00:00");
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let (clock, hand) = Clock::manual(1_000);
        assert_eq!(clock.now_ms(), 1_000);
        hand.advance(Duration::from_secs(2));
        assert_eq!(clock.now_ms(), 3_000);
    }

    #[test]
    fn a_clock_is_as_wrong_as_it_is_made() {
        let (clock, skew) = Clock::manual(1_000).0.skewed();
        for ms in [0, 500, -2_000, i64::MAX, 0] {
            skew.set(ms);
            assert_eq!(clock.now_ms(), 1_000_i64.saturating_add(ms));
        }
    }

    #[test]
    fn dates_are_told() {
        for (ms, expected) in [
            (0, (1970, 1)),
            (951_782_400_000, (2000, 2)),
            (-1, (1969, 12)),
            (i64::MIN, (-9999, 1)),
            (i64::MAX, (9999, 12)),
        ] {
            assert_eq!(year_and_month(ms), expected);
        }
        for (ms, expected) in [
            (1_795_228_166_042, "2026-11-21T02:29:26.042Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "-9999-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), expected);
        }
    }

    #[test]
    fn dates_are_read_or_refused() {
        for (text, expected) in [
            ("2026-11-21T02:29:26.042Z", Some(1_795_228_166_042)),
            ("2026-11-21T03:29:26.0421+01:00", Some(1_795_228_166_042)),
            ("2026-11-20t18:29:26.042999999999-08:00", Some(1_795_228_166_042)),
            ("2026-11-21 02:29:26.042z", Some(1_795_228_166_042)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1969-12-31T23:59:59.9999Z", Some(-1)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_999)),
            ("2026-02-29T00:00:00Z", None),
            ("1900-02-29T00:00:00Z", None),
            ("2026-11-21", None),
            ("2026-11-21T24:00:00Z", None),
            ("2026-11-21T02:60:26Z", None),
            ("2026-13-21T02:29:26Z", None),
            ("2026-00-21T02:29:26Z", None),
            ("2026-11-00T02:29:26Z", None),
            ("2026-11-21T02:29:26", None),
            ("2026-11-21T02:29Z", None),
            ("2026-11-21T02:29:26.Z", None),
            ("2026-11-21T02:29:26,5Z", None),
            ("2026-11-21T02:29:26Zulu", None),
            ("2026-11-21T02:29:26 Z", None),
            ("2026-11-21T02:29:26+8", None),
            ("2026-11-21T02:29:26+24:00", None),
            ("2026-11-21T02:29:26+01:60", None),
            ("2026-11-21T02:29:26+0100", None),
            ("2026-11-21T02:29:26+ß0:00", None),
            ("2026-11-21_02:29:26Z", None),
            ("+026-11-21T02:29:26Z", None),
            ("12026-11-21T02:29:26Z", None),
            (" 2026-11-21T02:29:26Z", None),
            ("T", None),
            ("", None),
            ("tomorrow", None),
            ("2026-11-21T02:29:26\u{e4}", None),
        ] {
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
        for ms in (-62_167_219_200_000..253_402_300_800_000).step_by(86_400_123 * 97) {
            assert_eq!(parse_rfc3339(&rfc3339(ms)), Some(ms), "{}", rfc3339(ms));
        }
        assert_eq!(parse_rfc3339_ns("1970-01-01T00:00:00.1234567891Z"), Some(123_456_789));
        for (ns, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_500_000_000, "1970-01-01T00:00:01.5Z"),
            (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!((rfc3339_ns(ns).as_str(), parse_rfc3339_ns(expected)), (expected, Some(ns.into())));
        }
    }
}
