//! What a change of rules leaves: state that goes on, series that have ended, and alerts that are over.

use std::collections::BTreeSet;

use vitrine_observe_series::Labels;

use super::{Effects, Group, Kind, Rule, Sink};
use crate::alert::Alert;
use crate::status::AlertState;

/// Most series that are remembered in order to say that they ended.
const MAX_STALE: usize = 1_000_000;

/// What is left of rules that are no longer there, until it is told.
#[derive(Debug, Default)]
pub struct Remains {
    /// Series that end.
    pub(super) series: BTreeSet<Labels>,
    /// Alerts that were sent as firing, each with the query of its rule.
    pub(super) alerts: Vec<(Alert, String)>,
}

impl Remains {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.alerts.is_empty()
    }

    /// Leaves out what a group has taken over: series that it makes, and alerts that it has.
    pub fn leave_to(&mut self, group: &Group) {
        for rule in &group.rules {
            rule.series.iter().for_each(|series| {
                self.series.remove(series);
            });
            if let Kind::Alert(alert) = &rule.kind {
                let is_taken = |old: &Alert| {
                    alert.active.get(&old.labels).is_some_and(|active| active.state == AlertState::Firing)
                };
                self.alerts.retain(|(old, _)| !is_taken(old));
            }
        }
    }

    /// What tells that all of it ended at this time, in milliseconds since 1970.
    pub fn effects(&self, at_ms: i64) -> Vec<Effects> {
        let ended = Effects { ended: self.series.iter().cloned().collect(), ended_at_ms: at_ms, ..Effects::default() };
        let resolved = self.alerts.iter().map(|(alert, query)| {
            let alert = Alert { state: AlertState::Inactive, resolved_at_ms: Some(at_ms), ..alert.clone() };
            Effects { alerts: vec![alert], query: query.clone(), is_changed: true, ..Effects::default() }
        });
        std::iter::once(ended).chain(resolved).filter(|effects| *effects != Effects::default()).collect()
    }

    fn add(&mut self, rule: Rule) {
        let rest = MAX_STALE.saturating_sub(self.series.len());
        self.series.extend(rule.series.into_iter().take(rest));
        if let Kind::Alert(alert) = rule.kind {
            let sent = alert.active.into_values().filter(Alert::counts_as_firing);
            self.alerts.extend(sent.map(|alert| (alert, rule.text.clone())));
        }
    }
}

impl Group {
    /// Whether another group has the same name and file, and does the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let of = |group: &Self| (group.interval_ms, group.query_offset_ms, group.limit);
        (&self.file, &self.name, of(self)) == (&other.file, &other.name, of(other))
            && self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(|(rule, other)| rule.is_same(other))
    }

    /// Takes over what another version of this group knows: alerts, and series whose end is to be told. Rules are the same if name and labels
    /// are; of several such the first is the first. What belongs to a rule that is no longer there ends with the next evaluation.
    pub fn adopt(&mut self, from: &mut Self) {
        (self.took, self.evaluated_at_ms, self.missed) = (from.took, from.evaluated_at_ms, from.missed);
        let mut old: Vec<Option<Rule>> = from.rules.drain(..).map(Some).collect();
        for rule in &mut self.rules {
            let same = old.iter_mut().find(|old| old.as_ref().is_some_and(|old| old.key() == rule.key()));
            let Some(old) = same.and_then(Option::take) else { continue };
            rule.series = old.series;
            (rule.health, rule.last_error, rule.history) = (old.health, old.last_error, old.history);
            (rule.evaluated_at_ms, rule.took) = (old.evaluated_at_ms, old.took);
            if let (Kind::Alert(new), Kind::Alert(old)) = (&mut rule.kind, old.kind) {
                new.active = old.active;
            }
        }
        self.remains = std::mem::take(&mut from.remains);
        old.into_iter().flatten().for_each(|rule| self.remains.add(rule));
    }

    /// What is left of a group that is no longer there. It is told two intervals later, so that another group can take it over.
    pub fn take_remains(&mut self) -> Remains {
        let mut remains = std::mem::take(&mut self.remains);
        self.rules.drain(..).for_each(|rule| remains.add(rule));
        remains
    }

    /// Tells what is left of rules that are no longer there and has not been taken over by others of the group.
    pub(super) fn tell_remains(&mut self, at_ms: i64, sink: &mut Sink<'_>) {
        if self.remains.is_empty() {
            return;
        }
        let mut remains = std::mem::take(&mut self.remains);
        remains.leave_to(self);
        if sink(&remains.effects(at_ms - self.query_offset_ms)).is_err() {
            self.remains = remains;
        }
    }
}

impl Rule {
    fn is_same(&self, other: &Self) -> bool {
        let of_alert = |rule: &Self| match &rule.kind {
            Kind::Record(_) => None,
            Kind::Alert(alert) => Some((alert.hold_ms, alert.keep_firing_ms, alert.annotations.clone())),
        };
        self.key() == other.key() && self.text == other.text && of_alert(self) == of_alert(other)
    }
}
