//! The storefront over HTTP messages, and a gateway behind it that notes what it is asked.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::stream::unfold;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tower::ServiceExt as _;
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Component, Host, Running};
use vitrine_platform_http::Router;
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_platform_telemetry::{Config as Telemetry, Telemetry as Pipeline};
use vitrine_shop_storefront::{Config, around};

pub(crate) const URL: &str = "http://127.0.0.1:8080";
const MAX_BODY: usize = 1 << 20;

/// What the gateway was asked: the operation, its variables, and who asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) operation: String,
    pub(crate) variables: Value,
    pub(crate) token: Option<String>,
    pub(crate) guest: Option<String>,
    pub(crate) baggage: Option<String>,
}

type Answers = Arc<Mutex<Box<dyn FnMut(&Question) -> (StatusCode, Value) + Send>>>;

#[derive(Clone)]
struct Gateway {
    offers: broadcast::Sender<String>,
    asked: Arc<Mutex<Vec<Question>>>,
    answers: Answers,
}

pub(crate) struct World {
    router: Router,
    gateway: Gateway,
    _running: Running,
    _data: tempfile::TempDir,
}

/// A page, or another answer.
pub(crate) struct PageResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl PageResponse {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The cookies that it sets, as a browser sends them back.
    pub(crate) fn cookies(&self) -> String {
        let set = self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().expect("text"));
        let pairs: Vec<_> =
            set.filter(|cookie| !cookie.contains("Max-Age=0")).filter_map(|c| c.split(';').next()).collect();
        pairs.join("; ")
    }
}

impl World {
    /// A gateway that answers like this.
    pub(crate) async fn new(answers: impl FnMut(&Question) -> (StatusCode, Value) + Send + 'static) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mesh = Mesh::new(Limits::default());
        let host = Host::new(data.path(), Clock::system(), 1, Pipeline::new(Telemetry::default()), mesh);
        let gateway = Gateway {
            offers: broadcast::channel(16).0,
            asked: Arc::default(),
            answers: Arc::new(Mutex::new(Box::new(answers))),
        };
        let routes = Router::new()
            .route("/graphql", post(graphql))
            .route("/graphql/stream", post(changes))
            .route("/api/v1/products", get(async || "[]"))
            .fallback(async || (StatusCode::NOT_FOUND, "no such route"))
            .with_state(gateway.clone());
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
        let config = Config { pages, write_key: "key".to_owned(), ..Config::default() };
        let component = around(&config, Component::new("gateway").http(routes), &host).expect("it can be built");
        let running = host.start(vec![component]).await.expect("it starts");
        Self { router: running.http(), gateway, _running: running, _data: data }
    }

    /// One that gives this for every question.
    pub(crate) async fn saying(data: Value) -> Self {
        Self::new(move |_| (StatusCode::OK, json!({"data": data}))).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> PageResponse {
        self.send("GET", path, headers, String::new()).await
    }

    /// Sends a form as a page of ours does.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], form: &str) -> PageResponse {
        let usual = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        let missing = usual.iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
        let headers: Vec<_> = headers.iter().chain(missing).copied().collect();
        self.send("POST", path, &headers, form.to_owned()).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> PageResponse {
        let mut request = Request::builder().method(method).uri(path).header("accept", "text/html");
        if headers.iter().any(|(name, _)| *name == "accept") {
            request = Request::builder().method(method).uri(path);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).expect("a request")).await;
        let (head, body) = response.expect("an answer").into_parts();
        let body = to_bytes(body, MAX_BODY).await.expect("a body");
        let body = String::from_utf8_lossy(&body).into_owned();
        PageResponse { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Has a product change, for those who follow what is offered.
    pub(crate) fn changed(&self, product_id: &str) {
        let told = json!({"data": {"offers": {"kind": "CHANGED", "productId": product_id}}});
        // No one may follow yet.
        let _ = self.gateway.offers.send(format!("event: next\ndata: {told}\n\n"));
    }

    /// What the gateway was asked since this was called last.
    pub(crate) fn asked(&self) -> Vec<Question> {
        std::mem::take(&mut self.gateway.asked.lock())
    }
}

async fn changes(State(gateway): State<Gateway>) -> Body {
    let offers = gateway.offers.subscribe();
    Body::from_stream(unfold(offers, |mut offers| async move {
        let told = offers.recv().await.ok()?;
        Some((Ok::<_, Infallible>(told), offers))
    }))
}

async fn graphql(State(gateway): State<Gateway>, headers: HeaderMap, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let text = |name: &str| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    let document = body["query"].as_str().expect("a document");
    let name = document.split_whitespace().nth(1).unwrap_or_default();
    let asked = Question {
        operation: name.split('(').next().unwrap_or_default().to_owned(),
        variables: body["variables"].clone(),
        token: text("authorization"),
        guest: text("vitrine-guest"),
        baggage: text("baggage"),
    };
    let (status, answer) = (gateway.answers.lock())(&asked);
    gateway.asked.lock().push(asked);
    (status, axum::Json(answer)).into_response()
}
