//! The observatory's query side: Jaeger's query APIs (v1 and v3), Zipkin's (v2), Prometheus's with Mimir's ruler API, Alertmanager's (v2), a
//! status, and log records by the query text for people.
//!
//! `/jaeger/api/…` and `/zipkin/api/v2/…` speak exactly the originals' JSON, so Jaeger's own UI, Grafana's data sources
//! and scripts written for them work unchanged; `docs/guide/queries.md` says what is answered. `/api/compare`,
//! `/api/heatmap` and `/api/traces/{id}/columns` are the console's own questions (`docs/guide/console-api.md`); `/api/status` (of a tenant) and `/api/status/engine` (of all) are for scripts.
//!
//! It listens on no port and keeps nothing: [`router`], [`jaeger_router`] and [`zipkin_router`] ask whatever engine
//! their [`Queries`] stand on, for those who may read. The originals count in microseconds or milliseconds, the engine
//! in nanoseconds: each protocol's `query` (in) and `ui`, `otlp` or `span` (out) convert.
//!
//! ```
//! use vitrine_observe_api::Options;
//!
//! // Three queries at a time, and more wait: each takes memory while its rows become JSON.
//! let options = Options::default();
//! assert!(options.max_waiting > options.max_queries);
//! ```

mod alertmanager;
mod compare;
mod elastic;
mod error;
mod heatmap;
mod jaeger;
mod jaeger_v3;
mod logs;
mod loki;
mod options;
mod pages;
mod params;
mod prometheus;
mod queries;
mod router;
mod spans;
mod sql;
mod time;
mod trace_columns;
mod zipkin;

pub use alertmanager::{alertmanager_errors, alertmanager_router};
pub use elastic::{elastic_router, elastic_search_errors};
pub use error::Error;
pub use loki::{loki_errors, loki_router};
pub use options::Options;
pub use prometheus::{
    Notifications, Prometheus, PrometheusOptions, PrometheusParts, prometheus_below, prometheus_errors,
    prometheus_router, ruler_router,
};
pub use queries::{Queries, Telemetry};
pub use router::{error_format, jaeger_errors, jaeger_router, router, zipkin_router};
pub use sql::{SqlFormat, SqlStream, StatementError, Statements, sql_router};
