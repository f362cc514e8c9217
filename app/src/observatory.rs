//! The observatory within a process: its engine, and the listeners over it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_api::Queries;
use vitrine_observe_receive::{grpc_routes, http_router};
use vitrine_observe_sql::{Sql, SqlOptions};
use vitrine_observe_store::{Access, Engine, Fsync, Kept, Options};
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{Listener, bind, health_routes, serve};
use vitrine_platform_telemetry::Telemetry;
use vitrine_platform_tls as tls;

use crate::settings::Observatory as Settings;
use crate::statements::EngineStatements;
use crate::{Usage, units};

/// The folder of the observatory within the data folder.
const FOLDER: &str = "observatory";
/// Jaeger's own port.
const JAEGER_PORT: u16 = 16686;
/// Zipkin's own port.
const ZIPKIN_PORT: u16 = 9411;
/// How long what is acknowledged may not be on disk, where the settings say "second".
const SECOND: Duration = Duration::from_secs(1);

/// Where an observatory answers, as URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// Pages and query APIs; OTLP and Zipkin come in here, too.
    pub observe: String,
    /// OTLP over gRPC.
    pub otlp_grpc: String,
    /// OTLP over HTTP.
    pub otlp_http: String,
}

/// Listeners that are bound, and the engine behind them.
pub struct Observatory {
    engine: Arc<Kept>,
    access: Access,
    sql: SqlOptions,
    tls: Option<tls::Server>,
    pages: TcpListener,
    otlp_grpc: TcpListener,
    otlp_http: TcpListener,
    standard: Option<(TcpListener, TcpListener)>,
}

impl Observatory {
    /// Opens what is kept in the data folder, and takes the addresses.
    pub async fn open(data: &Path, settings: &Settings) -> Result<Self> {
        let options = options(data, settings)?;
        let access = Access::new(&settings.tokens).map_err(|e| Usage(format!("observatory.{e}")))?;
        let files = Some(&settings.tls).filter(|files| files.is_set());
        let tls = files.map(tls::Server::new).transpose()?;
        let pages = bind(settings.listen).await?;
        let (otlp_grpc, otlp_http) = (bind(settings.otlp_grpc).await?, bind(settings.otlp_http).await?);
        let standard = if settings.standard_ports {
            let at = |port| SocketAddr::new(settings.listen.ip(), port);
            Some((bind(at(JAEGER_PORT)).await?, bind(at(ZIPKIN_PORT)).await?))
        } else {
            None
        };
        let memory_bytes = mebibytes(settings.query_memory_mib);
        let sql = SqlOptions { memory_bytes, time_limit: Duration::from_secs(settings.query_seconds.into()), ..SqlOptions::default() };
        // The log is read again, which takes a while after a crash.
        let engine = tokio::task::spawn_blocking(move || Kept::open(options, Clock::system())).await??;
        Ok(Self { engine: Arc::new(engine), access, sql, tls, pages, otlp_grpc, otlp_http, standard })
    }

    /// What keeps telemetry.
    pub fn engine(&self) -> Arc<dyn Engine> {
        self.engine.clone()
    }

    /// Where it answers.
    pub fn addresses(&self) -> Result<Addresses> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = |listener: &TcpListener| Ok::<_, std::io::Error>(format!("{scheme}://{}", listener.local_addr()?));
        Ok(Addresses { observe: url(&self.pages)?, otlp_grpc: url(&self.otlp_grpc)?, otlp_http: url(&self.otlp_http)? })
    }

    /// Serves until stopped. What the engine counts goes into its own metrics. Answers the engine, to be closed when nothing
    /// serves any more.
    pub fn serve(self, telemetry: &Telemetry, stop: &CancellationToken, tracker: &TaskTracker) -> Result<Arc<Kept>> {
        let engine: Arc<dyn Engine> = self.engine.clone();
        let otlp = http_router(engine.clone(), self.access.clone());
        let queries = Queries::new(engine.clone(), self.access.clone(), vitrine_observe_api::Options::default());
        let statements = EngineStatements::new(Arc::new(Sql::new(engine.clone(), self.sql)?));
        let pages = otlp
            .clone()
            .merge(vitrine_observe_api::router(&queries))
            .merge(vitrine_observe_api::sql_router(Arc::new(statements), self.access.clone()))
            .merge(health_routes(|| true));
        let grpc = grpc_routes(engine.clone(), self.access.clone()).into_axum_router();
        let mut all = vec![(self.pages, pages), (self.otlp_http, otlp), (self.otlp_grpc, grpc)];
        if let Some((jaeger, zipkin)) = self.standard {
            all.push((jaeger, vitrine_observe_api::jaeger_router(&queries)));
            all.push((zipkin, vitrine_observe_api::zipkin_router(&queries)));
        }
        for (listener, router) in all {
            let listener = Listener::from(listener).with_tls(self.tls.clone());
            tracker.spawn(serve(listener, router, stop.clone(), DRAIN));
        }
        let counted = self.engine.clone();
        telemetry.service(SERVICE).read_from(move || readings(&counted.status()));
        Ok(self.engine)
    }
}

fn mebibytes(mib: u32) -> usize {
    usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20)
}

fn options(data: &Path, settings: &Settings) -> Result<Options, Usage> {
    let fsync = match settings.fsync.as_str() {
        "always" => Fsync::Always,
        "second" => Fsync::Every(SECOND),
        "never" => Fsync::Never,
        other => return Err(Usage(format!("observatory.fsync = {other:?}: expected always, second or never"))),
    };
    Ok(Options {
        fsync,
        memory_bytes: mebibytes(settings.memory_mib),
        query_memory_bytes: mebibytes(settings.query_memory_mib),
        retention: units::time("observatory.retention", &settings.retention)?,
        max_bytes: units::size("observatory.max_bytes", &settings.max_bytes)?,
        ..Options::new(data.join(FOLDER))
    })
}
