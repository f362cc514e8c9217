//! Pages for a person with a browser: plain HTML and CSS, no script. What they change goes the way of all changes.

mod clients;
pub(crate) mod frame;
mod life;
mod plans;
mod requests;
mod segments;
mod sets;
pub(crate) mod view;

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, extract::Query};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use vitrine_flags_engine::json;
use vitrine_kit::html::PAGE_POLICY;
use vitrine_platform_http::{Refusal, RequestInfo};

use crate::access::{COOKIE, Denied};
use crate::flag_store::{Error, InForce, SetInForce, time_of};
use crate::operation::{Author, Operation};
use crate::role::Role;
use crate::service::FlagService;

/// Entries on a page.
const MAX_SHOWN: usize = 50;

pub(crate) fn routes() -> Router<FlagService> {
    life::routes()
        .route("/", get(home))
        .route("/flags/{key}", get(flag))
        .route("/flags/{key}/state", post(switch))
        .route("/sets", get(sets::page_of))
        .route("/sets/promote", post(sets::promote))
        .route("/segments", get(segments::page_of).post(segments::write))
        .route("/requests", get(requests::page_of))
        .route("/requests/{id}/approve", post(requests::approve))
        .route("/requests/{id}/reject", post(requests::reject))
        .route("/planned", get(plans::page_of))
        .route("/flags/{key}/rollout", post(plans::begin_roll_out))
        .route("/planned/rollouts/{id}/{act}", post(plans::act_on_roll_out))
        .route("/planned/schedules/{id}/cancel", post(plans::cancel_schedule))
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
            Error::Refused { .. } | Error::Invalid(_) | Error::NotTaken(_) => StatusCode::BAD_REQUEST,
            Error::InUse(_) | Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Protected(_) => StatusCode::FORBIDDEN,
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

/// Which set is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InSet {
    set: String,
}

fn set_of<'n>(now: &'n InForce, name: &str) -> Result<&'n SetInForce, Failed> {
    let none = || Error::NotFound(format!("there is no set {name:?}"));
    Ok(now.set(name).map(Arc::as_ref).ok_or_else(none)?)
}

async fn home(State(service): State<FlagService>, Query(asked): Query<InSet>, headers: HeaderMap) -> Response {
    let read = || {
        service.access.check(&headers, Role::Viewer)?;
        let now = service.flags.current();
        let file = service.flags.file_status().filter(|_| asked.set.is_empty());
        let file = file.map(|file| view::file(&file, service.flags.now_ms())).unwrap_or_default();
        let set = set_of(&now, &asked.set)?;
        service.flags.registrations().gather();
        Ok(view::flags(&now, (&asked.set, set), &file, service.flags.registrations()))
    };
    page(read())
}

/// For whom a flag is to be explained.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subject {
    context: Option<String>,
    set: String,
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
    let set = set_of(&now, &subject.set)?;
    let explained = match json::read(context) {
        Ok(context) => set.snapshot.explain(key, &context, service.flags.now_s()).map_err(|error| error.to_string()),
        Err(malformed) => Err(malformed.refuse(&json::Lines::new(context)).to_string()),
    };
    let entries = service.flags.history_of(&subject.set, Some(key), MAX_SHOWN).await?;
    let stored = set.stored(key).ok_or_else(|| Error::NotFound(format!("there is no flag {key:?}")))?;
    let roll_out = plans::roll_out_form(&subject.set, key, stored);
    Ok(view::flag((&subject.set, key, stored), context, explained.as_ref(), &roll_out, &entries))
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
    #[serde(default)]
    set: String,
    /// When; at once where it is empty.
    #[serde(default)]
    at: String,
    /// Whether others are to approve it first.
    #[serde(default)]
    propose: bool,
}

async fn switch(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Switch>,
) -> Response {
    change(&service, &headers, form.why, &view::flag_address(&form.set, &key), async |author| {
        let (key, enabled, revision) = (key.clone(), form.enabled, form.revision);
        let operation = Operation::Switch { key, enabled, revision };
        let at_ms = Some(form.at.trim()).filter(|at| !at.is_empty()).map(time_of).transpose()?;
        match at_ms {
            _ if form.propose => drop(service.flags.propose(author, &form.set, operation, at_ms).await?),
            Some(at_ms) => drop(service.flags.schedule(author, &form.set, operation, at_ms).await?),
            None => drop(service.flags.make(author, &form.set, &operation).await?),
        }
        Ok::<_, Failed>(())
    })
    .await
}

/// What a form sends that asks for a reason alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Why {
    pub(crate) why: String,
}

async fn undo(
    State(service): State<FlagService>,
    Path(revision): Path<u64>,
    headers: HeaderMap,
    Form(form): Form<Why>,
) -> Response {
    change(&service, &headers, form.why, "/history", async |author| {
        service.flags.undo(author, revision).await?;
        Ok::<_, Failed>(())
    })
    .await
}

/// Makes a change as whoever asks, if he may, and leads to where it is seen.
async fn change(
    service: &FlagService,
    headers: &HeaderMap,
    why: String,
    to: &str,
    make: impl AsyncFnOnce(Author) -> Result<(), Failed>,
) -> Response {
    let made = async {
        let who = service.access.check(headers, Role::Operator)?;
        make(Author { who, why }).await
    };
    back(made.await, to)
}

/// Leads to where the change is seen.
pub(crate) fn back(changed: Result<(), Failed>, to: &str) -> Response {
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
