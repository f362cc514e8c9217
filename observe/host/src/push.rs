//! What is read, pushed: OTLP over HTTP, with what could not be sent kept for a while.
//!
//! Source: OpenTelemetry's protocol specification, "OTLP/HTTP".

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use parking_lot::Mutex;
use tokio::sync::Notify;
use vitrine_kit::{Backoff, Outage};
use vitrine_platform_fetch::{Client, Limits, Request, Response, Settings};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Most readings that wait to be sent: an hour of them at one in 15 s.
const MAX_WAITING: usize = 240;
/// Most bytes of them.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// Longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The pauses after failures that follow each other.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));

/// Pushes to one place. Cheap to clone; clones share what waits.
#[derive(Clone)]
pub struct Pusher {
    client: Client,
    url: String,
    /// The same without what may be a secret, for the log.
    server: String,
    headers: HeaderMap,
    waiting: Arc<Mutex<Waiting>>,
    more: Arc<Notify>,
}

#[derive(Default)]
struct Waiting {
    readings: VecDeque<Bytes>,
    bytes: usize,
    /// How many were left out to make room, or refused.
    lost: u64,
}

/// What became of one that was sent.
enum Fate {
    Taken,
    /// To be sent again, after this pause where the server says one.
    Again(String, Option<Duration>),
    /// Never to be sent again.
    Refused(String),
}

impl std::fmt::Debug for Pusher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pusher").finish_non_exhaustive()
    }
}

impl Pusher {
    /// Pushes to this URL, such as `http://HOST:4318/v1/metrics`, with these headers.
    pub fn new(
        url: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        settings: &Settings,
    ) -> Result<Self, vitrine_platform_fetch::Error> {
        let mut all: HeaderMap = headers.into_iter().collect();
        all.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let client = Client::new(settings)?;
        let uri = url.parse::<http::Uri>().ok();
        let server = uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
        Ok(Self { client, url: url.to_owned(), server, headers: all, waiting: Arc::default(), more: Arc::default() })
    }

    /// Takes a request in protobuf, to be sent after those that wait. The oldest ones make room where there are too many.
    pub fn push(&self, request: &[u8]) -> io::Result<()> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(request)?;
        let packed = Bytes::from(gzip.finish()?);
        let mut waiting = self.waiting.lock();
        waiting.bytes += packed.len();
        waiting.readings.push_back(packed);
        while waiting.readings.len() > MAX_WAITING || waiting.bytes > MAX_WAITING_BYTES {
            let Some(oldest) = waiting.readings.pop_front() else { break };
            waiting.bytes -= oldest.len();
            waiting.lost += 1;
        }
        drop(waiting);
        self.more.notify_one();
        Ok(())
    }

    /// How many readings wait, and how many are lost: too old to wait any longer, or refused.
    pub fn counts(&self) -> (usize, u64) {
        let waiting = self.waiting.lock();
        (waiting.readings.len(), waiting.lost)
    }

    /// Sends what waits, in order, again and again. It never ends by itself.
    pub async fn run(&self) {
        let (mut backoff, mut outage) = (BACKOFF, Outage::default());
        loop {
            let next = self.waiting.lock().readings.front().cloned();
            let Some(next) = next else {
                self.more.notified().await;
                continue;
            };
            match self.send(next.clone()).await {
                Fate::Taken => {
                    backoff.reset();
                    if outage.ends() {
                        tracing::info!(server = self.server, "metrics are pushed again");
                    }
                    self.remove(&next, false);
                }
                Fate::Refused(why) => {
                    tracing::warn!(server = self.server, why, "metrics were refused");
                    self.remove(&next, true);
                }
                Fate::Again(why, pause) => {
                    if outage.begins() {
                        tracing::warn!(server = self.server, why, "metrics cannot be pushed: they wait");
                    }
                    let pause = pause.map_or_else(|| backoff.equal_jitter(), |pause| pause.min(LONGEST_PAUSE));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// It may have made room meanwhile.
    fn remove(&self, sent: &Bytes, is_lost: bool) {
        let mut waiting = self.waiting.lock();
        if waiting.readings.front().is_some_and(|front| front.as_ptr() == sent.as_ptr()) {
            waiting.readings.pop_front();
            waiting.bytes -= sent.len();
            waiting.lost += u64::from(is_lost);
        }
    }

    async fn send(&self, body: Bytes) -> Fate {
        let mut request = Request::post(&self.url, "application/x-protobuf", body);
        request.headers.extend(self.headers.clone());
        let limits = Limits { within: TIMEOUT, max_response_bytes: MAX_RESPONSE_BYTES };
        match self.client.send(request, limits).await {
            Ok(response) if response.status.is_success() => Fate::Taken,
            Ok(response) => {
                let why = format!("{}: {}", response.status, String::from_utf8_lossy(&response.body).trim());
                let is_passing = matches!(
                    response.status,
                    StatusCode::TOO_MANY_REQUESTS
                        | StatusCode::BAD_GATEWAY
                        | StatusCode::SERVICE_UNAVAILABLE
                        | StatusCode::GATEWAY_TIMEOUT
                );
                if is_passing { Fate::Again(why, retry_after(&response)) } else { Fate::Refused(why) }
            }
            Err(error) => Fate::Again(error.to_string(), None),
        }
    }
}

/// The pause that a server asks for, in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
