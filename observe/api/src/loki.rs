//! Loki's HTTP API, which Grafana, logcli and scripts speak: LogQL over the observatory's log records, and what is told of streams.
//!
//! Sources: grafana/loki `docs/sources/reference/loki-http-api.md` and `pkg/loghttp`; `docs/guide/loki.md` says what differs. The shared
//! bounds of queries hold; those of one LogQL query stand here.

mod answer;
mod explore;
mod query;
mod question;
mod tail;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use vitrine_observe_logql::Source;
use vitrine_observe_store::Logs;
use vitrine_observe_store::series::Budget;
use vitrine_platform_http::{Refusal, RequestInfo, with_error_format};

use crate::error::Error;
use crate::queries::{Canceling, Queries, Reader};
use answer::failed;
use question::{LokiResult, Question, pairs};

/// Bytes that one query may take beside what the engine takes for it, and records that it may read.
const QUERY_BYTES: usize = 128 << 20;
const QUERY_RECORDS: u64 = 100_000_000;
/// The largest form that is read, in bytes: the longest query, encoded.
const MAX_FORM_BYTES: usize = 512 << 10;
/// The version whose behaviour this has: Grafana looks at it.
const VERSION: &str = "3.5.0";

/// Where Loki's API is.
const BELOW: &str = "/loki/api/v1";

/// Loki's API below `/loki`, and `/ready`, without taking log records in.
pub fn loki_router(queries: &Queries) -> Router {
    let routes = Router::new()
        .route("/query", asked(query::instant))
        .route("/query_range", asked(query::range))
        .route("/format_query", asked(query::format))
        .route("/labels", asked(explore::labels))
        .route("/label", asked(explore::labels))
        .route("/label/{name}/values", asked_of(explore::label_values))
        .route("/series", asked(explore::series))
        .route("/index/stats", asked(explore::stats))
        .route("/index/volume", asked(explore::volume))
        .route("/index/volume_range", asked(explore::volume_range))
        .route("/patterns", asked(explore::patterns))
        .route("/detected_labels", asked(explore::detected_labels))
        .route("/detected_fields", asked(explore::detected_fields))
        .route("/detected_field/{name}/values", asked_of(explore::detected_values))
        .route("/status/buildinfo", get(build_info))
        .route("/tail", get(tail::open));
    let all = Router::new().nest(BELOW, routes).route("/ready", get(async || "ready\n")).with_state(queries.clone());
    with_error_format(all.layer(DefaultBodyLimit::max(MAX_FORM_BYTES)), loki_errors)
}

/// How refusals are said as Loki's API does.
pub fn loki_errors(_: &RequestInfo, refusal: &Refusal) -> Response {
    failed(&Error::from(refusal))
}

/// What answers a question.
type Responder = fn(&Source<'_>, &Question) -> LokiResult;

/// A question by `GET`, or by `POST` with a form.
fn asked(answer: Responder) -> MethodRouter<Queries> {
    let handler = move |State(queries): State<Queries>, RawQuery(query): RawQuery, headers: HeaderMap, form: Bytes| {
        answered(queries, headers, query, form, String::new(), answer)
    };
    get(handler).post(handler)
}

/// The same of something that is named in the path.
fn asked_of(answer: Responder) -> MethodRouter<Queries> {
    let handler = move |State(queries): State<Queries>,
                        Path(name): Path<String>,
                        RawQuery(query): RawQuery,
                        headers: HeaderMap,
                        form: Bytes| answered(queries, headers, query, form, name, answer);
    get(handler).post(handler)
}

async fn answered(
    queries: Queries,
    headers: HeaderMap,
    query: Option<String>,
    form: Bytes,
    name: String,
    answer: Responder,
) -> Response {
    let question = match pairs(query.as_deref().unwrap_or_default(), &form) {
        Ok(pairs) => Question::new(pairs, name, &headers),
        Err(error) => return failed(&error),
    };
    let budget = Budget::new(QUERY_BYTES, QUERY_RECORDS, queries.options().time_limit);
    let asked = budget.clone();
    let _canceling = Canceling(move || asked.cancel());
    let work = move |reader: &Reader| {
        let logs: &dyn Logs = &*reader.engine;
        let source = Source { logs, tenant: &reader.tenant, budget: &budget };
        Ok(([(header::CONTENT_TYPE, "application/json")], answer(&source, &question)?.to_string()).into_response())
    };
    queries.ask(&headers, work).await.unwrap_or_else(|error| failed(&error))
}

async fn build_info() -> Response {
    let revision = concat!("vitrine-", env!("CARGO_PKG_VERSION"));
    let info = json!({
        "version": VERSION, "revision": revision, "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    });
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], info.to_string()).into_response()
}
