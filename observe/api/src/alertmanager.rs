//! Alertmanager's API v2 and its management paths, as amtool, Prometheus and Grafana know them.
//!
//! What answers is behind [`Alerting`]. Errors are a bare JSON text. Alerts are told by who may write; all else is the whole installation's
//! affair, and asks for the right to operate.
//!
//! Source: prometheus/alertmanager `api/v2/openapi.yaml` and `docs/management_api.md`.

mod form;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use regex::Regex;
use serde::de::DeserializeOwned;
use serde_json::json;
use vitrine_kit::clock::rfc3339;
use vitrine_observe_routing::{
    AlertFilter, Alerting, Matcher, PostedAlert, ReceiverTestError, Silence, SilenceError, SilenceState, TellError,
    meets_filter,
};
use vitrine_observe_store::{Access, Right};
use vitrine_platform_http::{Refusal, RequestInfo, plain_bodies, with_error_format};

use crate::error::Error;
use crate::params::{Pairs, get_all};
use crate::queries::tenant_of;
use form::{AlertForm, GroupForm, IntegrationTestForm, PostedAlertForm, PostedSilenceForm, ReceiverForm, SilenceForm};

/// Largest body. Prometheus sends some hundred alerts at a time.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Largest pattern of receivers, in bytes of its program.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// The version whose behaviour this has: clients look at it.
const VERSION: &str = "0.34.0";

/// What is not answered, and how that is said.
enum Wrong {
    /// With a status and a text.
    Said(StatusCode, String),
    /// Who asks may not.
    Denied(Error),
}

impl Wrong {
    fn bad(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::BAD_REQUEST, text.into())
    }
}

impl From<TellError> for Wrong {
    fn from(error: TellError) -> Self {
        let status = match &error {
            TellError::Refused(_) | TellError::Silence(SilenceError::Invalid(_)) => StatusCode::BAD_REQUEST,
            TellError::Silence(SilenceError::NotFound) => StatusCode::NOT_FOUND,
            TellError::NotKept(_) | TellError::Config(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::Said(status, error.to_string())
    }
}

impl From<ReceiverTestError> for Wrong {
    fn from(error: ReceiverTestError) -> Self {
        let status = match &error {
            ReceiverTestError::NotFound => StatusCode::NOT_FOUND,
            ReceiverTestError::Busy => StatusCode::TOO_MANY_REQUESTS,
            ReceiverTestError::Ended(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::Said(status, error.to_string())
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        match self {
            Self::Said(status, text) => (status, Json(text)).into_response(),
            Self::Denied(error) => error.respond(Json(error.to_string())),
        }
    }
}

type Handled = Result<Response, Wrong>;

#[derive(Clone)]
struct AlertmanagerState {
    alerting: Arc<dyn Alerting>,
    access: Access,
}

impl AlertmanagerState {
    fn check(&self, right: Right, headers: &HeaderMap) -> Result<(), Wrong> {
        tenant_of(&self.access, right, headers).map(drop).map_err(|denied| Wrong::Denied(denied.into()))
    }
}

/// API v2 and the management paths, at the root as they are on port 9093.
pub fn alertmanager_router(alerting: Arc<dyn Alerting>, access: Access) -> Router {
    let router = Router::new()
        .route("/api/v2/status", get(status))
        .route("/api/v2/receivers", get(receivers))
        .route("/api/v2/receivers/{name}/test", post(test_receiver))
        .route("/api/v2/silences", get(silences).post(set_silence))
        .route("/api/v2/silence/{id}", get(silence).delete(expire_silence))
        .route("/api/v2/alerts", get(alerts).post(tell_alerts))
        .route("/api/v2/alerts/groups", get(groups))
        .route("/-/healthy", get(async || "OK"))
        .route("/-/ready", get(async || "OK"))
        .route("/-/reload", post(reload))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(AlertmanagerState { alerting, access });
    with_error_format(plain_bodies(router), alertmanager_errors)
}

/// How refusals are said there.
pub fn alertmanager_errors(_: &RequestInfo, refusal: &Refusal) -> Response {
    Wrong::Said(refusal.status, format!("{}: expected {}", refusal.message, refusal.expected)).into_response()
}

/// An answer that nobody keeps.
fn fresh(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn status(State(shared): State<AlertmanagerState>, headers: HeaderMap) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let status = shared.alerting.status();
    let version = env!("CARGO_PKG_VERSION");
    Ok(fresh(Json(json!({
        "cluster": { "status": "disabled", "peers": [] },
        "config": { "original": status.config },
        "uptime": rfc3339(status.started_at),
        "versionInfo": {
            "version": VERSION,
            "revision": version,
            "branch": "vitrine",
            "buildUser": "vitrine",
            "buildDate": "",
            "goVersion": "",
        },
    }))))
}

async fn receivers(State(shared): State<AlertmanagerState>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let matchers = matchers(&pairs, "receiver_matchers")?;
    let all = shared.alerting.receivers().into_iter();
    let found: Vec<ReceiverForm> =
        all.filter(|receiver| meets_filter(&matchers, &receiver.labels)).map(ReceiverForm::from).collect();
    Ok(fresh(Json(found)))
}

/// Not of Alertmanager's API: a person wants to know whether a receiver is told.
async fn test_receiver(
    State(shared): State<AlertmanagerState>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let tests = shared.alerting.test_receiver(name).await?;
    let integrations: Vec<IntegrationTestForm> = tests.into_iter().map(IntegrationTestForm::from).collect();
    Ok(fresh(Json(json!({ "integrations": integrations }))))
}

async fn alerts(State(shared): State<AlertmanagerState>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let found = shared.alerting.alerts(&filter(&pairs)?);
    Ok(fresh(Json(found.into_iter().map(AlertForm::from).collect::<Vec<_>>())))
}

async fn groups(State(shared): State<AlertmanagerState>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let found = shared.alerting.groups(&filter(&pairs)?);
    Ok(fresh(Json(found.into_iter().map(GroupForm::from).collect::<Vec<_>>())))
}

async fn tell_alerts(State(shared): State<AlertmanagerState>, headers: HeaderMap, body: Bytes) -> Handled {
    shared.check(Right::Write, &headers)?;
    let posted: Vec<PostedAlertForm> = read(&headers, &body, "a list of alerts")?;
    let alerts = posted.into_iter().map(PostedAlert::try_from).collect::<Result<Vec<_>, _>>().map_err(Wrong::bad)?;
    shared.alerting.tell_alerts(alerts).await?;
    Ok(fresh(StatusCode::OK))
}

async fn silences(State(shared): State<AlertmanagerState>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let matchers = matchers(&pairs, "filter")?;
    let mut wanted = Vec::new();
    for (name, state) in
        [("active", SilenceState::Active), ("pending", SilenceState::Pending), ("expired", SilenceState::Expired)]
    {
        if flag(&pairs, name)? {
            wanted.push(state);
        }
    }
    let now = shared.alerting.now_ms();
    let mut found: Vec<Silence> = shared.alerting.silences();
    // A silence is found by the matchers that it has, not by alerts that it would match.
    let has_all =
        |silence: &Silence| silence.matcher_sets.iter().any(|set| matchers.iter().all(|matcher| set.contains(matcher)));
    found.retain(|silence| wanted.contains(&silence.state(now)) && has_all(silence));
    // Those that end next, then those that begin next, then those that ended last.
    found.sort_by_key(|silence| match silence.state(now) {
        SilenceState::Active => (SilenceState::Active, silence.ends_at),
        SilenceState::Pending => (SilenceState::Pending, silence.starts_at),
        SilenceState::Expired => (SilenceState::Expired, -silence.ends_at),
    });
    Ok(fresh(Json(found.into_iter().map(|silence| SilenceForm::of(silence, now)).collect::<Vec<_>>())))
}

async fn silence(State(shared): State<AlertmanagerState>, headers: HeaderMap, Path(id): Path<String>) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let found = shared.alerting.silences().into_iter().find(|silence| silence.id == id);
    let silence = found.ok_or(TellError::Silence(SilenceError::NotFound))?;
    Ok(fresh(Json(SilenceForm::of(silence, shared.alerting.now_ms()))))
}

async fn set_silence(State(shared): State<AlertmanagerState>, headers: HeaderMap, body: Bytes) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let posted: PostedSilenceForm = read(&headers, &body, "a silence")?;
    let silence = Silence::try_from(posted).map_err(Wrong::bad)?;
    let id = shared.alerting.set_silence(silence).await?;
    Ok(fresh(Json(json!({ "silenceID": id }))))
}

async fn expire_silence(
    State(shared): State<AlertmanagerState>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Handled {
    shared.check(Right::Operate, &headers)?;
    shared.alerting.expire_silence(id).await?;
    Ok(fresh(StatusCode::OK))
}

async fn reload(State(shared): State<AlertmanagerState>, headers: HeaderMap) -> Handled {
    shared.check(Right::Operate, &headers)?;
    let reloaded = shared.alerting.reload().await;
    reloaded
        .map_err(|error| Wrong::Said(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error}")))?;
    Ok(fresh(StatusCode::OK))
}

/// Reads a body as JSON. Only what says that it is JSON is taken: a page of any site may send other types without asking first.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], expected: &str) -> Result<T, Wrong> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        let text = format!("unsupported media type {given:?}, only [application/json] are allowed");
        return Err(Wrong::Said(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value =
        T::deserialize(&mut reader).map_err(|error| Wrong::bad(format!("expected {expected} as JSON: {error}")))?;
    reader.end().map_err(|error| Wrong::bad(format!("expected {expected} as JSON: {error}")))?;
    Ok(value)
}

fn matchers(pairs: &Pairs, name: &'static str) -> Result<Vec<Matcher>, Wrong> {
    let read =
        |text| Matcher::parse(text).map_err(|error| Wrong::bad(format!("failed to parse {name} param: {error}")));
    get_all(pairs, name).map(read).collect()
}

/// Whether something is asked for; it is where nothing is said.
fn flag(pairs: &Pairs, name: &'static str) -> Result<bool, Wrong> {
    match get_all(pairs, name).next() {
        None => Ok(true),
        Some(_) => crate::params::flag(pairs, name).map_err(|error| Wrong::bad(error.to_string())),
    }
}

fn filter(pairs: &Pairs) -> Result<AlertFilter, Wrong> {
    let receiver = get_all(pairs, "receiver").next().map(|pattern| {
        let built = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(MAX_PATTERN_BYTES).build();
        built.map_err(|error| Wrong::bad(format!("failed to parse receiver param: {error}")))
    });
    let receiver: Option<Regex> = receiver.transpose()?;
    Ok(AlertFilter {
        matchers: matchers(pairs, "filter")?,
        active: flag(pairs, "active")?,
        silenced: flag(pairs, "silenced")?,
        inhibited: flag(pairs, "inhibited")?,
        unprocessed: flag(pairs, "unprocessed")?,
        muted: flag(pairs, "muted")?,
        receiver,
        receiver_matchers: matchers(pairs, "receiver_matchers")?,
    })
}
