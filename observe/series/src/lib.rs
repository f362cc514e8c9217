//! Series of samples: what they are, how they are kept in memory and in files, and how they are asked for.
//!
//! Knows neither OTLP nor PromQL, and no storage service: bytes come in and go out.

mod batch;
mod budget;
mod chunk;
mod error;
mod file;
mod go_regex;
mod head;
mod histogram;
mod index;
mod labels;
mod matcher;
mod merge;
mod part;
mod queryable;
mod sample;
mod series;
mod snapshot;
mod source;
mod table;
mod tombstones;

pub use batch::Batch;
pub use budget::{Budget, QueryError, Reservation};
pub use error::FileError;
pub use file::{FileInput, SeriesFile, WriteOptions, Written};
pub use go_regex::{GoRegex, GoRegexError, expand, go_regex_unanchored};
pub use head::{Applied, Head, HeadStatus};
pub use histogram::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram, HistogramError, MAX_BUCKETS};
pub use labels::{Label, Labels, NAME};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use merge::merge;
pub use queryable::{
    ExemplarSeries, Filter, MetadataEntry, Queryable, Select, Selection, SeriesInfo, SeriesSamples, Stats,
};
pub use sample::{Exemplar, MetricType, STALE, Temporality, Value, Values, is_stale};
pub use series::{Description, Projection, SeriesId, View};
pub use snapshot::Snapshot;
pub use table::{SeriesNumber, SeriesTable, TooManySeries};
pub use tombstones::Tombstones;
