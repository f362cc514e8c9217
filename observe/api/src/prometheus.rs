//! Prometheus's HTTP API, which Grafana, promtool and scripts speak.
//!
//! Sources: prometheus/prometheus `web/api/v1/api.go` (paths, parameters, envelope and errors) and those that the modules
//! name. Each question has its own bounds: bytes, samples, time, and how many are answered at a time; who goes away is not
//! computed for.

mod answer;
mod explore;
mod federate;
mod json;
mod labels;
mod query;
mod question;
mod read;
mod rules;
mod status;
mod targets;
mod watch;

pub use explore::short_number;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawForm, RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, Method, StatusCode};
use vitrine_kit::clock::Clock;
use vitrine_observe_promql::Options as Evaluation;
use vitrine_observe_rules::status::RuleStatuses;
use vitrine_observe_store::series::Budget;
use vitrine_observe_store::{Access, Right, Series, Targets, Tenant};
use vitrine_platform_http::{Refusal, RequestInfo, with_error_format, with_plain_errors};

use crate::error::Error;
use crate::pages::{page_errors, page_of};
use crate::queries::Turns;
use answer::{ApiData, Failed, respond};
use question::{Question, pairs, time_limit};

/// The largest form that is read, in bytes: Grafana sends long queries so.
const MOST_FORM_BYTES: usize = 1 << 20;

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
        }
    }
}

/// What all questions share.
struct Settings {
    options: PrometheusOptions,
    rules: Option<Arc<dyn RuleStatuses>>,
    targets: Option<Arc<dyn Targets>>,
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
    /// The API of those who may read. Groups of rules, and what is scraped, are told of if there are any.
    pub fn new(
        engine: Arc<dyn Series>,
        rules: Option<Arc<dyn RuleStatuses>>,
        targets: Option<Arc<dyn Targets>>,
        access: Access,
        options: PrometheusOptions,
        clock: Clock,
    ) -> Self {
        let turns = Turns::new(access, options.max_queries, options.max_waiting, options.time_limit);
        let started_ms = clock.now_ms();
        Self(Arc::new(PrometheusInner {
            engine,
            settings: Arc::new(Settings { options, rules, targets, clock, started_ms }),
            turns,
        }))
    }

    async fn ask<T: Send + 'static>(
        &self,
        headers: &HeaderMap,
        request: Parameters,
        work: impl FnOnce(&Question) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Failed> {
        let PrometheusInner { engine, settings, turns } = &*self.0;
        let pairs = request.pairs()?;
        let options = &settings.options;
        let budget = Budget::new(options.query_bytes, options.max_samples, time_limit(&pairs, options.time_limit)?);
        let _canceled = CancelOnDrop(budget.clone());
        let (engine, settings) = (engine.clone(), settings.clone());
        let work = move |tenant: Tenant| {
            budget.check()?;
            let series = engine.series(&tenant);
            work(&Question::new(pairs, settings, series, budget))
        };
        turns.run(Right::Read, headers, work).await
    }

    async fn answer(
        &self,
        headers: &HeaderMap,
        request: Parameters,
        work: impl FnOnce(&Question) -> Result<ApiData, Failed> + Send + 'static,
    ) -> Response {
        respond(self.ask(headers, request, work).await)
    }
}

/// Cancels a query when nobody waits for it any more.
struct CancelOnDrop(Arc<Budget>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The parameters of a request as they were sent.
struct Parameters {
    query: String,
    form: Vec<u8>,
}

impl Parameters {
    /// Those of the form before those of the address, as in Go.
    fn pairs(&self) -> Result<Vec<(String, String)>, Failed> {
        let form = std::str::from_utf8(&self.form)
            .map_err(|_| Failed::BadData("error parsing form values: the form is not UTF-8".to_owned()))?;
        let mut all = pairs(form)?;
        all.extend(pairs(&self.query)?);
        Ok(all)
    }
}

/// How a question is answered.
type Work = fn(&Question) -> Result<ApiData, Failed>;

/// A question that is asked with parameters in the address.
fn asked(work: Work) -> MethodRouter<Prometheus> {
    get(move |State(api): State<Prometheus>, headers: HeaderMap, RawQuery(query): RawQuery| async move {
        let request = Parameters { query: query.unwrap_or_default(), form: Vec::new() };
        api.answer(&headers, request, work).await
    })
}

/// The same, or with parameters in a form.
fn asked_or_posted(work: Work) -> MethodRouter<Prometheus> {
    let posted = move |State(api): State<Prometheus>,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       RawForm(form): RawForm| async move {
        let request = Parameters { query: query.unwrap_or_default(), form: form.to_vec() };
        api.answer(&headers, request, work).await
    };
    asked(work).post(posted).layer(DefaultBodyLimit::max(MOST_FORM_BYTES))
}

/// Prometheus's API at the root, as it is on port 9090, without taking samples in.
pub fn prometheus_router(api: &Prometheus) -> Router {
    let routes = Router::new()
        .route("/api/v1/query", asked_or_posted(query::instant))
        .route("/api/v1/query_range", asked_or_posted(query::range))
        .route("/api/v1/query_exemplars", asked_or_posted(query::exemplars))
        .route("/api/v1/format_query", asked_or_posted(query::format))
        .route("/api/v1/parse_query", asked_or_posted(query::parse))
        .route("/api/v1/series", asked_or_posted(labels::series))
        .route("/api/v1/labels", asked_or_posted(labels::names))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/metadata", asked(labels::metadata))
        .route("/api/v1/rules", asked(rules::groups))
        .route("/api/v1/alerts", asked(rules::alerts))
        .route("/api/v1/targets", asked(targets::targets))
        .route("/api/v1/scrape_pools", asked(targets::pools))
        .route("/api/v1/status/buildinfo", asked(status::build))
        .route("/api/v1/status/runtimeinfo", asked(status::runtime))
        .route("/api/v1/status/flags", asked(status::flags))
        .route("/api/v1/status/config", asked(status::config))
        .route("/api/v1/status/walreplay", asked(status::replay))
        .route("/api/v1/status/tsdb", asked(status::counts))
        .route("/api/v1/features", asked(status::features))
        .route("/api/v1/read", post(remote_read).layer(DefaultBodyLimit::max(MOST_FORM_BYTES)));
    // What is text for people, or for scrapers, says its errors as text, too.
    let plain = Router::new()
        .route("/federate", get(federation))
        .route("/-/healthy", get(async || "Prometheus Server is Healthy.\n"))
        .route("/-/ready", get(async || "Prometheus Server is Ready.\n"));
    let plain = with_plain_errors(plain.with_state(api.clone()));
    plain.merge(with_error_format(routes.with_state(api.clone()), prometheus_errors))
}

/// Pages for a person: metrics, alerts, targets.
pub fn metric_pages(api: &Prometheus) -> Router {
    let routes = Router::new()
        .route("/explore", shown(explore::explore))
        .route("/alerts", shown(watch::alerts))
        .route("/targets", shown(watch::targets));
    with_error_format(routes.with_state(api.clone()), page_errors)
}

/// A page that is asked for with parameters in the address.
fn shown(work: fn(&Question) -> Result<String, Failed>) -> MethodRouter<Prometheus> {
    get(move |State(api): State<Prometheus>, headers: HeaderMap, RawQuery(query): RawQuery| async move {
        let request = Parameters { query: query.unwrap_or_default(), form: Vec::new() };
        page_of(
            api.ask(&headers, request, work).await.map(|text| Html(text).into_response()).map_err(Failed::into_error),
        )
    })
}

/// How refusals are said on Prometheus's own port.
pub fn prometheus_errors(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let error = Error::from(refusal);
    // As the original, which knows no envelope outside of its API.
    if refusal.status == StatusCode::NOT_FOUND {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    }
    if asked.method == Method::HEAD {
        return error.status().into_response();
    }
    respond(Err(Failed::Around(error)))
}

async fn label_values(
    State(api): State<Prometheus>,
    headers: HeaderMap,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let request = Parameters { query: query.unwrap_or_default(), form: Vec::new() };
    api.answer(&headers, request, move |question| labels::values(question, &name)).await
}

async fn federation(State(api): State<Prometheus>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let request = Parameters { query: query.unwrap_or_default(), form: Vec::new() };
    let accepted = headers.clone();
    match api.ask(&headers, request, move |question| Ok(federate::federate(question, &accepted))).await {
        Ok(response) => response,
        Err(failed) => respond(Err(failed)),
    }
}

async fn remote_read(State(api): State<Prometheus>, headers: HeaderMap, body: Bytes) -> Response {
    let request = Parameters { query: String::new(), form: Vec::new() };
    match api.ask(&headers, request, move |question| read::read(question, &body)).await {
        Ok(response) => response,
        Err(failed) => respond(Err(failed)),
    }
}
