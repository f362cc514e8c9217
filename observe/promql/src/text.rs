//! How Go writes numbers, texts and times: messages and label values are compared with Prometheus's to the byte.

use std::fmt::Write as _;

use vitrine_kit::clock;

/// From this decimal exponent on `%g` without a precision writes an exponent.
const SHORTEST_MAX_EXPONENT: i32 = 6;

/// What zmij writes without an exponent.
const PLAIN: std::ops::Range<f64> = 1e-5..1e16;

/// A double as `%g` and `%v` write it: the fewest digits that tell it from all others.
pub fn go_float(value: f64) -> String {
    if !value.is_finite() {
        return special(value).to_owned();
    }
    let (digits, exponent) = shortest(value);
    general(value, &digits, exponent, SHORTEST_MAX_EXPONENT)
}

/// A double as `%.Ng` writes it: at most so many digits.
pub fn go_float_digits(value: f64, most: usize) -> String {
    if !value.is_finite() {
        return special(value).to_owned();
    }
    let text = format!("{:.*e}", most.max(1) - 1, value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let most = i32::try_from(most.max(1)).unwrap_or(i32::MAX);
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let limit = if most > count && count > exponent { count } else { most };
    general(value, digits, exponent, limit)
}

/// A double as `strconv.FormatFloat(v, 'f', -1, 64)` writes it: the fewest digits, never an exponent.
pub fn go_float_plain(value: f64) -> String {
    if !value.is_finite() {
        return special(value).to_owned();
    }
    let (digits, exponent) = shortest(value);
    let mut text = String::from(if value.is_sign_negative() { "-" } else { "" });
    push_plain(&mut text, &digits, exponent);
    text
}

/// A double as `strconv.FormatFloat(v, 'e', -1, 64)` writes it: the fewest digits, always an exponent.
pub fn go_float_exponent(value: f64) -> String {
    if !value.is_finite() {
        return special(value).to_owned();
    }
    let (digits, exponent) = shortest(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let point = if digits.len() > 1 { "." } else { "" };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{}{point}{}e{exponent_sign}{:02}", &digits[..1], &digits[1..], exponent.unsigned_abs())
}

/// A double as Prometheus's results show it: plain, with an exponent only below 1e-6 and from 1e21 on.
fn go_float_result(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) && value.is_finite() {
        go_float_exponent(value)
    } else {
        go_float_plain(value)
    }
}

/// Adds a double as [`go_float_result`] writes it, quickly: results consist of little else.
pub fn push_go_float_result(out: &mut String, value: f64) {
    let size = value.abs();
    if size == 0.0 || PLAIN.contains(&size) {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        out.push_str(text.strip_suffix(".0").unwrap_or(text));
    } else {
        out.push_str(&go_float_result(value));
    }
}

/// A double as `%.Nf` writes it: so many digits behind the point.
pub fn go_float_fixed(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { special(value).to_owned() }
}

fn special(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// The shortest digits, and the decimal exponent of the first. Of two that are as near, the even one, as Go has it: the standard library takes the larger.
fn shortest(value: f64) -> (String, i32) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return ("0".to_owned(), 0);
    }
    let leading = i32::try_from(all.len() - digits.len()).unwrap_or(0);
    let before = i32::try_from(whole.len()).unwrap_or(0) - 1;
    let exponent: i32 = exponent.parse().unwrap_or(0);
    (digits.trim_end_matches('0').to_owned(), exponent + before - leading)
}

/// `%f` with just these digits.
fn push_plain(text: &mut String, digits: &str, exponent: i32) {
    let point = usize::try_from(exponent).ok();
    match point {
        None => {
            text.push_str("0.");
            for _ in 1..exponent.unsigned_abs() {
                text.push('0');
            }
            text.push_str(digits);
        }
        Some(whole) => {
            for place in 0..=whole {
                text.push_str(digits.get(place..=place).unwrap_or("0"));
            }
            if digits.len() > whole + 1 {
                text.push('.');
                text.push_str(&digits[whole + 1..]);
            }
        }
    }
}

/// `%e` below 1e-4 and from `limit` on, `%f` between.
fn general(value: f64, digits: &str, exponent: i32, limit: i32) -> String {
    let mut text = String::new();
    if value.is_sign_negative() {
        text.push('-');
    }
    if exponent < -4 || exponent >= limit {
        text.push_str(&digits[..1]);
        if digits.len() > 1 {
            text.push('.');
            text.push_str(&digits[1..]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "e{sign}{:02}", exponent.unsigned_abs());
        return text;
    }
    push_plain(&mut text, digits, exponent);
    text
}

/// Go's texts may hold bytes that are no UTF-8 (`"\xff"`). Here such a byte is this character plus the byte, of the last
/// private use plane, so that errors can quote it as Go does.
const FIRST_BYTE: u32 = 0x10_FF00;

/// What stands for a byte that belongs to no character. The byte is 0x80 or more.
pub(crate) fn lone_byte(byte: u8) -> char {
    char::from_u32(FIRST_BYTE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Whether a character stands for a byte that belongs to no character.
pub(crate) fn is_lone_byte(c: char) -> bool {
    u32::from(c) >= FIRST_BYTE + 0x80
}

/// Whether labels may be called so: it is not empty, and all of it is characters.
pub fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(is_lone_byte)
}

/// Whether a label can be written without quotes.
pub fn is_plain_label_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic())
        && chars.all(|c| c == '_' || c.is_ascii_alphanumeric())
}

/// A text as `%q` writes it.
pub fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        push_quoted(&mut quoted, c, '"');
    }
    quoted.push('"');
    quoted
}

/// A character as `%q` writes it, between single quotes.
pub fn go_quote_char(c: char) -> String {
    let mut quoted = String::from('\'');
    push_quoted(&mut quoted, c, '\'');
    quoted.push('\'');
    quoted
}

fn push_quoted(quoted: &mut String, c: char, quote: char) {
    match c {
        '\\' => quoted.push_str("\\\\"),
        '\u{7}' => quoted.push_str("\\a"),
        '\u{8}' => quoted.push_str("\\b"),
        '\u{c}' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\u{b}' => quoted.push_str("\\v"),
        c if c == quote => {
            quoted.push('\\');
            quoted.push(c);
        }
        c if c == ' ' || c == char::REPLACEMENT_CHARACTER => quoted.push(c),
        c if is_lone_byte(c) => {
            let _ = write!(quoted, "\\x{:02x}", u32::from(c) - FIRST_BYTE);
        }
        c if !c.is_control() && !c.is_whitespace() && !is_hidden(c) => quoted.push(c),
        c => {
            let code = u32::from(c);
            let _ = match code {
                0..0x80 => write!(quoted, "\\x{code:02x}"),
                0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
                _ => write!(quoted, "\\U{code:08x}"),
            };
        }
    }
}

/// Whether Go takes it for not printable though it is neither a control character nor white space.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff0}'..='\u{ffff}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

/// Milliseconds since 1970 as RFC 3339 in UTC, without a fraction.
pub fn rfc3339_seconds(ms: i64) -> String {
    let text = clock::rfc3339(ms);
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_oneof, proptest};
    use proptest::strategy::Strategy;

    use super::{
        go_float, go_float_digits, go_float_exponent, go_float_plain, go_float_result, go_quote, push_go_float_result,
        rfc3339_seconds,
    };

    proptest! {
        #[test]
        fn results_are_the_same_when_they_are_written_quickly(value in prop_oneof![
            any::<f64>(),
            (any::<i64>(), -20i32..20).prop_map(|(digits, exponent)| digits as f64 * 10f64.powi(exponent)),
            (-100_000i64..100_000, 0i32..8).prop_map(|(digits, scale)| digits as f64 / 10f64.powi(scale)),
            (-30i32..30).prop_map(|exponent| 10f64.powi(exponent)),
        ]) {
            let mut quickly = String::new();
            push_go_float_result(&mut quickly, value);
            assert_eq!(quickly, go_float_result(value));
        }
    }

    #[test]
    fn of_two_that_are_as_near_the_even_one_is_written() {
        for (value, text) in [
            (-2_006_642_812_188_539.0 - 0.25, "-2006642812188539.2"),
            (1_881_225_490_595_335.0 + 0.75, "1881225490595335.8"),
        ] {
            assert_eq!((go_float_result(value), go_float_plain(value)), (text.to_owned(), text.to_owned()));
        }
        for (value, text) in [(0.0, "0"), (-0.0, "-0"), (1e-7, "0.0000001"), (1e22, "1e22"), (120.0, "120")] {
            let plain = format!("{value}");
            assert_eq!(go_float_plain(value), plain, "{text}");
        }
    }

    #[test]
    fn numbers_look_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1e-4, "0.0001"),
            (1.25e-5, "1.25e-05"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(go_float(value), text);
        }
        for (value, text) in [(0.123, "0.12"), (123.0, "1.2e+02"), (10.0, "10"), (1e-7, "1e-07"), (0.5, "0.5")] {
            assert_eq!(go_float_digits(value, 2), text);
        }
    }

    #[test]
    fn results_have_exponents_only_where_they_must() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (0.000_001, "0.000001"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(go_float_result(value), text);
        }
        assert_eq!((go_float_exponent(1.0).as_str(), go_float_exponent(-123.4).as_str()), ("1e+00", "-1.234e+02"));
    }

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        assert_eq!(go_quote("a\"b\\\n\u{1}é\u{200b}"), r#""a\"b\\\n\x01é\u200b""#);
    }

    #[test]
    fn times_are_dates() {
        assert_eq!(rfc3339_seconds(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339_seconds(1_709_210_096_999), "2024-02-29T12:34:56Z");
    }
}
