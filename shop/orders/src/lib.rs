//! The record of what was bought, and how each order goes on from there.
//!
//! The state machine is a table in [`domain`]. Every change is published in the same commit. Parcels move orders along:
//! this service follows shipping's events. It never charges, ships or reserves anything.
//!
//! ```
//! use vitrine_contracts::orders::v1::OrderState;
//! use vitrine_shop_orders::domain::step;
//!
//! assert_eq!(step(OrderState::Paid, OrderState::Shipped), Ok(true));
//! // A repeat changes nothing.
//! assert_eq!(step(OrderState::Shipped, OrderState::Shipped), Ok(false));
//! assert_eq!(step(OrderState::Shipped, OrderState::Cancelled).expect_err("too late").reason, "ORDER_STATE");
//! ```

mod consumer;
pub mod domain;
pub mod flags;
mod grpc;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::orders::v1::orders_service_server::OrdersServiceServer;
use vitrine_contracts::services::{CUSTOMERS, ORDERS, SHIPPING};
use vitrine_contracts::topics::{CUSTOMER_ERASED, SHIPMENT_DELIVERED, SHIPMENT_DISPATCHED};
use vitrine_flags_client::Flags;
use vitrine_platform_bus::{Consumer, with_inbox};
use vitrine_platform_host::erasure::DataSubject;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_store::Schema;

/// Nothing can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The service.
pub fn build(_: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let schema = Schema::new().with::<store::OrderDoc>().with::<DataSubject>();
    let store = host.open_store(ORDERS, with_inbox(schema))?;
    let orders = store::Orders { store: store.clone(), clock: host.clock() };
    let flags = flags.handle(&host.telemetry(ORDERS), flags::FLAGS);
    let topics = [SHIPMENT_DISPATCHED, SHIPMENT_DELIVERED];
    let follow =
        Consumer::new("orders-shipments", SHIPPING, &topics, store.clone(), consumer::Shipments(orders.clone()));
    let forget = Consumer::new(
        "orders-erasures",
        CUSTOMERS,
        &[CUSTOMER_ERASED],
        store.clone(),
        consumer::ErasureHandler(orders.clone()),
    );
    Ok(Component::new(ORDERS)
        .grpc(OrdersServiceServer::new(grpc::Service { orders, flags }))
        .store(store)
        .consumer(follow)
        .consumer(forget))
}
