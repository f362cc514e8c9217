//! Sources of analytics and where their messages go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::analytics::v1 as analytics;
use vitrine_contracts::limits::MAX_SOURCE_NAME;
use vitrine_kit::clock::rfc3339;

use crate::schema;

/// A new source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSource {
    #[schemars(with = "schema::Line<1, MAX_SOURCE_NAME>")]
    pub(crate) name: String,
    /// Keep nothing of a visitor who has not consented to "analytics".
    #[serde(default)]
    pub(crate) needs_consent: bool,
}

/// Where messages come from.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Source {
    #[schemars(with = "schema::SourceId")]
    id: String,
    owner_id: String,
    name: String,
    /// What clients send with messages. It lets in nothing but messages.
    write_key: String,
    needs_consent: bool,
    /// Empty in lists.
    destinations: Vec<SourceDestination>,
    #[schemars(with = "schema::Time")]
    created_at: String,
}

impl From<analytics::Source> for Source {
    fn from(s: analytics::Source) -> Self {
        Self {
            id: s.id,
            owner_id: s.owner_id,
            name: s.name,
            write_key: s.write_key,
            needs_consent: s.needs_consent,
            destinations: s.destinations.into_iter().map(SourceDestination::from).collect(),
            created_at: rfc3339(s.created_at_unix_ms),
        }
    }
}

/// Where messages go. What it is proven with is not shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SourceDestination {
    #[schemars(with = "schema::DestinationKind")]
    kind: String,
    url: String,
    measurement_id: String,
    consent_categories: Vec<String>,
    takes_emails: bool,
}

impl From<analytics::Destination> for SourceDestination {
    fn from(d: analytics::Destination) -> Self {
        let (kind, url, measurement_id) = (d.kind, d.url, d.measurement_id);
        Self { kind, url, measurement_id, consent_categories: d.consent_categories, takes_emails: d.takes_emails }
    }
}

/// A destination to be added or changed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSourceDestination {
    #[schemars(with = "schema::DestinationKind")]
    kind: String,
    /// Of a webhook, or of a RudderStack data plane.
    #[serde(default)]
    #[schemars(with = "schema::ReceiverText")]
    url: String,
    /// Of Google Analytics.
    #[serde(default)]
    #[schemars(with = "schema::ReceiverText")]
    measurement_id: String,
    /// The receiver's key; left out it stays as it was.
    #[serde(default)]
    #[schemars(with = "schema::ReceiverText")]
    secret: String,
    /// What a visitor must have agreed to.
    #[serde(default)]
    #[schemars(with = "Vec<schema::ReceiverText>")]
    consent_categories: Vec<String>,
    /// Whether e-mail addresses go there.
    #[serde(default)]
    takes_emails: bool,
}

impl From<NewSourceDestination> for analytics::Destination {
    fn from(d: NewSourceDestination) -> Self {
        Self {
            kind: d.kind,
            url: d.url,
            measurement_id: d.measurement_id,
            secret: d.secret,
            consent_categories: d.consent_categories,
            takes_emails: d.takes_emails,
        }
    }
}

/// A field of a destination, or of the request around it, as callers know it: what they send is the destination itself.
pub(crate) fn field_of_destination(field: String) -> String {
    field.strip_prefix("destination.").map(str::to_owned).unwrap_or(field)
}

/// What is sent again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    #[schemars(with = "schema::DestinationKind")]
    pub(crate) kind: String,
    /// From which moment on.
    #[schemars(with = "schema::Time")]
    pub(crate) since: String,
}

/// That a message came, and whether it was taken.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Message {
    message_id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[schemars(with = "schema::Time")]
    received_at: String,
    /// Why it was not taken.
    refusal: Option<String>,
}

impl From<analytics::Message> for Message {
    fn from(m: analytics::Message) -> Self {
        let refusal = Some(m.refusal).filter(|refusal| !refusal.is_empty());
        let received_at = rfc3339(m.received_at_unix_ms);
        Self { message_id: m.message_id, kind: m.r#type, name: m.name, received_at, refusal }
    }
}

/// Messages that a destination would not take.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Undelivered {
    event_id: String,
    #[schemars(with = "schema::Time")]
    received_at: String,
    messages: u32,
    reason: String,
}

impl From<analytics::Undelivered> for Undelivered {
    fn from(u: analytics::Undelivered) -> Self {
        let received_at = rfc3339(u.received_at_unix_ms);
        Self { event_id: u.event_id, received_at, messages: u.messages, reason: u.reason }
    }
}
