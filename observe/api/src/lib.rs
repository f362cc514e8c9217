//! The observatory's answers: Jaeger's query API (v1), a status page and a waterfall for the browser.
//!
//! `/jaeger/api/…` speaks exactly Jaeger's JSON, so Jaeger's own UI, Grafana's Jaeger data source and scripts written
//! for Jaeger work unchanged. `/` and `/trace/{id}` are for a person with a browser; `/api/status` is for scripts.
//!
//! It listens on no port and keeps nothing: see [`router`]. All times in Jaeger's API are microseconds; the store's
//! are nanoseconds, and only `params` (in) and `jaeger` (out) convert.

mod error;
mod jaeger;
mod pages;
mod params;
mod router;
mod sql;
mod status;

pub use error::Error;
pub use router::router;
pub use sql::{SqlAnswer, SqlFormat, SqlRefusal, Statements, Whose, sql_router};
pub use vitrine_observe_store::Store;
