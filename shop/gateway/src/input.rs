//! Reading what is not a body: page parameters, and headers that guard writes.

use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::PageRequest;
use vitrine_platform_http::Reply;

/// Longest idempotency key.
const MAX_KEY: usize = 128;

/// `?limit&cursor`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl PageQuery {
    pub(crate) fn request(self) -> Result<Option<PageRequest>, Problem> {
        page(self.limit, self.cursor)
    }
}

/// A page request of its parameters.
pub(crate) fn page(limit: Option<u32>, cursor: Option<String>) -> Result<Option<PageRequest>, Problem> {
    if limit.is_some_and(|n| !(1..=100).contains(&n)) {
        return Err(Problem::invalid("limit", "1 to 100", "so many cannot be listed at once"));
    }
    Ok(Some(PageRequest { size: limit.unwrap_or(0), cursor: cursor.unwrap_or_default() }))
}

/// The idempotency key, if one is given.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Reply> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(value) = given.next() else { return Ok(None) };
    let one = Some(value).filter(|_| given.next().is_none());
    let key = one
        .and_then(|v| v.to_str().ok())
        .filter(|k| !k.is_empty() && k.len() <= MAX_KEY && k.bytes().all(|b| b.is_ascii_graphic()));
    let expected = "one key of 1 to 128 visible ASCII characters without spaces";
    let wrong = || {
        Problem::invalid("Idempotency-Key", expected, "the key is empty, too long or malformed, or there are several")
    };
    Ok(Some(key.ok_or_else(wrong)?.to_owned()))
}

/// The version that a write expects: what ETag said when the thing was read.
pub(crate) fn expected_version(headers: &HeaderMap) -> Result<u64, Reply> {
    let expected = "the ETag of the last read, for example \"3\"";
    let missing = || {
        Reply::new(StatusCode::PRECONDITION_REQUIRED, "IF_MATCH_REQUIRED", "say which version you saw")
            .at("If-Match", expected)
    };
    let value = headers.get(header::IF_MATCH).ok_or_else(missing)?;
    let version = value.to_str().ok().and_then(|v| {
        let tag = v.trim().strip_prefix('"')?.strip_suffix('"')?;
        tag.split('.').next()?.parse().ok()
    });
    version.ok_or_else(|| Problem::invalid("If-Match", expected, "that is not an ETag of this API").into())
}

/// An answer to a write whose expected version was not the stored one.
pub(crate) fn stale(status: tonic::Status) -> Reply {
    let reply = Reply::from(status);
    if reply.reason() == "VERSION_MISMATCH" { reply.with_status(StatusCode::PRECONDITION_FAILED) } else { reply }
}

/// Whether the client has this representation already.
pub(crate) fn is_fresh(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|value| {
        value.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*")
    })
}

#[cfg(test)]
mod tests {
    use super::{expected_version, idempotency_key, is_fresh};
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(name: &str, value: &str) -> HeaderMap {
        let name = HeaderName::try_from(name).expect("a name");
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a value"))])
    }

    #[test]
    fn versions_come_from_etags() {
        assert_eq!(expected_version(&headers("if-match", "\"7\"")).expect("a version"), 7);
        assert_eq!(expected_version(&headers("if-match", "\"7.120\"")).expect("a version"), 7);
        assert_eq!(expected_version(&HeaderMap::new()).expect_err("missing").reason(), "IF_MATCH_REQUIRED");
        for bad in ["7", "*", "\"x\"", "\"-1\""] {
            assert_eq!(expected_version(&headers("if-match", bad)).expect_err(bad).reason(), "INVALID_FIELD");
        }
        assert!(is_fresh(&headers("if-none-match", "\"1\", W/\"7.120\""), "\"7.120\""));
        assert!(!is_fresh(&headers("if-none-match", "\"7.119\""), "\"7.120\""));
    }

    #[test]
    fn keys_are_plain() {
        assert_eq!(idempotency_key(&HeaderMap::new()).expect("none"), None);
        assert_eq!(idempotency_key(&headers("idempotency-key", "a-1")).expect("one"), Some("a-1".to_owned()));
        for bad in ["", "a b", &"k".repeat(129)] {
            assert!(idempotency_key(&headers("idempotency-key", bad)).is_err(), "{bad}");
        }
    }
}
