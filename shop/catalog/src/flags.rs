//! What can be switched here while the shop runs.

use vitrine_contracts::services::CATALOG;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// Whether what is sold out is left out.
    HIDE_SOLD_OUT: bool = {
        key: "catalog-hide-sold-out",
        kind: Kind::Operational,
        owner: CATALOG,
        purpose: "Whether lists and searches leave out what is sold out. A seller's own list never does.",
        variants: &[
            ("shown", Value::Bool(false)),
            ("hidden", Value::Bool(true)),
        ],
        until: None,
    };
}
