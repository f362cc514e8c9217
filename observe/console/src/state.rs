//! What the console knows.

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use vitrine_kit::Secret;
use vitrine_observe_store::Access;
use vitrine_platform_fetch::Client;
use vitrine_platform_web::Bundle;

use crate::dashboards::Dashboards;
use crate::kept_queries::KeptQueries;
use crate::provider::Provider;
use crate::role::Role;
use crate::sessions::Sessions;

/// Asks for a token of the shop's, for administrators.
pub type MachineToken = Arc<dyn Fn() -> BoxFuture<'static, Result<Secret, String>> + Send + Sync>;

/// A shop that the console shows.
#[derive(Clone)]
pub struct Shop {
    /// Its gateway's address.
    pub url: String,
    /// In a demo, where everyone who reaches the console runs the shop: what gives a token for it.
    pub demo: Option<MachineToken>,
}

/// What every handler sees.
pub(crate) struct ConsoleState {
    pub(crate) url: String,
    pub(crate) version: &'static str,
    pub(crate) bundle: Bundle,
    pub(crate) access: Access,
    /// By role, the token that a session of it has which was not begun with one.
    pub(crate) tokens_by_role: Vec<(Role, Secret)>,
    pub(crate) sessions: Sessions,
    pub(crate) client: Client,
    pub(crate) provider: OnceLock<Provider>,
    pub(crate) shop: OnceLock<Shop>,
    /// The demo's token, and when it was given, in milliseconds since 1970.
    pub(crate) demo_token: Mutex<Option<(Secret, i64)>>,
    pub(crate) flags: OnceLock<String>,
    pub(crate) flags_token: Secret,
    pub(crate) dashboards: Dashboards,
    pub(crate) kept_queries: KeptQueries,
}

impl ConsoleState {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether browsers reach it over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.url.starts_with("https://")
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/console/callback", self.url)
    }

    /// Returns the token of a session that was not begun with one; an empty one where none is needed.
    pub(crate) fn token_of(&self, role: Role) -> Secret {
        let found = self.tokens_by_role.iter().find(|(known, _)| *known == role);
        found.map(|(_, token)| token.clone()).unwrap_or_default()
    }
}
