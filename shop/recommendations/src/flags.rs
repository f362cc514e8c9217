//! What can be switched here while the shop runs.

use vitrine_contracts::services::RECOMMENDATIONS;
use vitrine_flags_client::{Kind, Text, Value, flags};

flags! {
    /// What is recommended.
    STRATEGY: Text = {
        key: "recommendations-strategy",
        kind: Kind::Experiment,
        owner: RECOMMENDATIONS,
        purpose: "What is recommended: what was bought together filled up by category, only that, or only the category.",
        variants: &[
            ("together-then-category", Value::Text("together-then-category")),
            ("together", Value::Text("together")),
            ("category", Value::Text("category")),
        ],
        until: None,
    };
}
