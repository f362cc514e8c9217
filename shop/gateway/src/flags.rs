//! What can be switched here while the shop runs.

use vitrine_contracts::services::GATEWAY;
use vitrine_flags_client::{Kind, Text, Value, flags};

flags! {
    /// What the page announces.
    ANNOUNCEMENT: Text = {
        key: "gateway-announcement",
        kind: Kind::Operational,
        owner: GATEWAY,
        purpose: "What the shop's page announces on top; nothing if empty.",
        variants: &[
            ("none", Value::Text("")),
            ("holidays", Value::Text("Our ovens rest until the new year: parcels leave again on 2 January.")),
        ],
        until: None,
    };
}
