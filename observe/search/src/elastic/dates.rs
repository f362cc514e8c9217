//! Moments as Elasticsearch reads and writes them: formats, time zones, and arithmetic.
//!
//! A moment is read with what it leaves open: `2026-01-01` is a whole day, so that `lte` reaches to its end and `gt` begins after it.
//! Source: Elasticsearch's reference, "Date math", "format" and "Range query".

mod format;
mod zone;

use std::ops::Range;

use super::error::{SearchError, shown};
pub(crate) use format::DateFormat;
pub(crate) use zone::{Unit, Zone};

pub(crate) const NANOS_PER_MILLI: i64 = 1_000_000;
pub(crate) const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A time: when it begins, and when what it leaves open ends, in nanoseconds since 1970.
pub(crate) type Moment = Range<i64>;

/// Reads a moment: a date of the format, `now`, or a date and `||`, then arithmetic such as `-1d/d`.
pub(crate) fn moment(text: &str, format: &DateFormat, zone: Zone, now_ns: i64) -> Result<Moment, SearchError> {
    let wrong = |problem: &str| SearchError::parsing(format!("failed to parse date [{}]: {problem}", shown(text)));
    let (base, math) = match text.strip_prefix("now") {
        Some(math) => {
            let now = now_ns.div_euclid(NANOS_PER_MILLI) * NANOS_PER_MILLI;
            (now..now.saturating_add(NANOS_PER_MILLI), math)
        }
        None => {
            let (date, math) = text.split_once("||").unwrap_or((text, ""));
            let read = format.read(date, zone);
            (read.ok_or_else(|| wrong(&format!("expected a date of the format [{}]", format.name())))?, math)
        }
    };
    calculate(base, math, zone).ok_or_else(|| wrong("expected arithmetic such as +1h, -7d or /d after now or ||"))
}

/// Adds, subtracts and rounds.
fn calculate(mut moment: Moment, math: &str, zone: Zone) -> Option<Moment> {
    let mut rest = math;
    while let Some(operator) = rest.chars().next() {
        rest = &rest[operator.len_utf8()..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letter = tail.chars().next()?;
        let unit = Unit::of_letter(letter)?;
        rest = &tail[letter.len_utf8()..];
        let number: i64 = if number.is_empty() { 1 } else { number.parse().ok()? };
        moment = match operator {
            '+' => zone.add(moment.start, number, unit)?..zone.add(moment.end, number, unit)?,
            '-' => zone.add(moment.start, -number, unit)?..zone.add(moment.end, -number, unit)?,
            '/' if digits == 0 => {
                let start = zone.floor(moment.start, unit)?;
                start..zone.add(start, 1, unit)?
            }
            _ => return None,
        };
    }
    Some(moment)
}

/// Reads a fixed length of time such as `500ms`, `30s`, `5m`, `1h` or `7d`, in nanoseconds.
pub(crate) fn fixed_interval(text: &str) -> Option<i64> {
    let nanos = i64::try_from(vitrine_kit::duration::parse(text)?.as_nanos()).ok()?;
    (nanos > 0).then_some(nanos)
}

#[cfg(test)]
mod tests {
    use super::{DateFormat, NANOS_PER_MILLI, Zone, moment};

    /// 2026-08-15T10:20:30.400Z.
    const NOW_NS: i64 = 1_786_789_230_400 * NANOS_PER_MILLI;

    fn check(text: &str, zone: &str, expected: Option<(&str, &str)>) {
        let (format, utc) = (DateFormat::default(), Zone::utc());
        let read = moment(text, &format, Zone::parse(zone).expect("a zone"), NOW_NS).ok();
        let shown = read.map(|moment| (format.write(moment.start, utc), format.write(moment.end, utc)));
        let expected = expected.map(|(start, end)| (start.to_owned(), end.to_owned()));
        assert_eq!(shown, expected, "{text} {zone}");
    }

    /// Rules: Elasticsearch's reference, "Date math" and "Range query", "Missing date components".
    #[test]
    fn moments_are_as_long_as_what_they_leave_open() {
        check("now", "UTC", Some(("2026-08-15T10:20:30.400Z", "2026-08-15T10:20:30.401Z")));
        check("now-1h", "UTC", Some(("2026-08-15T09:20:30.400Z", "2026-08-15T09:20:30.401Z")));
        check("now-1h/h", "UTC", Some(("2026-08-15T09:00:00.000Z", "2026-08-15T10:00:00.000Z")));
        check("now/d", "+02:00", Some(("2026-08-14T22:00:00.000Z", "2026-08-15T22:00:00.000Z")));
        check("now/w", "UTC", Some(("2026-08-10T00:00:00.000Z", "2026-08-17T00:00:00.000Z")));
        check("2026", "UTC", Some(("2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z")));
        check("2026-01-31||+1M/d", "UTC", Some(("2026-02-28T00:00:00.000Z", "2026-03-01T00:00:00.000Z")));
        check("2026-03-29", "Europe/Berlin", Some(("2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z")));
        check("2026-01-01T10:00:00.5Z", "UTC", Some(("2026-01-01T10:00:00.500Z", "2026-01-01T10:00:00.501Z")));
        check("2026-01-01T10:00+01:00", "UTC", Some(("2026-01-01T09:00:00.000Z", "2026-01-01T09:01:00.000Z")));
        check("1767225600000", "UTC", Some(("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z")));
        for text in [
            "",
            "yesterday",
            "now-",
            "now/",
            "now-1",
            "now/2d",
            "2026-13-01",
            "2026-02-30",
            "now+99999999999999999999d",
        ] {
            check(text, "UTC", None);
        }
    }
}
