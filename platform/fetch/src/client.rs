//! The client.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::util::BoxCloneSyncService;
use vitrine_kit::Secret;

use crate::connect::{Link, Way};
use crate::oauth2::{Asking, TokenSource};
use crate::proxies::userinfo as proxy_userinfo;
use crate::redirects;
use crate::request::{Error, Limits, MAX_REDIRECTS, Request, Response, basic, secret_value};
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

/// An answer whose body comes little by little.
#[derive(Debug)]
pub struct Streaming {
    /// The status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Incoming,
}

impl Streaming {
    /// The next part of the body; none at its end. An error also where nothing comes in this time.
    pub async fn next(&mut self, within: Duration) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = tokio::time::timeout(within, self.body.frame()).await.map_err(|_| Error::Late(within))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|e| Error::Unreachable(cause(&e)))?;
            if let Ok(part) = frame.into_data() {
                return Ok(Some(part));
            }
        }
    }
}

/// Makes requests. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    settings: Arc<Settings>,
    tokens: Option<Arc<TokenSource>>,
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
            tls: Tls::of_requests(settings)?,
            proxies: settings.proxies.clone(),
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
        let tokens = match &settings.authorization {
            Some(Authorization::OAuth2(oauth2)) => {
                let own = Self::new(&oauth2.settings)?;
                let ask = move |request, limits| own.send_boxed(request, limits);
                Some(Arc::new(TokenSource::new(oauth2, Box::new(ask))))
            }
            _ => None,
        };
        Ok(Self { pool, settings: Arc::new(settings.clone()), tokens })
    }

    /// Makes a request, and returns the answer when all of it is there, whatever its status.
    pub async fn send(&self, request: Request, limits: Limits) -> Result<Response, Error> {
        let max_bytes = limits.max_response_bytes;
        let asking = async {
            let (head, body) = self.exchange(request).await?.into_parts();
            let body = Limited::new(body, max_bytes).collect().await.map_err(|e| {
                if e.is::<LengthLimitError>() { Error::TooLong(max_bytes) } else { Error::Unreachable(cause(&*e)) }
            })?;
            Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(limits.within, asking).await.unwrap_or(Err(Error::Late(limits.within)))
    }

    /// The same, where a client asks by way of another.
    fn send_boxed(&self, request: Request, limits: Limits) -> Asking {
        let own = self.clone();
        Box::pin(async move { own.send(request, limits).await })
    }

    /// Makes a request, and returns the answer when its head is there, within this time. The body is read by whoever asked, part by part.
    pub async fn open(&self, request: Request, within: Duration) -> Result<Streaming, Error> {
        let answer = tokio::time::timeout(within, self.exchange(request)).await.unwrap_or(Err(Error::Late(within)))?;
        let (head, body) = answer.into_parts();
        Ok(Streaming { status: head.status, headers: head.headers, body })
    }

    /// Asks, and asks where one is sent to. Once a redirect has led to another server, no secret goes along any more.
    async fn exchange(&self, mut request: Request) -> Result<http::Response<Incoming>, Error> {
        let (mut is_trusted, first) = (true, request.url.clone());
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.ask(&request, is_trusted).await?;
            if self.settings.refuses_redirects {
                return Ok(answer);
            }
            let Some(next) = redirects::next(&request, answer.status(), answer.headers())? else { return Ok(answer) };
            if is_trusted && !redirects::is_same_server(&first, &next.url) {
                is_trusted = false;
            }
            request = next;
            if !is_trusted {
                redirects::strip(&mut request.headers);
            }
        }
        Err(Error::Redirects)
    }

    async fn ask(&self, request: &Request, is_trusted: bool) -> Result<http::Response<Incoming>, Error> {
        let (uri, userinfo) = url(&request.url)?;
        let mut asked = http::Request::new(Full::new(request.body.clone()));
        *asked.method_mut() = request.method.clone();
        let mut headers = request.headers.clone();
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let is_own = headers.contains_key(AUTHORIZATION);
        let mut token = None;
        if !is_own
            && is_trusted
            && let Some(tokens) = &self.tokens
        {
            token = Some(tokens.authorization().await?);
        }
        let said = match (&token, &self.settings.authorization) {
            _ if is_own => None,
            (Some(token), _) => Some(token.clone()),
            (None, Some(authorization)) if is_trusted => self.credentials(authorization).await?,
            _ => userinfo.map(|userinfo| basic(&userinfo).into()),
        };
        if let Some(said) = said {
            headers.insert(AUTHORIZATION, secret_value(AUTHORIZATION, said.expose())?);
        }
        if is_trusted {
            self.add_headers(&mut headers).await?;
        }
        // With TLS the proxy sees none of this; it is told when it is asked for a tunnel.
        let proxy = self.settings.proxies.of(&uri).filter(|_| uri.scheme_str() == Some("http"));
        if let Some(userinfo) = proxy.and_then(proxy_userinfo) {
            headers.insert(PROXY_AUTHORIZATION, secret_value(PROXY_AUTHORIZATION, &basic(&userinfo))?);
        }
        *asked.headers_mut() = headers;
        *asked.uri_mut() = uri;
        let answer = self.pool.request(asked).await.map_err(|e| Error::Unreachable(cause(&e)))?;
        if let (StatusCode::UNAUTHORIZED, Some(token), Some(tokens)) = (answer.status(), &token, &self.tokens) {
            tokens.forget(token).await;
        }
        Ok(answer)
    }

    /// What the settings say for `Authorization`.
    async fn credentials(&self, authorization: &Authorization) -> Result<Option<Secret>, Error> {
        Ok(match authorization {
            Authorization::Basic { username, password } => {
                let password = match password {
                    Some(password) => password.read().await.map_err(Error::Secret)?,
                    None => Secret::default(),
                };
                Some(basic(&format!("{username}:{}", password.expose())).into())
            }
            Authorization::Credentials { scheme, credentials } => {
                let credentials = credentials.read().await.map_err(Error::Secret)?;
                Some(format!("{scheme} {}", credentials.expose()).into())
            }
            // Its tokens are asked for elsewhere.
            Authorization::OAuth2(_) => None,
        })
    }

    /// Headers of the settings.
    async fn add_headers(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        for (name, sources) in &self.settings.headers {
            for source in sources {
                let value = source.read().await.map_err(Error::Secret)?;
                headers.append(name, secret_value(name.clone(), value.expose())?);
            }
        }
        Ok(())
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

/// What lies at the bottom of an error: what is above says only that something failed.
fn cause(error: &(dyn StdError + 'static)) -> String {
    let mut deepest = error;
    while let Some(below) = deepest.source() {
        deepest = below;
    }
    deepest.to_string()
}
