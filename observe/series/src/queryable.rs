//! What is asked of whatever keeps series.
//!
//! All of it blocks: call it off the async threads.

use std::sync::Arc;

use crate::{Budget, Exemplar, Labels, Matcher, MetricType, QueryError, Temporality, Values};

/// Series and the part of them to be read. A series must meet all conditions.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// Conditions on labels.
    pub matchers: Vec<Matcher>,
    /// Samples later than this, in milliseconds since 1970.
    pub after_ms: i64,
    /// Samples up to and including this.
    pub until_ms: i64,
}

/// Which series label names and values are told of: those that meet all conditions of one of the sets; all if there are none.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Sets of conditions.
    pub matchers: Vec<Vec<Matcher>>,
    /// Series that have samples at or after this, in milliseconds since 1970. Others may be told of nevertheless.
    pub start_ms: i64,
    /// And at or before this.
    pub end_ms: i64,
}

/// A series, before its samples are read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesInfo {
    /// Its labels.
    pub labels: Labels,
    /// What it counts like.
    pub kind: MetricType,
    /// What a total starts from.
    pub temporality: Temporality,
}

/// Samples of one series, with times that rise.
#[derive(Debug, Clone)]
pub struct SeriesSamples {
    /// Its place in [`Selection::series`].
    pub series: usize,
    /// Milliseconds since 1970. Series whose times are the same share them: who compares pointers computes windows once.
    pub times: Arc<[i64]>,
    /// As many values.
    pub values: Values,
    /// When each total began, in milliseconds since 1970, 0 where it is not known; none where no sample has one.
    pub starts: Option<Arc<[i64]>>,
}

/// Series that were selected.
pub trait Selection: Send {
    /// All of them, in order of their labels.
    fn series(&self) -> &[SeriesInfo];

    /// The next block, of at most some hundred series in the order of [`series`](Self::series); none at the end. A series
    /// without a sample in the time asked for is left out.
    fn next_block(&mut self) -> Result<Option<Vec<SeriesSamples>>, QueryError>;
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataEntry {
    /// Its name, as in `__name__`.
    pub metric: String,
    /// What it counts like.
    pub kind: MetricType,
    /// What it means.
    pub help: String,
    /// Its unit.
    pub unit: String,
}

/// Exemplars of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarSeries {
    /// The series.
    pub labels: Labels,
    /// In order of time.
    pub exemplars: Vec<Exemplar>,
}

/// How many series there are, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Series in memory.
    pub series: u64,
    /// Pairs of label name and value in memory.
    pub label_pairs: u64,
    /// Chunks in memory.
    pub chunks: u64,
    /// Earliest sample in memory, in milliseconds since 1970.
    pub min_ms: i64,
    /// Latest sample in memory.
    pub max_ms: i64,
    /// Metric names with most series.
    pub series_by_metric: Vec<(String, u64)>,
    /// Label names with most values.
    pub values_by_label: Vec<(String, u64)>,
    /// Label names whose values take most bytes.
    pub bytes_by_label: Vec<(String, u64)>,
    /// `name=value` with most series.
    pub series_by_pair: Vec<(String, u64)>,
    /// Most active series that there may be; 0 if that is not known.
    pub limit: u64,
    /// Samples and exemplars that were refused since the start: why, and how many.
    pub refused: Vec<(String, u64)>,
}

/// Series of one tenant.
pub trait Queryable: Send + Sync {
    /// Series and their samples.
    fn select(&self, select: &Select, budget: &Arc<Budget>) -> Result<Box<dyn Selection>, QueryError>;

    /// Names of labels, in order.
    fn label_names(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError>;

    /// Values of a label, in order.
    fn label_values(&self, name: &str, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError>;

    /// Exemplars of series that meet all conditions of one of the sets.
    fn exemplars(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<ExemplarSeries>, QueryError>;

    /// What is known of metrics, in order of their names; of one metric if it is named.
    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, QueryError>;

    /// Counts; at most so many entries in each list.
    fn stats(&self, most: usize) -> Result<Stats, QueryError>;
}
