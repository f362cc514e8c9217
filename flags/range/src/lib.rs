//! The fault range: campaigns of incidents whose cause is known, and scores of those who look for it.
//!
//! A [`Campaign`] is a document; its [`Plan`] is drawn of its seed. What an incident did is its [`Record`]: which calls were hit, where
//! trouble went from there ([`propagation`]), and whether telemetry shows it ([`Oracle`]). Those who look for the cause are [scored](scores)
//! beside chance and simple [rules](baselines). Sets are written in the [layouts] that others read; a [blind] set tells nothing of what was
//! done.
//!
//! It neither arms faults nor asks telemetry, nor touches files: whoever runs a campaign (`vitrine range`) hands rows in and takes files
//! out. Read on in `plan.rs`, `record.rs`, `oracle.rs`; `docs/guide/range.md` says how a campaign is run.
//!
//! ```
//! use vitrine_flags_range::{Campaign, Control, Plan};
//!
//! let campaign = br#"{
//!     "version": 1, "seed": 42, "load": {"rps": 40},
//!     "draw": {"incidents": 10, "noop": 0.1, "of": [{"template": {
//!         "what": {"delay": {"ms": {"lo": 50, "hi": 2000, "log": true}}},
//!         "where": {"at": "callee", "service": [{"one_of": ["carts", "payments"]}]},
//!         "timing": {"ttl_s": 60}}}]}}"#;
//! let campaign = Campaign::from_json(campaign).expect("a campaign");
//! let plan = Plan::new(&campaign)?;
//! assert_eq!(plan.incidents().filter(|incident| incident.control == Control::Noop).count(), 1);
//! assert_eq!(plan, Plan::new(&campaign)?);
//! # Ok::<(), vitrine_flags_range::Wrong>(())
//! ```

pub mod alerts;
pub mod baselines;
pub mod blind;
mod campaign;
mod chance;
pub mod evidence;
mod interval;
pub mod judge;
pub mod layouts;
pub mod names;
pub mod oracle;
pub mod pairs;
mod plan;
pub mod propagation;
pub mod record;
pub mod rows;
pub mod scores;
mod template;
mod wrong;

pub use campaign::{Campaign, Draw, Drawn, Load, MAX_INCIDENTS, Order, VERSION};
pub use chance::Chance;
pub use interval::{Score, bootstrap};
pub use oracle::Oracle;
pub use plan::{Control, Incident, Plan, Slot};
pub use record::Record;
pub use rows::{Telemetry, Window};
pub use wrong::Wrong;
