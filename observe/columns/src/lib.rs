//! Telemetry in columns: in memory, as Parquet segments, and merged.
//!
//! A table is [`Columns`]: flat columns and lists of flat columns, one level deep. Texts are numbers into a
//! [`Dictionary`] from the moment they arrive; a text is hashed once, and never again until it is read. What a table
//! consists of and how its rows are ordered on disk is its [`Definition`].
//!
//! A segment is a plain Parquet file with one row group, so that any Parquet reader can read it.
//!
//! It knows neither OTLP (see `vitrine-observe-model`) nor when to write and merge (see `vitrine-observe-store`).
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use vitrine_observe_columns::{
//!     Columns, Data, Definition, Filter, Fixed, Kind, Order, Segment, TextTest, WriteOptions, write,
//! };
//!
//! static VISITS: Definition = Definition {
//!     name: "visits",
//!     columns: &[
//!         Fixed { name: "time", kind: Kind::Time, optional: false },
//!         Fixed { name: "page", kind: Kind::Text, optional: false },
//!     ],
//!     lists: &[],
//!     order: Order::By(&[0]),
//!     time: 0,
//!     indexed: None,
//!     searched: None,
//! };
//!
//! # fn main() -> Result<(), vitrine_observe_columns::Error> {
//! let mut table = Columns::new(&VISITS);
//! for (time, page) in [(30, "/cart"), (10, "/"), (20, "/cart")] {
//!     for column in &mut table.flat {
//!         match &mut column.data {
//!             Data::Int(times) => times.push(time),
//!             Data::Text(texts) => texts.codes.push(texts.dictionary.intern(page.as_bytes())),
//!             _ => unreachable!("there are no others"),
//!         }
//!     }
//!     table.rows += 1;
//! }
//! let mut file = Vec::new();
//! let written = write(&table, &table.sort(), &WriteOptions::default(), &mut file)?;
//! assert_eq!((written.rows, written.min_time, written.max_time), (3, 10, 30));
//!
//! let segment = Segment::open(&VISITS, Arc::new(Bytes::from(file)), None)?;
//! let carts = Filter::Text { column: "page".to_owned(), test: TextTest::Equal("/cart".to_owned()) };
//! assert_eq!(segment.matching(&carts, 0..segment.rows())?, [1, 2]);
//! # Ok(())
//! # }
//! ```

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
mod plain;
mod read;
mod schema;
mod search;
mod segment;
mod sort;
mod source;
mod tail;
mod take;
mod text_index;
mod text_table;
mod values;
mod write;

pub use column::{Column, Columns, Data, List, NULL_BOOL, NULL_CODE, NULL_DOUBLE, NULL_INT, Texts};
pub use definition::{ATTRIBUTE_PREFIX, Definition, Fixed, FixedList, Kind, ListShape, Order};
pub use dictionary::Dictionary;
pub use error::Error;
pub use filter::{Filter, TextTest, double_text};
pub use merge::merge;
pub use plain::{PlainColumn, PlainValues, write_plain};
pub use search::Search;
pub use segment::{Segment, TimePage};
pub use sort::{NO_PARENT, PARENT_ELSEWHERE, Sorted};
pub use source::{FileSource, Source};
pub use write::{TableWriter, WriteOptions, Written, write};
