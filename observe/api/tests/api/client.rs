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
use vitrine_observe_store::{Access, ColumnEngine};

/// The observatory's own engine with nothing in it, and the folder that it is in.
pub fn open_engine() -> (TempDir, ColumnEngine) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = vitrine_observe_store::Options::new(folder.path());
    let engine = ColumnEngine::open(options, Clock::system()).expect("an empty folder can be opened");
    (folder, engine)
}

/// The same for who asks any engine.
pub fn engine() -> (TempDir, Arc<ColumnEngine>) {
    let (folder, engine) = open_engine();
    (folder, Arc::new(engine))
}

/// All that the observatory answers, open to everyone.
pub fn open<T: Telemetry>(engine: &Arc<T>) -> Router {
    router(&Queries::new(engine.clone(), Access::open(), Options::default()))
}

/// An answer.
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl TestResponse {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request without a body.
pub async fn send(router: &Router, request: Request<Body>) -> TestResponse {
    let response = router.clone().oneshot(request).await.expect("a router answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    TestResponse { status, headers, body: String::from_utf8(body.to_vec()).expect("UTF-8") }
}

/// Gets a path.
pub async fn get(router: &Router, path: &str) -> TestResponse {
    send(router, Request::get(path).body(Body::empty()).expect("a sound request")).await
}
