//! Groups of rules and the alerts that they raise.

use serde_json::{Value, json};
use vitrine_observe_promql::go_float_exponent;
use vitrine_observe_rules::status::{AlertStatus, GroupStatus, Health, RuleStatus};
use vitrine_observe_store::series::{Labels, Matcher};

use super::answer::{ApiData, Failed};
use super::json::time_or_never;
use super::question::Question;

/// Groups that one answer tells of, if a limit is asked for, and at most.
const MOST_GROUPS: usize = 10_000;

fn labels(labels: &Labels) -> Value {
    labels
        .iter()
        .map(|label| ((*label.name).to_owned(), Value::from(&*label.value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn alert(alert: &AlertStatus) -> Value {
    let mut shown = json!({
        "labels": labels(&alert.labels),
        "annotations": labels(&alert.annotations),
        "state": alert.state.name(),
        "activeAt": time_or_never(alert.active_at_ms),
        "value": go_float_exponent(alert.value),
    });
    if let Some(since) = alert.keep_firing_since_ms {
        shown["keepFiringSince"] = time_or_never(since).into();
    }
    shown
}

fn rule(rule: &RuleStatus, with_alerts: bool) -> Value {
    let health = match rule.health {
        Health::Unknown => "unknown",
        Health::Ok => "ok",
        Health::Err => "err",
    };
    let mut shown = json!({
        "name": rule.name,
        "query": rule.query,
        "labels": pairs(&rule.labels),
        "health": health,
        "evaluationTime": rule.evaluation_s,
        "lastEvaluation": time_or_never(rule.evaluated_at_ms),
        "type": if rule.alerting.is_some() { "alerting" } else { "recording" },
    });
    if !rule.last_error.is_empty() {
        shown["lastError"] = rule.last_error.as_str().into();
    }
    if let Some(alerting) = &rule.alerting {
        shown["state"] = alerting.state.name().into();
        shown["duration"] = alerting.hold_s.into();
        shown["keepFiringFor"] = alerting.keep_firing_for_s.into();
        shown["annotations"] = pairs(&alerting.annotations);
        let alerts = alerting.alerts.iter().filter(|_| with_alerts);
        shown["alerts"] = alerts.map(alert).collect();
    }
    shown
}

/// What of the rules is wanted.
struct RuleFilter<'a> {
    kind: &'a str,
    names: Vec<&'a str>,
    groups: Vec<&'a str>,
    files: Vec<&'a str>,
    matchers: Vec<Vec<Matcher>>,
    with_alerts: bool,
}

impl RuleFilter<'_> {
    fn has_rule(&self, rule: &RuleStatus) -> bool {
        let is_kind = match self.kind {
            "alert" => rule.alerting.is_some(),
            "record" => rule.alerting.is_none(),
            _ => true,
        };
        let own = || Labels::of(rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let fits = |labels: &Labels| self.matchers.iter().any(|set| set.iter().all(|matcher| matcher.accepts(labels)));
        is_kind
            && (self.names.is_empty() || self.names.contains(&rule.name.as_str()))
            && (self.matchers.is_empty() || fits(&own()))
    }

    /// A group with the rules that are wanted; none if it is not wanted, or has none of them.
    fn group(&self, group: &GroupStatus) -> Option<Value> {
        let is_wanted = (self.groups.is_empty() || self.groups.contains(&group.name.as_str()))
            && (self.files.is_empty() || self.files.contains(&group.file.as_str()));
        if !is_wanted {
            return None;
        }
        let rules: Vec<Value> =
            group.rules.iter().filter(|rule| self.has_rule(rule)).map(|found| rule(found, self.with_alerts)).collect();
        let is_filtered = !self.names.is_empty() || !self.matchers.is_empty() || !self.kind.is_empty();
        if rules.is_empty() && is_filtered {
            return None;
        }
        Some(json!({
            "name": group.name,
            "file": group.file,
            "rules": rules,
            "interval": group.interval_s,
            "limit": group.limit,
            "evaluationTime": group.evaluation_s,
            "lastEvaluation": time_or_never(group.evaluated_at_ms),
        }))
    }
}

/// `rules`
pub(super) fn groups(question: &Question) -> Result<ApiData, Failed> {
    let kind = question.get("type");
    if !["", "alert", "record"].contains(&kind) {
        return Err(Failed::parameter("type", format!("not supported value {kind:?}")));
    }
    let with_alerts = match question.get("exclude_alerts") {
        "" | "false" | "0" => true,
        "true" | "1" => false,
        other => return Err(Failed::parameter("exclude_alerts", format!("invalid boolean {other:?}"))),
    };
    let wanted = RuleFilter {
        kind,
        names: question.all("rule_name[]").collect(),
        groups: question.all("rule_group[]").collect(),
        files: question.all("file[]").collect(),
        matchers: question.matchers().map_err(|why| Failed::parameter("match[]", why))?,
        with_alerts,
    };
    let limit = match question.get("group_limit") {
        "" => MOST_GROUPS,
        text => text
            .parse::<usize>()
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| Failed::parameter("group_limit", "group_limit needs to be a valid number greater than 0"))?
            .min(MOST_GROUPS),
    };
    let all = question.settings.parts.rules.as_ref().map(|rules| rules.groups()).unwrap_or_default();
    let token = |group: &GroupStatus| format!("{}:{}", group.file, group.name);
    let after = question.get("group_next_token");
    let begin = if after.is_empty() {
        0
    } else {
        all.iter()
            .position(|group| token(group) == after)
            .ok_or_else(|| Failed::BadData(format!("invalid group_next_token '{after}'. were rule groups changed?")))?
    };
    let mut shown = Vec::new();
    let mut next = None;
    for group in &all[begin..] {
        let Some(found) = wanted.group(group) else { continue };
        if shown.len() == limit {
            next = Some(token(group));
            break;
        }
        shown.push(found);
    }
    let mut data = json!({ "groups": shown });
    if let Some(next) = next {
        data["groupNextToken"] = next.into();
    }
    Ok(ApiData::new(data.to_string()))
}

/// `alertmanagers`: our own, which every alert of a rule is told.
pub(super) fn alertmanagers(question: &Question) -> Result<ApiData, Failed> {
    let url = &question.settings.options.alertmanager_url;
    let active: Vec<Value> =
        Some(url).filter(|url| !url.is_empty()).map(|url| json!({ "url": url })).into_iter().collect();
    Ok(ApiData::new(json!({ "activeAlertmanagers": active, "droppedAlertmanagers": [] }).to_string()))
}

/// `alerts`
pub(super) fn alerts(question: &Question) -> Result<ApiData, Failed> {
    let groups = question.settings.parts.rules.as_ref().map(|rules| rules.groups()).unwrap_or_default();
    let rules = groups.iter().flat_map(|group| &group.rules);
    let active = rules.filter_map(|rule| rule.alerting.as_ref()).flat_map(|alerting| &alerting.alerts);
    let alerts: Vec<Value> = active.map(alert).collect();
    Ok(ApiData::new(json!({ "alerts": alerts }).to_string()))
}
