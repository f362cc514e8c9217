//! What was bought, and where it is.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, Error, ID, Object, SimpleObject};
use vitrine_contracts::common::v1 as common;
use vitrine_contracts::orders::v1 as wire;
use vitrine_contracts::shipping::v1 as shipping;

use super::error::InputError;
use super::money::{Money, as_bought};
use super::product::Product;
use super::scalars::{CountryCode, DateTime, int};
use super::session::session;

/// A state of an order.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum OrderState {
    Placed,
    Paid,
    Shipped,
    Delivered,
    Cancelled,
    Refunded,
}

impl OrderState {
    fn of(state: wire::OrderState) -> Self {
        match state {
            wire::OrderState::Unspecified | wire::OrderState::Placed => Self::Placed,
            wire::OrderState::Paid => Self::Paid,
            wire::OrderState::Shipped => Self::Shipped,
            wire::OrderState::Delivered => Self::Delivered,
            wire::OrderState::Cancelled => Self::Cancelled,
            wire::OrderState::Refunded => Self::Refunded,
        }
    }
}

impl From<OrderState> for wire::OrderState {
    fn from(state: OrderState) -> Self {
        match state {
            OrderState::Placed => Self::Placed,
            OrderState::Paid => Self::Paid,
            OrderState::Shipped => Self::Shipped,
            OrderState::Delivered => Self::Delivered,
            OrderState::Cancelled => Self::Cancelled,
            OrderState::Refunded => Self::Refunded,
        }
    }
}

/// What was bought.
pub(crate) struct Order(pub(crate) wire::Order);

/// A page of orders.
pub(crate) type Orders = Connection<String, Order>;

#[Object]
impl Order {
    pub(crate) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn state(&self) -> OrderState {
        OrderState::of(self.0.state())
    }

    async fn lines(&self) -> Result<Vec<OrderLine>, Error> {
        lines(&self.0.lines)
    }

    async fn subtotal(&self) -> Result<Money, Error> {
        as_bought(self.0.subtotal.as_ref())
    }

    async fn shipping(&self) -> Result<Money, Error> {
        as_bought(self.0.shipping.as_ref())
    }

    async fn total(&self) -> Result<Money, Error> {
        as_bought(self.0.total.as_ref())
    }

    async fn address(&self) -> Address {
        self.0.address.clone().unwrap_or_default().into()
    }

    async fn payment_id(&self) -> ID {
        ID(self.0.payment_id.clone())
    }

    /// Null when nothing is shipped, or not yet.
    async fn shipment(&self, ctx: &Context<'_>) -> Result<Option<Shipment>, Error> {
        if self.0.shipment_id.is_empty() {
            return Ok(None);
        }
        Ok(session(ctx).shipment(&self.0.shipment_id).await?.map(Shipment::from))
    }

    async fn history(&self) -> Vec<OrderStateChange> {
        let change = |change: &wire::StateChange| OrderStateChange {
            state: OrderState::of(change.state()),
            at: DateTime(change.at_unix_ms),
            reason: change.reason.clone(),
        };
        self.0.history.iter().map(change).collect()
    }

    async fn placed_at(&self) -> DateTime {
        DateTime(self.0.placed_at_unix_ms)
    }

    async fn version(&self) -> i32 {
        int(self.0.version)
    }

    async fn customer_id(&self) -> ID {
        ID(self.0.customer_id.clone())
    }
}

/// What was bought of one product, at the price of then.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct OrderLine {
    product_id: ID,
    name: String,
    quantity: i32,
    unit_price: Money,
    total: Money,
}

#[async_graphql::ComplexObject]
impl OrderLine {
    /// As it is sold now; null when it is not sold any more.
    async fn product(&self, ctx: &Context<'_>) -> Result<Option<Product>, Error> {
        Ok(session(ctx).product(&self.product_id).await?.map(Product))
    }
}

/// Lines as they are shown.
pub(crate) fn lines(lines: &[wire::OrderLine]) -> Result<Vec<OrderLine>, Error> {
    let line = |line: &wire::OrderLine| {
        Ok(OrderLine {
            product_id: ID(line.product_id.clone()),
            name: line.name.clone(),
            quantity: int(line.quantity),
            unit_price: as_bought(line.unit_price.as_ref())?,
            total: as_bought(line.total.as_ref())?,
        })
    };
    lines.iter().map(line).collect()
}

/// A state that an order was in.
#[derive(SimpleObject)]
pub(crate) struct OrderStateChange {
    state: OrderState,
    at: DateTime,
    reason: String,
}

/// Where something is sent.
#[derive(Clone, SimpleObject)]
pub(crate) struct Address {
    recipient: String,
    line1: String,
    line2: String,
    city: String,
    postal_code: String,
    /// Empty of an order whose customer was erased.
    country: CountryCode,
}

impl From<common::Address> for Address {
    fn from(address: common::Address) -> Self {
        let common::Address { recipient, line1, line2, city, postal_code, country_code } = address;
        Self { recipient, line1, line2, city, postal_code, country: CountryCode(country_code) }
    }
}

/// A state of a parcel.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ShipmentState {
    Created,
    Dispatched,
    InTransit,
    Delivered,
    Cancelled,
}

impl ShipmentState {
    fn of(state: shipping::ShipmentState) -> Self {
        match state {
            shipping::ShipmentState::Unspecified | shipping::ShipmentState::Created => Self::Created,
            shipping::ShipmentState::Dispatched => Self::Dispatched,
            shipping::ShipmentState::InTransit => Self::InTransit,
            shipping::ShipmentState::Delivered => Self::Delivered,
            shipping::ShipmentState::Cancelled => Self::Cancelled,
        }
    }
}

/// Where a parcel is.
#[derive(SimpleObject)]
pub(crate) struct Shipment {
    id: ID,
    tracking_number: String,
    state: ShipmentState,
    weight_g: i32,
    history: Vec<TrackingEvent>,
}

/// A step of a parcel.
#[derive(SimpleObject)]
pub(crate) struct TrackingEvent {
    state: ShipmentState,
    at: DateTime,
    place: String,
}

impl From<shipping::Shipment> for Shipment {
    fn from(shipment: shipping::Shipment) -> Self {
        let step = |step: &shipping::TrackingEvent| TrackingEvent {
            state: ShipmentState::of(step.state()),
            at: DateTime(step.at_unix_ms),
            place: step.place.clone(),
        };
        Self {
            state: ShipmentState::of(shipment.state()),
            history: shipment.history.iter().map(step).collect(),
            id: ID(shipment.id),
            tracking_number: shipment.tracking_number,
            weight_g: int(shipment.weight_g),
        }
    }
}

/// What came of a change of an order.
#[derive(SimpleObject)]
pub(crate) struct OrderPayload {
    /// Null when the change was refused.
    order: Option<Order>,
    errors: Vec<InputError>,
}

impl OrderPayload {
    pub(crate) fn of(changed: Result<wire::Order, InputError>) -> Self {
        match changed {
            Ok(order) => Self { order: Some(Order(order)), errors: Vec::new() },
            Err(refused) => Self { order: None, errors: vec![refused] },
        }
    }
}
