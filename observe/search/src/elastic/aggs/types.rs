//! What aggregations are.

use serde_json::Value;
use vitrine_observe_model::LogFilter;

use super::script::Script;
use super::values::{Key, Source};
use crate::elastic::dates::{DateFormat, Unit, Zone};
use regex::Regex;

/// An aggregation with those within it.
#[derive(Clone)]
pub(crate) struct Aggregation {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) subs: Vec<Aggregation>,
    pub(crate) meta: Option<Value>,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Buckets(By),
    Metric(Metric),
    Pipeline(Pipeline),
}

/// What puts records into buckets.
#[derive(Clone)]
pub(crate) enum By {
    Dates(Dates),
    Numbers(Numbers),
    Ranges(Ranges),
    Terms(Terms),
    Filters(Filters),
    Missing(Source),
    Composite(Composite),
    /// All into one.
    All,
}

#[derive(Clone)]
pub(crate) struct Dates {
    pub(crate) source: Source,
    pub(crate) step: Step,
    pub(crate) zone: Zone,
    pub(crate) offset_ns: i64,
    pub(crate) format: DateFormat,
    pub(crate) min_doc_count: u64,
    /// Buckets that there are at least, even if empty, in nanoseconds.
    pub(crate) extended: Option<(i64, i64)>,
    /// Outside of which there are none.
    pub(crate) hard: Option<(i64, i64)>,
    pub(crate) keyed: bool,
    pub(crate) order: Vec<Order>,
}

/// How long a bucket of time is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Fixed(i64),
    Calendar(Unit),
    /// As long as makes at most so many of all records: found before they are read.
    Auto(usize),
}

#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) source: Source,
    pub(crate) interval: f64,
    pub(crate) offset: f64,
    pub(crate) min_doc_count: u64,
    pub(crate) extended: Option<(f64, f64)>,
    pub(crate) hard: Option<(f64, f64)>,
    pub(crate) keyed: bool,
    pub(crate) order: Vec<Order>,
}

#[derive(Clone)]
pub(crate) struct Ranges {
    pub(crate) source: Source,
    /// In order of their beginnings: in milliseconds where they are of dates.
    pub(crate) ranges: Vec<RangeBucket>,
    /// How dates are written; none if it is of numbers.
    pub(crate) dates: Option<(DateFormat, Zone)>,
    pub(crate) keyed: bool,
}

#[derive(Clone)]
pub(crate) struct RangeBucket {
    pub(crate) key: Option<String>,
    pub(crate) from: Option<f64>,
    pub(crate) to: Option<f64>,
}

#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) sources: Vec<Source>,
    /// Whether keys are lists, as of `multi_terms`.
    pub(crate) is_multi: bool,
    pub(crate) size: usize,
    pub(crate) min_doc_count: u64,
    pub(crate) order: Vec<Order>,
    pub(crate) include: Option<TermSet>,
    pub(crate) exclude: Option<TermSet>,
}

/// Which terms.
#[derive(Clone)]
pub(crate) enum TermSet {
    Pattern(Regex),
    Exactly(Vec<String>),
}

#[derive(Clone)]
pub(crate) struct Filters {
    /// Their names; none where they have only places.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) filters: Vec<LogFilter>,
    /// The name of what meets none.
    pub(crate) other: Option<String>,
    /// Whether it is the one of `filter`.
    pub(crate) is_one: bool,
}

#[derive(Clone)]
pub(crate) struct Composite {
    pub(crate) sources: Vec<CompositeSource>,
    pub(crate) size: usize,
    pub(crate) after: Option<Vec<Key>>,
}

#[derive(Clone)]
pub(crate) struct CompositeSource {
    pub(crate) name: String,
    pub(crate) by: CompositeBy,
    pub(crate) ascending: bool,
    pub(crate) missing_bucket: bool,
}

#[derive(Clone)]
pub(crate) enum CompositeBy {
    Terms(Source),
    Numbers(Source, f64),
    Dates(Box<Dates>, bool),
}

/// What buckets are ordered by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) by: OrderBy,
    pub(crate) ascending: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OrderBy {
    Count,
    Key,
    /// A number within the bucket: `name`, `name.max`, `name[95.0]`.
    Path(String),
}

#[derive(Clone)]
pub(crate) enum Metric {
    /// One number of a field's statistics.
    One(&'static str, Source),
    Stats(Source),
    /// And how many deviations the bounds are away.
    ExtendedStats(Source, f64),
    Percentiles {
        source: Source,
        percents: Vec<f64>,
        keyed: bool,
    },
    PercentileRanks {
        source: Source,
        values: Vec<f64>,
        keyed: bool,
    },
    Cardinality(Source),
    TopMetrics {
        metrics: Vec<(String, Source)>,
        sort: (Source, bool),
        size: usize,
    },
    TopHits(TopHits),
}

#[derive(Clone)]
pub(crate) struct TopHits {
    pub(crate) sort: (Source, bool),
    pub(crate) from: usize,
    pub(crate) size: usize,
    /// What of the documents, as of a search.
    pub(crate) body: Value,
}

/// What is made of buckets that are there.
#[derive(Clone)]
pub(crate) enum Pipeline {
    Derivative {
        path: String,
        unit_ms: Option<f64>,
        skip_gaps: bool,
    },
    CumulativeSum {
        path: String,
    },
    MovingFunction {
        path: String,
        window: usize,
        shift: i64,
        script: Script,
    },
    SerialDifference {
        path: String,
        lag: usize,
    },
    BucketScript {
        paths: Vec<(String, String)>,
        script: Script,
        skip_gaps: bool,
    },
    BucketSelector {
        paths: Vec<(String, String)>,
        script: Script,
        skip_gaps: bool,
    },
    BucketSort {
        sort: Vec<Order>,
        from: usize,
        size: Option<usize>,
    },
    /// One number of all buckets of a neighbour: `avg`, `max`, `min`, `sum` or `stats`.
    Sibling {
        path: String,
        what: &'static str,
    },
}
