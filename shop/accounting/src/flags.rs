//! What can be switched here while the shop runs.

use vitrine_contracts::services::ACCOUNTING;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// Whether accounts at zero are shown.
    ZERO_BALANCES: bool = {
        key: "accounting-zero-balances",
        kind: Kind::Operational,
        owner: ACCOUNTING,
        purpose: "Whether the trial balance shows accounts that stand at zero.",
        variants: &[
            ("shown", Value::Bool(true)),
            ("hidden", Value::Bool(false)),
        ],
        until: None,
    };
}
