//! What every service says about itself: traces, metrics with exemplars, and logs, as OTLP.
//!
//! One process hosts many services that each are a resource of their own, so one [`Telemetry`] pipeline is shared by
//! many [`Service`] handles. Nothing here ever blocks or fails the business call that it describes: buffers are bounded,
//! and what does not fit is counted and dropped.
//!
//! Read [`Context`] first (who is calling, in which trace), then [`Span`], then [`Service`] for metrics. Logs come from
//! the `tracing` macros through [`LogLayer`]. Figures that are kept anyway are read as [`Reading`]s; those of the process itself are
//! among them as soon as a pipeline runs. All names are in `docs/guide/telemetry.md`. Where OTLP goes to is [`Exporter`]; the `OTEL_*` variables are in [`Config`].

mod config;
mod context;
mod export;
mod logs;
mod metrics;
mod pipeline;
mod process;
mod readings;
pub mod semconv;
mod span;
mod value;

pub use config::{Config, ConfigError, OtlpProtocol, Sampler};
pub use context::{Baggage, Context};
pub use export::{Exporter, OtlpTransport};
pub use logs::LogLayer;
pub use metrics::{Counter, Figures, Histogram, SECONDS};
pub use pipeline::{Service, Telemetry};
pub use process::PROCESS;
pub use readings::{Reading, ReadingKind};
pub use span::{Kind, Span, span};
pub use value::{Text, Value};
