//! What API v2 asks for, and the trait through which it asks.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use regex::Regex;
use vitrine_observe_series::MatchOp;

use crate::alert::{Alert, PostedAlert};
use crate::labels::{Fingerprint, LabelSet};
use crate::matcher::Matcher;
use crate::router::{Refused, Router, Status};
use crate::silence::{Silence, SilenceError};

/// Which alerts are asked for.
#[derive(Clone, Debug)]
pub struct AlertFilter {
    /// What their labels meet.
    pub matchers: Vec<Matcher>,
    /// Whether those that nothing mutes are.
    pub active: bool,
    /// Whether those that are silenced are.
    pub silenced: bool,
    /// Whether those that are inhibited are.
    pub inhibited: bool,
    /// Whether those that no group has yet are; only of alerts.
    pub unprocessed: bool,
    /// Whether groups that a time interval mutes are; only of groups.
    pub muted: bool,
    /// What the whole name of a receiver matches.
    pub receiver: Option<Regex>,
    /// What the labels of a receiver meet.
    pub receiver_matchers: Vec<Matcher>,
}

impl Default for AlertFilter {
    fn default() -> Self {
        Self {
            matchers: Vec::new(),
            active: true,
            silenced: true,
            inhibited: true,
            unprocessed: true,
            muted: true,
            receiver: None,
            receiver_matchers: Vec::new(),
        }
    }
}

/// An alert that fires, as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertView {
    /// The alert.
    pub alert: Alert,
    /// Who is told of it.
    pub receivers: Vec<String>,
    /// What keeps it from being told.
    pub status: Status,
    /// Time intervals that do, for its group.
    pub muted_by: Vec<String>,
}

/// A group, as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupView {
    /// The labels that its alerts share.
    pub labels: LabelSet,
    /// The labels of its route.
    pub route_labels: LabelSet,
    /// Who is told of it.
    pub receiver: String,
    /// Its alerts that fire.
    pub alerts: Vec<AlertView>,
}

/// A receiver, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverView {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: LabelSet,
}

/// What is said of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusView {
    /// The configuration without its secrets, as YAML.
    pub config: String,
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
}

/// Why what was told is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// Some alerts are none.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The silence is none.
    #[error(transparent)]
    Silence(#[from] SilenceError),
    /// The configuration has mistakes, or cannot be read.
    #[error("{0}")]
    Config(String),
    /// It could not be written down.
    #[error("not kept: {0}")]
    NotKept(String),
}

/// A future of an answer.
pub type Telling<'a, T> = Pin<Box<dyn Future<Output = Result<T, TellError>> + Send + 'a>>;

/// What became of a test notification to an integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationTest {
    /// The integration's kind.
    pub kind: &'static str,
    /// Its kind and place: `slack[0]`.
    pub name: String,
    /// Why it was not taken, without secrets.
    pub error: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Why a receiver was not tested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiverTestError {
    /// There is no such receiver.
    #[error("receiver not found")]
    NotFound,
    /// A test of it is under way.
    #[error("this receiver is being tested: expected one test at a time")]
    Busy,
    /// It did not come to its end.
    #[error("the test did not come to its end: {0}")]
    Ended(String),
}

/// A future of a test of a receiver: what became of it for each integration, in the order of the file.
pub type Testing<'a> = Pin<Box<dyn Future<Output = Result<Vec<IntegrationTest>, ReceiverTestError>> + Send + 'a>>;

/// Whom the API asks and tells.
pub trait Alerting: Send + Sync {
    /// Returns alerts that fire, in order of their fingerprints.
    fn alerts(&self, filter: &AlertFilter) -> Vec<AlertView>;
    /// Returns groups with alerts that fire, in order of their labels and receivers.
    fn groups(&self, filter: &AlertFilter) -> Vec<GroupView>;
    /// Returns all silences, in no order.
    fn silences(&self) -> Vec<Silence>;
    /// Returns all receivers, in the order of the file.
    fn receivers(&self) -> Vec<ReceiverView>;
    /// Returns what is said of the whole.
    fn status(&self) -> StatusView;
    /// Returns the time, in milliseconds since 1970.
    fn now_ms(&self) -> i64;
    /// Takes alerts; they are kept when it returns.
    fn tell_alerts(&self, alerts: Vec<PostedAlert>) -> Telling<'_, ()>;
    /// Takes a silence, and returns its id; it is kept then.
    fn set_silence(&self, silence: Silence) -> Telling<'_, String>;
    /// Ends a silence.
    fn expire_silence(&self, id: String) -> Telling<'_, ()>;
    /// Sends a notification that says that it is a test to each integration of a receiver, all at once, and nothing else.
    fn test_receiver(&self, name: String) -> Testing<'_>;
    /// Reads the configuration again; one with mistakes changes nothing.
    fn reload(&self) -> Telling<'_, ()>;
}

/// Whether labels meet a filter. Unlike elsewhere, a label that is not there differs from one that is empty only where a filter names the empty value.
pub fn meets_filter(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| {
        let value = labels.get(&matcher.name);
        let is_negative = matches!(matcher.op, MatchOp::NotEqual | MatchOp::NotRegex);
        if matcher.value.is_empty() && is_negative == value.is_some() {
            return true;
        }
        matcher.matches(value.map_or("", String::as_str))
    })
}

impl Router {
    /// Returns alerts that fire, in order of their fingerprints.
    pub fn alert_views(&self, filter: &AlertFilter, now: i64) -> Vec<AlertView> {
        let statuses = self.statuses(now);
        let of_status = |(id, status): (Fingerprint, Status)| {
            let alert = self.state().alerts.get(&id)?;
            let receivers: Vec<String> =
                self.config().routes.of(&alert.labels).iter().map(|route| route.receiver.clone()).collect();
            let is_told = receivers.iter().any(|receiver| self.receiver_meets(filter, receiver));
            (is_told && is_shown(filter, alert, &status)).then(|| AlertView {
                alert: alert.clone(),
                receivers,
                status,
                muted_by: Vec::new(),
            })
        };
        statuses.into_iter().filter_map(of_status).collect()
    }

    /// Returns groups with alerts that fire, in order of their labels and receivers.
    pub fn group_views(&self, filter: &AlertFilter, now: i64) -> Vec<GroupView> {
        let statuses = self.statuses(now);
        let mut receivers: BTreeMap<Fingerprint, Vec<String>> = BTreeMap::new();
        let mut found = Vec::new();
        for group in self.state().groups.values() {
            let Some(route) = self.config().routes.by_id(&group.route) else { continue };
            if !self.receiver_meets(filter, &route.receiver) {
                continue;
            }
            let shown: Vec<(Fingerprint, &Alert, &Status)> = group
                .alerts
                .iter()
                .filter_map(|id| Some((*id, self.state().alerts.get(id)?, statuses.get(id)?)))
                .filter(|(_, alert, status)| is_shown(filter, alert, status))
                .collect();
            if shown.is_empty() {
                continue;
            }
            for (id, _, _) in &shown {
                receivers.entry(*id).or_default().push(route.receiver.clone());
            }
            // What mutes it now, and not when it was looked at last.
            let muted_by = crate::router::muted_by_time(self.config(), route, now);
            if filter.muted || muted_by.is_empty() {
                found.push((group, route, shown, muted_by));
            }
        }
        receivers.values_mut().for_each(|names| names.sort());
        let mut views: Vec<GroupView> = found
            .into_iter()
            .map(|(group, route, mut shown, muted_by)| {
                shown.sort_by(|a, b| a.1.order().cmp(&b.1.order()));
                let view = |(id, alert, status): (Fingerprint, &Alert, &Status)| AlertView {
                    alert: alert.clone(),
                    receivers: receivers.get(&id).cloned().unwrap_or_default(),
                    status: status.clone(),
                    muted_by: muted_by.clone(),
                };
                GroupView {
                    labels: group.labels.clone(),
                    route_labels: route.labels.clone(),
                    receiver: route.receiver.clone(),
                    alerts: shown.into_iter().map(view).collect(),
                }
            })
            .collect();
        views.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        views
    }

    /// Returns all receivers, in the order of the file.
    pub fn receiver_views(&self) -> Vec<ReceiverView> {
        let receivers = self.config().receivers.iter();
        receivers
            .map(|receiver| ReceiverView { name: receiver.name.clone(), labels: receiver.labels.clone() })
            .collect()
    }

    fn receiver_meets(&self, filter: &AlertFilter, name: &str) -> bool {
        let labels = || self.config().receiver(name).map(|receiver| &receiver.labels);
        filter.receiver.as_ref().is_none_or(|pattern| pattern.is_match(name))
            && (filter.receiver_matchers.is_empty()
                || labels().is_some_and(|labels| meets_filter(&filter.receiver_matchers, labels)))
    }
}

fn is_shown(filter: &AlertFilter, alert: &Alert, status: &Status) -> bool {
    meets_filter(&filter.matchers, &alert.labels)
        && (filter.active || status.is_muted())
        && (filter.silenced || status.silenced_by.is_empty())
        && (filter.inhibited || status.inhibited_by.is_empty())
}
