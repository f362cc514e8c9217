//! What can be switched here while the shop runs.

use vitrine_contracts::services::AUTH;
use vitrine_flags_client::{Kind, Value, flags};

flags! {
    /// Whether new customers may sign up.
    SIGN_UP: bool = {
        key: "auth-sign-up-open",
        kind: Kind::Operational,
        owner: AUTH,
        purpose: "Whether new customers may sign up. Who has an account signs in as before.",
        variants: &[
            ("open", Value::Bool(true)),
            ("closed", Value::Bool(false)),
        ],
        until: None,
    };
}
