//! Elasticsearch's searches over log records: queries, aggregations, hits. It knows no transport.
//!
//! What was sent as a document is found as one: a query becomes a filter of the engine's, hits are the documents as they were sent, and
//! aggregations are folds over what the engine hands out. Nothing is kept between requests: ids of scrolls and of points in time hold all
//! that is needed to go on.

mod error;

mod json;

mod dates;

mod patterns;

mod fields;

mod query_string;

mod leaves;

mod lowering;

mod hit_id;

mod query;

mod aggs;

mod indices;

mod sort;

mod highlight;

mod hits;

mod tokens;

mod documents;

mod search;

mod catalog;

pub use aggs::MAX_BUCKETS;
pub use error::SearchError;
pub use fields::{Mappings, TIME_FIELD};
pub use indices::{IndexInfo, IndexSet, OTHER_INDEX};
pub use query_string::{Leaf, Node, parse_query_string};
pub use search::Searcher;
