//! The stream that tells clients to evaluate again: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::StatusCode;
use tokio::sync::watch;

use super::{deny, failure, json_response};
use crate::access::Denied;
use crate::clients::OpenStream;
use crate::flag_store::{FlagStore, InForce};
use crate::passing::client_of;
use crate::role::Role;
use crate::service::FlagService;
use crate::streams::{Address, MAX_STREAMS};

/// The pause after which something is sent where nothing changes, so that nobody between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Opens a stream. Who comes back with the id of an event that is not the last one is told at once.
pub(super) async fn open(
    State(service): State<FlagService>,
    Query(address): Query<Address>,
    request: Request,
) -> Response {
    let headers = request.headers();
    let by_address = service.streams.may_open(&address, service.flags.now_s());
    if !by_address && let Err(denied) = service.access.check(headers, Role::Evaluation) {
        let late = address.code.is_some().then_some(Denied::Unauthenticated);
        return deny(&late.unwrap_or(denied));
    }
    let Some(permit) = service.streams.room() else {
        let details = format!("{MAX_STREAMS} streams are open, which is the most: try again later");
        return json_response(StatusCode::SERVICE_UNAVAILABLE, failure(None, "GENERAL", &details));
    };
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let stream = OpenStream::new(client_of(&service, request.extensions(), headers), permit);
    let (stop, clock) = (service.serving.stop.clone(), service.flags.clone());
    let following = Following::new(service.flags.watch(), seen.as_deref(), stream, clock);
    let events = stream::unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    // The client hears that the stream ends, and comes back.
    let events = events.take_until(stop.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

struct Following {
    changes: watch::Receiver<Arc<InForce>>,
    /// Something is to be told that was there before.
    owes: bool,
    stream: OpenStream,
    flags: FlagStore,
}

impl Following {
    fn new(
        mut changes: watch::Receiver<Arc<InForce>>,
        seen: Option<&str>,
        stream: OpenStream,
        flags: FlagStore,
    ) -> Self {
        let revision = changes.borrow_and_update().revision.to_string();
        Self { changes, owes: seen.is_some_and(|seen| seen != revision), stream, flags }
    }

    /// The next event: of changes that come faster than they are taken, the last one, which stands for all.
    async fn next(&mut self) -> Option<Event> {
        if !self.owes {
            self.changes.changed().await.ok()?;
        }
        self.owes = false;
        let (revision, changed_ms) = {
            let now = self.changes.borrow_and_update();
            (now.revision, now.changed_ms)
        };
        self.stream.note(revision, self.flags.now_ms());
        let seconds = changed_ms / 1_000;
        let data = format!("{{\"type\":\"refetchEvaluation\",\"etag\":\"{revision}\",\"lastModified\":{seconds}}}");
        Some(Event::default().event("message").id(revision.to_string()).data(data))
    }
}
