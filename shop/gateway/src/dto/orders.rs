//! Orders, parcels and letters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::email::v1 as email;
use vitrine_contracts::limits::MAX_REASON;
use vitrine_contracts::orders::v1 as orders;
use vitrine_contracts::shipping::v1 as shipping;
use vitrine_kit::clock::rfc3339;

use super::{Address, Line, Money, money, word};
use crate::schema;

/// A state that an order was in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StateChange {
    #[schemars(with = "schema::OrderState")]
    state: String,
    #[schemars(with = "schema::Time")]
    at: String,
    reason: String,
}

/// What was bought.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Order {
    #[schemars(with = "schema::OrderId")]
    pub(crate) id: String,
    customer_id: String,
    #[schemars(with = "schema::OrderState")]
    state: String,
    lines: Vec<Line>,
    subtotal: Money,
    shipping: Money,
    total: Money,
    #[schemars(with = "schema::OrderAddress")]
    address: Address,
    payment_id: String,
    /// Null when nothing is shipped.
    shipment_id: Option<String>,
    history: Vec<StateChange>,
    #[schemars(with = "schema::Time")]
    placed_at: String,
    version: u64,
}

impl From<orders::Order> for Order {
    fn from(o: orders::Order) -> Self {
        let state = |s: orders::OrderState| word(s.as_str_name(), "ORDER_STATE_");
        let change = |c: &orders::StateChange| StateChange {
            state: state(c.state()),
            at: rfc3339(c.at_unix_ms),
            reason: c.reason.clone(),
        };
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
    #[schemars(with = "schema::Line<0, MAX_REASON>")]
    pub(crate) reason: String,
}

/// Where an order goes next.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transition {
    #[schemars(with = "schema::NextState")]
    pub(crate) to: String,
    #[serde(default)]
    #[schemars(with = "schema::Line<0, MAX_REASON>")]
    pub(crate) reason: String,
}

/// Where a parcel is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shipment {
    id: String,
    #[schemars(with = "schema::OrderId")]
    order_id: String,
    tracking_number: String,
    #[schemars(with = "schema::ShipmentState")]
    state: String,
    weight_g: u32,
    history: Vec<Tracking>,
}

/// A step of a parcel.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Tracking {
    #[schemars(with = "schema::ShipmentState")]
    state: String,
    #[schemars(with = "schema::Time")]
    at: String,
    place: String,
}

impl From<shipping::Shipment> for Shipment {
    fn from(s: shipping::Shipment) -> Self {
        let state = |s: shipping::ShipmentState| word(s.as_str_name(), "SHIPMENT_STATE_");
        let step = |t: &shipping::TrackingEvent| Tracking {
            state: state(t.state()),
            at: rfc3339(t.at_unix_ms),
            place: t.place.clone(),
        };
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
    #[schemars(with = "schema::LetterId")]
    id: String,
    subject: String,
    template: String,
    order_id: String,
    #[schemars(with = "schema::Time")]
    created_at: String,
    #[schemars(extend("enum" = ["mailbox", "smtp"]))]
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
