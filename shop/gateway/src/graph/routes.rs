//! The ways in: over HTTP, by a socket, as events, and a page for people.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;
use axum::routing::get;
use vitrine_platform_http::Router;

use super::http::{JSON, PATH, STREAM, liked};
use super::{events, explorer, http, socket};
use crate::Gateway;

/// The routes.
pub(crate) fn router() -> Router<Arc<Gateway>> {
    Router::new()
        .route(PATH, get(read).post(http::write))
        .route(STREAM, get(events::read).post(events::write))
        .merge(explorer::router())
}

async fn read(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let headers = request.headers();
    if headers.contains_key(header::UPGRADE) {
        return socket::open(gateway, request).await;
    }
    if request.uri().query().is_none() && liked(headers, "text/html") > liked(headers, JSON) {
        return explorer::page(&gateway);
    }
    http::read(&gateway, &request.into_parts().0).await
}
