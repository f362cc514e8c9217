//! The page of sets: what is in them, how two of them differ, and flags taken from one into the other.

use axum::extract::{Form, Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use vitrine_kit::html::escape;
use vitrine_kit::percent;

use super::frame::{FRAME, WHY};
use super::view::flag_address;
use super::{Failed, change, page, set_of};
use crate::flag_store::{InForce, SetInForce, differences};
use crate::operation::{Operation, Promoted, set_name};
use crate::role::Role;
use crate::service::FlagService;

/// Which sets are compared, if two are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Two {
    from: Option<String>,
    to: Option<String>,
}

pub(super) async fn page_of(
    State(service): State<FlagService>,
    Query(two): Query<Two>,
    headers: HeaderMap,
) -> Response {
    let read = || {
        service.access.check(&headers, Role::Viewer)?;
        let now = service.flags.current();
        let mut body = sets(&now);
        body.push_str(&ask(&now, &two));
        if let (Some(from), Some(to)) = (&two.from, &two.to) {
            body.push_str(&difference((from, set_of(&now, from)?), (to, set_of(&now, to)?)));
        }
        Ok(FRAME.page("Sets", &body))
    };
    page(read())
}

fn sets(now: &InForce) -> String {
    let mut out = String::from(
        "<h1>Sets</h1><p class=soft>A client selects one with the header Flagd-Selector: flagSetId=NAME. A set is there as long as a flag is in it.</p>\
         <div class=panel><table><thead><tr><th>Set<th class=num>Flags</tr></thead><tbody>",
    );
    for (name, set) in now.sets() {
        out.push_str(&format!(
            "<tr><td><a href=\"/?set={}\">{}</a><td class=num>{}</tr>",
            percent::encode(name),
            escape(&set_name(name)),
            set.snapshot.flags().len()
        ));
    }
    out.push_str("</tbody></table></div>");
    out
}

fn ask(now: &InForce, two: &Two) -> String {
    let options = |chosen: &Option<String>| -> String {
        let option = |(name, _): (&str, &_)| {
            let selected = if chosen.as_deref() == Some(name) { " selected" } else { "" };
            format!("<option value=\"{}\"{selected}>{}</option>", escape(name), escape(&set_name(name)))
        };
        now.sets().map(option).collect()
    };
    format!(
        "<h2>Compare</h2><form class=ask method=get><label>from <select name=from>{}</select></label>\
         <label>to <select name=to>{}</select></label><button>Compare</button></form>",
        options(&two.from),
        options(&two.to)
    )
}

/// How two sets differ, and a form that takes one flag over.
fn difference((from_name, from): (&str, &SetInForce), (to_name, to): (&str, &SetInForce)) -> String {
    let mut out = String::new();
    if from.shared().0 != to.shared().0 {
        out.push_str("<p>What flags share differs, too.</p>");
    }
    out.push_str("<div class=panel><table><thead><tr><th>Flag<th>From<th>To<th></tr></thead><tbody>");
    let differences = differences(from, to);
    for found in &differences {
        let definition = |name: &str, set: &SetInForce| match set.stored(found.key) {
            Some(stored) => format!(
                "<details><summary>revision {}</summary><pre>{}</pre></details><a href=\"{}\">look</a>",
                stored.revision,
                escape(&stored.definition),
                flag_address(name, found.key)
            ),
            None => "<span class=soft>not there</span>".to_owned(),
        };
        let promote = found.from.map(|revision| {
            format!(
                "<form class=ask method=post action=\"/sets/promote\"><input type=hidden name=from value=\"{}\"><input type=hidden name=to value=\"{}\">\
                 <input type=hidden name=key value=\"{}\"><input type=hidden name=read value={revision}><input type=hidden name=revision value={}>\
                 {WHY}<button>Promote</button></form>",
                escape(from_name),
                escape(to_name),
                escape(found.key),
                found.to.unwrap_or(0)
            )
        });
        out.push_str(&format!(
            "<tr><td><b>{}</b><td>{}<td>{}<td>{}</tr>",
            escape(found.key),
            definition(from_name, from),
            definition(to_name, to),
            promote.unwrap_or_default()
        ));
    }
    if differences.is_empty() {
        out.push_str("<tr><td colspan=4 class=soft>The flags are the same.</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// What the form of a promotion sends.
#[derive(Debug, Deserialize)]
pub(super) struct Promotion {
    from: String,
    to: String,
    key: String,
    /// The revisions of the flag in both.
    read: u64,
    revision: u64,
    why: String,
}

pub(super) async fn promote(
    State(service): State<FlagService>,
    headers: HeaderMap,
    Form(form): Form<Promotion>,
) -> Response {
    let to = format!("/sets?from={}&to={}", percent::encode(&form.from), percent::encode(&form.to));
    change(&service, &headers, form.why, &to, async |author| {
        let flags = vec![Promoted { key: form.key, from: form.read, to: form.revision }];
        service.flags.make(author, &form.to, &Operation::Promote { from: form.from, flags }).await?;
        Ok::<_, Failed>(())
    })
    .await
}
