//! What a caller that speaks HTTP to the shop can rely on.

mod bent;
mod faults;
mod holding;
mod input;
mod listening;
mod responses;
mod routes;
mod secret;
mod streams;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;
use vitrine_platform_http::Router;

/// An answer as a client sees it.
struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn ask(router: &Router, request: Request<Body>) -> TestResponse {
    let response = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body").to_vec();
    TestResponse { status: head.status, headers: head.headers, body }
}

async fn get(router: &Router, path: &str) -> TestResponse {
    ask(router, Request::get(path).body(Body::empty()).expect("a request")).await
}

impl TestResponse {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("text"))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The problem that it is, after what holds for every problem was checked.
    fn problem(&self) -> Value {
        assert_eq!(self.header(header::CONTENT_TYPE.as_str()), "application/problem+json", "{}", self.text());
        assert_eq!(self.header(header::CACHE_CONTROL.as_str()), "no-store");
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["status"], self.status.as_u16());
        for key in ["type", "title", "detail", "code"] {
            assert!(problem[key].as_str().is_some_and(|s| !s.is_empty()), "{key}: {problem}");
        }
        problem
    }
}
