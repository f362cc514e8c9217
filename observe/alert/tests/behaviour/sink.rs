//! A web server that notes what it is told, and answers as its paths say.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use vitrine_kit::clock::Clock;
use vitrine_observe_alert::{Alertmanager, Settings};
use vitrine_observe_routing::{Alerting, LabelSet, PostedAlert};
use vitrine_platform_store::Storage;

/// Nothing here takes longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
    }
}

/// The server.
#[derive(Clone)]
pub struct Sink {
    pub address: String,
    noted: Arc<Noted>,
}

#[derive(Default)]
struct Noted {
    seen: Mutex<Vec<Seen>>,
    asked: AtomicUsize,
}

impl Sink {
    pub async fn start() -> Self {
        let noted = Arc::new(Noted::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let app = Router::new().fallback(answer).with_state(noted.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, noted }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.noted.seen.lock().expect("not poisoned").clone()
    }

    /// Waits until so many requests have arrived, and returns them.
    pub async fn wait(&self, count: usize) -> Vec<Seen> {
        self.wait_for(&format!("{count} requests"), |seen| seen.len() >= count).await
    }

    pub async fn wait_for(&self, what: &str, is_there: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let waiting = async {
            loop {
                let seen = self.seen();
                if is_there(&seen) {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} expected: {:#?}", self.seen()))
    }
}

async fn answer(
    State(noted): State<Arc<Noted>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.to_string();
    let text = String::from_utf8_lossy(&body).into_owned();
    let authorization = headers.get("authorization").map_or("", |value| value.to_str().expect("text")).to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    noted.seen.lock().expect("not poisoned").push(Seen {
        method: method.to_string(),
        path: path.clone(),
        headers,
        body,
        text: text.clone(),
    });
    let asked = noted.asked.fetch_add(1, Ordering::SeqCst);
    if let Some(answer) = known(&path) {
        return axum::Json(answer).into_response();
    }
    match path.as_str() {
        path if path.starts_with("/hang") => std::future::pending().await,
        path if path.starts_with("/busy") && asked < 2 => (StatusCode::SERVICE_UNAVAILABLE, "later").into_response(),
        path if path.starts_with("/never") => (StatusCode::BAD_REQUEST, "no").into_response(),
        path if path.starts_with("/echo") => {
            (StatusCode::BAD_REQUEST, format!("no {path} for {authorization}: {text}")).into_response()
        }
        path if path.starts_with("/slack") => "ok".into_response(),
        path if path.contains("chat.") => {
            axum::Json(serde_json::json!({ "ok": true, "success": true, "ts": "17.5", "channel": "C1" }))
                .into_response()
        }
        _ => StatusCode::OK.into_response(),
    }
}

/// What servers say that are asked more than one question.
fn known(path: &str) -> Option<Value> {
    let issue = serde_json::json!({ "key": "OPS-7", "fields": { "status": { "statusCategory": { "key": "new" } } } });
    Some(match path {
        path if path.contains("/gettoken") => serde_json::json!({ "errcode": 0, "access_token": "a token" }),
        path if path.contains("/message/send") => serde_json::json!({ "errcode": 0 }),
        path if path.starts_with("/known") && path.ends_with("/search") => serde_json::json!({ "issues": [issue] }),
        path if path.ends_with("/search/jql") => serde_json::json!({ "issues": [] }),
        path if path.ends_with("/transitions") => {
            serde_json::json!({ "transitions": [{ "id": "31", "name": "Close" }] })
        }
        _ => return None,
    })
}

/// An alertmanager with a configuration, in a folder.
pub async fn start(folder: &Path, config: &str) -> Alertmanager {
    let path = folder.join("alertmanager.yml");
    std::fs::write(&path, config).expect("written");
    let settings = Settings {
        storage: Storage::Folder(folder.into()),
        config: Some(path),
        external_url: "http://vitrine.example/".to_owned(),
        clock: Clock::system(),
    };
    Alertmanager::start(settings).await.unwrap_or_else(|error| panic!("{error}"))
}

pub fn labels(text: &str) -> LabelSet {
    text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// An alert that fires since the beginning of 2026, or did until now.
pub async fn tell(alertmanager: &Alertmanager, text: &str, fires: bool) {
    const START: i64 = 1_767_225_600_000;
    let alert = PostedAlert {
        labels: labels(text),
        annotations: labels("summary=broken"),
        starts_at: Some(START),
        ends_at: if fires { None } else { Some(alertmanager.now_ms()) },
        generator_url: "http://prometheus/graph".to_owned(),
    };
    alertmanager.tell_alerts(vec![alert]).await.expect("taken");
}
