//! Faults over HTTP: armed, ended, stopped, and looked at. Who looks knows the cause, so looking needs the same right.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vitrine_platform_faults::demo::{DEMO, DemoFlag};
use vitrine_platform_faults::{At, Fault, Refusal};
use vitrine_platform_http::{Query, Reply};

use super::control::{FaultControl, NotDone};
use super::incident::{Incident, State as IncidentState};
use crate::admin::{Failed, Replied, Why, json_reply};
use crate::flag_store::Error;
use crate::operation::Author;
use crate::service::FlagService;

/// How long a fault of the demo lives where nothing else is said, in seconds. The demo's own have no end.
pub(super) const DEMO_TTL_S: u32 = 600;

pub(crate) fn routes() -> Router<FlagService> {
    Router::new()
        .route("/api/v1/faults", get(list).post(start))
        .route("/api/v1/faults/sites", get(sites))
        .route("/api/v1/faults/demo", get(demo))
        .route("/api/v1/faults/demo/{key}/{variant}", post(start_demo))
        .route("/api/v1/faults/stop", post(stop_all))
        .route("/api/v1/faults/release", post(release))
        .route("/api/v1/faults/{id}", get(show).delete(end))
        .route("/api/v1/faults/{id}/hits", get(hits))
}

impl From<NotDone> for Failed {
    fn from(not_done: NotDone) -> Self {
        let text = not_done.to_string();
        match not_done {
            NotDone::Refused(refusals) => {
                let places: Vec<Value> = refusals.iter().map(refusal).collect();
                let reply = Reply::new(StatusCode::BAD_REQUEST, "INVALID_FAULT", &text);
                let reply = refusals
                    .first()
                    .map_or_else(|| reply.clone(), |first| reply.clone().at(&first.place, &first.expected));
                Self::Reply(reply.with_member("refusals", places.into()))
            }
            NotDone::Stopped { .. } => Self::Reply(Reply::new(StatusCode::CONFLICT, "FAULTS_STOPPED", &text)),
            NotDone::Over(_) => Self::Reply(Reply::new(StatusCode::CONFLICT, "FAULT_OVER", &text)),
            NotDone::Failed(error) => error.into(),
        }
    }
}

fn refusal(refusal: &Refusal) -> Value {
    json!({"place": refusal.place, "message": refusal.message, "expected": refusal.expected})
}

/// An incident, and how it stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IncidentBody<'a> {
    state: IncidentState,
    /// What it does, on a line.
    effect: String,
    eligible: u64,
    hit: u64,
    /// It is at work, and says that it hit nothing for a while.
    hits_nothing: bool,
    /// Hits that are counted and not known one by one.
    overflow: u64,
    over_ns: i64,
    #[serde(flatten)]
    incident: &'a Incident,
}

fn body(incident: &Incident) -> IncidentBody<'_> {
    let (eligible, hit) = incident.hits();
    let hits_nothing = hit == 0 && incident.processes.values().any(|carrier| carrier.hits_nothing);
    IncidentBody {
        state: incident.state(),
        effect: incident.fault.what.to_string(),
        eligible,
        hit,
        hits_nothing,
        overflow: incident.unlisted(),
        over_ns: incident.over_ns(),
        incident,
    }
}

fn bodies(incidents: &[Incident]) -> Value {
    json!(incidents.iter().map(body).collect::<Vec<_>>())
}

/// The author of a change of faults, and what is changed.
fn may<'a>(service: &'a FlagService, headers: &HeaderMap, why: String) -> Result<(Author, &'a FaultControl), Failed> {
    let who = service.access.check_faults(headers)?;
    Ok((Author { who, why }, &service.faults))
}

/// What can be looked at with this token.
fn looked_at<'a>(service: &'a FlagService, headers: &HeaderMap) -> Result<&'a FaultControl, Failed> {
    service.access.check_faults(headers)?;
    Ok(&service.faults)
}

async fn list(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    let control = looked_at(&service, &headers)?;
    let answer = json!({
        "stopped": control.stopped(),
        "processes": control.processes().len(),
        "faults": bodies(&control.incidents()),
    });
    Ok(json_reply(&answer))
}

async fn start(
    State(service): State<FlagService>,
    Query(why): Query<Why>,
    headers: HeaderMap,
    document: axum::body::Bytes,
) -> Replied {
    let (author, control) = may(&service, &headers, why.why)?;
    let fault = Fault::from_json(&document).map_err(|refusal| NotDone::Refused(vec![refusal]))?;
    started(control, &author, vec![fault]).await
}

/// The first is the answer; all are in `faults`, for a flag of the demo may stand for several.
async fn started(control: &FaultControl, author: &Author, faults: Vec<Fault>) -> Replied {
    let started = control.start(author, faults).await?;
    let ids: Vec<u64> = started.iter().map(|incident| incident.id).collect();
    let answer = json!({"id": ids.first(), "faults": bodies(&started)});
    let mut response = json_reply(&answer);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn show(State(service): State<FlagService>, Path(id): Path<u64>, headers: HeaderMap) -> Replied {
    let control = looked_at(&service, &headers)?;
    Ok(json_reply(&body(&control.incident(id).await?)))
}

async fn end(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Replied {
    let (author, control) = may(&service, &headers, why.why)?;
    Ok(json_reply(&body(&control.end(&author, id).await?)))
}

async fn hits(State(service): State<FlagService>, Path(id): Path<u64>, headers: HeaderMap) -> Replied {
    let control = looked_at(&service, &headers)?;
    control.incident(id).await?;
    let list = control.hits(id);
    Ok(json_reply(&json!({"hits": list.hits, "overflow": list.overflow})))
}

async fn stop_all(State(service): State<FlagService>, Query(why): Query<Why>, headers: HeaderMap) -> Replied {
    let (author, control) = may(&service, &headers, why.why)?;
    let ended = control.stop_all(&author).await?;
    Ok(json_reply(&json!({"ended": ended, "stopped": control.stopped()})))
}

async fn release(State(service): State<FlagService>, Query(why): Query<Why>, headers: HeaderMap) -> Replied {
    let (author, control) = may(&service, &headers, why.why)?;
    control.release(&author).await?;
    Ok(json_reply(&json!({"stopped": control.stopped()})))
}

/// Where faults can act now, and which.
async fn sites(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    let control = looked_at(&service, &headers)?;
    let carries: serde_json::Map<String, Value> =
        At::ALL.into_iter().map(|at| (at.name().to_owned(), at.carries().into())).collect();
    Ok(json_reply(&json!({"carries": carries, "processes": control.processes()})))
}

/// The faults of the OpenTelemetry Demo.
async fn demo(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    looked_at(&service, &headers)?;
    let flag = |flag: &DemoFlag| {
        let variants: Vec<&str> = flag.variants.iter().map(|(name, _)| *name).collect();
        json!({"key": flag.key, "variants": variants, "default": flag.default, "does": flag.does})
    };
    Ok(json_reply(&json!({"flags": DEMO.iter().map(flag).collect::<Vec<_>>()})))
}

/// How a fault of the demo is armed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoQuery {
    why: String,
    ttl_s: Option<u32>,
}

async fn start_demo(
    State(service): State<FlagService>,
    Path((key, variant)): Path<(String, String)>,
    Query(query): Query<DemoQuery>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let (author, control) = may(&service, &headers, query.why)?;
    let faults = demo_faults(&key, &variant, query.ttl_s.unwrap_or(DEMO_TTL_S))?;
    started(control, &author, faults).await
}

/// What a variant of a flag of the demo stands for.
pub(super) fn demo_faults(key: &str, variant: &str, ttl_s: u32) -> Result<Vec<Fault>, Error> {
    let flag = DemoFlag::of(key).ok_or_else(|| Error::NotFound(format!("the demo has no flag {key:?}")))?;
    let variants = || flag.variants.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let faults = flag
        .faults(variant, ttl_s)
        .ok_or_else(|| Error::NotFound(format!("{key} has no variant {variant:?}: expected one of {}", variants())))?;
    match faults.is_empty() {
        true => Err(Error::Invalid(format!("{key} = {variant} is no fault: nothing is armed by it"))),
        false => Ok(faults),
    }
}
