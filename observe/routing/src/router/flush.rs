//! Groups that are due: what of them is told, to whom, and what leaves them.

use std::collections::{BTreeMap, BTreeSet};

use super::mute::{Muting, muted_by_time};
use super::{Router, millis};
use crate::alert::Alert;
use crate::config::{Config, Integration, Route};
use crate::labels::Fingerprint;
use crate::state::{Delivery, Group, LogEntry, Reason, State};

/// What one look at a group found.
#[derive(Default)]
struct FlushOutcome {
    muted_by: Vec<String>,
    /// What is to be told now.
    deliveries: Vec<Delivery>,
    /// Alerts that are over and of which nobody needs to be told any more once the deliveries are made.
    leaving: BTreeMap<Fingerprint, i64>,
}

/// Alerts of a group at a time.
struct Parts<'a> {
    /// Those that may be told, in order.
    shown: Vec<&'a Alert>,
    firing: BTreeSet<Fingerprint>,
    resolved: BTreeSet<Fingerprint>,
    muted: BTreeSet<Fingerprint>,
}

impl Router {
    /// When something is due next, in milliseconds since 1970; none if nothing will be.
    pub fn due_at(&self) -> Option<i64> {
        let groups = self.state.groups.values().map(|group| group.next_at);
        let forgotten =
            self.state.silences.values().map(|silence| silence.ends_at.saturating_add(crate::silence::RETENTION_MS));
        let expired = self.state.told.values().map(|told| told.expires_at);
        groups.chain(forgotten).chain(expired).min()
    }

    /// Looks at the groups that are due, and forgets what is too old.
    pub fn advance(&mut self, now: i64) {
        let due: Vec<String> =
            self.state.groups.values().filter(|group| group.next_at <= now).map(|group| group.id.clone()).collect();
        if !due.is_empty() {
            let config = self.config.clone();
            let looks: Vec<(String, FlushOutcome)> = {
                let muting = Muting::new(&config, &self.state, now);
                let look = |id: String| {
                    let group = &self.state.groups[&id];
                    let look = config
                        .routes
                        .by_id(&group.route)
                        .map(|route| look(&config, &self.state, route, group, &muting, now));
                    (id, look.unwrap_or_default())
                };
                due.into_iter().map(look).collect()
            };
            for (id, look) in looks {
                self.looked(&id, look, now);
            }
        }
        self.forget(now);
    }

    /// Takes over what a look at a group found.
    fn looked(&mut self, id: &str, look: FlushOutcome, now: i64) {
        let config = self.config.clone();
        let Some(group) = self.state.groups.get_mut(id) else { return };
        let interval = config.routes.by_id(&group.route).map_or(1, |route| millis(route.group_interval).max(1));
        // Looks that were missed are not made up for: one says all.
        let missed = now.saturating_sub(group.next_at) / interval;
        group.next_at = group.next_at.saturating_add(interval.saturating_mul(missed + 1));
        group.muted_by = look.muted_by;
        group.leaving = look.leaving;
        self.changes.groups.insert(id.to_owned());
        let wanted: BTreeMap<String, Delivery> =
            look.deliveries.into_iter().map(|delivery| (delivery.id.clone(), delivery)).collect();
        let key = group.key.clone();
        for old in self.waiting(&key, id).iter().filter(|old| !wanted.contains_key(*old)) {
            self.drop_delivery(old);
        }
        for (delivery_id, delivery) in wanted {
            if delivery.alerts.is_empty() {
                // All is well, and it does not want to know: what it knows of is forgotten.
                self.drop_delivery(&delivery_id);
                self.changes.told.insert(delivery_id.clone());
                self.state.told.insert(delivery_id, delivery.told);
                continue;
            }
            self.changes.outbox.insert(delivery_id.clone());
            self.state.outbox.insert(delivery_id, delivery);
        }
        self.leave_if_told(id);
    }

    /// Lets alerts that are over leave a group whose notifications were all taken; a group without alerts ends.
    pub(super) fn leave_if_told(&mut self, id: &str) {
        let Some(key) = self.state.groups.get(id).map(|group| group.key.clone()) else { return };
        if !self.waiting(&key, id).is_empty() {
            return;
        }
        let Some(group) = self.state.groups.get_mut(id) else { return };
        let leaving = std::mem::take(&mut group.leaving);
        if leaving.is_empty() {
            return;
        }
        self.changes.groups.insert(id.to_owned());
        // One that was told again meanwhile stays.
        let unchanged = |alert: &Fingerprint, told_at: i64| {
            self.state.alerts.get(alert).is_none_or(|alert| alert.updated_at == told_at)
        };
        let gone: BTreeSet<Fingerprint> =
            leaving.into_iter().filter(|(alert, told_at)| unchanged(alert, *told_at)).map(|(alert, _)| alert).collect();
        group.alerts.retain(|alert| !gone.contains(alert));
        let is_empty = group.alerts.is_empty();
        for alert in gone {
            self.forget_if_free(alert);
        }
        if is_empty {
            self.end_group(id);
        }
    }

    fn forget(&mut self, now: i64) {
        let changes = &mut self.changes;
        self.state.silences.retain(|id, silence| {
            let stays = !silence.is_forgotten(now);
            if !stays {
                changes.silences.insert(id.clone());
            }
            stays
        });
        let alive: BTreeSet<&str> = self.state.groups.values().map(|group| group.key.as_str()).collect();
        self.state.told.retain(|id, told| {
            if told.expires_at > now {
                return true;
            }
            if alive.contains(told.group.as_str()) {
                // Of a group that is there it is known as long as that is.
                told.expires_at = now.saturating_add(told.expires_at.saturating_sub(told.at).max(1));
                return true;
            }
            changes.told.insert(id.clone());
            false
        });
    }
}

fn look(config: &Config, state: &State, route: &Route, group: &Group, muting: &Muting<'_>, now: i64) -> FlushOutcome {
    let muted_by = muted_by_time(config, route, now);
    let alerts = group.alerts.iter().filter_map(|id| Some((*id, state.alerts.get(id)?)));
    let mut parts =
        Parts { shown: Vec::new(), firing: BTreeSet::new(), resolved: BTreeSet::new(), muted: BTreeSet::new() };
    let mut leaving = BTreeMap::new();
    let receiver = config.receiver(&route.receiver);
    let integrations = receiver.map_or(&[][..], |receiver| &receiver.integrations);
    let told =
        |integration: &Integration| state.told.get(&LogEntry::id(&group.key, &route.receiver, &integration.id()));
    for (id, alert) in alerts {
        let is_muted = !muted_by.is_empty() || muting.status(alert).is_muted();
        let is_over = alert.is_resolved_at(now);
        // Its end is told when it is no longer muted, to those who know of its beginning.
        let is_owed = || integrations.iter().filter_map(told).any(|told| told.waits_for_end_of(id));
        if is_over && !(is_muted && is_owed()) {
            leaving.insert(id, alert.updated_at);
        }
        if is_muted {
            parts.muted.insert(id);
        } else {
            parts.shown.push(alert);
            if is_over { &mut parts.resolved } else { &mut parts.firing }.insert(id);
        }
    }
    parts.shown.sort_by(|a, b| a.order().cmp(&b.order()));
    let deliveries = if parts.shown.is_empty() {
        Vec::new()
    } else {
        let made = integrations
            .iter()
            .filter_map(|integration| delivery(route, group, integration, told(integration), &parts, now));
        made.collect()
    };
    FlushOutcome { muted_by, deliveries, leaving }
}

/// What an integration is to be told; none if it knows all that it needs to know.
fn delivery(
    route: &Route,
    group: &Group,
    integration: &Integration,
    told: Option<&LogEntry>,
    parts: &Parts<'_>,
    now: i64,
) -> Option<Delivery> {
    let reason = reason(told, parts, integration.sends_resolved, millis(route.repeat_interval), now)?;
    let id = LogEntry::id(&group.key, &route.receiver, &integration.id());
    let waits_for_end = |id: &&Fingerprint| told.is_some_and(|told| told.waits_for_end_of(**id));
    let is_shown = |alert: &&&Alert| integration.sends_resolved || !alert.is_resolved_at(now);
    let alerts: Vec<Alert> = parts.shown.iter().filter(is_shown).map(|alert| (*alert).clone()).collect();
    let told_at = told.map_or(0, |told| told.at);
    let told = LogEntry {
        group: group.key.clone(),
        receiver: route.receiver.clone(),
        integration: integration.id(),
        at: now,
        expires_at: now.saturating_add(millis(route.repeat_interval).saturating_mul(2)),
        firing: parts.firing.clone(),
        resolved: parts.resolved.clone(),
        muted: parts.muted.iter().filter(waits_for_end).copied().collect(),
        // A first notification begins anew.
        data: told.filter(|_| reason != Reason::First).map(|told| told.data.clone()).unwrap_or_default(),
    };
    Some(Delivery {
        group: group.id.clone(),
        group_key: group.key.clone(),
        group_labels: group.labels.clone(),
        route_labels: route.labels.clone(),
        receiver: route.receiver.clone(),
        integration: integration.id(),
        reason,
        dedup_key: dedup_key(&id, &alerts, told_at, now),
        alerts,
        at: now,
        until: now.saturating_add(millis(route.group_interval)),
        told,
        id,
    })
}

/// Why an integration is told; none if it is not.
fn reason(
    told: Option<&LogEntry>,
    parts: &Parts<'_>,
    sends_resolved: bool,
    repeat_ms: i64,
    now: i64,
) -> Option<Reason> {
    let Some(told) = told else {
        return (!parts.firing.is_empty()).then_some(Reason::First);
    };
    if !parts.firing.is_subset(&told.firing) {
        return Some(if told.firing.is_empty() { Reason::First } else { Reason::NewAlerts });
    }
    if parts.firing.is_empty() {
        let knows_of_any = parts.resolved.iter().any(|id| told.waits_for_end_of(*id));
        let is_all_over = !told.firing.is_empty() && told.firing.iter().all(|id| !parts.muted.contains(id));
        return (knows_of_any || is_all_over).then_some(Reason::AllResolved);
    }
    if sends_resolved && !parts.resolved.is_subset(&told.resolved) {
        return Some(Reason::SomeResolved);
    }
    (told.at < now.saturating_sub(repeat_ms)).then_some(Reason::Repeat)
}

/// The same for the same state of the same alerts after the same notification, however often it is computed.
fn dedup_key(id: &str, alerts: &[Alert], told_at: i64, now: i64) -> String {
    let parts = alerts.iter().map(|alert| {
        let state = if alert.is_resolved_at(now) { "resolved" } else { "firing" };
        (alert.fingerprint().to_string(), format!("{state} {}", alert.starts_at))
    });
    let parts: Vec<(String, String)> = std::iter::once((id.to_owned(), told_at.to_string())).chain(parts).collect();
    Fingerprint::of_pairs(parts.iter().map(|(name, value)| (name.as_str(), value.as_str()))).to_string()
}
