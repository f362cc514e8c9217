//! Durations and amounts of bytes as LogQL writes them, and as labels hold them.

use std::time::Duration;

use vitrine_kit::duration;

/// Units of bytes, in lower case, as `dustin/go-humanize` reads them.
const BYTE_UNITS: [(&str, u64); 19] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
    ("pb", 1_000_000_000_000_000),
    ("pib", 1 << 50),
];

/// Nanoseconds of a duration as Go or Prometheus writes it, with a sign before it if there is one.
pub fn duration_ns(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let found = duration::parse(text).or_else(|| duration::prometheus::parse(text))?;
    Some(sign * i64::try_from(found.as_nanos()).ok()?)
}

/// Bytes of an amount such as `5KB` (5,000) or `5KiB` (5,120).
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(text.len());
    let number: f64 = text[..end].replace(',', "").parse().ok()?;
    let unit = text[end..].trim().to_ascii_lowercase();
    let (_, factor) = BYTE_UNITS.iter().find(|(name, _)| *name == unit)?;
    Some((number * *factor as f64) as u64)
}

/// A duration as queries show it.
pub fn show(ns: u64) -> String {
    if ns.is_multiple_of(1_000_000) {
        return duration::prometheus::format(Duration::from_nanos(ns));
    }
    format!("{ns}ns")
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration_ns, show};

    #[test]
    fn durations_and_bytes_are_read_as_go_reads_them() {
        assert_eq!(duration_ns("1h1.5s"), Some(3_601_500_000_000));
        assert_eq!(duration_ns("-250ms"), Some(-250_000_000));
        assert_eq!(duration_ns("1w"), Some(604_800_000_000_000));
        assert_eq!(duration_ns("5 m"), None);
        assert_eq!(bytes("5KB"), Some(5_000));
        assert_eq!(bytes("1.5 KiB"), Some(1_536));
        assert_eq!(bytes("12"), Some(12));
        assert_eq!(bytes("5 parsecs"), None);
        assert_eq!([show(300_000_000_000), show(1)], ["5m", "1ns"]);
    }
}
