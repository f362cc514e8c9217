//! What can be switched here while the shop runs.

use vitrine_contracts::services::PAYMENTS;
use vitrine_flags_client::{Kind, Object, Value, flags};

flags! {
    /// The card networks that are taken.
    NETWORKS: Object = {
        key: "payments-card-networks",
        kind: Kind::Operational,
        owner: PAYMENTS,
        purpose: "The card networks that are taken. A payment that was authorised stays so.",
        variants: &[
            ("all", Value::Object(r#"{"networks": ["visa", "mastercard", "amex", "discover"]}"#)),
            ("without-amex", Value::Object(r#"{"networks": ["visa", "mastercard", "discover"]}"#)),
            ("visa-and-mastercard", Value::Object(r#"{"networks": ["visa", "mastercard"]}"#)),
        ],
        until: None,
    };
}
