//! The contracts between services: what a replacement in another language has to honour.
//!
//! The `.proto` files below `proto/` are the source; this crate is generated from them, plus the names and the error
//! shape that they share. Its only logic is what several services hold text to: [`text`], [`EmailAddress`] and [`check_address`].
//! Start with [`Problem`] and [`topics`].
//!
//! ```
//! use vitrine_contracts::{Code, Problem};
//!
//! let refusal = Problem::invalid("quantity", "1 to 999", "a quantity of 0 is out of range").with_reason("INVALID_QUANTITY");
//! let status = tonic::Status::from(refusal);
//! // What the other side reads, whatever language it is written in.
//! let read = Problem::from_status(&status);
//! assert_eq!((read.code, &*read.reason, read.field.as_deref()), (Code::InvalidArgument, "INVALID_QUANTITY", Some("quantity")));
//! ```

#[allow(missing_docs, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/vitrine.rs"));
}
mod address;
mod codec;
mod email_address;
pub mod limits;
mod methods;
mod money;
mod problem;
pub mod text;

pub use address::check_address;
pub use email_address::EmailAddress;
pub use generated::vitrine::{
    accounting, ads, analytics, auth, bus, carts, catalog, checkout, common, currency, customers, email, flags, fraud,
    options, orders, payments, recommendations, shipping,
};
pub use methods::{METHODS, Method, method};
pub use money::money_from_proto;
pub use problem::{Code, Problem, RemoteProblem};

/// The compiled descriptors of every contract, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vitrine.bin"));

/// The services' names: in configuration, in telemetry and in placements.
pub mod services {
    /// Accounts and tokens.
    pub const AUTH: &str = "auth";
    /// Profiles and addresses.
    pub const CUSTOMERS: &str = "customers";
    /// Products, stock and reservations.
    pub const CATALOG: &str = "catalog";
    /// What is about to be bought.
    pub const CARTS: &str = "carts";
    /// The saga that buys.
    pub const CHECKOUT: &str = "checkout";
    /// The record of what was bought.
    pub const ORDERS: &str = "orders";
    /// Charging.
    pub const PAYMENTS: &str = "payments";
    /// Parcels.
    pub const SHIPPING: &str = "shipping";
    /// Conversion.
    pub const CURRENCY: &str = "currency";
    /// Letters.
    pub const EMAIL: &str = "email";
    /// Bought together.
    pub const RECOMMENDATIONS: &str = "recommendations";
    /// Advertisements.
    pub const ADS: &str = "ads";
    /// The ledger.
    pub const ACCOUNTING: &str = "accounting";
    /// Risk.
    pub const FRAUD: &str = "fraud";
    /// What visitors do.
    pub const ANALYTICS: &str = "analytics";
    /// REST for the world.
    pub const GATEWAY: &str = "gateway";
    /// Flags and faults. It is not among [`ALL`]: the shop runs without it.
    pub const FLAGS: &str = "flags";

    /// Every service, in the order in which a newcomer meets them.
    pub const ALL: &[&str] = &[
        GATEWAY,
        AUTH,
        CUSTOMERS,
        CATALOG,
        CARTS,
        CHECKOUT,
        ORDERS,
        PAYMENTS,
        SHIPPING,
        CURRENCY,
        EMAIL,
        RECOMMENDATIONS,
        ADS,
        ACCOUNTING,
        FRAUD,
        ANALYTICS,
    ];
}

/// The topics of events, each with its payload and with the services that follow it.
pub mod topics {
    use super::services::{ACCOUNTING, ANALYTICS, CARTS, EMAIL, FRAUD, GATEWAY, ORDERS, PAYMENTS, RECOMMENDATIONS};

    /// Names topics, and lists them: one that is named is never forgotten by those who need all.
    macro_rules! topics {
        ($($(#[$doc:meta])* $name:ident = $topic:literal to $readers:tt;)*) => {
            $($(#[$doc])* pub const $name: &str = $topic;)*
            /// Every topic.
            pub const ALL: &[&str] = &[$($name),*];

            /// Returns the services that may read a topic's events, and no other caller may; none of an unknown topic.
            pub fn readers(topic: &str) -> &'static [&'static str] {
                match topic {
                    $($topic => &$readers,)*
                    _ => &[],
                }
            }
        };
    }

    topics! {
        /// Payload `orders.v1.OrderEvent`.
        ORDER_PLACED = "orders.order.placed" to [FRAUD, GATEWAY];
        /// Payload `orders.v1.OrderEvent`.
        ORDER_PAID = "orders.order.paid" to [ACCOUNTING, ANALYTICS, EMAIL, GATEWAY, RECOMMENDATIONS];
        /// Payload `orders.v1.OrderEvent`.
        ORDER_SHIPPED = "orders.order.shipped" to [EMAIL, GATEWAY];
        /// Payload `orders.v1.OrderEvent`.
        ORDER_DELIVERED = "orders.order.delivered" to [GATEWAY];
        /// Payload `orders.v1.OrderEvent`.
        ORDER_CANCELLED = "orders.order.cancelled" to [EMAIL, GATEWAY];
        /// Payload `orders.v1.OrderEvent`.
        ORDER_REFUNDED = "orders.order.refunded" to [ACCOUNTING, EMAIL, GATEWAY];
        /// Payload `customers.v1.CustomerErased`.
        CUSTOMER_ERASED = "customers.customer.erased" to [ANALYTICS, CARTS, EMAIL, FRAUD, ORDERS, PAYMENTS];
        /// Payload `catalog.v1.ProductEvent`.
        PRODUCT_CHANGED = "catalog.product.changed" to [GATEWAY];
        /// Payload `shipping.v1.ShipmentEvent`.
        SHIPMENT_DISPATCHED = "shipping.shipment.dispatched" to [ORDERS];
        /// Payload `shipping.v1.ShipmentEvent`.
        SHIPMENT_IN_TRANSIT = "shipping.shipment.in_transit" to [];
        /// Payload `shipping.v1.ShipmentEvent`.
        SHIPMENT_DELIVERED = "shipping.shipment.delivered" to [ORDERS];
        /// Payload `analytics.v1.Accepted`. Only the service itself reads them, for its destinations.
        MESSAGES_ACCEPTED = "analytics.messages.accepted" to [];
    }

    /// The topics of one service: those whose first word is its name.
    pub fn of(service: &str) -> impl Iterator<Item = &'static str> {
        ALL.iter().copied().filter(move |topic| topic.split('.').next() == Some(service))
    }
}
