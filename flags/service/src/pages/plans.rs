//! The page of what is planned.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use vitrine_kit::html::escape;
use vitrine_kit::percent;

use super::frame::{FRAME, WHY, time};
use super::view::flag_address;
use super::{Failed, MAX_SHOWN, Why, change, page};
use crate::documents::{RollOut, RollOutState, Schedule};
use crate::flag_store::{Error, RollOutAct, StoredFlag};
use crate::operation::{Operation, set_name};
use crate::role::Role;
use crate::rollout::{Guard, Language, RollOutPlan, Share, Side, Span, Then};
use crate::service::FlagService;

pub(super) async fn page_of(State(service): State<FlagService>, headers: HeaderMap) -> Response {
    let read = async {
        service.access.check(&headers, Role::Viewer)?;
        let mut body = schedules(&service.flags.schedules().await?);
        body.push_str(&roll_outs(&service.flags.roll_outs().await?));
        Ok::<_, Failed>(FRAME.page("Planned", &body))
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
             {WHY}<button>{}</button></form></tr>",
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
    change(&service, &headers, form.why, "/planned", async |author| {
        service.flags.cancel_schedule(author, id).await?;
        Ok::<_, Failed>(())
    })
    .await
}

fn roll_outs(roll_outs: &[RollOut]) -> String {
    let mut out = String::from(
        "<h2>Roll-outs</h2><div class=panel><table><thead>\
         <tr><th class=num>Number<th>Flag<th>From, to<th>Share<th>State<th>Next step (UTC)<th>Who, why<th></tr></thead><tbody>",
    );
    for roll_out in roll_outs.iter().take(MAX_SHOWN) {
        let because = roll_out.because.as_ref().map(|because| format!("<br><b class=bad>{}</b>", escape(because)));
        let next = if roll_out.state == RollOutState::Running { time(roll_out.next_ms) } else { String::new() };
        let acts: &[(&str, &str)] = match roll_out.state {
            RollOutState::Running => &[("pause", "Pause"), ("revert", "Revert")],
            RollOutState::Paused | RollOutState::Stopped => &[("resume", "Resume"), ("revert", "Revert")],
            RollOutState::Done => &[("revert", "Revert")],
            RollOutState::Reverted => &[],
        };
        // One reason, and a button for each act: the button says where the form goes.
        let buttons: String = acts
            .iter()
            .map(|(act, name)| {
                format!("<button formaction=\"/planned/rollouts/{}/{act}\">{name}</button>", roll_out.id)
            })
            .collect();
        let form =
            if acts.is_empty() { String::new() } else { format!("<form class=ask method=post>{WHY}{buttons}</form>") };
        let shares: Vec<String> = roll_out.shares.iter().map(ToString::to_string).collect();
        out.push_str(&format!(
            "<tr><td class=num>{}<td><a href=\"{}\">{}</a><td>{}, {}<td title=\"{}\">{}<td>{}{}<td class=mono>{next}<td>{}, {}<td>{form}</tr>",
            roll_out.id,
            flag_address(&roll_out.set, &roll_out.key),
            escape(&roll_out.key),
            escape(&roll_out.plan.from),
            escape(&roll_out.plan.to),
            shares.join(", "),
            roll_out.share().map_or_else(String::new, |share| share.to_string()),
            roll_out.state.name(),
            because.unwrap_or_default(),
            escape(&roll_out.who),
            escape(&roll_out.why),
        ));
    }
    if roll_outs.is_empty() {
        out.push_str("<tr><td colspan=8 class=soft>There are none. A flag's page begins one.</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

pub(super) async fn act_on_roll_out(
    State(service): State<FlagService>,
    Path((id, act)): Path<(u64, RollOutAct)>,
    headers: HeaderMap,
    Form(form): Form<Why>,
) -> Response {
    change(&service, &headers, form.why, "/planned", async |author| {
        service.flags.act_on_roll_out(author, id, act).await?;
        Ok::<_, Failed>(())
    })
    .await
}

/// What the form of a roll-out sends: texts, as forms do.
#[derive(Debug, Deserialize)]
pub(super) struct RollOutForm {
    revision: u64,
    why: String,
    #[serde(default)]
    set: String,
    from: String,
    to: String,
    /// Shares in percent, apart by commas or spaces.
    steps: String,
    every: String,
    #[serde(default)]
    query: String,
    language: Language,
    is: Side,
    #[serde(default)]
    value: String,
    #[serde(default)]
    r#for: String,
    then: Then,
}

impl RollOutForm {
    fn plan(&self) -> Result<RollOutPlan, Error> {
        let invalid = |field: &str, reason: String| Error::Invalid(format!("{field}: {reason}"));
        let number = |field: &str, text: &str| {
            text.parse::<f64>().map_err(|_| invalid(field, format!("a number is expected, and not {text:?}")))
        };
        let span =
            |field: &str, text: &str| Span::try_from(text.trim().to_owned()).map_err(|reason| invalid(field, reason));
        let texts = self.steps.split([',', ' ', '%']).filter(|text| !text.is_empty());
        let steps =
            texts.map(|text| Share::try_from(number("steps", text)?).map_err(|reason| invalid("steps", reason)));
        let guard = match self.query.trim() {
            "" => None,
            query => Some(Guard {
                language: self.language,
                query: query.to_owned(),
                is: self.is,
                value: number("value", self.value.trim())?,
                r#for: if self.r#for.trim().is_empty() { Span::default() } else { span("for", &self.r#for)? },
                then: self.then,
            }),
        };
        let (from, to) = (self.from.clone(), self.to.clone());
        Ok(RollOutPlan {
            from,
            to,
            steps: steps.collect::<Result<_, _>>()?,
            linear: None,
            every: span("every", &self.every)?,
            guard,
        })
    }
}

pub(super) async fn begin_roll_out(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    headers: HeaderMap,
    Form(form): Form<RollOutForm>,
) -> Response {
    change(&service, &headers, form.why.clone(), "/planned", async |author| {
        let operation = Operation::RollOut { key, revision: form.revision, plan: form.plan()? };
        service.flags.make(author, &form.set, &operation).await?;
        Ok::<_, Failed>(())
    })
    .await
}

/// The form that begins a roll-out of a flag; nothing where the flag has no variant to which it could go.
pub(super) fn roll_out_form(set: &str, key: &str, stored: &StoredFlag) -> String {
    let flag = &stored.flag;
    let Some(from) = flag.default_variant() else { return String::new() };
    let others = flag.variants().iter().filter(|variant| variant.name != from.name);
    let options: String = others.map(|variant| format!("<option>{}</option>", escape(&variant.name))).collect();
    if options.is_empty() {
        return String::new();
    }
    format!(
        "<h2>Roll out</h2><p class=soft>Whom the rule gives no variant gets the new one, share by share; a guard stops it or takes it back.</p>\
         <form class=ask method=post action=\"/flags/{}/rollout\"><input type=hidden name=set value=\"{}\"><input type=hidden name=revision value={}>\
         <input type=hidden name=from value=\"{}\"><label>from {} to <select name=to>{options}</select></label>\
         <label>steps, in percent <input name=steps value=\"1, 5, 25, 100\" required></label><label>one each <input name=every value=1h required></label>\
         <label>guard <input name=query placeholder=\"a query, or nothing\"></label><select name=language aria-label=Language><option>promql</option><option>sql</option></select>\
         <label>must not be <select name=is><option>above</option><option>below</option></select></label><input name=value aria-label=Value placeholder=\"0.01\">\
         <label>for <input name=for placeholder=\"1m\"></label><label>then <select name=then><option>stop</option><option>revert</option></select></label>\
         {WHY}<button>Begin</button></form>",
        percent::encode(key),
        escape(set),
        stored.revision,
        escape(&from.name),
        escape(&from.name),
    )
}
