//! Mixpanel, by its import of events.
//!
//! Source: Mixpanel's documentation, "Import Events" and "Identity Management".

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vitrine_platform_fetch::{Request, Response};

use super::{Destination, JSON, MAX_TOLD, Outgoing, Parcel, chunks, with_key};
use crate::message::Message;

/// Most events of one request.
const MOST: usize = 2_000;
/// The longest insert id, in bytes; it consists of letters, digits and dashes.
const MAX_INSERT_ID: usize = 36;

pub(super) struct Mixpanel {
    url: String,
    token: String,
}

impl Mixpanel {
    pub(super) fn new(base: &str, token: &str) -> Self {
        Self { url: format!("{}/import?strict=1", base.trim_end_matches('/')), token: token.to_owned() }
    }
}

impl Destination for Mixpanel {
    fn translate(&self, parcel: &Parcel, _: i64) -> Vec<Outgoing> {
        let events = parcel.messages.iter().filter_map(event).collect();
        let request = |events: Vec<Value>| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            // Into memory, where writing does not fail.
            let _ = gzip.write_all(Value::Array(events).to_string().as_bytes());
            let request = Request::post(&self.url, JSON, gzip.finish().unwrap_or_default());
            let request = request.with_header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Outgoing::Request(with_key(request, &self.token))
        };
        chunks(events, MOST).into_iter().map(request).collect()
    }

    /// Of a request that is refused with 400, what is not named was taken.
    fn refusal(&self, response: &Response) -> Option<String> {
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        match (response.status, answer["failed_records"].as_array()) {
            (status, _) if status.is_success() => None,
            (StatusCode::BAD_REQUEST, Some(failed)) => {
                let first = failed.first().map(Value::to_string).unwrap_or_default();
                let first: String = first.chars().take(MAX_TOLD).collect();
                Some(format!("{} events were refused, the others taken; the first: {first}", failed.len()))
            }
            (status, _) => {
                let told: String = answer["error"].as_str().unwrap_or_default().chars().take(MAX_TOLD).collect();
                Some(format!("{status}: {told}"))
            }
        }
    }
}

fn event(message: &Message) -> Option<Value> {
    let name = match message.kind() {
        "track" => message.name().to_owned(),
        "page" | "screen" if message.name().is_empty() => format!("Viewed {}", message.kind()),
        "page" | "screen" => format!("Viewed {}", message.name()),
        _ => return None,
    };
    let mut properties = message.properties().as_object().cloned().unwrap_or_default();
    let page = &message.0["context"]["page"];
    for (field, property) in [("url", "$current_url"), ("referrer", "$referrer")] {
        properties.extend(page[field].as_str().map(|text| (property.to_owned(), json!(text))));
    }
    properties.insert("time".to_owned(), json!(message.at_ms()));
    properties.insert("distinct_id".to_owned(), json!(message.subject()));
    properties.insert("$insert_id".to_owned(), json!(insert_id(message.id())));
    properties.extend(message.user_id().map(|id| ("$user_id".to_owned(), json!(id))));
    properties.extend(message.anonymous_id().map(|id| ("$device_id".to_owned(), json!(id))));
    Some(json!({"event": name, "properties": properties}))
}

/// The message's id, or one that is made of it and always the same.
fn insert_id(id: &str) -> String {
    let fits = id.len() <= MAX_INSERT_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits { id.to_owned() } else { hex::encode(&Sha256::digest(id)[..16]) }
}
