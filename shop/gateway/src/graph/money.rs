//! Money, as it is shown and as it is given.

use async_graphql::{Error, InputObject, SimpleObject};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1 as wire;
use vitrine_kit::money::{Currency, Money as Amount};

use super::error::problem;
use super::scalars::{CurrencyCode, Decimal};
use super::session::Session;
use crate::dto::parse_amount;

/// An exact amount.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Money {
    /// With all its decimals: "12.50".
    amount: Decimal,
    currency: CurrencyCode,
    /// For people: "€1,250.00".
    text: String,
}

impl From<Amount> for Money {
    fn from(money: Amount) -> Self {
        Self { amount: Decimal(money.amount_string()), currency: CurrencyCode(money.currency), text: money.text() }
    }
}

/// An amount as a service has it. Without a currency it is nothing: that of a payment that was voided before it came.
pub(crate) fn amount(money: Option<&wire::Money>) -> Result<Amount, Error> {
    let Some(money) = money.filter(|money| !money.currency_code.is_empty()) else {
        return Ok(Amount::zero(Currency::EUR));
    };
    let currency = Currency::parse(&money.currency_code).map_err(|e| {
        tracing::error!(error = %e, "a service has a currency that the shop does not know");
        problem(Problem::internal())
    })?;
    Ok(Amount::new(currency, money.minor_units))
}

/// The same as it is shown, in its own currency or in another one.
pub(crate) async fn shown(
    session: &Session,
    money: Option<&wire::Money>,
    to: Option<CurrencyCode>,
) -> Result<Money, Error> {
    let own = amount(money)?;
    let shown = match to {
        Some(CurrencyCode(to)) => session.converted(own, to).await?,
        None => own,
    };
    Ok(shown.into())
}

/// The same as it stands, of what was bought.
pub(crate) fn as_bought(money: Option<&wire::Money>) -> Result<Money, Error> {
    amount(money).map(Money::from)
}

/// An amount that someone gives: not negative.
#[derive(InputObject)]
pub(crate) struct MoneyInput {
    amount: Decimal,
    currency: CurrencyCode,
}

impl MoneyInput {
    /// Reads it, of a field of this name.
    pub(crate) fn read(&self, field: &str) -> Result<Amount, Status> {
        Ok(parse_amount(self.currency.0, &self.amount.0, &format!("{field}.amount"))?)
    }
}
