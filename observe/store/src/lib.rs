//! The observatory's memory: bounded Arrow batches of spans, log records and metric points.
//!
//! Rows gather in one open builder per signal. A full builder is sealed into a batch; batches queue up in one line for
//! all signals and leave at its front when the store holds more bytes than it may. A query sees the sealed batches and
//! a frozen copy of the open builders, so that a row is found as soon as its append has returned.
//!
//! It does not write to disk, and knows no transport. Scans are plain CPU work: call them off the async threads.

mod access;
mod dependencies;
mod engine;
mod interim;
mod query;
mod store;
mod tail;

pub use access::{Access, AccessError, Denied, Right, Token};
pub use dependencies::{Dependency, MAX_DEPENDENCY_SPANS};
pub use engine::{
    Batches, Engine, QueryError, Receipt, RedQuery, RedRow, Scan, Signal, Tenant, TenantError, WriteError,
};
pub use query::{MAX_SEARCH_SPANS, MAX_TRACE_SPANS, Operation, Trace, TraceQuery};
pub use store::{Accepted, Limits, SignalStatus, Status, Store};

// The row types that queries return, so that readers need name one crate only.
pub use vitrine_observe_model as model;
