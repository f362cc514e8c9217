//! What can be switched here while the shop runs.

use vitrine_contracts::services::CARTS;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// How many different products a cart takes.
    MOST_LINES: i64 = {
        key: "carts-most-lines",
        kind: Kind::Operational,
        owner: CARTS,
        purpose: "How many different products a cart takes, up to what any cart takes. What is in one already stays.",
        variants: &[
            ("hundred", Value::Integer(100)),
            ("twenty", Value::Integer(20)),
            ("five", Value::Integer(5)),
        ],
        until: None,
    };
}
