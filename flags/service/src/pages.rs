//! Pages for a person with a browser: plain HTML and CSS, no script. What they change goes the way of all changes.

mod clients;
pub(crate) mod view;

use axum::extract::{Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, extract::Query};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use vitrine_flags_engine::json;
use vitrine_kit::html::PAGE_POLICY;
use vitrine_kit::percent;
use vitrine_platform_http::{Refusal, RequestInfo};

use crate::access::{COOKIE, Denied};
use crate::flag_store::{Author, Error};
use crate::role::Role;
use crate::service::FlagService;

/// Entries on a page.
const MAX_SHOWN: usize = 50;

pub(crate) fn routes() -> Router<FlagService> {
    Router::new()
        .route("/", get(home))
        .route("/flags/{key}", get(flag))
        .route("/flags/{key}/state", post(switch))
        .route("/history", get(history))
        .route("/clients", get(clients))
        .route("/history/{revision}/undo", post(undo))
        .route("/sign-in", get(async || page(Ok(view::sign_in(None)))).post(sign_in))
}

/// Why there is no page.
pub(crate) struct Failed(pub(crate) StatusCode, pub(crate) String);

impl From<Denied> for Failed {
    fn from(denied: Denied) -> Self {
        Self(denied.status(), denied.to_string())
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Refused { .. } | Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::InUse(_) | Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Store(cause) => {
                tracing::error!(error = %cause, "a change of flags could not be kept");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self(status, error.to_string())
    }
}

/// A page, or the page that says why there is none. It may load nothing from elsewhere.
pub(crate) fn page(body: Result<String, Failed>) -> Response {
    let mut response = match body {
        Ok(body) => Html(body).into_response(),
        Err(Failed(StatusCode::UNAUTHORIZED, _)) => {
            (StatusCode::UNAUTHORIZED, Html(view::sign_in(None))).into_response()
        }
        Err(Failed(status, message)) => (status, Html(view::problem(&message))).into_response(),
    };
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response
}

/// How refusals around the handlers are said.
pub(crate) fn errors(_asked: &RequestInfo, refusal: &Refusal) -> Response {
    page(Err(Failed(refusal.status, format!("{}: expected {}", refusal.message, refusal.expected))))
}

async fn home(State(service): State<FlagService>, headers: HeaderMap) -> Response {
    let read = || {
        service.access.check(&headers, Role::Viewer)?;
        Ok(view::flags(&service.flags.current()))
    };
    page(read())
}

/// For whom a flag is to be explained.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subject {
    context: Option<String>,
}

async fn flag(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(subject): Query<Subject>,
    headers: HeaderMap,
) -> Response {
    page(flag_page(&service, &key, &subject, &headers).await)
}

async fn flag_page(service: &FlagService, key: &str, subject: &Subject, headers: &HeaderMap) -> Result<String, Failed> {
    service.access.check(headers, Role::Viewer)?;
    let now = service.flags.current();
    let context = subject.context.as_deref().unwrap_or("{}");
    let explained = match json::read(context) {
        Ok(context) => now.snapshot.explain(key, &context, service.flags.now_s()).map_err(|error| error.to_string()),
        Err(malformed) => Err(malformed.refuse(&json::Lines::new(context)).to_string()),
    };
    let entries = service.flags.history(Some(key), MAX_SHOWN).await?;
    let stored = now.stored(key).ok_or_else(|| Error::NotFound(format!("there is no flag {key:?}")))?;
    Ok(view::flag(key, stored, context, explained.as_ref(), &entries))
}

async fn clients(State(service): State<FlagService>, headers: HeaderMap) -> Response {
    let read = || {
        service.access.check(&headers, Role::Viewer)?;
        Ok(clients::clients(&service.flags.current(), &service.clients))
    };
    page(read())
}

async fn history(State(service): State<FlagService>, headers: HeaderMap) -> Response {
    let read = async {
        service.access.check(&headers, Role::Viewer)?;
        Ok(view::history(&service.flags.history(None, MAX_SHOWN).await?))
    };
    page(read.await)
}

/// What the form of a switch sends.
#[derive(Debug, Deserialize)]
struct Switch {
    enabled: bool,
    revision: u64,
    why: String,
}

async fn switch(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Switch>,
) -> Response {
    let change = async {
        let author = Author { who: service.access.check(&headers, Role::Operator)?, why: form.why };
        service.flags.set_state(author, &key, form.enabled, form.revision).await?;
        Ok::<_, Failed>(())
    };
    back(change.await, &format!("/flags/{}", percent::encode(&key)))
}

/// What the form of an undo sends.
#[derive(Debug, Deserialize)]
struct Undo {
    why: String,
}

async fn undo(
    State(service): State<FlagService>,
    Path(revision): Path<u64>,
    headers: HeaderMap,
    Form(form): Form<Undo>,
) -> Response {
    let change = async {
        let author = Author { who: service.access.check(&headers, Role::Operator)?, why: form.why };
        service.flags.undo(author, revision).await?;
        Ok::<_, Failed>(())
    };
    back(change.await, "/history")
}

/// Leads to where the change is seen.
fn back(changed: Result<(), Failed>, to: &str) -> Response {
    match changed {
        Ok(()) => Redirect::to(to).into_response(),
        Err(failed) => page(Err(failed)),
    }
}

/// What the form of the sign-in sends.
#[derive(Debug, Deserialize)]
struct SignIn {
    token: String,
}

async fn sign_in(State(service): State<FlagService>, Form(form): Form<SignIn>) -> Response {
    if service.access.check_token(Some(&form.token), Role::Viewer).is_err() {
        return page(Ok(view::sign_in(Some("that token is not known, or reads no flags"))));
    }
    // Another site's page cannot have it sent along.
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", form.token);
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(_) => page(Ok(view::sign_in(Some("that is no token")))),
    }
}
