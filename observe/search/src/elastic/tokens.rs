//! Ids of scrolls and of points in time: all that is needed to go on stands in them, so nothing is kept and nothing expires.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::SearchError;
use super::indices::IndexSet;

/// Longest id, in bytes.
const MAX_BYTES: usize = 256 << 10;

/// A scroll: a search, and where its last answer ended.
#[derive(Serialize, Deserialize)]
pub(crate) struct Scroll {
    pub(crate) indices: IndexSet,
    pub(crate) body: Value,
    /// When the newest record was that there was at the beginning, and its next nanosecond.
    pub(crate) end_ns: u64,
    pub(crate) after: Option<Value>,
    /// How many there were at the beginning.
    pub(crate) total: Value,
}

/// A point in time: some indices, and the end of what they held.
#[derive(Serialize, Deserialize)]
pub(crate) struct PointInTime {
    pub(crate) indices: IndexSet,
    pub(crate) end_ns: u64,
}

pub(crate) fn write(token: &impl Serialize) -> Result<String, SearchError> {
    let text = serde_json::to_vec(token)
        .map_err(|error| SearchError::illegal(format!("the search cannot be kept: {error}")))?;
    let id = URL_SAFE_NO_PAD.encode(text);
    if id.len() > MAX_BYTES {
        return Err(SearchError::illegal(format!(
            "the search is too large to be gone on with; expected {MAX_BYTES} bytes at most"
        )));
    }
    Ok(id)
}

pub(crate) fn read<T: DeserializeOwned>(id: &str, what: &str) -> Result<T, SearchError> {
    let text = URL_SAFE_NO_PAD.decode(id).ok().filter(|_| id.len() <= MAX_BYTES);
    let token = text.and_then(|text| serde_json::from_slice(&text).ok());
    token.ok_or_else(|| SearchError::illegal(format!("Cannot parse {what}; expected one that an answer had")))
}
