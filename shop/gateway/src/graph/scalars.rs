//! Texts with a meaning: what they are told as, and what is taken.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use vitrine_kit::clock::{parse_rfc3339, rfc3339};
use vitrine_kit::money::Currency;

/// ISO 4217, upper case; one of those that `currencies` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CurrencyCode(pub(crate) Currency);

#[Scalar]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(code) => Currency::parse(code)
                .map(Self)
                .map_err(|e| InputValueError::custom(format!("{e}: expected an ISO 4217 code, upper case"))),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.code().to_owned())
    }
}

/// ISO 3166-1 alpha-2, upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CountryCode(pub(crate) String);

#[Scalar]
impl ScalarType for CountryCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // Whether anything is sent there, those say who send it.
            Value::String(code) if code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) => Ok(Self(code)),
            Value::String(_) => Err(InputValueError::custom("expected an ISO 3166-1 alpha-2 code, upper case")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A time in UTC, RFC 3339: "2026-12-24T18:00:00Z".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime(pub(crate) i64);

#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => parse_rfc3339(text)
                .map(Self)
                .ok_or_else(|| InputValueError::custom("expected RFC 3339, for example 2026-12-24T18:00:00Z")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(rfc3339(self.0))
    }
}

/// A decimal number as text: "12.50".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) String);

#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // How many digits there may be, the currency says.
            Value::String(text) => Ok(Self(text)),
            _ => Err(InputValueError::custom("expected a decimal number as text, for example \"12.50\"")),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A number as GraphQL's `Int` has it: what is larger than 32 bits hold is told as the largest.
pub(crate) fn int(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use async_graphql::{ScalarType, Value};

    use super::{CountryCode, CurrencyCode, DateTime, Decimal, int};

    #[test]
    fn texts_are_read_strictly() {
        let text = |text: &str| Value::String(text.to_owned());
        assert!(CurrencyCode::parse(text("EUR")).is_ok() && CurrencyCode::parse(text("eur")).is_err());
        assert!(CountryCode::parse(text("DE")).is_ok() && CountryCode::parse(text("DEU")).is_err());
        assert!(DateTime::parse(text("2026-12-24T18:00:00Z")).is_ok() && DateTime::parse(text("24.12.2026")).is_err());
        assert!(Decimal::parse(text("12.50")).is_ok() && Decimal::parse(Value::from(12.5)).is_err());
        assert_eq!(DateTime(0).to_value(), text("1970-01-01T00:00:00.000Z"));
    }

    #[test]
    fn numbers_fit() {
        assert_eq!((int(7u32), int(u32::MAX), int(u64::MAX)), (7, i32::MAX, i32::MAX));
    }
}
