//! The objects of one kind, listed and then watched.
//!
//! Source: Kubernetes's documentation, "API concepts": chunks, watches, bookmarks, `410 Gone`.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde::Deserialize;
use tokio::sync::mpsc::Sender;
use vitrine_kit::{Backoff, Outage, percent};
use vitrine_platform_fetch::{Client, Error, Limits, Request, Streaming};

use super::objects::{Key, Kind, Line, Object};

/// Objects of a page. Halved where a page is too long.
const PAGE: usize = 500;
/// Longest page, in bytes.
const MAX_PAGE_BYTES: usize = 32 << 20;
/// Most objects of one kind.
const MAX_OBJECTS: usize = 250_000;
/// How long a page may take.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a watch lasts, if the server keeps to what it is asked.
const WATCH: Duration = Duration::from_secs(300);
/// How much longer it may last.
const WATCH_MARGIN: Duration = Duration::from_secs(30);
/// Longest line of a watch, in bytes: some times what an object may have.
const MAX_LINE_BYTES: usize = 8 << 20;
/// Longest text of a refusal that is told.
const MAX_REASON_CHARS: usize = 300;
/// The pause after a watch that ended by itself.
const PAUSE: Duration = Duration::from_millis(100);
/// The pauses after failures that follow each other.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));

/// What is listed and watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watch {
    pub kind: Kind,
    /// Empty: all of them.
    pub namespace: String,
    pub label_selector: String,
    pub field_selector: String,
}

/// What has changed.
#[derive(Debug)]
pub(super) enum Change {
    /// These are all there are.
    All(Vec<Object>),
    Set(Object),
    Gone(Key),
}

/// What has changed of what the watch with this number sees.
pub(super) type Event = (usize, Change);

/// Why a watch ended.
enum End {
    /// Changes before this are forgotten: all has to be listed again.
    Gone,
    /// The server ended it, as it does after a while.
    Done,
    /// There is no answer, or it broke off: what comes after what was read can be asked for again.
    Failed(String),
    /// What came cannot be read, nor would it be another time.
    Unreadable(String),
    /// Nobody listens.
    Unheard,
}

#[derive(Deserialize)]
struct Head {
    r#type: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: u16,
}

impl Watch {
    /// Lists, watches, and begins again where that ends, until nobody listens.
    pub async fn run(self, client: Client, base: String, number: usize, sender: Sender<Event>) {
        let (mut backoff, mut outage) = (BACKOFF, Outage::default());
        let (_, name) = self.kind.path();
        let mut version: Option<String> = None;
        loop {
            let end = match version.take() {
                None => match self.list(&client, &base).await {
                    Ok((objects, from)) => {
                        if sender.send((number, Change::All(objects))).await.is_err() {
                            return;
                        }
                        version = Some(from);
                        End::Done
                    }
                    Err(why) => End::Unreadable(why),
                },
                Some(mut from) => {
                    let end = self.watch(&client, &base, &mut from, number, &sender).await;
                    version = matches!(end, End::Done | End::Failed(_)).then_some(from);
                    end
                }
            };
            let pause = match end {
                End::Unheard => return,
                End::Done => {
                    if outage.ends() {
                        tracing::info!(source = name, "Kubernetes answers again");
                    }
                    backoff.reset();
                    PAUSE
                }
                End::Gone => PAUSE,
                End::Failed(why) | End::Unreadable(why) => {
                    if outage.begins() {
                        tracing::warn!(source = name, why, "Kubernetes cannot be watched: the last targets stay");
                    }
                    backoff.equal_jitter()
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn url(&self, base: &str, parameters: &[(&str, &str)]) -> String {
        let (api, name) = self.kind.path();
        let place = match self.namespace.as_str() {
            namespace if namespace.is_empty() || self.kind.is_of_cluster() => name.to_owned(),
            namespace => format!("namespaces/{}/{name}", percent::encode(namespace)),
        };
        let selectors = [("labelSelector", self.label_selector.as_str()), ("fieldSelector", &self.field_selector)];
        let given = parameters.iter().copied().chain(selectors).filter(|(_, value)| !value.is_empty());
        format!("{base}/{api}/{place}?{}", percent::form(given))
    }

    /// All objects, and the version from which on changes are to be watched.
    async fn list(&self, client: &Client, base: &str) -> Result<(Vec<Object>, String), String> {
        let (_, name) = self.kind.path();
        let (mut objects, mut next, mut page) = (Vec::new(), String::new(), PAGE);
        loop {
            let url = self.url(base, &[("limit", &page.to_string()), ("continue", &next)]);
            let limits = Limits { within: PAGE_TIMEOUT, max_response_bytes: MAX_PAGE_BYTES };
            let response = match client.send(Request::get(url), limits).await {
                Err(Error::TooLong(_)) if page > 1 => {
                    page /= 2;
                    continue;
                }
                answered => answered.map_err(|error| error.to_string())?,
            };
            if response.status != StatusCode::OK {
                return Err(format!("{name}: {}", refusal(response.status, &response.body)));
            }
            let kind = self.kind;
            // A page is some megabytes of JSON.
            let parsed = tokio::task::spawn_blocking(move || kind.parse_page(&response.body)).await;
            let found = parsed.map_err(|error| error.to_string())?.map_err(|error| format!("{name}: {error}"))?;
            objects.extend(found.objects);
            if objects.len() > MAX_OBJECTS {
                return Err(format!("{name}: more than {MAX_OBJECTS}: narrow them by namespaces or selectors"));
            }
            if found.next.is_empty() {
                return Ok((objects, found.version));
            }
            next = found.next;
        }
    }

    /// Hands on what changes. `version` is moved on, so that the next watch begins where this one ended.
    async fn watch(
        &self,
        client: &Client,
        base: &str,
        version: &mut String,
        number: usize,
        sender: &Sender<Event>,
    ) -> End {
        let seconds = WATCH.as_secs().to_string();
        let parameters = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version.as_str()),
            ("timeoutSeconds", &seconds),
        ];
        let ends = Instant::now() + WATCH + WATCH_MARGIN;
        let mut stream = match client.open(Request::get(self.url(base, &parameters)), PAGE_TIMEOUT).await {
            Ok(stream) => stream,
            Err(error) => return End::Failed(error.to_string()),
        };
        if stream.status == StatusCode::GONE {
            return End::Gone;
        }
        if stream.status != StatusCode::OK {
            let body = stream.next(PAGE_TIMEOUT).await.ok().flatten().unwrap_or_default();
            return End::Failed(refusal(stream.status, &body));
        }
        let mut lines = Lines { stream, held: Vec::new(), searched: 0 };
        loop {
            let line = match lines.next(ends).await {
                Ok(Some(line)) => line,
                Ok(None) => return End::Done,
                Err(end) => return end,
            };
            let change = match self.change(&line, version) {
                Ok(None) => continue,
                Ok(Some(change)) => change,
                Err(end) => return end,
            };
            if sender.send((number, change)).await.is_err() {
                return End::Unheard;
            }
        }
    }

    /// What a line says; none where nothing has changed.
    fn change(&self, line: &[u8], version: &mut String) -> Result<Option<Change>, End> {
        let wrong = |error: serde_json::Error| End::Unreadable(format!("a line of a watch: {error}"));
        let head: Head = serde_json::from_slice(line).map_err(wrong)?;
        if head.r#type == "ERROR" {
            let Line { object } = serde_json::from_slice::<Line<Refusal>>(line).map_err(wrong)?;
            let is_gone = object.code == StatusCode::GONE.as_u16();
            return Err(if is_gone { End::Gone } else { End::Unreadable(object.message) });
        }
        let object = self.kind.parse_line(line).map_err(wrong)?;
        if !object.meta().resource_version.is_empty() {
            version.clone_from(&object.meta().resource_version);
        }
        Ok(match head.r#type.as_str() {
            "ADDED" | "MODIFIED" => Some(Change::Set(object.without_version())),
            "DELETED" => Some(Change::Gone(object.key())),
            // Bookmarks say how far one has come; what is not known says no more.
            _ => None,
        })
    }
}

/// Lines of a body.
struct Lines {
    stream: Streaming,
    held: Vec<u8>,
    /// Bytes of what is held in which no line ends.
    searched: usize,
}

impl Lines {
    /// The next line; none at the end of the body. An error where a line or the watch does not end.
    async fn next(&mut self, ends: Instant) -> Result<Option<Vec<u8>>, End> {
        loop {
            if let Some(end) = self.held[self.searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.held.split_off(self.searched + end + 1);
                let line = std::mem::replace(&mut self.held, rest);
                self.searched = 0;
                if line.len() > 1 {
                    return Ok(Some(line));
                }
                continue;
            }
            self.searched = self.held.len();
            if self.held.len() > MAX_LINE_BYTES {
                return Err(End::Unreadable(format!("a line of a watch is longer than {MAX_LINE_BYTES} bytes")));
            }
            let left = ends.saturating_duration_since(Instant::now());
            match self.stream.next(left).await.map_err(|error| End::Failed(error.to_string()))? {
                Some(part) => self.held.extend_from_slice(&part),
                None if self.held.is_empty() => return Ok(None),
                None => return Err(End::Failed("a watch ended within a line".to_owned())),
            }
        }
    }
}

/// Why the server refused.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let told = serde_json::from_slice::<Refusal>(body).map(|refusal| format!(": {}", refusal.message));
    let told: String = told.unwrap_or_default().chars().take(MAX_REASON_CHARS).collect();
    format!("Kubernetes answered {status}{told}")
}
