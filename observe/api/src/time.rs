//! Times as text.

use vitrine_kit::clock::{Clock, civil_date, unix_day};

pub(crate) const NANOS_PER_MICRO: u64 = 1_000;
pub(crate) const NANOS_PER_MILLI: u64 = 1_000_000;
pub(crate) const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// Now, in nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    u64::try_from(Clock::system().now_ms()).unwrap_or(0).saturating_mul(NANOS_PER_MILLI)
}

/// A moment's date and time of day in UTC.
pub(crate) struct Moment {
    /// Year, month and day, the latter two from 1 on.
    pub(crate) date: (i64, u32, u32),
    /// Hour, minute and second.
    pub(crate) clock: (u64, u64, u64),
}

/// The moment in UTC of a time in nanoseconds since 1970.
pub(crate) fn moment(ns: u64) -> Moment {
    let clock = ns / NANOS_PER_SECOND % SECONDS_PER_DAY;
    // Milliseconds since 1970 of a nanosecond in 64 bits always fit.
    Moment { date: civil_date((ns / NANOS_PER_MILLI) as i64), clock: (clock / 3_600, clock / 60 % 60, clock % 60) }
}

/// A time as RFC 3339 has it, in UTC and whole seconds.
pub(crate) fn rfc3339(ns: u64) -> String {
    let Moment { date: (year, month, day), clock: (hour, minute, second) } = moment(ns);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads a time of RFC 3339, to the nanosecond; one before 1970 or after 2554 becomes the nearest that there is.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let days = unix_day(year, month, day)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let nanos = fraction.map_or(Some(0), fraction_ns)?;
    let local = days * SECONDS_PER_DAY as i64 + hour * 3_600 + minute * 60 + second;
    let ns = i128::from(local - zone_seconds(zone)?) * i128::from(NANOS_PER_SECOND) + i128::from(nanos);
    Some(u64::try_from(ns.max(0)).unwrap_or(u64::MAX))
}

/// Numbers of exactly so many digits each, apart by a sign.
fn numbers<const N: usize>(text: &str, sign: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut found = [0; N];
    let mut parts = text.split(sign);
    for (number, digits) in found.iter_mut().zip(digits) {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|digit| digit.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// Digits after the decimal point, in nanoseconds; what is finer is left out.
fn fraction_ns(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9.9}").parse().ok()
}

fn zone_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers(zone.get(1..)?, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::{NANOS_PER_SECOND, parse_rfc3339, rfc3339};

    #[test]
    fn times_of_rfc_3339_are_read_and_written() {
        let read = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00.5z", Some(500_000_000)),
            ("2023-11-14t22:13:20.123456789Z", Some(1_700_000_000_123_456_789)),
            ("2023-11-14T22:13:20.1234567899Z", Some(1_700_000_000_123_456_789)),
            ("2023-11-15T06:13:20+08:00", Some(1_700_000_000_000_000_000)),
            ("2023-11-14T20:43:20-01:30", Some(1_700_000_000_000_000_000)),
            ("2000-02-29T00:00:00Z", Some(951_782_400_000_000_000)),
            ("1969-12-31T23:59:59Z", Some(0)),
            ("9999-12-31T23:59:59Z", Some(u64::MAX)),
        ];
        for (text, ns) in read {
            assert_eq!(parse_rfc3339(text), ns, "{text}");
        }
        let malformed = [
            "",
            "T",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13Z",
            "2023-11-14T22:13:20Zulu",
            "2023-11-14T22:13:20+8",
            "2023-11-14T22:13:20+24:00",
            "2023-13-14T22:13:20Z",
            "1900-02-29T22:13:20Z",
            "2023-11-14T22:60:20Z",
            "+023-11-14T22:13:20Z",
            "2023-11-14T22:13:20+ß0:00",
        ];
        for text in malformed {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
        for day in (0..200_000).step_by(97) {
            let ns = day * 86_400 * NANOS_PER_SECOND + 3_661 * NANOS_PER_SECOND;
            assert_eq!(parse_rfc3339(&rfc3339(ns)), Some(ns), "{}", rfc3339(ns));
        }
    }
}
