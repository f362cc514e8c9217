//! The console: pages for operators, who signs in to them, and what they keep.
//!
//! Its pages are one program in the browser, which `make web` builds and [`vitrine_platform_web`] embeds; they read what everyone reads, by the
//! observatory's public APIs. This crate serves them, knows browsers by a cookie (`session`), lets people in by a token of the observatory or by
//! an OpenID provider (`sign_in`, `provider`), gives a signed-in browser's requests the token that they need ([`Console::around`]), hands on what
//! is meant for the shop and for flags (`proxy`), and keeps dashboards and queries (`documents`, `dashboards`, `kept_queries`).
//!
//! It does not query telemetry, and it knows no page.
//!
//! ```
//! use vitrine_observe_console::Config;
//!
//! let config: Config = serde_json::from_str(r#"{"provider": {"issuer": "https://id.example", "client_id": "console"}}"#)?;
//! assert_eq!(config.provider.expect("one").admins, ["admin"]);
//! assert!(serde_json::from_str::<Config>(r#"{"providers": {}}"#).is_err());
//! # Ok::<(), serde_json::Error>(())
//! ```

mod around;
mod config;
mod console;
mod dashboards;
mod documents;
mod kept_queries;
mod pages;
mod provider;
mod proxy;
mod refusal;
mod role;
mod router;
mod sessions;
mod shipped;
mod sign_in;
mod state;

pub use config::{Config, ProviderConfig};
pub use console::{Console, ConsoleOptions};
pub use documents::DocumentsError;
pub use role::Role;
pub use sessions::SessionTokens;
pub use state::{MachineToken, Shop};
