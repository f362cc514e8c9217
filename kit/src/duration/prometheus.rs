//! Durations as Prometheus writes them: whole numbers with the units `y`, `w`, `d`, `h`, `m`, `s`, `ms`, from the largest to the smallest, each
//! at most once. A year has 365 days. The source is `ParseDuration` and `Duration.String` of `prometheus/common/model`.

use std::time::Duration;

/// Units and their milliseconds, and whether [`format`] uses one only where it is exact: it writes 90 days as `90d`, and not as `12w6d`.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];
/// More nanoseconds do not fit Go's durations.
const MAX_MS: u64 = i64::MAX as u64 / 1_000_000;

/// Reads a duration such as `5m`, `1h30m` or `0`. None for everything else, and for more than 292 years.
///
/// ```
/// use std::time::Duration;
/// use vitrine_kit::duration::prometheus;
///
/// assert_eq!(prometheus::parse("1h30m"), Some(Duration::from_secs(5_400)));
/// assert_eq!(prometheus::parse("30m1h"), None);
/// assert_eq!(prometheus::format(Duration::from_secs(5_400)), "1h30m");
/// ```
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|digit: char| !digit.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let tail = &rest[digits..];
        let unit_end = tail.find(|digit: char| digit.is_ascii_digit()).unwrap_or(tail.len());
        let (name, _, _) = units.clone().find(|(name, _, _)| *name == &tail[..unit_end])?;
        let (_, ms, _) = units.by_ref().find(|unit| unit.0 == *name)?;
        total = total.checked_add(number.checked_mul(*ms)?)?;
        rest = &tail[unit_end..];
    }
    (total <= MAX_MS).then(|| Duration::from_millis(total))
}

/// Writes whole milliseconds of a duration; `0s` for none.
pub fn format(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit, exact) in UNITS {
        if exact && ms % unit != 0 {
            continue;
        }
        if ms >= unit {
            text.push_str(&format!("{}{name}", ms / unit));
            ms %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{format, parse};

    #[test]
    fn durations_are_read_and_written_as_prometheus_does() {
        // Cases of TestParseDuration in prometheus/common.
        for (text, ms, written) in [
            ("0", 0, "0s"),
            ("0w", 0, "0s"),
            ("0s", 0, "0s"),
            ("324ms", 324, "324ms"),
            ("3s", 3_000, "3s"),
            ("5m", 300_000, "5m"),
            ("1h", 3_600_000, "1h"),
            ("4d", 345_600_000, "4d"),
            ("4d1h", 349_200_000, "4d1h"),
            ("14d", 1_209_600_000, "2w"),
            ("3w", 1_814_400_000, "3w"),
            ("3w2d1h", 1_990_800_000, "23d1h"),
            ("10y", 315_360_000_000, "10y"),
            ("90s", 90_000, "1m30s"),
            ("1h30m", 5_400_000, "1h30m"),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
            let shown = format(Duration::from_millis(ms));
            assert_eq!(shown, written, "{text}");
            assert_eq!(parse(&shown), Some(Duration::from_millis(ms)), "{shown}");
        }
        for text in
            ["", "1", "1y1m1d", "-1w", "1.5d", "d", "294y", "200y10400w", "107675d", "2584200h", "1s1s", "1m ", " 1m"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
