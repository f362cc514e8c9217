//! Customers and their addresses.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use vitrine_contracts::common::v1 as common;
use vitrine_contracts::customers::v1 as customers;
use vitrine_contracts::limits::{
    COUNTRIES_SERVED, MAX_ADDRESS_LINE, MAX_CITY, MAX_DISPLAY_NAME, MAX_LABEL, MAX_PASSWORD, MAX_POSTAL_CODE,
    MAX_RECIPIENT, MIN_PASSWORD,
};
use vitrine_kit::clock::rfc3339;

use super::object;
use crate::schema::{self, Line};

/// Where something is sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    #[schemars(with = "Line<1, MAX_RECIPIENT>")]
    recipient: String,
    #[schemars(with = "Line<1, MAX_ADDRESS_LINE>")]
    line1: String,
    #[serde(default)]
    #[schemars(with = "Line<0, MAX_ADDRESS_LINE>")]
    line2: String,
    #[schemars(with = "Line<1, MAX_CITY>")]
    city: String,
    #[schemars(with = "Line<1, MAX_POSTAL_CODE>")]
    postal_code: String,
    /// ISO 3166-1 alpha-2, upper case.
    #[schemars(with = "schema::Country")]
    country: String,
}

/// An address that something is sent to.
#[derive(Debug)]
pub(crate) enum Destination {}

impl JsonSchema for Destination {
    fn schema_name() -> Cow<'static, str> {
        "Destination".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let served = json!({"properties": {"country": {"enum": COUNTRIES_SERVED}}});
        json_schema!({
            "description": "An address in a country that is served",
            "allOf": [generator.subschema_for::<Address>(), served],
        })
    }
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

/// Someone who wants to buy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUp {
    /// An atom, @ and a domain, without invisible characters. Addresses that look the same are the same.
    #[schemars(with = "schema::Email")]
    pub(crate) email: String,
    #[schemars(length(min = MIN_PASSWORD, max = MAX_PASSWORD))]
    pub(crate) password: String,
    #[schemars(with = "Line<1, MAX_DISPLAY_NAME>")]
    pub(crate) display_name: String,
    /// ISO 4217; EUR if not said.
    #[serde(default)]
    #[schemars(with = "schema::CurrencyOrEuro")]
    pub(crate) preferred_currency: String,
}

/// Someone who buys.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Customer {
    #[schemars(with = "schema::CustomerId")]
    id: String,
    /// In the one form in which addresses are kept: lower case, the domain as DNS knows it.
    #[schemars(with = "schema::Email")]
    email: String,
    display_name: String,
    #[schemars(with = "schema::Currency")]
    preferred_currency: String,
    addresses: Vec<SavedAddress>,
    #[schemars(with = "schema::Time")]
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
    #[schemars(with = "Option<Line<1, MAX_DISPLAY_NAME>>")]
    pub(crate) display_name: Option<String>,
    #[schemars(with = "Option<schema::CurrencyOrEuro>")]
    pub(crate) preferred_currency: Option<String>,
}

/// An address that a customer keeps.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SavedAddress {
    #[schemars(with = "schema::AddressId")]
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
    #[schemars(with = "Line<0, MAX_LABEL>")]
    pub(crate) label: String,
    #[serde(deserialize_with = "object")]
    pub(crate) address: Address,
}
