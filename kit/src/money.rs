//! Exact money: a whole number of a currency's smallest unit. Never a float.

use std::fmt;

use thiserror::Error;

/// Code, name, and digits after the decimal point (ISO 4217). Sorted by code.
const CURRENCIES: &[(&str, &str, u32)] = &[
    ("AUD", "Australian dollar", 2),
    ("BGN", "Bulgarian lev", 2),
    ("BHD", "Bahraini dinar", 3),
    ("BRL", "Brazilian real", 2),
    ("CAD", "Canadian dollar", 2),
    ("CHF", "Swiss franc", 2),
    ("CNY", "Renminbi", 2),
    ("CZK", "Czech koruna", 2),
    ("DKK", "Danish krone", 2),
    ("EUR", "Euro", 2),
    ("GBP", "Pound sterling", 2),
    ("HKD", "Hong Kong dollar", 2),
    ("HUF", "Forint", 2),
    ("IDR", "Rupiah", 2),
    ("ILS", "New Israeli shekel", 2),
    ("INR", "Indian rupee", 2),
    ("ISK", "Icelandic krona", 0),
    ("JPY", "Yen", 0),
    ("KRW", "Won", 0),
    ("MXN", "Mexican peso", 2),
    ("MYR", "Malaysian ringgit", 2),
    ("NOK", "Norwegian krone", 2),
    ("NZD", "New Zealand dollar", 2),
    ("PHP", "Philippine peso", 2),
    ("PLN", "Zloty", 2),
    ("RON", "Romanian leu", 2),
    ("SEK", "Swedish krona", 2),
    ("SGD", "Singapore dollar", 2),
    ("THB", "Baht", 2),
    ("TRY", "Turkish lira", 2),
    ("USD", "US dollar", 2),
    ("ZAR", "Rand", 2),
];

/// Signs that stand before an amount in English text (Unicode CLDR 47, locale "en"). Other currencies are written by their code.
const SIGNS: &[(&str, &str)] = &[
    ("AUD", "A$"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("CNY", "CN\u{a5}"),
    ("EUR", "\u{20ac}"),
    ("GBP", "\u{a3}"),
    ("HKD", "HK$"),
    ("ILS", "\u{20aa}"),
    ("INR", "\u{20b9}"),
    ("JPY", "\u{a5}"),
    ("KRW", "\u{20a9}"),
    ("MXN", "MX$"),
    ("NZD", "NZ$"),
    ("PHP", "\u{20b1}"),
    ("USD", "$"),
];

/// A currency that the shop knows. Cheap to copy and compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(u8);

/// What went wrong with money.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MoneyError {
    /// Not a code of the table.
    #[error("unknown currency {0:?}")]
    UnknownCurrency(String),
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
    /// Outside what 64 bits hold.
    #[error("the amount is too large")]
    Overflow,
    /// Not a decimal number, or too many decimals.
    #[error("{0:?} is not an amount of {1}: expected a decimal number with at most {2} decimals")]
    Amount(String, Currency, u32),
}

impl Currency {
    /// The euro, in which prices are kept.
    pub const EUR: Self = Self(9);

    /// The currency with this ISO 4217 code, upper case.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        CURRENCIES
            .binary_search_by(|(c, _, _)| (*c).cmp(code))
            .ok()
            .and_then(|i| u8::try_from(i).ok())
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(16).collect()))
    }

    /// Every currency, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).take(CURRENCIES.len()).map(Self)
    }

    /// ISO 4217 letters.
    pub fn code(self) -> &'static str {
        CURRENCIES[usize::from(self.0)].0
    }

    /// English name.
    pub fn name(self) -> &'static str {
        CURRENCIES[usize::from(self.0)].1
    }

    /// Digits after the decimal point.
    pub fn exponent(self) -> u32 {
        CURRENCIES[usize::from(self.0)].2
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An exact amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Of which currency.
    pub currency: Currency,
    /// How many of its smallest unit.
    pub minor: i64,
}

impl Money {
    /// So many of the currency's smallest unit.
    pub fn new(currency: Currency, minor: i64) -> Self {
        Self { currency, minor }
    }

    /// Nothing.
    pub fn zero(currency: Currency) -> Self {
        Self { currency, minor: 0 }
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// The sum, of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference, of one currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// So many times the amount.
    pub fn checked_mul(self, times: u32) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(times)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    fn combine(self, other: Self, op: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let minor = op(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The amount without its currency, with all its decimals: `12.50`.
    pub fn amount_string(self) -> String {
        let digits = usize::try_from(self.currency.exponent()).unwrap_or(0);
        let sign = if self.minor < 0 { "-" } else { "" };
        if digits == 0 {
            return self.minor.to_string();
        }
        let all = format!("{:0width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = all.split_at(all.len() - digits);
        format!("{sign}{whole}.{fraction}")
    }

    /// The amount as English text for people: `€1,250.00`, `CHF 12.50` (with a space that does not break), `-$3.00`.
    pub fn text(self) -> String {
        let amount = self.amount_string();
        let (sign, amount) = match amount.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", amount.as_str()),
        };
        let (whole, fraction) = amount.split_once('.').map_or((amount, None), |(whole, rest)| (whole, Some(rest)));
        let code = self.currency.code();
        let mut text = match SIGNS.iter().find(|(known, _)| *known == code) {
            Some((_, before)) => format!("{sign}{before}"),
            None => format!("{sign}{code}\u{a0}"),
        };
        for (i, digit) in whole.char_indices() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if let Some(fraction) = fraction {
            text.push('.');
            text.push_str(fraction);
        }
        text
    }

    /// Reads `12.5`, `12.50` or `-3`: digits, and at most as many decimals as the currency has.
    pub fn parse_amount(currency: Currency, text: &str) -> Result<Self, MoneyError> {
        let bad = || MoneyError::Amount(text.chars().take(40).collect(), currency, currency.exponent());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let exponent = usize::try_from(currency.exponent()).unwrap_or(0);
        let only_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let trailing_dot = digits.ends_with('.');
        if whole.is_empty()
            || trailing_dot
            || !only_digits(whole)
            || !only_digits(fraction)
            || fraction.len() > exponent
        {
            return Err(bad());
        }
        let padded = format!("{whole}{fraction:0<exponent$}");
        let minor: i64 = padded.parse().map_err(|_| MoneyError::Overflow)?;
        Ok(Self::new(currency, if negative { -minor } else { minor }))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount_string(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::{CURRENCIES, Currency, Money, MoneyError};
    use proptest::{prop_assert_eq, proptest};

    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect("known")
    }

    #[test]
    fn the_table_is_sorted_and_the_euro_is_where_it_says() {
        assert!(CURRENCIES.is_sorted());
        assert_eq!(Currency::EUR.code(), "EUR");
        assert!(Currency::parse("eur").is_err());
        assert!(Currency::parse("XXX").is_err());
    }

    #[test]
    fn amounts_read_and_print() {
        for (code, text, minor) in [
            ("EUR", "12.50", 1250),
            ("EUR", "0.05", 5),
            ("JPY", "900", 900),
            ("BHD", "1.234", 1234),
            ("EUR", "-3.00", -300),
        ] {
            let money = Money::parse_amount(currency(code), text).expect(text);
            assert_eq!(money.minor, minor);
            assert_eq!(money.amount_string(), text);
        }
        for (code, text) in [
            ("EUR", "1.234"),
            ("JPY", "1.0"),
            ("EUR", ""),
            ("EUR", "."),
            ("EUR", "1."),
            ("EUR", "1e3"),
            ("EUR", "+1"),
            ("EUR", "--1"),
            ("EUR", "99999999999999999999"),
        ] {
            assert!(Money::parse_amount(currency(code), text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_written_for_people() {
        for (code, minor, text) in [
            ("EUR", 125_000, "\u{20ac}1,250.00"),
            ("EUR", 5, "\u{20ac}0.05"),
            ("USD", -123_456_789, "-$1,234,567.89"),
            ("JPY", 900, "\u{a5}900"),
            ("CHF", 1250, "CHF\u{a0}12.50"),
            ("BHD", 1_234_567, "BHD\u{a0}1,234.567"),
        ] {
            assert_eq!(Money::new(currency(code), minor).text(), text);
        }
    }

    #[test]
    fn sums_are_checked() {
        let a = Money::new(Currency::EUR, i64::MAX);
        assert_eq!(a.checked_add(Money::new(Currency::EUR, 1)), Err(MoneyError::Overflow));
        assert_eq!(a.checked_mul(2), Err(MoneyError::Overflow));
        assert!(matches!(a.checked_add(Money::zero(currency("USD"))), Err(MoneyError::Mixed(..))));
    }

    proptest! {
        #[test]
        fn printing_and_reading_are_inverse(minor in -i64::MAX..i64::MAX, which in 0..CURRENCIES.len()) {
            let currency = Currency::all().nth(which).expect("in range");
            let money = Money::new(currency, minor);
            prop_assert_eq!(Money::parse_amount(currency, &money.amount_string()), Ok(money));
        }
    }
}
