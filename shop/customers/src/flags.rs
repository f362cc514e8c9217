//! What can be switched here while the shop runs.

use vitrine_contracts::services::CUSTOMERS;
use vitrine_flags_client::{Kind, Text, Value, flags};

flags! {
    /// The currency of who names none.
    NEW_CURRENCY: Text = {
        key: "customers-currency-at-sign-up",
        kind: Kind::Operational,
        owner: CUSTOMERS,
        purpose: "In which currency those who sign up without saying one see prices.",
        variants: &[
            ("eur", Value::Text("EUR")),
            ("usd", Value::Text("USD")),
            ("chf", Value::Text("CHF")),
        ],
        until: None,
    };
}
