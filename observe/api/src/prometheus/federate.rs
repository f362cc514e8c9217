//! Newest samples as text, for another Prometheus to scrape: `/federate`.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use vitrine_observe_promql::parse::parse_selector;
use vitrine_observe_promql::{go_float, is_plain_label_name};
use vitrine_observe_store::series::{Labels, NAME, Select, Value, Values, is_stale};

use super::answer::Failed;
use super::question::Question;

/// How names are written that are not plain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// As they are, in quotes.
    Quoted,
    /// With underscores for what is not plain.
    Underscores,
}

/// Samples as text; an error as text.
pub(super) fn federate(question: &Question) -> Result<Response, Failed> {
    let accepts = question.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let names = if accepts.contains("escaping=allow-utf-8") { Names::Quoted } else { Names::Underscores };
    let (mut response, kind) = match text(question, names) {
        Ok(text) => {
            let escaping = if names == Names::Quoted { "allow-utf-8" } else { "underscores" };
            (text.into_response(), format!("text/plain; version=0.0.4; charset=utf-8; escaping={escaping}"))
        }
        Err((status, why)) => ((status, format!("{why}\n")).into_response(), "text/plain; charset=utf-8".to_owned()),
    };
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}

/// The newest sample of each series, no older than the lookback, in order of the names.
fn text(question: &Question, names: Names) -> Result<String, (StatusCode, String)> {
    let lookback_ms = question.settings.options.evaluation.lookback_ms;
    let failed = |error: vitrine_observe_store::series::QueryError| match Failed::from(error) {
        Failed::Timeout(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        Failed::Execution(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        other => (StatusCode::INTERNAL_SERVER_ERROR, format!("{other:?}")),
    };
    let mut found: Vec<(Labels, i64, f64)> = Vec::new();
    for selector in question.all("match[]") {
        let matchers = parse_selector(selector).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let (after_ms, until_ms) = (question.now_ms.saturating_sub(lookback_ms + 1), question.now_ms);
        let select = Select { matchers, after_ms, until_ms };
        let mut selection = question.series.select(&select, &question.budget).map_err(failed)?;
        while let Some(block) = selection.next_block().map_err(failed)? {
            question.budget.check().map_err(failed)?;
            for samples in block {
                let Some(labels) = selection.series().get(samples.series).map(|series| &series.labels) else {
                    continue;
                };
                let newest = match &samples.values {
                    Values::Floats(values) => values.last().copied(),
                    Values::Mixed(values) => match values.last() {
                        Some(Value::Float(bits)) => Some(*bits),
                        _ => None,
                    },
                    // The text format has no form for them.
                    Values::Histograms(_) => None,
                };
                if let (Some(bits), Some(time_ms)) = (newest.filter(|bits| !is_stale(*bits)), samples.times.last()) {
                    found.push((labels.clone(), *time_ms, f64::from_bits(bits)));
                }
            }
        }
    }
    // By name first, and what several selectors found once.
    found.sort_by(|(a, ..), (b, ..)| (a.metric(), a).cmp(&(b.metric(), b)));
    found.dedup_by(|(a, ..), (b, ..)| a == b);
    Ok(written(&found, names))
}

fn written(found: &[(Labels, i64, f64)], names: Names) -> String {
    let mut out = String::new();
    let mut family = "";
    for (labels, time_ms, value) in found {
        let metric = labels.metric();
        if metric.is_empty() {
            continue;
        }
        if metric != family {
            let _ = writeln!(out, "# TYPE {} untyped", name(metric, names));
            family = metric;
        }
        let in_braces = names == Names::Quoted && !is_metric_name(metric);
        if !in_braces {
            out.push_str(&name(metric, names));
        }
        out.push('{');
        if in_braces {
            let _ = write!(out, "{},", name(metric, names));
        }
        let own = labels.iter().filter(|label| &*label.name != NAME);
        for label in own {
            let _ = write!(out, "{}=\"{}\",", label_name(&label.name, names), escaped(&label.value));
        }
        if labels.get("instance").is_none() {
            out.push_str("instance=\"\",");
        }
        out.pop();
        let _ = writeln!(out, "}} {} {time_ms}", go_float(*value));
    }
    out
}

/// Whether a metric can be written without quotes.
fn is_metric_name(name: &str) -> bool {
    is_plain_label_name(&name.replace(':', "_"))
}

fn name(metric: &str, names: Names) -> String {
    match names {
        _ if is_metric_name(metric) => metric.to_owned(),
        Names::Quoted => format!("\"{}\"", escaped(metric)),
        Names::Underscores => underscored(metric, true),
    }
}

fn label_name(label: &str, names: Names) -> String {
    match names {
        _ if is_plain_label_name(label) => label.to_owned(),
        Names::Quoted => format!("\"{}\"", escaped(label)),
        Names::Underscores => underscored(label, false),
    }
}

fn underscored(name: &str, with_colons: bool) -> String {
    let fits = |place: usize, c: char| {
        c == '_' || c.is_ascii_alphabetic() || (place > 0 && c.is_ascii_digit()) || (with_colons && c == ':')
    };
    name.chars().enumerate().map(|(place, c)| if fits(place, c) { c } else { '_' }).collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
