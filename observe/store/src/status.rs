//! What an engine tells about itself.

use std::time::Duration;

use serde::{Serialize, Serializer};

use vitrine_observe_model::Refusals;

use crate::Signal;

/// What an engine holds of one signal, and has seen since the start. Rows of metrics are samples of series, and those of earlier
/// releases that are rows indeed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SignalStatus {
    /// Rows held now.
    pub rows: u64,
    /// Bytes held now, in memory and on disk.
    pub bytes: u64,
    /// Rows taken since the start.
    pub taken: u64,
    /// Rows refused since the start.
    pub rejected: u64,
    /// Rows that were removed since the start because they were too old or too many.
    pub evicted: u64,
    /// Rows in memory.
    pub memory_rows: u64,
    /// Bytes of memory that they take.
    pub memory_bytes: u64,
    /// Tables in memory that wait to become segments.
    pub waiting: u64,
    /// Segments.
    pub segments: u64,
    /// Rows in segments.
    pub segment_rows: u64,
    /// Bytes of all their files.
    pub segment_bytes: u64,
}

impl SignalStatus {
    /// Adds what is held and was seen of series.
    pub(crate) fn add_series(&mut self, series: &SeriesStatus) {
        self.memory_rows += series.memory_samples;
        self.memory_bytes += series.memory_bytes;
        self.waiting += series.waiting;
        self.segments += series.files;
        self.segment_rows += series.file_samples;
        self.segment_bytes += series.file_bytes;
        self.taken += series.samples + series.histograms;
        self.rejected += series.refused.total();
        self.evicted += series.removed;
    }
}

/// A file of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SeriesFileStatus {
    /// Its number, which no other file ever had.
    pub number: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Series.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// The earliest sample, in milliseconds since 1970.
    pub min_ms: i64,
    /// The latest sample.
    pub max_ms: i64,
    /// When the first of its samples came into a file, in milliseconds since 1970.
    pub first_ms: i64,
    /// Whether it was merged of others.
    pub is_merged: bool,
}

/// What an engine holds of metrics as series, and has seen since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SeriesStatus {
    /// Series whose names are in memory.
    pub active: u64,
    /// Most of them that a tenant may have.
    pub limit: u64,
    /// Bytes of memory that their names take.
    pub name_bytes: u64,
    /// Samples in memory.
    pub memory_samples: u64,
    /// Bytes of memory that they take.
    pub memory_bytes: u64,
    /// Heads in memory that wait to become files.
    pub waiting: u64,
    /// Files.
    pub files: u64,
    /// Samples in files.
    pub file_samples: u64,
    /// Bytes of files.
    pub file_bytes: u64,
    /// Samples taken that are doubles.
    pub samples: u64,
    /// Samples taken that are histograms.
    pub histograms: u64,
    /// Exemplars taken.
    pub exemplars: u64,
    /// Samples and exemplars refused, by why.
    pub refused: Refusals,
    /// Samples taken that were there already.
    pub repeated: u64,
    /// Samples taken that took the place of others.
    pub replaced: u64,
    /// Samples removed because they were too old or too many.
    pub removed: u64,
}

/// Segments of similar size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TierStatus {
    /// They have at least 8 to the power of this many rows, and less than 8 times as many.
    pub tier: u32,
    /// How many there are.
    pub segments: u64,
    /// Rows in them.
    pub rows: u64,
}

/// The write-ahead log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LogStatus {
    /// Bytes on disk.
    pub bytes: u64,
    /// Most bytes that it may have.
    pub limit_bytes: u64,
    /// Requests that wait to be written.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// How often it was synced, or not.
    pub syncs: u64,
    /// How often that failed.
    pub syncs_failed: u64,
    /// How long the longest sync took.
    #[serde(rename = "sync_longest_s", serialize_with = "seconds")]
    pub sync_longest: Duration,
}

/// Queries since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct QueryStatus {
    /// How many.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How long all took together.
    #[serde(rename = "time_s", serialize_with = "seconds")]
    pub time: Duration,
    /// How long the longest took.
    #[serde(rename = "longest_s", serialize_with = "seconds")]
    pub longest: Duration,
}

/// What an engine holds of one tenant, and has seen of it since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TenantStatus {
    /// Spans.
    pub traces: SignalStatus,
    /// Log records.
    pub logs: SignalStatus,
    /// Metric points.
    pub metrics: SignalStatus,
    /// Metric points and remote writes as series.
    pub series: SeriesStatus,
}

impl TenantStatus {
    /// What it is of this signal.
    pub(crate) fn of(&mut self, signal: Signal) -> &mut SignalStatus {
        match signal {
            Signal::Traces => &mut self.traces,
            Signal::Logs => &mut self.logs,
            Signal::Metrics => &mut self.metrics,
        }
    }
}

/// What an engine holds, and has seen since the start, of all tenants together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Spans.
    pub traces: SignalStatus,
    /// Log records.
    pub logs: SignalStatus,
    /// Metric points.
    pub metrics: SignalStatus,
    /// Metric points and remote writes as series.
    pub series: SeriesStatus,
    /// Bytes that all signals may hold together; 0 for no limit.
    pub limit_bytes: u64,
    /// Bytes of memory that rows take that are in no segment yet.
    pub memory_bytes: u64,
    /// Bytes of memory that they may take.
    pub memory_limit_bytes: u64,
    /// Bytes of memory that cached parts of segments take.
    pub cached_bytes: u64,
    /// Tenants.
    pub tenants: u64,
    /// The log.
    pub log: LogStatus,
    /// Segments by size, the smallest first.
    pub tiers: Vec<TierStatus>,
    /// Segments that would go away if all merges were done that are due.
    pub merge_debt: u64,
    /// Queries.
    pub queries: QueryStatus,
    /// Segments that were damaged, and are not read any more.
    pub quarantined: u64,
    /// What went wrong lately, the latest last.
    pub troubles: Vec<String>,
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
