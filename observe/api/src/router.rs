//! Which address answers what.

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, header};
use serde::Serialize;
use tokio::sync::Semaphore;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::{Operation, Store};

use crate::error::Error;
use crate::jaeger::{self, Envelope};
use crate::params::{self, Pairs, TracesQuery};
use crate::{pages, status};

/// Queries answered at a time: each may take tens of megabytes while its rows are structs and then JSON.
const MAX_QUERIES: usize = 3;
/// One line for the whole process, because the memory is the process's.
static QUERIES: Semaphore = Semaphore::const_new(MAX_QUERIES);
/// What a page may load: nothing from elsewhere, no script.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const NANOS_PER_MILLI: u64 = 1_000_000;

/// The pages, `/api/status` and Jaeger's API under `/jaeger`.
pub fn router(store: Store) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/trace/{id}", get(waterfall))
        .route("/api/status", get(counters))
        .route("/jaeger/api/services", get(services))
        .route("/jaeger/api/services/{service}/operations", get(operation_names))
        .route("/jaeger/api/operations", get(operations))
        .route("/jaeger/api/traces", get(traces))
        .route("/jaeger/api/traces/{id}", get(trace))
        .route("/jaeger/api/dependencies", get(dependencies))
        .with_state(store)
}

async fn home(State(store): State<Store>, Query(pairs): Query<Pairs>) -> Result<Response, Error> {
    query(move || Ok(page(pages::home(&store, params::get(&pairs, "service"))))).await
}

async fn waterfall(State(store): State<Store>, Path(id): Path<String>) -> Result<Response, Error> {
    query(move || {
        let found = params::trace_id(&id).and_then(|id| store.trace(id).ok_or(Error::TraceNotFound));
        Ok(match found {
            Ok(trace) => page(pages::trace(&store, &trace)),
            Err(error) => (error.http(), page(pages::problem(&error))).into_response(),
        })
    })
    .await
}

async fn counters(State(store): State<Store>) -> Response {
    Json(status::json(&store.status())).into_response()
}

async fn services(State(store): State<Store>) -> Result<Response, Error> {
    query(move || {
        let services = store.services();
        let total = services.len();
        Ok(answer(services, total))
    })
    .await
}

async fn operation_names(State(store): State<Store>, Path(service): Path<String>) -> Result<Response, Error> {
    query(move || {
        let mut names: Vec<String> = store.operations(&service).into_iter().map(|operation| operation.name).collect();
        names.dedup();
        let total = names.len();
        Ok(answer(names, total))
    })
    .await
}

async fn operations(State(store): State<Store>, Query(pairs): Query<Pairs>) -> Result<Response, Error> {
    let service = params::get(&pairs, "service").map(str::to_owned);
    let service = service.ok_or_else(|| Error::parameter("service", "parameter 'service' is required"))?;
    let kind = params::get(&pairs, "spanKind").map(str::to_ascii_lowercase);
    query(move || {
        let wanted = |operation: &Operation| kind.as_deref().is_none_or(|kind| operation.kind.name() == Some(kind));
        let found: Vec<Operation> = store.operations(&service).into_iter().filter(wanted).collect();
        Ok(answer(jaeger::operations(&found), found.len()))
    })
    .await
}

async fn traces(State(store): State<Store>, Query(pairs): Query<Pairs>) -> Result<Response, Error> {
    let wanted = params::traces_query(&pairs, now_ns())?;
    query(move || {
        let (traces, absent) = match wanted {
            TracesQuery::Search(search) => (store.search(&search), Vec::new()),
            TracesQuery::Ids(ids) => {
                let (found, absent): (Vec<_>, Vec<_>) =
                    ids.into_iter().map(|id| store.trace(id).ok_or(id)).partition(Result::is_ok);
                (found.into_iter().flatten().collect(), absent.into_iter().filter_map(Result::err).collect())
            }
        };
        let mut envelope = Envelope::new(traces.iter().map(jaeger::trace).collect::<Vec<_>>(), 0);
        let errors: Vec<_> = absent
            .iter()
            .map(|id| serde_json::json!({ "msg": Error::TraceNotFound.to_string(), "traceID": id.to_string() }))
            .collect();
        envelope.errors = (!errors.is_empty()).then_some(errors);
        Ok(Json(envelope).into_response())
    })
    .await
}

async fn trace(State(store): State<Store>, Path(id): Path<String>) -> Result<Response, Error> {
    let id = params::trace_id(&id)?;
    query(move || {
        let trace = store.trace(id).ok_or(Error::TraceNotFound)?;
        Ok(answer([jaeger::trace(&trace)], 0))
    })
    .await
}

async fn dependencies(State(store): State<Store>, Query(pairs): Query<Pairs>) -> Result<Response, Error> {
    let (start, end) = params::dependencies_time(&pairs, now_ns())?;
    query(move || Ok(answer(jaeger::dependencies(&store.dependencies(start, end)), 0))).await
}

/// Runs a scan off the async threads, at most [`MAX_QUERIES`] at a time; the others wait their turn.
async fn query(work: impl FnOnce() -> Result<Response, Error> + Send + 'static) -> Result<Response, Error> {
    let permit = QUERIES.acquire().await.map_err(|_| Error::Stopped)?;
    // The permit moves along: the scan goes on when the asker has gone.
    let work = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
}

fn answer(data: impl Serialize, total: usize) -> Response {
    Json(Envelope::new(data, total)).into_response()
}

fn page(html: String) -> Response {
    let mut response = Html(html).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response
}

fn now_ns() -> u64 {
    u64::try_from(Clock::system().now_ms()).unwrap_or(0).saturating_mul(NANOS_PER_MILLI)
}
