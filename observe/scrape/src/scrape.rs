//! One scrape: what is asked, and what is made of the answer.
//!
//! Source: Prometheus's `scrape/scrape.go`.

use std::fmt::Write as _;
use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use vitrine_observe_model::exposition::{ExposedValue, Format};
use vitrine_observe_series::{Exemplar, Labels, MetadataEntry};
use vitrine_platform_fetch::{Client, Error, Limits, Request};

use crate::config::{Job, Protocol};
use crate::target::Target;

/// The header by which a target knows how long it has.
const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// A sample as it is handed on.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapedSample {
    /// The labels of its series.
    pub labels: Labels,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// When the total began, in milliseconds since 1970, where that is known.
    pub start_ms: Option<i64>,
    /// Its value; the bits of a stale marker where the series has ended.
    pub value: ExposedValue,
    /// Single measurements.
    pub exemplars: Vec<Exemplar>,
}

/// What one scrape brought: seen whole, or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scrape {
    /// Samples, also those that tell of the scrape itself, and that series have ended.
    pub samples: Vec<ScrapedSample>,
    /// What is known of its metrics, in order of their names.
    pub metadata: Arc<[MetadataEntry]>,
}

/// Takes scrapes.
pub trait Sink: Send + Sync + 'static {
    /// Takes a scrape, whole or not at all. An error says why it was not taken.
    fn write(&self, scrape: Scrape) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
}

/// A body and its format.
pub(crate) struct Body {
    pub bytes: Vec<u8>,
    pub format: Format,
}

/// What is said where a body is longer than it may be.
pub(crate) const TOO_LONG: &str = "body size limit exceeded";

/// What an `Accept` says: protocols in order of preference.
pub(crate) fn accept(protocols: &[Protocol]) -> String {
    let mut text = String::new();
    let mut weight = protocols.len() + 1;
    for protocol in protocols {
        // Writing to a text does not fail.
        let _ = write!(text, "{};q=0.{weight},", protocol.media_type());
        weight -= 1;
    }
    let _ = write!(text, "*/*;q=0.{weight}");
    text
}

/// Asks a target, and returns the body.
pub(crate) async fn ask(client: &Client, job: &Job, target: &Target) -> Result<Body, String> {
    let header = |text: String| HeaderValue::try_from(text).map_err(|error| error.to_string());
    let seconds = header(target.timeout.as_secs_f64().to_string())?;
    let request = Request::get(&target.url)
        .with_header(ACCEPT, header(accept(&job.formats(target.histograms.takes_native)))?)
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))
        .with_header(HeaderName::from_static(TIMEOUT_HEADER), seconds);
    let most = usize::try_from(job.limits.body_bytes).unwrap_or(usize::MAX);
    let limits = Limits { within: target.timeout, max_response_bytes: most };
    let response = client.send(request, limits).await.map_err(|error| message(&error, target.timeout))?;
    if response.status != http::StatusCode::OK {
        return Err(format!("server returned HTTP status {}", response.status));
    }
    let text = |name| response.headers.get(name).and_then(|value| value.to_str().ok());
    let content_type = text(CONTENT_TYPE).unwrap_or_default().to_owned();
    let is_gzip = text(CONTENT_ENCODING).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
    let format = format(&content_type, job)?;
    let bytes = if is_gzip {
        let body = response.body;
        tokio::task::spawn_blocking(move || unpack(&body, most)).await.map_err(|error| error.to_string())??
    } else {
        response.body.to_vec()
    };
    Ok(Body { bytes, format })
}

fn message(error: &Error, timeout: Duration) -> String {
    match error {
        Error::Late(_) => format!("context deadline exceeded: no answer within {timeout:?}"),
        Error::TooLong(_) => TOO_LONG.to_owned(),
        error => error.to_string(),
    }
}

fn unpack(body: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body).take(limit).read_to_end(&mut bytes);
    let length = read.map_err(|error| format!("the body is no gzip: {error}"))?;
    if length > most { Err(TOO_LONG.to_owned()) } else { Ok(bytes) }
}

fn format(content_type: &str, job: &Job) -> Result<Format, String> {
    let fallback = job.fallback.map(Protocol::format);
    if let Some(format) = Format::of_content_type(content_type).or(fallback) {
        return Ok(format);
    }
    let none = "and no fallback_scrape_protocol specified for target";
    Err(if content_type.is_empty() {
        format!("non-compliant scrape target sending blank Content-Type {none}")
    } else {
        format!("received unsupported Content-Type {content_type:?} {none}")
    })
}
