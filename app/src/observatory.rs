//! The observatory within a process: its engine, and the listeners over it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_kit::duration;
use vitrine_observe_alert::{Alertmanager, Rules};
use vitrine_observe_api::{
    Options as Asking, Prometheus, PrometheusOptions, Queries, alertmanager_errors, alertmanager_router,
    elastic_router, jaeger_errors, jaeger_router, loki_errors, loki_router, prometheus_below, prometheus_errors,
    prometheus_router, ruler_router, sql_router, zipkin_router,
};
use vitrine_observe_console::{Console, ConsoleOptions, SessionTokens};
use vitrine_observe_receive::{
    Intake, ReplicaOptions, Replicas, elastic_errors, elastic_intake_router, grpc_routes, http_router, journal_router,
    log_lines_router, loki_push_router, otlp_errors, remote_write_router, zipkin_router as zipkin_intake,
};
use vitrine_observe_search::Definitions;
use vitrine_observe_sql::{Sql, SqlOptions};
use vitrine_observe_store::{
    Access, ColumnEngine, Ingest, Options, Reports, SegmentStorage, SignalStatus, Status, Targets,
};
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{
    Bounds, CrossOrigin, ErrorFormat, Hosts, Listener, Refusal, RequestInfo, Response, Router, bind, health_routes,
    nowhere, plain_errors, serve,
};
use vitrine_platform_telemetry::{Observation, ObservationKind, Telemetry};
use vitrine_platform_tls as tls;

use crate::reloading::RunningConfiguration;
use crate::settings::{HostMetrics, Observatory as Settings, shipper_listeners};
use crate::shippers::{ShipperAddresses, Shippers};
use crate::statements::{EngineStatements, worker};
use crate::telemetry::OBSERVATORY;
use crate::{Usage, alerting, prometheus, watching};

/// The folder of the observatory within the data folder.
const FOLDER: &str = "observatory";
/// The folder of what Elasticsearch's clients define, within the data folder.
const DEFINITIONS: &str = "elasticsearch";
/// The folder of what people keep in the console, within the data folder.
const CONSOLE: &str = "console";
/// Where Elasticsearch's API is on the one address.
const ELASTIC_PATH: &str = "/elastic/";
/// A table becomes a segment when it takes this part of the memory: others are written meanwhile.
const SEALED_PART: usize = 3;
/// Jaeger's own port.
const JAEGER_PORT: u16 = 16686;
/// Zipkin's own port.
const ZIPKIN_PORT: u16 = 9411;
/// Prometheus's own port.
const PROMETHEUS_PORT: u16 = 9090;
/// Alertmanager's own port.
const ALERTMANAGER_PORT: u16 = 9093;
/// Elasticsearch's own port.
const ELASTIC_PORT: u16 = 9200;
/// Loki's own port.
const LOKI_PORT: u16 = 3100;

/// Where Mimir's ruler API is, beside Prometheus's: where Mimir has it, and where Cortex had it.
const RULER_PATHS: &[&str] = &["/config/v1/rules", "/api/v1/rules"];

/// Where an observatory answers, as URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// Pages and query APIs; OTLP and Zipkin come in here, too.
    pub observe: String,
    /// OTLP over gRPC.
    pub otlp_grpc: String,
    /// OTLP over HTTP.
    pub otlp_http: String,
    /// Syslog and Forward.
    #[serde(flatten)]
    pub shippers: ShipperAddresses,
}

/// Listeners at the originals' own ports.
struct StandardPorts {
    jaeger: TcpListener,
    zipkin: TcpListener,
    prometheus: TcpListener,
    alertmanager: TcpListener,
    elastic: TcpListener,
    loki: TcpListener,
}

impl StandardPorts {
    async fn bind(ip: IpAddr) -> std::io::Result<Self> {
        let at = |port| SocketAddr::new(ip, port);
        Ok(Self {
            jaeger: bind(at(JAEGER_PORT)).await?,
            zipkin: bind(at(ZIPKIN_PORT)).await?,
            prometheus: bind(at(PROMETHEUS_PORT)).await?,
            alertmanager: bind(at(ALERTMANAGER_PORT)).await?,
            elastic: bind(at(ELASTIC_PORT)).await?,
            loki: bind(at(LOKI_PORT)).await?,
        })
    }
}

/// Listeners that are bound, and the engine behind them.
pub struct Observatory {
    engine: Arc<ColumnEngine>,
    console: Console,
    access: Access,
    asking: Asking,
    sql: SqlOptions,
    tls: Option<tls::Server>,
    cors: CrossOrigin,
    hosts: Hosts,
    pages: TcpListener,
    otlp_grpc: TcpListener,
    otlp_http: TcpListener,
    standard: Option<StandardPorts>,
    shippers: Shippers,
    prometheus: PrometheusOptions,
    replicas: Option<ReplicaOptions>,
    definitions: Arc<Definitions>,
    elastic_version: String,
    alertmanager: Alertmanager,
    scrape: Option<(PathBuf, vitrine_observe_scrape::Config)>,
    /// Whom targets' names are asked of.
    name_server: String,
    host: HostMetrics,
    rules: Rules,
    of_shop: bool,
}

impl Observatory {
    /// Opens what is kept in the data folder, and takes the addresses. That of a shop, which `vitrine up` brings up, reads its host and has the
    /// shop's rules, unless the settings say otherwise.
    pub async fn open(data: &Path, settings: &Settings, of_shop: bool) -> Result<Self> {
        let options = options(data, settings)?;
        let session_tokens = SessionTokens::new(&settings.tokens);
        let tokens: Vec<_> = settings.tokens.iter().cloned().chain(session_tokens.tokens()).collect();
        let access = Access::new(&tokens).map_err(|e| Usage(format!("observatory.{e}")))?;
        let tls = Some(&settings.tls).filter(|files| files.is_set()).map(tls::Server::new).transpose()?;
        let cors = settings.cors.rules().map_err(|e| Usage(format!("observatory.cors.{e}")))?;
        let hosts = Hosts::parse(&settings.hosts).map_err(|e| Usage(format!("observatory.hosts: {e}")))?;
        let pages = bind(settings.listen).await?;
        let (otlp_grpc, otlp_http) = (bind(settings.otlp_grpc).await?, bind(settings.otlp_http).await?);
        let standard = match settings.standard_ports {
            true => Some(StandardPorts::bind(settings.listen.ip()).await?),
            false => None,
        };
        let shippers = Shippers::open(settings, tls.as_ref()).await?;
        let replicas = settings.ha.options().map_err(Usage)?;
        let config = Some(settings.scrape.config.clone()).filter(|path| !path.as_os_str().is_empty());
        let scrape = config.map(|path| watching::read(&path).map(|config| (path, config))).transpose()?;
        let name_server = &settings.scrape.name_server;
        if !name_server.is_empty() && name_server.parse::<SocketAddr>().is_err() {
            let expected = "expected IP:PORT, or nothing for the system's";
            return Err(Usage(format!("observatory.scrape.name_server = {name_server:?}: {expected}")).into());
        }
        let (memory_bytes, time_limit) = (options.query_memory_bytes, options.query_time);
        let asking = Asking { time_limit, autocomplete_keys: settings.autocomplete_keys.clone(), ..Asking::default() };
        let sql = SqlOptions { memory_bytes, time_limit, ..SqlOptions::default() };
        let mut prometheus = prometheus(settings, &options);
        let definitions = Arc::new(Definitions::open(data.join(DEFINITIONS))?);
        // The log is read again, which takes a while after a crash.
        let engine = tokio::task::spawn_blocking(move || ColumnEngine::open(options, Clock::system())).await??;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", pages.local_addr()?);
        let console = console(data, settings, &url, access.clone(), session_tokens)?;
        let engine = Arc::new(engine);
        prometheus.alertmanager_url = format!("{url}/alertmanager/api/v2/alerts");
        let alertmanager = alerting::open(data, &settings.alertmanager, url.clone()).await?;
        let rules = alerting::rules(&alertmanager, settings, of_shop, engine.clone(), sql.clone(), url).await?;
        Ok(Self {
            engine,
            console,
            access,
            asking,
            sql,
            tls,
            cors,
            hosts,
            pages,
            otlp_grpc,
            otlp_http,
            standard,
            shippers,
            prometheus,
            replicas,
            definitions,
            elastic_version: settings.elasticsearch_version.clone(),
            alertmanager,
            scrape,
            name_server: settings.scrape.name_server.clone(),
            host: settings.host.clone(),
            rules,
            of_shop,
        })
    }

    /// Listeners that an observatory of these settings has.
    pub fn listeners(settings: &Settings) -> u64 {
        let own = if settings.standard_ports { 9 } else { 3 };
        own + shipper_listeners(&settings.syslog, &settings.forward)
    }

    /// Its console.
    pub fn console(&self) -> Console {
        self.console.clone()
    }

    /// What keeps telemetry.
    pub fn engine(&self) -> Arc<dyn Ingest> {
        self.engine.clone()
    }

    /// Where it answers.
    pub fn addresses(&self) -> Result<Addresses> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = |listener: &TcpListener| Ok::<_, std::io::Error>(format!("{scheme}://{}", listener.local_addr()?));
        let (observe, otlp_grpc, otlp_http) = (url(&self.pages)?, url(&self.otlp_grpc)?, url(&self.otlp_http)?);
        Ok(Addresses { observe, otlp_grpc, otlp_http, shippers: self.shippers.addresses().clone() })
    }

    /// Serves until stopped. What the engine counts goes into its own metrics. Returns the engine, to be closed when nothing
    /// serves any more.
    pub fn serve(
        self,
        bounds: &Bounds,
        telemetry: &Telemetry,
        stop: &CancellationToken,
        tracker: &TaskTracker,
    ) -> Result<Arc<ColumnEngine>> {
        let (engine, access) = (self.engine.clone(), self.access);
        let scrape = |(path, config)| {
            Ok::<_, anyhow::Error>((path, watching::scrape(&config, &self.name_server, engine.clone())?))
        };
        let scraping = self.scrape.map(scrape).transpose()?;
        let targets = scraping.as_ref().map(|(_, scraper)| scraper.clone() as Arc<dyn Targets>);
        let configuration = RunningConfiguration::new(scraping, self.rules.clone(), self.alertmanager.clone());
        configuration.attend(telemetry, stop, tracker)?;
        if let Some(names) = self.host.names.within(self.of_shop) {
            watching::watch_host(names, &self.host, engine.clone(), stop, tracker);
        }
        let intake = Intake::new(engine.clone(), access.clone());
        self.shippers.serve(&intake, bounds, stop, tracker);
        let queries = Queries::new(engine.clone(), access.clone(), self.asking);
        end_streams(queries.clone(), stop.clone(), tracker);
        let parts = prometheus::parts(engine.clone(), &self.rules, targets, &configuration, telemetry);
        prometheus::notify(parts.notifications.clone(), &configuration, stop, tracker);
        let prometheus = Prometheus::new(engine.clone(), parts, access.clone(), self.prometheus, Clock::system());
        let replicas = self.replicas.map(|options| Replicas::new(options, Clock::system()));
        let writes = remote_write_router(&intake, engine.clone(), replicas.clone());
        let statements = Arc::new(EngineStatements::new(Arc::new(Sql::new(engine, self.sql, worker)?)));
        let alerts = alertmanager_router(Arc::new(self.alertmanager.clone()), access.clone());
        alerting::attend(&self.alertmanager, &self.rules, telemetry, stop, tracker);
        let (otlp, grpc) = (http_router(&intake), grpc_routes(&intake));
        let elastic = elasticsearch(&intake, &queries, self.definitions, &self.elastic_version);
        let pages = otlp
            .clone()
            .merge(grpc.clone())
            .merge(other_intake(&intake))
            .merge(writes.clone())
            .nest(ELASTIC_PATH, elastic.clone())
            .merge(ruler_router(&prometheus, RULER_PATHS))
            .merge(vitrine_observe_api::router(&queries))
            .merge(loki_router(&queries))
            .merge(prometheus_below(&prometheus, "/prometheus"))
            .merge(sql_router(statements, access))
            .nest("/alertmanager", alerts.clone())
            .merge(health(stop));
        let pages = self.console.around(pages);
        let mut all: Vec<(_, _, ErrorFormat)> = vec![
            (self.pages, pages, error_format),
            (self.otlp_http, otlp, otlp_errors),
            (self.otlp_grpc, grpc, otlp_errors),
        ];
        if let Some(own) = self.standard {
            all.push((own.prometheus, prometheus_router(&prometheus).merge(writes), prometheus_errors));
            all.push((own.jaeger, jaeger_router(&queries), jaeger_errors));
            all.push((own.zipkin, zipkin_intake(&intake).merge(zipkin_router(&queries)), plain_errors));
            all.push((own.alertmanager, alerts, alertmanager_errors));
            all.push((own.elastic, elastic, elastic_errors));
            let loki = loki_router(&queries).merge(loki_push_router(&intake));
            all.push((own.loki, loki, loki_errors));
        }
        let bounds = (self.tls.clone(), bounds.clone());
        serve_all(all, &self.cors, &self.hosts, &bounds, stop, tracker)?;
        replicas.into_iter().for_each(|replicas| prometheus::count(replicas, telemetry));
        telemetry.service(OBSERVATORY).read_while(&self.engine, |engine| observations(&engine.status()));
        Ok(self.engine)
    }
}

fn prometheus(settings: &Settings, options: &Options) -> PrometheusOptions {
    PrometheusOptions {
        query_bytes: options.query_memory_bytes,
        time_limit: options.query_time,
        retention: options.retention.map_or_else(String::new, duration::prometheus::format),
        admin_api: settings.prometheus.admin_api,
        lifecycle_api: settings.prometheus.lifecycle_api,
        ruler_api: settings.prometheus.ruler_api,
        ..PrometheusOptions::default()
    }
}

fn console(
    data: &Path,
    settings: &Settings,
    url: &str,
    access: Access,
    session_tokens: SessionTokens,
) -> Result<Console> {
    let config = &settings.console;
    let url = if config.url.is_empty() { url.to_owned() } else { config.url.to_string() };
    let (folder, version) = (data.join(CONSOLE), env!("CARGO_PKG_VERSION"));
    let options = ConsoleOptions { config, url, access, session_tokens, folder: &folder, version };
    Ok(Console::open(options).map_err(|e| Usage(format!("observatory.console: {e}")))?)
}

/// Serves routers at their listeners until stopped.
fn serve_all(
    all: Vec<(TcpListener, Router, ErrorFormat)>,
    cors: &CrossOrigin,
    hosts: &Hosts,
    (tls, bounds): &(Option<tls::Server>, Bounds),
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> Result<()> {
    for (listener, router, error_format) in all {
        let cors = cors.at(hosts.of(listener.local_addr()?.ip()));
        let listener = Listener::from(listener).with_tls(tls.clone()).with_bounds(bounds.clone());
        let router = cors.around(nowhere(router, error_format), error_format);
        tracker.spawn(serve(listener, router, stop.clone(), DRAIN));
    }
    Ok(())
}

/// What comes in at the one address beside OTLP, metrics and Elasticsearch's documents.
fn other_intake(intake: &Intake) -> Router {
    zipkin_intake(intake).merge(loki_push_router(intake)).merge(journal_router(intake)).merge(log_lines_router(intake))
}

/// Ends streams without an end of their own when it is stopped, so that no one who follows is waited for.
fn end_streams(queries: Queries, stop: CancellationToken, tracker: &TaskTracker) {
    tracker.spawn(async move {
        stop.cancelled().await;
        queries.end_streams();
    });
}

/// Elasticsearch's API: documents in, and searches.
fn elasticsearch(intake: &Intake, queries: &Queries, definitions: Arc<Definitions>, version: &str) -> Router {
    elastic_intake_router(intake, definitions.clone(), version).merge(elastic_router(queries, definitions))
}

/// How refusals are said on the one address.
fn error_format(asked: &RequestInfo, refusal: &Refusal) -> Response {
    match asked.uri.path() {
        path if path.starts_with("/v1/") => otlp_errors(asked, refusal),
        path if path.starts_with(ELASTIC_PATH) => elastic_errors(asked, refusal),
        _ => vitrine_observe_api::error_format(asked, refusal),
    }
}

/// Alive as long as it runs; ready until it stops.
fn health(stop: &CancellationToken) -> Router {
    let stop = stop.clone();
    health_routes(move || !stop.is_cancelled())
}

fn mebibytes(mib: u32) -> usize {
    usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20)
}

/// How the engine in a data folder works.
pub fn options(data: &Path, settings: &Settings) -> Result<Options, Usage> {
    let memory_bytes = mebibytes(settings.memory_mib);
    let segments = settings.segments.url().map(objects).transpose()?;
    let usual = Options::new(data.join(FOLDER));
    Ok(Options {
        fsync: settings.fsync.into(),
        segments,
        memory_bytes,
        seal_bytes: usual.seal_bytes.min(memory_bytes / SEALED_PART),
        query_memory_bytes: mebibytes(settings.query_memory_mib),
        query_time: Duration::from_secs(settings.query_seconds.into()),
        retention: settings.retention.value().map(|time| time.0),
        max_bytes: settings.max_bytes.value().map(|size| size.0),
        span_metrics: settings.span_series.options(settings.span_metrics).map_err(Usage)?,
        max_series: usize::try_from(settings.metrics.max_series).unwrap_or(usize::MAX),
        new_series_a_second: settings.metrics.new_series_a_second.into(),
        series_limits: settings.metrics.limits(),
        translation: settings.metrics.translation().map_err(Usage)?,
        ..usual
    })
}

/// The object store at a URL.
fn objects(url: &str) -> Result<Arc<dyn SegmentStorage>, Usage> {
    let opened = vitrine_observe_store::ObjectStorage::s3(url);
    let wrong =
        |e| Usage(format!("observatory.segments = {url:?}: expected s3://BUCKET/PREFIX, and AWS_* variables: {e}"));
    Ok(Arc::new(opened.map_err(wrong)?))
}

/// What the engine says of itself, as metrics.
fn observations(status: &Status) -> Vec<Observation> {
    let mut all = Vec::new();
    let mut add = |name, unit, description, is_total, value: u64, attributes: &[(&'static str, &str)]| {
        let attributes = attributes.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let kind = if is_total { ObservationKind::Counter } else { ObservationKind::Gauge };
        all.push(Observation { name, unit, description, kind, value: value as f64, attributes });
    };
    let signals = [("traces", &status.traces), ("logs", &status.logs), ("metrics", &status.metrics)];
    let mut each = |name, unit, description, is_total, value: fn(&SignalStatus) -> u64| {
        for (signal, status) in signals {
            add(name, unit, description, is_total, value(status), &[("signal", signal)]);
        }
    };
    each("observatory.rows.taken", "{row}", "Rows taken since the start", true, |s| s.taken);
    each("observatory.rows.rejected", "{row}", "Rows refused since the start", true, |s| s.rejected);
    each("observatory.rows.removed", "{row}", "Rows that were too old or too many", true, |s| s.evicted);
    each("observatory.rows", "{row}", "Rows held", false, |s| s.rows);
    each("observatory.segments", "{segment}", "Segments", false, |s| s.segments);
    each("observatory.segments.size", "By", "Bytes of all segments", false, |s| s.segment_bytes);
    each("observatory.memory.waiting", "{table}", "Tables in memory that wait to become segments", false, |s| {
        s.waiting
    });
    let series = &status.series;
    for (name, unit, description, is_total, value) in [
        ("observatory.series", "{series}", "Series whose names are in memory", false, series.active),
        ("observatory.series.files", "{file}", "Files of series", false, series.files),
        ("observatory.series.files.size", "By", "Bytes of files of series", false, series.file_bytes),
        ("observatory.series.memory", "By", "Memory of series that are in no file", false, series.memory_bytes),
        ("observatory.series.names", "By", "Memory of names of series", false, series.name_bytes),
    ] {
        add(name, unit, description, is_total, value, &[]);
    }
    let kinds = [("double", series.samples), ("histogram", series.histograms), ("exemplar", series.exemplars)];
    for (kind, value) in kinds {
        let description = "Samples and exemplars of series taken since the start";
        add("observatory.series.taken", "{sample}", description, true, value, &[("kind", kind)]);
    }
    for (refusal, value) in series.refused.iter() {
        let description = "Samples and exemplars of series refused since the start";
        add("observatory.series.rejected", "{sample}", description, true, value, &[("reason", refusal.name())]);
    }
    add("observatory.memory", "By", "Memory of rows that are in no segment", false, status.memory_bytes, &[]);
    add("observatory.memory.limit", "By", "What they may take", false, status.memory_limit_bytes, &[]);
    add("observatory.cache", "By", "Memory of cached parts of segments", false, status.cached_bytes, &[]);
    add(
        "observatory.merge_debt",
        "{segment}",
        "Segments fewer after all merges that are due",
        false,
        status.merge_debt,
        &[],
    );
    add("observatory.log.size", "By", "Bytes of the log", false, status.log.bytes, &[]);
    add("observatory.log.waiting", "{request}", "Requests that wait for the log", false, status.log.waiting, &[]);
    add("observatory.log.syncs", "{sync}", "Syncs of the log", true, status.log.syncs, &[]);
    add("observatory.queries", "{query}", "Queries answered", true, status.queries.count, &[]);
    add("observatory.queries.failed", "{query}", "Queries that failed", true, status.queries.failed, &[]);
    let (name, time) = ("observatory.queries.time", status.queries.time.as_secs_f64());
    all.push(Observation::new(ObservationKind::Counter, name, "s", "Time that all queries took together", time));
    all
}
