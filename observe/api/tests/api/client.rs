//! Asking a router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use vitrine_kit::clock::Clock;
use vitrine_observe_api::{Options, Queries, Telemetry, router};
use vitrine_observe_store::{Access, Kept};

/// The observatory's own engine with nothing in it, and the folder that it is in.
pub fn kept() -> (TempDir, Kept) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = vitrine_observe_store::Options::new(folder.path());
    let kept = Kept::open(options, Clock::system()).expect("an empty folder can be opened");
    (folder, kept)
}

/// The same for who asks any engine.
pub fn engine() -> (TempDir, Arc<Kept>) {
    let (folder, kept) = kept();
    (folder, Arc::new(kept))
}

/// All that the observatory answers, open to everybody.
pub fn open<T: Telemetry>(engine: &Arc<T>) -> Router {
    router(&Queries::new(engine.clone(), Access::open(), Options::default()))
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request without a body.
pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("a router answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    Answer { status, headers, body: String::from_utf8(body.to_vec()).expect("UTF-8") }
}

/// Gets a path.
pub async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).expect("a sound request")).await
}
