//! The frame that all pages share, and how values get into it.

use vitrine_kit::clock::rfc3339;
use vitrine_kit::html::Frame;

use crate::time::NANOS_PER_MILLI;

/// The colour of a service, the same on every page: any hue, in one of three shades, readable on light and on dark.
pub(crate) fn colour(service: &str) -> String {
    let hash = service.bytes().fold(2_166_136_261u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let mixed = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
    let mixed = mixed ^ mixed >> 12;
    format!("hsl({} 58% {}%)", mixed % 360, 42 + mixed / 360 % 3 * 8)
}

/// A duration for people.
pub(crate) fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

/// A number of bytes for people.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() as usize / 10).min(UNITS.len() - 1);
    if unit == 0 {
        return format!("{bytes} B");
    }
    format!("{:.1} {}", bytes as f64 / (1u64 << (10 * unit)) as f64, UNITS[unit])
}

/// A count with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A time for people, in UTC, to the millisecond: `2026-11-21 02:29:26.042`.
pub(crate) fn time(ns: u64) -> String {
    // Milliseconds since 1970 of a nanosecond in 64 bits always fit.
    rfc3339((ns / NANOS_PER_MILLI) as i64).replace('T', " ").trim_end_matches('Z').to_owned()
}

/// The frame of the observatory's pages.
const FRAME: Frame = Frame {
    product: "observatory",
    links: &[
        ("/", "Traces"),
        ("/logs", "Logs"),
        ("/explore", "Metrics"),
        ("/alerts", "Alerts"),
        ("/objectives", "Objectives"),
        ("/targets", "Targets"),
        ("/funnel", "Visits"),
        ("/jaeger/api/services", "Jaeger API"),
        ("/service-graph", "Service graph"),
        ("/zipkin/api/v2/services", "Zipkin API"),
        ("/api/status", "Status"),
    ],
};

/// A whole page. `body` is HTML: its values are escaped already.
pub(crate) fn page(title: &str, body: &str) -> String {
    FRAME.page(title, body)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let told = [0, 1023, 1024, 1 << 20, 50 << 30, u64::MAX].map(bytes);
        assert_eq!(told, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "50.0 GiB", "16777216.0 TiB"]);
    }
}
