//! Durations as people and Go programs write them, and as [Prometheus](prometheus) does.

pub mod prometheus;

use std::time::Duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Reads a duration such as `1.5s`, `100ms`, `1h30m` or `7d`: decimal numbers, each with a unit out of `ns`, `us` (`µs`), `ms`, `s`, `m`,
/// `h` and `d`, added together; or `0`. None for everything else, signs and blanks among it, and for what has more than 2^64 nanoseconds.
///
/// The grammar is that of Go's `time.ParseDuration`, which clients of Jaeger's and Prometheus' APIs write, without signs and with days. The
/// crate `humantime` reads another one, in which `1M` is a month.
///
/// ```
/// use std::time::Duration;
/// use vitrine_kit::duration;
///
/// assert_eq!(duration::parse("1h1.5s"), Some(Duration::from_millis(3_601_500)));
/// assert_eq!(duration::parse("1.5"), None);
/// ```
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let number_end = rest.find(|digit: char| !digit.is_ascii_digit() && digit != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|digit: char| digit.is_ascii_digit() || digit == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit: u64 = match unit {
            "ns" => 1,
            // The micro sign and the Greek letter, as in Go.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS_PER_SECOND,
            "m" => 60 * NANOS_PER_SECOND,
            "h" => 3_600 * NANOS_PER_SECOND,
            "d" => 86_400 * NANOS_PER_SECOND,
            _ => return None,
        };
        total = total.checked_add(scaled(number, unit)?)?;
        rest = tail;
    }
    Some(Duration::from_nanos(total))
}

/// A decimal number times a unit, exact for the whole part.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: f64 = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().ok()? };
    whole.checked_mul(unit)?.checked_add((fraction * unit as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_are_read_or_refused() {
        for (text, ns) in [
            ("0", 0),
            ("0s", 0),
            ("1ns", 1),
            ("1us", 1_000),
            ("1\u{b5}s", 1_000),
            ("1\u{3bc}s", 1_000),
            ("100ms", 100_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("2.s", 2_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("7d", 604_800_000_000_000),
            ("18446744073709551615ns", u64::MAX),
        ] {
            assert_eq!(parse(text).map(|time| time.as_nanos()), Some(ns.into()), "{text}");
        }
        for text in [
            "",
            " ",
            "1",
            "1.5",
            "s",
            ".s",
            "1..5s",
            "-1s",
            "+1s",
            "1 s",
            "1s ",
            "1x",
            "1M",
            "1S",
            "1h30",
            "0x1s",
            "1e3s",
            "\u{661}s",
            "18446744073709551616ns",
            "18446744074s",
            "300000d",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
