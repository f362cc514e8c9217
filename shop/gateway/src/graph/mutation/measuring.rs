//! What those who sell change of their sources of analytics.

use async_graphql::{Context, ID, InputObject, Object, Result};
use tonic::{Response, Status};
use vitrine_contracts::analytics::v1 as wire;
use vitrine_contracts::analytics::v1::analytics_service_client::AnalyticsServiceClient;
use vitrine_platform_mesh::Transport;

use super::super::analytics::{AnalyticsDestinationKind, AnalyticsSourcePayload, actor};
use super::super::error::refusable;
use super::super::scalars::DateTime;
use super::super::session::session;
use crate::dto::field_of_destination;

/// A source to be.
#[derive(InputObject)]
pub(crate) struct CreateAnalyticsSourceInput {
    name: String,
    /// Keep nothing of a visitor who has not consented to "analytics".
    #[graphql(default)]
    needs_consent: bool,
}

/// A source that is not to be any more.
#[derive(InputObject)]
pub(crate) struct DeleteAnalyticsSourceInput {
    id: ID,
}

/// A destination to be added or changed; what it needs depends on its kind.
#[derive(InputObject)]
pub(crate) struct PutAnalyticsDestinationInput {
    source_id: ID,
    kind: AnalyticsDestinationKind,
    /// Of a webhook, or of a RudderStack data plane.
    #[graphql(default)]
    url: String,
    /// Of Google Analytics.
    #[graphql(default)]
    measurement_id: String,
    /// The receiver's key; left out it stays as it was. It is shown to no one.
    #[graphql(default)]
    secret: String,
    /// What a visitor must have agreed to.
    #[graphql(default)]
    consent_categories: Vec<String>,
    /// Whether e-mail addresses go there.
    #[graphql(default)]
    takes_emails: bool,
}

impl From<PutAnalyticsDestinationInput> for wire::Destination {
    fn from(input: PutAnalyticsDestinationInput) -> Self {
        Self {
            kind: input.kind.name().to_owned(),
            url: input.url,
            measurement_id: input.measurement_id,
            secret: input.secret,
            consent_categories: input.consent_categories,
            takes_emails: input.takes_emails,
        }
    }
}

/// A destination that nothing is to be sent to any more.
#[derive(InputObject)]
pub(crate) struct DeleteAnalyticsDestinationInput {
    source_id: ID,
    kind: AnalyticsDestinationKind,
}

/// What is to be sent again.
#[derive(InputObject)]
pub(crate) struct ReplayAnalyticsDestinationInput {
    source_id: ID,
    kind: AnalyticsDestinationKind,
    /// From which moment on.
    since: DateTime,
}

/// Changes a source of the caller's.
async fn change<Changing>(
    ctx: &Context<'_>,
    change: impl FnOnce(AnalyticsServiceClient<Transport>, Option<wire::Actor>) -> Changing,
) -> Result<AnalyticsSourcePayload>
where
    Changing: Future<Output = Result<Response<wire::Source>, Status>>,
{
    let session = session(ctx);
    let actor = actor(session).await?;
    let changed = refusable(change(session.gateway.deps.analytics.clone(), Some(actor)).await)?;
    let changed = changed.map(Response::into_inner).map_err(|refused| refused.renamed(field_of_destination));
    Ok(AnalyticsSourcePayload::of(changed))
}

/// Sources of analytics, and where their messages go.
#[derive(Default)]
pub(crate) struct Measuring;

#[Object]
impl Measuring {
    /// Makes a source of analytics, with a write key. For promoters and admins.
    async fn create_analytics_source(
        &self,
        ctx: &Context<'_>,
        input: CreateAnalyticsSourceInput,
    ) -> Result<AnalyticsSourcePayload> {
        change(ctx, |mut analytics, actor| async move {
            let CreateAnalyticsSourceInput { name, needs_consent } = input;
            analytics.create_source(wire::CreateSourceRequest { actor, name, needs_consent }).await
        })
        .await
    }

    /// Takes no more with the key of a source, and sends nothing on. For promoters, of what is theirs, and admins.
    async fn delete_analytics_source(
        &self,
        ctx: &Context<'_>,
        input: DeleteAnalyticsSourceInput,
    ) -> Result<AnalyticsSourcePayload> {
        let session = session(ctx);
        let request = wire::DeleteSourceRequest { source_id: input.id.0.clone(), actor: Some(actor(session).await?) };
        let deleted = refusable(session.gateway.deps.analytics.clone().delete_source(request).await)?;
        let as_given = |field: String| if field == "sourceId" { "id".to_owned() } else { field };
        let deleted = deleted.map(|_| input.id).map_err(|refused| refused.renamed(as_given));
        Ok(AnalyticsSourcePayload::deleted(deleted))
    }

    /// Sends what comes by a source there, too, from now on; or changes how. For promoters, of what is theirs, and admins.
    async fn put_analytics_destination(
        &self,
        ctx: &Context<'_>,
        input: PutAnalyticsDestinationInput,
    ) -> Result<AnalyticsSourcePayload> {
        change(ctx, |mut analytics, actor| async move {
            let (source_id, destination) = (input.source_id.0.clone(), Some(input.into()));
            analytics.put_destination(wire::PutDestinationRequest { source_id, actor, destination }).await
        })
        .await
    }

    /// Sends nothing there any more. For promoters, of what is theirs, and admins.
    async fn delete_analytics_destination(
        &self,
        ctx: &Context<'_>,
        input: DeleteAnalyticsDestinationInput,
    ) -> Result<AnalyticsSourcePayload> {
        change(ctx, |mut analytics, actor| async move {
            let (source_id, kind) = (input.source_id.0, input.kind.name().to_owned());
            analytics.delete_destination(wire::DeleteDestinationRequest { source_id, actor, kind }).await
        })
        .await
    }

    /// Sends a destination again what came since a moment, as far as it is kept. For promoters, of what is theirs, and admins.
    #[graphql(complexity = "50 + child_complexity")]
    async fn replay_analytics_destination(
        &self,
        ctx: &Context<'_>,
        input: ReplayAnalyticsDestinationInput,
    ) -> Result<AnalyticsSourcePayload> {
        change(ctx, |mut analytics, actor| async move {
            let (source_id, kind, since_unix_ms) = (input.source_id.0, input.kind.name().to_owned(), input.since.0);
            let request = wire::ReplayDestinationRequest { source_id, actor, kind, since_unix_ms };
            analytics.replay_destination(request).await
        })
        .await
    }
}
