//! The client.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::util::BoxCloneSyncService;
use vitrine_platform_tls as tls;

use crate::connect::{Link, Way};
use crate::settings::{Authorization, Settings};
use crate::tls::Tls;

/// What every request says it comes from.
const AGENT: &str = concat!("vitrine/", env!("CARGO_PKG_VERSION"));
/// How long a connection is kept that nobody uses.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Connections that are kept for each server.
const MAX_IDLE: usize = 2;

type Connecting = Pin<Box<dyn Future<Output = io::Result<Link>> + Send>>;
type Connector = BoxCloneSyncService<Uri, Link, io::Error>;

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

/// Makes requests. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    settings: Arc<Settings>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with these settings; their certificates are read now.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let way = Arc::new(Way {
            tls: Tls::new(settings)?,
            proxy: settings.proxy.clone(),
            unix_socket: settings.unix_socket.clone(),
        });
        let connector = tower::service_fn(move |to: Uri| -> Connecting {
            let way = way.clone();
            Box::pin(async move { way.connect(&to).await })
        });
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(BoxCloneSyncService::new(connector));
        Ok(Self { pool, settings: Arc::new(settings.clone()) })
    }

    /// Makes a request, and returns the answer when all of it is there, whatever its status.
    pub async fn send(&self, request: Request, limits: Limits) -> Result<Response, Error> {
        let asking = self.asked(request, limits.max_response_bytes);
        tokio::time::timeout(limits.within, asking).await.unwrap_or(Err(Error::Late(limits.within)))
    }

    async fn asked(&self, request: Request, max_bytes: usize) -> Result<Response, Error> {
        let (uri, userinfo) = url(&request.url)?;
        let mut asked = http::Request::new(Full::new(request.body));
        *asked.method_mut() = request.method;
        *asked.headers_mut() = self.headers(request.headers, userinfo).await?;
        *asked.uri_mut() = uri;
        let answer = self.pool.request(asked).await.map_err(|e| Error::Unreachable(cause(&e)))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, max_bytes).collect().await.map_err(|e| {
            if e.is::<LengthLimitError>() { Error::TooLong(max_bytes) } else { Error::Unreachable(cause(&*e)) }
        })?;
        Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    /// The request's own headers, and what the settings add.
    async fn headers(&self, mut headers: HeaderMap, userinfo: Option<String>) -> Result<HeaderMap, Error> {
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let said = match &self.settings.authorization {
            _ if headers.contains_key(AUTHORIZATION) => None,
            None => userinfo.map(|userinfo| basic(&userinfo)),
            Some(Authorization::Basic { username, password }) => {
                let password = match password {
                    Some(password) => password.read().await.map_err(Error::Secret)?,
                    None => vitrine_kit::Secret::default(),
                };
                Some(basic(&format!("{username}:{}", password.expose())))
            }
            Some(Authorization::Credentials { scheme, credentials }) => {
                let credentials = credentials.read().await.map_err(Error::Secret)?;
                Some(format!("{scheme} {}", credentials.expose()))
            }
        };
        if let Some(said) = said {
            headers.insert(AUTHORIZATION, secret_value(AUTHORIZATION, &said)?);
        }
        let proxy = self.settings.proxy.as_ref().and_then(Uri::authority);
        if let Some((userinfo, _)) = proxy.and_then(|proxy| proxy.as_str().rsplit_once('@')) {
            headers.insert(PROXY_AUTHORIZATION, secret_value(PROXY_AUTHORIZATION, &basic(userinfo))?);
        }
        for (name, sources) in &self.settings.headers {
            for source in sources {
                let value = source.read().await.map_err(Error::Secret)?;
                headers.append(name, secret_value(name.clone(), value.expose())?);
            }
        }
        Ok(headers)
    }
}

/// A URL without the credentials that it may hold, and these.
fn url(text: &str) -> Result<(Uri, Option<String>), Error> {
    let wrong = |why: String| Error::Url(why);
    let uri: Uri = text.parse().map_err(|e: http::uri::InvalidUri| wrong(e.to_string()))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong("http://HOST/… or https://HOST/… expected".to_owned()));
    }
    let Some((userinfo, place)) = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')) else {
        return Ok((uri, None));
    };
    let userinfo = vitrine_kit::percent::decode(userinfo).unwrap_or_else(|| userinfo.to_owned());
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(place.parse().map_err(|e: http::uri::InvalidUri| wrong(e.to_string()))?);
    Ok((Uri::from_parts(parts).map_err(|e| wrong(e.to_string()))?, Some(userinfo)))
}

fn basic(userinfo: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(userinfo))
}

fn secret_value(name: HeaderName, value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value).map_err(|_| Error::Header(name))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What lies at the bottom of an error: what is above says only that something failed.
fn cause(error: &(dyn StdError + 'static)) -> String {
    let mut deepest = error;
    while let Some(below) = deepest.source() {
        deepest = below;
    }
    deepest.to_string()
}
