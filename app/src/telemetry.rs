//! What a process tells of itself: telemetry, as the standard OTEL_* variables say.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use tonic::Status;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use vitrine_kit::SecretUrl;
use vitrine_observe_receive::Receiver;
use vitrine_observe_store::{self as observe, Ingest};
use vitrine_platform_mesh as mesh;
use vitrine_platform_telemetry::{self as telemetry, Config, Exporter, LogLayer, OtlpProtocol, PROCESS, Telemetry};

use crate::Usage;

/// The name under which the observatory's own figures are found.
pub const OBSERVATORY: &str = "observatory";

/// Telemetry as the standard OTEL_* variables say.
pub fn config() -> Result<Config, Usage> {
    Config::from_vars(|name| std::env::var(name).ok()).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Usage(lines.join("\n"))
    })
}

/// Logs go into the pipeline; warnings and errors go to standard error, too. RUST_LOG shows others there.
pub fn log_to(telemetry: &Telemetry) {
    let shown =
        std::env::var("RUST_LOG").ok().and_then(|level| level.parse::<LevelFilter>().ok()).unwrap_or(LevelFilter::WARN);
    let human =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_filter(ours(shown));
    let pipeline = LogLayer::new(telemetry, PROCESS).with_filter(ours(LevelFilter::INFO));
    // In a process that composes several shops, as a test may, the first one gets the logs.
    let _ = tracing_subscriber::registry().with(pipeline).with(human).try_init();
}

/// What is logged from a level on. The NATS client reports each try; platform/nats says what came of it, once.
fn ours(level: LevelFilter) -> Targets {
    Targets::new().with_default(level).with_target("async_nats", LevelFilter::OFF)
}

/// The observatory of this process, as telemetry knows it.
struct Observatory(Receiver);

#[tonic::async_trait]
impl telemetry::Receiver for Observatory {
    async fn receive(&self, signal: telemetry::Signal, request: Bytes) -> Result<(), Status> {
        let signal = match signal {
            telemetry::Signal::Traces => observe::Signal::Traces,
            telemetry::Signal::Metrics => observe::Signal::Metrics,
            telemetry::Signal::Logs => observe::Signal::Logs,
        };
        self.0.receive(signal, request).await
    }
}

/// Where telemetry goes: to the endpoint of the variables, else to the observatory of this process, else nowhere.
pub fn exporter(config: &Config, observatory: Option<Arc<dyn Ingest>>) -> Result<Option<Exporter>> {
    if config.disabled {
        return Ok(None);
    }
    Ok(match (&config.endpoint, observatory) {
        (Some(endpoint), _) if config.protocol == OtlpProtocol::Http => Some(Exporter::http(endpoint, config.clone())),
        (Some(endpoint), _) => {
            let wrong = || {
                Usage(format!(
                    "OTEL_EXPORTER_OTLP_ENDPOINT={}: expected http://HOST:PORT",
                    SecretUrl::from(endpoint.as_str())
                ))
            };
            let uri = endpoint.parse::<http::Uri>().map_err(|_| wrong())?;
            Some(Exporter::grpc(
                mesh::channel(&uri).context("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")?,
                config.clone(),
            ))
        }
        (None, Some(engine)) => Some(Exporter::direct(Observatory(Receiver::new(engine)), config.clone())),
        (None, None) => None,
    })
}
