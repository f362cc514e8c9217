//! Which address answers what.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use vitrine_observe_store::{Right, SCOPE_HEADER, Tenant};

use crate::around::SignedIn;
use crate::documents::{Changed, Document};
use crate::kept_queries::NewQuery;
use crate::pages::{PAGES, file, page};
use crate::refusal::Refusal;
use crate::state::ConsoleState;
use crate::{proxy, sign_in};

/// Most bytes of a body: a dashboard with what is around it.
const MAX_BODY: usize = 2 << 20;
/// Who writes where nobody is signed in.
const EVERYONE: &str = "everyone";
/// Who writes with a token.
const BY_TOKEN: &str = "a token";

/// The console's routes.
pub(crate) fn routes(console: Arc<ConsoleState>) -> Router {
    let pages = PAGES.iter().fold(Router::new(), |router, path| router.route(path, get(page)));
    let files = console.bundle.paths().filter(|path| *path != "/index.html");
    let pages_and_files = files.fold(pages, |router, path| router.route(path, get(file)));
    pages_and_files
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/console/session", get(sign_in::session))
        .route("/console/sign-in", post(sign_in::by_token))
        .route("/console/sign-in/oidc", get(sign_in::by_provider))
        .route("/console/callback", get(sign_in::callback))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/shop/{*path}", any(proxy::shop))
        .route("/console/flags/{*path}", any(proxy::flags))
        .route("/api/dashboards", get(dashboards).post(add_dashboard))
        .route("/api/dashboards/{name}", get(dashboard).put(change_dashboard).delete(delete_dashboard))
        .route("/api/kept-queries", get(kept_queries).post(keep_query))
        .route("/api/kept-queries/{id}", get(kept_query).delete(delete_query))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(console)
}

/// Who asks, for a tenant.
struct Asker {
    headers: HeaderMap,
    name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let otherwise = if parts.headers.contains_key(header::AUTHORIZATION) { BY_TOKEN } else { EVERYONE };
        let name = parts.extensions.get::<SignedIn>().map_or(otherwise, |known| known.0.as_str()).to_owned();
        Ok(Self { headers: parts.headers.clone(), name })
    }
}

impl Asker {
    /// Whose documents it is about, if it may.
    fn tenant(&self, console: &ConsoleState, right: Right) -> Result<Tenant, Refusal> {
        // What is no text is no token.
        let header = |name| self.headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
        Ok(console.access.check(header(header::AUTHORIZATION.as_str()), header(SCOPE_HEADER), right)?)
    }

    /// The revision that `If-Match` names.
    fn revision(&self) -> Result<u64, Refusal> {
        let text = self.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.trim().trim_matches('"').parse().map_err(|_| {
            let expected = "If-Match: expected the ETag with which the dashboard was read, or \"0\" for a new one";
            Refusal::new(StatusCode::PRECONDITION_REQUIRED, expected)
        })
    }
}

type HandlerResult = Result<Response, Refusal>;
type Body<T> = Result<Json<T>, axum::extract::rejection::JsonRejection>;

fn read<T>(body: Body<T>) -> Result<T, Refusal> {
    body.map(|Json(body)| body).map_err(|wrong| Refusal::new(wrong.status(), wrong.body_text()))
}

async fn dashboards(State(console): State<Arc<ConsoleState>>, asker: Asker) -> HandlerResult {
    let tenant = asker.tenant(&console, Right::Read)?;
    Ok(Json(console.dashboards.list(&tenant)).into_response())
}

async fn dashboard(State(console): State<Arc<ConsoleState>>, asker: Asker, Path(name): Path<String>) -> HandlerResult {
    let tenant = asker.tenant(&console, Right::Read)?;
    let found = console.dashboards.get(&tenant, &name);
    found.map(|found| with_tag(StatusCode::OK, found)).ok_or_else(|| no_dashboard(&name))
}

fn no_dashboard(name: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no dashboard {name}"))
}

fn with_tag(status: StatusCode, Document { revision, content, .. }: Document) -> Response {
    (status, [(header::ETAG, format!("\"{revision}\""))], Json(content)).into_response()
}

#[derive(Deserialize)]
struct NewDashboard {
    document: Value,
}

async fn add_dashboard(
    State(console): State<Arc<ConsoleState>>,
    asker: Asker,
    body: Body<NewDashboard>,
) -> HandlerResult {
    put_dashboard(&console, &asker, 0, read(body)?.document, StatusCode::CREATED).await
}

async fn change_dashboard(
    State(console): State<Arc<ConsoleState>>,
    asker: Asker,
    Path(name): Path<String>,
    body: Body<Value>,
) -> HandlerResult {
    let content = read(body)?;
    if content["metadata"]["name"] != name.as_str() {
        return Err(Refusal::bad(format!("metadata.name: expected {name:?}, as in the address")));
    }
    let revision = asker.revision()?;
    put_dashboard(&console, &asker, revision, content, StatusCode::OK).await
}

async fn put_dashboard(
    console: &Arc<ConsoleState>,
    asker: &Asker,
    expected: u64,
    content: Value,
    status: StatusCode,
) -> HandlerResult {
    let tenant = asker.tenant(console, Right::Operate)?;
    let document = Document { revision: 0, updated_ms: console.sessions.now_ms(), by: asker.name.clone(), content };
    let changing = console.clone();
    let changed = off_thread(move || changing.dashboards.put(&tenant, expected, document)).await?;
    match changed {
        Changed::Done(document) => Ok(with_tag(status, document)),
        Changed::Differs(there) => Err(differs(there)),
    }
}

async fn delete_dashboard(
    State(console): State<Arc<ConsoleState>>,
    asker: Asker,
    Path(name): Path<String>,
) -> HandlerResult {
    let (tenant, expected) = (asker.tenant(&console, Right::Operate)?, asker.revision()?);
    let known = name.clone();
    let changed = off_thread(move || console.dashboards.delete(&tenant, &known, expected)).await?;
    match changed {
        Changed::Done(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Changed::Differs(None) => Err(no_dashboard(&name)),
        Changed::Differs(there) => Err(differs(there)),
    }
}

/// Somebody else was sooner.
fn differs(there: Option<Document>) -> Refusal {
    match there {
        Some(Document { revision, by, content, updated_ms }) => {
            let said = format!("{by} changed this dashboard meanwhile; nothing was written");
            let updated = vitrine_kit::clock::rfc3339(updated_ms);
            Refusal::new(StatusCode::PRECONDITION_FAILED, said)
                .with_current(json!({ "revision": revision, "by": by, "updated": updated, "document": content }))
        }
        None => {
            Refusal::new(StatusCode::PRECONDITION_FAILED, "this dashboard was deleted meanwhile; nothing was written")
        }
    }
}

async fn kept_queries(State(console): State<Arc<ConsoleState>>, asker: Asker) -> HandlerResult {
    let tenant = asker.tenant(&console, Right::Read)?;
    Ok(Json(console.kept_queries.list(&tenant)).into_response())
}

async fn kept_query(State(console): State<Arc<ConsoleState>>, asker: Asker, Path(id): Path<String>) -> HandlerResult {
    let tenant = asker.tenant(&console, Right::Read)?;
    let found = console.kept_queries.get(&tenant, &id);
    found.map(|found| Json(found).into_response()).ok_or_else(|| no_query(&id))
}

fn no_query(id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no query {id}"))
}

/// A query is kept by whoever may read: it shows nothing to others that they could not ask themselves.
async fn keep_query(State(console): State<Arc<ConsoleState>>, asker: Asker, body: Body<NewQuery>) -> HandlerResult {
    let (tenant, query) = (asker.tenant(&console, Right::Read)?, read(body)?);
    let now_ms = console.sessions.now_ms();
    let kept = off_thread(move || console.kept_queries.keep(&tenant, &query, asker.name, now_ms)).await?;
    Ok((StatusCode::CREATED, Json(kept)).into_response())
}

async fn delete_query(State(console): State<Arc<ConsoleState>>, asker: Asker, Path(id): Path<String>) -> HandlerResult {
    let tenant = asker.tenant(&console, Right::Operate)?;
    let known = id.clone();
    match off_thread(move || console.kept_queries.delete(&tenant, &known)).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(no_query(&id)),
    }
}

/// Runs what waits for a disk where waiting holds nobody up.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let stopped = |_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the observatory is stopping");
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}
