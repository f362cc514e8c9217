//! Which address answers what.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, RawForm, RawQuery, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, Method, StatusCode, header};
use vitrine_observe_store::Right;
use vitrine_platform_http::{Refusal, RequestInfo, with_error_format, with_plain_errors};

use super::answer::{Failed, Respond, respond};
use super::compress::{accepted, compressed};
use super::question::Question;
use super::ruler::ruler_router;
use super::{
    Prometheus, Request, admin, export, federate, labels, lifecycle, notifications, query, read, rules, search, status,
    targets,
};
use crate::error::Error;

/// The largest form that is read, in bytes: Grafana sends long queries so.
const MAX_FORM_BYTES: usize = 1 << 20;

/// Where Mimir's ruler API is, below Prometheus's.
const RULER_PATHS: &[&str] = &["/config/v1/rules"];

/// What the API can be asked, for people and programs.
const OPENAPI: &str = include_str!("openapi.yaml");

/// Prometheus's API at the root, as it is on port 9090, without taking samples in.
pub fn prometheus_router(api: &Prometheus) -> Router {
    // What is text for people, or for scrapers, says its errors as text, too.
    let plain = Router::new()
        .route("/", get(home))
        .route("/federate", asked(federate::federate))
        .route("/metrics", asked(status::own_metrics))
        .route("/-/healthy", get(async || "Prometheus Server is Healthy.\n"))
        .route("/-/ready", get(async || "Prometheus Server is Ready.\n"))
        .merge(lifecycle::routes());
    let plain = with_plain_errors(plain.with_state(api.clone())).merge(ruler_router(api, RULER_PATHS));
    plain.merge(with_error_format(api_routes().with_state(api.clone()), prometheus_errors)).layer(from_fn(around))
}

/// The same below a path, which answers itself with and without a slash at its end.
pub fn prometheus_below(api: &Prometheus, path: &str) -> Router {
    let itself = with_plain_errors(Router::new().route(&format!("{path}/"), get(home)));
    itself.nest(path, prometheus_router(api))
}

/// By this clients find out that somebody is there.
async fn home() -> &'static str {
    "This is the API of Prometheus: api/v1/openapi.yaml says what can be asked.\n"
}

fn api_routes() -> Router<Prometheus> {
    Router::new()
        .route("/api/v1/query", asked_or_posted(query::instant))
        .route("/api/v1/query_range", asked_or_posted(query::range))
        .route("/api/v1/query_exemplars", asked_or_posted(query::exemplars))
        .route("/api/v1/format_query", asked_or_posted(query::format))
        .route("/api/v1/parse_query", asked_or_posted(query::parse))
        .route("/api/v1/series", asked_or_posted(labels::series))
        .route("/api/v1/labels", asked_or_posted(labels::names))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/search/metric_names", asked_or_posted(search::metric_names))
        .route("/api/v1/search/label_names", asked_or_posted(search::label_names))
        .route("/api/v1/search/label_values", asked_or_posted(search::label_values))
        .route("/api/v1/cardinality/active_series", asked_or_posted(labels::active))
        .route("/api/v1/metadata", asked(labels::metadata))
        .route("/api/v1/rules", asked(rules::groups))
        .route("/api/v1/alerts", asked(rules::alerts))
        .route("/api/v1/alertmanagers", asked(rules::alertmanagers))
        .route("/api/v1/targets", asked(targets::targets))
        .route("/api/v1/targets/metadata", asked(targets::metadata))
        .route("/api/v1/targets/relabel_steps", asked(targets::relabel_steps))
        .route("/api/v1/scrape_pools", asked(targets::pools))
        .route("/api/v1/scrape_pools/config", asked(targets::pool_config))
        .route("/api/v1/status/buildinfo", asked(status::build))
        .route("/api/v1/status/runtimeinfo", asked(status::runtime))
        .route("/api/v1/status/flags", asked(status::flags))
        .route("/api/v1/status/config", asked(status::config))
        .route("/api/v1/status/walreplay", asked(status::replay))
        .route("/api/v1/status/tsdb", asked(status::counts))
        .route("/api/v1/status/tsdb/blocks", asked(status::blocks))
        .route("/api/v1/status/self_metrics", asked(status::self_metrics))
        .route("/api/v1/features", asked(status::features))
        .route("/api/v1/notifications", asked(notifications::all))
        .route("/api/v1/notifications/live", get(notifications::live))
        .route("/api/v1/openapi.yaml", get(async || ([(header::CONTENT_TYPE, "application/yaml")], OPENAPI)))
        .route("/api/v1/export", exported())
        .route("/api/v1/read", post(remote_read).layer(DefaultBodyLimit::max(MAX_FORM_BYTES)))
        .route("/api/v1/admin/tsdb/delete_series", administered(admin::delete_series))
        .route("/api/v1/admin/tsdb/clean_tombstones", administered(admin::clean_tombstones))
        .route("/api/v1/admin/tsdb/snapshot", administered(admin::snapshot))
}

/// How refusals are said on Prometheus's own port.
pub fn prometheus_errors(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let error = Error::from(refusal);
    // As the original, whose router has no envelope.
    match refusal.status {
        StatusCode::NOT_FOUND => return (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
        StatusCode::METHOD_NOT_ALLOWED => return error.respond("Method Not Allowed\n"),
        _ if asked.method == Method::HEAD => return error.status().into_response(),
        _ => {}
    }
    respond(Err(Failed::Around(error)))
}

/// What is so of all answers: who asks for the options of an address has them, and who takes compressed answers gets them so.
async fn around(request: axum::extract::Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let coding = accepted(request.headers());
    compressed(coding, next.run(request).await).await
}

impl Prometheus {
    async fn answer<A: Respond>(&self, right: Right, request: Request, work: Work<A>) -> Response {
        match self.ask(right, request, work).await {
            Ok(answer) => answer.respond(),
            Err(failed) => respond(Err(failed)),
        }
    }
}

/// How a question is answered.
type Work<A> = fn(&Question) -> Result<A, Failed>;

/// A question that is asked with parameters in the address.
fn asked<A: Respond>(work: Work<A>) -> MethodRouter<Prometheus> {
    get(move |State(api): State<Prometheus>, headers: HeaderMap, RawQuery(query): RawQuery| async move {
        api.answer(Right::Read, Request::of(headers, query), work).await
    })
}

/// The same, or with parameters in a form.
fn asked_or_posted<A: Respond>(work: Work<A>) -> MethodRouter<Prometheus> {
    let posted = move |State(api): State<Prometheus>,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       RawForm(form): RawForm| async move {
        let request = Request { headers, query: query.unwrap_or_default(), form: form.to_vec() };
        api.answer(Right::Read, request, work).await
    };
    asked(work).post(posted).layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
}

/// Series that are sent while they are read; asked for either way.
fn exported() -> MethodRouter<Prometheus> {
    let sent = async |api: Prometheus, headers: HeaderMap, query: Option<String>, form: Vec<u8>| {
        let request = Request { headers, query: query.unwrap_or_default(), form };
        export::export(api, request).await.unwrap_or_else(|failed| respond(Err(failed)))
    };
    let asked = move |State(api): State<Prometheus>, headers: HeaderMap, RawQuery(query): RawQuery| {
        sent(api, headers, query, Vec::new())
    };
    let posted = move |State(api): State<Prometheus>,
                       headers: HeaderMap,
                       RawQuery(query): RawQuery,
                       RawForm(form): RawForm| sent(api, headers, query, form.to_vec());
    get(asked).post(posted).layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
}

/// What is done for one who may operate.
fn administered<A: Respond>(work: Work<A>) -> MethodRouter<Prometheus> {
    let act = move |State(api): State<Prometheus>, headers: HeaderMap, RawQuery(query): RawQuery, body: Body| async move {
        let form = match form(&headers, body).await {
            Ok(form) => form,
            Err(failed) => return respond(Err(failed)),
        };
        let request = Request { headers, query: query.unwrap_or_default(), form };
        api.answer(Right::Operate, request, work).await
    };
    post(act).put(act)
}

/// The form of a request, if it has one: clients of these send none as a rule.
async fn form(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Failed> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Ok(Vec::new());
    }
    let read = axum::body::to_bytes(body, MAX_FORM_BYTES).await;
    read.map(|bytes| bytes.to_vec()).map_err(|error| {
        Failed::BadData(format!("error parsing form values: {error}; expected at most {MAX_FORM_BYTES} bytes"))
    })
}

async fn label_values(
    State(api): State<Prometheus>,
    headers: HeaderMap,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let work = move |question: &Question| labels::values(question, &name);
    respond(api.ask(Right::Read, Request::of(headers, query), work).await)
}

async fn remote_read(State(api): State<Prometheus>, headers: HeaderMap, body: Bytes) -> Response {
    match read::read(api, headers, body).await {
        Ok(response) => response,
        Err(failed) => respond(Err(failed)),
    }
}
