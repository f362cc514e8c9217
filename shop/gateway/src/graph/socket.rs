//! Subscriptions over WebSocket, by the protocol graphql-transport-ws (github.com/enisdenjo/graphql-ws, PROTOCOL.md).
//!
//! Only what is followed goes over a socket: what is asked once goes over HTTP, where limits, deadlines and durability are held.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{AbortHandle, Abortable, SelectAll};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use vitrine_platform_http::Peer;

use super::PROTOCOL;
use super::documents::MAX_DOCUMENT;
use super::http::{Media, Ready, STREAM, answer, context, error_body, identity, only, ready, response_body};
use super::limits::refused;
use super::request::RawRequest;
use super::seats::{NoSeat, Seat};
use super::session::Identity;
use crate::Gateway;

/// Longest message of a client, in bytes: a document, and what is around it.
const MAX_MESSAGE: usize = 2 * MAX_DOCUMENT;
/// Subscriptions of one socket at a time.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 32;
/// Longest name that a client gives a subscription, in bytes.
const MAX_ID: usize = 128;
/// How long a client may take to begin.
const INIT_WAIT: Duration = Duration::from_secs(5);
/// How often a client is asked whether it is still there; one that was silent since the last time is not.
const PING: Duration = Duration::from_secs(25);
/// How long a socket is open: a client comes again, with a token of then.
const LIFE: Duration = Duration::from_secs(3600);
/// How long a client may take to take a message.
const UNREAD: Duration = Duration::from_secs(30);

/// Why a socket is closed, as the protocol has it.
type Close = (u16, &'static str);

const BAD_MESSAGE: u16 = 4400;
const NOT_BEGUN: Close = (4401, "Unauthorized");
const FORBIDDEN: Close = (4403, "Forbidden");
const INIT_TIMEOUT: Close = (4408, "Connection initialisation timeout");
const TOO_MANY_INITS: Close = (4429, "Too many initialisation requests");
/// RFC 6455, section 7.4.1.
const GOING_AWAY: Close = (1001, "Going away");

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    ConnectionInit { payload: Option<Value> },
    Subscribe { id: String, payload: Value },
    Complete { id: String },
    Ping,
    Pong,
}

/// What becomes of one subscription.
enum Outcome {
    /// It has brought something.
    Next(String, Value),
    /// It was not accepted.
    Error(String, Value),
    /// It has ended.
    Complete(String),
}

type Subscriptions = SelectAll<Pin<Box<dyn Stream<Item = Outcome> + Send>>>;

/// Opens a socket.
pub(crate) async fn open(gateway: Arc<Gateway>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied();
    let from_header = match identity(&parts.headers, &parts.extensions) {
        Ok(identity) => identity,
        Err(reply) => return reply.into_response(),
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    if !speaks(&parts.headers) {
        let message = format!("Sec-WebSocket-Protocol: expected {PROTOCOL}");
        return answer(StatusCode::BAD_REQUEST, Media::Json, &only(refused("BAD_REQUEST", &message)));
    }
    let seat = match gateway.graph.seats.take(peer) {
        Ok(seat) => seat,
        Err(why) => return full(why),
    };
    let context = context();
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    upgrade.on_upgrade(move |socket| {
        let connection = Connection {
            gateway,
            identity: from_header,
            begun: false,
            subscriptions: SelectAll::new(),
            ids: HashMap::new(),
            _seat: seat,
        };
        context.scope(connection.run(socket))
    })
}

/// What a client is told for whom there is no seat.
pub(crate) fn full(why: NoSeat) -> Response {
    let error = refused("TOO_MANY_CONNECTIONS", &why.to_string());
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, Media::Json, &only(error));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Whether a client speaks the protocol.
fn speaks(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|name| name.trim() == PROTOCOL)
}

/// One socket.
struct Connection {
    gateway: Arc<Gateway>,
    identity: Identity,
    /// Whether the client has begun.
    begun: bool,
    subscriptions: Subscriptions,
    /// The subscriptions that are under way, by what the client calls them.
    ids: HashMap<String, AbortHandle>,
    _seat: Seat,
}

impl Connection {
    /// Serves the client until one of both closes.
    async fn run(mut self, mut socket: WebSocket) {
        let close = match self.serve(&mut socket).await {
            Ok(()) => return,
            Err(close) => close,
        };
        let frame = CloseFrame { code: close.0, reason: close.1.into() };
        // A client that does not hear it sees that the connection is gone.
        let _ = tokio::time::timeout(UNREAD, socket.send(Message::Close(Some(frame)))).await;
    }

    async fn serve(&mut self, socket: &mut WebSocket) -> Result<(), Close> {
        let until = Instant::now() + LIFE;
        let begin_by = Instant::now() + INIT_WAIT;
        let mut pings = tokio::time::interval_at(Instant::now() + PING, PING);
        let mut was_heard = true;
        let gateway = self.gateway.clone();
        loop {
            tokio::select! {
                message = socket.recv() => {
                    let Some(Ok(message)) = message else { return Ok(()) };
                    was_heard = true;
                    match message {
                        Message::Text(text) => self.hear(socket, &text).await?,
                        Message::Binary(_) => return Err((BAD_MESSAGE, "Messages are text")),
                        Message::Close(_) => return Ok(()),
                        Message::Ping(_) | Message::Pong(_) => {}
                    }
                }
                Some(told) = self.subscriptions.next(), if !self.subscriptions.is_empty() => self.tell(socket, told).await?,
                _ = pings.tick() => {
                    if !std::mem::take(&mut was_heard) {
                        return Err((4408, "Nothing was heard for too long"));
                    }
                    say(socket, &json!({ "type": "ping" })).await?;
                }
                () = tokio::time::sleep_until(begin_by), if !self.begun => return Err(INIT_TIMEOUT),
                () = tokio::time::sleep_until(until) => return Err(GOING_AWAY),
                () = gateway.graph.feed.stopped() => return Err(GOING_AWAY),
            }
        }
    }

    /// Does what a client says.
    async fn hear(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), Close> {
        let said = serde_json::from_str(text).map_err(|_| (BAD_MESSAGE, "Invalid message"))?;
        match said {
            Said::ConnectionInit { .. } if self.begun => Err(TOO_MANY_INITS),
            Said::ConnectionInit { payload } => {
                self.identify(&payload.unwrap_or_default()).await?;
                self.begun = true;
                say(socket, &json!({ "type": "connection_ack" })).await
            }
            Said::Ping => say(socket, &json!({ "type": "pong" })).await,
            Said::Pong => Ok(()),
            Said::Complete { id } => {
                if let Some(handle) = self.ids.remove(&id) {
                    handle.abort();
                }
                Ok(())
            }
            Said::Subscribe { .. } if !self.begun => Err(NOT_BEGUN),
            Said::Subscribe { id, payload } => self.subscribe(socket, id, payload).await,
        }
    }

    /// Takes who the client says it is: browsers cannot send headers with a socket.
    async fn identify(&mut self, payload: &Value) -> Result<(), Close> {
        let text = |key: &str| payload.get(key).and_then(Value::as_str);
        if let Some(authorization) = text("authorization") {
            let caller = self.gateway.tokens.verify_bearer(authorization).await.map_err(|_| FORBIDDEN)?;
            self.identity.presented = Some(Ok(caller));
        }
        if let Some(guest) = text("guest") {
            self.identity.guest = Some(guest.to_owned());
        }
        Ok(())
    }

    async fn subscribe(&mut self, socket: &mut WebSocket, id: String, payload: Value) -> Result<(), Close> {
        if id.is_empty() || id.len() > MAX_ID {
            return Err((BAD_MESSAGE, "The id of a subscription is empty or too long"));
        }
        if self.ids.contains_key(&id) {
            return Err((4409, "Subscriber already exists"));
        }
        if self.ids.len() >= MAX_SUBSCRIPTIONS {
            // Those that it has go on: what is one too many is no reason to take them away.
            let message = format!("too much is followed over this socket: at most {MAX_SUBSCRIPTIONS} subscriptions");
            let errors = json!([error_body(refused("SUBSCRIPTION_LIMIT", &message), false)]);
            return say(socket, &json!({ "id": id, "type": "error", "payload": errors })).await;
        }
        let (handle, registration) = AbortHandle::new_pair();
        let told = follow(&self.gateway, self.identity.clone(), RawRequest::of_value(payload));
        let (name, ended) = (id.clone(), Outcome::Complete(id.clone()));
        let stream = told.map(move |told| match told {
            Ok(next) => Outcome::Next(name.clone(), next),
            Err(errors) => Outcome::Error(name.clone(), errors),
        });
        let ending = futures::stream::once(std::future::ready(ended));
        self.ids.insert(id, handle);
        self.subscriptions.push(Box::pin(Abortable::new(stream.chain(ending), registration)));
        Ok(())
    }

    /// Tells a client what one of its subscriptions has brought.
    async fn tell(&mut self, socket: &mut WebSocket, told: Outcome) -> Result<(), Close> {
        match told {
            Outcome::Next(id, payload) => say(socket, &json!({ "id": id, "type": "next", "payload": payload })).await,
            Outcome::Error(id, payload) => {
                // Nothing more comes of it: no `complete` follows an `error`.
                if let Some(handle) = self.ids.remove(&id) {
                    handle.abort();
                }
                say(socket, &json!({ "id": id, "type": "error", "payload": payload })).await
            }
            // Of one that the client has ended itself, nothing is told.
            Outcome::Complete(id) => {
                self.ids.remove(&id);
                say(socket, &json!({ "id": id, "type": "complete" })).await
            }
        }
    }
}

/// What a subscription brings: answers, or the errors of one that is not accepted.
pub(crate) fn follow(
    gateway: &Arc<Gateway>,
    identity: Identity,
    asked: Result<RawRequest, async_graphql::ServerError>,
) -> impl Stream<Item = Result<Value, Value>> + Send + use<> {
    let refused_with = |error| futures::stream::iter([Err(json!([error_body(error, false)]))]).left_stream();
    let ready = match asked.and_then(|asked| ready(gateway, identity, asked)) {
        Ok(ready) => ready,
        Err(error) => return refused_with(error),
    };
    let Ready { operation, document, progress } = ready;
    if document.operation != OperationType::Subscription {
        let message = format!("only subscriptions are told here and at {STREAM}: POST what is asked once");
        return refused_with(refused("SUBSCRIPTION_EXPECTED", &message));
    }
    let executed = gateway.graph.schema.execute_stream(operation);
    let accepted = progress.clone();
    let told = executed.enumerate().map(move |(i, response)| {
        if i == 0 && is_refused(&response) {
            let errors: Vec<Value> = response.errors.into_iter().map(|error| error_body(error, false)).collect();
            return Err(errors.into());
        }
        accepted.accept();
        Ok(response_body(response, &accepted))
    });
    told.right_stream()
}

/// Whether the first answer says that there will be none: nothing was resolved.
fn is_refused(response: &async_graphql::Response) -> bool {
    response.data == async_graphql::Value::Null && !response.errors.is_empty()
}

async fn say(socket: &mut WebSocket, message: &Value) -> Result<(), Close> {
    let sent = tokio::time::timeout(UNREAD, socket.send(Message::Text(message.to_string().into()))).await;
    match sent {
        Ok(Ok(())) => Ok(()),
        // It is gone, or takes nothing.
        _ => Err(GOING_AWAY),
    }
}
