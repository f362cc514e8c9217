//! Prometheus's HTTP API, which Grafana, promtool and scripts speak.
//!
//! Sources: prometheus/prometheus `web/api/v1/api.go` (paths, parameters, envelope and errors) and those that the modules
//! name. Each question has its own bounds: bytes, samples, time, and how many are answered at a time; who goes away is not
//! computed for.

mod routes;

mod answer;
mod json;
mod question;
mod stream;

mod export;
mod federate;
mod labels;
mod query;
mod read;
mod rules;
mod search;
mod status;
mod targets;

mod admin;
mod lifecycle;
mod notifications;
mod ruler;

mod compress;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use vitrine_kit::clock::Clock;
use vitrine_observe_promql::Options as Evaluation;
use vitrine_observe_rules::status::RuleStatuses;
use vitrine_observe_rules::{Configuration, RuleNamespaces};
use vitrine_observe_store::series::Budget;
use vitrine_observe_store::{Access, Right, Series, SeriesAdmin, Targets, Tenant};

use crate::queries::{Canceling, Turns};
use answer::Failed;
use question::{Question, pairs, time_limit};

pub use notifications::Notifications;
pub use routes::{prometheus_below, prometheus_errors, prometheus_router};
pub use ruler::ruler_router;

/// Bytes that one query may take, samples it may read, and how long it may take.
const QUERY_BYTES: usize = 128 << 20;
const QUERY_SAMPLES: u64 = 50_000_000;
const QUERY_TIME: Duration = Duration::from_secs(30);

/// Queries answered at a time, and those that wait: as many as Prometheus answers, and dashboards of some people.
const MAX_QUERIES: usize = 20;
const MAX_WAITING: usize = 200;

/// Bounds of queries and how they are evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusOptions {
    /// How expressions are evaluated.
    pub evaluation: Evaluation,
    /// Bytes that one query may take.
    pub query_bytes: usize,
    /// Samples that one query may read.
    pub max_samples: u64,
    /// How long a query may take, waiting included.
    pub time_limit: Duration,
    /// Queries answered at a time.
    pub max_queries: usize,
    /// Queries that wait while so many are being answered; one more is refused.
    pub max_waiting: usize,
    /// How long samples are kept, as `runtimeinfo` shows it: `15d`.
    pub retention: String,
    /// Whether series may be deleted and copied: Prometheus's `--web.enable-admin-api`.
    pub admin_api: bool,
    /// Whether the process may be told to read its configuration again, and to end: Prometheus's `--web.enable-lifecycle`.
    pub lifecycle_api: bool,
    /// Whether rules may be set by Mimir's ruler API. Grafana takes this for Mimir then, and edits them.
    pub ruler_api: bool,
    /// Where alerts of rules go, as `alertmanagers` tells it; nowhere if it is empty.
    pub alertmanager_url: String,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        Self {
            evaluation: Evaluation::default(),
            query_bytes: QUERY_BYTES,
            max_samples: QUERY_SAMPLES,
            time_limit: QUERY_TIME,
            max_queries: MAX_QUERIES,
            max_waiting: MAX_WAITING,
            retention: String::new(),
            admin_api: false,
            lifecycle_api: false,
            ruler_api: false,
            alertmanager_url: String::new(),
        }
    }
}

/// What else the API tells of and does, where it is there.
#[derive(Clone, Default)]
pub struct PrometheusParts {
    /// Groups of rules.
    pub rules: Option<Arc<dyn RuleStatuses>>,
    /// What is scraped.
    pub targets: Option<Arc<dyn Targets>>,
    /// Who deletes and copies series.
    pub admin: Option<Arc<dyn SeriesAdmin>>,
    /// What the process is configured by.
    pub configuration: Option<Arc<dyn Configuration>>,
    /// Begins to end the process, and returns whether that had not begun before.
    pub quit: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Rules that are set while the process runs.
    pub namespaces: Option<Arc<dyn RuleNamespaces>>,
    /// What the process has to say to people.
    pub notifications: Notifications,
    /// The process's own metrics in Prometheus's text. Reading them may block.
    pub own_metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

/// What all questions share.
struct Settings {
    options: PrometheusOptions,
    parts: PrometheusParts,
    clock: Clock,
    started_ms: i64,
}

/// Prometheus's API over an engine; clones share the bounds, whatever router they serve.
#[derive(Clone)]
pub struct Prometheus(Arc<PrometheusInner>);

struct PrometheusInner {
    engine: Arc<dyn Series>,
    settings: Arc<Settings>,
    turns: Turns,
}

impl Prometheus {
    /// The API of those who may read.
    pub fn new(
        engine: Arc<dyn Series>,
        parts: PrometheusParts,
        access: Access,
        options: PrometheusOptions,
        clock: Clock,
    ) -> Self {
        let turns = Turns::new(access, options.max_queries, options.max_waiting, options.time_limit);
        let started_ms = clock.now_ms();
        let settings = Arc::new(Settings { options, parts, clock, started_ms });
        Self(Arc::new(PrometheusInner { engine, settings, turns }))
    }

    /// Runs a question of one who has this right.
    async fn ask<T: Send + 'static>(
        &self,
        right: Right,
        request: Request,
        work: impl FnOnce(&Question) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Failed> {
        let PrometheusInner { engine, settings, turns } = &*self.0;
        let pairs = request.pairs()?;
        let options = &settings.options;
        let budget = Budget::new(options.query_bytes, options.max_samples, time_limit(&pairs, options.time_limit)?);
        let asked = budget.clone();
        let _canceling = Canceling(move || asked.cancel());
        let (engine, settings) = (engine.clone(), settings.clone());
        let headers = request.headers.clone();
        let work = move |tenant: Tenant| {
            budget.check()?;
            let series = engine.series(&tenant);
            let now_ms = settings.clock.now_ms();
            work(&Question { pairs, headers: request.headers, settings, tenant, series, budget, now_ms })
        };
        turns.run(right, &headers, work).await
    }
}

/// A request as it was sent.
struct Request {
    headers: HeaderMap,
    query: String,
    form: Vec<u8>,
}

impl Request {
    /// One whose parameters are in the address.
    fn of(headers: HeaderMap, query: Option<String>) -> Self {
        Self { headers, query: query.unwrap_or_default(), form: Vec::new() }
    }

    /// Parameters of the form before those of the address, as in Go.
    fn pairs(&self) -> Result<Vec<(String, String)>, Failed> {
        let form = std::str::from_utf8(&self.form)
            .map_err(|_| Failed::BadData("error parsing form values: the form is not UTF-8".to_owned()))?;
        let mut all = pairs(form)?;
        all.extend(pairs(&self.query)?);
        Ok(all)
    }
}
