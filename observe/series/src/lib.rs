//! Series of samples: what they are, how they are kept in memory and in files, and how they are asked for.
//!
//! A [`Head`] takes what requests bring, as [`Batch`]es, when a log has it, and holds it by series; times stand once for all series of one
//! source. It becomes a [`SeriesFile`], and files become larger ones by [`merge`], without what was deleted or is too old. A [`Snapshot`]
//! of both is a [`Queryable`]: conditions on labels choose series, and samples come block by block, by which a query is bounded by its
//! [`Budget`].
//!
//! A series is identified by what its sender called it ([`SeriesId`]). Labels are [`View`]s of it: one for a series of doubles, several for
//! a histogram that is shown as `_bucket`, `_count` and `_sum` and kept as one. Values are the bits that were sent.
//!
//! It knows neither OTLP nor remote write (see `vitrine-observe-model`), no PromQL (`vitrine-observe-promql`), and no log, manifest or
//! storage (`vitrine-observe-store`): bytes come in and go out. Read on in `head.rs`, `file.rs`, `chunk.rs`, `merge.rs`; why it is as it is
//! says `docs/adr/0032-series-beside-columns.md`.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use vitrine_observe_series::{
//!     Budget, Description, FileInput, Head, Labels, MatchOp, Matcher, MetricType, Queryable, Select, SeriesFile, Snapshot,
//!     TooManySeries, WriteOptions,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let head = Head::new(1_000);
//! let mut batch = head.batch();
//! let up = batch.series::<TooManySeries>(b"up of api", || {
//!     let labels = Labels::of([("__name__", "up"), ("job", "api")]);
//!     Ok(Description::new(MetricType::Gauge, 1, labels))
//! })?;
//! for minute in 1..=3 {
//!     batch.float(up, minute * 60_000, 1f64.to_bits(), 0);
//! }
//! // Now a log takes the request, and then:
//! head.apply(&batch);
//!
//! let mut file = Vec::new();
//! let written = head.write(&WriteOptions::default(), &mut file)?;
//! assert_eq!((written.series, written.samples), (1, 3));
//!
//! let file = SeriesFile::open(Arc::new(Bytes::from(file)))?;
//! let snapshot = Snapshot::new(vec![FileInput { file, deleted: Arc::default() }], vec![head.successor()]);
//! let matchers = vec![Matcher::new("job", MatchOp::Equal, "api")?];
//! let budget = Budget::new(1 << 20, 1_000, Duration::from_secs(10));
//! let mut selection = snapshot.select(&Select { matchers, after_ms: 60_000, until_ms: 180_000 }, &budget)?;
//! assert_eq!(selection.series()[0].labels.to_string(), r#"{__name__="up", job="api"}"#);
//! let block = selection.next_block()?.expect("it has samples");
//! assert_eq!(block[0].times[..], [120_000, 180_000]);
//! # Ok(())
//! # }
//! ```

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
mod reindex;
mod sample;
mod series;
mod snapshot;
mod source;
mod table;
mod tombstones;

pub use batch::Batch;
pub use budget::{Budget, QueryError, Reservation};
pub use chunk::{pack_floats, unpack_floats};
pub use error::FileError;
pub use file::{FileInput, SeriesFile, WriteOptions, Written};
pub use go_regex::{GoRegex, GoRegexError, expand, go_regex_unanchored};
pub use head::{Applied, Head, HeadStatus};
pub use histogram::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram, HistogramError, MAX_BUCKETS};
pub use labels::{FAMILY_ENDINGS, Label, Labels, NAME, PART_ENDINGS};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use merge::merge;
pub use queryable::{
    ExemplarSeries, Filter, MetadataEntry, Queryable, Select, Selection, SeriesInfo, SeriesSamples, Stats,
};
pub use reindex::reindex;
pub use sample::{Exemplar, MetricType, STALE, Temporality, Value, Values, any_stale, is_stale};
pub use series::{Description, Projection, SeriesId, View};
pub use snapshot::Snapshot;
pub use snapshot::scan::{Scan, ScannedSamples, ScannedSeries};
pub use table::{SeriesNumber, SeriesTable, TooManySeries};
pub use tombstones::Tombstones;
