//! Pages of faults: armed with a reason, an intensity and a time to live, and ended.

mod view;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use vitrine_platform_faults::{Fault, Refusal};

use super::api::demo_faults;
use super::control::{FaultControl, NotDone};
use crate::operation::Author;
use crate::pages::{Failed, Why, back, page};
use crate::service::FlagService;

/// Where the pages are.
const FAULTS: &str = "/faults";
/// An effect whose amount is not asked for is as large as this.
const EVERY_MS: u32 = 2_000;
/// Most memory that a fault takes that is armed by a form, in MiB.
const CAP_MIB: u32 = 512;

pub(crate) fn routes() -> Router<FlagService> {
    Router::new()
        .route(FAULTS, get(list).post(start))
        .route("/faults/demo", post(start_demo))
        .route("/faults/document", post(start_document))
        .route("/faults/stop", post(stop_all))
        .route("/faults/release", post(release))
        .route("/faults/{id}", get(show))
        .route("/faults/{id}/end", post(end))
}

impl From<NotDone> for Failed {
    fn from(not_done: NotDone) -> Self {
        let text = not_done.to_string();
        match not_done {
            NotDone::Refused(_) => Self(StatusCode::BAD_REQUEST, text),
            NotDone::Stopped { .. } | NotDone::Over(_) => Self(StatusCode::CONFLICT, text),
            NotDone::Failed(error) => error.into(),
        }
    }
}

/// What can be looked at with this token.
fn looked_at<'a>(service: &'a FlagService, headers: &HeaderMap) -> Result<&'a FaultControl, Failed> {
    service.access.check_faults(headers)?;
    Ok(&service.faults)
}

async fn list(State(service): State<FlagService>, headers: HeaderMap) -> Response {
    page(looked_at(&service, &headers).map(|control| view::list(control, service.flags.now_ms())))
}

async fn show(State(service): State<FlagService>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let read = async {
        let control = looked_at(&service, &headers)?;
        Ok(view::incident(&control.incident(id).await?, service.flags.now_ms()))
    };
    page(read.await)
}

/// What the form of a fault sends.
#[derive(Debug, Deserialize)]
struct Built {
    at: String,
    service: String,
    #[serde(default)]
    method: String,
    effect: String,
    #[serde(default)]
    amount: String,
    percent: f64,
    ttl_s: u32,
    why: String,
}

impl Built {
    /// The fault that is meant.
    fn fault(&self) -> Result<Fault, Refusal> {
        let what = self.what()?;
        let names = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let mut target = json!({"at": self.at, "service": names(&self.service)});
        if !names(&self.method).is_empty() {
            target["method"] = json!(names(&self.method));
        }
        let document = json!({
            "what": what,
            "where": target,
            "share": {"rate": self.percent / 100.0},
            "timing": {"ttl_s": self.ttl_s},
            "why": self.why,
        });
        let mut fault = Fault::from_json(document.to_string().as_bytes())?;
        fault.widen();
        Ok(fault)
    }

    /// What it does, with the amount that was said, or the usual one.
    fn what(&self) -> Result<Value, Refusal> {
        let amount = self.amount.trim();
        let number = |usual: f64| match amount {
            "" => Ok(usual),
            text => text.parse::<f64>().map_err(|_| Refusal {
                place: "amount".to_owned(),
                message: format!("{text:?} is no number"),
                expected: "a number, or nothing for the usual one".to_owned(),
            }),
        };
        let whole = |usual: f64| number(usual).map(|n| n.round() as i64);
        Ok(match self.effect.as_str() {
            "delay" => json!({"delay": {"ms": whole(500.0)?}}),
            "error" => json!({"error": {"code": if amount.is_empty() { "UNAVAILABLE" } else { amount }}}),
            "hold" => json!({"hold": {"ms": whole(300.0)?, "every_ms": EVERY_MS}}),
            "hang" => json!({"hang": {}}),
            "reset" => json!({"reset": {}}),
            "lose" => json!({"lose": {"leg": "request"}}),
            "partition" => json!({"partition": {}}),
            "bandwidth" => json!({"bandwidth": {"kib_s": whole(16.0)?}}),
            "duplicate" => json!({"duplicate": {"copies": whole(1.0)?}}),
            "lock" => json!({"lock": {"hold_ms": whole(500.0)?, "every_ms": EVERY_MS}}),
            "cpu" => json!({"cpu": {"cores": number(1.0)?}}),
            "memory" => json!({"memory": {"mib_s": whole(8.0)?, "cap_mib": CAP_MIB}}),
            "surge" => json!({"surge": {"factor": number(5.0)?}}),
            // The others have no amount.
            other => json!(other),
        })
    }
}

async fn start(State(service): State<FlagService>, headers: HeaderMap, Form(built): Form<Built>) -> Response {
    let why = built.why.clone();
    started(&service, &headers, why, || {
        Ok::<_, NotDone>(vec![built.fault().map_err(|refusal| NotDone::Refused(vec![refusal]))?])
    })
    .await
}

/// What the form of the demo's faults sends.
#[derive(Debug, Deserialize)]
struct Demo {
    /// Flag and variant, with `=` between them.
    flag: String,
    ttl_s: u32,
    why: String,
}

async fn start_demo(State(service): State<FlagService>, headers: HeaderMap, Form(demo): Form<Demo>) -> Response {
    started(&service, &headers, demo.why, || {
        let (key, variant) = demo.flag.split_once('=').unwrap_or((&demo.flag, ""));
        demo_faults(key, variant, demo.ttl_s)
    })
    .await
}

/// What the form of a whole document sends.
#[derive(Debug, Deserialize)]
struct Document {
    document: String,
    why: String,
}

async fn start_document(
    State(service): State<FlagService>,
    headers: HeaderMap,
    Form(form): Form<Document>,
) -> Response {
    started(&service, &headers, form.why, || {
        let fault = Fault::from_json(form.document.as_bytes());
        Ok::<_, NotDone>(vec![fault.map_err(|refusal| NotDone::Refused(vec![refusal]))?])
    })
    .await
}

async fn started<E: Into<NotDone>>(
    service: &FlagService,
    headers: &HeaderMap,
    why: String,
    faults: impl FnOnce() -> Result<Vec<Fault>, E>,
) -> Response {
    let start = async {
        let author = Author { who: service.access.check_faults(headers)?, why };
        let faults = faults().map_err(Into::into)?;
        service.faults.start(&author, faults).await?;
        Ok(())
    };
    back(start.await, FAULTS)
}

async fn end(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(form): Form<Why>,
) -> Response {
    changed(&service, &headers, form, async |control, author| control.end(author, id).await.map(drop)).await
}

async fn stop_all(State(service): State<FlagService>, headers: HeaderMap, Form(form): Form<Why>) -> Response {
    changed(&service, &headers, form, async |control, author| control.stop_all(author).await.map(drop)).await
}

async fn release(State(service): State<FlagService>, headers: HeaderMap, Form(form): Form<Why>) -> Response {
    changed(&service, &headers, form, async |control, author| control.release(author).await).await
}

async fn changed(
    service: &FlagService,
    headers: &HeaderMap,
    form: Why,
    change: impl AsyncFnOnce(&FaultControl, &Author) -> Result<(), NotDone>,
) -> Response {
    let change = async {
        let author = Author { who: service.access.check_faults(headers)?, why: form.why };
        change(&service.faults, &author).await?;
        Ok(())
    };
    back(change.await, FAULTS)
}
