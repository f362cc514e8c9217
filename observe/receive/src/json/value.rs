//! Values that JSON writes as text, or as numbers that are not meant as such.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The whole numbers that doubles tell apart end here: 2^64, beyond which no integer of OTLP lies.
const INTEGERS_END: f64 = 18_446_744_073_709_551_616.0;
/// Digits and sign of the longest integer of 64 bits.
const MAX_INTEGER_CHARS: usize = 20;

/// Bytes of hexadecimal digits in either case.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}

/// Bytes of base64 in the usual alphabet or the one for URLs, padded or not.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decode = |alphabet: &Alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok();
    decode(if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD })
}

/// A double as text: a finite number, or one of the three names of protobuf's JSON.
pub(crate) fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// A whole number that was written as `1e3` or `1.0`.
pub(crate) fn integer_of_double(value: f64) -> Option<i128> {
    (value.fract() == 0.0 && value.abs() <= INTEGERS_END).then_some(value as i128)
}

/// A whole number as text.
pub(crate) fn integer_of_text(text: &str) -> Option<i128> {
    if text.len() <= MAX_INTEGER_CHARS
        && !text.starts_with('+')
        && let Ok(value) = text.parse()
    {
        return Some(value);
    }
    text.contains(['.', 'e', 'E']).then(|| double(text).and_then(integer_of_double)).flatten()
}

#[cfg(test)]
mod tests {
    use super::{base64, double, hex, integer_of_double, integer_of_text};

    #[test]
    fn values_in_text_are_read_or_refused() {
        assert_eq!(hex("0aFf"), Some(vec![10, 255]));
        assert_eq!((hex(""), hex("abc"), hex("zz"), hex("+1"), hex("ää")), (Some(vec![]), None, None, None, None));
        for text in ["/wD+", "_wD-", "/wA=", "/wA", "_wA"] {
            assert_eq!(base64(text).map(|bytes| bytes[0]), Some(255), "{text}");
        }
        assert_eq!((base64("/_"), base64("a b"), base64("")), (None, None, Some(vec![])));
        assert_eq!((double("1.5e3"), double("-Infinity")), (Some(1500.0), Some(f64::NEG_INFINITY)));
        assert_eq!((double("inf"), double("1e999"), double("")), (None, None, None));
        assert!(double("NaN").is_some_and(f64::is_nan) && !double("nan").is_some_and(f64::is_nan));
        assert_eq!(integer_of_text("18446744073709551615"), Some(u64::MAX.into()));
        assert_eq!(integer_of_text("-9223372036854775808"), Some(i64::MIN.into()));
        assert_eq!((integer_of_text("1e3"), integer_of_text("2.0")), (Some(1000), Some(2)));
        for text in ["", "+1", " 1", "1.5", "0x10", "1e40", "99999999999999999999999"] {
            assert_eq!(integer_of_text(text), None, "{text}");
        }
        assert_eq!((integer_of_double(1e18), integer_of_double(0.5)), (Some(10i128.pow(18)), None));
        assert_eq!((integer_of_double(f64::NAN), integer_of_double(1e300)), (None, None));
    }
}
