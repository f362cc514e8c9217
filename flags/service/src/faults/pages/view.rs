//! How faults look.

use vitrine_kit::html::escape;
use vitrine_platform_faults::At;
use vitrine_platform_faults::demo::DEMO;
use vitrine_platform_faults::fault::Fault;

use crate::faults::api::DEMO_TTL_S;
use crate::faults::control::FaultControl;
use crate::faults::incident::{End, Incident, State};
use crate::pages::frame::{FRAME, WHY, time};

const NS_IN_MS: i64 = 1_000_000;
/// How long a fault lives where a form does not say, in seconds.
const FORM_TTL_S: u32 = 120;
/// What the form of a whole document holds at first.
const EXAMPLE: &str = r#"{
  "what": {"delay": {"ms": 200, "jitter_ms": 50, "dist": "normal"}},
  "where": {"at": "callee", "service": ["payments"], "method": ["Authorize"]},
  "share": {"rate": 0.25, "of": "traces", "seed": 7},
  "timing": {"ttl_s": 120},
  "why": "does anyone see that one payment in four is slow?"
}"#;

/// The field for a reason beside fields that say above what they are.
const LABELLED_WHY: &str = "<label>Reason<input name=why required maxlength=1000></label>";

/// All faults, and the forms that arm and end them.
pub(super) fn list(control: &FaultControl, now_ms: i64) -> String {
    let incidents = control.incidents();
    let (running, over): (Vec<&Incident>, Vec<&Incident>) =
        incidents.iter().partition(|incident| incident.state() != State::Ended);
    let processes = control.processes();
    let mut body = format!(
        "<h1>Faults</h1><p class=soft>{} at work; {} processes follow. <a href=\"/faults\">Look again</a></p>",
        running.len(),
        processes.len()
    );
    match control.stopped() {
        Some(stopped) => body.push_str(&format!(
            "<section class=empty><h2 class=bad>All faults are stopped, and none may begin</h2><p>{}</p>\
             <form class=ask method=post action=\"/faults/release\">{WHY}<button>Release</button></form></section>",
            end(&stopped)
        )),
        None => body.push_str(&format!(
            "<form class=ask method=post action=\"/faults/stop\">{WHY}<button accesskey=s>Stop all</button></form>"
        )),
    }
    if processes.is_empty() {
        body.push_str(
            "<section class=empty><h2>No process follows</h2><p>Faults act in processes of a shop: <code>vitrine up</code>, or \
             <code>vitrine serve</code> with <code>--place flags=grpc://HOST:PORT</code>.</p></section>",
        );
    }
    body.push_str("<h2>At work</h2>");
    body.push_str(&table(&running, now_ms, "Nothing is wrong on purpose."));
    body.push_str(&forms(control));
    body.push_str("<h2>Over</h2>");
    body.push_str(&table(&over, now_ms, "None yet."));
    FRAME.page("Faults", &body)
}

/// The ways to arm a fault.
fn forms(control: &FaultControl) -> String {
    let mut services: Vec<String> =
        control.processes().iter().flat_map(|process| process.sites.iter().map(|site| site.service.clone())).collect();
    services.sort_unstable();
    services.dedup();
    let services: String = services.iter().map(|name| format!("<option>{}", escape(name))).collect();
    let mut effects = String::new();
    for at in At::ALL {
        effects.push_str(&format!("<optgroup label=\"at {}\">", at.name()));
        effects.extend(at.carries().iter().filter(|name| is_simple(name)).map(|name| format!("<option>{name}")));
        effects.push_str("</optgroup>");
    }
    let place = |at: At| format!("<option{}>{}", if at == At::Callee { " selected" } else { "" }, at.name());
    let places: String = At::ALL.into_iter().map(place).collect();
    let demo: String = DEMO
        .iter()
        .map(|flag| {
            let variants = flag.variants.iter().filter(|(name, _)| flag.faults(name, 1).is_some_and(|f| !f.is_empty()));
            let options: String = variants
                .map(|(name, _)| format!("<option value=\"{0}={1}\">{0} = {1}", flag.key, escape(name)))
                .collect();
            let group = format!("<optgroup label=\"{}\">{options}</optgroup>", escape(flag.does));
            if options.is_empty() { String::new() } else { group }
        })
        .collect();
    let ttl = |usual: u32| {
        format!("<label>Seconds to live<input name=ttl_s type=number min=1 max=3600 value={usual} required></label>")
    };
    format!(
        "<h2>Arm one</h2><form class=ask method=post action=\"/faults\">\
         <label>Place<select name=at>{places}</select></label>\
         <label>Services<input name=service placeholder=\"payments, or *\" list=services required></label><datalist id=services>{services}</datalist>\
         <label>Methods<input name=method placeholder=\"all, or such as Get*\"></label>\
         <label>Effect<select name=effect>{effects}</select></label>\
         <label>Amount: ms, code, cores, factor<input name=amount placeholder=\"the usual\"></label>\
         <label>Percent that is hit<input name=percent type=number min=0.01 max=100 step=any value=100 required></label>\
         {}{LABELLED_WHY}<button>Arm</button></form>\
         <h2>One of the OpenTelemetry Demo's</h2><form class=ask method=post action=\"/faults/demo\">\
         <label>Flag and variant<select name=flag>{demo}</select></label>{}{LABELLED_WHY}<button>Arm</button></form>\
         <details><summary>A whole document</summary><form class=ask method=post action=\"/faults/document\">\
         <textarea name=document aria-label=\"Fault as JSON\" rows=8 cols=80 spellcheck=false>{}</textarea>{WHY}<button>Arm</button></form></details>",
        ttl(FORM_TTL_S),
        ttl(DEMO_TTL_S),
        escape(EXAMPLE)
    )
}

/// Whether an effect can be had from the form: it has one amount, or none.
fn is_simple(effect: &str) -> bool {
    !["limits", "truncate", "stale", "value", "block", "clock", "exit", "disk", "flood", "hot", "mix"].contains(&effect)
}

fn table(incidents: &[&Incident], now_ms: i64, nothing: &str) -> String {
    let mut out = String::from(
        "<div class=panel><table><thead><tr><th class=num>Fault<th>What<th>Where<th>State<th class=num>Hit<th>Who and why<th></tr></thead><tbody>",
    );
    for incident in incidents {
        let (eligible, hit) = incident.hits();
        let act = match incident.ended {
            None => format!(
                "<form class=ask method=post action=\"/faults/{}/end\">{WHY}<button>End</button></form>",
                incident.id
            ),
            Some(_) => String::new(),
        };
        out.push_str(&format!(
            "<tr><td class=num><a href=\"/faults/{id}\">{id}</a><td>{}<td>{}<td>{}<td class=num>{hit} of {eligible}<td>{}: {}<td>{act}</tr>",
            what(&incident.fault),
            place(&incident.fault),
            state(incident, now_ms),
            escape(&incident.who),
            escape(&incident.why),
            id = incident.id,
        ));
    }
    if incidents.is_empty() {
        out.push_str(&format!("<tr><td colspan=7 class=soft>{nothing}</tr>"));
    }
    out.push_str("</tbody></table></div>");
    out
}

fn what(fault: &Fault) -> String {
    let effect = fault.what.to_string();
    let (name, amounts) = effect.split_once(' ').unwrap_or((&effect, ""));
    let share = if fault.share.rate < 1.0 { format!(", {} %", fault.share.rate * 100.0) } else { String::new() };
    format!("<b>{name}</b>{share}<br><span class=soft>{}</span>", escape(amounts))
}

fn place(fault: &Fault) -> String {
    let target = &fault.target;
    let mut out = format!("{} {}", target.at.name(), escape(&target.service.join(", ")));
    if !target.from.is_empty() {
        out.push_str(&format!(" from {}", escape(&target.from.join(", "))));
    }
    if !target.method.is_empty() {
        out.push_str(&format!("<br><code>{}</code>", escape(&target.method.join(", "))));
    }
    out
}

fn state(incident: &Incident, now_ms: i64) -> String {
    match &incident.ended {
        Some(ended) => format!("{}<br><span class=soft>{}</span>", incident.state().name(), end(ended)),
        None => {
            let left_s = (incident.over_ns() / NS_IN_MS - now_ms).max(0) / 1_000;
            let quiet = incident.processes.values().any(|carrier| carrier.hits_nothing) && incident.hits().1 == 0;
            let warning = if quiet { "<br><b class=bad>it has hit nothing yet</b>" } else { "" };
            format!("<b>{}</b><br><span class=soft>{left_s} s left</span>{warning}", incident.state().name())
        }
    }
}

fn end(end: &End) -> String {
    let part = |text: &Option<String>| text.as_deref().map(|text| format!(": {}", escape(text))).unwrap_or_default();
    let who = end.who.as_deref().map(|who| format!(" by {}", escape(who))).unwrap_or_default();
    format!("{} at {} UTC{who}{}", end.by.name().replace('_', " "), time(end.at_ns / NS_IN_MS), part(&end.why))
}

/// One fault: its document, where it acted, and what it hit.
pub(super) fn incident(incident: &Incident, now_ms: i64) -> String {
    let document = serde_json::to_string_pretty(&incident.fault).unwrap_or_default();
    let seen = |ns: Option<i64>| ns.map_or_else(|| "never".to_owned(), |ns| time(ns / NS_IN_MS));
    let (eligible, hit) = incident.hits();
    let mut body = format!(
        "<h1>Fault {}</h1>{}<div class=cards><div class=card><b>{hit}</b>of {eligible} calls hit</div>\
         <div class=card><b class=mono>{}</b>armed, UTC</div><div class=card><b class=mono>{}</b>first hit</div>\
         <div class=card><b class=mono>{}</b>last hit that is known</div></div><h2>Document</h2><pre>{}</pre>",
        incident.id,
        table(&[incident], now_ms, ""),
        time(incident.committed_ns / NS_IN_MS),
        seen(incident.first_hit_ns),
        seen(incident.last_hit_ns),
        escape(&document)
    );
    body.push_str(
        "<h2>Where it acted</h2><div class=panel><table><thead><tr><th>Process<th>Sites<th>Heard (UTC)<th>Ended there<th class=num>Hit<th class=num>Waited, of asked</tr></thead><tbody>",
    );
    for (instance, carrier) in &incident.processes {
        let sites: Vec<String> = carrier.sites.iter().map(|site| escape(&site.to_string())).collect();
        let ended = match (&carrier.ended, carrier.lost) {
            (Some(ended), _) => escape(&ended.replace('_', " ")),
            (None, true) => "<b class=bad>not heard of any more</b>".to_owned(),
            (None, false) => "no".to_owned(),
        };
        body.push_str(&format!(
            "<tr><td class=mono>{}<td>{}<td class=mono>{}<td>{ended}<td class=num>{} of {}<td class=num>{} of {} ms</tr>",
            escape(instance),
            sites.join("<br>"),
            time(carrier.armed_ns / NS_IN_MS),
            carrier.hit,
            carrier.eligible,
            carrier.got_ns / NS_IN_MS.unsigned_abs(),
            carrier.asked_ns / NS_IN_MS.unsigned_abs(),
        ));
    }
    body.push_str("</tbody></table></div><h2>First hits</h2><div class=panel><table><thead><tr><th>When (UTC)<th>Site<th>Trace<th>Span</tr></thead><tbody>");
    for hit in &incident.exemplars {
        body.push_str(&format!(
            "<tr><td class=mono>{}<td>{}<td class=mono>{}<td class=mono>{}</tr>",
            time(hit.at_ns / NS_IN_MS),
            escape(&hit.site.to_string()),
            escape(&hit.trace_id),
            escape(&hit.span_id)
        ));
    }
    body.push_str("</tbody></table></div>");
    FRAME.page(&format!("Fault {}", incident.id), &body)
}
