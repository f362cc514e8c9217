//! Metrics for a person: an expression, its chart and its values now; and which metrics there are.

use vitrine_kit::clock::rfc3339;
use vitrine_kit::duration::prometheus;
use vitrine_kit::html::escape;
use vitrine_kit::percent;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::{Point, Range, Sample, Series, Severity, Value, go_float, go_quote, is_plain_label_name};
use vitrine_observe_store::series::{Filter, Labels, NAME, Stats};

use super::answer::Failed;
use super::question::Question;
use super::rule_page::{exemplars, traces};
use crate::pages::html::{colour, count, page};

/// Times that can be chosen.
const RANGES: [&str; 6] = ["5m", "15m", "1h", "6h", "1d", "7d"];
/// The one that is chosen if none is.
const USUAL_RANGE: &str = "1h";
/// Steps of a chart.
const STEPS: i64 = 240;
/// Series of a chart.
const MAX_LINES: usize = 20;
/// Rows of a table.
const MAX_ROWS: usize = 100;
/// Names of metrics that are listed.
const MAX_NAMES: usize = 400;
/// Entries of the lists of what there is most of.
const MAX_ENTRIES: usize = 12;
/// Pairs of label and value that are looked through for those of one label.
const MAX_FOCUSED: usize = 100_000;
/// Most annotations of a kind.
const MAX_NOTES: usize = 10;
/// The chart's size, in units of the picture.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 280.0;

/// The page.
pub(super) fn explore(question: &Question) -> Result<String, Failed> {
    let expression = question.get("expr").trim();
    let focus = question.get("focus").trim();
    let range = Some(question.get("range")).filter(|range| RANGES.contains(range)).unwrap_or(USUAL_RANGE);
    let mut body = format!("<h1>Metrics</h1>{}", form(expression, range));
    if expression.is_empty() && !focus.is_empty() {
        body.push_str(&focused(question, focus)?);
    } else if expression.is_empty() {
        body.push_str(&what_there_is(question)?);
    } else {
        body.push_str(&result(question, expression, range));
    }
    Ok(page("Metrics", &body))
}

fn form(expression: &str, range: &str) -> String {
    let option = |name: &&str| {
        let selected = if *name == range { " selected" } else { "" };
        format!("<option{selected}>{name}</option>")
    };
    let options: String = RANGES.iter().map(option).collect();
    format!(
        "<form class=ask action=\"/explore\"><input name=expr value=\"{}\" placeholder=\"PromQL, such as sum by (job) (rate(…[5m]))\" \
         aria-label=Expression autofocus spellcheck=false><select name=range aria-label=\"Time\">{options}</select><button>Ask</button></form>",
        escape(expression)
    )
}

/// What an expression says, or what is wrong with it.
fn result(question: &Question, expression: &str, range: &str) -> String {
    match evaluate(question, expression, range) {
        Ok(body) => body,
        Err(problem) => {
            format!("<section class=empty><h2>No result</h2><p class=bad>{}</p></section>", escape(&problem))
        }
    }
}

fn evaluate(question: &Question, expression: &str, range: &str) -> Result<String, String> {
    let parsed = parse_expr(expression).map_err(|error| error.to_string())?;
    let engine = question.engine();
    let end_ms = question.now_ms;
    let instant = engine.instant(&*question.series, &parsed, end_ms, &question.budget).map_err(|e| e.to_string())?;
    let mut body = String::new();
    for severity in [Severity::Warning, Severity::Info] {
        for text in instant.annotations.texts(severity, expression, MAX_NOTES) {
            body.push_str(&format!("<p class=soft>{}</p>", escape(&text)));
        }
    }
    let samples = match instant.value {
        Value::Vector(samples) => samples,
        Value::Scalar { time_ms, value } => {
            vec![Sample { labels: Labels::default(), time_ms, value: Point::Float(value) }]
        }
        Value::String { value, .. } => return Ok(format!("{body}<p class=mono>{}</p>", escape(&value))),
        Value::Matrix(_) => return Err("a range of samples: ask for something over it, such as rate(…)".to_owned()),
    };
    let length = prometheus::parse(range).map_or(3_600_000, |range| range.as_millis() as i64);
    let step_ms = (length / STEPS).max(1_000);
    let start_ms = (end_ms - length) / step_ms * step_ms;
    let times = Range { start_ms, end_ms, step_ms };
    let outcome = engine.range(&*question.series, &parsed, times, &question.budget).map_err(|e| e.to_string())?;
    if let Value::Matrix(series) = &outcome.value {
        body.push_str(&chart(series, start_ms, end_ms));
    }
    body.push_str(&table(&samples));
    let found = exemplars(question, &parsed, start_ms);
    if !found.is_empty() {
        body.push_str(&format!("<h2>Newest exemplars</h2><p>{}</p>", traces(&found, None)));
    }
    Ok(body)
}

/// A picture of lines, without script.
pub(super) fn chart(series: &[Series], start_ms: i64, end_ms: i64) -> String {
    let lines: Vec<&Series> = series.iter().filter(|series| !series.floats.is_empty()).take(MAX_LINES).collect();
    let finite =
        lines.iter().flat_map(|series| series.floats.iter()).map(|(_, value)| *value).filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return "<section class=empty><h2>No numbers in this time</h2></section>".to_owned();
    }
    // What grows from nothing is shown so; a line that stays the same lies in the middle.
    let low = if low > 0.0 && low < high / 2.0 { 0.0 } else { low };
    let (low, high) = if low == high { (low - 1.0, high + 1.0) } else { (low, high) };
    let x = |time: i64| (time - start_ms) as f64 / (end_ms - start_ms).max(1) as f64 * WIDTH;
    let y = |value: f64| HEIGHT - (value - low) / (high - low) * HEIGHT;
    let mut paths = String::new();
    for line in &lines {
        let mut path = String::new();
        let mut before: Option<i64> = None;
        // Where samples are missing, the line is broken.
        let step = (end_ms - start_ms) / STEPS;
        for (time, value) in line.floats.iter().filter(|(_, value)| value.is_finite()) {
            let is_next = before.is_some_and(|before| time - before <= 2 * step.max(1_000));
            path.push_str(&format!("{}{:.1} {:.1}", if is_next { "L" } else { "M" }, x(*time), y(*value)));
            before = Some(*time);
        }
        let name = line.labels.to_string();
        paths.push_str(&format!(
            "<path d=\"{path}\" style=\"stroke:{}\"><title>{}</title></path>",
            colour(&name),
            escape(&name)
        ));
    }
    let grid: String = (0..5)
        .map(|n| {
            let part = f64::from(n) / 4.0;
            let (height, value) = (HEIGHT * part, high - (high - low) * part);
            let near = if n == 0 { 12.0 } else { -3.0 };
            format!(
                "<line x1=0 x2={WIDTH} y1={height:.1} y2={height:.1} /><text x=4 y={:.1}>{}</text>",
                height + near,
                short_number(value)
            )
        })
        .collect();
    let time = |ms: i64| rfc3339(ms).replace('T', " ").replace(".000Z", "").replace('Z', "");
    let more = series.len().saturating_sub(lines.len());
    let more = if more == 0 { String::new() } else { format!("<p class=soft>{more} more series are not drawn.</p>") };
    format!(
        "<div class=\"panel chart\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=none role=img \
         aria-label=\"Chart of {} series\">{grid}{paths}</svg><div class=axis><span>{}</span><span>{}</span></div></div>{more}",
        lines.len(),
        time(start_ms),
        time(end_ms)
    )
}

fn table(samples: &[Sample]) -> String {
    if samples.is_empty() {
        return "<section class=empty><h2>No series now</h2></section>".to_owned();
    }
    let mut rows = String::new();
    for sample in samples.iter().take(MAX_ROWS) {
        let name = sample.labels.to_string();
        let value = match &sample.value {
            Point::Float(value) => go_float(*value),
            Point::Histogram(histogram) => {
                format!("{} values, sum {}", go_float(histogram.count), go_float(histogram.sum))
            }
        };
        rows.push_str(&format!(
            "<tr><td class=mono><span class=dot style=\"background:{}\"></span>{}<td class=num>{}</tr>",
            colour(&name),
            escape(&name),
            escape(&value)
        ));
    }
    let more = samples.len().saturating_sub(MAX_ROWS);
    let more = if more == 0 { String::new() } else { format!("<p class=soft>and {more} more</p>") };
    format!(
        "<h2>Now <span class=soft>({})</span></h2><div class=panel><table><thead><tr><th>Series<th class=num>Value</tr></thead>\
         <tbody>{rows}</tbody></table></div>{more}",
        count(samples.len() as u64)
    )
}

/// Names to begin with, and what there is most of.
fn what_there_is(question: &Question) -> Result<String, Failed> {
    let filter = Filter { matchers: Vec::new(), start_ms: i64::MIN, end_ms: i64::MAX };
    let names = question.series.label_values(NAME, &filter, &question.budget)?;
    if names.is_empty() {
        return Ok(EMPTY.to_owned());
    }
    let stats = question.series.stats(MAX_ENTRIES)?;
    let mut body = format!("<h2>Metrics <span class=soft>({})</span></h2><div class=names>", count(names.len() as u64));
    for name in names.iter().take(MAX_NAMES) {
        body.push_str(&format!("<a class=pill href=\"/explore?expr={}\">{}</a>", percent::encode(name), escape(name)));
    }
    if names.len() > MAX_NAMES {
        body.push_str(&format!("<span class=soft>and {} more</span>", names.len() - MAX_NAMES));
    }
    body.push_str("</div>");
    body.push_str(&cardinality(&stats));
    Ok(body)
}

/// Values of a label, by how many series have them.
fn focused(question: &Question, label: &str) -> Result<String, Failed> {
    let stats = question.series.stats(MAX_FOCUSED)?;
    let begin = format!("{label}=");
    let values = stats.series_by_pair.iter().filter_map(|(pair, number)| Some((pair.strip_prefix(&begin)?, *number)));
    let values: Vec<(String, u64)> = values.map(|(value, number)| (value.to_owned(), number)).collect();
    let of_label: u64 = values.iter().map(|(_, number)| number).sum();
    let title = format!(
        "<h2>Label {} <span class=soft>({} of {} series have it)</span></h2>",
        escape(label),
        count(of_label),
        count(stats.series)
    );
    let shown: Vec<(String, u64)> = values.iter().take(MAX_ROWS).cloned().collect();
    let list = list("Value", &shown, stats.series, |value| selector(label, value));
    let more = values.len().saturating_sub(MAX_ROWS);
    let more =
        if more == 0 { String::new() } else { format!("<p class=soft>and {} more values</p>", count(more as u64)) };
    Ok(format!("{title}<p><a class=soft href=\"/explore\">all metrics</a></p>{list}{more}"))
}

/// The address of the series that have a value of a label.
fn selector(label: &str, value: &str) -> String {
    format!("/explore?expr={}", percent::encode(&format!("{{{}={}}}", go_quote_label(label), go_quote(value))))
}

/// A label's name as a selector has it.
fn go_quote_label(label: &str) -> String {
    if is_plain_label_name(label) { label.to_owned() } else { go_quote(label) }
}

/// What there is most of, each with its part of all series, and where it leads.
fn list(title: &str, entries: &[(String, u64)], all: u64, address: impl Fn(&str) -> String) -> String {
    let row = |(name, number): &(String, u64)| {
        let part = if all == 0 { String::new() } else { format!("{:.1} %", *number as f64 * 100.0 / all as f64) };
        format!(
            "<tr><td class=mono><a href=\"{}\">{}</a><td class=num>{}<td class=num>{part}</tr>",
            escape(&address(name)),
            escape(name),
            count(*number)
        )
    };
    let rows: String = entries.iter().map(row).collect();
    format!(
        "<div class=panel><table><thead><tr><th>{title}<th class=num><th class=num></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// What takes most series, values and bytes: where to look when there are too many; and how many there may be.
fn cardinality(stats: &Stats) -> String {
    let metric = |name: &str| selector(NAME, name);
    let label = |name: &str| format!("/explore?focus={}", percent::encode(name));
    let pair = |pair: &str| pair.split_once('=').map_or_else(String::new, |(name, value)| selector(name, value));
    let limit = match stats.limit {
        0 => String::new(),
        limit => format!(" of at most {}", count(limit)),
    };
    let refused = match &stats.refused[..] {
        [] => "Nothing was refused since the start.".to_owned(),
        refused => {
            let each: Vec<String> = refused.iter().map(|(why, number)| format!("{why} {}", count(*number))).collect();
            format!("Samples and exemplars refused since the start: {}.", each.join(", "))
        }
    };
    format!(
        "<h2>Cardinality <span class=soft>({} series{limit}, {} pairs of label and value in memory)</span></h2><p class=soft>{refused}</p><div class=lists>{}{}{}{}</div>",
        count(stats.series),
        count(stats.label_pairs),
        list("Series by metric", &stats.series_by_metric, stats.series, metric),
        list("Values by label", &stats.values_by_label, 0, label),
        list("Bytes by label", &stats.bytes_by_label, 0, label),
        list("Series by label and value", &stats.series_by_pair, stats.series, pair)
    )
}

const EMPTY: &str = "<section class=empty><h2>No metrics yet</h2><p>Send them by OTLP or by remote write, or let them be scraped:</p>\
    <pre>remote_write: [{url: http://127.0.0.1:9000/prometheus/api/v1/write}]</pre></section>";

/// A number of about four digits.
pub fn short_number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value == 0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
