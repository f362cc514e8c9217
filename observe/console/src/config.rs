//! What can be set.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_kit::Secret;
use vitrine_platform_config::BaseUrl;

/// The console.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The observatory's address as browsers see it. Empty: where it listens.
    pub url: BaseUrl,
    /// An OpenID provider by which people sign in. `vitrine up` has the shop's own where it is no demo.
    pub provider: Option<ProviderConfig>,
    /// The gateway of the shop that the console is to show. `vitrine up` has its own.
    pub shop: BaseUrl,
    /// The flags service that the console is to show. `vitrine up` has its own.
    pub flags: BaseUrl,
    /// A token of the flags service, where it needs one. Who is a viewer reads with it, others change flags with it.
    pub flags_token: Secret,
    /// A folder of pages that `make web` built, to be used in place of those in the program, while one works on them; empty for none.
    pub pages: PathBuf,
}

/// An OpenID provider.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderConfig {
    /// Its issuer: where `/.well-known/openid-configuration` is.
    pub issuer: String,
    /// What it is called on the page on which one signs in.
    pub name: String,
    /// The console as the provider's client.
    pub client_id: String,
    /// The client's secret; empty for a public client. PKCE is used in any case.
    pub client_secret: Secret,
    /// What is asked for.
    pub scope: String,
    /// The claim of userinfo that says what someone is: a text, or a list of texts.
    pub roles_claim: String,
    /// Values of that claim that make an administrator.
    pub admins: Vec<String>,
    /// Values that make an operator.
    pub operators: Vec<String>,
    /// Values that make a viewer; `*` is everyone whom the provider knows.
    pub viewers: Vec<String>,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        let one = |value: &str| vec![value.to_owned()];
        Self {
            issuer: String::new(),
            name: String::new(),
            client_id: String::new(),
            client_secret: Secret::default(),
            scope: "openid profile email".to_owned(),
            roles_claim: "roles".to_owned(),
            admins: one("admin"),
            operators: one("operator"),
            viewers: one("viewer"),
        }
    }
}
