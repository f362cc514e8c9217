//! What can be switched here while the shop runs.

use vitrine_contracts::services::ANALYTICS;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// Whether messages are sent to destinations.
    SENDING: bool = {
        key: "analytics-sending",
        kind: Kind::Operational,
        owner: ANALYTICS,
        purpose: "Whether messages are sent on to destinations. What comes meanwhile is kept, and sent when it is switched on again.",
        variants: &[
            ("on", Value::Bool(true)),
            ("off", Value::Bool(false)),
        ],
        until: None,
    };
}
