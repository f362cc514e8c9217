//! The observatory's query side: Jaeger's query APIs (v1 and v3), Zipkin's (v2), Prometheus's with Mimir's ruler API, Alertmanager's (v2), a
//! status, log records by the query text for people, and pages for the browser.
//!
//! `/jaeger/api/…` and `/zipkin/api/v2/…` speak exactly the originals' JSON, so Jaeger's own UI, Grafana's data sources
//! and scripts written for them work unchanged; `docs/guide/queries.md` says what is answered. `/` and `/trace/{id}` are
//! for a person with a browser; `/api/status` (of a tenant) and `/api/status/engine` (of all) are for scripts.
//!
//! It listens on no port and keeps nothing: [`router`], [`jaeger_router`] and [`zipkin_router`] ask whatever engine
//! their [`Queries`] stand on, for those who may read. The originals count in microseconds or milliseconds, the engine
//! in nanoseconds: each protocol's `query` (in) and `ui`, `otlp` or `span` (out) convert.
//!
//! ```
//! use vitrine_observe_api::{Options, short_number};
//!
//! // Three queries at a time, and more wait: each takes memory while its rows become JSON.
//! let options = Options::default();
//! assert!(options.max_waiting > options.max_queries);
//! // Numbers of pages and charts have about four digits.
//! assert_eq!([0.0, 12.345, 1234.5, 1e9, 0.5].map(short_number), ["0", "12.35", "1234", "1.00e9", "0.5000"]);
//! ```

mod alertmanager;
mod elastic;
mod error;
mod funnel;
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
mod sql;
mod time;
mod zipkin;

pub use alertmanager::{alertmanager_errors, alertmanager_router};
pub use elastic::{elastic_router, elastic_search_errors};
pub use error::Error;
pub use funnel::funnel_router;
pub use loki::{loki_errors, loki_router};
pub use options::Options;
pub use prometheus::{
    Notifications, Prometheus, PrometheusOptions, PrometheusParts, metric_pages, prometheus_below, prometheus_errors,
    prometheus_router, ruler_router, short_number,
};
pub use queries::{Queries, Telemetry};
pub use router::{error_format, jaeger_errors, jaeger_router, router, zipkin_router};
pub use sql::{SqlFormat, SqlStream, StatementError, Statements, sql_router};
