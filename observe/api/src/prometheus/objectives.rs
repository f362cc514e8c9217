//! Objectives for a person: how much of each error budget is left, and how fast it burns.

use vitrine_kit::html::escape;
use vitrine_kit::percent;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::{Point, Range, Value, go_quote};
use vitrine_observe_rules::status::{AlertState, GroupStatus};

use super::answer::Failed;
use super::explore;
use super::question::Question;
use super::rule_page::address;
use crate::pages::html::page;

/// How the groups of objectives are called.
const GROUP: &str = "slo:";
/// Objectives of a page.
const MAX_OBJECTIVES: usize = 50;
/// Over which windows the burn is shown.
const WINDOWS: [&str; 4] = ["1h", "6h", "1d", "3d"];
/// Milliseconds of a second.
const SECOND_MS: i64 = 1_000;
/// How far back the chart goes, and in how many steps.
const CHART_MS: i64 = 7 * 24 * 3_600 * 1_000;
const CHART_STEPS: i64 = 168;

/// The page.
pub(super) fn objectives(question: &Question) -> Result<String, Failed> {
    let groups = question.rule_groups();
    let found: Vec<(&GroupStatus, &str)> =
        groups.iter().filter_map(|group| Some((group, group.name.strip_prefix(GROUP)?))).collect();
    if found.is_empty() {
        return Ok(page("Objectives", NO_OBJECTIVES));
    }
    let parts: String =
        found.iter().take(MAX_OBJECTIVES).map(|(group, name)| objective(question, group, name)).collect();
    Ok(page("Objectives", &format!("<h1>Objectives</h1>{parts}")))
}

fn objective(question: &Question, group: &GroupStatus, name: &str) -> String {
    let of = |metric: &str| value(question, &own(metric, name));
    let promised = of("slo:objective:ratio");
    let left = of("slo:error_budget_left:ratio");
    let budget = promised.map(|promised| 1.0 - promised).filter(|budget| *budget > 0.0);
    let percent = |part: f64| format!("{:.2} %", part * 100.0);
    let burns: String = WINDOWS
        .iter()
        .map(|window| {
            let burn = of(&format!("slo:error_ratio:rate{window}")).zip(budget).map(|(ratio, budget)| ratio / budget);
            let shown = burn.map_or_else(|| "no events".to_owned(), |burn| format!("{burn:.2} ×"));
            format!("<div class=card><span class=soft>Burn over {window}</span><b>{shown}</b></div>")
        })
        .collect();
    let is_broken = left.is_some_and(|left| left <= 0.0);
    let shown = left.map_or_else(|| "not known yet".to_owned(), percent);
    let bar = left.map_or_else(String::new, |left| {
        format!(
            "<meter class=budget min=0 max=1 low=0.1 high=0.3 optimum=1 value={:.4}>{shown}</meter>",
            left.clamp(0.0, 1.0)
        )
    });
    format!(
        "<h2>{}</h2><div class=cards><div class=card><span class=soft>Budget left</span><b{}>{shown}</b>{bar}</div>\
         <div class=card><span class=soft>Promised</span><b>{}</b></div>{burns}</div>{}{}",
        escape(name),
        if is_broken { " class=bad" } else { "" },
        promised.map_or_else(|| "not known yet".to_owned(), |promised| format!("{} %", promised * 100.0)),
        states(group),
        chart(question, name)
    )
}

/// Its alerts.
fn states(group: &GroupStatus) -> String {
    let links: Vec<String> = group
        .rules
        .iter()
        .enumerate()
        .filter_map(|(place, rule)| {
            let state = rule.alerting.as_ref()?.state;
            // What was not evaluated is told as it is, and not as if all were well.
            let word = if state == AlertState::Inactive { "quiet" } else { state.name() };
            let link = format!("<a href=\"{}\">{}</a>", address(group, place), escape(&rule.name));
            Some(format!("{link} <span class=\"state {}\">{word}</span>", state.name()))
        })
        .collect();
    format!("<p>{}</p>", links.join(" · "))
}

fn own(metric: &str, name: &str) -> String {
    format!("{metric}{{slo={}}}", go_quote(name))
}

/// What an expression is now; none if it is nothing, or not a number.
fn value(question: &Question, text: &str) -> Option<f64> {
    let engine = question.engine();
    let expr = parse_expr(text).ok()?;
    let outcome = engine.instant(&*question.series, &expr, question.now_ms, &question.budget).ok()?;
    let Value::Vector(samples) = outcome.value else { return None };
    match samples.first()?.value {
        Point::Float(value) => Some(value).filter(|value| value.is_finite()),
        Point::Histogram(_) => None,
    }
}

/// The budget over the last week.
fn chart(question: &Question, name: &str) -> String {
    let text = own("slo:error_budget_left:ratio", name);
    let engine = question.engine();
    let step_ms = CHART_MS / CHART_STEPS;
    let end_ms = question.now_ms / SECOND_MS * SECOND_MS;
    let times = Range { start_ms: end_ms - CHART_MS, end_ms, step_ms };
    let found = parse_expr(&text).ok().and_then(|expr| {
        engine.range(&*question.series, &expr, times, &question.budget).ok().map(|outcome| outcome.value)
    });
    let Some(Value::Matrix(series)) =
        found.filter(|value| !matches!(value, Value::Matrix(series) if series.is_empty()))
    else {
        return String::new();
    };
    format!(
        "{}<p class=soft><a href=\"/explore?expr={}&amp;range=7d\">The budget over a week</a></p>",
        explore::chart(&series, times.start_ms, end_ms),
        percent::encode(&text)
    )
}

const NO_OBJECTIVES: &str = "<h1>Objectives</h1><section class=empty><h2>No objectives</h2><p>What is promised is set by \
    <code>[[observatory.slo]]</code>: <code>name</code>, <code>good</code>, <code>total</code>, <code>objective</code>, <code>window</code>.</p></section>";
