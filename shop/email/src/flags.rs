//! What can be switched here while the shop runs.

use vitrine_contracts::services::EMAIL;
use vitrine_flags_client::{Kind, Text, Value, flags};

flags! {
    /// How a receipt is written.
    RECEIPT: Text = {
        key: "email-receipt",
        kind: Kind::Experiment,
        owner: EMAIL,
        purpose: "How a receipt is written: plainly, or with thanks in its subject and a line on returns.",
        variants: &[
            ("plain", Value::Text("plain")),
            ("thankful", Value::Text("thankful")),
        ],
        until: None,
    };
}
