//! Customers and their addresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::common::v1 as common;
use vitrine_contracts::customers::v1 as customers;
use vitrine_kit::clock::rfc3339;

use super::LINE;

/// Where something is sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    #[schemars(length(min = 1, max = 100), extend("pattern" = LINE))]
    recipient: String,
    #[schemars(length(min = 1, max = 120), extend("pattern" = LINE))]
    line1: String,
    #[serde(default)]
    #[schemars(length(max = 120), extend("pattern" = LINE))]
    line2: String,
    #[schemars(length(min = 1, max = 80), extend("pattern" = LINE))]
    city: String,
    #[schemars(length(min = 1, max = 16), extend("pattern" = LINE))]
    postal_code: String,
    /// ISO 3166-1 alpha-2, upper case.
    country: String,
}

impl From<Address> for common::Address {
    fn from(a: Address) -> Self {
        let Address { recipient, line1, line2, city, postal_code, country } = a;
        Self { recipient, line1, line2, city, postal_code, country_code: country }
    }
}

impl From<common::Address> for Address {
    fn from(a: common::Address) -> Self {
        let common::Address { recipient, line1, line2, city, postal_code, country_code } = a;
        Self { recipient, line1, line2, city, postal_code, country: country_code }
    }
}

/// Somebody who wants to buy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUp {
    /// An atom, @ and a domain, without invisible characters. Addresses that look the same are the same.
    #[schemars(length(max = 254), extend("format" = "idn-email"))]
    pub(crate) email: String,
    /// 10 to 128 characters.
    pub(crate) password: String,
    #[schemars(length(min = 1, max = 100), extend("pattern" = LINE))]
    pub(crate) display_name: String,
    /// ISO 4217; EUR if not said.
    #[serde(default)]
    pub(crate) preferred_currency: String,
}

/// Somebody who buys.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Customer {
    id: String,
    /// In the one form in which addresses are kept: lower case, the domain as DNS knows it.
    #[schemars(length(max = 254), extend("format" = "idn-email"))]
    email: String,
    display_name: String,
    preferred_currency: String,
    addresses: Vec<SavedAddress>,
    created_at: String,
    pub(crate) version: u64,
}

impl From<customers::Customer> for Customer {
    fn from(c: customers::Customer) -> Self {
        Self {
            id: c.id,
            email: c.email,
            display_name: c.display_name,
            preferred_currency: c.preferred_currency,
            addresses: c.addresses.into_iter().map(SavedAddress::from).collect(),
            created_at: rfc3339(c.created_at_unix_ms),
            version: c.version,
        }
    }
}

/// What of a customer changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerPatch {
    #[schemars(length(min = 1, max = 100), extend("pattern" = LINE))]
    pub(crate) display_name: Option<String>,
    pub(crate) preferred_currency: Option<String>,
}

/// An address that a customer keeps.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SavedAddress {
    id: String,
    label: String,
    address: Address,
}

impl From<customers::SavedAddress> for SavedAddress {
    fn from(a: customers::SavedAddress) -> Self {
        Self { id: a.id, label: a.label, address: a.address.unwrap_or_default().into() }
    }
}

/// An address to keep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAddress {
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = LINE))]
    pub(crate) label: String,
    pub(crate) address: Address,
}
