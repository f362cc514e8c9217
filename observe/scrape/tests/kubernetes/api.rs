//! An API server in the form of Kubernetes's, for one test.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What it was asked.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// Path and query.
    pub line: String,
    pub authorization: String,
}

impl RequestInfo {
    pub fn is_watch(&self) -> bool {
        self.line.contains("watch=true")
    }

    fn parameter(&self, name: &str) -> &str {
        let query = self.line.split_once('?').map_or("", |(_, query)| query);
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    }
}

#[derive(Default)]
struct State {
    /// Objects by their kind's path, namespace and name.
    objects: BTreeMap<String, BTreeMap<(String, String), Value>>,
    /// Everything that happened: path, type, object. Its place is its version.
    events: Vec<(String, &'static str, Value)>,
    /// Versions before this one are forgotten; whether that is said in the stream, or as a status.
    forgotten: usize,
    is_told_in_stream: bool,
    /// Watches that began before are to end.
    broken: usize,
    fails: bool,
    babbles: bool,
    babbled: usize,
    asked: Vec<RequestInfo>,
}

#[derive(Clone)]
pub struct Api {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

impl Api {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("for tokio");
        let listener = TcpListener::from_std(listener).expect("a listener");
        let address = listener.local_addr().expect("bound");
        let api = Self { address, state: Arc::default(), changed: Arc::default() };
        let serving = api.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                // It ends when the client goes.
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        api
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<RequestInfo> {
        self.state.lock().asked.clone()
    }

    pub fn set(&self, path: &str, mut object: Value) {
        let mut state = self.state.lock();
        let version = state.events.len() + 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let known = state.objects.entry(path.to_owned()).or_default().insert(key(&object), object.clone());
        let kind = if known.is_some() { "MODIFIED" } else { "ADDED" };
        state.events.push((path.to_owned(), kind, object));
        drop(state);
        self.changed.notify_waiters();
    }

    pub fn remove(&self, path: &str, namespace: &str, name: &str) {
        let mut state = self.state.lock();
        let key = (namespace.to_owned(), name.to_owned());
        let object = state.objects.get_mut(path).and_then(|objects| objects.remove(&key)).expect("it is there");
        state.events.push((path.to_owned(), "DELETED", object));
        drop(state);
        self.changed.notify_waiters();
    }

    pub fn bookmark(&self, path: &str) {
        let mut state = self.state.lock();
        let version = (state.events.len() + 1).to_string();
        state.events.push((path.to_owned(), "BOOKMARK", json!({"metadata": {"resourceVersion": version}})));
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends all watches there are.
    pub fn break_watches(&self) {
        self.state.lock().broken += 1;
        self.changed.notify_waiters();
    }

    /// Forgets everything that happened so far.
    pub fn forget(&self, in_stream: bool) {
        let mut state = self.state.lock();
        state.forgotten = state.events.len() + 1;
        state.is_told_in_stream = in_stream;
    }

    pub fn fail(&self, fails: bool) {
        self.state.lock().fails = fails;
    }

    /// Gives watches a line that never ends.
    pub fn babble(&self, babbles: bool) {
        self.state.lock().babbles = babbles;
    }

    pub fn babbled(&self) -> usize {
        self.state.lock().babbled
    }

    /// Serves one request after the other; none when the client has gone.
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.ok()?);
            }
            let head = String::from_utf8(head).ok()?;
            let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let line = head.split_whitespace().nth(1)?.to_owned();
            let asked = RequestInfo { line, authorization: header("authorization: ").to_owned() };
            let (fails, babbles) = {
                let mut state = self.state.lock();
                state.asked.push(asked.clone());
                (state.fails, state.babbles)
            };
            if fails {
                let told = json!({"kind": "Status", "code": 500, "message": "it fails"});
                answer(&mut stream, "500 Internal Server Error", &told).await?;
            } else if !asked.is_watch() {
                let page = self.page(&asked);
                answer(&mut stream, "200 OK", &page).await?;
            } else if babbles {
                return self.talk(stream).await;
            } else {
                self.watch(&mut stream, &asked).await?;
            }
        }
    }

    fn page(&self, asked: &RequestInfo) -> Value {
        let state = self.state.lock();
        let path = path(asked);
        let (from, limit): (usize, usize) =
            (asked.parameter("continue").parse().unwrap_or(0), asked.parameter("limit").parse().expect("a limit"));
        let all = state.objects.get(path).into_iter().flatten().map(|(_, object)| object);
        let items: Vec<&Value> = all.skip(from).take(limit).collect();
        let is_last = from + items.len() >= state.objects.get(path).map_or(0, BTreeMap::len);
        let next = if is_last { String::new() } else { (from + items.len()).to_string() };
        json!({"metadata": {"resourceVersion": state.events.len().to_string(), "continue": next}, "items": items})
    }

    async fn watch(&self, stream: &mut TcpStream, asked: &RequestInfo) -> Option<()> {
        let mut version: usize = asked.parameter("resourceVersion").parse().expect("a version");
        let (is_forgotten, in_stream, broken) = {
            let state = self.state.lock();
            (version < state.forgotten, state.is_told_in_stream, state.broken)
        };
        let gone = json!({"kind": "Status", "code": 410, "message": "too old resource version"});
        if is_forgotten && !in_stream {
            return answer(stream, "410 Gone", &gone).await;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
        if is_forgotten {
            chunk(stream, &format!("{}\n", json!({"type": "ERROR", "object": gone}))).await?;
            return chunk(stream, "").await;
        }
        loop {
            let notified = self.changed.notified();
            let fresh: Vec<String> = {
                let state = self.state.lock();
                // What happens after it broke, it does not tell.
                if state.broken != broken {
                    return None;
                }
                let seen = state.events.iter().skip(version).filter(|(of, ..)| *of == path(asked));
                let fresh = seen.map(|(_, kind, object)| format!("{}\n", json!({"type": kind, "object": object})));
                let fresh = fresh.collect();
                version = state.events.len();
                fresh
            };
            for line in fresh {
                // In two parts: lines and parts of a body are not the same.
                let (one, other) = line.split_at(line.len() / 2);
                chunk(stream, one).await?;
                chunk(stream, other).await?;
            }
            tokio::time::timeout(std::time::Duration::from_millis(20), notified).await.ok();
        }
    }

    async fn talk(&self, mut stream: TcpStream) -> Option<()> {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
        let part = "x".repeat(64 << 10);
        loop {
            chunk(&mut stream, &part).await?;
            self.state.lock().babbled += part.len();
        }
    }
}

fn path(asked: &RequestInfo) -> &str {
    asked.line.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default()
}

fn key(object: &Value) -> (String, String) {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

async fn answer(stream: &mut TcpStream, status: &str, body: &Value) -> Option<()> {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()
}

/// A part of a body; an empty one ends it.
async fn chunk(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await.ok()
}
