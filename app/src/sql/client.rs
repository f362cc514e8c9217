//! Statements to `/api/sql`, and their rows as they come.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use vitrine_observe_store::SCOPE_HEADER;
use vitrine_platform_tls as tls;

use super::output::Printer;
use crate::Usage;
use crate::cli::AskArgs;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest row that is read, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;
/// Longest message about an error that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// An observatory, and who asks it.
pub(super) struct Client {
    hyper: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    /// What to add when it cannot be reached.
    hint: String,
}

impl Client {
    /// The observatory at "http://HOST:PORT" or "https://HOST:PORT".
    pub(super) fn new(url: &str, args: &AskArgs) -> Result<Self> {
        let expected = || Usage(format!("--url {url}: expected http://HOST:PORT or https://HOST:PORT"));
        let uri: Uri = format!("{}/api/sql?format=rows", url.trim_end_matches('/')).parse().map_err(|_| expected())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(expected().into());
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/sql"));
        if let Some(token) = &args.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|_| Usage("--token: expected visible ASCII characters".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(tenant) = &args.tenant {
            let value = HeaderValue::try_from(tenant)
                .map_err(|_| Usage(format!("--tenant {tenant:?}: expected visible ASCII characters")))?;
            headers.insert(SCOPE_HEADER, value);
        }
        let files = tls::Files {
            ca: args.ca.clone().unwrap_or_default(),
            certificate: args.certificate.clone().unwrap_or_default(),
            key: args.key.clone().unwrap_or_default(),
        };
        let tls = tls::web_client(&files)?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let hyper = HyperClient::builder(TokioExecutor::new()).build(https.wrap_connector(connector));
        Ok(Self { hyper, uri, headers, hint: args.hint() })
    }

    /// Runs a statement and prints its rows; returns how many there were. Dropping this stops the statement.
    pub(super) async fn run(&self, statement: &str, printer: &mut Printer) -> Result<usize> {
        let mut first = true;
        let mut rows = 0;
        self.each(statement, |line| {
            if std::mem::take(&mut first) {
                printer.start(&line)?;
            } else {
                rows += 1;
                printer.row(line)?;
            }
            Ok(())
        })
        .await?;
        printer.finish()?;
        Ok(rows)
    }

    /// Runs a statement and collects the text of its first columns.
    pub(super) async fn texts(&self, statement: &str) -> Result<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        self.each(statement, |line| {
            let cells = line.as_array().map(Vec::as_slice).unwrap_or_default();
            rows.push(cells.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            Ok(())
        })
        .await?;
        // The first line describes the columns.
        Ok(rows.split_off(1.min(rows.len())))
    }

    async fn each(&self, statement: &str, mut take: impl FnMut(Value) -> Result<()>) -> Result<()> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(statement.as_bytes())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let authority = self.uri.authority().map(ToString::to_string).unwrap_or_default();
        let answer = self.hyper.request(request).await;
        let answer = answer.map_err(|error| {
            let reason = reason(&error);
            let is_unknown = reason.contains("certificate");
            let hint = if is_unknown { " (--ca FILE names the authorities to trust)" } else { &self.hint };
            anyhow!("{authority} cannot be reached: {reason}{hint}")
        })?;
        let status = answer.status();
        let mut body = answer.into_body();
        if !status.is_success() {
            let text = Limited::new(body, MAX_ERROR_BYTES).collect().await.map(http_body_util::Collected::to_bytes);
            let text = text.unwrap_or_default();
            match serde_json::from_slice::<Value>(&text).ok().as_ref().and_then(|error| error["error"].as_str()) {
                Some(error) => bail!("{error}"),
                None => bail!("{authority} answered {status}"),
            }
        }
        let mut waiting: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| anyhow!("the answer broke off: {}", reason(&error)))?;
            let Some(data) = frame.data_ref() else { continue };
            let mut rest: &[u8] = data;
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                waiting.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                take(line(&waiting)?)?;
                waiting.clear();
            }
            if waiting.len() + rest.len() > MAX_LINE_BYTES {
                bail!("a row is longer than {MAX_LINE_BYTES} bytes");
            }
            waiting.extend_from_slice(rest);
        }
        Ok(())
    }
}

/// A line of the answer; the last of one that breaks off says why.
fn line(bytes: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(bytes).context("the answer is not one of an observatory")?;
    match value.get("error").and_then(Value::as_str) {
        Some(error) => bail!("{error}"),
        None => Ok(value),
    }
}

/// The innermost cause says most.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
