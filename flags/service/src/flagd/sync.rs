//! Sync: whole definitions for clients that evaluate themselves, at once and on each change.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use futures::stream;
use http::HeaderMap;
use prost_types::Struct;

use super::grpc::{Messages, streaming, unary, unimplemented};
use super::messages::{MetadataRequest, MetadataResponse, SyncRequest, SyncResponse};
use super::{Problem, selection, stream_room};
use crate::flag_store::InForce;
use crate::role::Role;
use crate::selector::Selection;
use crate::service::FlagService;

/// What a client gets whose selector means no flags.
const NO_FLAGS: &str = "{\"flags\":{}}";

pub(super) async fn call(State(service): State<FlagService>, Path(method): Path<String>, request: Request) -> Response {
    match method.as_str() {
        "SyncFlags" => streaming(request, move |headers, message: SyncRequest| sync(&service, headers, &message)).await,
        "FetchAllFlags" => {
            unary(request, move |headers, message: SyncRequest| {
                service.access.check(headers, Role::Evaluation)?;
                let selection = selection(&service, headers, &message.selector)?;
                Ok(SyncResponse { sync_context: None, ..payload(&service.flags.current(), &selection) })
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

fn payload(now: &InForce, selection: &Selection) -> SyncResponse {
    let flag_configuration =
        selection.choose(now).map_or_else(|| NO_FLAGS.to_owned(), |set| set.snapshot.sync_payload());
    SyncResponse { flag_configuration, sync_context: Some(Struct::default()) }
}

/// What is in force, and what is from then on; a change of another set is nothing to tell.
fn sync(service: &FlagService, headers: &HeaderMap, message: &SyncRequest) -> Result<Messages<SyncResponse>, Problem> {
    let permit = stream_room(service, headers)?;
    let selection = selection(service, headers, &message.selector)?;
    let mut changes = service.flags.watch();
    changes.mark_changed();
    let begin = (changes, selection, permit, String::new());
    Ok(Box::pin(stream::unfold(begin, |(mut changes, selection, permit, sent)| async move {
        loop {
            changes.changed().await.ok()?;
            let now: Arc<InForce> = changes.borrow_and_update().clone();
            let next = payload(&now, &selection);
            if next.flag_configuration != sent {
                let sent = next.flag_configuration.clone();
                return Some((Ok(next), (changes, selection, permit, sent)));
            }
        }
    })))
}
