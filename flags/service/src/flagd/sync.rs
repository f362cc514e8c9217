//! Sync: whole definitions for clients that evaluate themselves, at once and on each change.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use futures::stream::{self, StreamExt};
use http::{Extensions, HeaderMap};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::grpc::{Messages, stopping, streaming, unary, unimplemented};
use super::messages::{MetadataRequest, MetadataResponse, SyncRequest, SyncResponse};
use super::{Problem, is_selected, open_stream};
use crate::flag_store::InForce;
use crate::role::Role;
use crate::service::FlagService;

/// What a client gets whose selector means no flags.
const NO_FLAGS: &str = "{\"flags\":{}}";

pub(super) async fn call(State(service): State<FlagService>, Path(method): Path<String>, request: Request) -> Response {
    match method.as_str() {
        "SyncFlags" => {
            let extensions = request.extensions().clone();
            streaming(request, move |headers, message: SyncRequest| sync(&service, &extensions, headers, message)).await
        }
        "FetchAllFlags" => {
            unary(request, move |headers, message: SyncRequest| {
                service.access.check(headers, Role::Evaluation)?;
                let payload = payload(&service, &service.flags.current(), headers, &message)?;
                Ok(SyncResponse { sync_context: None, ..payload })
            })
            .await
        }
        // Older clients take the added context from here. One in Python needs the field, also where there is nothing to say.
        "GetMetadata" => {
            unary(request, move |headers, _: MetadataRequest| {
                service.access.check(headers, Role::Evaluation)?;
                Ok(MetadataResponse { metadata: Some(added(&service)) })
            })
            .await
        }
        _ => unimplemented(&method),
    }
}

/// The attributes that are added to each context, for clients that evaluate themselves.
fn added(service: &FlagService) -> Struct {
    let text = |text: &String| Value { kind: Some(Kind::StringValue(text.clone())) };
    let fixed = service.serving.added.fixed.iter();
    Struct { fields: fixed.map(|(name, value)| (name.clone(), text(value))).collect() }
}

fn payload(
    service: &FlagService,
    now: &InForce,
    headers: &HeaderMap,
    message: &SyncRequest,
) -> Result<SyncResponse, Problem> {
    let is_selected = is_selected(service, now, headers, &message.selector)?;
    let flag_configuration = if is_selected { now.snapshot.sync_payload() } else { NO_FLAGS.to_owned() };
    Ok(SyncResponse { flag_configuration, sync_context: Some(added(service)) })
}

fn sync(
    service: &FlagService,
    request: &Extensions,
    headers: &HeaderMap,
    message: SyncRequest,
) -> Result<Messages<SyncResponse>, Problem> {
    let stream = open_stream(service, request, headers)?;
    stream.calls_itself(&message.provider_id);
    let mut changes = service.flags.watch();
    let now: Arc<InForce> = changes.borrow_and_update().clone();
    let first = payload(service, &now, headers, &message)?;
    let stop = service.serving.stop.clone();
    let begin = (changes, service.clone(), headers.clone(), message, stream, Some(first));
    let told = stream::unfold(begin, |(mut changes, service, headers, message, stream, first)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (changes, service, headers, message, stream, None)));
        }
        changes.changed().await.ok()?;
        let now = changes.borrow_and_update().clone();
        let next = payload(&service, &now, &headers, &message).map_err(tonic::Status::from);
        stream.note(now.revision, service.flags.now_ms());
        Some((next, (changes, service, headers, message, stream, None)))
    });
    Ok(Box::pin(told.take_until(stop.cancelled_owned()).chain(stopping())))
}
