//! Targets that are asked for over HTTP.

use std::path::Path;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderName;
use vitrine_platform_config::yaml::{Node, Reader};
use vitrine_platform_fetch::{Client, Limits, Request, Settings};

use super::Group;
use super::file::parse;

/// The label that says which URL a target is from.
const URL: &str = "__meta_url";
/// How often it is asked if nothing else is given.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// Largest answer, in bytes.
const MAX_RESPONSE_BYTES: usize = 8 << 20;
/// The header by which a server knows how often it is asked.
const REFRESH_HEADER: &str = "x-prometheus-refresh-interval-seconds";

/// A URL with targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDiscovery {
    url: String,
    interval: Duration,
    /// How it is asked.
    pub settings: Settings,
}

impl HttpDiscovery {
    pub(super) fn take(reader: &Reader, node: &Node, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let url = fields.parsed("url", "a URL such as \"http://HOST/targets\"", |text| {
            let uri: http::Uri = text.parse().ok()?;
            (matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()).then(|| text.to_owned())
        });
        let url = fields.required("url", url);
        let interval = fields.duration("refresh_interval").filter(|given| !given.is_zero()).unwrap_or(REFRESH_INTERVAL);
        let settings = Settings::read(reader, &mut fields, folder);
        Some(Self { url: url?, interval, settings })
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) async fn groups(&self, client: &Client) -> Result<Vec<(String, Group)>, String> {
        let limits = Limits { within: self.interval, max_response_bytes: MAX_RESPONSE_BYTES };
        let seconds = HeaderValue::from(self.interval.as_secs());
        let request = Request::get(&self.url).with_header(HeaderName::from_static(REFRESH_HEADER), seconds);
        let response = client.send(request, limits).await.map_err(|error| error.to_string())?;
        if response.status != http::StatusCode::OK {
            return Err(format!("server returned HTTP status {}", response.status));
        }
        let content_type = response.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|given| given.trim_start().to_ascii_lowercase().starts_with("application/json")) {
            return Err(format!("unsupported content type {:?}", content_type.unwrap_or_default()));
        }
        let text = std::str::from_utf8(&response.body).map_err(|_| "an answer that is not UTF-8".to_owned())?;
        let groups = parse(text)?.into_iter().enumerate().map(|(number, mut group)| {
            group.labels.insert(URL.to_owned(), self.url.clone());
            (format!("{}:{number}", self.url), group)
        });
        Ok(groups.collect())
    }
}
