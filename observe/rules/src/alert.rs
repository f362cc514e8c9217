//! What becomes of the series of an alerting rule: pending, firing, kept firing, resolved.

use std::collections::BTreeMap;

use vitrine_observe_promql::{Point, Sample};
use vitrine_observe_series::{Label, Labels, NAME};

use crate::status::AlertState;
use crate::template::{self, MapKind, RuleFunctions, TemplateError, Templates, Value};
use crate::{Settings, Source};

/// How long a resolved alert is kept and sent, so that whoever misses one message gets another.
pub const RESOLVED_RETENTION_MS: i64 = 15 * 60 * 1_000;
/// For how many intervals without a message an alert counts as firing: two evaluations or sendings may fail.
const VALID_INTERVALS: i64 = 4;
/// Most alerts of one rule.
pub const MAX_ALERTS: usize = 100_000;

const ALERT_NAME: &str = "alertname";
const ALERT_STATE: &str = "alertstate";

/// What stands before each template, so that `$labels` is known.
const VARIABLES: &str =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// One alert. All times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Those of the series, without the metric's name, and those of the rule.
    pub labels: Labels,
    /// What is told to people.
    pub annotations: Labels,
    /// Where it is.
    pub state: AlertState,
    /// What the series was worth when it was last there.
    pub value: f64,
    /// Since when the series is there.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    /// When it ended.
    pub resolved_at_ms: Option<i64>,
    /// When it was last sent.
    pub sent_at_ms: Option<i64>,
    /// Until when whoever got it last takes it for firing.
    pub valid_until_ms: i64,
    /// Since when it fires only because it is kept firing.
    pub keep_firing_since_ms: Option<i64>,
}

/// That an alert is somewhere else than before.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The alert's labels.
    pub labels: Labels,
    /// Where it was; none for one that is new.
    pub from: Option<AlertState>,
    /// Where it is.
    pub to: AlertState,
}

/// What an alerting rule is and knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlertRule {
    pub(crate) name: String,
    pub(crate) hold_ms: i64,
    pub(crate) keep_firing_ms: i64,
    /// Templates.
    pub(crate) labels: Vec<(String, String)>,
    /// Templates.
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) active: BTreeMap<Labels, Alert>,
}

/// What an evaluation results in.
pub(crate) struct Evaluated {
    pub(crate) samples: Vec<Sample>,
    pub(crate) transitions: Vec<Transition>,
    /// Whether anything changed that must survive a restart.
    pub(crate) is_changed: bool,
}

/// Whether a label's or annotation's template can be parsed.
pub(crate) fn check_template(alert: &str, text: &str) -> Result<(), TemplateError> {
    let functions = RuleFunctions::new(0, "", &|_, _| Ok(Vec::new()));
    template::check(&format!("__alert_{alert}"), &format!("{VARIABLES}{text}"), &functions)
}

/// Labels of pairs that others are laid over.
fn labels_with<'a>(base: impl Iterator<Item = (&'a str, &'a str)>, over: &[(&'a str, &'a str)]) -> Labels {
    Labels::of(base.chain(over.iter().copied()))
}

fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|label| (&*label.name, &*label.value))
}

impl AlertRule {
    /// Alerts of the result of a query made at `at_ms`; one whose templates fail says so in their place.
    fn alerts_of(
        &self,
        result: &[Sample],
        at_ms: i64,
        settings: &Settings,
        source: &dyn Source,
    ) -> Result<BTreeMap<Labels, Alert>, String> {
        let mut alerts = BTreeMap::new();
        let query = |text: &str, at: i64| source.query(text, at);
        let external = settings.external_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let external = Value::texts(MapKind::Texts, external);
        for sample in result {
            let value = Value::of_point(&sample.value);
            let data = Value::fields(
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }",
                vec![
                    ("Labels", Value::texts(MapKind::Texts, pairs(&sample.labels))),
                    ("ExternalLabels", external.clone()),
                    ("ExternalURL", Value::text(&settings.external_url)),
                    ("Value", value),
                ],
            );
            let functions = RuleFunctions::new(at_ms, &settings.external_url, &query);
            let name = format!("__alert_{}", self.name);
            let expand = |text: &str| {
                if !text.contains("{{") {
                    return text.to_owned();
                }
                let expanded = Templates::default().expand(&name, &format!("{VARIABLES}{text}"), &data, &functions);
                expanded.unwrap_or_else(|error| {
                    let doing = if error.is_parse { "parsing" } else { "executing" };
                    format!("<error expanding template: error {doing} template {name}: {error}>")
                })
            };
            let own: Vec<(&str, String)> =
                self.labels.iter().map(|(name, text)| (name.as_str(), expand(text))).collect();
            let over: Vec<(&str, &str)> = own.iter().map(|(name, text)| (*name, text.as_str())).collect();
            let base = pairs(&sample.labels).filter(|(name, _)| *name != NAME);
            let labels = labels_with(base.chain(over), &[(ALERT_NAME, &self.name)]);
            let annotations = Labels::new(
                self.annotations
                    .iter()
                    .map(|(name, text)| Label { name: name.as_str().into(), value: expand(text).into() }),
            );
            let value = match &sample.value {
                Point::Float(value) => *value,
                Point::Histogram(_) => 0.0,
            };
            let alert = Alert::new(labels.clone(), annotations, value, at_ms);
            if alerts.insert(labels, alert).is_some() {
                return Err("vector contains metrics with the same labelset after applying alert labels".to_owned());
            }
        }
        Ok(alerts)
    }

    /// Takes the result of a query over. On an error nothing changes, but beyond the limit all alerts are gone.
    pub(crate) fn evaluate(
        &mut self,
        result: &[Sample],
        at_ms: i64,
        limit: usize,
        settings: &Settings,
        source: &dyn Source,
        sample_ms: i64,
    ) -> Result<Evaluated, String> {
        if result.len() > MAX_ALERTS {
            return Err(format!("the result has {} series: an alerting rule takes at most {MAX_ALERTS}", result.len()));
        }
        let mut found = self.alerts_of(result, at_ms, settings, source)?;
        let mut transitions = Vec::new();
        let mut samples = Vec::new();
        let mut firing_or_pending = 0;
        let mut is_changed = false;
        let old = std::mem::take(&mut self.active);
        for (labels, mut alert) in old {
            let before = alert.state;
            let kept_since = alert.keep_firing_since_ms;
            let is_kept = match found.remove(&labels) {
                // A new alert takes the place of one that was resolved.
                Some(new) if before == AlertState::Inactive => {
                    found.insert(labels, new);
                    continue;
                }
                Some(new) => {
                    alert.value = new.value;
                    alert.annotations = new.annotations;
                    alert.keep_firing_since_ms = None;
                    true
                }
                None => self.keeps_firing(&mut alert, at_ms),
            };
            if !is_kept && alert.ends(at_ms) {
                transitions.extend(alert.transition(Some(before), AlertState::Inactive));
                continue;
            }
            if is_kept {
                firing_or_pending += 1;
                self.settle(&mut alert, at_ms);
                self.sample(&alert, sample_ms, &mut samples);
            }
            let to = alert.state;
            transitions.extend(alert.transition(Some(before), to));
            is_changed |= alert.keep_firing_since_ms != kept_since;
            self.active.insert(labels, alert);
        }
        for (labels, mut alert) in found {
            firing_or_pending += 1;
            self.settle(&mut alert, at_ms);
            self.sample(&alert, sample_ms, &mut samples);
            let to = alert.state;
            transitions.extend(alert.transition(None, to));
            self.active.insert(labels, alert);
        }
        if limit > 0 && firing_or_pending > limit {
            self.active.clear();
            return Err(format!("exceeded limit of {limit} with {firing_or_pending} alerts"));
        }
        is_changed |= !transitions.is_empty();
        Ok(Evaluated { samples, transitions, is_changed })
    }

    /// Whether an alert whose series is gone fires nevertheless.
    fn keeps_firing(&self, alert: &mut Alert, at_ms: i64) -> bool {
        if alert.state != AlertState::Firing || self.keep_firing_ms == 0 {
            return false;
        }
        let since = *alert.keep_firing_since_ms.get_or_insert(at_ms);
        at_ms - since < self.keep_firing_ms
    }

    /// From pending to firing, and back where the time that it must hold was raised.
    fn settle(&self, alert: &mut Alert, at_ms: i64) {
        let is_held = at_ms - alert.active_at_ms >= self.hold_ms;
        match alert.state {
            AlertState::Pending if is_held => {
                alert.state = AlertState::Firing;
                alert.fired_at_ms = Some(at_ms);
            }
            AlertState::Firing if !is_held => {
                alert.state = AlertState::Pending;
                alert.fired_at_ms = None;
                alert.sent_at_ms = None;
                alert.keep_firing_since_ms = None;
            }
            _ => {}
        }
    }

    /// `ALERTS` and `ALERTS_FOR_STATE`.
    fn sample(&self, alert: &Alert, time_ms: i64, samples: &mut Vec<Sample>) {
        let own = || self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let base = || own().chain(pairs(&alert.labels));
        let state = alert.state.name();
        let labels = labels_with(base(), &[(NAME, "ALERTS"), (ALERT_NAME, &self.name), (ALERT_STATE, state)]);
        samples.push(Sample { labels, time_ms, value: Point::Float(1.0) });
        let labels = labels_with(base(), &[(NAME, "ALERTS_FOR_STATE"), (ALERT_NAME, &self.name)]);
        samples.push(Sample { labels, time_ms, value: Point::Float(alert.active_at_ms.div_euclid(1_000) as f64) });
    }

    /// Alerts that are to be sent now, and are noted as sent.
    pub(crate) fn take_due(&mut self, at_ms: i64, interval_ms: i64, resend_ms: i64) -> Vec<Alert> {
        let valid_until_ms = at_ms + VALID_INTERVALS * interval_ms.max(resend_ms);
        let due = self.active.values_mut().filter(|alert| alert.is_due(at_ms, resend_ms));
        due.map(|alert| {
            alert.sent_at_ms = Some(at_ms);
            alert.valid_until_ms = valid_until_ms;
            alert.clone()
        })
        .collect()
    }
}

impl Alert {
    fn new(labels: Labels, annotations: Labels, value: f64, at_ms: i64) -> Self {
        Self {
            labels,
            annotations,
            state: AlertState::Pending,
            value,
            active_at_ms: at_ms,
            fired_at_ms: None,
            resolved_at_ms: None,
            sent_at_ms: None,
            valid_until_ms: 0,
            keep_firing_since_ms: None,
        }
    }

    /// Ends an alert whose series is gone; whether it can be forgotten.
    fn ends(&mut self, at_ms: i64) -> bool {
        let is_old = self.resolved_at_ms.is_some_and(|resolved| at_ms - resolved > RESOLVED_RETENTION_MS);
        let forgets = self.state == AlertState::Pending || is_old;
        if self.state != AlertState::Inactive {
            self.state = AlertState::Inactive;
            self.resolved_at_ms = Some(at_ms);
        }
        forgets
    }

    /// Whether who was told of it takes it for firing.
    pub(crate) fn counts_as_firing(&self) -> bool {
        self.state == AlertState::Firing && self.sent_at_ms.is_some()
    }

    fn is_due(&self, at_ms: i64, resend_ms: i64) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        let Some(sent) = self.sent_at_ms else { return true };
        self.resolved_at_ms.is_some_and(|resolved| resolved > sent) || sent + resend_ms < at_ms
    }

    fn transition(&self, from: Option<AlertState>, to: AlertState) -> Option<Transition> {
        (from != Some(to)).then(|| Transition { labels: self.labels.clone(), from, to })
    }
}
