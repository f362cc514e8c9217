//! The page of segments: rules with names, who uses them, and forms that write and delete one.

use axum::extract::{Form, Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use vitrine_kit::html::escape;
use vitrine_kit::percent;

use super::frame::{FRAME, WHY};
use super::view::flag_address;
use super::{Failed, InSet, change, page, set_of};
use crate::flag_store::{Segment, SetInForce};
use crate::operation::{Operation, set_name};
use crate::role::Role;
use crate::service::FlagService;

pub(super) async fn page_of(
    State(service): State<FlagService>,
    Query(asked): Query<InSet>,
    headers: HeaderMap,
) -> Response {
    let read = || {
        service.access.check(&headers, Role::Viewer)?;
        let now = service.flags.current();
        Ok(FRAME.page("Segments", &segments(&asked.set, set_of(&now, &asked.set)?)))
    };
    page(read())
}

fn segments(name: &str, set: &SetInForce) -> String {
    let revision = set.shared().1;
    let mut out = format!(
        "<h1>Segments of {}</h1><p class=soft>A rule takes one in with {{\"$ref\": \"NAME\"}}.</p>\
         <div class=panel><table><thead><tr><th>Segment<th>Rule<th>Used by<th></tr></thead><tbody>",
        escape(&set_name(name))
    );
    let segments = set.segments();
    for segment in &segments {
        out.push_str(&format!(
            "<tr><td><b>{}</b><td><pre>{}</pre><td>{}<td>{}</tr>",
            escape(&segment.name),
            escape(&segment.rule),
            users(name, segment),
            delete_form(name, segment, revision)
        ));
    }
    if segments.is_empty() {
        out.push_str("<tr><td colspan=4 class=soft>There are none.</tr>");
    }
    out.push_str(&format!(
        "</tbody></table></div><h2>Write one</h2><form class=ask method=post action=\"/segments\"><input type=hidden name=set value=\"{}\">\
         <input type=hidden name=revision value={revision}><input name=name aria-label=Name placeholder=name required maxlength=512>\
         <textarea name=rule aria-label=Rule rows=4 cols=60 required>{{\"==\": [{{\"var\": \"country\"}}, \"CH\"]}}</textarea>\
         {WHY}<button>Write</button></form>",
        escape(name)
    ));
    out
}

fn users(set: &str, segment: &Segment) -> String {
    let flags = segment.flags.iter().map(|key| format!("<a href=\"{}\">{}</a>", flag_address(set, key), escape(key)));
    let segments = segment.segments.iter().map(|name| format!("segment {}", escape(name)));
    let all: Vec<String> = flags.chain(segments).collect();
    if all.is_empty() { "<span class=soft>nothing</span>".to_owned() } else { all.join(", ") }
}

/// The form that deletes a segment; none while it is used.
fn delete_form(set: &str, segment: &Segment, revision: u64) -> String {
    if !segment.flags.is_empty() || !segment.segments.is_empty() {
        return String::new();
    }
    format!(
        "<form class=ask method=post action=\"/segments\"><input type=hidden name=set value=\"{}\"><input type=hidden name=revision value={revision}>\
         <input type=hidden name=name value=\"{}\">{WHY}<button>Delete</button></form>",
        escape(set),
        escape(&segment.name)
    )
}

/// What the forms send: a rule, or none to delete the segment.
#[derive(Debug, Deserialize)]
pub(super) struct Writing {
    #[serde(default)]
    set: String,
    name: String,
    rule: Option<String>,
    revision: u64,
    why: String,
}

pub(super) async fn write(
    State(service): State<FlagService>,
    headers: HeaderMap,
    Form(form): Form<Writing>,
) -> Response {
    let to = format!("/segments?set={}", percent::encode(&form.set));
    change(&service, &headers, form.why, &to, async |author| {
        let operation = Operation::Segment { name: form.name, rule: form.rule, revision: form.revision };
        service.flags.make(author, &form.set, &operation).await?;
        Ok::<_, Failed>(())
    })
    .await
}
