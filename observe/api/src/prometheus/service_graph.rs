//! Page "Service graph": who calls whom, how often, how well and how fast, by series that are made of spans.

use std::collections::BTreeMap;

use vitrine_kit::html::escape;
use vitrine_kit::percent;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::{Point, Value};

use super::answer::Failed;
use super::question::Question;
use crate::pages::html::{colour, count, duration, page};

/// Times that can be chosen.
const RANGES: [&str; 5] = ["5m", "15m", "1h", "6h", "1d"];
/// The one that is chosen if none is.
const USUAL_RANGE: &str = "15m";
/// Edges that are shown, those with most requests first.
const MAX_ROWS: usize = 200;
/// What tells an edge from others.
const BY: &str = "client, server, connection_type";
/// Nanoseconds in a second.
const SECOND_NS: f64 = 1e9;

/// An edge by client, server and connection.
type Edge = (String, String, String);

/// A value of a row.
type Field = fn(&mut Row) -> &mut f64;

/// What is shown of an edge; NaN for what is not known.
struct Row {
    rate: f64,
    failed: f64,
    middle: f64,
    slow: f64,
}

/// The page.
pub(super) fn service_graph(question: &Question) -> Result<String, Failed> {
    let range = Some(question.get("range")).filter(|range| RANGES.contains(range)).unwrap_or(USUAL_RANGE);
    let requests = format!("sum by ({BY}) (rate(traces_service_graph_request_total[{range}]))");
    let failures = format!("sum by ({BY}) (rate(traces_service_graph_request_failed_total[{range}]))");
    let slower_than = |quantile: &str| {
        format!(
            "histogram_quantile({quantile}, sum by ({BY}) (rate(traces_service_graph_request_server_seconds[{range}])))"
        )
    };
    let mut rows: BTreeMap<Edge, Row> = BTreeMap::new();
    for (edge, rate) in ask(question, &requests)? {
        rows.insert(edge, Row { rate, failed: f64::NAN, middle: f64::NAN, slow: f64::NAN });
    }
    let others: [(String, Field); 3] = [
        (failures, |row| &mut row.failed),
        (slower_than("0.5"), |row| &mut row.middle),
        (slower_than("0.99"), |row| &mut row.slow),
    ];
    for (expression, field) in others {
        for (edge, value) in ask(question, &expression)? {
            rows.get_mut(&edge).into_iter().for_each(|row| *field(row) = value);
        }
    }
    let mut rows: Vec<(Edge, Row)> = rows.into_iter().collect();
    rows.sort_by(|a, b| b.1.rate.total_cmp(&a.1.rate));
    let mut body = format!("<h1>Service graph</h1>{}", form(range));
    if rows.is_empty() {
        body.push_str(EMPTY);
    } else {
        body.push_str(&table(&rows, &requests));
    }
    Ok(page("Service graph", &body))
}

/// The values of an expression now, by edge.
fn ask(question: &Question, expression: &str) -> Result<Vec<(Edge, f64)>, Failed> {
    let parsed = parse_expr(expression).map_err(|error| Failed::BadData(error.to_string()))?;
    let engine = question.engine();
    let outcome = engine.instant(&*question.series, &parsed, question.now_ms, &question.budget)?;
    let Value::Vector(samples) = outcome.value else { return Ok(Vec::new()) };
    let edge = |labels: &vitrine_observe_store::series::Labels| {
        let label = |name| labels.get(name).unwrap_or_default().to_owned();
        (label("client"), label("server"), label("connection_type"))
    };
    let values = samples.iter().filter_map(|sample| match sample.value {
        Point::Float(value) => Some((edge(&sample.labels), value)),
        Point::Histogram(_) => None,
    });
    Ok(values.collect())
}

fn form(range: &str) -> String {
    let option = |name: &&str| {
        let selected = if *name == range { " selected" } else { "" };
        format!("<option{selected}>{name}</option>")
    };
    let options: String = RANGES.iter().map(option).collect();
    format!(
        "<form class=ask action=\"/service-graph\"><label>The last <select name=range aria-label=Time>{options}</select></label><button>Show</button></form>"
    )
}

fn table(rows: &[(Edge, Row)], requests: &str) -> String {
    let lines: String = rows.iter().take(MAX_ROWS).map(line).collect();
    let more = rows.len().saturating_sub(MAX_ROWS);
    let more = if more == 0 { String::new() } else { format!("<p class=soft>and {more} more</p>") };
    format!(
        "<div class=panel><table><thead><tr><th>Client<th>Server<th>Connection<th class=num>Requests a second<th class=num>Failed\
         <th class=num>Half within<th class=num>99 % within</tr></thead><tbody>{lines}</tbody></table></div>{more}\
         <p class=soft>{} edges. <a href=\"/explore?expr={}\">As metrics</a>. \
         What Jaeger's page shows is told from whole traces: <a href=\"/jaeger/api/dependencies\">dependencies</a>.</p>",
        count(rows.len() as u64),
        percent::encode(requests)
    )
}

fn line(((client, server, connection), row): &(Edge, Row)) -> String {
    let service = |name: &str| {
        let dot = format!("<span class=dot style=\"background:{}\"></span>", colour(name));
        format!("{dot}<a href=\"/?service={}\">{}</a>", percent::encode(name), escape(name))
    };
    let known =
        |value: f64, text: &dyn Fn(f64) -> String| if value.is_finite() { text(value) } else { "–".to_owned() };
    let took = |seconds: f64| known(seconds, &|seconds| duration((seconds * SECOND_NS).max(0.0) as u64));
    let share = if row.rate > 0.0 { row.failed / row.rate * 100.0 } else { f64::NAN };
    let bad = if share > 0.0 { " bad" } else { "" };
    format!(
        "<tr><td>{}<td>{}<td class=soft>{}<td class=num>{}<td class=\"num{bad}\">{}<td class=num>{}<td class=num>{}</tr>",
        service(client),
        service(server),
        escape(&connection.replace('_', " ")),
        known(row.rate, &|rate| format!("{rate:.2}")),
        known(share, &|share| format!("{share:.1} %")),
        took(row.middle),
        took(row.slow)
    )
}

const EMPTY: &str = "<section class=empty><h2>No calls in this time</h2><p>Send spans of clients and of servers: their pairs are edges. \
    The settings <code>observatory.span_metrics</code> and <code>observatory.span_series.service_graph</code> say whether they are counted.</p></section>";
