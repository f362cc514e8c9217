//! Exact conversion, rounded once.

use rust_decimal::{Decimal, RoundingStrategy};
use vitrine_contracts::Problem;
use vitrine_kit::money::{Currency, Money};

use crate::rates::RATES;

/// Units of this currency for one euro.
pub fn rate(currency: Currency) -> Result<Decimal, Problem> {
    let found = RATES.iter().find(|(code, _)| *code == currency.code());
    let unknown = || {
        let message = format!("there is no rate for {currency}");
        Problem::invalid("to_code", "a currency of the rate table", &message).with_reason("UNKNOWN_CURRENCY")
    };
    found.and_then(|(_, rate)| rate.parse().ok()).ok_or_else(unknown)
}

/// Converts, rounding half to even to the target's smallest unit, once, at the end.
pub fn convert(from: Money, to: Currency) -> Result<Money, Problem> {
    if from.currency == to {
        return Ok(from);
    }
    let too_large =
        || Problem::invalid("from", "an amount that fits after conversion", "the amount is too large to convert");
    // Multiplied before divided, so that nothing is lost before the one rounding.
    let amount =
        Decimal::try_from_i128_with_scale(i128::from(from.minor), from.currency.exponent()).map_err(|_| too_large())?;
    let target =
        amount.checked_mul(rate(to)?).and_then(|v| v.checked_div(rate(from.currency).ok()?)).ok_or_else(too_large)?;
    let rounded = target.round_dp_with_strategy(to.exponent(), RoundingStrategy::MidpointNearestEven);
    let minor = rounded.checked_mul(Decimal::from(10u64.pow(to.exponent()))).ok_or_else(too_large)?;
    let minor = i64::try_from(minor.trunc().mantissa() / 10i128.pow(minor.trunc().scale())).map_err(|_| too_large())?;
    Ok(Money::new(to, minor))
}

#[cfg(test)]
mod tests {
    use super::{convert, rate};
    use crate::rates::RATES;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use rust_decimal::Decimal;
    use vitrine_kit::money::{Currency, Money};

    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect("known")
    }

    #[test]
    fn every_currency_has_a_rate() {
        assert!(RATES.is_sorted());
        for currency in Currency::all() {
            assert!(rate(currency).expect("a rate") > Decimal::ZERO);
        }
    }

    #[test]
    fn conversions() {
        for (from, minor, to, expected) in [
            ("EUR", 10_000, "USD", 11_576),
            ("EUR", 100, "JPY", 181),
            ("JPY", 181, "EUR", 100),
            ("EUR", 0, "USD", 0),
            ("EUR", 1, "BHD", 4),
            // 2.5 exactly: 1.25 EUR at 1.9558 is 2.444 BGN.
            ("EUR", 125, "BGN", 244),
        ] {
            let converted = convert(Money::new(currency(from), minor), currency(to)).expect("converts");
            assert_eq!(converted.minor, expected, "{minor} {from} in {to}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let most = Money::new(currency("EUR"), i64::MAX);
        assert_eq!(convert(most, currency("IDR")).expect_err("too large").field.as_deref(), Some("from"));
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_half_a_unit(minor in 0i64..1_000_000_000, a in 0..RATES.len(), b in 0..RATES.len()) {
            let (from, to) = (currency(RATES[a].0), currency(RATES[b].0));
            let converted = convert(Money::new(from, minor), to).expect("fits");
            let exact = Decimal::new(minor, from.exponent()) * rate(to).expect("a rate") / rate(from).expect("a rate");
            let error = (Decimal::new(converted.minor, to.exponent()) - exact).abs();
            prop_assert!(error <= Decimal::new(5, to.exponent() + 1), "{error}");
            if a == b {
                prop_assert_eq!(converted.minor, minor);
            }
        }
    }
}
