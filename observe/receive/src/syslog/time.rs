//! Times of syslog messages, in nanoseconds since 1970.

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

/// Names of months as RFC 3164 has them.
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
/// Most digits of a fraction that count.
const NANO_DIGITS: usize = 9;

/// Reads a time as RFC 5424 (and RFC 3339) has it; none if it is no such, or before 1970.
pub(super) fn rfc3339(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(time.timestamp_nanos_opt()?).ok()
}

/// Where times without a zone are, and what year those without a year are near to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub zone: Tz,
    pub now_ms: i64,
}

/// Reads a time as RFC 3164 has it off the front, such as `Nov  8 03:04:05`, also with a year after the day, a fraction of the second,
/// and, as routers send it, a star or a dot before and a colon after it. Returns it with what follows.
pub(super) fn rfc3164(text: &[u8], local: Local) -> Option<(u64, &[u8])> {
    let text = text.strip_prefix(b"*").or(text.strip_prefix(b".")).unwrap_or(text);
    let month = MONTHS.iter().position(|name| text.starts_with(name))?;
    let text = spaces(text.get(3..)?)?;
    let (day, text) = number(text, 2)?;
    let text = spaces(text)?;
    let (year, text) = match number(text, 4) {
        Some((year, rest)) if rest.first() == Some(&b' ') => (i32::try_from(year).ok(), spaces(rest)?),
        _ => (None, text),
    };
    let (hour, text) = number(text, 2)?;
    let (minute, text) = number(text.strip_prefix(b":")?, 2)?;
    let (second, text) = number(text.strip_prefix(b":")?, 2)?;
    let (nanos, text) = fraction(text);
    let text = text.strip_prefix(b":").unwrap_or(text);
    if !matches!(text.first(), None | Some(b' ')) {
        return None;
    }
    let month = u32::try_from(month + 1).ok()?;
    // What has no year is of the year that brings it nearest to now: at New Year clocks differ.
    let now = local.zone.from_utc_datetime(&DateTime::<Utc>::from_timestamp_millis(local.now_ms)?.naive_utc());
    let years = year.map_or_else(|| (now.year() - 1..=now.year() + 1).collect(), |year| vec![year]);
    let time = |year| {
        let date = NaiveDate::from_ymd_opt(year, month, day)?;
        // A leap second is the one before.
        let time = date.and_hms_nano_opt(hour, minute, second.min(59), nanos)?;
        let found = local.zone.from_local_datetime(&time).earliest();
        // In the hour that clocks leave out, a clock that was not put forward is as good as any.
        found.unwrap_or_else(|| local.zone.from_utc_datetime(&time)).timestamp_nanos_opt()
    };
    let now_ns = local.now_ms.saturating_mul(1_000_000);
    let nearest = years.into_iter().filter_map(time).min_by_key(|time| time.abs_diff(now_ns))?;
    (second <= 60).then_some(())?;
    Some((u64::try_from(nearest).ok()?, text))
}

/// Skips spaces, of which there is at least one.
fn spaces(text: &[u8]) -> Option<&[u8]> {
    let count = text.iter().take_while(|byte| **byte == b' ').count();
    (count > 0).then(|| &text[count..])
}

/// Reads a number of at most so many digits.
fn number(text: &[u8], most: usize) -> Option<(u32, &[u8])> {
    let digits = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}

/// Reads a fraction of a second, in nanoseconds; 0 if there is none.
fn fraction(text: &[u8]) -> (u32, &[u8]) {
    let Some(rest) = text.strip_prefix(b".") else { return (0, text) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let nanos = (0..NANO_DIGITS).fold(0, |nanos, place| {
        let digit = if place < digits { u32::from(rest[place] - b'0') } else { 0 };
        nanos * 10 + digit
    });
    (nanos, &rest[digits..])
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::{Local, rfc3164, rfc3339};

    /// 2026-01-01T00:30:00Z.
    const NEW_YEAR_MS: i64 = 1_767_227_400_000;

    fn read(text: &str, zone: Tz) -> Option<(u64, String)> {
        let found = rfc3164(text.as_bytes(), Local { zone, now_ms: NEW_YEAR_MS });
        found.map(|(time, rest)| (time, String::from_utf8_lossy(rest).into_owned()))
    }

    #[test]
    fn years_are_those_that_are_near() {
        let seconds = |time: &str| rfc3339(time.as_bytes()).expect("a time");
        for (text, zone, time, rest) in [
            ("Dec 31 23:59:59 host x", Tz::UTC, "2025-12-31T23:59:59Z", " host x"),
            ("Jan  1 00:31:00 host x", Tz::UTC, "2026-01-01T00:31:00Z", " host x"),
            ("Jan 01 01:31:00", Tz::Europe__Berlin, "2026-01-01T00:31:00Z", ""),
            ("Jul 4 12:00:00 h", Tz::Europe__Berlin, "2025-07-04T10:00:00Z", " h"),
            ("Jun 30 12:00:00 h", Tz::UTC, "2026-06-30T12:00:00Z", " h"),
            ("*Mar  1 18:46:11.123: %SYS", Tz::UTC, "2026-03-01T18:46:11.123Z", " %SYS"),
            ("Mar  1 2019 18:46:11 h", Tz::UTC, "2019-03-01T18:46:11Z", " h"),
            ("Feb 29 10:00:00 h", Tz::UTC, "2024-02-29T10:00:00Z", " h"),
            // Clocks went from 2 to 3.
            ("Mar 30 2025 02:30:00 h", Tz::Europe__Berlin, "2025-03-30T02:30:00Z", " h"),
        ] {
            // The nearest leap year is more than one away.
            let expected = (!text.starts_with("Feb 29")).then(|| (seconds(time), rest.to_owned()));
            assert_eq!(read(text, zone), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "Jan",
            "Jan 1",
            "Jan 32 00:00:00 h",
            "Jan  1 24:00:00 h",
            "Jan  1 00:00:61 h",
            "Foo 1 00:00:00",
            "Jan  1 00:00:00x",
        ] {
            assert_eq!(read(text, Tz::UTC), None, "{text}");
        }
        for text in ["", "-", "2026-13-01T00:00:00Z", "1960-01-01T00:00:00Z", "2026-01-01", "\u{fe0f}"] {
            assert_eq!(rfc3339(text.as_bytes()), None, "{text}");
        }
        assert_eq!(rfc3339(b"1970-01-01T01:00:00.000000001+01:00"), Some(1));
    }
}
