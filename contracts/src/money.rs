//! Money over the wire and back.

use vitrine_kit::money::{Currency, Money};

use crate::common::v1;
use crate::problem::Problem;

impl From<Money> for v1::Money {
    fn from(money: Money) -> Self {
        Self { currency_code: money.currency.code().to_owned(), minor_units: money.minor }
    }
}

/// Reads money that must be there, in a known currency, and not negative.
pub fn money_from_proto(money: Option<&v1::Money>, field: &str) -> Result<Money, Problem> {
    let money = money.ok_or_else(|| Problem::invalid(field, "an amount of money", "the amount is missing"))?;
    let currency = Currency::parse(&money.currency_code).map_err(|e| {
        Problem::invalid(
            &format!("{field}.currency"),
            "an ISO 4217 code that the shop knows, upper case",
            &e.to_string(),
        )
        .with_reason("UNKNOWN_CURRENCY")
    })?;
    if money.minor_units < 0 {
        return Err(Problem::invalid(field, "an amount that is not negative", "the amount is negative"));
    }
    Ok(Money::new(currency, money.minor_units))
}
