//! Feature flags kept: a store that changes durably and with an audit, and tokens for who may do what.
//!
//! [`FlagStore`] keeps flags as their authors wrote them. A change is checked, committed together with its audit entry, put in force and only then
//! acknowledged; of two who change one flag the later one is told ([`Error::Conflict`]). What a flag means is `flags/engine`'s affair.
//! A change is an [`Operation`], so it can also be planned for a time, proposed to others and approved by them, or be a roll-out, which goes on by
//! itself: [`Driver`] does what is due. Flags are in sets, which clients select. The audit tells of all of it.
//! [`faults`] keeps which faults are to be at work, and what became of them. [`Access`] knows tokens by their hashes, and the [`Role`] of each.
//! [`router`] is the network side: OpenFeature's remote evaluation with its event stream below `/ofrep/v1`, flagd's services over gRPC and Connect,
//! the operators' API below `/api/v1`, and pages; [`Serving`] says what is added to contexts, how much a client may ask for, and when it stops.
//!
//! It opens no listener: whoever composes the process does.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use vitrine_flags_engine::Attributes;
//! use vitrine_flags_service::{Author, FlagStore};
//! use vitrine_kit::clock::Clock;
//! use vitrine_platform_store::Storage;
//!
//! let folder = tempfile::tempdir()?;
//! let flags = FlagStore::open(&Storage::Folder(folder.path().into()), Clock::system()).await?;
//! let author = Author { who: "ada".to_owned(), why: "the sale begins".to_owned() };
//! let definition = r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}"#;
//! let written = flags.set(author, "sale", definition, 0).await?;
//! assert_eq!(written.revision, 1);
//!
//! let current = flags.current();
//! let evaluation = current.snapshot.evaluate("sale", &Attributes(&[]), flags.now_s())?;
//! assert_eq!(evaluation.variant.map(|variant| variant.json.as_ref()), Some("true"));
//! # Ok(())
//! # }
//! ```

mod access;
mod admin;
mod audit;
mod clients;
mod clients_api;
mod differences;
mod documents;
mod driver;
mod events;
pub mod faults;
mod flag_store;
mod flagd;
mod lifecycle;
mod lives;
mod ofrep;
mod operation;
mod pages;
mod passing;
mod registration_api;
mod registrations;
mod role;
mod rollout;
mod router;
mod selector;
mod service;
mod serving;
mod streams;

pub use access::{Access, Denied, Grant, Token};
pub use audit::{Action, Changed, Entry};
pub use documents::{Approval, ChangeRequest, RequestState, RollOut, RollOutState, Schedule};
pub use driver::Driver;
pub use flag_store::{
    DEFAULT_SET, Error, FileStatus, FlagStore, InForce, MAX_ENTRIES, MAX_PLANNED_BYTES, MAX_QUORUM, MAX_REQUESTS,
    MAX_ROLL_OUTS, MAX_SCHEDULES, MAX_SETS, Planned, Proposed, RollOutAct, Segment, SetInForce, StoredFlag, Verified,
    Writer, Written,
};
pub use lifecycle::Stage;
pub use operation::{Author, Import, Operation, Promoted};
pub use registrations::{NotTaken, Registrations};
pub use role::Role;
pub use rollout::{Guard, Language, MAX_STEPS, Measurements, NoObservatory, RollOutPlan, Share, Side, Span, Then};
pub use router::{error_format, router, router_serving};
pub use serving::{AddedContext, MAX_ADDED, RateLimit, SOURCE, Serving};
