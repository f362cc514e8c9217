//! What can be switched here while the shop runs.

use vitrine_contracts::services::CURRENCY;
use vitrine_flags_client::{Kind, Text, Value, flags};

flags! {
    /// Which currencies are listed.
    LIST: Text = {
        key: "currencies-listed",
        kind: Kind::Operational,
        owner: CURRENCY,
        purpose: "Which currencies are offered for display: all, or the major ones. Prices are converted into any.",
        variants: &[
            ("all", Value::Text("all")),
            ("major", Value::Text("major")),
        ],
        until: None,
    };
}
