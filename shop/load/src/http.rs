//! A small HTTP client: JSON and forms to one base URL, with every bound named.

use std::time::Duration;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ::http::{HeaderMap, HeaderName, Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use thiserror::Error as ThisError;
use vitrine_kit::percent;

use crate::Error;

/// How long a request may take, unless the client says otherwise: longer than a shop's own deadline, to see it kept.
pub const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Most connections that are kept while nothing is asked over them.
const MAX_IDLE: usize = 2000;
/// Largest answer that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// Why there is no answer.
#[derive(Clone, Debug, ThisError, PartialEq, Eq)]
pub enum Failed {
    /// No process listens there, or the connection broke.
    #[error("the shop cannot be reached: {0}")]
    Unreachable(String),
    /// No answer within the client's timeout.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// More than is read.
    #[error("the answer is longer than {MAX_RESPONSE_BYTES} bytes")]
    TooLong,
    /// The request itself is malformed.
    #[error("the request cannot be made: {0}")]
    Malformed(String),
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Call {
    /// A request without a body.
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// With a header.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// As the holder of a token.
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// With a body as it is.
    pub fn raw(mut self, body: &str) -> Self {
        self.body = body.to_owned().into();
        self
    }

    /// With a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self.header(CONTENT_TYPE, "application/json")
    }

    /// With a form as its body.
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body = percent::form(fields.iter().copied()).into();
        self.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Whether it is a 2xx or a 3xx.
    pub fn is_good(&self) -> bool {
        (200..400).contains(&self.status)
    }

    /// The problem's code, if it is one.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// A client of one base URL. Cheap to clone; connections are kept.
#[derive(Clone, Debug)]
pub struct Client {
    hyper: HyperClient<HttpConnector, Full<Bytes>>,
    base: String,
    timeout: Duration,
}

impl Client {
    /// For "http://HOST:PORT"; a path in front of all others may follow.
    pub fn new(base: &str) -> Result<Self, Error> {
        let uri = base.parse::<::http::Uri>().map_err(|_| Error::Url(base.to_owned()))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() || uri.query().is_some() {
            return Err(Error::Url(base.to_owned()));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let hyper = HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(MAX_IDLE).build(connector);
        Ok(Self { hyper, base: base.trim_end_matches('/').to_owned(), timeout: TIMEOUT })
    }

    /// With another bound on how long a request may take, its answer's body included.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, call: Call) -> Result<Response, Failed> {
        let mut request = Request::builder().method(call.method).uri(format!("{}{}", self.base, call.path));
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body)).map_err(|e| Failed::Malformed(e.to_string()))?;
        let exchange = async {
            let answer = self.hyper.request(request).await.map_err(|e| Failed::Unreachable(reason(&e)))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map_err(|e| {
                if e.is::<http_body_util::LengthLimitError>() {
                    Failed::TooLong
                } else {
                    Failed::Unreachable(e.to_string())
                }
            })?;
            Ok(Response { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(self.timeout, exchange).await.map_err(|_| Failed::Late(self.timeout))?
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
