//! A shop that answers as a test says, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use vitrine_shop_load::{Config, Weights};

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedCall {
    pub(crate) at: Instant,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) baggage: String,
    pub(crate) key: String,
    pub(crate) body: String,
}

impl ReceivedCall {
    pub(crate) fn is_order(&self) -> bool {
        self.method == Method::POST && self.path == "/api/v1/orders"
    }

    pub(crate) fn pays_with(&self, card: &str) -> bool {
        self.is_order() && self.body.contains(card)
    }
}

type Script = dyn Fn(&ReceivedCall) -> Option<(u16, Value)> + Send + Sync;

struct ShopState {
    script: Box<Script>,
    asked: Mutex<Vec<ReceivedCall>>,
    count: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

/// A shop made of paper.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    inner: Arc<ShopState>,
}

impl Shop {
    /// Responds as the script says, and else as a shop would in which all goes well.
    pub(crate) async fn new(script: impl Fn(&ReceivedCall) -> Option<(u16, Value)> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (count, open) = (watch::Sender::new(0), watch::Sender::new(true));
        let inner = Arc::new(ShopState { script: Box::new(script), asked: Mutex::default(), count, open });
        let serving = inner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = serving.clone();
                let service = hyper::service::service_fn(move |request| answer(inner.clone(), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, inner }
    }

    /// Holds back every answer, or lets all go.
    pub(crate) fn open(&self, open: bool) {
        self.inner.open.send_replace(open);
    }

    pub(crate) fn asked(&self) -> Vec<ReceivedCall> {
        self.inner.asked.lock().clone()
    }

    /// When so many requests have come.
    pub(crate) async fn was_asked(&self, times: usize) {
        let mut count = self.inner.count.subscribe();
        count.wait_for(|n| *n >= times).await.expect("the shop is there");
    }

    pub(crate) fn config(&self, rate: f64, weights: Weights) -> Config {
        Config { base_url: format!("http://{}", self.address), rate, seed: 7, duration: None, weights }
    }
}

async fn answer(inner: Arc<ShopState>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    let header = |name| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (baggage, key) = (header("baggage"), header("idempotency-key"));
    let asked = ReceivedCall { at, method: head.method, path: head.uri.path().to_owned(), baggage, key, body };
    inner.asked.lock().push(asked.clone());
    inner.count.send_modify(|n| *n += 1);
    // A shop that ends while a caller waits answers as well.
    let _ = inner.open.subscribe().wait_for(|open| *open).await;
    let (status, body) = (inner.script)(&asked).unwrap_or_else(|| usual(&asked));
    let mut answer = Response::new(Full::new(body.to_string().into()));
    *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    if status == 302 {
        let location = http::HeaderValue::from_static("http://127.0.0.1/callback?state=load&code=c0de");
        answer.headers_mut().insert(http::header::LOCATION, location);
    }
    Ok(answer)
}

fn usual(asked: &ReceivedCall) -> (u16, Value) {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/api/v1/categories") => (200, json!({"items": [{"slug": "vases"}, {"slug": "bowls"}]})),
        ("GET", "/api/v1/products" | "/api/v1/products/search") => {
            (200, json!({"items": [{"id": "prd_a", "available": 9}, {"id": "prd_gone", "available": 0}]}))
        }
        ("GET", "/api/v1/orders") => (200, json!({"items": [{"id": "ord_a"}]})),
        ("POST", "/api/v1/customers") => (201, json!({"id": "cus_a"})),
        ("POST", "/oauth2/authorize") => (302, Value::Null),
        ("POST", "/oauth2/token") => {
            (200, json!({"access_token": "access", "refresh_token": "refresh", "expires_in": 600}))
        }
        ("POST", "/api/v1/orders") => (201, json!({"id": "ord_a"})),
        _ => (200, json!({})),
    }
}

/// The problem with a code.
pub(crate) fn problem(status: u16, code: &str) -> Option<(u16, Value)> {
    Some((status, json!({"status": status, "code": code, "detail": format!("because of {code}")})))
}
