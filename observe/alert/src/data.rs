//! What is told of a notification: as JSON for webhooks, and as values for templates.
//!
//! Source: Alertmanager's documentation, "Notification template reference" and `<webhook_config>`.

use std::collections::BTreeMap;

use serde::Serialize;
use vitrine_kit::clock::rfc3339_ns;
use vitrine_observe_routing::{Alert, Delivery, LabelSet};
use vitrine_observe_rules::template::{GoTime, ListKind, MapKind, Value};

/// How Go writes a time that is none.
const NO_TIME: &str = "0001-01-01T00:00:00Z";
/// The version of what webhooks are sent.
const WEBHOOK_VERSION: &str = "4";

/// What a receiver is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data {
    receiver: String,
    pub(crate) status: &'static str,
    alerts: Vec<AlertData>,
    #[serde(rename = "notification_reason")]
    notification_reason: &'static str,
    group_labels: LabelSet,
    pub(crate) common_labels: LabelSet,
    common_annotations: LabelSet,
    pub(crate) route_labels: LabelSet,
    #[serde(rename = "externalURL")]
    external_url: String,
}

/// An alert as a receiver is told it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertData {
    status: &'static str,
    labels: LabelSet,
    annotations: LabelSet,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
    #[serde(skip)]
    starts_at_ms: i64,
    #[serde(skip)]
    ends_at_ms: Option<i64>,
}

/// What a webhook is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook<'a> {
    #[serde(flatten)]
    data: &'a Data,
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: usize,
}

impl Data {
    /// What is told of a notification with these alerts of it.
    pub(crate) fn of(delivery: &Delivery, alerts: &[Alert], external_url: &str) -> Self {
        let firing = alerts.iter().any(|alert| !delivery.is_resolved(alert));
        Self {
            receiver: regex_quoted(&delivery.receiver),
            status: status(!firing),
            alerts: alerts.iter().map(|alert| AlertData::of(delivery, alert)).collect(),
            notification_reason: delivery.reason.text(),
            group_labels: delivery.group_labels.clone(),
            common_labels: common(alerts.iter().map(|alert| &alert.labels)),
            common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
            route_labels: delivery.route_labels.clone(),
            external_url: external_url.to_owned(),
        }
    }

    pub(crate) fn webhook<'a>(&'a self, delivery: &'a Delivery, truncated_alerts: usize) -> Webhook<'a> {
        Webhook { data: self, version: WEBHOOK_VERSION, group_key: &delivery.group_key, truncated_alerts }
    }

    /// The same for templates.
    pub(crate) fn value(&self) -> Value {
        let alerts: Vec<Value> = self.alerts.iter().map(AlertData::value).collect();
        Value::fields(
            "template.Data",
            vec![
                ("Receiver", Value::text(&self.receiver)),
                ("Status", Value::text(self.status)),
                ("Alerts", Value::List(ListKind::Alerts, alerts.into())),
                ("NotificationReason", Value::text(self.notification_reason)),
                ("GroupLabels", kv(&self.group_labels)),
                ("CommonLabels", kv(&self.common_labels)),
                ("CommonAnnotations", kv(&self.common_annotations)),
                ("RouteLabels", kv(&self.route_labels)),
                ("ExternalURL", Value::text(&self.external_url)),
            ],
        )
    }
}

impl AlertData {
    fn of(delivery: &Delivery, alert: &Alert) -> Self {
        let is_resolved = delivery.is_resolved(alert);
        let ends_at_ms = is_resolved.then_some(alert.ends_at);
        Self {
            status: status(is_resolved),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: time(Some(alert.starts_at)),
            ends_at: time(ends_at_ms),
            generator_url: alert.generator_url.clone(),
            fingerprint: alert.fingerprint().to_string(),
            starts_at_ms: alert.starts_at,
            ends_at_ms,
        }
    }

    fn value(&self) -> Value {
        Value::fields(
            "template.Alert",
            vec![
                ("Status", Value::text(self.status)),
                ("Labels", kv(&self.labels)),
                ("Annotations", kv(&self.annotations)),
                ("StartsAt", Value::Time(GoTime::of_ms(self.starts_at_ms))),
                ("EndsAt", Value::Time(self.ends_at_ms.map_or_else(GoTime::zero, GoTime::of_ms))),
                ("GeneratorURL", Value::text(&self.generator_url)),
                ("Fingerprint", Value::text(&self.fingerprint)),
            ],
        )
    }
}

fn status(is_resolved: bool) -> &'static str {
    if is_resolved { "resolved" } else { "firing" }
}

/// A time as Go writes it in JSON.
fn time(at_ms: Option<i64>) -> String {
    const NANOS_PER_MS: u64 = 1_000_000;
    let nanos = at_ms.and_then(|at| u64::try_from(at).ok()?.checked_mul(NANOS_PER_MS));
    nanos.map_or_else(|| NO_TIME.to_owned(), rfc3339_ns)
}

fn kv(labels: &LabelSet) -> Value {
    Value::texts(MapKind::Kv, labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// What all have in common.
fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let mut common: BTreeMap<String, String> = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common
}

/// A name as a pattern that matches it, as Go quotes it.
fn regex_quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
