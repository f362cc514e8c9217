//! Time as a value that is handed in, so that tests can hold it in their hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the wall-clock time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
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

    /// Milliseconds since the Unix epoch, UTC.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
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

/// The civil date of a time in UTC, as (year, month, day).
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub fn civil_date(unix_ms: i64) -> (i64, u32, u32) {
    let z = unix_ms.div_euclid(86_400_000) + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// A time as RFC 3339 in UTC with milliseconds, for example `2026-11-21T02:29:26.000Z`.
pub fn rfc3339(unix_ms: i64) -> String {
    let (year, month, day) = civil_date(unix_ms);
    let ms = unix_ms.rem_euclid(86_400_000);
    let (s, ms) = (ms / 1000, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60)
}

/// Reads a time as RFC 3339, for example `2026-11-21T18:30:00Z` or `2026-11-21T18:30:00.5+01:00`, as Unix milliseconds.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse::<i64>().ok()
    };
    let separator = |at: usize, allowed: &[u8]| text.as_bytes().get(at).is_some_and(|b| allowed.contains(b));
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let shaped =
        separator(4, b"-") && separator(7, b"-") && separator(10, b"Tt ") && separator(13, b":") && separator(16, b":");
    let mut rest = text.get(19..)?;
    let mut ms = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        ms = format!("{:0<3}", fraction.get(..digits.min(3))?).parse::<i64>().ok().filter(|_| digits > 0)?;
        rest = fraction.get(digits..)?;
    }
    let offset_min = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            let part = |t: &str, max| (t.len() == 2).then(|| t.parse::<i64>().ok())?.filter(|n| (0..=max).contains(n));
            sign * (part(hours, 23)? * 60 + part(minutes, 59)?)
        }
    };
    let days = unix_day(year, month, day)?;
    let valid = shaped && hour < 24 && minute < 60 && second < 60;
    valid.then_some(((days * 24 + hour) * 60 + minute - offset_min) * 60_000 + second * 1000 + ms)
}

/// The day of a civil date, counted from 1970-01-01; none if the calendar has no such date. Source: as for [`civil_date`].
pub fn unix_day(year: i64, month: i64, day: i64) -> Option<i64> {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    let (y, m, d) = civil_date(days * 86_400_000);
    ((y, i64::from(m), i64::from(d)) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::{Clock, civil_date, parse_rfc3339, rfc3339};
    use std::time::Duration;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let (clock, hand) = Clock::manual(1_000);
        assert_eq!(clock.now_ms(), 1_000);
        hand.advance(Duration::from_secs(2));
        assert_eq!(clock.now_ms(), 3_000);
    }

    #[test]
    fn dates() {
        for (ms, expected) in [(0, (1970, 1, 1)), (951_782_400_000, (2000, 2, 29)), (-1, (1969, 12, 31))] {
            assert_eq!(civil_date(ms), expected);
        }
        assert_eq!(rfc3339(1_795_228_166_042), "2026-11-21T02:29:26.042Z");
        for (text, expected) in [
            ("2026-11-21T02:29:26.042Z", Some(1_795_228_166_042)),
            ("2026-11-21T03:29:26.0421+01:00", Some(1_795_228_166_042)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-02-29T00:00:00Z", None),
            ("2026-11-21", None),
            ("2026-11-21T24:00:00Z", None),
            ("2026-11-21T02:29:26", None),
            ("tomorrow", None),
            ("2026-11-21T02:29:26\u{e4}", None),
        ] {
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
    }
}
