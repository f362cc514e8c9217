//! The JSON of requests and answers. Unknown fields in requests are errors. Money is a decimal string and a currency.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem as CoreProblem;
use vitrine_contracts::catalog::v1 as catalog;
use vitrine_contracts::common::v1 as common;
use vitrine_contracts::customers::v1 as customers;
use vitrine_contracts::orders::v1 as orders;
use vitrine_contracts::payments::v1 as payments;
use vitrine_contracts::shipping::v1 as shipping;
use vitrine_contracts::{accounting::v1 as accounting, ads::v1 as ads, email::v1 as email, fraud::v1 as fraud};
use vitrine_kit::clock::{parse_rfc3339, rfc3339};
use vitrine_kit::money::{Currency, Money as CoreMoney};

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
        let money = CoreMoney::parse_amount(currency, &self.amount)
            .map_err(|e| CoreProblem::invalid(&format!("{field}.amount"), expected, &e.to_string()).with_reason("INVALID_AMOUNT"))?;
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

/// Goods are shipped; an event has seats at a time and place.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Goods,
    Event,
}

impl From<Kind> for catalog::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Goods => Self::Goods,
            Kind::Event => Self::Event,
        }
    }
}

/// When and where.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    /// RFC 3339.
    starts_at: String,
    duration_min: u32,
    venue: String,
}

/// Something that is sold.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Product {
    pub(crate) id: String,
    kind: Kind,
    pub(crate) name: String,
    description: String,
    pub(crate) category: String,
    tags: Vec<String>,
    pub(crate) price: Money,
    weight_g: u32,
    /// Units or seats that can be had now.
    pub(crate) available: u32,
    sold: u64,
    event: Option<Event>,
    /// Who sells it, if not the shop.
    promoter_id: Option<String>,
    /// Path of the picture.
    pub(crate) picture: String,
    pub(crate) version: u64,
}

impl From<catalog::Product> for Product {
    fn from(p: catalog::Product) -> Self {
        let kind = if p.kind() == catalog::Kind::Event { Kind::Event } else { Kind::Goods };
        let event = p.event.map(|e| Event { starts_at: rfc3339(e.starts_at_unix_ms), duration_min: e.duration_min, venue: e.venue });
        Self {
            kind,
            picture: format!("/api/v1/products/{}/picture.svg", p.id),
            id: p.id,
            name: p.name,
            description: p.description,
            category: p.category,
            tags: p.tags,
            price: money(p.price),
            weight_g: p.weight_g,
            available: p.available,
            sold: p.sold,
            event,
            promoter_id: Some(p.promoter_id).filter(|id| !id.is_empty()),
            version: p.version,
        }
    }
}

/// A product to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProduct {
    kind: Kind,
    name: String,
    description: String,
    category: String,
    #[serde(default)]
    tags: Vec<String>,
    price: Money,
    /// For goods.
    #[serde(default)]
    weight_g: u32,
    /// Units or seats to begin with.
    pub(crate) stock: u32,
    /// For events.
    event: Option<Event>,
}

impl NewProduct {
    pub(crate) fn parse(self, promoter_id: String) -> Result<catalog::Product, CoreProblem> {
        let price = self.price.parse("price")?;
        let event = self.event.map(|e| {
            let at = parse_rfc3339(&e.starts_at);
            let wrong = || CoreProblem::invalid("event.starts_at", "RFC 3339, for example 2026-12-24T18:00:00Z", "that is not a time");
            Ok::<_, CoreProblem>(catalog::EventDetails { starts_at_unix_ms: at.ok_or_else(wrong)?, duration_min: e.duration_min, venue: e.venue })
        });
        Ok(catalog::Product {
            kind: catalog::Kind::from(self.kind).into(),
            name: self.name,
            description: self.description,
            category: self.category,
            tags: self.tags,
            price: Some(price.into()),
            weight_g: self.weight_g,
            event: event.transpose()?,
            promoter_id,
            ..catalog::Product::default()
        })
    }
}

/// What of a product changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductPatch {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) price: Option<Money>,
    /// Added to what is available; negative takes away.
    #[serde(default)]
    pub(crate) restock: i32,
}

/// A kind of thing that is sold.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Category {
    pub(crate) slug: String,
    pub(crate) name: String,
    description: String,
    product_count: u64,
}

impl From<catalog::Category> for Category {
    fn from(c: catalog::Category) -> Self {
        Self { slug: c.slug, name: c.name, description: c.description, product_count: c.product_count }
    }
}

/// A currency and what a euro is worth in it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CurrencyRate {
    code: String,
    name: String,
    /// Digits after the decimal point.
    exponent: u32,
    /// Units for one euro.
    rate: String,
}

impl From<vitrine_contracts::currency::v1::CurrencyInfo> for CurrencyRate {
    fn from(c: vitrine_contracts::currency::v1::CurrencyInfo) -> Self {
        Self { code: c.code, name: c.name, exponent: c.exponent, rate: c.rate }
    }
}

/// Currencies by a day's rates.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Currencies {
    pub(crate) items: Vec<CurrencyRate>,
    /// The day, YYYY-MM-DD.
    pub(crate) as_of: String,
}

/// An amount in another currency.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Converted {
    pub(crate) from: Money,
    pub(crate) to: Money,
    /// The day of the rates, YYYY-MM-DD.
    pub(crate) as_of: String,
}

/// A product that goes with others.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Recommendation {
    product_id: String,
    /// Orders that hold both; 0 when it only fills up.
    bought_together: u64,
    /// "bought_together" or "same_category".
    reason: String,
}

impl From<vitrine_contracts::recommendations::v1::Recommendation> for Recommendation {
    fn from(r: vitrine_contracts::recommendations::v1::Recommendation) -> Self {
        Self { product_id: r.product_id, bought_together: r.bought_together, reason: r.reason }
    }
}

/// An advertisement.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Ad {
    id: String,
    text: String,
    /// Where it leads.
    href: String,
    /// The word that it was chosen by; null when by chance.
    context: Option<String>,
}

impl From<ads::Ad> for Ad {
    fn from(ad: ads::Ad) -> Self {
        Self { id: ad.id, text: ad.text, href: ad.url_path, context: Some(ad.context).filter(|c| !c.is_empty()) }
    }
}

/// Where something is sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    recipient: String,
    line1: String,
    #[serde(default)]
    line2: String,
    city: String,
    postal_code: String,
    /// ISO 3166-1 alpha-2, upper case.
    country: String,
}

impl From<Address> for common::Address {
    fn from(a: Address) -> Self {
        let Address { recipient, line1, line2, city, postal_code, country } = a;
        Self { recipient, line1, line2, city, postal_code, country_code: country }
    }
}

impl From<common::Address> for Address {
    fn from(a: common::Address) -> Self {
        let common::Address { recipient, line1, line2, city, postal_code, country_code } = a;
        Self { recipient, line1, line2, city, postal_code, country: country_code }
    }
}

/// Somebody who wants to buy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUp {
    pub(crate) email: String,
    /// 10 to 128 characters.
    pub(crate) password: String,
    pub(crate) display_name: String,
    /// ISO 4217; EUR if not said.
    #[serde(default)]
    pub(crate) preferred_currency: String,
}

/// Somebody who buys.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Customer {
    id: String,
    email: String,
    display_name: String,
    preferred_currency: String,
    addresses: Vec<SavedAddress>,
    created_at: String,
    pub(crate) version: u64,
}

impl From<customers::Customer> for Customer {
    fn from(c: customers::Customer) -> Self {
        Self {
            id: c.id,
            email: c.email,
            display_name: c.display_name,
            preferred_currency: c.preferred_currency,
            addresses: c.addresses.into_iter().map(SavedAddress::from).collect(),
            created_at: rfc3339(c.created_at_unix_ms),
            version: c.version,
        }
    }
}

/// What of a customer changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerPatch {
    pub(crate) display_name: Option<String>,
    pub(crate) preferred_currency: Option<String>,
}

/// An address that a customer keeps.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SavedAddress {
    id: String,
    label: String,
    address: Address,
}

impl From<customers::SavedAddress> for SavedAddress {
    fn from(a: customers::SavedAddress) -> Self {
        Self { id: a.id, label: a.label, address: a.address.unwrap_or_default().into() }
    }
}

/// An address to keep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAddress {
    #[serde(default)]
    pub(crate) label: String,
    pub(crate) address: Address,
}

/// A product to put into the cart.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewItem {
    pub(crate) product_id: String,
    /// 1 to 999.
    pub(crate) quantity: u32,
}

/// How many of a product.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quantity {
    /// 0 to 999; 0 takes it out.
    pub(crate) quantity: u32,
}

/// One product of a cart or an order, at its price.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Line {
    pub(crate) product_id: String,
    pub(crate) name: String,
    pub(crate) quantity: u32,
    pub(crate) unit_price: Money,
    pub(crate) total: Money,
}

impl From<orders::OrderLine> for Line {
    fn from(l: orders::OrderLine) -> Self {
        Self { product_id: l.product_id, name: l.name, quantity: l.quantity, unit_price: money(l.unit_price), total: money(l.total) }
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
    pub(crate) currency: Option<String>,
    pub(crate) address: Address,
}

/// What the cart would cost.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Quote {
    lines: Vec<Line>,
    subtotal: Money,
    shipping: Money,
    total: Money,
}

impl From<vitrine_contracts::checkout::v1::QuoteResponse> for Quote {
    fn from(q: vitrine_contracts::checkout::v1::QuoteResponse) -> Self {
        let lines = q.lines.into_iter().map(Line::from).collect();
        Self { lines, subtotal: money(q.subtotal), shipping: money(q.shipping), total: money(q.total) }
    }
}

/// A card as typed. It is checked and forgotten.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    number: String,
    expiry_month: u32,
    expiry_year: u32,
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
pub(crate) struct Payment {
    card: Option<Card>,
    /// From /api/v1/payment-tokens.
    token: Option<String>,
}

impl Payment {
    pub(crate) fn parse(self) -> Result<payments::PaymentMethod, CoreProblem> {
        let method = match (self.card, self.token) {
            (Some(card), None) => payments::payment_method::Method::Card(card.into()),
            (None, Some(token)) => payments::payment_method::Method::Token(token),
            _ => return Err(CoreProblem::invalid("payment", "either card or token", "the payment method is missing or there are two")),
        };
        Ok(payments::PaymentMethod { method: Some(method) })
    }
}

/// A card to keep a token for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    pub(crate) card: Card,
}

/// What stands for a card.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PaymentToken {
    pub(crate) token: String,
    pub(crate) scheme: String,
    pub(crate) last4: String,
}

/// The cart, to be bought.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    /// ISO 4217; EUR if not said.
    pub(crate) currency: Option<String>,
    pub(crate) address: Address,
    pub(crate) payment: Payment,
    /// A dearer total is refused.
    pub(crate) max_total: Option<Money>,
}

/// A state that an order was in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StateChange {
    state: String,
    at: String,
    reason: String,
}

/// What was bought.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Order {
    pub(crate) id: String,
    customer_id: String,
    /// placed, paid, shipped, delivered, cancelled or refunded.
    state: String,
    lines: Vec<Line>,
    subtotal: Money,
    shipping: Money,
    total: Money,
    address: Address,
    payment_id: String,
    /// Null when nothing is shipped.
    shipment_id: Option<String>,
    history: Vec<StateChange>,
    placed_at: String,
    version: u64,
}

/// The last word of a protobuf enum's name, lower case.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}

impl From<orders::Order> for Order {
    fn from(o: orders::Order) -> Self {
        let state = |s: orders::OrderState| word(s.as_str_name(), "ORDER_STATE_");
        let change = |c: &orders::StateChange| StateChange { state: state(c.state()), at: rfc3339(c.at_unix_ms), reason: c.reason.clone() };
        Self {
            state: state(o.state()),
            history: o.history.iter().map(change).collect(),
            id: o.id,
            customer_id: o.customer_id,
            lines: o.lines.into_iter().map(Line::from).collect(),
            subtotal: money(o.subtotal),
            shipping: money(o.shipping),
            total: money(o.total),
            address: o.address.unwrap_or_default().into(),
            payment_id: o.payment_id,
            shipment_id: Some(o.shipment_id).filter(|id| !id.is_empty()),
            placed_at: rfc3339(o.placed_at_unix_ms),
            version: o.version,
        }
    }
}

/// Why an order is cancelled.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    #[serde(default)]
    pub(crate) reason: String,
}

/// Where an order goes next.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transition {
    /// shipped, delivered, cancelled or refunded.
    pub(crate) to: String,
    #[serde(default)]
    pub(crate) reason: String,
}

/// Where a parcel is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shipment {
    id: String,
    order_id: String,
    tracking_number: String,
    /// created, dispatched, in_transit, delivered or cancelled.
    state: String,
    weight_g: u32,
    history: Vec<Tracking>,
}

/// A step of a parcel.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Tracking {
    state: String,
    at: String,
    place: String,
}

impl From<shipping::Shipment> for Shipment {
    fn from(s: shipping::Shipment) -> Self {
        let state = |s: shipping::ShipmentState| word(s.as_str_name(), "SHIPMENT_STATE_");
        let step = |t: &shipping::TrackingEvent| Tracking { state: state(t.state()), at: rfc3339(t.at_unix_ms), place: t.place.clone() };
        Self {
            state: state(s.state()),
            history: s.history.iter().map(step).collect(),
            id: s.id,
            order_id: s.order_id,
            tracking_number: s.tracking_number,
            weight_g: s.weight_g,
        }
    }
}

/// A letter; in lists without its text.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Letter {
    id: String,
    subject: String,
    template: String,
    order_id: String,
    created_at: String,
    /// "mailbox" or "smtp".
    delivered_by: String,
    text: Option<String>,
    html: Option<String>,
}

impl From<email::Message> for Letter {
    fn from(m: email::Message) -> Self {
        Self {
            id: m.id,
            subject: m.subject,
            template: m.template,
            order_id: m.order_id,
            created_at: rfc3339(m.created_at_unix_ms),
            delivered_by: m.delivered_by,
            text: Some(m.text).filter(|t| !t.is_empty()),
            html: Some(m.html).filter(|t| !t.is_empty()),
        }
    }
}

/// A payment, as the shop sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PaymentRecord {
    id: String,
    /// authorized, captured, voided, refunded or declined.
    state: String,
    amount: Money,
    captured: Money,
    refunded: Money,
    scheme: String,
    last4: String,
    /// The order's id.
    reference: String,
    created_at: String,
}

impl From<payments::Payment> for PaymentRecord {
    fn from(p: payments::Payment) -> Self {
        Self {
            state: word(p.state().as_str_name(), "PAYMENT_STATE_"),
            id: p.id,
            amount: money(p.amount),
            captured: money(p.captured),
            refunded: money(p.refunded),
            scheme: p.scheme,
            last4: p.last4,
            reference: p.reference,
            created_at: rfc3339(p.created_at_unix_ms),
        }
    }
}

/// An amount on an account; debit is positive.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    account: String,
    amount: Money,
}

impl From<accounting::Entry> for Entry {
    fn from(e: accounting::Entry) -> Self {
        Self { account: e.account, amount: money(e.amount) }
    }
}

/// The ledger's balances.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TrialBalance {
    balances: Vec<Entry>,
    transaction_count: u64,
    /// True when every currency sums to zero.
    balanced: bool,
}

impl From<accounting::TrialBalance> for TrialBalance {
    fn from(b: accounting::TrialBalance) -> Self {
        let balances = b.balances.into_iter().map(Entry::from).collect();
        Self { balances, transaction_count: b.transaction_count, balanced: b.balanced }
    }
}

/// What was booked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LedgerTransaction {
    id: String,
    order_id: String,
    /// "sale" or "refund".
    kind: String,
    entries: Vec<Entry>,
    at: String,
}

impl From<accounting::Transaction> for LedgerTransaction {
    fn from(t: accounting::Transaction) -> Self {
        let entries = t.entries.into_iter().map(Entry::from).collect();
        Self { id: t.id, order_id: t.order_id, kind: t.kind, entries, at: rfc3339(t.at_unix_ms) }
    }
}

/// What a rule found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Finding {
    rule: String,
    points: u32,
    explanation: String,
}

/// How risky an order is, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Assessment {
    order_id: String,
    customer_id: String,
    /// 0 to 100: the sum of what the rules gave.
    score: u32,
    /// clear, review or suspicious.
    verdict: String,
    findings: Vec<Finding>,
    at: String,
}

impl From<fraud::Assessment> for Assessment {
    fn from(a: fraud::Assessment) -> Self {
        let verdict = word(a.verdict().as_str_name(), "VERDICT_");
        let finding = |f: fraud::Finding| Finding { rule: f.rule, points: f.points, explanation: f.explanation };
        Self {
            order_id: a.order_id,
            customer_id: a.customer_id,
            score: a.score,
            verdict,
            findings: a.findings.into_iter().map(finding).collect(),
            at: rfc3339(a.at_unix_ms),
        }
    }
}

/// A new signing key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyRotated {
    pub(crate) key_id: String,
}
