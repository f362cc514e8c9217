//! Carts, quotes and cards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vitrine_contracts::Problem as CoreProblem;
use vitrine_contracts::limits::MAX_QUANTITY;
use vitrine_contracts::orders::v1 as orders;
use vitrine_contracts::payments::v1 as payments;
use vitrine_kit::clock::rfc3339;

use super::{Address, Destination, Money, money, object, object_or_null, whole};
use crate::schema;

/// A product to put into the cart.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewItem {
    #[schemars(with = "schema::ProductId")]
    pub(crate) product_id: String,
    #[schemars(range(min = 1, max = MAX_QUANTITY))]
    #[serde(deserialize_with = "whole")]
    pub(crate) quantity: u32,
}

/// How many of a product.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quantity {
    /// 0 takes it out.
    #[schemars(range(max = MAX_QUANTITY))]
    #[serde(deserialize_with = "whole")]
    pub(crate) quantity: u32,
}

/// One product of a cart or an order, at its price.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Line {
    #[schemars(with = "schema::ProductId")]
    pub(crate) product_id: String,
    pub(crate) name: String,
    pub(crate) quantity: u32,
    pub(crate) unit_price: Money,
    pub(crate) total: Money,
}

impl From<orders::OrderLine> for Line {
    fn from(l: orders::OrderLine) -> Self {
        Self {
            product_id: l.product_id,
            name: l.name,
            quantity: l.quantity,
            unit_price: money(l.unit_price),
            total: money(l.total),
        }
    }
}

/// What is about to be bought.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Cart {
    pub(crate) lines: Vec<Line>,
    pub(crate) subtotal: Money,
    pub(crate) version: u64,
}

/// Where the cart would go, and in which currency.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteQuestion {
    /// ISO 4217; EUR if not said.
    #[schemars(with = "Option<schema::Currency>")]
    pub(crate) currency: Option<String>,
    #[schemars(with = "Destination")]
    #[serde(deserialize_with = "object")]
    pub(crate) address: Address,
}

/// What the cart would cost.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Quote {
    lines: Vec<Line>,
    subtotal: Money,
    shipping: Money,
    total: Money,
    /// For the order that is to be for no more.
    #[schemars(with = "schema::QuoteId")]
    id: String,
    #[schemars(with = "schema::Time")]
    expires_at: String,
}

impl From<vitrine_contracts::checkout::v1::QuoteResponse> for Quote {
    fn from(q: vitrine_contracts::checkout::v1::QuoteResponse) -> Self {
        Self {
            lines: q.lines.into_iter().map(Line::from).collect(),
            subtotal: money(q.subtotal),
            shipping: money(q.shipping),
            total: money(q.total),
            id: q.id,
            expires_at: rfc3339(q.expires_at_unix_ms),
        }
    }
}

/// A card as typed. It is checked and forgotten.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    #[schemars(with = "schema::CardNumber")]
    number: String,
    #[schemars(range(min = 1, max = 12))]
    #[serde(deserialize_with = "whole")]
    expiry_month: u32,
    /// Four digits. The month is not over, and within the next 20 years.
    #[schemars(range(min = 1000, max = 9999))]
    #[serde(deserialize_with = "whole")]
    expiry_year: u32,
    #[schemars(with = "schema::SecurityCode")]
    cvv: String,
}

impl From<Card> for payments::Card {
    fn from(c: Card) -> Self {
        Self { number: c.number, expiry_month: c.expiry_month, expiry_year: c.expiry_year, cvv: c.cvv }
    }
}

/// Exactly one of both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = either()))]
pub(crate) struct Payment {
    #[serde(default, deserialize_with = "object_or_null")]
    card: Option<Card>,
    /// From /api/v1/payment-tokens.
    #[schemars(with = "Option<schema::CardToken>")]
    token: Option<String>,
}

fn either() -> Value {
    json!([
        {"properties": {"card": {"type": "object"}, "token": {"type": "null"}}, "required": ["card"]},
        {"properties": {"card": {"type": "null"}, "token": {"type": "string"}}, "required": ["token"]},
    ])
}

impl Payment {
    pub(crate) fn parse(self) -> Result<payments::PaymentMethod, CoreProblem> {
        let method = match (self.card, self.token) {
            (Some(card), None) => payments::payment_method::Method::Card(card.into()),
            (None, Some(token)) => payments::payment_method::Method::Token(token),
            _ => {
                return Err(CoreProblem::invalid(
                    "payment",
                    "either card or token",
                    "the payment method is missing or there are two",
                ));
            }
        };
        Ok(payments::PaymentMethod { method: Some(method) })
    }
}

/// A card to keep a token for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    #[serde(deserialize_with = "object")]
    pub(crate) card: Card,
}

/// What stands for a card.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PaymentToken {
    #[schemars(with = "schema::CardToken")]
    pub(crate) token: String,
    pub(crate) scheme: String,
    pub(crate) last4: String,
}

/// The cart, to be bought.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    /// ISO 4217; EUR if not said.
    #[schemars(with = "Option<schema::Currency>")]
    pub(crate) currency: Option<String>,
    #[schemars(with = "Destination")]
    #[serde(deserialize_with = "object")]
    pub(crate) address: Address,
    #[serde(deserialize_with = "object")]
    pub(crate) payment: Payment,
    /// A dearer total is refused.
    #[schemars(with = "Option<schema::Amount>")]
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) max_total: Option<Money>,
    /// From /api/v1/checkout/quote: only what was quoted is bought, the same cart, address and currency, and for no more.
    #[schemars(with = "Option<schema::QuoteId>")]
    pub(crate) quote_id: Option<String>,
}
