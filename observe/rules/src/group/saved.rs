//! What is kept of a group so that alerts are where they were after a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitrine_observe_series::Labels;

use super::{Group, Kind, Remains};
use crate::alert::Alert;
use crate::status::AlertState;

/// Alerts of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedGroup {
    /// The group's file.
    pub file: String,
    /// The group's name.
    pub name: String,
    /// Alerting rules with alerts.
    pub rules: Vec<SavedRule>,
}

/// Alerts of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedRule {
    /// The alert's name.
    pub name: String,
    /// The rule's labels as they are written.
    pub labels: Vec<(String, String)>,
    /// Its alerts.
    pub alerts: Vec<SavedAlert>,
}

/// An alert. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedAlert {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What is told to people.
    pub annotations: BTreeMap<String, String>,
    /// Where it is.
    pub state: AlertState,
    /// The bits of its value: JSON knows no infinity.
    pub value_bits: u64,
    /// Since when its series is there.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    /// When it ended.
    pub resolved_at_ms: Option<i64>,
    /// When it was last sent.
    pub sent_at_ms: Option<i64>,
    /// Until when whoever got it takes it for firing.
    pub valid_until_ms: i64,
    /// Since when it is kept firing.
    pub keep_firing_since_ms: Option<i64>,
}

impl SavedGroup {
    /// Whether an alert is pending, or kept firing: for how long is known after a restart only if it is known until when the process lived.
    pub fn is_counting(&self) -> bool {
        let mut alerts = self.rules.iter().flat_map(|rule| &rule.alerts);
        alerts.any(|alert| alert.state == AlertState::Pending || alert.keep_firing_since_ms.is_some())
    }
}

fn map(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect()
}

fn labels(map: &BTreeMap<String, String>) -> Labels {
    Labels::of(map.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

impl From<&Alert> for SavedAlert {
    fn from(alert: &Alert) -> Self {
        Self {
            labels: map(&alert.labels),
            annotations: map(&alert.annotations),
            state: alert.state,
            value_bits: alert.value.to_bits(),
            active_at_ms: alert.active_at_ms,
            fired_at_ms: alert.fired_at_ms,
            resolved_at_ms: alert.resolved_at_ms,
            sent_at_ms: alert.sent_at_ms,
            valid_until_ms: alert.valid_until_ms,
            keep_firing_since_ms: alert.keep_firing_since_ms,
        }
    }
}

impl From<&SavedAlert> for Alert {
    fn from(saved: &SavedAlert) -> Self {
        Self {
            labels: labels(&saved.labels),
            annotations: labels(&saved.annotations),
            state: saved.state,
            value: f64::from_bits(saved.value_bits),
            active_at_ms: saved.active_at_ms,
            fired_at_ms: saved.fired_at_ms,
            resolved_at_ms: saved.resolved_at_ms,
            sent_at_ms: saved.sent_at_ms,
            valid_until_ms: saved.valid_until_ms,
            keep_firing_since_ms: saved.keep_firing_since_ms,
        }
    }
}

impl Remains {
    fn add_saved(&mut self, rule: &SavedRule) {
        let sent = rule.alerts.iter().map(Alert::from).filter(Alert::counts_as_firing);
        self.alerts.extend(sent.map(|alert| (alert, String::new())));
    }
}

impl From<&SavedGroup> for Remains {
    /// What is left of a group that a process knew which was here before.
    fn from(saved: &SavedGroup) -> Self {
        let mut remains = Self::default();
        saved.rules.iter().for_each(|rule| remains.add_saved(rule));
        remains
    }
}

impl Group {
    /// What is to be kept of it: after each evaluation with a transition.
    pub fn saved(&self) -> SavedGroup {
        let rules = self.rules.iter().filter_map(|rule| match &rule.kind {
            Kind::Alert(alert) if !alert.active.is_empty() => Some(SavedRule {
                name: alert.name.clone(),
                labels: rule.labels.clone(),
                alerts: alert.active.values().map(SavedAlert::from).collect(),
            }),
            _ => None,
        });
        SavedGroup { file: self.file.clone(), name: self.name.clone(), rules: rules.collect() }
    }

    /// Takes over what was kept before a restart. The process was down from `down_at_ms` to `now_ms`: nobody knows whether a series was there
    /// meanwhile, so that time does not count as held, nor as kept firing. Rules are the same if name and labels are; alerts of one that is no
    /// longer there end with the next evaluation.
    pub fn restore(&mut self, saved: &SavedGroup, down_at_ms: i64, now_ms: i64) {
        let down = (now_ms - down_at_ms).max(0);
        let mut taken = vec![false; saved.rules.len()];
        for rule in &mut self.rules {
            let Kind::Alert(alert) = &mut rule.kind else { continue };
            let same =
                |(at, of): &(usize, &SavedRule)| !taken[*at] && of.name == alert.name && of.labels == rule.labels;
            let Some((at, of)) = saved.rules.iter().enumerate().find(same) else { continue };
            taken[at] = true;
            for saved in &of.alerts {
                let mut restored = Alert::from(saved);
                if restored.state == AlertState::Pending {
                    restored.active_at_ms += down;
                }
                restored.keep_firing_since_ms = restored.keep_firing_since_ms.map(|since| since + down);
                alert.active.insert(restored.labels.clone(), restored);
            }
        }
        let gone = saved.rules.iter().zip(taken).filter(|(_, is_taken)| !is_taken);
        gone.for_each(|(rule, _)| self.remains.add_saved(rule));
    }
}
