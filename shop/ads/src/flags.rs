//! What can be switched here while the shop runs.

use vitrine_contracts::services::ADS;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// Whether a second advertisement is shown.
    SECOND_SLOT: bool = {
        key: "ads-second-slot",
        kind: Kind::Operational,
        owner: ADS,
        purpose: "Whether a second advertisement is shown where no number is asked for.",
        variants: &[
            ("off", Value::Bool(false)),
            ("on", Value::Bool(true)),
        ],
        until: None,
    };
}
