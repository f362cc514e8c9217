//! The operators' API: flags listed, read, written, explained, taken back, imported and exported, and tokens.
//!
//! Whatever names no set (`set`) is about the default set.

mod bodies;
mod plans;
mod requests;
mod segments;
mod sets;
mod writes;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete as delete_at, get, post, put};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use vitrine_flags_engine::json as source;
use vitrine_platform_http::{Json, Query, Reply};

use crate::access::{Denied, Grant};
use crate::flag_store::{Error, InForce, SetInForce};
use crate::operation::Author;
use crate::role::Role;
use crate::service::FlagService;
pub(crate) use bodies::FlagBody;
use bodies::{EntryBody, definition_value};

/// Entries of the history without `limit`.
const USUAL_ENTRIES: usize = 50;

pub(crate) fn routes() -> Router<FlagService> {
    Router::new()
        .route("/api/v1/flags/{key}", get(show).put(writes::write).delete(writes::delete))
        .route("/api/v1/flags/{key}/state", post(writes::switch))
        .route("/api/v1/flags/{key}/archive", post(writes::archive))
        .route("/api/v1/flags/{key}/explain", post(explain))
        .route("/api/v1/flags/{key}/history", get(flag_history))
        .route("/api/v1/shared", get(shared).put(writes::share))
        .route("/api/v1/history", get(history))
        .route("/api/v1/history/verify", get(verify))
        .route("/api/v1/history/{revision}/undo", post(writes::undo))
        .route("/api/v1/export", get(export))
        .route("/api/v1/import", post(writes::import))
        .route("/api/v1/sets", get(sets::list))
        .route("/api/v1/sets/compare", get(sets::compare))
        .route("/api/v1/promote", post(writes::promote))
        .route("/api/v1/flags/{key}/rollout", post(writes::roll_out))
        .route("/api/v1/rollouts", get(plans::roll_outs))
        .route("/api/v1/rollouts/{id}/{act}", post(plans::act_on_roll_out))
        .route("/api/v1/segments", get(segments::list))
        .route("/api/v1/segments/{name}", put(segments::write).delete(segments::delete))
        .route("/api/v1/file", get(plans::file))
        .route("/api/v1/requests", get(requests::list))
        .route("/api/v1/requests/{id}", put(requests::amend))
        .route("/api/v1/requests/{id}/approve", post(requests::approve))
        .route("/api/v1/requests/{id}/reject", post(requests::reject))
        .route("/api/v1/schedules", get(plans::schedules))
        .route("/api/v1/schedules/{id}", delete_at(plans::cancel_schedule))
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
            Error::Protected(_) => reply(StatusCode::FORBIDDEN, "PROTECTED"),
            Error::Conflict { current, definition, .. } => {
                let current = json!({"revision": current, "definition": definition.as_deref().map(definition_value)});
                Self::Conflict(Reply::new(StatusCode::CONFLICT, "REVISION_MISMATCH", &text), current)
            }
            Error::NotTaken(_) => reply(StatusCode::BAD_REQUEST, "INVALID_REQUEST"),
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

/// What a change says that is of no flag's revision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    pub(crate) why: String,
}

pub(crate) fn author(service: &FlagService, headers: &HeaderMap, why: String) -> Result<Author, Denied> {
    Ok(Author { who: service.access.check(headers, Role::Operator)?, why })
}

pub(crate) fn text(body: &[u8]) -> Result<&str, Reply> {
    std::str::from_utf8(body).map_err(|error| {
        Reply::new(StatusCode::BAD_REQUEST, "INVALID_BODY", &format!("the body is not UTF-8: {error}"))
            .at("body", "UTF-8")
    })
}

/// Which set a question is about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InSet {
    set: String,
}

/// The set that a question is about. The default set is always there.
pub(crate) fn set_of<'n>(now: &'n InForce, name: &str) -> Result<&'n SetInForce, Error> {
    now.set(name).map(Arc::as_ref).ok_or_else(|| Error::NotFound(format!("there is no set {name:?}")))
}

async fn show(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(asked): Query<InSet>,
    headers: HeaderMap,
) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let set = set_of(&now, &asked.set)?;
    let answer = FlagBody::of(set, &key).ok_or_else(|| Error::NotFound(format!("there is no flag {key:?}")))?;
    Ok(json_reply(&answer))
}

/// Takes a context as OFREP does, and tells why the flag has its value for it.
async fn explain(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(asked): Query<InSet>,
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
    let now = service.flags.current();
    let explained = set_of(&now, &asked.set)?.snapshot.explain(&key, context, service.flags.now_s());
    let explained = explained.map_err(|error| Error::NotFound(error.to_string()))?;
    Ok(json_reply(&explained))
}

/// How much of the history.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Part {
    limit: Option<usize>,
    /// The set of the flag.
    set: String,
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
    let entries = service.flags.history_of(&part.set, key, part.limit.unwrap_or(USUAL_ENTRIES)).await?;
    let entries: Vec<EntryBody> = entries.into_iter().map(EntryBody::from).collect();
    Ok(json_reply(&json!({"entries": entries})))
}

async fn verify(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    Ok(json_reply(&service.flags.verify().await?))
}

async fn shared(State(service): State<FlagService>, Query(asked): Query<InSet>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let (definition, revision) = set_of(&now, &asked.set)?.shared();
    Ok(json_reply(&json!({"revision": revision, "definition": definition_value(definition)})))
}

async fn export(State(service): State<FlagService>, Query(asked): Query<InSet>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let body = set_of(&service.flags.current(), &asked.set)?.export();
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
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
    /// The set for which alone it evaluates.
    set: Option<String>,
    /// Whether it is for faults, too.
    #[serde(default)]
    faults: bool,
}

async fn give(State(service): State<FlagService>, headers: HeaderMap, Json(wanted): Json<TokenRequest>) -> Replied {
    service.access.check(&headers, Role::Admin)?;
    let TokenRequest { name, role, set, faults } = wanted;
    let token = service.access.give_with(&name, role, Grant { set: set.clone(), faults }).await?;
    let answer = json!({"name": name, "role": role, "set": set, "faults": faults, "token": token});
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], json_reply(&answer)).into_response())
}

async fn take_back(State(service): State<FlagService>, Path(name): Path<String>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Admin)?;
    service.access.take_back(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
