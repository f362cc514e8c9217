//! The console as a whole.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::Mutex;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::Access;
use vitrine_platform_fetch::{Client, Settings};
use vitrine_platform_web::Bundle;

use crate::around::let_in;
use crate::config::{Config, ProviderConfig};
use crate::dashboards::Dashboards;
use crate::kept_queries::KeptQueries;
use crate::provider::Provider;
use crate::router::routes;
use crate::sessions::{SessionTokens, Sessions};
use crate::state::{ConsoleState, Shop};

/// What the console is made with.
pub struct ConsoleOptions<'a> {
    /// Its settings.
    pub config: &'a Config,
    /// Its address as browsers see it.
    pub url: String,
    /// Who may do what at the observatory, sessions' own tokens among them.
    pub access: Access,
    /// Sessions' own tokens.
    pub session_tokens: SessionTokens,
    /// Where dashboards and queries are kept.
    pub folder: &'a Path,
    /// The program's version.
    pub version: &'static str,
}

/// The console. Clones are the same.
#[derive(Clone)]
pub struct Console(Arc<ConsoleState>);

impl Console {
    /// Opens what it keeps.
    ///
    /// # Errors
    ///
    /// The folder, or that of the pages, cannot be read.
    pub fn open(options: ConsoleOptions<'_>) -> io::Result<Self> {
        let ConsoleOptions { config, url, access, session_tokens, folder, version } = options;
        let other = |e: &dyn std::fmt::Display| io::Error::other(e.to_string());
        let bundle = match config.pages.as_os_str().is_empty() {
            true => Bundle::embedded("console"),
            false => Bundle::open(&config.pages, "console").map_err(|e| other(&e))?,
        };
        let settings = Settings { refuses_redirects: true, ..Settings::default() };
        let console = Self(Arc::new(ConsoleState {
            sessions: Sessions::new(Clock::system(), url.starts_with("https://")),
            url,
            version,
            bundle,
            access,
            session_tokens,
            client: Client::new(&settings).map_err(|e| other(&e))?,
            provider: OnceLock::new(),
            shop: OnceLock::new(),
            demo_token: Mutex::new(None),
            flags: OnceLock::new(),
            flags_token: config.flags_token.clone(),
            dashboards: Dashboards::open(&folder.join("dashboards"))?,
            kept_queries: KeptQueries::open(&folder.join("queries"))?,
        }));
        if let Some(provider) = &config.provider {
            console.with_provider(provider.clone());
        }
        if !config.shop.is_empty() {
            console.with_shop(Shop { url: config.shop.to_string(), demo: None });
        }
        if !config.flags.is_empty() {
            console.with_flags(config.flags.to_string());
        }
        Ok(console)
    }

    /// The address to which a provider sends browsers back.
    pub fn redirect_uri(&self) -> String {
        self.0.redirect_uri()
    }

    /// Has people sign in by a provider, unless there is one.
    pub fn with_provider(&self, config: ProviderConfig) {
        let _ = self.0.provider.set(Provider::new(config, self.0.client.clone()));
    }

    /// Shows a shop, unless there is one.
    pub fn with_shop(&self, shop: Shop) {
        let _ = self.0.shop.set(shop);
    }

    /// Shows the flags service at an address, unless there is one.
    pub fn with_flags(&self, url: String) {
        let _ = self.0.flags.set(url);
    }

    /// Its pages and APIs beside the observatory's, with signed-in browsers let in at all of them.
    pub fn around(&self, observatory: Router) -> Router {
        routes(self.0.clone()).merge(observatory).layer(from_fn_with_state(self.0.clone(), let_in))
    }
}
