//! One trace as a waterfall.

use std::collections::{HashMap, HashSet};

use vitrine_kit::html::escape;
use vitrine_observe_store::Trace;
use vitrine_observe_store::model::{LogRow, SpanId, SpanRow, StatusCode};

use super::html::{colour, duration, page, time};
use crate::error::Error;
use crate::jaeger::{UiTag, span_tags, tag};
use crate::queries::Reader;
use crate::time::NANOS_PER_SECOND;

/// Spans drawn: a browser lays out a few thousand rows with ease.
const MAX_DRAWN_SPANS: usize = 2_000;
/// Log records listed.
const MAX_LOGS: usize = 200;
/// How long before and after a trace its log records are looked for, in nanoseconds: clocks of machines differ.
const LOGS_AROUND_NS: u64 = 60 * NANOS_PER_SECOND;
/// Levels that are indented; deeper spans stand at the last.
const MAX_INDENT: usize = 24;

/// Earliest start and latest end, in nanoseconds.
pub(crate) fn bounds(trace: &Trace) -> (u64, u64) {
    let start = trace.spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end = trace.spans.iter().map(|span| span.end_ns).max().unwrap_or(0);
    (start, end.max(start))
}

/// The earliest span without a parent in the trace.
pub(crate) fn root(trace: &Trace) -> &SpanRow {
    let ids: HashSet<SpanId> = trace.spans.iter().map(|span| span.span_id).collect();
    let orphan = |span: &&SpanRow| span.parent_span_id.is_none_or(|parent| !ids.contains(&parent));
    trace.spans.iter().find(orphan).unwrap_or(&trace.spans[0])
}

/// Number of spans that ended with an error.
pub(crate) fn errors(trace: &Trace) -> usize {
    trace.spans.iter().filter(|span| span.status == StatusCode::Error).count()
}

/// The page of one trace, with its log records.
pub(crate) fn trace(reader: &Reader, trace: &Trace) -> Result<String, Error> {
    let (start, end) = bounds(trace);
    let root = root(trace);
    let mut body = format!(
        "<h1>{}: {}</h1><p class=soft><code>{id}</code> · {} UTC · {} · {} spans · {} errors · <a href=\"/logs?query=trace:{id}&amp;start={}&amp;end={}\">Logs</a> · \
         <a href=\"/jaeger/api/traces/{id}\">Jaeger JSON</a></p><div class=panel>",
        escape(&root.service),
        escape(&root.name),
        time(start),
        duration(end - start),
        trace.spans.len(),
        errors(trace),
        start.saturating_sub(LOGS_AROUND_NS),
        end.saturating_add(LOGS_AROUND_NS),
        id = trace.id
    );
    for (depth, span) in in_order(&trace.spans).into_iter().take(MAX_DRAWN_SPANS) {
        body.push_str(&row(span, depth, start, end));
    }
    body.push_str("</div>");
    if trace.truncated || trace.spans.len() > MAX_DRAWN_SPANS {
        body.push_str("<p class=soft>The trace has more spans than are drawn here.</p>");
    }
    let logs = reader.engine.logs_of(&reader.tenant, trace.id, MAX_LOGS)?;
    if !logs.is_empty() {
        body.push_str("<h2>Log records of this trace</h2><div class=panel><table><thead><tr><th>Time (UTC)<th>Service<th>Severity<th>Message</tr></thead><tbody>");
        logs.iter().for_each(|log| body.push_str(&log_row(log)));
        body.push_str("</tbody></table></div>");
    }
    Ok(page(&root.name, &body))
}

/// Spans with their depth, parents before their children and siblings by their start. It goes without recursion
/// because a trace may be one long chain, and visits each span once because ids may form a circle.
fn in_order(spans: &[SpanRow]) -> Vec<(usize, &SpanRow)> {
    let ids: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let mut children: HashMap<Option<SpanId>, Vec<usize>> = HashMap::new();
    for (place, span) in spans.iter().enumerate() {
        let parent = span.parent_span_id.filter(|parent| ids.contains(parent) && *parent != span.span_id);
        children.entry(parent).or_default().push(place);
    }
    let mut seen = vec![false; spans.len()];
    let mut order = Vec::with_capacity(spans.len());
    let roots = children.get(&None).cloned().unwrap_or_default();
    // Whatever hangs in a circle has no root: it follows at the end, by start.
    for first in roots.into_iter().chain(0..spans.len()) {
        let mut stack = vec![(0, first)];
        while let Some((depth, place)) = stack.pop() {
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            order.push((depth, &spans[place]));
            let below = children.get(&Some(spans[place].span_id)).into_iter().flatten().rev();
            stack.extend(below.map(|child| (depth + 1, *child)));
        }
    }
    order
}

fn row(span: &SpanRow, depth: usize, start: u64, end: u64) -> String {
    let whole = (end - start).max(1) as f64;
    let left = (span.start_ns - start) as f64 / whole * 100.0;
    let width = (span.duration_ns() as f64 / whole * 100.0).max(0.15);
    let failed = if span.status == StatusCode::Error { " failed" } else { "" };
    let mark = if failed.is_empty() { "" } else { "<span class=bad title=error>● </span>" };
    let (service, name) = (escape(&span.service), escape(&span.name));
    let shown = short(&name);
    let mut out = format!(
        "<details class=span><summary><span class=name title=\"{service}: {name}\" style=\"padding-left:{:.1}rem\">{mark}<b>{service}</b> {shown}</span>\
         <span class=track><span class=\"bar{failed}\" style=\"left:{:.3}%;width:{:.3}%;background:{}\"></span></span><span class=num>{}</span></summary><div class=detail>",
        depth.min(MAX_INDENT) as f64 * 0.9,
        left.min(99.8),
        width.min(100.0),
        colour(&span.service),
        duration(span.duration_ns())
    );
    out.push_str(&format!(
        "<p class=soft>span <code>{}</code> · starts {} after the trace</p>",
        span.span_id,
        duration(span.start_ns - start)
    ));
    out.push_str(&tags("Tags", &span_tags(span)));
    for event in &span.events {
        let title = format!("{} at {}", event.name, duration(event.time_ns.saturating_sub(start)));
        out.push_str(&tags(&title, &event.attributes.iter().map(tag).collect::<Vec<_>>()));
    }
    for link in &span.links {
        out.push_str(&format!(
            "<p>follows from <a href=\"/trace/{0}\"><code>{0}</code></a> span <code>{1}</code></p>",
            link.trace_id, link.span_id
        ));
    }
    out.push_str(&tags("Process", &span.resource.iter().map(tag).collect::<Vec<_>>()));
    out.push_str("</div></details>");
    out
}

fn tags(title: &str, tags: &[UiTag]) -> String {
    let rows: String = tags
        .iter()
        .map(|tag| {
            let value = tag.value.as_str().map_or_else(|| tag.value.to_string(), str::to_owned);
            format!("<tr><td class=mono>{}<td class=mono>{}</tr>", escape(&tag.key), escape(&value))
        })
        .collect();
    format!("<b>{}</b><table>{rows}</table>", escape(title))
}

fn log_row(log: &LogRow) -> String {
    let severity =
        if log.severity_text.is_empty() { format!("severity {}", log.severity) } else { log.severity_text.clone() };
    let class = if log.severity >= 17 { " class=bad" } else { "" };
    format!(
        "<tr><td class=mono>{}<td>{}<td{class}>{}<td class=mono>{}</tr>",
        time(log.time_ns),
        escape(&log.service),
        escape(&severity),
        escape(&log.body.text())
    )
}

/// A gRPC method without its package, which says the same on every line; any other name as it is.
fn short(name: &str) -> &str {
    match name.split_once('/') {
        Some((service, _)) if !service.contains(' ') => service.rfind('.').map_or(name, |dot| &name[dot + 1..]),
        _ => name,
    }
}
