//! Requests, what they bring, and why there may be nothing.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use vitrine_platform_tls as tls;

/// Most redirects that are followed, as Go's client has it.
pub(crate) const MAX_REDIRECTS: usize = 10;

/// What bounds a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long all of it may take, up to the last byte of the answer.
    pub within: Duration,
    /// Most bytes of the answer's body.
    pub max_response_bytes: usize,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes; credentials in it are sent as basic authorization.
    pub url: String,
    /// Headers beside those of the client's settings.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A request that asks for something.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A request that hands something over.
    pub fn post(url: impl Into<String>, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { method: Method::POST, url: url.into(), headers, body: body.into() }
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer. No URL is repeated: it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is none.
    #[error("the URL cannot be used: {0}")]
    Url(String),
    /// A file of the settings cannot be read.
    #[error("a secret cannot be read")]
    Secret(#[source] io::Error),
    /// A header cannot be sent.
    #[error("the header {0} holds what no header may hold")]
    Header(HeaderName),
    /// There is no access token.
    #[error("no access token: {0}")]
    Token(String),
    /// There are too many redirects.
    #[error("stopped after {MAX_REDIRECTS} redirects")]
    Redirects,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] tls::Error),
    /// There is no connection, or it broke.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The answer is too long.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

pub(crate) fn basic(userinfo: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(userinfo))
}

/// The value of a header that no log shows.
///
/// # Errors
///
/// [`Error::Header`]: it holds what no header may hold.
pub fn secret_value(name: HeaderName, value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value).map_err(|_| Error::Header(name))?;
    value.set_sensitive(true);
    Ok(value)
}
