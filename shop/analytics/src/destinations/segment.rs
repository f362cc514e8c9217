//! Segment and RudderStack, which speak the same: `/v1/batch` with the messages' own ids.
//!
//! Source: Segment's documentation, "HTTP API Source"; RudderStack's, "HTTP API".

use serde_json::json;
use vitrine_kit::clock::rfc3339;
use vitrine_platform_fetch::Request;

use super::{Destination, JSON, Outgoing, Parcel, chunks, with_key};

/// Most messages of one request: bytes are what bounds it.
const MOST: usize = 2_500;
/// What is ours, and no field of the API.
const OWN: &[&str] = &["receivedAt", "originalTimestamp", "sentAt", "clockIsAhead"];

pub(super) struct Segment {
    url: String,
    write_key: String,
}

impl Segment {
    pub(super) fn new(base: &str, write_key: &str) -> Self {
        Self { url: format!("{}/v1/batch", base.trim_end_matches('/')), write_key: write_key.to_owned() }
    }
}

impl Destination for Segment {
    /// `timestamp` is right already: nothing is told by which it would be moved again.
    fn translate(&self, parcel: &Parcel, now_ms: i64) -> Vec<Outgoing> {
        let mut messages: Vec<_> = parcel.messages.iter().map(|message| message.0.clone()).collect();
        for message in messages.iter_mut().filter_map(serde_json::Value::as_object_mut) {
            OWN.iter().for_each(|field| drop(message.remove(*field)));
        }
        let request = |batch| {
            let body = json!({"batch": batch, "sentAt": rfc3339(now_ms)}).to_string();
            Outgoing::Request(with_key(Request::post(&self.url, JSON, body), &self.write_key))
        };
        chunks(messages, MOST).into_iter().map(request).collect()
    }
}
