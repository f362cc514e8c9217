//! `/-/reload` and `/-/quit`: only where a setting allows it, for who may operate.
//!
//! The source is prometheus/prometheus `web/web.go`.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use vitrine_observe_store::Right;

use super::{Prometheus, PrometheusParts};
use crate::error::Error;
use crate::queries::tenant_of;

pub(super) fn routes() -> Router<Prometheus> {
    Router::new().route("/-/reload", commanded(reload)).route("/-/quit", commanded(quit))
}

/// What is done, and its answer; none where it cannot be done.
type Command = fn(PrometheusParts) -> Option<BoxFuture<'static, Response>>;

fn commanded(command: Command) -> MethodRouter<Prometheus> {
    let act = move |State(api): State<Prometheus>, headers: HeaderMap| async move {
        let settings = &api.0.settings;
        if settings.options.lifecycle_api
            && let Err(denied) = tenant_of(api.0.turns.access(), Right::Operate, &headers)
        {
            let error = Error::from(denied);
            return error.respond(format!("{error}\n"));
        }
        match Some(settings.parts.clone()).filter(|_| settings.options.lifecycle_api).and_then(command) {
            Some(done) => done.await,
            None => (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.").into_response(),
        }
    };
    let other = async || (StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed");
    post(act).put(act).get(other)
}

fn reload(parts: PrometheusParts) -> Option<BoxFuture<'static, Response>> {
    let configuration = parts.configuration?;
    Some(Box::pin(async move {
        match configuration.reload().await {
            Ok(()) => StatusCode::OK.into_response(),
            Err(why) => {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {why}\n")).into_response()
            }
        }
    }))
}

fn quit(parts: PrometheusParts) -> Option<BoxFuture<'static, Response>> {
    let quit = parts.quit?;
    Some(Box::pin(async move {
        let text = if quit() { "Requesting termination... Goodbye!" } else { "Termination already in progress." };
        text.into_response()
    }))
}
