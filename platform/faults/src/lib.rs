//! Faults: what goes wrong on purpose, where, for which share of what comes by, and for how long.
//!
//! A [`Fault`] is typed, and always has an end ([`check`] says what may not be). A process has one [`Faults`]; whoever owns a place where
//! something can go wrong (a leg of a call, a store, a consumer) makes a [`Site`] there once, and asks it on each call whether it
//! [is armed](Site::is_armed): a load of one number. Only then it [decides](Site::decide), by a hash of the fault, its seed and the call's
//! subject, so that the same seed hits the same calls; the owner does what the [`Ruling`] says. Business code knows nothing of it.
//!
//! A fault ends when its time is over, when it is withdrawn, when all are stopped at once, or when nothing is heard from the one who keeps the
//! plans ([`LEASE`]). Calls that wait in it go on at once. One that no site carries says so, and one that hits nothing does, too. Each hit is
//! booked with its trace ([`Hit`]): an incident's truth is what happened, not what was meant to.
//!
//! Not here: who keeps the plans and asks for them; guards, which look at telemetry. Nothing is logged, for telemetry must not tell the
//! cause. Read on in [`Faults::apply`], then `site.rs`; `docs/guide/faults.md` has every effect.
//!
//! ```
//! use std::time::Duration;
//! use vitrine_platform_faults::{At, Call, Ended, Fault, Faults, Monotonic, Plan, SiteName};
//!
//! let (clock, turn) = Monotonic::manual();
//! let faults = Faults::new(clock, "carts-1", "1.0.0");
//! let site = faults.site(SiteName::new(At::Callee, "carts"));
//! assert!(!site.is_armed());
//!
//! let fault = br#"{"what": {"error": {"code": "UNAVAILABLE"}}, "where": {"at": "callee", "service": ["carts"]}, "timing": {"ttl_s": 60}}"#;
//! let fault = Fault::from_json(fault)?;
//! faults.apply(&[Plan { id: 7, fault, age: Duration::ZERO }], 0).expect("it may be");
//! let call = Call { path: "/vitrine.carts.v1.CartsService/GetCart", ..Call::default() };
//! assert!(site.is_armed() && site.decide(&call).is_some());
//!
//! // Nothing more is heard: it ends by itself.
//! turn.forward(Duration::from_secs(15));
//! assert!(site.decide(&call).is_none());
//! faults.tick();
//! assert_eq!(faults.reports()[0].ended, Some(Ended::Lease));
//! # Ok::<(), vitrine_platform_faults::Refusal>(())
//! ```

mod answers;
mod check;
mod clock;
mod coin;
pub mod demo;
pub mod effect;
mod failure;
pub mod fault;
mod faults;
pub mod field;
mod live;
mod message;
pub mod process;
mod refusal;
mod ring;
mod ruling;
mod selector;
mod site;
pub mod within;

pub use check::{MAX_ACTIVE, SiteInfo, check, check_sites};
pub use clock::{Monotonic, Turn};
pub use coin::{is_within, mix64};
pub use effect::{At, Effect, Leg, StoreOp, When};
pub use failure::said;
pub use fault::Fault;
pub use faults::{Faults, LEASE, NO_HIT, NO_SITE, NotApplied, Report};
pub use live::{Counts, Ended, Live, Plan};
pub use message::unframed;
pub use refusal::Refusal;
pub use ring::{Hit, Hits, MAX_HITS};
pub use ruling::Ruling;
pub use selector::Call;
pub use site::{Site, SiteName};
