//! What the router knows, in parts that are kept one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::labels::{Fingerprint, LabelSet};
use crate::silence::Silence;

/// All that the router knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Alerts that fire, or whose end some group has yet to tell.
    pub alerts: BTreeMap<Fingerprint, Alert>,
    /// Silences, by their ids.
    pub silences: BTreeMap<String, Silence>,
    /// Groups, by their ids.
    pub groups: BTreeMap<String, Group>,
    /// What was told to whom, by [`LogEntry::id`].
    pub told: BTreeMap<String, LogEntry>,
    /// What is to be told, by [`LogEntry::id`] as well: of each group and integration at most one notification waits.
    pub outbox: BTreeMap<String, Delivery>,
}

/// Alerts of one route that share the labels by which it groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The route's id and the labels: of one group alone.
    pub id: String,
    /// The route's key and the labels, as receivers know the group.
    pub key: String,
    /// The route.
    pub route: String,
    /// The labels that its alerts share.
    pub labels: LabelSet,
    /// Its alerts.
    pub alerts: BTreeSet<Fingerprint>,
    /// When it is looked at next, in milliseconds since 1970.
    pub next_at: i64,
    /// Time intervals that muted it when it was looked at last.
    #[serde(default)]
    pub muted_by: Vec<String>,
    /// Alerts that were over when it was looked at last, with the time of their last word. They leave the group when all integrations have been told.
    #[serde(default)]
    pub leaving: BTreeMap<Fingerprint, i64>,
}

/// What an integration was last told of a group: an entry of the notification log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The group's key.
    pub group: String,
    /// The receiver.
    pub receiver: String,
    /// The integration's kind and place: `slack[0]`.
    pub integration: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Until when it is kept.
    pub expires_at: i64,
    /// Alerts that fired.
    pub firing: BTreeSet<Fingerprint>,
    /// Alerts that were over.
    pub resolved: BTreeSet<Fingerprint>,
    /// Alerts of whose firing it had been told, that were muted when it was told last.
    #[serde(default)]
    pub muted: BTreeSet<Fingerprint>,
    /// What the integration wants to know when it tells again, such as the message that it can change.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
}

impl LogEntry {
    /// What names the entry of a group and an integration.
    pub fn id(group: &str, receiver: &str, integration: &str) -> String {
        format!("{}{receiver}/{integration}", Self::prefix(group))
    }

    /// What the ids of all entries of a group begin with.
    pub(crate) fn prefix(group: &str) -> String {
        format!("{group}:")
    }

    /// Whether it knows that an alert fired, and not that it is over.
    pub(crate) fn waits_for_end_of(&self, alert: Fingerprint) -> bool {
        self.firing.contains(&alert) || self.muted.contains(&alert)
    }
}

/// Why a receiver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It knows nothing of the group, or only that all is well.
    First,
    /// More alerts fire.
    NewAlerts,
    /// Some are over.
    SomeResolved,
    /// All are over.
    AllResolved,
    /// Nothing has changed for a long time.
    Repeat,
}

impl Reason {
    /// As templates and webhooks see it.
    pub fn text(self) -> &'static str {
        match self {
            Self::First => "first notification",
            Self::NewAlerts => "new alerts added",
            Self::SomeResolved => "some alerts resolved",
            Self::AllResolved => "all alerts resolved",
            Self::Repeat => "repeat interval elapsed",
        }
    }
}

/// A notification that an integration has not taken yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// What names it: that of the entry that it becomes.
    pub id: String,
    /// The group's id.
    pub group: String,
    /// The group's key.
    pub group_key: String,
    /// The labels that the group's alerts share.
    pub group_labels: LabelSet,
    /// Labels of the route; values may be templates.
    pub route_labels: LabelSet,
    /// The receiver.
    pub receiver: String,
    /// The integration's kind and place: `slack[0]`.
    pub integration: String,
    /// Why.
    pub reason: Reason,
    /// The alerts, in the order in which they are told; those that are over end at or before `at`.
    pub alerts: Vec<Alert>,
    /// When the group was looked at, in milliseconds since 1970.
    pub at: i64,
    /// When it is given up, because the group is looked at again.
    pub until: i64,
    /// The same for the same alerts: whoever has seen it need not take it again.
    pub dedup_key: String,
    /// What becomes known when it was taken.
    pub told: LogEntry,
}

impl Delivery {
    /// Whether an alert of it is over.
    pub fn is_resolved(&self, alert: &Alert) -> bool {
        alert.is_resolved_at(self.at)
    }

    /// Whether all alerts of it are over.
    pub fn is_all_resolved(&self) -> bool {
        self.alerts.iter().all(|alert| self.is_resolved(alert))
    }
}

/// What has changed and is to be kept: each part as it is now, or gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Alerts.
    pub alerts: BTreeSet<Fingerprint>,
    /// Silences.
    pub silences: BTreeSet<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
    /// What was told.
    pub told: BTreeSet<String>,
    /// What is to be told.
    pub outbox: BTreeSet<String>,
}

impl Changes {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds changes that were not kept before.
    pub fn absorb(&mut self, mut older: Self) {
        self.alerts.append(&mut older.alerts);
        self.silences.append(&mut older.silences);
        self.groups.append(&mut older.groups);
        self.told.append(&mut older.told);
        self.outbox.append(&mut older.outbox);
    }
}
