//! What every service says about itself: traces, metrics with exemplars, and logs, as OTLP.
//!
//! One process hosts many services that each are a resource of their own, so one [`Telemetry`] pipeline is shared by
//! many [`Service`] handles. Nothing here ever blocks or fails the business call that it describes: buffers are bounded,
//! and what does not fit is counted and dropped.
//!
//! Read [`Context`] first (who is calling, in which trace), then [`Span`], then [`Service`] for metrics. Logs come from
//! the `tracing` macros through [`LogLayer`]. Values that are kept anyway are read as [`Observation`]s; those of the process itself are
//! among them as soon as a pipeline runs. All names are in `docs/guide/telemetry.md`. Where OTLP goes to is [`Exporter`]; the `OTEL_*`
//! variables are in [`Config`].
//!
//! ```
//! use vitrine_platform_telemetry::{Config, Context, Telemetry};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let telemetry = Telemetry::new(Config::default());
//! let orders = telemetry.service("orders");
//! let placed = orders.counter("orders.placed", "{order}", "Orders, by country");
//!
//! let caller = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
//! let span = orders.server_span("PlaceOrder", caller, None).attr("order.items", 2_i64);
//! span.run(async {
//!     // What happens in here is of the caller's trace.
//!     assert_eq!(Context::current().trace_id().as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
//!     placed.add(1, &[("country", "DE")]);
//! })
//! .await;
//! # }
//! ```

mod config;
mod context;
mod export;
mod exposition;
mod logs;
mod metrics;
mod observations;
mod pipeline;
mod process;
pub mod semconv;
mod span;
mod time;
mod trace_events;
mod value;
mod wire;

pub use config::{Config, ConfigError, OtlpProtocol, Sampler};
pub use context::{Baggage, Context};
pub use export::{Exporter, OtlpTransport, Receiver, Signal};
pub use exposition::Exposition;
pub use logs::LogLayer;
pub use metrics::{Counter, Histogram, SECONDS, ServiceStats};
pub use observations::{Observation, ObservationKind};
pub use pipeline::{Service, Telemetry};
pub use process::PROCESS;
pub use span::{Kind, ReportedSpan, Span, span};
pub use time::shift_time;
pub use value::{Text, Value};
