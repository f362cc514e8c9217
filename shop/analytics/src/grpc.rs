//! The contract, translated.

use std::sync::Arc;

use prost::Message as _;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};
use vitrine_contracts::analytics::v1::analytics_service_server::AnalyticsService;
use vitrine_contracts::analytics::v1::{
    AcceptRequest, AcceptResponse, Accepted, CreateSourceRequest, DeleteDestinationRequest, DeleteSourceRequest,
    DeleteSourceResponse, FindSourceRequest, GetSourceRequest, ListMessagesRequest, ListMessagesResponse,
    ListSourcesRequest, ListSourcesResponse, ListUndeliveredRequest, ListUndeliveredResponse, PutDestinationRequest,
    ReplayDestinationRequest, Source, Undelivered,
};
use vitrine_contracts::limits::MAX_BATCH;
use vitrine_platform_bus::{DeadLetter, dead_letters};
use vitrine_platform_host::{Failure, page_info, page_of};
use vitrine_platform_store::Query;

use crate::Config;
use crate::accept::Intake;
use crate::destinations::kind;
use crate::sources::{self, actor};
use crate::store::{AT, DestinationDoc, MessageDoc, OWNER, REFUSED, SOURCE, SourceDoc};

pub(crate) struct Service {
    pub(crate) intake: Intake,
    pub(crate) config: Arc<Config>,
    pub(crate) changed: Arc<Notify>,
}

impl Service {
    async fn describe(&self, source: SourceDoc) -> Result<Response<Source>, Status> {
        Ok(Response::new(sources::describe(&self.intake.store, source).await.map_err(Failure::from)?))
    }
}

#[tonic::async_trait]
impl AnalyticsService for Service {
    async fn accept(&self, request: Request<AcceptRequest>) -> Result<Response<AcceptResponse>, Status> {
        Ok(Response::new(self.intake.accept(request.into_inner()).await?))
    }

    async fn find_source(&self, request: Request<FindSourceRequest>) -> Result<Response<Source>, Status> {
        let source = self.intake.source_of(&request.into_inner().write_key).await?;
        Ok(Response::new(sources::head(source)))
    }

    async fn create_source(&self, request: Request<CreateSourceRequest>) -> Result<Response<Source>, Status> {
        let CreateSourceRequest { actor: given, name, needs_consent } = request.into_inner();
        let owner_id = actor(given)?.owner_id;
        let (store, now_ms) = (&self.intake.store, self.intake.clock.now_ms());
        let source = sources::create(store, owner_id, &name, needs_consent, now_ms).await?;
        self.describe(source).await
    }

    async fn get_source(&self, request: Request<GetSourceRequest>) -> Result<Response<Source>, Status> {
        let request = request.into_inner();
        let source = sources::alive(&self.intake.store, &request.source_id, &actor(request.actor)?).await?;
        self.describe(source.doc).await
    }

    async fn list_sources(
        &self,
        request: Request<ListSourcesRequest>,
    ) -> Result<Response<ListSourcesResponse>, Status> {
        let request = request.into_inner();
        let actor = actor(request.actor)?;
        let (size, cursor) = page_of(request.page.as_ref())?;
        let query = if actor.is_admin { Query::eq("alive", 1_i64) } else { Query::eq(OWNER, actor.owner_id) };
        let found = self.intake.store.find::<SourceDoc>(query.limit(size).cursor(cursor)).await;
        let page = found.map_err(Failure::from)?;
        let sources = page.items.into_iter().map(|source| sources::head(source.doc)).collect();
        Ok(Response::new(ListSourcesResponse { sources, page: page_info(page.next_cursor) }))
    }

    async fn delete_source(
        &self,
        request: Request<DeleteSourceRequest>,
    ) -> Result<Response<DeleteSourceResponse>, Status> {
        let request = request.into_inner();
        sources::delete(&self.intake.store, &request.source_id, &actor(request.actor)?).await?;
        self.changed.notify_one();
        Ok(Response::new(DeleteSourceResponse {}))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let request = request.into_inner();
        let source = sources::alive(&self.intake.store, &request.source_id, &actor(request.actor)?).await?.doc;
        let (size, cursor) = page_of(request.page.as_ref())?;
        let index = if request.only_refused { REFUSED } else { SOURCE };
        let query = Query::range(AT, 0..=i64::MAX).and_eq(index, source.id).descending().limit(size).cursor(cursor);
        let page = self.intake.store.find::<MessageDoc>(query).await.map_err(Failure::from)?;
        let messages = page.items.into_iter().map(|message| message.doc.into()).collect();
        Ok(Response::new(ListMessagesResponse { messages, page: page_info(page.next_cursor) }))
    }

    async fn put_destination(&self, request: Request<PutDestinationRequest>) -> Result<Response<Source>, Status> {
        let PutDestinationRequest { source_id, actor: given, destination } = request.into_inner();
        let (store, actor) = (&self.intake.store, actor(given)?);
        let source = sources::put_destination(store, &self.config, &source_id, &actor, destination).await?;
        self.changed.notify_one();
        self.describe(source).await
    }

    async fn delete_destination(&self, request: Request<DeleteDestinationRequest>) -> Result<Response<Source>, Status> {
        let DeleteDestinationRequest { source_id, actor: given, kind } = request.into_inner();
        let (store, actor) = (&self.intake.store, actor(given)?);
        let source = sources::delete_destination(store, &source_id, &actor, &kind).await?;
        self.changed.notify_one();
        self.describe(source).await
    }

    async fn replay_destination(&self, request: Request<ReplayDestinationRequest>) -> Result<Response<Source>, Status> {
        let ReplayDestinationRequest { source_id, actor: given, kind, since_unix_ms } = request.into_inner();
        let (store, actor) = (&self.intake.store, actor(given)?);
        let source = sources::replay_destination(store, &source_id, &actor, &kind, since_unix_ms).await?;
        self.changed.notify_one();
        self.describe(source).await
    }

    async fn list_undelivered(
        &self,
        request: Request<ListUndeliveredRequest>,
    ) -> Result<Response<ListUndeliveredResponse>, Status> {
        let ListUndeliveredRequest { source_id, actor: given, kind: kind_name } = request.into_inner();
        let (store, actor) = (&self.intake.store, actor(given)?);
        let source = sources::alive(store, &source_id, &actor).await?.doc;
        let name = DestinationDoc::name(&source.id, kind(&kind_name)?.name);
        let letters = dead_letters(store, &name).await.map_err(Failure::from)?;
        let undelivered = letters.into_iter().take(MAX_BATCH).map(undelivered).collect();
        Ok(Response::new(ListUndeliveredResponse { undelivered }))
    }
}

fn undelivered(letter: DeadLetter) -> Undelivered {
    let messages = Accepted::decode(letter.payload.as_slice()).map_or(0, |accepted| accepted.messages.len());
    Undelivered {
        event_id: letter.event_id,
        received_at_unix_ms: letter.occurred_at_ms,
        messages: u32::try_from(messages).unwrap_or(u32::MAX),
        reason: letter.reason,
    }
}
