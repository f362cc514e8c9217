//! Times as JSON Web Tokens write them (RFC 7519, section 2): seconds since 1970, with or without a fraction.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A NumericDate. Times beyond what milliseconds in 64 bits hold are the first or last of them, so that comparing never fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericDate {
    ms: i64,
}

impl NumericDate {
    /// At a time, Unix milliseconds.
    pub fn from_ms(ms: i64) -> Self {
        Self { ms }
    }

    /// Unix milliseconds; what is left of a millisecond is cut off.
    pub fn ms(self) -> i64 {
        self.ms
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seconds)
    }
}

struct Seconds;

impl Visitor<'_> for Seconds {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds since 1970, with or without a fraction")
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
        Ok(NumericDate { ms: seconds.saturating_mul(1000) })
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
        self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        // `as` stops at the first and last number there is.
        Ok(NumericDate { ms: (seconds * 1000.0) as i64 })
    }
}

#[cfg(test)]
mod tests {
    use super::NumericDate;

    fn read(json: &str) -> Result<i64, String> {
        serde_json::from_str(json).map(NumericDate::ms).map_err(|e| e.to_string())
    }

    #[test]
    fn fractions_are_fine_and_nothing_overflows() {
        for (json, ms) in [
            ("0", 0),
            ("1795219200", 1_795_219_200_000),
            ("1795219200.5", 1_795_219_200_500),
            ("1795219200.9999", 1_795_219_200_999),
            ("1.7952192e9", 1_795_219_200_000),
            ("-1.5", -1_500),
            ("-0.0", 0),
            ("9223372036854775807", i64::MAX),
            ("18446744073709551615", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("1e300", i64::MAX),
            ("-1e300", i64::MIN),
        ] {
            assert_eq!(read(json), Ok(ms), "{json}");
        }
        for bad in ["\"1795219200\"", "null", "true", "[]", "{}"] {
            assert!(read(bad).is_err_and(|e| e.contains("a number of seconds since 1970")), "{bad}");
        }
        for bad in ["1e400", "NaN", "Infinity", "+1", "01"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
