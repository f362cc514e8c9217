//! Searching log records in the languages of Elasticsearch and of people.
//!
//! [`people`] is the one query text for people: it is compiled once, and asked of log records or of traces. [`elastic`] answers what
//! Elasticsearch's clients ask; [`Definitions`] keeps what they define.
//!
//! It knows no transport: who serves a language hands in texts and requests that are read.
//!
//! ```
//! use vitrine_observe_search::people::Query;
//!
//! let query = Query::parse(r#"service:checkout  status:error AND ("card declined" OR timeout*)"#).expect("a query");
//! assert_eq!(query.to_string(), r#"service:checkout status:error ("card declined" OR timeout*)"#);
//!
//! let wrong = Query::parse("service: error").expect_err("no value");
//! assert!(wrong.to_string().starts_with("service: has no value at character 9: expected a value such as text"));
//!
//! let slow = Query::parse("service:checkout duration:>200ms").expect("a query").trace_query().expect("of traces");
//! assert_eq!(slow.min_duration_ns, Some(200_000_001));
//! ```
//!
//! ```
//! use vitrine_observe_search::elastic::{Leaf, Node, parse_query_string};
//!
//! let read = parse_query_string("status:500 AND \"card declined\"", false)?;
//! let Node::Bool { must, .. } = read else { panic!("two clauses") };
//! let phrase = Leaf::Phrase("card declined".to_owned(), 0);
//! assert_eq!(must[1], Node::Leaf { field: None, leaf: phrase });
//! // A mistake is told with its place.
//! assert!(parse_query_string("(status:500", false).is_err());
//! # Ok::<(), vitrine_observe_search::elastic::SearchError>(())
//! ```

mod definitions;
pub mod elastic;
pub mod people;

pub use definitions::{DefinitionError, DefinitionKind, Definitions};
