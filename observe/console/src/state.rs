//! What the console knows.

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use http::HeaderMap;
use tokio::sync::Mutex;
use vitrine_kit::Secret;
use vitrine_observe_store::Access;
use vitrine_platform_fetch::Client;
use vitrine_platform_web::{Bundle, is_own_page};

use crate::dashboards::Dashboards;
use crate::kept_queries::KeptQueries;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::sessions::{SessionTokens, Sessions};

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
    pub(crate) session_tokens: SessionTokens,
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
    /// Whether browsers reach it over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Refuses what a page of another site has a browser send.
    pub(crate) fn must_be_own_page(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match is_own_page(headers, &self.url) {
            true => Ok(()),
            false => Err(Refusal::forbidden("a page of another site may not do this in your name")),
        }
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/console/callback", self.url)
    }
}
