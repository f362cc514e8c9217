//! Groups of rules and the alerts that they raise.

use vitrine_observe_promql::{go_float_exponent, go_quote};
use vitrine_observe_rules::status::{AlertStatus, GroupStatus, Health, RuleStatus};
use vitrine_observe_store::series::{Labels, Matcher};

use super::answer::{ApiData, Failed};
use super::json::{labels_text, list, object, text, time_or_never};
use super::question::Question;

/// Groups that one answer tells of, if a limit is asked for, and at most.
const MOST_GROUPS: usize = 10_000;

fn pairs(pairs: &[(String, String)]) -> String {
    labels_text(&Labels::of(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

fn alert(alert: &AlertStatus) -> String {
    let mut fields = vec![
        ("labels", labels_text(&alert.labels)),
        ("annotations", labels_text(&alert.annotations)),
        ("state", text(alert.state.name())),
        ("activeAt", text(&time_or_never(alert.active_at_ms))),
    ];
    fields.extend(alert.keep_firing_since_ms.map(|since| ("keepFiringSince", text(&time_or_never(since)))));
    fields.push(("value", text(&go_float_exponent(alert.value))));
    object(fields)
}

fn rule(rule: &RuleStatus, with_alerts: bool) -> String {
    let health = match rule.health {
        Health::Unknown => "unknown",
        Health::Ok => "ok",
        Health::Err => "err",
    };
    let (name, query, labels) = (text(&rule.name), text(&rule.query), pairs(&rule.labels));
    let mut fields = match &rule.alerting {
        Some(alerting) => vec![
            ("state", text(alerting.state.name())),
            ("name", name),
            ("query", query),
            ("duration", alerting.hold_s.to_string()),
            ("keepFiringFor", alerting.keep_firing_for_s.to_string()),
            ("labels", labels),
            ("annotations", pairs(&alerting.annotations)),
            ("alerts", list(alerting.alerts.iter().filter(|_| with_alerts).map(alert))),
            ("health", text(health)),
        ],
        None => vec![("name", name), ("query", query), ("labels", labels), ("health", text(health))],
    };
    if !rule.last_error.is_empty() {
        fields.push(("lastError", text(&rule.last_error)));
    }
    fields.push(("evaluationTime", rule.evaluation_s.to_string()));
    fields.push(("lastEvaluation", text(&time_or_never(rule.evaluated_at_ms))));
    fields.push(("type", text(if rule.alerting.is_some() { "alerting" } else { "recording" })));
    object(fields)
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
    fn group(&self, group: &GroupStatus) -> Option<String> {
        let is_wanted = (self.groups.is_empty() || self.groups.contains(&group.name.as_str()))
            && (self.files.is_empty() || self.files.contains(&group.file.as_str()));
        if !is_wanted {
            return None;
        }
        let rules: Vec<String> =
            group.rules.iter().filter(|rule| self.has_rule(rule)).map(|found| rule(found, self.with_alerts)).collect();
        let is_filtered = !self.names.is_empty() || !self.matchers.is_empty() || !self.kind.is_empty();
        if rules.is_empty() && is_filtered {
            return None;
        }
        Some(object([
            ("name", text(&group.name)),
            ("file", text(&group.file)),
            ("rules", list(rules)),
            ("interval", group.interval_s.to_string()),
            ("limit", group.limit.to_string()),
            ("evaluationTime", group.evaluation_s.to_string()),
            ("lastEvaluation", text(&time_or_never(group.evaluated_at_ms))),
        ]))
    }
}

/// `rules`
pub(super) fn groups(question: &Question) -> Result<ApiData, Failed> {
    let matchers = question.matchers().map_err(Failed::BadData)?;
    let kind = question.get("type").to_ascii_lowercase();
    if !["", "alert", "record"].contains(&kind.as_str()) {
        return Err(Failed::parameter("type", format!("not supported value {}", go_quote(&kind))));
    }
    let excludes = question.flag("exclude_alerts", false).ok_or_else(|| {
        let value = go_quote(question.get("exclude_alerts"));
        let why = format!("error converting exclude_alerts: strconv.ParseBool: parsing {value}: invalid syntax");
        Failed::parameter("exclude_alerts", why)
    })?;
    let limit = group_limit(question)?;
    let wanted = RuleFilter {
        kind: &kind,
        names: question.all("rule_name[]").collect(),
        groups: question.all("rule_group[]").collect(),
        files: question.all("file[]").collect(),
        matchers,
        with_alerts: !excludes,
    };
    let all = question.rule_groups();
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
    let mut fields = vec![("groups", list(shown))];
    fields.extend(next.map(|next| ("groupNextToken", text(&next))));
    Ok(ApiData::new(object(fields)))
}

/// Groups that one answer tells of.
fn group_limit(question: &Question) -> Result<usize, Failed> {
    let limit = question.get("group_limit");
    if limit.is_empty() {
        let why = "group_limit needs to be present in order to paginate over the groups";
        let is_first = question.get("group_next_token").is_empty();
        return if is_first { Ok(MOST_GROUPS) } else { Err(Failed::parameter("group_next_token", why)) };
    }
    let number: i32 = limit.parse().map_err(|_| {
        let why = format!("strconv.ParseInt: parsing {}: invalid syntax", go_quote(limit));
        Failed::parameter("group_limit", format!("group_limit needs to be a valid number: {why}"))
    })?;
    match usize::try_from(number) {
        Ok(1..) => Ok(number.unsigned_abs() as usize),
        _ => Err(Failed::parameter("group_limit", "group_limit needs to be greater than 0")),
    }
}

/// `alertmanagers`: our own, which every alert of a rule is told.
pub(super) fn alertmanagers(question: &Question) -> Result<ApiData, Failed> {
    let url = &question.settings.options.alertmanager_url;
    let active = Some(url).filter(|url| !url.is_empty()).map(|url| object([("url", text(url))]));
    Ok(ApiData::new(object([("activeAlertmanagers", list(active)), ("droppedAlertmanagers", list([]))])))
}

/// `alerts`
pub(super) fn alerts(question: &Question) -> Result<ApiData, Failed> {
    let groups = question.rule_groups();
    let rules = groups.iter().flat_map(|group| &group.rules);
    let active = rules.filter_map(|rule| rule.alerting.as_ref()).flat_map(|alerting| &alerting.alerts);
    Ok(ApiData::new(object([("alerts", list(active.map(alert)))])))
}
