//! The operators' API: flags listed, read, written, explained, taken back, imported and exported, and tokens.
//!
//! A change says which revision of the flag its author read (`revision`, 0 for one that is new) and why (`why`). The body of a write is the
//! definition itself, so that the line and column of a mistake are those of what was sent.

mod bodies;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete as delete_at, get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use vitrine_flags_engine::Mode;
use vitrine_flags_engine::json as source;
use vitrine_platform_http::{Json, Query, Reply};

use crate::access::Denied;
use crate::flag_store::{Author, Error, Import, Written};
use crate::role::Role;
use crate::service::FlagService;
use bodies::{EntryBody, FlagBody, definition_value};

/// Entries of the history without `limit`.
const USUAL_ENTRIES: usize = 50;

pub(crate) fn routes() -> Router<FlagService> {
    Router::new()
        .route("/api/v1/flags", get(list))
        .route("/api/v1/flags/{key}", get(show).put(write).delete(delete))
        .route("/api/v1/flags/{key}/state", post(switch))
        .route("/api/v1/flags/{key}/explain", post(explain))
        .route("/api/v1/flags/{key}/history", get(flag_history))
        .route("/api/v1/shared", get(shared).put(write_shared))
        .route("/api/v1/history", get(history))
        .route("/api/v1/history/verify", get(verify))
        .route("/api/v1/history/{revision}/undo", post(undo))
        .route("/api/v1/export", get(export))
        .route("/api/v1/import", post(import))
        .route("/api/v1/tokens", get(tokens).post(give))
        .route("/api/v1/tokens/{name}", delete_at(take_back))
}

/// Why a request is refused.
pub(crate) enum Failed {
    Reply(Reply),
    /// A conflict says what is there now.
    Conflict(Reply, serde_json::Value),
}

impl From<Denied> for Failed {
    fn from(denied: Denied) -> Self {
        let reason = if denied == Denied::Unauthenticated { "UNAUTHENTICATED" } else { "PERMISSION_DENIED" };
        Self::Reply(Reply::new(denied.status(), reason, &denied.to_string()))
    }
}

impl From<Reply> for Failed {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let reply = |status, reason| Self::Reply(Reply::new(status, reason, &text));
        match &error {
            Error::Refused { .. } => reply(StatusCode::BAD_REQUEST, "INVALID_DEFINITION"),
            Error::Invalid(_) => reply(StatusCode::BAD_REQUEST, "INVALID_REQUEST"),
            Error::NotFound(_) => reply(StatusCode::NOT_FOUND, "NOT_FOUND"),
            Error::InUse(_) => reply(StatusCode::CONFLICT, "IN_USE"),
            Error::Conflict { current, definition, .. } => {
                let current = json!({"revision": current, "definition": definition.as_deref().map(definition_value)});
                Self::Conflict(Reply::new(StatusCode::CONFLICT, "REVISION_MISMATCH", &text), current)
            }
            Error::Store(cause) => {
                tracing::error!(error = %cause, "a change of flags could not be kept");
                reply(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
            }
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Self::Reply(reply) => reply.into_response(),
            Self::Conflict(reply, current) => reply.with_member("current", current).into_response(),
        }
    }
}

pub(crate) type Replied = Result<Response, Failed>;

/// A reply as JSON.
pub(crate) fn json_reply(value: &impl Serialize) -> Response {
    let body = serde_json::to_string(value).expect("answers hold nothing that is no JSON");
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// What a change says of itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    revision: u64,
    why: String,
}

/// What a change says that is of no flag's revision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    pub(crate) why: String,
}

fn author(service: &FlagService, headers: &HeaderMap, why: String) -> Result<Author, Denied> {
    Ok(Author { who: service.access.check(headers, Role::Operator)?, why })
}

pub(crate) fn text(body: &[u8]) -> Result<&str, Reply> {
    std::str::from_utf8(body).map_err(|error| {
        Reply::new(StatusCode::BAD_REQUEST, "INVALID_BODY", &format!("the body is not UTF-8: {error}"))
            .at("body", "UTF-8")
    })
}

async fn list(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let flags: Vec<FlagBody> = now.snapshot.flags().filter_map(|flag| FlagBody::of(&now, flag.key())).collect();
    Ok(json_reply(&json!({"revision": now.revision, "changedMs": now.changed_ms, "flags": flags})))
}

async fn show(State(service): State<FlagService>, Path(key): Path<String>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let answer = FlagBody::of(&now, &key).ok_or_else(|| Error::NotFound(format!("there is no flag {key:?}")))?;
    Ok(json_reply(&answer))
}

async fn write(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Replied {
    let author = author(&service, &headers, about.why)?;
    Ok(json_reply(&service.flags.set(author, &key, text(&body)?, about.revision).await?))
}

async fn delete(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(about): Query<About>,
    headers: HeaderMap,
) -> Replied {
    let author = author(&service, &headers, about.why)?;
    Ok(json_reply(&service.flags.delete(author, &key, about.revision).await?))
}

/// A state that is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    enabled: bool,
}

async fn switch(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(about): Query<About>,
    headers: HeaderMap,
    Json(switch): Json<Switch>,
) -> Replied {
    let author = author(&service, &headers, about.why)?;
    Ok(json_reply(&service.flags.set_state(author, &key, switch.enabled, about.revision).await?))
}

/// Takes a context as OFREP does, and tells why the flag has its value for it.
async fn explain(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let body = text(&body)?;
    let invalid = |message: String| {
        Reply::new(StatusCode::BAD_REQUEST, "INVALID_BODY", &message).at("body", "{\"context\": {…}}")
    };
    let request = source::read(if body.trim().is_empty() { "{}" } else { body })
        .map_err(|malformed| invalid(malformed.refuse(&source::Lines::new(body)).to_string()))?;
    let none = source::Json { at: 0, end: 0, kind: source::Kind::Null };
    let context = request.get("context").unwrap_or(&none);
    if !matches!(context.kind, source::Kind::Map(_) | source::Kind::Null) {
        return Err(invalid(format!("context is an object, and here is {}", context.what())).into());
    }
    let explained = service.flags.current().snapshot.explain(&key, context, service.flags.now_s());
    let explained = explained.map_err(|error| Error::NotFound(error.to_string()))?;
    Ok(json_reply(&explained))
}

/// How much of the history.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Part {
    limit: Option<usize>,
}

async fn flag_history(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(part): Query<Part>,
    headers: HeaderMap,
) -> Replied {
    history_reply(&service, &headers, Some(&key), &part).await
}

async fn history(State(service): State<FlagService>, Query(part): Query<Part>, headers: HeaderMap) -> Replied {
    history_reply(&service, &headers, None, &part).await
}

async fn history_reply(service: &FlagService, headers: &HeaderMap, key: Option<&str>, part: &Part) -> Replied {
    service.access.check(headers, Role::Viewer)?;
    let entries = service.flags.history(key, part.limit.unwrap_or(USUAL_ENTRIES)).await?;
    let entries: Vec<EntryBody> = entries.into_iter().map(EntryBody::from).collect();
    Ok(json_reply(&json!({"entries": entries})))
}

async fn verify(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    Ok(json_reply(&service.flags.verify().await?))
}

async fn undo(
    State(service): State<FlagService>,
    Path(revision): Path<u64>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Replied {
    let author = author(&service, &headers, why.why)?;
    Ok(json_reply(&service.flags.undo(author, revision).await?))
}

async fn shared(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let (definition, revision) = now.shared();
    Ok(json_reply(&json!({"revision": revision, "definition": definition_value(definition)})))
}

async fn write_shared(
    State(service): State<FlagService>,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Replied {
    let author = author(&service, &headers, about.why)?;
    Ok(json_reply(&service.flags.set_shared(author, text(&body)?, about.revision).await?))
}

async fn export(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let body = service.flags.current().export();
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// How a definition is taken in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Taking {
    why: String,
    /// Flags that it does not name are deleted.
    #[serde(default)]
    replace: bool,
    /// What flagd takes though it cannot work is taken, too.
    #[serde(default)]
    lenient: bool,
}

async fn import(
    State(service): State<FlagService>,
    Query(taking): Query<Taking>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Replied {
    let author = author(&service, &headers, taking.why)?;
    let import = if taking.replace { Import::Replace } else { Import::Merge };
    let mode = if taking.lenient { Mode::Lenient } else { Mode::Strict };
    let written: Written = service.flags.import(author, text(&body)?, import, mode).await?;
    Ok(json_reply(&written))
}

async fn tokens(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Admin)?;
    Ok(json_reply(&json!({"tokens": service.access.tokens()})))
}

/// A token that is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    name: String,
    role: Role,
    #[serde(default)]
    faults: bool,
}

async fn give(State(service): State<FlagService>, headers: HeaderMap, Json(wanted): Json<TokenRequest>) -> Replied {
    service.access.check(&headers, Role::Admin)?;
    let token = service.access.give(&wanted.name, wanted.role, wanted.faults).await?;
    let answer = json!({"name": wanted.name, "role": wanted.role, "faults": wanted.faults, "token": token});
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], json_reply(&answer)).into_response())
}

async fn take_back(State(service): State<FlagService>, Path(name): Path<String>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Admin)?;
    service.access.take_back(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
