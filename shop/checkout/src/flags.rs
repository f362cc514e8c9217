//! What can be switched here while the shop runs.

use vitrine_contracts::services::CHECKOUT;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// From what subtotal shipping costs nothing.
    FREE_SHIPPING_FROM: i64 = {
        key: "checkout-free-shipping-from",
        kind: Kind::Operational,
        owner: CHECKOUT,
        purpose: "From what subtotal, in euro cents, shipping costs nothing; 0 for never.",
        variants: &[
            ("never", Value::Integer(0)),
            ("from-50", Value::Integer(5_000)),
            ("from-25", Value::Integer(2_500)),
        ],
        until: None,
    };
}
