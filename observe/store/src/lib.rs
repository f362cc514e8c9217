//! The observatory's memory: bounded Arrow batches of spans, log records and metric points.
//!
//! Rows gather in one open builder per signal. A full builder is sealed into a batch; batches queue up in one line for
//! all signals and leave at its front when the store holds more bytes than it may. A query sees the sealed batches and
//! a frozen copy of the open builders, so that a row is found as soon as its append has returned.
//!
//! It does not write to disk, and knows no transport. Scans are plain CPU work: call them off the async threads.

mod dependencies;
mod engine;
mod interim;
mod kept;
mod query;
mod status;
mod store;
mod tail;

pub use dependencies::{Dependency, MAX_DEPENDENCY_SPANS};
pub use engine::{Batches, Engine, QueryError, Receipt, RedQuery, RedRow, Scan, Tenant, TenantError, WriteError};
pub use kept::depot::Depot;
pub use kept::{Error, Folder, Kept, Objects, Options};
pub use query::{MAX_SEARCH_SPANS, MAX_TRACE_SPANS, Operation, Trace, TraceQuery};
pub use status::{LogStatus, QueryStatus, SignalStatus, Status, TierStatus};
pub use store::{Accepted, Limits, Store};
pub use vitrine_observe_log::Fsync;

// The row types that queries return, so that readers need name one crate only.
pub use vitrine_observe_model as model;
pub use vitrine_observe_model::Signal;
