//! Stores the observatory's spans, log records and metric points.
//!
//! What protocols ask of it are small traits: [`Ingest`], [`SeriesIngest`], [`Traces`], [`Services`], [`Spans`], [`Logs`], [`Series`],
//! [`SeriesAdmin`], [`Scans`], [`Reports`].
//! [`ColumnEngine`] is our own engine, which has them all: a write-ahead log, tables in memory, Parquet segments that are merged,
//! and retention.
//!
//! It knows no transport. Queries block: call them off the async threads.
//!
//! ```
//! use vitrine_kit::clock::Clock;
//! use vitrine_observe_store::{ColumnEngine, Ingest, Options, Services, Signal, Tenant};
//!
//! let folder = tempfile::tempdir().expect("a folder");
//! let engine = ColumnEngine::open(Options::new(folder.path()), Clock::system()).expect("opened");
//! let tenant = Tenant::default();
//! // An export request without a span: taken, and nothing is kept of it.
//! let receipt = engine.write(&tenant, Signal::Traces, Vec::new().into());
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
//! # runtime.block_on(receipt).expect("taken");
//! assert!(engine.services(&tenant).expect("read").is_empty());
//! ```

mod access;
mod column_engine;
mod engine;
mod logs;
mod query;
mod questions;
mod spans;
mod status;
mod tail;
mod targets;

pub use access::{Access, AccessError, Denied, Right, SCOPE_HEADER, Token};
pub use column_engine::storage::SegmentStorage;
pub use column_engine::{ColumnEngine, Error, LocalStorage, ObjectStorage, Options, SpanMetricNames, SpanMetrics};
pub use engine::{
    Accepted, AdminError, Batches, DeleteError, MapEntry, QueryError, Receipt, RedQuery, RedRow, Scan, Tenant,
    TenantError, TextCondition, TextPart, WriteError,
};
pub use logs::{LogChunk, LogValue, TemplateRow, template_messages, visit_templates};
pub use query::{Dependency, MAX_SEARCH_SPANS, MAX_TRACE_SPANS, Operation, Trace, TraceQuery};
pub use questions::{Ingest, Logs, Reports, Scans, Series, SeriesAdmin, SeriesIngest, Services, Spans, Traces};
pub use spans::{NOT_ASKED, Outlines, SpanChunk, SpanOutline, SpanQuery, SpanVisit, TraceOutline, trace_hash};
pub use status::{
    LogStatus, QueryStatus, SeriesFileStatus, SeriesStatus, SignalStatus, Status, TenantStatus, TierStatus,
};
pub use tail::{LogTail, MAX_TAIL_BYTES, MAX_TAIL_ROWS, MAX_TAILS, TailError, Tailed};
pub use targets::{DroppedTarget, RelabelRule, RelabelStep, TargetHealth, TargetStatus, Targets, TargetsStatus};
pub use vitrine_platform_log::Fsync;

// The row types that queries return, so that readers need name one crate only.
pub use vitrine_observe_model as model;
pub use vitrine_observe_model::Signal;
pub use vitrine_observe_series as series;
