//! Sync: whole definitions for clients that evaluate themselves, at once and on each change.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use futures::stream::{self, StreamExt};
use http::{Extensions, HeaderMap};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::grpc::{Messages, stopping, streaming, unary, unimplemented};
use super::messages::{MetadataRequest, MetadataResponse, SyncRequest, SyncResponse};
use super::{Problem, open_stream, selection};
use crate::flag_store::{InForce, SetInForce};
use crate::role::Role;
use crate::selector::Selection;
use crate::service::FlagService;

/// What a client gets whose selector means no flags.
const NO_FLAGS: Bytes = Bytes::from_static(b"{\"flags\":{}}");

pub(super) async fn call(State(service): State<FlagService>, Path(method): Path<String>, request: Request) -> Response {
    match method.as_str() {
        "SyncFlags" => {
            let extensions = request.extensions().clone();
            streaming(request, move |headers, message: SyncRequest| sync(&service, &extensions, headers, &message))
                .await
        }
        "FetchAllFlags" => {
            unary(request, move |headers, message: SyncRequest| {
                service.access.check(headers, Role::Evaluation)?;
                let selection = selection(&service, headers, &message.selector)?;
                Ok(SyncResponse { sync_context: None, ..payload(&service, &service.flags.current(), &selection) })
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

fn payload(service: &FlagService, now: &InForce, selection: &Selection) -> SyncResponse {
    let flag_configuration = selection.choose(now).map_or(NO_FLAGS, SetInForce::sync_payload);
    SyncResponse { flag_configuration, sync_context: Some(added(service)) }
}

/// What is in force, and what is from then on; a change of another set is nothing to tell.
fn sync(
    service: &FlagService,
    request: &Extensions,
    headers: &HeaderMap,
    message: &SyncRequest,
) -> Result<Messages<SyncResponse>, Problem> {
    let stream = open_stream(service, request, headers)?;
    stream.calls_itself(&message.provider_id);
    let selection = selection(service, headers, &message.selector)?;
    let mut changes = service.flags.watch();
    changes.mark_changed();
    let stop = service.serving.stop.clone();
    let begin = (changes, service.clone(), selection, stream, Bytes::new());
    let told = stream::unfold(begin, |(mut changes, service, selection, stream, sent)| async move {
        loop {
            changes.changed().await.ok()?;
            let now: Arc<InForce> = changes.borrow_and_update().clone();
            let next = payload(&service, &now, &selection);
            stream.note(now.revision, service.flags.now_ms());
            if next.flag_configuration != sent {
                let sent = next.flag_configuration.clone();
                return Some((Ok(next), (changes, service, selection, stream, sent)));
            }
        }
    });
    Ok(Box::pin(told.take_until(stop.cancelled_owned()).chain(stopping())))
}
