//! Letters to customers, written after order events. No caller waits for them.
//!
//! What a letter says is in `templates/`, filled by [`letter`]. With an SMTP relay configured letters go there; each is also kept
//! in a mailbox that its owner can read by API, and forgotten when the customer is erased.
//!
//! ```
//! use vitrine_contracts::orders::v1::{Order, OrderState};
//! use vitrine_shop_email::letter::{Letters, Receipt};
//!
//! let (letters, order) = (Letters::new()?, Order { id: "ord_1".to_owned(), ..Order::default() });
//! assert!(letters.write(&order, OrderState::Placed, Receipt::Plain)?.is_none());
//! let letter = letters.write(&order, OrderState::Paid, Receipt::Plain)?.expect("a receipt");
//! assert_eq!((letter.template, &*letter.subject), ("receipt", "Your receipt for order ord_1"));
//! # Ok::<(), vitrine_contracts::Problem>(())
//! ```

mod consumer;
mod delivery;
pub mod flags;
mod grpc;
pub mod letter;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::email::v1::email_service_server::EmailServiceServer;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::services::{CUSTOMERS, EMAIL, ORDERS};
use vitrine_contracts::topics::{CUSTOMER_ERASED, ORDER_CANCELLED, ORDER_PAID, ORDER_REFUNDED, ORDER_SHIPPED};
use vitrine_flags_client::Flags;
use vitrine_platform_bus::{Consumer, with_inbox};
use vitrine_platform_host::erasure::DataSubject;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::Schema;

/// How letters are sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A relay that takes letters without TLS, as one on the same machine does: "smtp://host:port". Empty: the mailbox only.
    pub smtp_url: String,
    /// Whom letters are from.
    pub from: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { smtp_url: String::new(), from: "Vitrine <shop@vitrine.example>".to_owned() }
    }
}

/// The services that it calls.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Knows the address of an order, which events do not hold.
    pub orders: OrdersServiceClient<Transport>,
}

/// The service.
pub fn build(config: Config, deps: Deps, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let store = host.open_store(EMAIL, with_inbox(Schema::new().with::<store::MessageDoc>().with::<DataSubject>()))?;
    let write = consumer::Write {
        orders: deps.orders,
        letters: letter::Letters::new()?,
        delivery: delivery::Delivery::new(&config)?,
        clock: host.clock(),
        sent: host.telemetry(EMAIL).counter("vitrine.email.letters", "{letter}", "Letters written, by template"),
        flags: flags.handle(&host.telemetry(EMAIL), flags::FLAGS),
    };
    let topics = [ORDER_PAID, ORDER_SHIPPED, ORDER_CANCELLED, ORDER_REFUNDED];
    let orders = Consumer::new("email-orders", ORDERS, &topics, store.clone(), write);
    let erasures = Consumer::new(
        "email-erasures",
        CUSTOMERS,
        &[CUSTOMER_ERASED],
        store.clone(),
        consumer::ErasureHandler(store.clone()),
    );
    Ok(Component::new(EMAIL)
        .grpc(EmailServiceServer::new(grpc::Service(store.clone())))
        .store(store)
        .consumer(orders)
        .consumer(erasures))
}
