//! Which web pages may call: CORS, as browsers ask for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::hosts::{Hosts, authorities};
use crate::pattern::{ANY, Pattern};
use crate::refusal::{ErrorFormat, Refusal, RequestInfo};

/// How long a browser may remember the answer to a preflight, in seconds, unless a setting says.
const MAX_AGE_S: u32 = 3600;
/// What pages may send besides what every page may (`Accept`, `Content-Type` and the like).
const HEADERS: [&str; 7] =
    ["authorization", "baggage", "content-encoding", "content-type", "traceparent", "tracestate", "x-scope-orgid"];
/// What is expected of an origin.
const EXPECTED: &str = "expected an origin such as https://shop.example or http://localhost:3000, with one * for any names or port \
    (https://*.example.com, http://localhost:*), or * alone";

/// Origins of pages that may call. `*` alone lets all; within an origin it stands for any names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<Pattern>);

impl Origins {
    /// Reads origins as settings have them; the error names the one that is wrong, and what was expected.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        texts.iter().map(|text| origin(text)).collect::<Result<_, _>>().map(Self)
    }

    fn are_all(&self) -> bool {
        self.0.iter().any(Pattern::is_all)
    }

    pub(crate) fn have(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let origin = origin.to_ascii_lowercase();
        self.0.iter().any(|pattern| pattern.is(&origin))
    }

    /// The same for a layer of tower-http's.
    pub fn allow(self) -> AllowOrigin {
        if self.are_all() { AllowOrigin::any() } else { AllowOrigin::predicate(move |origin, _| self.have(origin)) }
    }
}

/// Reads one origin as settings have them.
fn origin(text: &str) -> Result<Pattern, String> {
    let lower = text.to_ascii_lowercase();
    if lower == ANY {
        return Ok(Pattern::of(&lower));
    }
    let wrong = || format!("{text:?}: {EXPECTED}");
    let authority = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")).ok_or_else(wrong)?;
    // A star may be a port, too.
    let sound = crate::host::is_host(authority.strip_suffix(":*").unwrap_or(authority).as_bytes());
    if !sound || authority.ends_with(':') || authority.matches(ANY).count() > 1 {
        return Err(wrong());
    }
    Ok(Pattern::of(&lower))
}

/// Which pages may call an API, and with what: settings as the OpenTelemetry Collector's receivers have them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins whose pages may call, such as https://shop.example or https://*.example.com; "*" lets all. Without any, no page may.
    pub allowed_origins: Vec<String>,
    /// Request headers that pages may send besides the usual ones; "*" lets all.
    pub allowed_headers: Vec<String>,
    /// How long a browser may remember the answer to a preflight, in seconds.
    pub max_age_s: u32,
}

impl Default for Cors {
    fn default() -> Self {
        Self { allowed_origins: Vec::new(), allowed_headers: Vec::new(), max_age_s: MAX_AGE_S }
    }
}

impl Cors {
    /// The rules that these settings stand for; the error names the setting and what was expected.
    ///
    /// Pages of named origins may send credentials, which `navigator.sendBeacon` always does; together with `*` they may not.
    pub fn rules(&self) -> Result<CrossOrigin, String> {
        if self.allowed_origins.is_empty() {
            return Ok(CrossOrigin::default());
        }
        let origins = Origins::parse(&self.allowed_origins).map_err(|e| format!("allowed_origins: {e}"))?;
        let headers = if self.allowed_headers.iter().any(|name| name == ANY) {
            AllowHeaders::mirror_request()
        } else {
            let read = |name: &str| {
                let wrong = |_| format!("allowed_headers: {name:?}: expected the name of a header, or *");
                HeaderName::try_from(name).map_err(wrong)
            };
            let all = HEADERS.into_iter().chain(self.allowed_headers.iter().map(String::as_str));
            AllowHeaders::list(all.map(read).collect::<Result<Vec<_>, _>>()?)
        };
        let layer = CorsLayer::new()
            .allow_credentials(!origins.are_all())
            .allow_origin(origins.clone().allow())
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(headers)
            .expose_headers([header::RETRY_AFTER, header::ACCEPT_ENCODING])
            .max_age(Duration::from_secs(self.max_age_s.into()));
        Ok(CrossOrigin { layer: Some(layer), origins, hosts: Hosts::default() })
    }
}

/// Keeps out pages of other sites: answers preflights and tells browsers who may read, refuses what a page of another site sends without
/// asking first, and refuses names that are not this listener's.
///
/// The last is against DNS rebinding: a name of a hostile site that suddenly means this machine makes its pages the same origin as what
/// answers here, and no other rule of browsers holds then.
#[derive(Clone, Debug, Default)]
pub struct CrossOrigin {
    layer: Option<CorsLayer>,
    origins: Origins,
    hosts: Hosts,
}

impl CrossOrigin {
    /// The same for a listener that is reached under these names.
    pub fn at(&self, hosts: Hosts) -> Self {
        Self { hosts, ..self.clone() }
    }

    /// Puts it around a router: before tokens and all else, for preflights carry none. What is refused is said in these words.
    pub fn around(&self, router: Router, words: ErrorFormat) -> Router {
        let router = match &self.layer {
            Some(layer) => router.layer(layer.clone()),
            None => router,
        };
        let rules = Arc::new((self.origins.clone(), self.hosts.clone()));
        router.layer(from_fn(move |request: Request, next: Next| {
            let rules = rules.clone();
            async move {
                let (origins, hosts) = &*rules;
                match hosts.refusal(&request).or_else(|| strange(origins, &request)) {
                    Some(refusal) => words(&RequestInfo::of(&request), &refusal),
                    None => next.run(request).await,
                }
            }
        }))
    }
}

/// Why a request is refused that a page sends from elsewhere. Forms and plain text are sent by browsers without a preflight; what only reads
/// may come, for the page does not see the answer.
fn strange(origins: &Origins, request: &Request) -> Option<Refusal> {
    let origin = request.headers().get(header::ORIGIN)?;
    if request.method().is_safe() || origins.have(origin) {
        return None;
    }
    let text = String::from_utf8_lossy(origin.as_bytes());
    let site = text.split_once("://").map_or("", |(_, site)| site);
    let own = authorities(request).any(|own| !site.is_empty() && own.eq_ignore_ascii_case(site));
    (!own).then(|| Refusal::of_another_site(&text))
}

#[cfg(test)]
mod tests {
    use super::{HeaderValue, Origins};

    fn origins(texts: &[&str]) -> Result<Origins, String> {
        Origins::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn origins_are_told_apart() {
        let known =
            origins(&["https://Shop.example", "https://*.example.com", "http://localhost:*", "http://[::1]:3000"]);
        let known = known.expect("sound");
        let has = |origin: &str| known.have(&HeaderValue::from_str(origin).expect("a value"));
        for yes in [
            "https://shop.example",
            "https://a.example.com",
            "https://A.b.Example.com",
            "http://localhost:3000",
            "http://[::1]:3000",
        ] {
            assert!(has(yes), "{yes}");
        }
        for no in [
            "http://shop.example",
            "https://shop.example:444",
            "https://shop.example.evil",
            "https://.example.com",
            "https://evil.com/.example.com",
            "https://evil.com?.example.com",
            "https://a@b.example.com",
            "https://example.com",
            "http://localhost",
            "http://localhost:",
            "null",
            "",
        ] {
            assert!(!has(no), "{no}");
        }
        assert!(origins(&["*"]).expect("all").have(&HeaderValue::from_static("null")));
    }

    #[test]
    fn what_is_no_origin_is_named() {
        for wrong in [
            "",
            "shop.example",
            "https://",
            "https://a/",
            "https://a/b",
            "ftp://a",
            "https://*.*.a",
            "https://a b",
            "null",
        ] {
            assert!(
                origins(&["https://a", wrong]).expect_err(wrong).contains(&format!("{wrong:?}: expected")),
                "{wrong}"
            );
        }
    }
}
