//! SQL over the observatory: read-only, over any [`Engine`](vitrine_observe_store::Engine), with bounds on everything.
//!
//! [`Sql`] takes a statement and answers a stream of bytes in a [`Format`]. Telemetry is read as it is needed, batch by
//! batch; columns, times, trace ids and services that a statement names are handed down to the engine. Statements run
//! on threads of their own, so that a heavy one never delays what takes telemetry in.
//!
//! It knows no transport and keeps nothing. It is the only crate that names DataFusion, for that takes minutes to build.

mod error;
mod format;
mod functions;
mod grid;
mod held;
mod pushdown;
mod queries;
mod scan;
mod session;
mod statement;
mod summaries;
mod table;
mod text_ids;
mod watch;

pub use error::SqlError;
pub use format::Format;
pub use grid::Grid;
pub use queries::{Answer, Sql, SqlOptions};
pub use statement::{MAX_STATEMENT_BYTES, MAX_STATEMENT_WORDS};
