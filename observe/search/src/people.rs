//! The query text for people: `service:checkout status:error "card declined" -level:debug duration:>200ms`.
//!
//! | written | meant |
//! |---|---|
//! | `declined`, `"card declined"` | these words, one after the other, in any text of it |
//! | `decl*`, `*fund*` | a word that begins so; characters within one |
//! | `/card .* declined/` | what a regular expression finds |
//! | `key:value`, `key:"a value"` | a field that is exactly this |
//! | `key:val*`, `key:/re/`, `key:*` | one of this form; in which a regular expression finds something; that is there |
//! | `key:>5`, `key:<=200ms`, `key:200..299` | a number or a duration within bounds |
//! | `key:(a OR b*)` | one of several |
//! | `a b`, `a OR b`, `-a`, `(…)` | both, one of both, not this, first this; `AND` and `NOT` may be written, too |
//!
//! `service`, `level`, `status`, `message`, `event`, `trace`, `span`, `scope` and `severity_text` are fields that every record may have; any
//! other key is an attribute: of the record, or else of its resource, or else of its scope. `attributes.KEY`, `resource.KEY` and `scope.KEY`
//! say which. `status:error` is whatever failed: a log record of level error or fatal, a trace with an error.
//!
//! [`Query::parse`] compiles a text once; [`Query::log_filter`] is its reading for log records, [`Query::trace_query`] the one for traces. A
//! query is printed in one way only, which reads as the same query again.

mod filter;
mod level;
mod lexer;
mod names;
mod parser;
mod print;
mod query;
#[cfg(test)]
mod tests;
mod traces;
mod tree;

pub use level::Level;
pub use names::{field_name, parse_field};
pub use print::term_text;
pub use query::Query;
pub use traces::Unsayable;
pub use tree::{MAX_BYTES, MAX_DEPTH, MAX_PATTERNS, MAX_TERMS, SyntaxError};
