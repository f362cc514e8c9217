//! The router: what happens to alerts, from being told to being told on.
//!
//! It is a state and functions over it. Time and ids come in; what is to be sent stands in [`State::outbox`], and what is to be kept in
//! [`Router::take_changes`]. So a restart is the same state read again, and every moment can be tried in a test.

mod flush;
mod mute;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::{Alert, PostedAlert};
use crate::config::{Config, Route};
use crate::labels::{Fingerprint, written};
use crate::silence::{MAX_SILENCES, Silence, SilenceError, SilenceState};
use crate::state::{Changes, Group, LogEntry, State};

pub use mute::Status;
pub(crate) use mute::muted_by_time;

/// Most alerts that are kept.
pub const MAX_ALERTS: usize = 200_000;
/// Most groups.
pub const MAX_GROUPS: usize = 100_000;
/// Longest alert that is kept: bytes of all its names and values.
pub const MAX_ALERT_BYTES: usize = 64 * 1024;

/// What was wrong with alerts that were told; the others were taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Refused(pub Vec<String>);

/// Routes alerts. See the module.
#[derive(Clone, Debug)]
pub struct Router {
    config: Arc<Config>,
    state: State,
    changes: Changes,
}

impl Router {
    /// A router that goes on where a state ended. An alert that fired, and whose sender could not tell it again while nobody listened, gets as much
    /// time to be told again as its sender gave when it told it last.
    pub fn new(config: Arc<Config>, state: State, now: i64) -> Self {
        let mut router = Self { config, state, changes: Changes::default() };
        let groups = router.state.groups.values();
        let leaving: BTreeSet<Fingerprint> = groups.flat_map(|group| group.leaving.keys().copied()).collect();
        for (id, alert) in &mut router.state.alerts {
            let was_firing = alert.ends_at > alert.updated_at;
            if was_firing && !leaving.contains(id) {
                let given = alert.ends_at.saturating_sub(alert.updated_at);
                alert.ends_at = alert.ends_at.max(now.saturating_add(given));
            }
        }
        router.route_again(now);
        router
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// All that is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns what has changed since it was asked last.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Takes back changes that could not be kept, for the next time.
    pub fn give_back(&mut self, changes: Changes) {
        self.changes.absorb(changes);
    }

    /// Takes another configuration. Groups of routes that are there as before go on; alerts find their new groups.
    pub fn configure(&mut self, config: Arc<Config>, now: i64) {
        self.config = config;
        self.route_again(now);
    }

    /// Takes alerts that were told. Those that are wrong are named; the others are taken.
    pub fn receive(&mut self, alerts: Vec<PostedAlert>, now: i64) -> Result<(), Refused> {
        let timeout = i64::try_from(self.config.resolve_timeout.as_millis()).unwrap_or(i64::MAX);
        let mut refused = Vec::new();
        for posted in alerts {
            match Alert::take(posted, now, timeout).and_then(|alert| self.keep(alert, now)) {
                Ok(()) => {}
                Err(problem) => refused.push(problem),
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(Refused(refused)) }
    }

    fn keep(&mut self, alert: Alert, now: i64) -> Result<(), String> {
        let sets = [&alert.labels, &alert.annotations];
        let bytes: usize = sets.iter().flat_map(|set| set.iter()).map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_ALERT_BYTES {
            return Err(format!("alert {:?} has {bytes} bytes: at most {MAX_ALERT_BYTES} are kept", alert.name()));
        }
        let id = alert.fingerprint();
        let old = self.state.alerts.get(&id);
        if old.is_none() && self.state.alerts.len() >= MAX_ALERTS {
            return Err(format!("alert {:?} is one too many: at most {MAX_ALERTS} are kept", alert.name()));
        }
        // Nobody was told that it fired, so nobody needs to know that it is over.
        if old.is_none() && alert.is_resolved_at(now) {
            return Ok(());
        }
        let alert = match old {
            Some(old) => old.followed_by(alert, now),
            None => alert,
        };
        // What only fires on is not written again: whoever told it will tell it again.
        if old.is_none_or(|old| !old.says_the_same_as(&alert, now)) {
            self.changes.alerts.insert(id);
        }
        self.state.alerts.insert(id, alert);
        let grouped = self.group(id, now);
        if grouped.is_err() {
            self.forget_if_free(id);
        }
        grouped
    }

    /// Puts an alert into the groups of its routes.
    fn group(&mut self, id: Fingerprint, now: i64) -> Result<(), String> {
        let config = self.config.clone();
        let Some(alert) = self.state.alerts.get(&id) else { return Ok(()) };
        let (starts_at, labels) = (alert.starts_at, alert.labels.clone());
        for route in config.routes.of(&labels) {
            let labels = route.group_labels(&labels);
            let group_id = format!("{}:{}", route.id, written(&labels));
            if let Some(group) = self.state.groups.get_mut(&group_id) {
                if group.alerts.insert(id) {
                    self.changes.groups.insert(group_id);
                }
                continue;
            }
            if self.state.groups.len() >= MAX_GROUPS {
                return Err(format!("too many groups: at most {MAX_GROUPS} are kept"));
            }
            let wait = millis(route.group_wait);
            // An alert that is old already has waited enough.
            let next_at = if starts_at.saturating_add(wait) < now { now } else { now.saturating_add(wait) };
            let group = Group {
                id: group_id.clone(),
                key: format!("{}:{}", route.key, written(&labels)),
                route: route.id.clone(),
                labels,
                alerts: [id].into(),
                next_at,
                muted_by: Vec::new(),
                leaving: BTreeMap::new(),
            };
            self.state.groups.insert(group_id.clone(), group);
            self.changes.groups.insert(group_id);
        }
        Ok(())
    }

    /// Puts every alert where it belongs, and ends groups that no route has any more.
    fn route_again(&mut self, now: i64) {
        let config = self.config.clone();
        let mut belong = BTreeSet::new();
        for (id, alert) in &self.state.alerts {
            for route in config.routes.of(&alert.labels) {
                belong.insert((group_id(route, alert), *id));
            }
        }
        let mut gone = Vec::new();
        for (group_id, group) in &mut self.state.groups {
            let before = group.alerts.len();
            group.alerts.retain(|id| belong.contains(&(group_id.clone(), *id)));
            if group.alerts.len() != before {
                self.changes.groups.insert(group_id.clone());
            }
            if group.alerts.is_empty() {
                gone.push(group_id.clone());
            }
        }
        for group_id in gone {
            self.end_group(&group_id);
        }
        let ids: Vec<Fingerprint> = self.state.alerts.keys().copied().collect();
        for id in ids {
            // What finds no room is told again by its sender, who is then told so.
            if self.group(id, now).is_err() {
                self.forget_if_free(id);
            }
        }
        self.drop_deliveries_to_nobody();
    }

    /// Adds a silence, or changes the one with its id: in place if that changes nothing about the past, else the old one ends and a new one begins.
    /// Returns the id of the one that counts. `new_id` is used where one is needed.
    pub fn set_silence(&mut self, mut silence: Silence, new_id: &str, now: i64) -> Result<String, SilenceError> {
        silence.validate(now)?;
        silence.updated_at = now;
        let old = if silence.id.is_empty() {
            None
        } else {
            Some(self.state.silences.get_mut(&silence.id).ok_or(SilenceError::NotFound)?)
        };
        if let Some(old) = old {
            if old.can_become(&silence, now) {
                self.changes.silences.insert(silence.id.clone());
                let id = silence.id.clone();
                *old = silence;
                return Ok(id);
            }
            if old.state(now) != SilenceState::Expired {
                old.expire(now);
                self.changes.silences.insert(old.id.clone());
            }
        }
        if self.state.silences.len() >= MAX_SILENCES {
            return Err(SilenceError::Invalid(format!("exceeded maximum number of silences: {MAX_SILENCES}")));
        }
        silence.id = new_id.to_owned();
        silence.starts_at = silence.starts_at.max(now);
        self.changes.silences.insert(silence.id.clone());
        self.state.silences.insert(silence.id.clone(), silence);
        Ok(new_id.to_owned())
    }

    /// Ends a silence; one that has ended stays as it is.
    pub fn expire_silence(&mut self, id: &str, now: i64) -> Result<(), SilenceError> {
        let silence = self.state.silences.get_mut(id).ok_or(SilenceError::NotFound)?;
        if silence.state(now) != SilenceState::Expired {
            silence.expire(now);
            self.changes.silences.insert(id.to_owned());
        }
        Ok(())
    }

    fn end_group(&mut self, group_id: &str) {
        let Some(group) = self.state.groups.remove(group_id) else { return };
        self.changes.groups.insert(group_id.to_owned());
        for id in self.waiting(&group.key, group_id) {
            self.drop_delivery(&id);
        }
    }

    /// Ids of notifications of a group that wait. Ids begin with the group's key, which several groups may share.
    fn waiting(&self, key: &str, group_id: &str) -> Vec<String> {
        let prefix = LogEntry::prefix(key);
        let same_key = self.state.outbox.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
        same_key.filter(|(_, delivery)| delivery.group == group_id).map(|(id, _)| id.clone()).collect()
    }

    fn drop_delivery(&mut self, id: &str) {
        if self.state.outbox.remove(id).is_some() {
            self.changes.outbox.insert(id.to_owned());
        }
    }

    fn drop_deliveries_to_nobody(&mut self) {
        let config = self.config.clone();
        let is_there = |receiver: &str, integration: &str| {
            let receiver = config.receiver(receiver);
            receiver.is_some_and(|receiver| receiver.integrations.iter().any(|known| known.id() == integration))
        };
        let outbox = self.state.outbox.values();
        let lost: Vec<String> =
            outbox.filter(|d| !is_there(&d.receiver, &d.integration)).map(|delivery| delivery.id.clone()).collect();
        for id in lost {
            self.drop_delivery(&id);
        }
    }

    /// Forgets an alert that no group holds any more.
    fn forget_if_free(&mut self, id: Fingerprint) {
        let Some(alert) = self.state.alerts.get(&id) else { return };
        let routes = self.config.routes.of(&alert.labels);
        let holds = |route: &&Route| {
            self.state.groups.get(&group_id(route, alert)).is_some_and(|group| group.alerts.contains(&id))
        };
        if !routes.iter().any(holds) {
            self.state.alerts.remove(&id);
            self.changes.alerts.insert(id);
        }
    }
}

fn group_id(route: &Route, alert: &Alert) -> String {
    format!("{}:{}", route.id, written(&route.group_labels(&alert.labels)))
}

pub(crate) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
