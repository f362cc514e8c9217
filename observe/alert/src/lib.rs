//! Alerting: keeps what `observe/routing` decides, and tells receivers.
//!
//! [`Alertmanager`] holds a router and its state, part by part, in a database of its own. What was told it is kept before it answers, and a
//! notification is kept before it is sent and forgotten when it was taken; so a process that dies at any moment loses nothing, and a receiver
//! is told at least once: exactly once if it knows what it has seen by the key that each notification bears. One that does not answer, or answers
//! that it cannot, is asked again with growing pauses until its group is looked at again; it keeps nobody else waiting.
//!
//! [`Rules`] evaluates groups of rules at their times (`observe/rules`), writes what they record and tells their alerts. Files can be read again, and
//! groups given ([`RuleNamespaces`](vitrine_observe_rules::RuleNamespaces)), while it runs.
//!
//! Receivers are all that Alertmanager knows: webhooks, e-mail, chats, pagers, trackers. Their texts are Go templates (`observe/rules`).
//! What routes, groups, silences and inhibition mean is in `observe/routing`; API v2 is in `observe/api`, which asks through
//! [`Alerting`](vitrine_observe_routing::Alerting).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use vitrine_kit::clock::Clock;
//! use vitrine_observe_alert::{Alertmanager, Settings};
//! use vitrine_platform_store::Storage;
//!
//! let folder = tempfile::tempdir()?;
//! let (storage, external_url) = (Storage::Folder(folder.path().into()), "http://127.0.0.1:9000".to_owned());
//! // Without a configuration alerts are kept and shown, and no one is told.
//! let alerts = Alertmanager::start(Settings { storage, config: None, external_url, clock: Clock::system() }).await?;
//! alerts.stop().await;
//! # Ok(())
//! # }
//! ```

mod data;
mod documents;
mod driver;
mod engine;
mod receiver_test;
mod rules;
mod send;
mod templates;

pub use driver::Counts;
pub use engine::{Alertmanager, Error, LoadedConfig, Settings};
pub use rules::{Asking, LoadedRules, MAX_EVALUATIONS, Recorded, Rows, RuleOptions, RuleStorage, Rules, Writing};
