//! Sources of analytics, as those who have them see and change them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use vitrine_contracts::analytics::v1::{
    CreateSourceRequest, DeleteDestinationRequest, DeleteSourceRequest, GetSourceRequest, ListMessagesRequest,
    ListSourcesRequest, ListUndeliveredRequest, PutDestinationRequest, ReplayDestinationRequest,
};
use vitrine_platform_http::{Json, Query, Reply};

use crate::Gateway;
use crate::api::Operation;
use crate::dto::{self, Page};
use crate::guard::Access;
use crate::input::{PageQuery, page};
use crate::schema;
use crate::tokens::Caller;

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    let of_sellers = |operation: Operation| operation.access(Access::Seller);
    let of_source = |operation: Operation| of_sellers(operation).id::<schema::SourceId>();
    vec![
        of_sellers(Operation::get("/analytics/sources", "My sources of analytics; an admin sees all"))
            .query::<PageQuery>()
            .returns::<dto::Page<dto::Source>>(200)
            .by(list),
        of_sellers(Operation::post("/analytics/sources", "A new source, with a write key"))
            .body::<dto::NewSource>()
            .returns::<dto::Source>(201)
            .by(create),
        of_source(Operation::get("/analytics/sources/{id}", "A source")).returns::<dto::Source>(200).by(get),
        of_source(Operation::delete("/analytics/sources/{id}", "Take no more with its key"))
            .returns_nothing()
            .by(delete),
        of_source(Operation::get("/analytics/sources/{id}/messages", "What came, newest first"))
            .query::<MessagesQuery>()
            .returns::<dto::Page<dto::Message>>(200)
            .by(messages),
        of_source(Operation::put("/analytics/sources/{id}/destinations", "Send what comes there, too"))
            .body::<dto::NewSourceDestination>()
            .returns::<dto::Source>(200)
            .by(put_destination),
        of_source(Operation::delete("/analytics/sources/{id}/destinations", "Send there no more"))
            .query::<KindQuery>()
            .returns::<dto::Source>(200)
            .by(delete_destination),
        of_source(Operation::post("/analytics/sources/{id}/replays", "Send again what came since a moment"))
            .body::<dto::Replay>()
            .returns::<dto::Source>(200)
            .by(replay),
        of_source(Operation::get("/analytics/sources/{id}/undelivered", "What a destination would not take"))
            .query::<KindQuery>()
            .returns::<dto::List<dto::Undelivered>>(200)
            .by(undelivered),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MessagesQuery {
    /// Only what was refused.
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    #[schemars(with = "schema::Limit")]
    limit: Option<u32>,
    #[serde(default)]
    #[schemars(with = "schema::Cursor")]
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KindQuery {
    #[schemars(with = "schema::DestinationKind")]
    kind: String,
}

/// The field as this API's callers know it.
fn refused(status: tonic::Status) -> Reply {
    let as_sent = |field: String| match field.as_str() {
        "source_id" => "id".to_owned(),
        _ => dto::field_of_destination(field),
    };
    Reply::from(status).renamed(as_sent)
}

async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<dto::Source>>, Reply> {
    let request = ListSourcesRequest { actor: Some(caller.actor()), page: query.request()? };
    let found = gateway.deps.analytics.clone().list_sources(request).await?.into_inner();
    Ok(axum::Json(Page::new(found.sources, found.page)))
}

async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<dto::NewSource>,
) -> Result<(StatusCode, axum::Json<dto::Source>), Reply> {
    let request =
        CreateSourceRequest { actor: Some(caller.actor()), name: body.name, needs_consent: body.needs_consent };
    let made = gateway.deps.analytics.clone().create_source(request).await?.into_inner();
    Ok((StatusCode::CREATED, axum::Json(made.into())))
}

async fn get(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(source_id): Path<String>,
) -> Result<axum::Json<dto::Source>, Reply> {
    let request = GetSourceRequest { source_id, actor: Some(caller.actor()) };
    let found = gateway.deps.analytics.clone().get_source(request).await.map_err(refused)?;
    Ok(axum::Json(found.into_inner().into()))
}

async fn delete(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(source_id): Path<String>,
) -> Result<StatusCode, Reply> {
    let request = DeleteSourceRequest { source_id, actor: Some(caller.actor()) };
    gateway.deps.analytics.clone().delete_source(request).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn messages(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(source_id): Path<String>,
    Query(query): Query<MessagesQuery>,
) -> Result<axum::Json<Page<dto::Message>>, Reply> {
    let (actor, page) = (Some(caller.actor()), page(query.limit, query.cursor)?);
    let request = ListMessagesRequest { source_id, actor, only_refused: query.refused, page };
    let found = gateway.deps.analytics.clone().list_messages(request).await.map_err(refused)?.into_inner();
    Ok(axum::Json(Page::new(found.messages, found.page)))
}

async fn put_destination(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(source_id): Path<String>,
    Json(body): Json<dto::NewSourceDestination>,
) -> Result<axum::Json<dto::Source>, Reply> {
    let request = PutDestinationRequest { source_id, actor: Some(caller.actor()), destination: Some(body.into()) };
    let source = gateway.deps.analytics.clone().put_destination(request).await.map_err(refused)?;
    Ok(axum::Json(source.into_inner().into()))
}

async fn delete_destination(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(source_id): Path<String>,
    Query(KindQuery { kind }): Query<KindQuery>,
) -> Result<axum::Json<dto::Source>, Reply> {
    let request = DeleteDestinationRequest { source_id, actor: Some(caller.actor()), kind };
    let source = gateway.deps.analytics.clone().delete_destination(request).await.map_err(refused)?;
    Ok(axum::Json(source.into_inner().into()))
}

async fn replay(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(source_id): Path<String>,
    Json(dto::Replay { kind, since }): Json<dto::Replay>,
) -> Result<axum::Json<dto::Source>, Reply> {
    let since_unix_ms = dto::parse_time(&since, "since")?;
    let request = ReplayDestinationRequest { source_id, actor: Some(caller.actor()), kind, since_unix_ms };
    let source = gateway.deps.analytics.clone().replay_destination(request).await.map_err(refused)?;
    Ok(axum::Json(source.into_inner().into()))
}

async fn undelivered(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(source_id): Path<String>,
    Query(KindQuery { kind }): Query<KindQuery>,
) -> Result<axum::Json<dto::List<dto::Undelivered>>, Reply> {
    let request = ListUndeliveredRequest { source_id, actor: Some(caller.actor()), kind };
    let found = gateway.deps.analytics.clone().list_undelivered(request).await.map_err(refused)?.into_inner();
    Ok(axum::Json(dto::List::new(found.undelivered)))
}
