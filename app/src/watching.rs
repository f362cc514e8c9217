//! What an observatory fetches by itself: targets that it scrapes, and the host that it runs on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_host::{Docker, Host, MetricFamily, Names, Options};
use vitrine_observe_model::metrics::{RemoteWrite, SeriesWrite};
use vitrine_observe_scrape::{Config, Scraper, TenantSink};
use vitrine_observe_series::{Label, Labels, NAME, Value};
use vitrine_observe_store::{SeriesIngest, Tenant};

use crate::Usage;
use crate::settings::HostMetrics;

/// The job of the host's own metrics.
pub const HOST_JOB: &str = "node";
/// Where the node exporter answers, which is what its metrics are known by.
const HOST_PORT: &str = "9100";

/// How often Docker is asked what containers are called: a new one has its id for a name until then.
const DOCKER_INTERVAL: Duration = Duration::from_secs(15);

/// The instance of the host's own metrics.
pub fn host_instance() -> String {
    format!("{}:{HOST_PORT}", vitrine_observe_host::host_name())
}

/// Keeps a host knowing what its containers are called, as a Docker daemon says it.
pub async fn name_containers(host: Arc<Host>, socket: PathBuf, labels: Vec<String>) {
    let docker = match Docker::new(&socket, labels) {
        Ok(docker) => docker,
        Err(error) => return tracing::warn!(%error, "Docker cannot be asked"),
    };
    loop {
        // Most hosts have none, which is nothing to tell of.
        if socket.exists() {
            match docker.containers().await {
                Ok(containers) => host.set_containers(containers),
                Err(why) => tracing::debug!(why, "Docker does not say what containers are called"),
            }
        }
        tokio::time::sleep(DOCKER_INTERVAL).await;
    }
}

/// Reads a scrape configuration. All its mistakes are told.
pub fn read(path: &Path) -> Result<Config, Usage> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| Usage(format!("observatory.scrape.config: {name}: {e}")))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let config = Config::read(&text, folder).map_err(|mistakes| {
        let told: Vec<String> = mistakes.iter().map(|mistake| format!("  {name}:{mistake}")).collect();
        Usage(format!("{name} cannot be used:\n{}", told.join("\n")))
    })?;
    if !config.ignored.is_empty() {
        tracing::info!(file = %name, fields = config.ignored.join(", "), "fields that mean nothing here");
    }
    Ok(config)
}

/// Scrapes as this configuration says, until it is stopped. Targets' names are asked of this name server; of the system's where it is empty.
pub fn scrape(config: &Config, name_server: &str, ingest: Arc<dyn SeriesIngest>) -> Result<Arc<Scraper>> {
    let sink = Arc::new(TenantSink::new(ingest, Tenant::default()));
    // Two that scrape the same do it at different times.
    let seed = u64::from(std::process::id());
    let scraper = Arc::new(Scraper::new(sink, Clock::system(), seed).with_name_server(name_server));
    scraper.apply(config).map_err(Usage)?;
    Ok(scraper)
}

/// Reads the host again and again, and keeps what it says.
pub fn watch_host(
    names: Names,
    settings: &HostMetrics,
    ingest: Arc<dyn SeriesIngest>,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) {
    let host = Arc::new(Host::new(options(names, &settings.textfiles)));
    let (interval, stop) = (settings.interval.0.max(Duration::from_secs(1)), stop.clone());
    if !settings.docker.as_os_str().is_empty() {
        let naming = name_containers(host.clone(), settings.docker.clone(), settings.container_labels.clone());
        tracker.spawn(stop.clone().run_until_cancelled_owned(naming));
    }
    tracker.spawn(async move {
        let mut turns = tokio::time::interval(interval);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = turns.tick() => {}
            }
            let (reading, time_ms) = (host.clone(), Clock::system().now_ms());
            let read = tokio::task::spawn_blocking(move || RemoteWrite::of(&series(reading.read(), names, time_ms)));
            let Ok(request) = read.await else { continue };
            let written = ingest.remote_write(&Tenant::default(), request).await.map_err(|error| error.to_string());
            if let Err(error) = written.and_then(|written| written.whole()) {
                tracing::warn!(%error, "what the host says was not taken");
            }
        }
    });
}

/// What is read of a host; cgroups are, too.
pub fn options(names: Names, textfiles: &Path) -> Options {
    let textfiles = Some(textfiles.to_owned()).filter(|folder| !folder.as_os_str().is_empty());
    Options { names, textfiles, containers: true, ..Options::default() }
}

fn series(families: Vec<MetricFamily>, names: Names, time_ms: i64) -> Vec<SeriesWrite> {
    let own = [("job", HOST_JOB.to_owned()), ("instance", host_instance())];
    let mut all = Vec::new();
    for family in families {
        let is_counter = family.kind == vitrine_observe_series::MetricType::Counter;
        let name = match names {
            Names::NodeExporter => family.name.clone(),
            Names::OpenTelemetry => {
                let suffix = vitrine_kit::prometheus::TypeSuffix::of(family.unit, !is_counter, is_counter);
                vitrine_kit::prometheus::metric_name(&family.name, family.unit, Some(suffix))
            }
        };
        for sample in family.samples {
            let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
            let attributes = sample.labels.iter().map(|(key, value)| match names {
                Names::NodeExporter => label(key, value),
                Names::OpenTelemetry => label(&vitrine_kit::prometheus::label_name(key), value),
            });
            let own = own.iter().map(|(key, value)| label(key, value));
            all.push(SeriesWrite {
                labels: Labels::new(own.chain(attributes).chain([label(NAME, &name)])),
                kind: family.kind,
                help: family.help.clone(),
                unit: family.unit.to_owned(),
                samples: vec![(time_ms, 0, Value::Float(sample.value.to_bits()))],
                exemplars: Vec::new(),
            });
        }
    }
    all
}
