//! The JSON of requests and answers. Unknown fields in requests are errors. Money is a decimal string and a currency.

mod admin;
mod analytics;
mod cart;
mod catalog;
mod challenge;
mod orders;
mod people;
mod promoters;
mod search;

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use vitrine_contracts::Problem as CoreProblem;
use vitrine_contracts::common::v1 as common;
use vitrine_contracts::limits::MAX_WHOLE_DIGITS;
use vitrine_kit::clock::parse_rfc3339;
use vitrine_kit::money::{Currency, Money as CoreMoney};

pub(crate) use admin::{Assessment, KeyRotated, LedgerTransaction, PaymentRecord, TrialBalance};
pub(crate) use analytics::{
    Message, NewSource, NewSourceDestination, Replay, Source, Undelivered, field_of_destination,
};
pub(crate) use cart::{Cart, Line, NewItem, NewOrder, NewToken, PaymentToken, Quantity, Quote, QuoteQuestion};
pub(crate) use catalog::{
    Ad, Category, Converted, Currencies, Kind, NewProduct, Product, ProductPatch, ProductSort, Recommendation, picture,
};
pub(crate) use challenge::{Challenge, ChallengeAnswer, Challenged, answer, challenge_page};
pub(crate) use orders::{Cancel, Letter, Order, Shipment, Transition};
pub(crate) use people::{Address, Customer, CustomerPatch, Destination, NewAddress, SignUp};
pub(crate) use promoters::{NewPromoterKey, PromoterKey};
pub(crate) use search::{ProductFacets, SearchPage};

/// The largest number up to which every whole one has a floating point number of its own: 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Why something was not done (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
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
    /// A decimal number as text, for example "12.50"; negative where something is taken away.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    amount: String,
    /// ISO 4217, upper case; empty for an amount that never was.
    #[schemars(regex(pattern = "^([A-Z]{3})?$"))]
    currency: String,
}

impl Money {
    /// Reads an amount of a field.
    pub(crate) fn parse(&self, field: &str) -> Result<CoreMoney, CoreProblem> {
        let currency = parse_currency(&self.currency, &format!("{field}.currency"))?;
        parse_amount(currency, &self.amount, &format!("{field}.amount"))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// Reads an amount that someone gives: not negative.
pub(crate) fn parse_amount(currency: Currency, amount: &str, field: &str) -> Result<CoreMoney, CoreProblem> {
    let decimals = currency.exponent();
    let expected = format!(
        "a decimal number as text, not negative, with at most {MAX_WHOLE_DIGITS} digits before the point and {decimals} after it"
    );
    let wrong = |message: &str| CoreProblem::invalid(field, &expected, message).with_reason("INVALID_AMOUNT");
    let money = CoreMoney::parse_amount(currency, amount).map_err(|e| wrong(&e.to_string()))?;
    if amount.starts_with('-') {
        return Err(wrong("the amount is negative"));
    }
    if amount.split('.').next().is_some_and(|whole| whole.len() > MAX_WHOLE_DIGITS) {
        return Err(wrong("the amount is too large"));
    }
    Ok(money)
}

/// Reads a time.
pub(crate) fn parse_time(time: &str, field: &str) -> Result<i64, CoreProblem> {
    let wrong = || CoreProblem::invalid(field, "RFC 3339, for example 2026-12-24T18:00:00Z", "that is not a time");
    parse_rfc3339(time).ok_or_else(wrong)
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

/// A JSON object whose shape is not told here.
#[derive(JsonSchema)]
pub(crate) struct Document {}

/// An image, as the text of an SVG document.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(crate) struct Picture(#[expect(dead_code, reason = "it describes the body")] String);

/// Reads a whole number, also one that is written with a fraction of nothing: to JSON Schema 2.0 is an integer (Validation, 6.1.1).
pub(crate) fn whole<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64>,
{
    deserializer.deserialize_i64(Whole(PhantomData))
}

struct Whole<N>(PhantomData<N>);

impl<N: TryFrom<i64>> Visitor<'_> for Whole<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<N>())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<N, E> {
        let fits = i64::try_from(number).ok().and_then(|number| N::try_from(number).ok());
        fits.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<N, E> {
        let whole = number.fract() == 0.0 && number.abs() <= MAX_EXACT;
        let fits = whole.then_some(number as i64).and_then(|number| N::try_from(number).ok());
        fits.ok_or_else(|| E::invalid_type(Unexpected::Float(number), &self))
    }
}

/// Reads an object that is an object: serde would take a list for it, value by value.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Object(PhantomData))
}

/// The same, or null.
pub(crate) fn object_or_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_option(ObjectOrNull(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

struct ObjectOrNull<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectOrNull<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object or null")
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        object(deserializer).map(Some)
    }
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
pub(crate) fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::{NewOrder, NewProduct, Quantity};

    fn order() -> Value {
        let address = json!({"recipient": "A", "line1": "B", "city": "C", "postal_code": "1", "country": "DE"});
        let card = json!({"number": "4242", "expiry_month": 12, "expiry_year": 2034, "cvv": "123"});
        json!({"address": address, "payment": {"card": card}, "max_total": null})
    }

    #[test]
    fn objects_are_no_lists() {
        assert!(from_value::<NewOrder>(order()).is_ok());
        for (place, list) in [
            ("/address", json!(["A", "B", "", "C", "1", "DE"])),
            ("/payment", json!([null, "tok_1"])),
            ("/payment/card", json!(["4242", 12, 2034, "123"])),
            ("/max_total", json!(["1.00", "EUR"])),
        ] {
            let mut bent = order();
            *bent.pointer_mut(place).expect("a place") = list;
            let refused = from_value::<NewOrder>(bent).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(refused.contains("expected a JSON object"), "{place}: {refused}");
        }
        let product = |price: Value| json!({"kind": "goods", "name": "Jar", "description": "A jar.", "category": "vases", "price": price, "weight_g": 1.0, "stock": 1});
        assert!(from_value::<NewProduct>(product(json!({"amount": "5.00", "currency": "EUR"}))).is_ok());
        assert!(from_value::<NewProduct>(product(json!(["5.00", "EUR"]))).is_err());
    }

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        for (text, whole) in [
            ("2", Some(2)),
            ("2.0", Some(2)),
            ("2e0", Some(2)),
            ("1.5", None),
            ("-1", None),
            ("1e300", None),
            ("\"2\"", None),
        ] {
            let read = serde_json::from_str::<Quantity>(&format!("{{\"quantity\": {text}}}"));
            assert_eq!(read.ok().map(|read| read.quantity), whole, "{text}");
        }
    }
}
