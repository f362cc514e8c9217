//! `/-/reload` and `/-/quit`: only where a setting allows it, for who may operate.
//!
//! The source is prometheus/prometheus `web/web.go`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use http::{HeaderMap, StatusCode};
use vitrine_observe_store::Right;

use super::Prometheus;
use crate::error::Error;
use crate::queries::tenant_of;

/// Work that says how it ended.
pub type Reloading = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What an operator may have a process do.
pub trait Lifecycle: Send + Sync + 'static {
    /// Reads the configuration again; an error says what is wrong with it, and nothing has changed then.
    fn reload(&self) -> Reloading;
    /// Begins to end the process. Returns whether it had not begun before.
    fn quit(&self) -> bool;
}

pub(super) fn routes() -> Router<Prometheus> {
    Router::new().route("/-/reload", commanded(reload)).route("/-/quit", commanded(quit))
}

type Commanded = Pin<Box<dyn Future<Output = Response> + Send>>;

fn commanded(command: fn(Arc<dyn Lifecycle>) -> Commanded) -> MethodRouter<Prometheus> {
    let act = move |State(api): State<Prometheus>, headers: HeaderMap| async move {
        let settings = &api.0.settings;
        let lifecycle = settings.parts.lifecycle.clone().filter(|_| settings.options.lifecycle_api);
        let Some(lifecycle) = lifecycle else {
            return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.").into_response();
        };
        if let Err(denied) = tenant_of(api.0.turns.access(), Right::Operate, &headers) {
            let error = Error::from(denied);
            return error.respond(format!("{error}\n"));
        }
        command(lifecycle).await
    };
    let other = async || (StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed");
    post(act).put(act).get(other)
}

fn reload(lifecycle: Arc<dyn Lifecycle>) -> Commanded {
    Box::pin(async move {
        match lifecycle.reload().await {
            Ok(()) => StatusCode::OK.into_response(),
            Err(why) => {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {why}\n")).into_response()
            }
        }
    })
}

fn quit(lifecycle: Arc<dyn Lifecycle>) -> Commanded {
    Box::pin(async move {
        let text = match lifecycle.quit() {
            true => "Requesting termination... Goodbye!",
            false => "Termination already in progress.",
        };
        text.into_response()
    })
}
