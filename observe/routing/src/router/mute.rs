//! What keeps alerts from being told: inhibition, time intervals and silences.

use std::collections::BTreeMap;

use super::Router;
use crate::alert::Alert;
use crate::config::{Config, Route};
use crate::inhibit::Sources;
use crate::labels::Fingerprint;
use crate::silence::{Silence, SilenceState};
use crate::state::State;

/// What keeps an alert from being told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Ids of active silences.
    pub silenced_by: Vec<String>,
    /// Alerts that inhibit it.
    pub inhibited_by: Vec<Fingerprint>,
}

impl Status {
    /// Whether anything does.
    pub fn is_muted(&self) -> bool {
        !self.silenced_by.is_empty() || !self.inhibited_by.is_empty()
    }
}

/// What mutes alerts at a time.
pub(crate) struct Muting<'a> {
    sources: Sources<'a>,
    silences: Vec<&'a Silence>,
}

impl<'a> Muting<'a> {
    pub(crate) fn new(config: &'a Config, state: &'a State, now: i64) -> Self {
        Self {
            sources: Sources::of(&config.inhibit_rules, state.alerts.values(), now),
            silences: state.silences.values().filter(|silence| silence.state(now) == SilenceState::Active).collect(),
        }
    }

    /// What keeps an alert from being told.
    pub(crate) fn status(&self, alert: &Alert) -> Status {
        let silences = self.silences.iter().filter(|silence| silence.matches(&alert.labels));
        Status {
            silenced_by: silences.map(|silence| silence.id.clone()).collect(),
            inhibited_by: self.sources.muting(&alert.labels).into_iter().collect(),
        }
    }
}

/// Returns the time intervals that keep a route's groups from being told of at a time.
pub(crate) fn muted_by_time(config: &Config, route: &Route, now: i64) -> Vec<String> {
    let is_within = |name: &String| {
        config.time_intervals.get(name).is_some_and(|stretches| stretches.iter().any(|stretch| stretch.contains(now)))
    };
    if !route.active_time_intervals.is_empty() && !route.active_time_intervals.iter().any(is_within) {
        return route.active_time_intervals.clone();
    }
    route.mute_time_intervals.iter().filter(|name| is_within(name)).cloned().collect()
}

impl Router {
    /// What keeps each alert that fires from being told.
    pub fn statuses(&self, now: i64) -> BTreeMap<Fingerprint, Status> {
        let muting = Muting::new(&self.config, &self.state, now);
        let firing = self.state.alerts.iter().filter(|(_, alert)| !alert.is_resolved_at(now));
        firing.map(|(id, alert)| (*id, muting.status(alert))).collect()
    }
}
