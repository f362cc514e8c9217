//! Which clients are connected, for operators.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::HeaderMap;
use serde_json::json;

use crate::admin::{Replied, json_reply};
use crate::clients::warnings;
use crate::role::Role;
use crate::service::FlagService;

pub(crate) fn routes() -> Router<FlagService> {
    Router::new().route("/api/v1/clients", get(list))
}

async fn list(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let clients = service.clients.list(now.revision);
    let (warnings, unlisted) = (warnings(&now, &clients), service.clients.unlisted());
    Ok(json_reply(&json!({"revision": now.revision, "clients": clients, "unlisted": unlisted, "warnings": warnings})))
}
