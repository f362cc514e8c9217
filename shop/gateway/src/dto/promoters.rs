//! Promoters' keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::auth::v1 as auth;
use vitrine_contracts::limits::{MAX_KEY_NAME, MAX_KEY_ORIGINS};
use vitrine_kit::clock::rfc3339;

use crate::schema::{self, Line};

/// A key to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPromoterKey {
    /// Which page it is for.
    #[schemars(with = "Line<1, MAX_KEY_NAME>")]
    pub(crate) name: String,
    /// Whose pages may use it.
    #[schemars(with = "Vec<schema::Origin>", length(min = 1, max = MAX_KEY_ORIGINS))]
    pub(crate) origins: Vec<String>,
}

/// A promoter's public key. It says who sells, and permits nothing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PromoterKey {
    #[schemars(with = "schema::PromoterKeyId")]
    id: String,
    name: String,
    #[schemars(with = "Vec<schema::Origin>")]
    origins: Vec<String>,
    #[schemars(with = "schema::Time")]
    created_at: String,
}

impl From<auth::PromoterKey> for PromoterKey {
    fn from(key: auth::PromoterKey) -> Self {
        let auth::PromoterKey { id, name, origins, created_at_unix_ms, .. } = key;
        Self { id, name, origins, created_at: rfc3339(created_at_unix_ms) }
    }
}
