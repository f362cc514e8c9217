//! The page of what is planned.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use http::HeaderMap;
use vitrine_kit::html::escape;

use super::view::{FRAME, time};
use super::{Failed, Why, back, page};
use crate::documents::Schedule;
use crate::operation::{Author, set_name};
use crate::role::Role;
use crate::service::FlagService;

pub(super) async fn page_of(State(service): State<FlagService>, headers: HeaderMap) -> Response {
    let read = async {
        service.access.check(&headers, Role::Viewer)?;
        Ok::<_, Failed>(FRAME.page("Planned", &schedules(&service.flags.schedules().await?)))
    };
    page(read.await)
}

fn schedules(schedules: &[Schedule]) -> String {
    let mut out = String::from(
        "<h1>Planned</h1><h2>Changes that wait for their time</h2><div class=panel><table><thead>\
         <tr><th class=num>Number<th>When (UTC)<th>What<th>Who<th>Why<th></tr></thead><tbody>",
    );
    for schedule in schedules {
        let state = match &schedule.failed {
            Some(failed) => format!("<br><b class=bad>not made: {}</b>", escape(failed)),
            None => String::new(),
        };
        out.push_str(&format!(
            "<tr><td class=num>{id}<td class=mono>{}<td>{} in {}{state}<td>{}<td>{}<td><form class=ask method=post action=\"/planned/schedules/{id}/cancel\">\
             <input name=why aria-label=Reason placeholder=\"why?\" required maxlength=1000><button>{}</button></form></tr>",
            time(schedule.at_ms),
            escape(&schedule.operation.summary()),
            escape(&set_name(&schedule.set)),
            escape(&schedule.author.who),
            escape(&schedule.author.why),
            if schedule.failed.is_some() { "Take away" } else { "Cancel" },
            id = schedule.id
        ));
    }
    if schedules.is_empty() {
        out.push_str("<tr><td colspan=6 class=soft>Nothing waits.</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

pub(super) async fn cancel_schedule(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(form): Form<Why>,
) -> Response {
    let change = async {
        let author = Author { who: service.access.check(&headers, Role::Operator)?, why: form.why };
        service.flags.cancel_schedule(author, id).await?;
        Ok::<_, Failed>(())
    };
    back(change.await, "/planned")
}
