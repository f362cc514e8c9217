//! Series of samples: what they are, how they are kept in memory and in files, and how they are asked for.
//!
//! Knows neither OTLP nor PromQL, and no storage service: bytes come in and go out.

mod budget;
mod go_regex;
mod histogram;
mod labels;
mod matcher;
mod queryable;
mod sample;

pub use budget::{Budget, QueryError, Reservation};
pub use go_regex::{GoRegex, GoRegexError, expand, go_regex_unanchored};
pub use histogram::{Bucket, CounterReset, Histogram};
pub use labels::{Label, Labels, NAME};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use queryable::{
    ExemplarSeries, Filter, MetadataEntry, Queryable, Select, Selection, SeriesInfo, SeriesSamples, Stats,
};
pub use sample::{Exemplar, MetricType, STALE, Temporality, Value, Values, is_stale};
