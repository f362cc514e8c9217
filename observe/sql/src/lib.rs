//! SQL over the observatory: read-only, over any [`Telemetry`], with bounds on everything.
//!
//! [`Sql`] takes a statement and returns a stream of bytes in a [`Format`]. The statement runs in a worker, a process of its
//! own, so that one that takes too much memory or time ends nothing but itself; see [`work`] and the record of that
//! decision, docs/adr/0016. The worker asks for rows batch by batch; columns, times, trace ids and services that a
//! statement names are handed down to the engine, which is read in this process.
//!
//! It knows no transport and keeps nothing. It is the only crate that names DataFusion, because that takes minutes to build.
//!
//! ```
//! use vitrine_observe_sql::Grid;
//!
//! // How the command line shows the rows of a statement.
//! let mut grid = Grid::new([("service", false), ("spans", true)]);
//! grid.push(vec!["checkout".into(), 50.into()]);
//! assert!(grid.take(None).contains("checkout"));
//! ```

mod confine;
mod error;
mod exact;
mod execute;
mod format;
mod functions;
mod grid;
mod number;
mod parent;
mod promql;
mod pushdown;
mod queries;
mod scan;
mod session;
mod source;
mod statement;
mod summaries;
mod table;
mod text_ids;
mod wire;
mod work;
mod workers;

pub use error::SqlError;
pub use format::Format;
pub use grid::Grid;
pub use queries::{ResultStream, Sql, SqlOptions};
pub use source::Telemetry;
pub use statement::{MAX_STATEMENT_BYTES, MAX_STATEMENT_WORDS, check};
pub use work::work;
