//! Times of documents, in whatever form they are written.

use vitrine_kit::clock;
use vitrine_observe_store::model::elastic::TimeFormat;

use super::value::Value;

/// Numbers below this are seconds: it lies in the year 5138.
const SECONDS_END: f64 = 1e11;
/// Numbers below this are milliseconds.
const MILLIS_END: f64 = 1e14;
/// Numbers below this are microseconds; others are nanoseconds.
const MICROS_END: f64 = 1e17;
/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;
/// Microseconds in a second.
const MICROS_PER_SECOND: f64 = 1e6;
/// Nanoseconds in a microsecond.
const NANOS_PER_MICRO: u64 = 1_000;
/// The longest text that is read as a time, in bytes.
const MAX_TEXT_BYTES: usize = 40;
/// Bytes of a date and a time to the second.
const TO_SECOND_BYTES: usize = 19;

/// A time in nanoseconds since 1970, and its form if the time can be written exactly so again.
pub(crate) fn of(value: &Value<'_>) -> Option<(u64, Option<TimeFormat>)> {
    match value {
        Value::Int(number) => whole(u64::try_from(*number).ok()?),
        Value::Double(number) if *number >= 1.0 => {
            let (ns, _) = whole(number.trunc() as u64)?;
            // A double has no more of a time of today.
            let micros = (number.fract() * (MICROS_PER_SECOND / units(*number) as f64)).round() as u64;
            Some((ns.saturating_add(micros * NANOS_PER_MICRO), None))
        }
        Value::Text(text) => of_text(text),
        _ => None,
    }
}

/// How many units of a number of this size make a second.
fn units(number: f64) -> u64 {
    match number {
        number if number < SECONDS_END => 1,
        number if number < MILLIS_END => 1_000,
        number if number < MICROS_END => 1_000_000,
        _ => SECOND_NS,
    }
}

fn whole(number: u64) -> Option<(u64, Option<TimeFormat>)> {
    let units = units(number as f64);
    let ns = number.checked_mul(SECOND_NS / units).filter(|ns| (1..=i64::MAX as u64).contains(ns))?;
    Some((ns, Some(TimeFormat::Number(units))))
}

/// RFC 3339, also with a space or a comma in it, without a zone (which means UTC), or with a zone without a colon; or a number.
pub(crate) fn of_text(text: &str) -> Option<(u64, Option<TimeFormat>)> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return whole(text.parse().ok()?).map(|(ns, _)| (ns, None));
    }
    let ns = clock::parse_rfc3339_ns(text).or_else(|| clock::parse_rfc3339_ns(&usual(text)?))?;
    let ns = u64::try_from(ns).ok().filter(|ns| (1..=i64::MAX as u64).contains(ns))?;
    let digits = text.len().saturating_sub(TO_SECOND_BYTES + 2);
    let format = TimeFormat::Text(digits);
    // Most times are written so; asking is cheaper than knowing all others.
    let is_same = digits <= 9 && format.write(ns).as_str() == Some(text);
    Some((ns, is_same.then_some(format)))
}

/// A time that others write, as RFC 3339 has it.
fn usual(text: &str) -> Option<String> {
    let rest = text.get(TO_SECOND_BYTES..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(zone_at);
    let zone = match zone.as_bytes() {
        [] => "Z".to_owned(),
        [_, digits @ ..] if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit) => {
            format!("{}:{}", &zone[..3], &zone[3..])
        }
        _ => zone.to_owned(),
    };
    Some(format!("{}{}{zone}", &text[..TO_SECOND_BYTES], fraction.trim_end().replacen(',', ".", 1)))
}

#[cfg(test)]
mod tests {
    use super::{TimeFormat, Value, of, of_text};

    #[test]
    fn times_of_every_form_are_read() {
        let at = 1_785_585_600_000_000_000;
        for (text, ns, format) in [
            ("2026-08-01T12:00:00Z", at, Some(TimeFormat::Text(0))),
            ("2026-08-01T12:00:00.123Z", at + 123_000_000, Some(TimeFormat::Text(3))),
            ("2026-08-01T12:00:00.120Z", at + 120_000_000, Some(TimeFormat::Text(3))),
            ("2026-08-01T14:00:00.5+02:00", at + 500_000_000, None),
            ("2026-08-01T14:00:00+0200", at, None),
            ("2026-08-01 12:00:00,123", at + 123_000_000, None),
            ("2026-08-01T12:00:00", at, None),
            ("1785585600", at, None),
        ] {
            assert_eq!(of_text(text), Some((ns, format)), "{text}");
        }
        for text in
            ["", "yesterday", "1969-12-31T00:00:00Z", "2026-13-01T12:00:00Z", "2026-08-01", "99999999999999999999"]
        {
            assert_eq!(of_text(text), None, "{text}");
        }
        for (number, ns, units) in
            [(1_785_585_600, at, 1), (1_785_585_600_000, at, 1_000), (1_785_585_600_000_000_000, at, 1_000_000_000)]
        {
            assert_eq!(of(&Value::Int(number)), Some((ns, Some(TimeFormat::Number(units)))));
        }
        assert_eq!(of(&Value::Double(1_785_585_600.25)), Some((at + 250_000_000, None)));
        assert_eq!(of(&Value::Double(1_785_585_600.123_457)), Some((at + 123_457_000, None)));
        assert_eq!(of(&Value::Double(1_785_585_600_123.5)), Some((at + 123_500_000, None)));
        for value in [Value::Int(0), Value::Int(-5), Value::Double(f64::NAN), Value::Double(-1.0), Value::Null] {
            assert_eq!(of(&value), None);
        }
    }
}
