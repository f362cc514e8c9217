//! Which alerts an incident is meant to set off: derived from the rules that are evaluated, and from what calls and points show of it.
//!
//! Three kinds of rules are understood, which are those that watch a shop: the share of calls that fail over a window, a quantile of how
//! long they take over a window, and a value that is above a bound. Others are not expected to fire, nor is it said that they do not.
//!
//! Of a share the window is filled little by little: while calls fail evenly it rises, and falls as evenly when they have left it. So an
//! alert is expected where the share stays above its bound for as long as the rule waits, and does so before nobody looks any more.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::propagation::share;
use crate::record::Windows;
use crate::rows::{PointRow, SpanRow, Telemetry, kind};

/// How often recording rules are put in for their names: one may name another.
const MAX_DEPTH: usize = 4;
/// Longest expression that is looked at, in bytes.
const MAX_EXPRESSION: usize = 64 * 1024;
/// Fewest calls of a service that a share is made of.
const MIN_CALLS: usize = 5;
const SECOND_NS: f64 = 1e9;

/// A rule that is evaluated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// What it is called.
    pub name: String,
    /// What it asks, in PromQL.
    pub query: String,
    /// How long that must hold, in seconds.
    #[serde(rename = "duration")]
    pub for_s: f64,
    /// `alerting` or `recording`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq)]
enum Watched {
    /// The share of calls that fail, or that take longer than so many seconds, within a window of so many seconds.
    Share { is_http: bool, longer_than_s: Option<f64>, window_s: f64, above: f64 },
    /// A value, by its series' selector; for so many seconds longer than the rule waits.
    Value { metric: String, labels: Vec<(String, String)>, above: f64, over_s: f64 },
}

/// The number after a text, if there is one.
fn number_after(text: &str, mark: &str) -> Option<f64> {
    let rest = text.split_once(mark)?.1.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// What a value must be above; of an equality, just below it.
fn bound(query: &str) -> Option<f64> {
    number_after(query, "> ").or_else(|| number_after(query, "== ").map(|value| value - f64::EPSILON))
}

/// The window of the first range of an expression, in seconds.
fn window_s(expression: &str) -> Option<f64> {
    let range = expression.split_once('[')?.1.split_once(']')?.0;
    let digits = range.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &range[digits..] {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    Some(range[..digits].parse::<f64>().ok()? * unit)
}

/// An expression with the recording rules that it names.
fn expanded(query: &str, recorded: &BTreeMap<&str, &str>) -> String {
    let mut text = query.to_owned();
    for _ in 0..MAX_DEPTH {
        // The longer ones first: one may begin with another.
        for (name, of) in recorded.iter().rev() {
            if text.len() <= MAX_EXPRESSION && text.contains(name) {
                text = text.replace(name, of);
            }
        }
    }
    text
}

fn watched(rule: &Rule, recorded: &BTreeMap<&str, &str>) -> Option<Watched> {
    let above = bound(&rule.query)?;
    let expression = expanded(&rule.query, recorded);
    let is_http = expression.contains("http_server_request_duration");
    let of_calls = is_http || expression.contains("rpc_server_call_duration");
    if of_calls && let Some(quantile) = number_after(&expression, "histogram_quantile(") {
        let longer_than_s = Some(above);
        return Some(Watched::Share {
            is_http,
            longer_than_s,
            window_s: window_s(&expression)?,
            above: 1.0 - quantile,
        });
    }
    if of_calls && expression.contains("error_type!=\"\"") {
        return Some(Watched::Share { is_http, longer_than_s: None, window_s: window_s(&expression)?, above });
    }
    let metric = metric(&expression)?;
    let matchers = expression.split_once(metric)?.1;
    let matchers = matchers.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
    let labels = matchers.split(',').filter_map(|one| one.split_once('='));
    let labels = labels.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
    let over_s = if expression.contains("min_over_time(") { window_s(&expression)? } else { 0.0 };
    Some(Watched::Value { metric: metric.to_owned(), labels: labels.collect(), above, over_s })
}

/// The first name of a metric, as the shop's are: of three words at least. What a parenthesis follows is a function's.
fn metric(expression: &str) -> Option<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = expression;
    loop {
        rest = &rest[rest.find(is_word)?..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if word.matches('_').count() >= 2 && !behind.starts_with('(') {
            return Some(word);
        }
        rest = behind;
    }
}

/// A name as Prometheus has it.
fn translated(name: &str) -> String {
    name.replace(['.', '-', '/'], "_")
}

/// Whether calls of a service, from outside or from others, keep a share above its bound for long enough.
fn share_lasts(calls: &[&SpanRow], rule: &Rule, watched: (Option<f64>, f64, f64), windows: &Windows) -> bool {
    let (longer_than_s, window_s, above) = watched;
    let is_bad =
        |span: &&&SpanRow| longer_than_s.map_or(span.is_error, |bound| span.duration_ns as f64 > bound * SECOND_NS);
    let bad: Vec<i64> = calls.iter().filter(is_bad).map(|span| span.time_ns).collect();
    let (Some(first), Some(last)) = (bad.iter().min(), bad.iter().max()) else { return false };
    let lasted_s = (last - first) as f64 / SECOND_NS;
    let within = calls.iter().filter(|span| (*first..=*last).contains(&span.time_ns)).count();
    let level = share(bad.len(), within);
    if within < MIN_CALLS || level * lasted_s.min(window_s) / window_s <= above {
        return false;
    }
    let rises_s = above * window_s / level;
    let stays_s = lasted_s + window_s - 2.0 * rises_s;
    let left_s = (windows.after.to_ns - first) as f64 / SECOND_NS - rises_s;
    stays_s >= rule.for_s && left_s >= rule.for_s
}

/// Whether one series of points stays above a bound for long enough.
fn value_lasts(points: &[&PointRow], above: f64, for_s: f64) -> bool {
    let mut since: Option<i64> = None;
    points.iter().any(|point| {
        if point.value <= above {
            since = None;
            return false;
        }
        let since = *since.get_or_insert(point.time_ns);
        (point.time_ns - since) as f64 / SECOND_NS >= for_s
    })
}

/// Returns the alerts that are expected, each as its name and the service, in order; rules are those that are evaluated, recording ones
/// among them, and what was seen is from the baseline to the recovery.
pub fn expected(rules: &[Rule], telemetry: &Telemetry, windows: &Windows) -> Vec<String> {
    let recorded: BTreeMap<&str, &str> =
        rules.iter().filter(|rule| rule.kind == "recording").map(|r| (r.name.as_str(), r.query.as_str())).collect();
    let mut all = BTreeSet::new();
    for rule in rules.iter().filter(|rule| rule.kind == "alerting") {
        match watched(rule, &recorded) {
            Some(Watched::Share { is_http, longer_than_s, window_s, above }) => {
                let mut calls: BTreeMap<&str, Vec<&SpanRow>> = BTreeMap::new();
                let is_meant = |span: &&SpanRow| {
                    let during = windows.during.holds(span.time_ns);
                    during
                        && span.kind == kind::SERVER
                        && is_http == span.attributes.contains_key("http.request.method")
                };
                for span in telemetry.spans.iter().filter(is_meant) {
                    calls.entry(&span.service).or_default().push(span);
                }
                let lasts = |of: &Vec<&SpanRow>| share_lasts(of, rule, (longer_than_s, window_s, above), windows);
                all.extend(calls.iter().filter(|(_, of)| lasts(of)).map(|(service, _)| named(&rule.name, service)));
            }
            Some(Watched::Value { metric, labels, above, over_s }) => {
                let mut series: BTreeMap<(&str, &BTreeMap<String, String>), Vec<&PointRow>> = BTreeMap::new();
                for point in telemetry.points.iter().filter(|point| is_of(point, &metric, &labels, windows)) {
                    series.entry((&point.service, &point.attributes)).or_default().push(point);
                }
                let lasting = series.iter().filter(|(_, points)| value_lasts(points, above, rule.for_s + over_s));
                all.extend(lasting.map(|((service, _), _)| named(&rule.name, service)));
            }
            None => {}
        }
    }
    all.into_iter().collect()
}

fn is_of(point: &PointRow, metric: &str, labels: &[(String, String)], windows: &Windows) -> bool {
    // Prometheus puts the unit behind the name.
    let is_named =
        metric.strip_prefix(&translated(&point.metric)).is_some_and(|unit| unit.is_empty() || unit.starts_with('_'));
    let has = |(name, value): &(String, String)| {
        point.attributes.iter().any(|(key, own)| translated(key) == *name && own == value)
    };
    is_named && point.time_ns >= windows.during.from_ns && labels.iter().all(has)
}

/// How an alert is written: its name and the service that it is of, if that is known.
pub fn named(alert: &str, service: &str) -> String {
    if service.is_empty() { alert.to_owned() } else { format!("{alert} {service}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Rule, Watched, expected, watched};
    use crate::record::Windows;
    use crate::rows::{PointKind, PointRow, SpanRow, Telemetry, Window, kind};

    const S: i64 = 1_000_000_000;

    fn rules() -> Vec<Rule> {
        let rule = |kind: &str, name: &str, query: &str, for_s: f64| Rule {
            name: name.to_owned(),
            query: query.to_owned(),
            for_s,
            kind: kind.to_owned(),
        };
        vec![
            rule(
                "recording",
                "job:calls:rate5m",
                "sum by (job) (rate(rpc_server_call_duration_seconds_count[5m]))",
                0.0,
            ),
            rule(
                "recording",
                "job:errors:ratio_rate5m",
                "sum by (job) (rate(rpc_server_call_duration_seconds_count{error_type!=\"\"}[5m])) / job:calls:rate5m",
                0.0,
            ),
            rule(
                "recording",
                "job:p99",
                "histogram_quantile(0.99, sum by (job, le) (rate(http_server_request_duration_seconds_bucket[5m])))",
                0.0,
            ),
            rule("alerting", "CallsFail", "job:errors:ratio_rate5m > 0.02 and job:calls:rate5m > 0.05", 120.0),
            rule("alerting", "Slow", "job:p99 > 1 and job:calls:rate5m > 0.05", 300.0),
            rule("alerting", "Stalled", "vitrine_messaging_consumer_delay_seconds > 60", 60.0),
            rule(
                "alerting",
                "Open",
                "max by (job) (vitrine_circuit_breaker_status{vitrine_circuit_breaker_state=\"open\"}) == 1",
                60.0,
            ),
            rule("alerting", "Full", "min_over_time(db_client_pending_requests[2m]) > 0", 180.0),
            rule("alerting", "Odd", "up{job=\"x\"} unless on () vector(1)", 0.0),
        ]
    }

    #[test]
    fn rules_are_read_through_those_that_record() {
        let rules = rules();
        let recorded: BTreeMap<&str, &str> = rules[..3].iter().map(|r| (r.name.as_str(), r.query.as_str())).collect();
        let seen: Vec<Option<Watched>> = rules[3..].iter().map(|rule| watched(rule, &recorded)).collect();
        let share = |is_http, longer_than_s, above| Watched::Share { is_http, longer_than_s, window_s: 300.0, above };
        assert_eq!(seen[0], Some(share(false, None, 0.02)));
        assert_eq!(seen[1], Some(share(true, Some(1.0), 1.0 - 0.99)));
        let stalled = "vitrine_messaging_consumer_delay_seconds".to_owned();
        assert_eq!(seen[2], Some(Watched::Value { metric: stalled, labels: Vec::new(), above: 60.0, over_s: 0.0 }));
        let Some(Watched::Value { labels, .. }) = &seen[3] else { panic!("{seen:?}") };
        assert_eq!(labels[..], [("vitrine_circuit_breaker_state".to_owned(), "open".to_owned())]);
        let full = "db_client_pending_requests".to_owned();
        assert_eq!(seen[4], Some(Watched::Value { metric: full, labels: Vec::new(), above: 0.0, over_s: 120.0 }));
        assert_eq!(seen[5], None);
    }

    /// Five minutes of two calls a second, of which those in between fail and are slow; a consumer that falls behind, a breaker that opens.
    fn telemetry(bad: std::ops::Range<i64>) -> Telemetry {
        let span = |second: i64, service: &str, is_http: bool| SpanRow {
            time_ns: second * S,
            duration_ns: if bad.contains(&second) { 2 * S } else { S / 100 },
            service: service.to_owned(),
            kind: kind::SERVER.to_owned(),
            is_error: bad.contains(&second) && second % 2 == 0,
            attributes: if is_http {
                [("http.request.method".to_owned(), "GET".to_owned())].into()
            } else {
                BTreeMap::new()
            },
            ..SpanRow::default()
        };
        let point = |second: i64, metric: &str, value: f64, state: &str| PointRow {
            time_ns: second * S,
            service: "email".to_owned(),
            metric: metric.to_owned(),
            kind: PointKind::Gauge,
            value,
            count: 0.0,
            attributes: [("vitrine.circuit_breaker.state".to_owned(), state.to_owned())].into(),
        };
        let mut all = Telemetry::default();
        for second in 0..600 {
            all.spans.extend([span(second, "payments", false), span(second, "gateway", true)]);
            if second % 10 == 0 {
                let is_bad = bad.contains(&second);
                let behind = if is_bad { (second - bad.start) as f64 * 2.0 } else { 0.0 };
                all.points.push(point(second, "vitrine.messaging.consumer.delay", behind, ""));
                for state in ["open", "closed"] {
                    let is_it = (state == "open") == is_bad;
                    all.points.push(point(second, "vitrine.circuit_breaker.status", f64::from(u8::from(is_it)), state));
                }
            }
        }
        all
    }

    #[test]
    fn what_lasts_is_expected_and_what_is_over_too_soon_is_not() {
        let window = |from: i64, to: i64| Window { from_ns: from * S, to_ns: to * S };
        let of = |from: i64, to: i64| {
            let windows = Windows { baseline: window(0, from), during: window(from, to), after: window(to, 600) };
            expected(&rules(), &telemetry(from..to), &windows)
        };
        assert_eq!(of(100, 300), ["CallsFail payments", "Open email", "Slow gateway", "Stalled email"]);
        // Half of the calls of a minute are a tenth of five: above the bound for longer than the rule waits.
        assert_eq!(of(100, 160), ["CallsFail payments", "Slow gateway"]);
        assert_eq!(of(100, 104), [""; 0]);
        // It would fire, but nobody looks any more by then.
        assert_eq!(of(500, 590), ["Open email"]);
    }
}
