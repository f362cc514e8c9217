//! How the engine works, and why it does not open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vitrine_observe_model::metrics::{SeriesLimits, Translation};
use vitrine_platform_log::Fsync;

use crate::column_engine::span_metrics::{CountingPlan, SpanMetrics};
use crate::column_engine::storage::SegmentStorage;

/// Rows in memory after which they become a segment: sixteen of them fill a merged one.
const SEAL_ROWS: usize = 78_125;
/// Bytes in memory after which rows become a segment.
const SEAL_BYTES: usize = 64 << 20;
/// Age after which rows in memory become a segment, so that the log stays short.
const SEAL_AFTER: Duration = Duration::from_secs(600);
/// Bytes of all rows in memory and of what is cached.
const MEMORY_BYTES: usize = 256 << 20;
/// Bytes of rows that one query may hold.
const QUERY_MEMORY_BYTES: usize = 128 << 20;
/// How long a query may read.
const QUERY_TIME: Duration = Duration::from_secs(30);
/// Segments of similar size that are merged into one.
const FAN_IN: usize = 16;
/// Rows of the largest segment: merging takes some 60 bytes of memory for each.
const MAX_SEGMENT_ROWS: u64 = 1_250_000;
/// Bytes of the largest column of a merged segment, for the same reason.
const MAX_COLUMN_BYTES: u64 = 128 << 20;
/// Tenants.
const MAX_TENANTS: usize = 100;
/// Active series of a tenant.
const MAX_SERIES: usize = 1_000_000;
/// Series a second that a tenant did not have before; saved up for a minute.
const NEW_SERIES_A_SECOND: u64 = 50_000;
/// Bytes of the log; it is that long only when segments cannot be written.
const LOG_BYTES: u64 = 1 << 30;

/// How the engine works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for the log, the manifest and what is being written. No other process may use it.
    pub data: PathBuf,
    /// Where segments are kept; the folder `segments` below `data` if nothing else is said.
    pub segments: Option<Arc<dyn SegmentStorage>>,
    /// When records of the log are made to last.
    pub fsync: Fsync,
    /// Most bytes of the log.
    pub log_bytes: u64,
    /// Most bytes of all rows in memory, and of what is cached of segments.
    pub memory_bytes: usize,
    /// Most bytes of rows that one query holds.
    pub query_memory_bytes: usize,
    /// The longest that one query reads. A scan is bounded by its reader.
    pub query_time: Duration,
    /// Rows in memory that become a segment.
    pub seal_rows: usize,
    /// Bytes of rows in memory that become a segment.
    pub seal_bytes: usize,
    /// How long rows stay in memory only.
    pub seal_after: Duration,
    /// How long rows are kept; for ever if not said.
    pub retention: Option<Duration>,
    /// Most bytes of all segments; no limit if not said. The log comes on top.
    pub max_bytes: Option<u64>,
    /// How many segments of similar size are merged into one, at least 2; fewer when it is quiet.
    pub fan_in: usize,
    /// Most rows of a merged segment.
    pub max_segment_rows: u64,
    /// Most bytes, uncompressed, of one column of a merged segment.
    pub max_column_bytes: u64,
    /// Most tenants.
    pub max_tenants: usize,
    /// Most active series of a tenant.
    pub max_series: usize,
    /// Most series a second that a tenant did not have before; what is not used is saved up for a minute.
    pub new_series_a_second: u64,
    /// What a series may be.
    pub series_limits: SeriesLimits,
    /// What series that come by OTLP are called.
    pub translation: Translation,
    /// Series of what spans come and how long they take; none are made if not said.
    pub span_metrics: Option<SpanMetrics>,
}

impl Options {
    /// The usual, in this folder.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            segments: None,
            fsync: Fsync::Always,
            log_bytes: LOG_BYTES,
            memory_bytes: MEMORY_BYTES,
            query_memory_bytes: QUERY_MEMORY_BYTES,
            query_time: QUERY_TIME,
            seal_rows: SEAL_ROWS,
            seal_bytes: SEAL_BYTES,
            seal_after: SEAL_AFTER,
            retention: None,
            max_bytes: None,
            fan_in: FAN_IN,
            max_segment_rows: MAX_SEGMENT_ROWS,
            max_column_bytes: MAX_COLUMN_BYTES,
            max_tenants: MAX_TENANTS,
            max_series: MAX_SERIES,
            new_series_a_second: NEW_SERIES_A_SECOND,
            series_limits: SeriesLimits::default(),
            translation: Translation::default(),
            span_metrics: None,
        }
    }

    /// What is counted of spans.
    pub(crate) fn counting_plan(&self) -> Option<Arc<CountingPlan>> {
        self.span_metrics.as_ref().map(|metrics| Arc::new(CountingPlan::of(metrics, &self.translation)))
    }
}

/// Why the engine does not open, or why something in the background failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system, or whatever keeps segments, failed.
    #[error("cannot {action} {what}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        what: String,
        /// What was answered.
        #[source]
        cause: std::io::Error,
    },
    /// The log failed.
    #[error("the log failed")]
    Log(#[from] vitrine_platform_log::Error),
    /// A segment was not written or read.
    #[error("cannot {action} segment {number} of {table}")]
    Segment {
        /// What was attempted.
        action: &'static str,
        /// Which segment.
        number: u64,
        /// Whose, and of what signal.
        table: String,
        /// What was answered.
        #[source]
        cause: vitrine_observe_columns::Error,
    },
    /// A file of series was not written or read.
    #[error("cannot {action} file {number} of series of {table}")]
    Series {
        /// What was attempted.
        action: &'static str,
        /// Which file.
        number: u64,
        /// Whose.
        table: String,
        /// What was answered.
        #[source]
        cause: vitrine_observe_series::FileError,
    },
    /// The list of segments cannot be understood, so nothing is touched.
    #[error("the manifest {} is damaged: {found}; restore it from a backup, or move the folder away to start over", .path.display())]
    Manifest {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// An option that makes no sense.
    #[error("option {option}: {expected}")]
    Option {
        /// Which option.
        option: &'static str,
        /// What it may be.
        expected: &'static str,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, what: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        move |cause| Self::Io { action, what, cause }
    }
}
