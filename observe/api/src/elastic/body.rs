//! Bodies of searches: JSON, or lines of it, compressed or not; and parameters that say the same.

use std::io::Read;

use axum::body::{Body, to_bytes};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};
use vitrine_observe_search::elastic::SearchError;

use crate::params::{Pairs, get};

/// Bytes of one request, compressed and not.
const MAX_BYTES: usize = 16 << 20;
/// Searches of one `_msearch`.
const MAX_SEARCHES: usize = 200;

fn too_large() -> SearchError {
    SearchError::IllegalArgument(format!("the body is too large; expected {MAX_BYTES} bytes at most"))
}

/// The bytes of a body.
pub(super) async fn bytes(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, SearchError> {
    let sent = to_bytes(body, MAX_BYTES).await.map_err(|_| too_large())?;
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(sent.into()),
        "gzip" | "x-gzip" => {
            let mut plain = Vec::new();
            let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
            let wrong = |error| SearchError::Parsing(format!("the body is no gzip: {error}"));
            MultiGzDecoder::new(&*sent).take(limit).read_to_end(&mut plain).map_err(wrong)?;
            if plain.len() > MAX_BYTES { Err(too_large()) } else { Ok(plain) }
        }
        other => Err(SearchError::IllegalArgument(format!("content encoding [{other}]; expected gzip or none"))),
    }
}

/// A body as JSON; an empty object if there is none.
pub(super) fn object(bytes: &[u8]) -> Result<Value, SearchError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    let read: Value =
        serde_json::from_slice(bytes).map_err(|error| SearchError::Parsing(format!("the body is no JSON: {error}")))?;
    if read.is_object() { Ok(read) } else { Err(SearchError::Parsing("the body is no object of JSON".into())) }
}

/// A body as a search, with what the parameters say instead of it.
pub(super) fn search_of(bytes: &[u8], pairs: &Pairs) -> Result<Value, SearchError> {
    with_parameters(object(bytes)?, pairs)
}

/// A search with what the parameters say instead of its body.
pub(super) fn with_parameters(mut body: Value, pairs: &Pairs) -> Result<Value, SearchError> {
    if let Some(text) = get(pairs, "q") {
        let mut query = json!({ "query": text });
        for (name, key) in [
            ("df", "default_field"),
            ("default_operator", "default_operator"),
            ("lenient", "lenient"),
            ("analyze_wildcard", "analyze_wildcard"),
        ] {
            if let Some(value) = get(pairs, name) {
                query[key] = value.into();
            }
        }
        body["query"] = json!({ "query_string": query });
    }
    for name in ["size", "from", "track_total_hits", "version", "seq_no_primary_term"] {
        if let Some(text) = get(pairs, name) {
            body[name] = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        }
    }
    for name in ["sort", "docvalue_fields"] {
        if let Some(text) = get(pairs, name) {
            body[name] = text.split(',').map(str::trim).collect();
        }
    }
    if let Some(text) = get(pairs, "_source") {
        body["_source"] = text.into();
    }
    let (includes, excludes) = (get(pairs, "_source_includes"), get(pairs, "_source_excludes"));
    if includes.is_some() || excludes.is_some() {
        body["_source"] = json!({ "includes": includes.unwrap_or_default(), "excludes": excludes.unwrap_or_default() });
    }
    Ok(body)
}

/// Where to search, and what for, as far as that can be read.
pub(super) type Searches = Vec<(Value, Result<Value, SearchError>)>;

/// The searches of an `_msearch`: each a line of where, and a line of what.
pub(super) fn searches(bytes: &[u8]) -> Result<Searches, SearchError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| SearchError::Parsing(format!("the body is no UTF-8: {error}")))?;
    let mut lines = text.lines();
    let mut all = Vec::new();
    while let Some(header) = lines.next() {
        let body = lines.next();
        if body.is_none() && header.trim().is_empty() {
            break;
        }
        let header = object(header.as_bytes())?;
        let Some(body) = body.filter(|body| !body.trim().is_empty()) else {
            return Err(SearchError::Parsing(format!(
                "search {} has no second line; expected a search",
                all.len() + 1
            )));
        };
        all.push((header, object(body.as_bytes())));
        if all.len() > MAX_SEARCHES {
            return Err(SearchError::IllegalArgument(format!("more than {MAX_SEARCHES} searches in one request")));
        }
    }
    if all.is_empty() {
        return Err(SearchError::IllegalArgument("Validation Failed: 1: no requests added;".into()));
    }
    Ok(all)
}
