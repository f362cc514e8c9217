//! The page of change requests.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use vitrine_kit::html::escape;

use super::frame::{FRAME, WHY, time};
use super::{Failed, MAX_SHOWN, Why, change, page};
use crate::documents::{ChangeRequest, RequestState};
use crate::operation::set_name;
use crate::role::Role;
use crate::service::FlagService;

pub(super) async fn page_of(State(service): State<FlagService>, headers: HeaderMap) -> Response {
    let read = async {
        service.access.check(&headers, Role::Viewer)?;
        Ok::<_, Failed>(FRAME.page("Change requests", &requests(&service.flags.requests().await?)))
    };
    page(read.await)
}

fn requests(requests: &[ChangeRequest]) -> String {
    let mut out = String::from(
        "<h1>Change requests</h1><div class=panel><table><thead>\
         <tr><th class=num>Number<th>What<th>When (UTC)<th>Who, why<th>Approved by<th>State<th></tr></thead><tbody>",
    );
    for request in requests.iter().take(MAX_SHOWN) {
        let content = serde_json::to_string_pretty(&request.operation).unwrap_or_default();
        let approvals: Vec<String> = request
            .approvals
            .iter()
            .map(|approval| format!("{}: {}", escape(&approval.who), escape(&approval.why)))
            .collect();
        let because = request.because.as_ref().map(|because| format!("<br>{}", escape(because))).unwrap_or_default();
        out.push_str(&format!(
            "<tr><td class=num>{}<td><details><summary>{} in {}</summary><pre>{}</pre></details><td class=mono>{}<td>{}, {}<td>{}<td>{}{because}<td>{}</tr>",
            request.id,
            escape(&request.operation.summary()),
            escape(&set_name(&request.set)),
            escape(&content),
            request.at_ms.map_or_else(|| "when approved".to_owned(), time),
            escape(&request.author.who),
            escape(&request.author.why),
            approvals.join("<br>"),
            request.state.name(),
            forms(request)
        ));
    }
    if requests.is_empty() {
        out.push_str("<tr><td colspan=7 class=soft>There are none.</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// One reason, and a button for each answer. The hash is of what this page shows, so nothing else is approved by it.
fn forms(request: &ChangeRequest) -> String {
    let button =
        |act: &str, name: &str| format!("<button formaction=\"/requests/{}/{act}\">{name}</button>", request.id);
    let buttons = match request.state {
        RequestState::Open => button("approve", "Approve") + &button("reject", "Reject"),
        RequestState::Failed => button("reject", "Reject"),
        RequestState::Applied | RequestState::Rejected => return String::new(),
    };
    format!(
        "<form class=ask method=post><input type=hidden name=hash value=\"{}\">\
         {WHY}{buttons}</form>",
        escape(&request.hash)
    )
}

/// What the form of an approval sends.
#[derive(Debug, Deserialize)]
pub(super) struct Approving {
    hash: String,
    why: String,
}

pub(super) async fn approve(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(form): Form<Approving>,
) -> Response {
    change(&service, &headers, form.why, "/requests", async |author| {
        service.flags.approve(author, id, &form.hash).await?;
        Ok::<_, Failed>(())
    })
    .await
}

pub(super) async fn reject(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(form): Form<Why>,
) -> Response {
    change(&service, &headers, form.why, "/requests", async |author| {
        service.flags.reject(author, id).await?;
        Ok::<_, Failed>(())
    })
    .await
}
