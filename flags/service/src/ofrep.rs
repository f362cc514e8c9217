//! OpenFeature's remote evaluation protocol, version 0.3.0: one flag, all flags with an entity tag, and a stream that tells of changes.
//!
//! Bodies are put together from texts that are JSON already: a variant's value goes out as its author wrote its numbers.

mod stream;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use vitrine_flags_engine::json::{self, Json, Kind};
use vitrine_flags_engine::{Evaluation, EvaluationError};
use vitrine_platform_http::{ETag, Refusal, RequestInfo};

use crate::access::Denied;
use crate::flag_store::InForce;
use crate::role::Role;
use crate::selector::Selection;
use crate::service::FlagService;
use crate::streams::PATH;

/// Where one flag is evaluated; its key follows, which may hold slashes.
const ONE: &str = "/ofrep/v1/evaluate/flags/";
/// How long a client may be out of sight before its stream is closed, in seconds.
const INACTIVITY_S: u32 = 120;

pub(crate) fn routes() -> Router<FlagService> {
    Router::new()
        .route("/ofrep/v1/evaluate/flags/{*key}", post(one))
        .route("/ofrep/v1/evaluate/flags", post(all))
        .route(PATH, get(stream::open))
}

/// Why a request is refused.
enum Failed {
    Denied(Denied),
    /// The context cannot be taken: OFREP's code, and what was expected.
    Context(&'static str, String),
    Evaluation(EvaluationError),
}

impl From<Denied> for Failed {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// What a change event says, sent along by the request that it caused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Caused {
    #[serde(rename = "flagConfigEtag")]
    etag: Option<String>,
    #[serde(rename = "flagConfigLastModified")]
    last_modified: Option<String>,
}

impl Caused {
    /// Whether the event told of what is in force here: if not, the client has something else than this process.
    fn is_of(&self, now: &InForce) -> bool {
        let modified = (now.changed_ms / 1_000).to_string();
        self.etag.as_ref().is_none_or(|etag| *etag == now.revision.to_string())
            && self.last_modified.as_ref().is_none_or(|told| *told == modified)
    }
}

async fn one(State(service): State<FlagService>, Path(key): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    match evaluate_one(&service, &key, &headers, &body) {
        Ok(body) => json_response(StatusCode::OK, body),
        Err(failed) => failed.respond(Some(&key)),
    }
}

fn evaluate_one(service: &FlagService, key: &str, headers: &HeaderMap, body: &[u8]) -> Result<String, Failed> {
    service.access.check(headers, Role::Evaluation)?;
    let request = read_request(body)?;
    let context = service.serving.added.around(headers, context_of(&request)?);
    let now = service.flags.current();
    let selected = selection(service, headers)?.choose(&now);
    let set = selected.ok_or_else(|| Failed::Evaluation(EvaluationError::FlagNotFound(key.to_owned())))?;
    let evaluation = set.snapshot.evaluate(key, &context, service.flags.now_s()).map_err(Failed::Evaluation)?;
    service.flags.answered(&evaluation);
    let mut out = String::new();
    write_success(&evaluation, &mut out);
    Ok(out)
}

async fn all(
    State(service): State<FlagService>,
    Query(caused): Query<Caused>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    evaluate_all(&service, &caused, &headers, &body).unwrap_or_else(|failed| failed.respond(None))
}

fn evaluate_all(service: &FlagService, caused: &Caused, headers: &HeaderMap, body: &[u8]) -> Result<Response, Failed> {
    service.access.check(headers, Role::Evaluation)?;
    let request = read_request(body)?;
    let context = service.serving.added.around(headers, context_of(&request)?);
    let now = service.flags.current();
    let selected = selection(service, headers)?.choose(&now);
    let mut out = String::from("{\"flags\":[");
    if let Some(set) = selected {
        for (n, (flag, evaluated)) in set.snapshot.evaluate_all(&context, service.flags.now_s()).enumerate() {
            out.push_str(if n > 0 { "," } else { "" });
            match evaluated {
                Ok(evaluation) => {
                    service.flags.answered(&evaluation);
                    write_success(&evaluation, &mut out);
                }
                Err(error) => out.push_str(&failure(Some(flag.key()), error.code(), &error.to_string())),
            }
        }
    }
    out.push_str("],\"metadata\":");
    out.push_str(&selected.map_or_else(|| "{}".to_owned(), |set| set.snapshot.metadata()));
    // The tag is of what is answered: it changes with the flags, the selector, the context, and with the time where a rule reads it.
    let etag = ETag::of_content(out.as_bytes()).header();
    if caused.is_of(&now) && names(headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    out.push_str(",\"eventStreams\":[{\"type\":\"sse\",\"endpoint\":{\"requestUri\":");
    json::write_text(&service.streams.address(&service.access, service.flags.now_s()), &mut out);
    out.push_str(&format!("}},\"inactivityDelaySec\":{INACTIVITY_S}}}]}}"));
    let mut response = json_response(StatusCode::OK, out);
    response.headers_mut().insert(header::ETAG, etag);
    // No cache between may keep what was evaluated for one subject.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// Whether `If-None-Match` names this tag. A POST is not conditional for HTTP (RFC 9110, section 13.1.2), but it is for OFREP.
fn names(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let etag = etag.as_bytes();
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        // Tags of ours hold no comma.
        value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|tag| {
            let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
            tag == etag || tag == b"*" || Some(tag) == etag.get(1..etag.len() - 1)
        })
    })
}

fn read_request(body: &[u8]) -> Result<Json<'_>, Failed> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Failed::Context("PARSE_ERROR", format!("the body is not UTF-8: {error}")))?;
    // Some clients send nothing at all where there is no context.
    let text = if text.trim_ascii().is_empty() { "{}" } else { text };
    let request = json::read(text).map_err(|malformed| {
        let refused = malformed.refuse(&json::Lines::new(text));
        Failed::Context("PARSE_ERROR", format!("the body is not JSON: {refused}"))
    })?;
    match &request.kind {
        Kind::Map(_) => Ok(request),
        _ => Err(Failed::Context(
            "PARSE_ERROR",
            format!("the body is an object with a context, and here is {}", request.what()),
        )),
    }
}

/// The context; the request itself, in which nothing is found that a rule asks for, where there is none.
fn context_of<'r>(request: &'r Json<'r>) -> Result<&'r Json<'r>, Failed> {
    static NONE: Json<'static> = Json { at: 0, end: 0, kind: Kind::Null };
    let Some(context) = request.get("context") else { return Ok(&NONE) };
    match &context.kind {
        Kind::Null => Ok(&NONE),
        Kind::Map(_) => match context.get("targetingKey").map(|key| (key, &key.kind)) {
            None | Some((_, Kind::Text(_) | Kind::Null)) => Ok(context),
            Some((key, _)) => {
                Err(Failed::Context("INVALID_CONTEXT", format!("targetingKey is a text, and here is {}", key.what())))
            }
        },
        _ => Err(Failed::Context("INVALID_CONTEXT", format!("context is an object, and here is {}", context.what()))),
    }
}

fn selection(service: &FlagService, headers: &HeaderMap) -> Result<Selection, Failed> {
    Selection::of(&service.access, &service.serving.source, headers, "")
        .map_err(|message| Failed::Context("GENERAL", message))
}

/// A success: no value where the caller's own default is to be used. A client in Python needs the variant, also where there is none.
fn write_success(evaluation: &Evaluation<'_>, out: &mut String) {
    out.push_str("{\"key\":");
    json::write_text(evaluation.flag.key(), out);
    if let Some(variant) = evaluation.variant {
        out.push_str(",\"value\":");
        out.push_str(&variant.json);
    }
    out.push_str(",\"reason\":\"");
    out.push_str(evaluation.reason.name());
    out.push_str("\",\"variant\":");
    json::write_text(evaluation.variant.map_or("", |variant| &variant.name), out);
    out.push_str(",\"metadata\":");
    out.push_str(evaluation.metadata);
    out.push('}');
}

fn failure(key: Option<&str>, code: &str, details: &str) -> String {
    let mut out = String::from("{");
    if let Some(key) = key {
        out.push_str("\"key\":");
        json::write_text(key, &mut out);
        out.push(',');
    }
    out.push_str("\"errorCode\":");
    json::write_text(code, &mut out);
    out.push_str(",\"errorDetails\":");
    json::write_text(details, &mut out);
    out.push('}');
    out
}

impl Failed {
    fn respond(self, key: Option<&str>) -> Response {
        match self {
            Self::Denied(denied) => deny(&denied),
            Self::Context(code, details) => json_response(StatusCode::BAD_REQUEST, failure(key, code, &details)),
            Self::Evaluation(error) => {
                let status = match error {
                    EvaluationError::FlagNotFound(_) => StatusCode::NOT_FOUND,
                    _ => StatusCode::BAD_REQUEST,
                };
                json_response(status, failure(key, error.code(), &error.to_string()))
            }
        }
    }
}

/// Refuses a request for its token.
fn deny(denied: &Denied) -> Response {
    let mut response = json_response(denied.status(), failure(None, "GENERAL", &denied.to_string()));
    if *denied == Denied::Unauthenticated {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// How refusals around the handlers are said.
pub(crate) fn errors(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let details = format!("{}: expected {}", refusal.message, refusal.expected);
    json_response(refusal.status, failure(key_of(asked.uri.path()).as_deref(), "GENERAL", &details))
}

/// Refuses a request of a client that asks too much.
pub(crate) fn too_many(path: &str, details: &str) -> Response {
    json_response(StatusCode::TOO_MANY_REQUESTS, failure(key_of(path).as_deref(), "GENERAL", details))
}

/// The key of the flag that a path names.
fn key_of(path: &str) -> Option<String> {
    path.strip_prefix(ONE).map(|key| vitrine_kit::percent::decode(key).unwrap_or_else(|| key.to_owned()))
}

fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
