//! What can be switched here while the shop runs.

use vitrine_contracts::services::FRAUD;
use vitrine_flags_client::{Kind, Value, flags};

use crate::domain::FIRST_ORDER_FROM as USUAL;

flags! {
    /// From what amount a first order is looked at.
    FIRST_ORDER_FROM: i64 = {
        key: "fraud-first-order-from",
        kind: Kind::Operational,
        owner: FRAUD,
        purpose: "From how many euros the first order of a customer is looked at, 1 or more.",
        variants: &[
            ("usual", Value::Integer(USUAL)),
            ("strict", Value::Integer(100)),
            ("lenient", Value::Integer(1_000)),
        ],
        until: None,
    };
}
