//! Telemetry in columns: in memory, as Parquet segments, and merged.
//!
//! A table is [`Columns`]: flat columns and lists of flat columns, one level deep. Texts are numbers into a
//! [`Dictionary`] from the moment they arrive; a text is hashed once, and never again until it is read. What a table
//! consists of and how its rows are ordered on disk is its [`Definition`].
//!
//! A segment is a plain Parquet file with one row group, so that any Parquet reader can read it.
//!
//! It knows neither OTLP (see `vitrine-observe-model`) nor when to write and merge (see `vitrine-observe-store`).

mod chunk;
mod column;
mod decode;
mod definition;
mod dictionary;
mod distinct;
mod encode;
mod error;
mod filter;
mod header;
mod index;
mod leaf;
mod lookup;
mod matching;
mod merge;
mod page;
mod read;
mod schema;
mod search;
mod segment;
mod sort;
mod source;
mod tail;
mod take;
mod values;
mod write;

pub use column::{Column, Columns, Data, List, NULL_BOOL, NULL_CODE, NULL_DOUBLE, NULL_INT, Texts};
pub use definition::{ATTRIBUTE_PREFIX, Definition, Fixed, FixedList, Kind, ListShape, Order};
pub use dictionary::Dictionary;
pub use error::Error;
pub use filter::{Filter, TextTest};
pub use merge::merge;
pub use search::Search;
pub use segment::{Segment, TimePage};
pub use sort::{NO_PARENT, PARENT_ELSEWHERE, Sorted};
pub use source::{FileSource, Source};
pub use write::{WriteOptions, Written, write};
