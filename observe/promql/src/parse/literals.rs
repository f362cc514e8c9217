//! Numbers, durations and texts as they are written.

use crate::text::{go_quote, lone_byte};

const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// The greatest duration, in nanoseconds: that of Go.
const MOST_NANOSECONDS: u64 = i64::MAX as u64;

/// Units with their nanoseconds, the order in which they may stand.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400 * 1_000 * NANOSECONDS_PER_MS),
    ("w", 7 * 86_400 * 1_000 * NANOSECONDS_PER_MS),
    ("d", 86_400 * 1_000 * NANOSECONDS_PER_MS),
    ("h", 3_600 * 1_000 * NANOSECONDS_PER_MS),
    ("m", 60 * 1_000 * NANOSECONDS_PER_MS),
    ("s", 1_000 * NANOSECONDS_PER_MS),
    ("ms", NANOSECONDS_PER_MS),
];

/// A duration such as `1h30m`, in milliseconds; Prometheus's text where it is none.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let nanoseconds = parse_duration(text)?;
    Ok(i64::try_from(nanoseconds / NANOSECONDS_PER_MS).unwrap_or(i64::MAX))
}

/// A duration in nanoseconds, at most those of an `i64`.
fn parse_duration(text: &str) -> Result<u64, String> {
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", go_quote(text));
    let (mut rest, mut total, mut next_unit) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let count: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let length = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, after) = rest.split_at(length);
        if unit.is_empty() {
            return Err(invalid());
        }
        rest = after;
        let Some(place) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("unknown unit {} in duration {}", go_quote(unit), go_quote(text)));
        };
        if place < next_unit {
            return Err(invalid());
        }
        next_unit = place + 1;
        total = count
            .checked_mul(UNITS[place].1)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= MOST_NANOSECONDS)
            .ok_or("duration out of range")?;
    }
    Ok(total)
}

/// A duration in seconds.
pub(super) fn duration_seconds(text: &str) -> Result<f64, String> {
    let nanoseconds = parse_duration(text)?;
    let second = 1_000 * NANOSECONDS_PER_MS;
    // As Go's `Duration.Seconds`: whole seconds are exact.
    Ok((nanoseconds / second) as f64 + (nanoseconds % second) as f64 / 1e9)
}

/// A number in any of Go's forms: `1e3`, `0x1F`, `017`, `1_000`, `Inf`, `NaN`.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    let failure = |why: &str| format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", go_quote(text));
    let lower = text.to_ascii_lowercase();
    if !underscores_fit(&lower) {
        return Err(failure("invalid syntax"));
    }
    let plain = lower.replace('_', "");
    if let Some(digits) = plain.strip_prefix("0x") {
        let whole = i64::from_str_radix(digits, 16).map_err(|_| failure("invalid syntax"))?;
        return Ok(whole as f64);
    }
    let octal = plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if octal && let Ok(whole) = i64::from_str_radix(&plain, 8) {
        return Ok(whole as f64);
    }
    match plain.parse::<f64>() {
        Ok(value) if value.is_infinite() && plain.contains(|c: char| c.is_ascii_digit()) => {
            Err(failure("value out of range"))
        }
        Ok(value) => Ok(value),
        Err(_) => Err(failure("invalid syntax")),
    }
}

/// Whether each underscore stands between digits, or between a prefix and a digit.
fn underscores_fit(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |place: Option<usize>| {
        place.and_then(|place| bytes.get(place)).is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b'x')
    };
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .all(|(place, _)| is_digit(place.checked_sub(1)) && is_digit(Some(place + 1)))
}

/// What a quoted text means: with double or single quotes and Go's escapes, or with backquotes as it stands. The error
/// says what is wrong.
pub fn unquote(quoted: &str) -> Result<String, String> {
    let failure = |why: &str| format!("error unquoting string {}: {why}", go_quote(quoted));
    let syntax = || failure("invalid syntax");
    let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')).ok_or_else(syntax)?;
    let inner = quoted.get(1..).and_then(|rest| rest.strip_suffix(quote)).ok_or_else(syntax)?;
    if quote == '`' {
        return if inner.contains('`') { Err(syntax()) } else { Ok(inner.to_owned()) };
    }
    if inner.contains('\n') {
        return Err(syntax());
    }
    if !inner.contains(['\\', quote]) {
        return Ok(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == quote {
            return Err(syntax());
        }
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        rest = unescape(rest, quote, &mut bytes).ok_or_else(syntax)?;
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| lone_byte(*byte)));
    }
    Ok(text)
}

/// Appends what an escape means, whose backslash was read; what follows it. None where it is none.
fn unescape<'a>(text: &'a str, quote: char, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let c = text.chars().next()?;
    let after = &text[c.len_utf8()..];
    let simple = match c {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        _ if c == quote => u8::try_from(quote).ok()?,
        'x' => return number_escape(after, 2, 16, bytes),
        'u' => return number_escape(after, 4, 16, bytes),
        'U' => return number_escape(after, 8, 16, bytes),
        '0'..='7' => return number_escape(text, 3, 8, bytes),
        _ => return None,
    };
    bytes.push(simple);
    Some(after)
}

/// Two hexadecimal or three octal digits are a byte, four or eight a character.
fn number_escape<'a>(text: &'a str, digits: usize, base: u32, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let code = u32::from_str_radix(text.get(..digits)?, base).ok()?;
    if digits <= 3 {
        bytes.push(u8::try_from(code).ok()?);
    } else {
        bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text.get(digits..)
}

#[cfg(test)]
mod tests {
    use super::{go_quote, number, parse_duration_ms, unquote};

    #[test]
    fn durations_are_read_as_prometheus_reads_them() {
        for (text, ms) in [("0", 0), ("5m", 300_000), ("1y2w3d4h5m6s7ms", 33_019_506_007), ("1h30m", 5_400_000)] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for (text, why) in [
            ("", "empty duration string"),
            ("1", "not a valid duration string: \"1\""),
            ("5m1h", "not a valid duration string: \"5m1h\""),
            ("1hs", "unknown unit \"hs\" in duration \"1hs\""),
            ("300y", "duration out of range"),
            ("-1s", "not a valid duration string: \"-1s\""),
        ] {
            assert_eq!(parse_duration_ms(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, value) in [
            ("1_000", 1000.0),
            ("0x1F", 31.0),
            ("0X_1f", 31.0),
            ("017", 15.0),
            ("08", 8.0),
            (".5", 0.5),
            ("inF", f64::INFINITY),
        ] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        assert!(number("nan").is_ok_and(f64::is_nan));
        assert!(number("1__0").is_err());
        assert!(number("1e999").is_err_and(|why| why.ends_with("value out of range")));
    }

    #[test]
    fn texts_are_unquoted_as_go_unquotes_them() {
        for (quoted, text) in
            [(r#""a\tb""#, "a\tb"), (r"'it\'s'", "it's"), (r"`a\t`", r"a\t"), (r#""\xe2\x82\xac\u20ac\101""#, "€€A")]
        {
            assert_eq!(unquote(quoted).as_deref(), Ok(text));
        }
        assert_eq!(unquote(r#""a\xffz""#).map(|text| go_quote(&text)).as_deref(), Ok(r#""a\xffz""#));
        for quoted in ["", "\"", "\"a", "a", r#""\q""#, "\"a\"b\"", r#""\'""#] {
            assert!(unquote(quoted).is_err(), "{quoted}");
        }
    }
}
