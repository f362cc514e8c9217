//! Where flags stand in their lives, on pages: a column of the catalogue, and what code declares that is no flag yet.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Router, http::HeaderMap};
use serde::Deserialize;
use vitrine_kit::clock::rfc3339;
use vitrine_kit::html::escape;
use vitrine_kit::percent;

use super::frame::WHY;
use super::{Failed, Why, change};
use crate::flag_store::{DEFAULT_SET, InForce, SetInForce};
use crate::operation::Operation;
use crate::registrations::Registrations;
use crate::service::FlagService;

pub(super) fn routes() -> Router<FlagService> {
    Router::new().route("/declarations/{key}/create", post(create)).route("/flags/{key}/archive", post(archive))
}

/// The cell of a flag: its stage, who reads it, what it is for, and in what code and catalogue differ.
pub(super) fn cell(registrations: &Registrations, name: &str, set: &SetInForce, key: &str) -> String {
    // Code reads the flags of the default set.
    let Some(life) = Some(name).filter(|name| *name == DEFAULT_SET).and_then(|_| registrations.life(set, key)) else {
        return String::new();
    };
    let stage = life.stage.name();
    let mut out = if life.stage.is_stale() { format!("<b class=bad>{stage}</b>") } else { stage.to_owned() };
    out.push_str(&format!(" <span class=soft>{}", life.kind.name()));
    if !life.owners.is_empty() {
        out.push_str(&format!(", read by {}", escape(&life.owners.join(", "))));
    }
    if let (Some(last), Some(reader)) = (life.last_read_ms, &life.last_reader) {
        out.push_str(&format!("; {} reads, last by {} at {}", life.reads, escape(reader), rfc3339(last)));
    }
    out.push_str("</span>");
    if let Some(purpose) = &life.purpose {
        out.push_str(&format!("<br>{}", escape(purpose)));
    }
    for drift in &life.drift {
        out.push_str(&format!("<br><span class=soft>{}</span>", escape(drift)));
    }
    out
}

/// What code declares and the catalogue does not know, each with the way to make a flag of it.
pub(super) fn unknown(registrations: &Registrations, now: &InForce) -> String {
    let unknown = registrations.unknown_to(now);
    if unknown.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<h2>Declared by code, unknown to the catalogue</h2><div class=panel><table><thead><tr><th>Flag<th>Type<th>Read by<th>What for<th></tr></thead><tbody>",
    );
    for doc in unknown {
        let declaration = &doc.declaration;
        out.push_str(&format!(
            "<tr><td><b>{}</b><td>{}<td>{}<td>{}<td><form class=ask method=post action=\"/declarations/{}/create\">\
             {WHY}<button>Create</button></form></tr>",
            escape(&declaration.key),
            declaration.flag_type.name(),
            escape(&declaration.owner),
            escape(&declaration.purpose),
            percent::encode(&declaration.key)
        ));
    }
    out.push_str("</tbody></table></div>");
    out
}

/// The form that archives a flag.
pub(super) fn archive_form(set: &str, key: &str, revision: u64) -> String {
    format!(
        "<form class=ask method=post action=\"/flags/{}/archive\"><input type=hidden name=revision value={revision}>\
         <input type=hidden name=set value=\"{}\">\
         {WHY}<button>Archive</button></form>",
        percent::encode(key),
        escape(set)
    )
}

async fn create(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Why>,
) -> Response {
    change(&service, &headers, form.why, &format!("/flags/{}", percent::encode(&key)), async |author| {
        service.flags.create_declared(author, &key).await?;
        Ok::<_, Failed>(())
    })
    .await
}

/// What the form of an archiving sends.
#[derive(Debug, Deserialize)]
struct Archive {
    revision: u64,
    #[serde(default)]
    set: String,
    why: String,
}

async fn archive(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Archive>,
) -> Response {
    change(&service, &headers, form.why, "/", async |author| {
        service.flags.make(author, &form.set, &Operation::Archive { key, revision: form.revision }).await?;
        Ok::<_, Failed>(())
    })
    .await
}
