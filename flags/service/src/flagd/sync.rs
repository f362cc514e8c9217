//! Sync: whole definitions for clients that evaluate themselves, at once and on each change.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use futures::stream;
use http::HeaderMap;
use prost_types::Struct;

use super::grpc::{Messages, streaming, unary, unimplemented};
use super::messages::{MetadataRequest, MetadataResponse, SyncRequest, SyncResponse};
use super::{Problem, is_selected, stream_room};
use crate::flag_store::InForce;
use crate::role::Role;
use crate::service::FlagService;

/// What a client gets whose selector means no flags.
const NO_FLAGS: &str = "{\"flags\":{}}";

pub(super) async fn call(State(service): State<FlagService>, Path(method): Path<String>, request: Request) -> Response {
    match method.as_str() {
        "SyncFlags" => streaming(request, move |headers, message: SyncRequest| sync(&service, headers, message)).await,
        "FetchAllFlags" => {
            unary(request, move |headers, message: SyncRequest| {
                service.access.check(headers, Role::Evaluation)?;
                let payload = payload(&service.flags.current(), headers, &message)?;
                Ok(SyncResponse { sync_context: None, ..payload })
            })
            .await
        }
        // A client in Python needs the field, also where there is nothing to say.
        "GetMetadata" => {
            unary(request, move |headers, _: MetadataRequest| {
                service.access.check(headers, Role::Evaluation)?;
                Ok(MetadataResponse { metadata: Some(Struct::default()) })
            })
            .await
        }
        _ => unimplemented(&method),
    }
}

fn payload(now: &InForce, headers: &HeaderMap, message: &SyncRequest) -> Result<SyncResponse, Problem> {
    let is_selected = is_selected(now, headers, &message.selector)?;
    let flag_configuration = if is_selected { now.snapshot.sync_payload() } else { NO_FLAGS.to_owned() };
    Ok(SyncResponse { flag_configuration, sync_context: Some(Struct::default()) })
}

fn sync(service: &FlagService, headers: &HeaderMap, message: SyncRequest) -> Result<Messages<SyncResponse>, Problem> {
    let permit = stream_room(service, headers)?;
    let mut changes = service.flags.watch();
    let now: Arc<InForce> = changes.borrow_and_update().clone();
    let first = payload(&now, headers, &message)?;
    let begin = (changes, headers.clone(), message, permit, Some(first));
    Ok(Box::pin(stream::unfold(begin, |(mut changes, headers, message, permit, first)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (changes, headers, message, permit, None)));
        }
        changes.changed().await.ok()?;
        let now = changes.borrow_and_update().clone();
        let next = payload(&now, &headers, &message).map_err(tonic::Status::from);
        Some((next, (changes, headers, message, permit, None)))
    })))
}
