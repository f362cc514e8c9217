//! What the process has to say to people who look at a page: `notifications`, and as it comes `notifications/live`.
//!
//! The source is prometheus/prometheus `util/notifications/notifications.go`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use vitrine_kit::clock;
use vitrine_observe_store::Right;

use super::Prometheus;
use super::answer::{ApiData, Failed, respond};
use super::question::Question;
use crate::error::Error;
use crate::queries::tenant_of;

/// Who may listen at a time, as upstream.
const MAX_LISTENERS: usize = 16;
/// What waits for one who listens; one who does not keep up hears no more, and has to ask again.
const MAX_WAITING: usize = 32;
/// Notifications that are kept: there are few texts.
const MAX_KEPT: usize = 32;

/// What there is to say. Clones share it.
#[derive(Clone)]
pub struct Notifications(Arc<NotificationsInner>);

struct NotificationsInner {
    state: Mutex<NotificationState>,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct NotificationState {
    kept: Vec<(String, i64)>,
    /// None when nothing more will be said.
    listeners: Option<Vec<mpsc::Sender<Value>>>,
}

impl Default for Notifications {
    fn default() -> Self {
        let state = NotificationState { kept: Vec::new(), listeners: Some(Vec::new()) };
        Self(Arc::new(NotificationsInner { state: Mutex::new(state), room: Arc::new(Semaphore::new(MAX_LISTENERS)) }))
    }
}

fn shown(text: &str, since_ms: i64, is_active: bool) -> Value {
    json!({ "text": text, "date": clock::rfc3339(since_ms), "active": is_active })
}

impl Notifications {
    /// This is so from now on, which is a time in milliseconds since 1970.
    pub fn set(&self, text: &str, now_ms: i64) {
        self.with(|state| {
            let known = state.kept.iter().any(|(kept, _)| kept == text);
            if !known && state.kept.len() < MAX_KEPT {
                state.kept.push((text.to_owned(), now_ms));
                state.tell(&shown(text, now_ms, true));
            }
        });
    }

    /// This is not so any more.
    pub fn clear(&self, text: &str) {
        self.with(|state| {
            if let Some(place) = state.kept.iter().position(|(kept, _)| kept == text) {
                let (text, since_ms) = state.kept.remove(place);
                state.tell(&shown(&text, since_ms, false));
            }
        });
    }

    /// Who listens is let go.
    pub fn close(&self) {
        self.with(|state| state.listeners = None);
    }

    fn all(&self) -> Vec<Value> {
        self.with(|state| state.kept.iter().map(|(text, since_ms)| shown(text, *since_ms, true)).collect())
    }

    /// What is so now, then what changes; none if too many listen, or nothing more will be said.
    fn listen(&self) -> Option<(mpsc::Receiver<Value>, OwnedSemaphorePermit)> {
        let permit = self.0.room.clone().try_acquire_owned().ok()?;
        self.with(|state| {
            let (sender, receiver) = mpsc::channel(MAX_KEPT + MAX_WAITING);
            for (text, since_ms) in &state.kept {
                let _ = sender.try_send(shown(text, *since_ms, true));
            }
            state.listeners.as_mut()?.push(sender);
            Some((receiver, permit))
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut NotificationState) -> T) -> T {
        work(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl NotificationState {
    fn tell(&mut self, what: &Value) {
        if let Some(listeners) = &mut self.listeners {
            listeners.retain(|listener| listener.try_send(what.clone()).is_ok());
        }
    }
}

/// `notifications`
pub(super) fn all(question: &Question) -> Result<ApiData, Failed> {
    Ok(ApiData::new(Value::from(question.settings.parts.notifications.all()).to_string()))
}

/// `notifications/live`: one event for each that is there and for each change.
pub(super) async fn live(State(api): State<Prometheus>, headers: HeaderMap) -> Response {
    if let Err(denied) = tenant_of(api.0.turns.access(), Right::Read, &headers) {
        return respond(Err(Failed::Around(Error::from(denied))));
    }
    let Some((receiver, permit)) = api.0.settings.parts.notifications.listen() else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let events = stream::unfold((receiver, permit), async |(mut receiver, permit)| {
        receiver.recv().await.map(|what| (what, (receiver, permit)))
    });
    Sse::new(events.map(|what| Ok::<_, Infallible>(Event::default().data(what.to_string())))).into_response()
}
