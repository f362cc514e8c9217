//! Sources of analytics: whose they are, what came by them, and where it is sent.

use async_graphql::connection::Connection;
use async_graphql::resolver_utils::EnumType;
use async_graphql::{Context, Enum, Error, ID, Object, SimpleObject};
use vitrine_contracts::Problem;
use vitrine_contracts::analytics::v1 as wire;
use vitrine_contracts::analytics::v1::{
    GetSourceRequest, ListMessagesRequest, ListSourcesRequest, ListUndeliveredRequest,
};
use vitrine_contracts::limits::MAX_BATCH;
use vitrine_kit::id;

use super::cost::times;
use super::error::{InputError, failure, findable, problem};
use super::page::Paging;
use super::scalars::{DateTime, int};
use super::session::{Session, session};
use crate::guard::Access;

/// A kind of receiver. A source has at most one destination of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum AnalyticsDestinationKind {
    /// Needs `url` and `secret`, by which what is sent is signed.
    Webhook,
    /// Needs `secret`, the write key.
    Segment,
    /// Needs `url`, of the data plane, and `secret`.
    Rudderstack,
    /// Needs `measurementId` and `secret`, the API secret.
    #[graphql(name = "GA4")]
    Ga4,
    /// Needs `secret`, the project's token.
    Mixpanel,
    /// Needs `secret`, the API key.
    Amplitude,
    /// Lines of JSON in the shop's own folder. For admins.
    File,
}

impl AnalyticsDestinationKind {
    /// As services and REST name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Segment => "segment",
            Self::Rudderstack => "rudderstack",
            Self::Ga4 => "ga4",
            Self::Mixpanel => "mixpanel",
            Self::Amplitude => "amplitude",
            Self::File => "file",
        }
    }

    fn of(name: &str) -> Result<Self, Error> {
        let known = Self::items().iter().map(|item| item.value).find(|kind| kind.name() == name);
        known.ok_or_else(|| problem(Problem::internal()))
    }
}

/// Where messages go. What it is proven with is not shown.
#[derive(SimpleObject)]
pub(crate) struct AnalyticsDestination {
    kind: AnalyticsDestinationKind,
    /// Of a webhook, or of a RudderStack data plane.
    url: Option<String>,
    /// Of Google Analytics.
    measurement_id: Option<String>,
    /// What a visitor must have agreed to.
    consent_categories: Vec<String>,
    /// Whether e-mail addresses go there.
    takes_emails: bool,
}

/// A text, or nothing where it is empty.
fn said(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

impl AnalyticsDestination {
    fn of(destination: &wire::Destination) -> Result<Self, Error> {
        Ok(Self {
            kind: AnalyticsDestinationKind::of(&destination.kind)?,
            url: said(&destination.url),
            measurement_id: said(&destination.measurement_id),
            consent_categories: destination.consent_categories.clone(),
            takes_emails: destination.takes_emails,
        })
    }
}

/// That a message came, and whether it was taken.
#[derive(SimpleObject)]
pub(crate) struct AnalyticsMessage {
    /// What its sender calls it.
    message_id: String,
    /// track, identify, page, screen, group or alias.
    #[graphql(name = "type")]
    kind: String,
    /// The event's, page's or screen's.
    name: Option<String>,
    received_at: DateTime,
    /// Why it was not taken; null of one that was.
    refusal: Option<String>,
}

impl From<wire::Message> for AnalyticsMessage {
    fn from(message: wire::Message) -> Self {
        let (name, refusal) = (said(&message.name), said(&message.refusal));
        let received_at = DateTime(message.received_at_unix_ms);
        Self { message_id: message.message_id, kind: message.r#type, name, received_at, refusal }
    }
}

/// Messages that a destination would not take.
#[derive(SimpleObject)]
pub(crate) struct AnalyticsUndelivered {
    /// Names the request that brought them.
    event_id: ID,
    received_at: DateTime,
    /// How many they are.
    messages: i32,
    reason: String,
}

impl From<wire::Undelivered> for AnalyticsUndelivered {
    fn from(undelivered: wire::Undelivered) -> Self {
        let wire::Undelivered { event_id, received_at_unix_ms, messages, reason } = undelivered;
        Self { event_id: ID(event_id), received_at: DateTime(received_at_unix_ms), messages: int(messages), reason }
    }
}

/// Where messages come from.
pub(crate) struct AnalyticsSource {
    source: wire::Source,
    /// Whether its destinations were read with it.
    is_whole: bool,
}

impl AnalyticsSource {
    fn whole(source: wire::Source) -> Self {
        Self { source, is_whole: true }
    }

    fn listed(source: wire::Source) -> Self {
        Self { source, is_whole: false }
    }
}

#[Object]
impl AnalyticsSource {
    pub(crate) async fn id(&self) -> ID {
        ID(self.source.id.clone())
    }

    /// A promoter or an admin.
    async fn owner_id(&self) -> ID {
        ID(self.source.owner_id.clone())
    }

    async fn name(&self) -> &str {
        &self.source.name
    }

    /// What clients send with messages. It stands in web pages, and lets in nothing but messages.
    async fn write_key(&self) -> &str {
        &self.source.write_key
    }

    /// Whether nothing is kept of a visitor who has not consented to "analytics".
    async fn needs_consent(&self) -> bool {
        self.source.needs_consent
    }

    /// Where its messages are sent. Of a source that was asked for by itself, or changed; null in lists.
    async fn destinations(&self) -> Result<Option<Vec<AnalyticsDestination>>, Error> {
        let read = || self.source.destinations.iter().map(AnalyticsDestination::of).collect();
        self.is_whole.then(read).transpose()
    }

    /// What came, newest first, also what was refused; or only that.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(default)] refused: bool,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<String, AnalyticsMessage>, Error> {
        let (session, paging) = (session(ctx), Paging::new(first, after)?);
        let (source_id, actor) = (self.source.id.clone(), Some(actor(session).await?));
        let request = ListMessagesRequest { source_id, actor, only_refused: refused, page: paging.request() };
        let found = session.gateway.deps.analytics.clone().list_messages(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner();
        Ok(paging.connection(found.messages, found.page, AnalyticsMessage::from))
    }

    /// What a destination would not take, oldest first, at most 100.
    #[graphql(complexity = "times(int(MAX_BATCH), child_complexity)")]
    async fn undelivered(
        &self,
        ctx: &Context<'_>,
        kind: AnalyticsDestinationKind,
    ) -> Result<Vec<AnalyticsUndelivered>, Error> {
        let session = session(ctx);
        let (source_id, actor, kind) = (self.source.id.clone(), Some(actor(session).await?), kind.name().to_owned());
        let request = ListUndeliveredRequest { source_id, actor, kind };
        let found = session.gateway.deps.analytics.clone().list_undelivered(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner().undelivered;
        Ok(found.into_iter().map(AnalyticsUndelivered::from).collect())
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.source.created_at_unix_ms)
    }
}

/// What came of a change of a source.
#[derive(SimpleObject)]
pub(crate) struct AnalyticsSourcePayload {
    /// Null when the change was refused, or the source is deleted.
    source: Option<AnalyticsSource>,
    /// Of a source that is deleted.
    deleted_id: Option<ID>,
    errors: Vec<InputError>,
}

impl AnalyticsSourcePayload {
    pub(crate) fn of(changed: Result<wire::Source, InputError>) -> Self {
        match changed {
            Ok(source) => Self { source: Some(AnalyticsSource::whole(source)), deleted_id: None, errors: Vec::new() },
            Err(refused) => Self { source: None, deleted_id: None, errors: vec![refused] },
        }
    }

    pub(crate) fn deleted(deleted: Result<ID, InputError>) -> Self {
        match deleted {
            Ok(id) => Self { source: None, deleted_id: Some(id), errors: Vec::new() },
            Err(refused) => Self { source: None, deleted_id: None, errors: vec![refused] },
        }
    }
}

/// Who asks, if they may have sources.
pub(crate) async fn actor(session: &Session) -> Result<wire::Actor, Error> {
    Ok(session.admit(Access::Seller).await?.actor())
}

/// The caller's sources; an admin's are all that there are.
pub(crate) async fn list(session: &Session, paging: Paging) -> Result<Connection<String, AnalyticsSource>, Error> {
    let request = ListSourcesRequest { actor: Some(actor(session).await?), page: paging.request() };
    let found = session.gateway.deps.analytics.clone().list_sources(request).await;
    let found = found.map_err(|status| failure(&status))?.into_inner();
    Ok(paging.connection(found.sources, found.page, AnalyticsSource::listed))
}

/// The source with this id, if it is the caller's to see.
pub(crate) async fn find(session: &Session, source_id: String) -> Result<Option<AnalyticsSource>, Error> {
    let actor = Some(actor(session).await?);
    if !id::is_valid("src", &source_id) {
        return Ok(None);
    }
    let request = GetSourceRequest { source_id, actor };
    let found = findable(session.gateway.deps.analytics.clone().get_source(request).await)?;
    Ok(found.map(|found| AnalyticsSource::whole(found.into_inner())))
}

#[cfg(test)]
mod tests {
    use async_graphql::resolver_utils::EnumType;

    use super::AnalyticsDestinationKind;
    use crate::schema::DestinationKind;

    #[test]
    fn every_kind_of_destination_that_rest_takes_is_one_here() {
        let mut generator = schemars::SchemaGenerator::default();
        let taken = generator.subschema_for::<DestinationKind>().to_value();
        let here: Vec<&str> = AnalyticsDestinationKind::items().iter().map(|item| item.value.name()).collect();
        assert_eq!(taken["enum"], serde_json::json!(here));
        for name in here {
            assert!(AnalyticsDestinationKind::of(name).is_ok_and(|kind| kind.name() == name), "{name}");
        }
        assert!(AnalyticsDestinationKind::of("pigeon").is_err());
    }
}
