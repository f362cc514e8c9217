//! Amplitude, by its HTTP API of version 2.
//!
//! Source: Amplitude's documentation, "HTTP V2 API".

use serde_json::{Value, json};
use vitrine_platform_fetch::Request;

use super::{Destination, JSON, Outgoing, Parcel, chunks, options};
use crate::message::Message;

/// Most events of one request.
const MOST: usize = 1_000;

pub(super) struct Amplitude {
    url: String,
    api_key: String,
}

impl Amplitude {
    pub(super) fn new(base: &str, api_key: &str) -> Self {
        Self { url: format!("{}/2/httpapi", base.trim_end_matches('/')), api_key: api_key.to_owned() }
    }
}

impl Destination for Amplitude {
    fn translate(&self, parcel: &Parcel, _: i64) -> Vec<Outgoing> {
        let events = parcel.messages.iter().filter_map(event).collect();
        let request = |events: Vec<Value>| {
            // Ids may be shorter than the five characters that are wanted else.
            let body = json!({"api_key": self.api_key, "events": events, "options": {"min_id_length": 1}});
            Outgoing::Request(Request::post(&self.url, JSON, body.to_string()))
        };
        chunks(events, MOST).into_iter().map(request).collect()
    }
}

fn event(message: &Message) -> Option<Value> {
    let name = match message.kind() {
        "track" => message.name().to_owned(),
        "page" | "screen" if message.name().is_empty() => format!("Viewed {}", message.kind()),
        "page" | "screen" => format!("Viewed {}", message.name()),
        "identify" => "$identify".to_owned(),
        _ => return None,
    };
    let mut event = json!({
        "event_type": name,
        "time": message.at_ms(),
        "insert_id": message.id(),
        "event_properties": message.properties().as_object().cloned().unwrap_or_default(),
        // -1: it belongs to no visit that Amplitude knows.
        "session_id": options(message, "amplitude")["session_id"].as_i64().unwrap_or(-1),
    });
    if message.kind() == "identify" {
        event["user_properties"] = message.0["traits"].clone();
    }
    for (field, id) in [("user_id", message.user_id()), ("device_id", message.anonymous_id())] {
        if let Some(id) = id {
            event[field] = json!(id);
        }
    }
    Some(event)
}
