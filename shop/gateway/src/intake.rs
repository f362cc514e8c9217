//! Segment's HTTP API: what libraries and pages send of visitors. It takes what they send as they send it; analytics judges it.
//!
//! At `/v1` and at `/analytics/v1`, because some libraries forget the path of the address that they were given.
//!
//! Source: Segment's documentation, "HTTP API Source"; what stock libraries send was looked at on the wire.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use serde_json::{Value, json};
use vitrine_contracts::Problem;
use vitrine_contracts::analytics::v1::{AcceptRequest, AcceptResponse, FindSourceRequest};
use vitrine_contracts::limits::MAX_ANALYTICS_BODY;
use vitrine_platform_http::{Peer, Reply, Router};

use crate::Gateway;

/// Most bytes of a body that is too large: so much is read and dropped, so that its sender is there to be told.
const MAX_DISCARDED: usize = 8 << 20;
/// How gzip begins, whatever a header says.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// The longest write key that is looked at, in bytes.
const MAX_KEY: usize = 200;
/// When a sender that sends too much may send again, in milliseconds since 1970, for Segment's libraries before 3.1; later ones read `Retry-After`.
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// How long such a sender waits, in milliseconds: what the header `Retry-After` says.
const PAUSE_MS: i64 = 1000;
/// What the path calls are, with the browser's short forms.
const CALLS: &[(&str, &str)] = &[
    ("t", "track"),
    ("i", "identify"),
    ("p", "page"),
    ("s", "screen"),
    ("g", "group"),
    ("a", "alias"),
    ("b", "batch"),
];
/// Figures of libraries about themselves: taken, and dropped.
const METRICS: &str = "m";

/// The routes.
pub(crate) fn router() -> Router<Arc<Gateway>> {
    let at = |router: Router<Arc<Gateway>>, base: &str| {
        router
            .route(&format!("{base}/v1/{{call}}"), post(take))
            .route(&format!("{base}/v1/projects/{{key}}/settings"), get(settings))
    };
    at(at(Router::new(), ""), "/analytics")
}

async fn take(
    State(gateway): State<Arc<Gateway>>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let long = CALLS.iter().find(|(short, long)| *short == call || *long == call).map(|(_, long)| *long);
    if long.is_none() && call != METRICS {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (head, body) = request.into_parts();
    let write_key = write_key(&head.headers);
    let address = head.extensions.get::<Peer>().map(|peer| peer.0.ip().to_string()).unwrap_or_default();
    if !gateway.may_send(write_key.as_deref().unwrap_or(&address)).await {
        return too_many(gateway.clock.now_ms());
    }
    let body = match read(body).await {
        Ok(body) => body,
        Err(reply) => return reply.into_response(),
    };
    let Some(call) = long else { return taken(&AcceptResponse::default()) };
    let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let request = AcceptRequest {
        call: call.to_owned(),
        body,
        write_key: write_key.unwrap_or_default(),
        is_strict: query.is_some_and(|query| query.split('&').any(|pair| pair == "strict=1")),
        address,
        user_agent: text(header::USER_AGENT).to_owned(),
        opts_out: text(HeaderName::from_static("sec-gpc")) == "1",
    };
    match gateway.deps.analytics.clone().accept(request).await {
        Ok(answer) => taken(&answer.into_inner()),
        Err(status) => Reply::from(status).into_response(),
    }
}

/// What libraries want to read, and beside it what became of the messages.
fn taken(answer: &AcceptResponse) -> Response {
    let refused = |refused: &vitrine_contracts::analytics::v1::RefusedMessage| json!({"field": refused.field, "message": refused.message, "expected": refused.expected});
    let mut body = json!({"success": true});
    if !answer.refused.is_empty() {
        body["refused"] = answer.refused.iter().map(refused).collect();
    }
    axum::Json(body).into_response()
}

/// A refusal of one that sends too much, with both headers that libraries look for.
fn too_many(now_ms: i64) -> Response {
    let reply = Reply::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "too many requests: wait a second");
    let mut response = reply.at("rate", "fewer requests a second").into_response();
    response.headers_mut().insert(RESET, HeaderValue::from(now_ms + PAUSE_MS));
    response
}

impl Gateway {
    /// Whether a source may send one more request.
    async fn may_send(&self, source: &str) -> bool {
        let config = &self.config;
        let client = format!("analytics:{source}");
        self.cache.limit(&client, config.analytics_rate_per_s, config.analytics_rate_burst).await.allowed
    }
}

/// The key in the header: the name of basic authorization, whose colon some leave out, or a bearer token.
fn write_key(headers: &HeaderMap) -> Option<String> {
    let (scheme, given) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let given = given.trim();
    let key = if scheme.eq_ignore_ascii_case("basic") {
        let decoded = BASE64_STANDARD.decode(given).or_else(|_| BASE64_STANDARD_NO_PAD.decode(given)).ok()?;
        String::from_utf8(decoded).ok()?.split(':').next()?.to_owned()
    } else if scheme.eq_ignore_ascii_case("bearer") {
        given.to_owned()
    } else {
        return None;
    };
    Some(key).filter(|key| !key.is_empty() && key.len() <= MAX_KEY)
}

/// The whole body, decompressed where it is gzip. No more of it is taken into memory than may be there.
async fn read(body: Body) -> Result<Vec<u8>, Reply> {
    let too_large = || {
        let problem =
            Problem::invalid("body", &format!("at most {MAX_ANALYTICS_BODY} bytes"), "the request is too large");
        Reply::from(problem.with_reason("TOO_LARGE"))
    };
    let (mut stream, mut body, mut bytes) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let broken = |_| Reply::from(Problem::invalid("body", "a whole body", "the body ended before its end"));
        let chunk = chunk.map_err(broken)?;
        bytes += chunk.len();
        if bytes <= MAX_ANALYTICS_BODY {
            body.extend_from_slice(&chunk);
        } else if bytes > MAX_DISCARDED {
            break;
        }
    }
    if bytes > MAX_ANALYTICS_BODY {
        return Err(too_large());
    }
    if !body.starts_with(GZIP) {
        return Ok(body);
    }
    let mut plain = Vec::new();
    let most = MAX_ANALYTICS_BODY as u64 + 1;
    MultiGzDecoder::new(body.as_slice()).take(most).read_to_end(&mut plain).map_err(|e| {
        Reply::from(Problem::invalid("body", "whole gzip", &format!("the body cannot be decompressed: {e}")))
    })?;
    if plain.len() > MAX_ANALYTICS_BODY { Err(too_large()) } else { Ok(plain) }
}

/// What Segment's library for browsers asks before it sends anything.
async fn settings(State(gateway): State<Arc<Gateway>>, Path(key): Path<String>) -> Result<axum::Json<Value>, Reply> {
    let write_key = key;
    let asked = FindSourceRequest { write_key: write_key.clone() };
    let source = gateway.deps.analytics.clone().find_source(asked).await?.into_inner();
    Ok(axum::Json(json!({
        "integrations": {"Segment.io": {
            "apiKey": write_key,
            "unbundledIntegrations": [],
            "addBundledMetadata": true,
            "maybeBundledConfigIds": {},
            "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
        }},
        "plan": {"track": {"__default": {"enabled": true, "integrations": {}}}, "identify": {"__default": {"enabled": true}}, "group": {"__default": {"enabled": true}}},
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
        "name": source.name,
    })))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{HeaderMap, HeaderValue, header};
    use vitrine_contracts::limits::MAX_ANALYTICS_BODY;

    use super::{read, write_key};

    #[test]
    fn keys_come_in_several_ways() {
        for (header, key) in [
            ("Basic a2V5Og==", Some("key")),
            ("basic a2V5", Some("key")),
            ("Basic a2V5Og", Some("key")),
            ("Bearer key", Some("key")),
            ("Basic !", None),
            ("Digest a2V5Og==", None),
            ("Basic Og==", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(header));
            assert_eq!(write_key(&headers).as_deref(), key, "{header}");
        }
    }

    #[tokio::test]
    async fn a_bomb_does_not_go_off() {
        let gzip = |plain: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut encoder, plain).expect("into memory");
            encoder.finish().expect("into memory")
        };
        let small = gzip(b"{}");
        assert_eq!(read(Body::from(small.clone())).await.expect("small"), b"{}");
        let bomb = gzip(&vec![b' '; 100 << 20]);
        assert!(bomb.len() < MAX_ANALYTICS_BODY, "{} bytes", bomb.len());
        assert_eq!(read(Body::from(bomb)).await.expect_err("too large").reason(), "TOO_LARGE");
        assert_eq!(read(Body::from(vec![b' '; 2 << 20])).await.expect_err("too large").reason(), "TOO_LARGE");
        let cut = small[..small.len() - 4].to_vec();
        assert_eq!(read(Body::from(cut)).await.expect_err("cut").field(), Some("body"));
    }
}
