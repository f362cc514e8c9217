//! Subscriptions as server-sent events, by the distinct connections mode of graphql-sse (github.com/enisdenjo/graphql-sse, PROTOCOL.md):
//! for `curl`, for servers, and wherever a socket does not pass.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::ServerError;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use vitrine_platform_http::Peer;

use super::http::{Media, answer, asked_by_body, asked_by_uri, context, identity, liked, only};
use super::limits::refused;
use super::request::RawRequest;
use super::seats::Seat;
use super::socket::{follow, full};
use crate::Gateway;

/// How often something is sent when nothing has changed, so that nobody on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) async fn write(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    stream(&gateway, &headers, &extensions, asked_by_body(&headers, &body)).await
}

pub(crate) async fn read(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    stream(&gateway, request.headers(), request.extensions(), asked_by_uri(request.uri())).await
}

async fn stream(
    gateway: &Arc<Gateway>,
    headers: &HeaderMap,
    extensions: &Extensions,
    asked: Result<RawRequest, (StatusCode, ServerError)>,
) -> Response {
    if liked(headers, "text/event-stream") == 0 {
        let error = refused("NOT_ACCEPTABLE", "Accept: expected text/event-stream");
        return answer(StatusCode::NOT_ACCEPTABLE, Media::Json, &only(error));
    }
    let identity = match identity(headers, extensions) {
        Ok(identity) => identity,
        // Told as GraphQL by what is around the routes.
        Err(reply) => return reply.into_response(),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err((status, error)) => return answer(status, Media::Json, &only(error)),
    };
    let seat = match gateway.graph.seats.take(extensions.get::<Peer>().copied()) {
        Ok(seat) => seat,
        Err(why) => return full(why),
    };
    let context = context();
    let followed = Box::pin(follow(gateway, identity, Ok(asked)));
    // Each is resolved where it is asked for: outside of the request, which has been answered by then.
    let followed = futures::stream::unfold(followed, move |mut followed| {
        let context = context.clone();
        async move { context.scope(async move { followed.next().await.map(|told| (told, followed)) }).await }
    });
    let mut response =
        Sse::new(events(followed, seat)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Each answer as an event, and at last that it is over.
fn events(
    followed: impl Stream<Item = Result<Value, Value>> + Send,
    seat: Seat,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let next = followed.map(|told| told.unwrap_or_else(|errors| json!({ "errors": errors })));
    let next = next.map(|told| Event::default().event("next").data(told.to_string()));
    let complete = futures::stream::once(async move {
        drop(seat);
        Event::default().event("complete").data("")
    });
    next.chain(complete).map(Ok)
}
