//! The first page: what is here.

use std::collections::BTreeMap;

use vitrine_kit::html::escape;
use vitrine_kit::percent;
use vitrine_observe_search::people::Query;
use vitrine_observe_store::{SignalStatus, Trace, TraceQuery};

use super::html::{bytes, colour, count, duration, page, time};
use crate::error::Error;
use crate::jaeger::adjust;
use crate::queries::Reader;

/// Traces listed.
const RECENT_TRACES: usize = 25;
/// Services listed.
const MAX_SERVICES: usize = 100;

/// Counts, services and recent traces; of one service, or those that meet a query, if one of these is given.
pub(crate) fn home(reader: &Reader, service: Option<&str>, query: Option<&str>) -> Result<String, Error> {
    let status = reader.engine.tenant_status(&reader.tenant);
    let services = reader.services()?;
    let asked = match query {
        Some(query) => asked(query),
        None => Ok(TraceQuery { service: service.map(str::to_owned), ..TraceQuery::default() }),
    };
    let mut traces = match &asked {
        Ok(asked) => reader.search(&TraceQuery { limit: RECENT_TRACES, ..asked.clone() })?,
        Err(_) => Vec::new(),
    };
    adjust(&mut traces);
    let held = status.traces.bytes + status.logs.bytes + status.metrics.bytes;
    let mut body = String::from("<h1>What the observatory sees</h1><div class=cards>");
    body.push_str(&card("Spans", &status.traces));
    body.push_str(&card("Log records", &status.logs));
    body.push_str(&card("Metric points", &status.metrics));
    body.push_str(&format!("<div class=card><span class=soft>Kept</span><b>{}</b></div></div>", bytes(held)));
    if services.is_empty() && held == 0 {
        body.push_str(EMPTY);
        return Ok(page("Home", &body));
    }
    body.push_str(&format!("<h2>Services <span class=soft>({})</span></h2>", services.len()));
    for service in services.iter().take(MAX_SERVICES) {
        body.push_str(&format!(
            "<a class=pill href=\"/?service={}\"><span class=dot style=\"background:{}\"></span>{}</a>",
            percent::encode(service),
            colour(service),
            escape(service)
        ));
    }
    body.push_str(&form(query.unwrap_or_default()));
    if let Err(problem) = &asked {
        body.push_str(&format!("<p class=bad>{}</p>", escape(problem)));
    }
    let (of, all) = match query.or(service) {
        Some(service) => (format!(" of {}", escape(service)), " <a class=soft href=\"/\">show all</a>"),
        None => (String::new(), ""),
    };
    body.push_str(&format!(
        "<h2>Recent traces{of}{all}</h2><div class=panel><table><thead><tr><th>Started (UTC)<th>Trace<th>Services<th class=num>Spans<th class=num>Errors<th class=num>Duration<th></tr></thead><tbody>"
    ));
    if traces.is_empty() {
        let none = if query.is_some() { "No trace meets this." } else { "No traces are held." };
        body.push_str(&format!("<tr><td colspan=7 class=soft>{none}</tr>"));
    }
    traces.iter().for_each(|trace| body.push_str(&row(trace)));
    body.push_str("</tbody></table></div>");
    Ok(page("Home", &body))
}

/// What a query asks of traces.
fn asked(query: &str) -> Result<TraceQuery, String> {
    let query = Query::parse(query).map_err(|error| error.to_string())?;
    query.trace_query().map_err(|error| error.to_string())
}

fn form(query: &str) -> String {
    format!(
        "<form class=ask action=\"/\"><input name=query value=\"{}\" placeholder=\"service:checkout status:error duration:&gt;200ms\" \
         aria-label=\"Traces\" spellcheck=false autocapitalize=off><button>Search</button></form>",
        escape(query)
    )
}

const EMPTY: &str = "<section class=empty><h2>Nothing has arrived yet</h2><p>Send OpenTelemetry here and it appears on this page. With any SDK:</p>\
    <pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf</pre>\
    <p class=soft>OTLP over gRPC and over HTTP (protobuf or JSON) are taken, for traces, logs and metrics.</p></section>";

fn card(name: &str, signal: &SignalStatus) -> String {
    let mut notes = bytes(signal.bytes);
    if signal.evicted > 0 {
        notes.push_str(&format!(", {} expired", count(signal.evicted)));
    }
    if signal.rejected > 0 {
        notes.push_str(&format!(", <span class=bad>{} refused</span>", count(signal.rejected)));
    }
    format!(
        "<div class=card><span class=soft>{name}</span><b>{}</b><span class=soft>{notes}</span></div>",
        count(signal.rows)
    )
}

fn row(trace: &Trace) -> String {
    let (start, end) = super::trace::bounds(trace);
    let root = super::trace::root(trace);
    let errors = super::trace::errors(trace);
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    trace.spans.iter().for_each(|span| *services.entry(&span.service).or_default() += 1);
    let services: String = services
        .iter()
        .map(|(service, spans)| {
            format!(
                "<span class=pill><span class=dot style=\"background:{}\"></span>{} {spans}</span>",
                colour(service),
                escape(service)
            )
        })
        .collect();
    let errors =
        if errors == 0 { "<span class=soft>0</span>".to_owned() } else { format!("<span class=bad>{errors}</span>") };
    format!(
        "<tr><td class=mono>{}<td><a href=\"/trace/{id}\">{} <b>{}</b></a><td>{services}<td class=num>{}<td class=num>{errors}<td class=num>{}<td><a href=\"/jaeger/api/traces/{id}\">JSON</a></tr>",
        time(start),
        escape(&root.service),
        escape(&root.name),
        trace.spans.len(),
        duration(end - start),
        id = trace.id
    )
}
