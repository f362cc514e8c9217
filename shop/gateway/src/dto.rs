//! The JSON of requests and answers. Unknown fields in requests are errors. Money is a decimal string and a currency.

mod admin;
mod cart;
mod catalog;
mod orders;
mod people;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem as CoreProblem;
use vitrine_contracts::common::v1 as common;
use vitrine_kit::money::{Currency, Money as CoreMoney};

pub(crate) use admin::{Assessment, KeyRotated, LedgerTransaction, PaymentRecord, TrialBalance};
pub(crate) use cart::{Cart, Line, NewItem, NewOrder, NewToken, PaymentToken, Quantity, Quote, QuoteQuestion};
pub(crate) use catalog::{
    Ad, Category, Converted, Currencies, Kind, NewProduct, Product, ProductPatch, Recommendation,
};
pub(crate) use orders::{Cancel, Letter, Order, Shipment, Transition};
pub(crate) use people::{Address, Customer, CustomerPatch, NewAddress, SignUp};

/// What a line of text may hold, as far as a pattern says it: no control characters and no line breaks. What is refused beyond that is not
/// seen by people (`vitrine_contracts::text`).
const LINE: &str = r"^[^\p{Cc}\p{Zl}\p{Zp}]*$";

/// Why something was not done (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    /// The HTTP status.
    status: u16,
    /// A sentence for people.
    detail: String,
    /// A stable word for programs.
    code: String,
    /// The field at fault.
    field: Option<String>,
    /// What is expected there.
    expected: Option<String>,
    /// The trace that shows what happened.
    trace_id: Option<String>,
}

/// An exact amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Money {
    /// A decimal number as text, for example "12.50".
    amount: String,
    /// ISO 4217, upper case.
    currency: String,
}

impl Money {
    /// Reads an amount of a field.
    pub(crate) fn parse(&self, field: &str) -> Result<CoreMoney, CoreProblem> {
        let currency = parse_currency(&self.currency, &format!("{field}.currency"))?;
        let expected = "a decimal number as text, for example \"12.50\", not negative";
        let money = CoreMoney::parse_amount(currency, &self.amount).map_err(|e| {
            CoreProblem::invalid(&format!("{field}.amount"), expected, &e.to_string()).with_reason("INVALID_AMOUNT")
        })?;
        if money.is_negative() {
            let problem = CoreProblem::invalid(&format!("{field}.amount"), expected, "the amount is negative");
            return Err(problem.with_reason("INVALID_AMOUNT"));
        }
        Ok(money)
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// Reads a currency.
pub(crate) fn parse_currency(code: &str, field: &str) -> Result<Currency, CoreProblem> {
    Currency::parse(code).map_err(|e| {
        let expected = "an ISO 4217 code that the shop knows (see /api/v1/currencies), upper case";
        CoreProblem::invalid(field, expected, &e.to_string()).with_reason("UNKNOWN_CURRENCY")
    })
}

impl From<CoreMoney> for Money {
    fn from(money: CoreMoney) -> Self {
        Self { amount: money.amount_string(), currency: money.currency.code().to_owned() }
    }
}

impl From<common::Money> for Money {
    fn from(money: common::Money) -> Self {
        match Currency::parse(&money.currency_code) {
            Ok(currency) => CoreMoney::new(currency, money.minor_units).into(),
            // Money without a currency is nothing: a payment that was voided before it came.
            Err(_) => Self { amount: money.minor_units.to_string(), currency: money.currency_code },
        }
    }
}

fn money(money: Option<common::Money>) -> Money {
    money.unwrap_or_default().into()
}

/// A part of a longer list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// What to give as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn new<W: Into<T>>(items: Vec<W>, info: Option<common::PageInfo>) -> Self {
        let next_cursor = info.map(|i| i.next_cursor).filter(|c| !c.is_empty());
        Self { items: items.into_iter().map(Into::into).collect(), next_cursor }
    }
}

/// A list that is whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
}

impl<T> List<T> {
    pub(crate) fn new<W: Into<T>>(items: Vec<W>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect() }
    }
}

/// The last word of a protobuf enum's name, lower case.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}
