//! Alerting within an observatory: what it keeps and whom it tells.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use futures::StreamExt as _;
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_alert::{
    Alertmanager, Asking, Counts, Error, MAX_EVALUATIONS, Recorded, Rows, RuleOptions, RuleStorage, Rules, Settings,
    Writing,
};
use vitrine_observe_model::metrics::{RemoteWrite, SeriesWrite};
use vitrine_observe_rules::{MAX_SQL_BYTES, RuleFile, Settings as RuleSettings};
use vitrine_observe_series::{MetricType, Queryable};
use vitrine_observe_sql::{Format, Sql, SqlOptions};
use vitrine_observe_store::{ColumnEngine, Series, SeriesIngest, Tenant};
use vitrine_platform_store::Storage;
use vitrine_platform_telemetry::{Observation, ObservationKind, Telemetry};

use crate::Usage;
use crate::settings::{Alerting, Observatory};
use crate::statements::worker;
use crate::telemetry::OBSERVATORY;

/// Reads the configuration and what is kept in the data folder. `external_url` is where links in notifications lead.
pub async fn open(data: &Path, settings: &Alerting, external_url: String) -> Result<Alertmanager> {
    let config = Some(settings.config.clone()).filter(|path| !path.as_os_str().is_empty());
    let settings = Settings { storage: Storage::Folder(data.into()), config, external_url, clock: Clock::system() };
    match Alertmanager::start(settings).await {
        Ok(alertmanager) => Ok(alertmanager),
        Err(error @ Error::Store(_)) => Err(error.into()),
        Err(error) => Err(Usage(format!("observatory.alertmanager.config: {:#}", anyhow::Error::from(error))).into()),
    }
}

/// What rules read and write: the engine, as the default tenant.
struct EngineStorage {
    engine: Arc<ColumnEngine>,
    sql: SqlOptions,
    /// Rules in SQL have slots of their own, so that no one else's statements can take them. Made with the first statement.
    statements: Arc<OnceCell<Sql>>,
}

impl RuleStorage for EngineStorage {
    fn series(&self) -> Arc<dyn Queryable> {
        self.engine.series(&Tenant::default())
    }

    fn sql(&self, statement: String) -> Asking {
        let (engine, options, statements) = (self.engine.clone(), self.sql.clone(), self.statements.clone());
        Box::pin(async move {
            let make = || async { Sql::new(engine, options, worker).map_err(|error| error.to_string()) };
            let sql = statements.get_or_try_init(make).await?;
            answered(sql, &statement).await
        })
    }

    fn write(&self, samples: Vec<Recorded>) -> Writing {
        let series: Vec<SeriesWrite> = samples.into_iter().map(written).collect();
        let receipt = self.engine.remote_write(&Tenant::default(), RemoteWrite::of(&series));
        Box::pin(async move { receipt.await.map_err(|error| error.to_string())?.whole() })
    }
}

/// A whole answer, as long as rules take it.
async fn answered(sql: &Sql, statement: &str) -> Result<Rows, String> {
    let mut chunks = sql.query(&Tenant::default(), statement, Format::Rows).await.map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    while let Some(chunk) = chunks.next().await {
        text.extend_from_slice(&chunk.map_err(|error| error.to_string())?);
        if text.len() > MAX_SQL_BYTES {
            return Err(format!("the answer has more than {MAX_SQL_BYTES} bytes, which is the limit for rules"));
        }
    }
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let wrong = |error: serde_json::Error| format!("the answer cannot be read: {error}");
    let head: Vec<Column> = serde_json::from_slice(lines.next().unwrap_or(b"[]")).map_err(wrong)?;
    let rows = lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(wrong)?;
    Ok(Rows { columns: head.into_iter().map(|column| column.name).collect(), rows })
}

/// A column of an answer.
#[derive(Deserialize)]
struct Column {
    name: String,
}

fn written(Recorded { labels, time_ms, value }: Recorded) -> SeriesWrite {
    SeriesWrite {
        labels,
        kind: MetricType::Gauge,
        help: String::new(),
        unit: String::new(),
        samples: vec![(time_ms, 0, value)],
        exemplars: Vec::new(),
    }
}

/// Begins to evaluate the rules of the settings' files, of their objectives, and, where it is a shop's observatory, of the shop.
pub async fn rules(
    alertmanager: &Alertmanager,
    settings: &Observatory,
    of_shop: bool,
    engine: Arc<ColumnEngine>,
    sql: SqlOptions,
    external_url: String,
) -> Result<Rules> {
    let mut shipped = Vec::new();
    if of_shop && settings.rules.shop {
        // A test reads them, too.
        let shop = RuleFile::parse(crate::rules::SHOP).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        shipped.push(("shop.yml".to_owned(), shop));
    }
    let mut objectives = Vec::new();
    for slo in &settings.slo {
        let group = slo.to_slo().rules();
        objectives.push(group.map_err(|error| Usage(format!("observatory.slo: {:?}: {error}", slo.name)))?);
    }
    if !objectives.is_empty() {
        shipped.push(("objectives".to_owned(), RuleFile { groups: objectives }));
    }
    let rule_settings = RuleSettings {
        interval: settings.rules.interval.0,
        query_offset: settings.rules.query_offset.0,
        external_url,
        ..RuleSettings::default()
    };
    let files = settings.rules.files.clone();
    // Bounded as everyone's are, and one at a time for each group that may be evaluated.
    let sql = SqlOptions { max_queries: MAX_EVALUATIONS, ..sql };
    let storage = Arc::new(EngineStorage { engine, sql, statements: Arc::default() });
    let options = RuleOptions { files, shipped, settings: rule_settings, storage };
    let started = Rules::start(alertmanager, options).await;
    started.map_err(|error| match error {
        error @ Error::Store(_) => error.into(),
        error => Usage(format!("observatory.rules.files: {:#}", anyhow::Error::from(error))).into(),
    })
}

/// Ends both when the process does, and tells what is counted.
pub fn attend(
    alertmanager: &Alertmanager,
    rules: &Rules,
    telemetry: &Telemetry,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) {
    let (rules, ending, stop) = (rules.clone(), alertmanager.clone(), stop.clone());
    tracker.spawn(async move {
        stop.cancelled().await;
        rules.stop().await;
        ending.stop().await;
    });
    alertmanager.trace_as(telemetry.service(OBSERVATORY));
    telemetry.service(OBSERVATORY).read_while(alertmanager.counts(), observations);
}

fn observations(counts: &Counts) -> Vec<Observation> {
    let count = |name, unit, description, of: &std::sync::atomic::AtomicU64| {
        Observation::new(ObservationKind::Counter, name, unit, description, of.load(Ordering::Relaxed) as f64)
    };
    vec![
        count("observatory.notifications.sent", "{notification}", "Notifications that receivers took", &counts.sent),
        count(
            "observatory.notifications.failed",
            "{notification}",
            "Notifications that receivers refused",
            &counts.failed,
        ),
        count(
            "observatory.notifications.retried",
            "{request}",
            "Tries that failed and are made again",
            &counts.retried,
        ),
    ]
}
