//! The page of a rule: what it says, its alerts with the traces behind them, and its last evaluations.

use vitrine_kit::clock::rfc3339;
use vitrine_kit::html::escape;
use vitrine_kit::percent;
use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::go_float;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_rules::status::{AlertStatus, AlertingStatus, Evaluation, GroupStatus, RuleStatus};
use vitrine_observe_store::series::{ExemplarSeries, Filter, Labels};

use super::answer::Failed;
use super::question::Question;
use crate::pages::html::{self, page};
use crate::time::NANOS_PER_MILLI;

/// Alerts of a page.
const MAX_ALERTS: usize = 100;
/// Traces of an alert, and of an expression.
const MAX_TRACES: usize = 5;
/// How long before an alert began exemplars tell of it.
const BEFORE_MS: i64 = 15 * 60 * 1_000;
/// The label of an exemplar that leads to its trace.
const TRACE_ID: &str = "trace_id";

/// Where the page of a rule is.
pub(super) fn address(group: &GroupStatus, place: usize) -> String {
    let (file, name) = (percent::encode(&group.file), percent::encode(&group.name));
    format!("/alerts/rule?file={file}&amp;group={name}&amp;rule={place}")
}

/// A time for people, in UTC.
pub(super) fn time(ms: i64) -> String {
    html::time(u64::try_from(ms).unwrap_or(0).saturating_mul(NANOS_PER_MILLI))
}

/// `alerts/rule`: `file`, `group`, and the place of the rule in it, from 0.
pub(super) fn rule(question: &Question) -> Result<String, Failed> {
    let groups = question.rule_groups();
    let (file, name) = (question.get("file"), question.get("group"));
    let group = groups.into_iter().find(|group| group.file == file && group.name == name);
    let place: Option<usize> = question.get("rule").parse().ok();
    let found = group.as_ref().and_then(|group| Some((group, group.rules.get(place?)?)));
    let Some((group, rule)) = found else {
        let body = "<h1>No such rule</h1><section class=empty><p>Its file may have been read again since. <a href=\"/alerts\">All rules</a></p></section>";
        return Ok(page("No such rule", body));
    };
    let mut body = format!(
        "<p class=soft><a href=\"/alerts\">Alerts</a> · {} · {}</p><h1>{}</h1><pre><a href=\"/explore?expr={}\">{}</a></pre>",
        escape(&group.file),
        escape(&group.name),
        escape(&rule.name),
        percent::encode(&rule.query),
        escape(&rule.query)
    );
    body.push_str(&facts(group, rule));
    if let Some(alerting) = &rule.alerting {
        body.push_str(&alerts(question, rule, alerting));
    }
    body.push_str(&history(rule));
    Ok(page(&rule.name, &body))
}

fn facts(group: &GroupStatus, rule: &RuleStatus) -> String {
    let mut rows = vec![("Evaluated every", format!("{} s", group.interval_s))];
    if let Some(alerting) = &rule.alerting {
        rows.insert(0, ("State", alerting.state.name().to_owned()));
        rows.push(("Fires after", format!("{} s", alerting.hold_s)));
        if alerting.keep_firing_for_s > 0.0 {
            rows.push(("Fires on for", format!("{} s", alerting.keep_firing_for_s)));
        }
    }
    rows.extend(rule.labels.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let annotations = rule.alerting.iter().flat_map(|alerting| &alerting.annotations);
    rows.extend(annotations.map(|(name, text)| (name.as_str(), text.clone())));
    let rows: String =
        rows.iter().map(|(name, value)| format!("<tr><th>{}<td>{}</tr>", escape(name), escape(value))).collect();
    format!("<div class=panel><table>{rows}</table></div>")
}

fn alerts(question: &Question, rule: &RuleStatus, alerting: &AlertingStatus) -> String {
    if alerting.alerts.is_empty() {
        return "<h2>Alerts</h2><p class=soft>None is pending, none fires.</p>".to_owned();
    }
    let from = alerting.alerts.iter().map(|alert| alert.active_at_ms).min().unwrap_or(question.now_ms) - BEFORE_MS;
    let found = parse_expr(&rule.query).map(|expr| exemplars(question, &expr, from)).unwrap_or_default();
    let row = |alert: &AlertStatus| {
        let annotations: String =
            alert.annotations.iter().map(|label| format!("<br>{}", escape(&label.value))).collect();
        format!(
            "<tr><td><span class=\"state {state}\">{state}</span><td><span class=mono>{}</span>{annotations}<td class=num>{}<td class=mono>{}<td>{}</tr>",
            escape(&alert.labels.to_string()),
            go_float(alert.value),
            time(alert.active_at_ms),
            traces(&found, Some(&alert.labels)),
            state = alert.state.name()
        )
    };
    let rows: String = alerting.alerts.iter().take(MAX_ALERTS).map(row).collect();
    format!(
        "<h2>Alerts</h2><div class=panel><table><thead><tr><th>State<th>Labels<th class=num>Value<th>Since (UTC)<th>Traces</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// Exemplars of the series that an expression reads; none if they cannot be had.
pub(super) fn exemplars(question: &Question, expr: &Expr, start_ms: i64) -> Vec<ExemplarSeries> {
    let matchers: Vec<_> = expr.selectors().into_iter().map(|selector| selector.matchers.clone()).collect();
    if matchers.is_empty() {
        return Vec::new();
    }
    let filter = Filter { matchers, start_ms, end_ms: question.now_ms };
    question.series.exemplars(&filter, &question.budget).unwrap_or_default()
}

/// Links to the newest traces behind an alert of these labels, or behind anything.
pub(super) fn traces(found: &[ExemplarSeries], labels: Option<&Labels>) -> String {
    // What the expression did away with, and what the rule adds, says nothing.
    let is_of = |series: &&ExemplarSeries| {
        let of = |labels: &Labels| {
            series.labels.iter().all(|label| labels.get(&label.name).is_none_or(|value| value == &*label.value))
        };
        labels.is_none_or(of)
    };
    let exemplars = found.iter().filter(is_of).flat_map(|series| &series.exemplars);
    let mut traces: Vec<(i64, f64, &str)> = exemplars
        .filter_map(|exemplar| Some((exemplar.time_ms, exemplar.value, exemplar.labels.get(TRACE_ID)?)))
        .collect();
    traces.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(b.2)));
    traces.dedup_by_key(|(_, _, id)| *id);
    let links: Vec<String> = traces
        .iter()
        .take(MAX_TRACES)
        .map(|(at, value, id)| {
            format!(
                "<a class=mono href=\"/trace/{}\" title=\"{}\">{}</a> {}",
                percent::encode(id),
                rfc3339(*at),
                escape(id.get(..8).unwrap_or(id)),
                go_float(*value)
            )
        })
        .collect();
    if links.is_empty() { "<span class=soft>none</span>".to_owned() } else { links.join("<br>") }
}

fn history(rule: &RuleStatus) -> String {
    if rule.history.is_empty() {
        return "<h2>Evaluations</h2><p class=soft>It was not evaluated yet.</p>".to_owned();
    }
    let row = |evaluation: &Evaluation| {
        let outcome = match evaluation.error.as_str() {
            "" => "ok".to_owned(),
            error => format!("<span class=bad>{}</span>", escape(error)),
        };
        format!(
            "<tr><td class=mono>{}<td class=num>{:.1} ms<td class=num>{}<td>{outcome}</tr>",
            time(evaluation.at_ms),
            evaluation.took_s * 1_000.0,
            evaluation.series
        )
    };
    let rows: String = rule.history.iter().rev().map(row).collect();
    format!(
        "<h2>Last {} evaluations</h2><div class=panel><table><thead><tr><th>Time (UTC)<th class=num>Took<th class=num>Series<th>Outcome</tr></thead><tbody>{rows}</tbody></table></div>",
        rule.history.len()
    )
}
