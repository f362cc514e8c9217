//! What can be switched here while the shop runs.

use vitrine_contracts::services::ORDERS;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// How many orders a page holds.
    PAGE_SIZE: i64 = {
        key: "orders-page-size",
        kind: Kind::Operational,
        owner: ORDERS,
        purpose: "How many orders a page holds where the reader does not say, up to what a page may hold.",
        variants: &[
            ("twenty", Value::Integer(20)),
            ("five", Value::Integer(5)),
            ("fifty", Value::Integer(50)),
        ],
        until: None,
    };
}
