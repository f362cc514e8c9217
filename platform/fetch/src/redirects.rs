//! Where a redirect leads, and what goes along.
//!
//! Source: RFC 9110, section 15.4; Go's `net/http`, `redirectBehavior`, whose answers Prometheus's users know.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, PROXY_AUTHORIZATION,
    WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use url::{Origin, Url};

use crate::request::{Error, Request};

/// The request that follows this answer; none where it is no redirect.
pub(crate) fn next(request: &Request, status: StatusCode, headers: &HeaderMap) -> Result<Option<Request>, Error> {
    let keeps_body = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => false,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        _ => return Ok(None),
    };
    // Without a place it is an answer like others.
    let Some(location) = headers.get(LOCATION) else { return Ok(None) };
    let wrong = || Error::Url(format!("a redirect ({status}) to what is no URL"));
    let location = location.to_str().map_err(|_| wrong())?;
    let mut url = Url::parse(&request.url).and_then(|url| url.join(location)).map_err(|_| wrong())?;
    url.set_fragment(None);
    let mut next = Request { url: url.into(), ..request.clone() };
    if !keeps_body {
        if next.method != Method::HEAD {
            next.method = Method::GET;
        }
        next.body = Bytes::new();
        for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH] {
            next.headers.remove(name);
        }
    }
    Ok(Some(next))
}

/// Whether two URLs are of one server: the same scheme, host and port.
pub(crate) fn is_same_server(one: &str, other: &str) -> bool {
    let origin = |text: &str| Url::parse(text).map(|url| url.origin()).ok().filter(Origin::is_tuple);
    origin(one).is_some() && origin(one) == origin(other)
}

/// Removes what is for the first server alone.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let own: Vec<_> = headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
    for name in own.into_iter().chain([AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE]) {
        headers.remove(name);
    }
}
