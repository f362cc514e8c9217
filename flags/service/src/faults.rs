//! Faults that are armed from outside, and the processes that carry them.
//!
//! [`FaultControl`] keeps which faults are to be at work. Each process of a shop follows it by a long poll ([`Follow`], `follow.proto`): it is told
//! what is to be at work in it, and tells which of its sites carry what, and what was hit. From that an [`Incident`] is written down: what was
//! armed, by whom, where it acted, what it hit and how it ended. What is armed is on disk before it is acknowledged; how long it may live is counted
//! here and, by itself, in each process.
//!
//! None of it is in telemetry: who looks there is to find the cause without being told.

mod api;
mod control;
mod follow;
mod guards;
mod incident;
mod pages;
mod processes;

pub use control::{FaultControl, NotDone};
pub use follow::Follow;
pub use incident::{Carrier, End, EndedBy, Incident, SeenHit, SiteRef, State};
pub use processes::Process;

pub(crate) use api::routes;
pub(crate) use incident::{ControlDocument, IncidentDocument};
pub(crate) use pages::routes as page_routes;
