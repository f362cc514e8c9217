//! What is said between protocols and whatever keeps telemetry: tenants, outcomes, and errors.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};
use vitrine_observe_model::{Rejected, StatusCode, TraceId};

use crate::Operation;

/// Longest tenant name, in bytes.
pub(crate) const MAX_TENANT_BYTES: usize = 64;

/// Whose telemetry it is. Tenants never see each other's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

/// A name that no tenant may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "malformed tenant {0:?}: expected 1 to {MAX_TENANT_BYTES} letters, digits, '-', '_' or '.', not starting with '.'"
)]
pub struct TenantError(String);

impl Tenant {
    /// A tenant of this name.
    pub fn new(name: &str) -> Result<Self, TenantError> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > MAX_TENANT_BYTES || name.starts_with('.') || !name.bytes().all(fine) {
            return Err(TenantError(name.chars().take(2 * MAX_TENANT_BYTES).collect()));
        }
        Ok(Self(name.into()))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    /// The tenant of requests that name none.
    fn default() -> Self {
        Self("default".into())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What became of a request's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Rows taken.
    pub taken: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Why the first refused row was refused.
    pub reason: Option<Rejected>,
}

/// Why a request was not taken. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It is not the message that it should be; sending it again will not help.
    #[error("not a valid request: {0}")]
    Malformed(String),
    /// It is larger than what one request may be.
    #[error("{bytes} bytes in one request: expected at most {most}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// There is too much to do just now.
    #[error("busy: {what}; send it again in {} ms", retry_after.as_millis())]
    Busy {
        /// What is full.
        what: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// The disk is full, or fails. It is taken again as soon as it can be kept.
    #[error("cannot keep it: {what}")]
    Disk {
        /// What happened.
        what: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// There are as many tenants as there may be.
    #[error("there are {most} tenants already, which is the limit")]
    Tenants {
        /// The limit.
        most: usize,
    },
    /// The process is ending.
    #[error("shutting down")]
    Closed,
}

/// Why a query was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// What is kept cannot be read.
    #[error("cannot read what is kept: {0}")]
    Disk(String),
    /// It would need more memory than a query may.
    #[error("the query needs more than {bytes} bytes of memory, which is the limit: ask for less at a time")]
    TooMuch {
        /// The limit.
        bytes: usize,
    },
    /// There is more to count apart than was asked for at most.
    #[error(
        "there are more than {most} steps and values to count apart: ask for fewer fields, longer steps or a shorter time"
    )]
    TooManyCounts {
        /// The limit.
        most: usize,
    },
    /// It takes longer than a query may.
    #[error("the query takes longer than {} s, which is the limit: ask for less at a time", .most.as_secs_f64())]
    TooLong {
        /// The limit.
        most: Duration,
    },
    /// The process is ending.
    #[error("shutting down")]
    Closed,
}

/// Why series were not deleted. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteError {
    /// They cannot be found.
    #[error(transparent)]
    Query(#[from] vitrine_observe_series::QueryError),
    /// More than may be deleted and still be in files.
    #[error(
        "{found} series would be deleted and still be in files, and at most {most} may: delete fewer, or wait until files are merged"
    )]
    TooMany {
        /// How many there would be.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// The disk is full, or fails.
    #[error("cannot keep it: {0}")]
    Disk(String),
}

/// Why an administrator's wish was not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Such a name no folder of a snapshot can have.
    #[error("{0:?} is no name of a snapshot: expected letters, digits and -, at most {MAX_SNAPSHOT_NAME}")]
    Name(String),
    /// There is one of this name.
    #[error("there is a snapshot {0} already")]
    Exists(String),
    /// The disk is full, or fails.
    #[error("{0}")]
    Disk(String),
}

/// Most bytes of a snapshot's name.
pub(crate) const MAX_SNAPSHOT_NAME: usize = 64;

/// The outcome to come of a write: it resolves when the request is on disk, and can be queried.
pub struct Receipt<T = Accepted>(Pin<Box<dyn Future<Output = Result<T, WriteError>> + Send>>);

impl<T> Receipt<T> {
    /// A receipt that resolves as this does.
    pub fn new(outcome: impl Future<Output = Result<T, WriteError>> + Send + 'static) -> Self {
        Self(Box::pin(outcome))
    }
}

impl<T> Future for Receipt<T> {
    type Output = Result<T, WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

/// Which operations, and when, of what [`Services::red`](crate::Services::red) tells. Times in nanoseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedQuery {
    /// Of one service only.
    pub service: Option<String>,
    /// From this time on.
    pub start_ns: u64,
    /// Before this time.
    pub end_ns: u64,
    /// How long a step is; rounded up to whole minutes.
    pub step_ns: u64,
}

/// Rate, errors and duration of one operation in one step.
#[derive(Debug, Clone, PartialEq)]
pub struct RedRow {
    /// Start of the step in nanoseconds since 1970.
    pub time_ns: u64,
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: Operation,
    /// The status of the spans counted here.
    pub status: StatusCode,
    /// How many spans.
    pub count: u64,
    /// The sum of their durations in nanoseconds.
    pub duration_ns: u64,
    /// How many of them lasted at least 2^10 ns times 2^(n/2), and less than the next; the first also what was shorter,
    /// the last also what was longer.
    pub buckets: Vec<u32>,
}

/// What [`Scans::scan`](crate::Scans::scan) reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Columns of the table's schema, by place; all if none are given.
    pub columns: Option<Vec<usize>>,
    /// Earliest and latest time of a row in nanoseconds since 1970, inclusive. Rows outside may come nevertheless.
    pub time_ns: Option<(u64, u64)>,
    /// Rows of this trace. Others may come nevertheless.
    pub trace: Option<TraceId>,
    /// Rows of one of these services. Others may come nevertheless.
    pub services: Option<Vec<String>>,
    /// Rows of one of these names: of spans, or of metrics. Others may come nevertheless.
    pub names: Option<Vec<String>>,
    /// Rows that have all of this in their maps. Others may come nevertheless.
    pub entries: Vec<MapEntry>,
    /// Rows whose texts hold all of this. Others may come nevertheless.
    pub texts: Vec<TextCondition>,
}

/// What the text of a column must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextCondition {
    /// The column.
    pub column: String,
    /// What it must hold.
    pub holds: TextPart,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextPart {
    /// These characters.
    Characters(String),
    /// This word, in lower case.
    Word(String),
    /// Something that this pattern finds.
    Pattern(String),
}

/// An entry of a map that a row must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapEntry {
    /// The map's column: `attributes`, `resource`, `labels` or `point_attributes`.
    pub map: String,
    /// The key.
    pub key: String,
    /// Its value, as text.
    pub value: String,
}

/// Rows as they are read; each batch has some thousand. Dropping it stops the reading.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, QueryError>> + Send>;
