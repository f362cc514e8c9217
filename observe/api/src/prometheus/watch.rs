//! Pages "Alerts" and "Targets": what rules found, and what is scraped.

use vitrine_kit::clock::rfc3339;
use vitrine_kit::duration::prometheus;
use vitrine_kit::html::escape;
use vitrine_kit::percent;
use vitrine_observe_promql::go_float;
use vitrine_observe_rules::status::{AlertState, AlertStatus, GroupStatus, Health, RuleStatus};
use vitrine_observe_store::{TargetHealth, TargetStatus};

use super::answer::Failed;
use super::question::Question;
use super::rule_page::{address, time};
use super::targets::health;
use crate::pages::html::page;

/// Rows of a page.
const MAX_ROWS: usize = 500;

/// Groups of rules with their alerts; what fires comes first.
pub(super) fn alerts(question: &Question) -> Result<String, Failed> {
    let groups = question.rule_groups();
    let mut rules: Vec<(&GroupStatus, usize, &RuleStatus)> = Vec::new();
    for group in &groups {
        rules.extend(group.rules.iter().enumerate().map(|(place, rule)| (group, place, rule)));
    }
    if rules.is_empty() {
        return Ok(page("Alerts", NO_RULES));
    }
    rules.sort_by_key(|(_, _, rule)| rank(rule));
    let count = |state: AlertState| rules.iter().filter(|(_, _, rule)| self::state(rule) == Some(state)).count();
    let failed = rules.iter().filter(|(_, _, rule)| rule.health == Health::Err).count();
    let mut body = format!(
        "<h1>Alerts</h1><div class=cards>{}{}{}{}</div><div class=panel><table><thead><tr><th>State<th>Rule<th>Expression<th>Group<th>Evaluated (UTC)</tr></thead><tbody>",
        card("Firing", count(AlertState::Firing)),
        card("Pending", count(AlertState::Pending)),
        card("Rules", rules.len()),
        card("Rules with errors", failed)
    );
    rules.iter().take(MAX_ROWS).for_each(|(group, place, rule)| body.push_str(&row(group, *place, rule)));
    body.push_str("</tbody></table></div>");
    Ok(page("Alerts", &body))
}

fn card(name: &str, number: usize) -> String {
    format!("<div class=card><span class=soft>{name}</span><b>{number}</b></div>")
}

fn state(rule: &RuleStatus) -> Option<AlertState> {
    rule.alerting.as_ref().map(|alerting| alerting.state)
}

/// What fires comes first, then what is wrong, then what may fire.
fn rank(rule: &RuleStatus) -> u8 {
    match (state(rule), rule.health) {
        (Some(AlertState::Firing), _) => 0,
        (_, Health::Err) => 1,
        (Some(AlertState::Pending), _) => 2,
        (Some(_), _) => 3,
        (None, _) => 4,
    }
}

fn row(group: &GroupStatus, place: usize, rule: &RuleStatus) -> String {
    let name = state(rule).map_or("recording", AlertState::name);
    let error = if rule.last_error.is_empty() {
        String::new()
    } else {
        format!("<p class=bad>{}</p>", escape(&rule.last_error))
    };
    let alerts: String = rule.alerting.iter().flat_map(|alerting| &alerting.alerts).take(MAX_ROWS).map(alert).collect();
    let evaluated = if rule.evaluated_at_ms == 0 { "never".to_owned() } else { time(rule.evaluated_at_ms) };
    format!(
        "<tr><td><span class=\"state {name}\">{name}</span><td><a href=\"{}\"><b>{}</b></a>{error}{alerts}<td class=mono><a href=\"/explore?expr={}\">{}</a><td>{}<td class=mono>{}</tr>",
        address(group, place),
        escape(&rule.name),
        percent::encode(&rule.query),
        escape(&rule.query),
        escape(&group.name),
        evaluated
    )
}

fn alert(alert: &AlertStatus) -> String {
    let annotations: String = alert.annotations.iter().map(|label| format!("<br>{}", escape(&label.value))).collect();
    format!(
        "<p><span class=mono>{}</span> = {} <span class=soft>since {}</span>{annotations}</p>",
        escape(&alert.labels.to_string()),
        go_float(alert.value),
        time(alert.active_at_ms)
    )
}

const NO_RULES: &str = "<h1>Alerts</h1><section class=empty><h2>No rules</h2><p>Files of rules, as Prometheus has them, are named by \
    <code>observatory.rules.files</code>; <code>vitrine rules check</code> reads them.</p></section>";

/// What is scraped, what does not answer first.
pub(super) fn targets(question: &Question) -> Result<String, Failed> {
    let status = question.settings.parts.targets.as_ref().map(|targets| targets.targets()).unwrap_or_default();
    if status.jobs.is_empty() {
        return Ok(page("Targets", NO_TARGETS));
    }
    let mut active = status.active;
    active.sort_by_key(|target| target.health != TargetHealth::Down);
    let down = active.iter().filter(|target| target.health == TargetHealth::Down).count();
    let dropped: usize = status.dropped_counts.iter().map(|(_, count)| count).sum();
    let mut body = format!(
        "<h1>Targets</h1><div class=cards>{}{}{}</div><div class=panel><table><thead><tr><th>State<th>Job<th>Target<th>Labels<th>Last scrape (UTC)<th class=num>Took<th class=num>Interval</tr></thead><tbody>",
        card("Targets", active.len()),
        card("Down", down),
        card("Dropped by rules", dropped)
    );
    active.iter().take(MAX_ROWS).for_each(|target| body.push_str(&target_row(target)));
    body.push_str("</tbody></table></div>");
    Ok(page("Targets", &body))
}

fn target_row(target: &TargetStatus) -> String {
    let bad = if target.health == TargetHealth::Down { " class=bad" } else { "" };
    let error = target.error.as_ref().map(|error| format!("<p class=bad>{}</p>", escape(error))).unwrap_or_default();
    let labels: Vec<String> = target.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let last = if target.last_ms == 0 { "not yet".to_owned() } else { rfc3339(target.last_ms).replace('T', " ") };
    format!(
        "<tr><td{bad}>{}<td>{}<td class=mono>{}{error}<td class=mono>{}<td class=mono>{}<td class=num>{:.1} ms<td class=num>{}</tr>",
        health(target),
        escape(&target.job),
        escape(&target.url),
        escape(&labels.join(", ")),
        last.trim_end_matches('Z'),
        target.took.as_secs_f64() * 1e3,
        prometheus::format(target.interval)
    )
}

const NO_TARGETS: &str = "<h1>Targets</h1><section class=empty><h2>Nothing is scraped</h2><p>A configuration as Prometheus has it is named by \
    <code>observatory.scrape.config</code>.</p></section>";
