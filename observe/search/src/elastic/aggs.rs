//! Aggregations: read, folded over records, and written.
//!
//! Source: Elasticsearch's reference, "Aggregations". All are exact but percentiles and cardinalities of many values. What a fold may hold is
//! bounded by [`MAX_BUCKETS`] and by bytes; scripts are refused, but for arithmetic between buckets.

mod values;

mod metrics;

mod types;

mod read;

mod collect;

mod script;

mod pipeline;

mod write;

pub(crate) use collect::{Budget, State, collect};
pub(crate) use read::{AggregationReader, read_aggregations};
pub(crate) use types::{Aggregation, By, Kind, Step};
pub(crate) use values::{Cell, Document, Key};
pub(crate) use write::{Writing, write_aggregations};

/// Most buckets of one search, all levels together, as Elasticsearch's `search.max_buckets`.
pub const MAX_BUCKETS: usize = 65_536;
