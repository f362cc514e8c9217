//! What can be switched here while the shop runs.

use vitrine_contracts::services::SHIPPING;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// Whether padding is charged.
    PADDING: bool = {
        key: "shipping-padding-charged",
        kind: Kind::Operational,
        owner: SHIPPING,
        purpose: "Whether the padding of each piece is charged on top of a parcel's price.",
        variants: &[
            ("charged", Value::Bool(true)),
            ("free", Value::Bool(false)),
        ],
        until: None,
    };
}
