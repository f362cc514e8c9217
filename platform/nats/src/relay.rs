//! Events into JetStream, from a relay.

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use vitrine_kit::percent;
use vitrine_platform_bus::{Broker, Event, Unpublished};

use crate::connection::Nats;
use crate::stream;

/// An event's place in its source's outbox.
pub(crate) const POSITION: &str = "vitrine-position";
/// Its key, percent-encoded.
pub(crate) const KEY: &str = "vitrine-key";
/// When it occurred, in milliseconds since 1970.
pub(crate) const OCCURRED_AT: &str = "vitrine-occurred-at";
/// W3C trace context of the publisher.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// W3C baggage of that moment.
pub(crate) const BAGGAGE: &str = "baggage";

#[tonic::async_trait]
impl Broker for Nats {
    async fn publish(&self, source: &str, events: &[Event]) -> Result<(), Unpublished> {
        let mut acknowledged = 0;
        let concerns =
            |denied: &str| denied.starts_with(&stream::subject(source, "")) || denied.starts_with("$JS.API.STREAM.");
        let publishing = self.answered(concerns, self.publish_all(source, events, &mut acknowledged)).await;
        let reason = match publishing {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(call_error) => call_error.to_string(),
        };
        Err(Unpublished { acknowledged, reason })
    }
}

impl Nats {
    /// Sends all of them, then awaits what the server says of each. An event names the one before it, and the server refuses it
    /// when that is not the last one that it has: so nothing is kept behind a gap, though many are under way at once.
    async fn publish_all(&self, source: &str, events: &[Event], acknowledged: &mut u64) -> Result<(), String> {
        self.ensure_stream(source).await.map_err(|e| e.to_string())?;
        let mut under_way = Vec::with_capacity(events.len());
        let mut before: Option<&str> = None;
        for event in events {
            let mut message = PublishMessage::build()
                .payload(event.payload.clone().into())
                .expected_stream(stream::name(source))
                .message_id(&event.id)
                .header(POSITION, event.position.to_string())
                .header(KEY, percent::encode_set(&event.key, percent::IN_HEADER))
                .header(OCCURRED_AT, event.occurred_at_unix_ms.to_string());
            for (name, value) in [(TRACEPARENT, &event.traceparent), (BAGGAGE, &event.baggage)] {
                if !value.is_empty() {
                    message = message.header(name, value.as_str());
                }
            }
            if let Some(before) = before.replace(&event.id) {
                message = message.expected_last_message_id(before);
            }
            let sent = self.jetstream().send_publish(stream::subject(source, &event.topic), message).await;
            under_way.push((event, sent.map_err(|e| self.not_stored(source, event, &e))?));
        }
        for (event, kept) in under_way {
            kept.await.map_err(|e| self.not_stored(source, event, &e))?;
            *acknowledged = event.position;
        }
        Ok(())
    }

    /// Why an event was not kept, and what to do.
    fn not_stored(&self, source: &str, event: &Event, error: &PublishError) -> String {
        self.doubt_stream(source);
        let stream = stream::name(source);
        let refused = std::error::Error::source(error).and_then(|e| e.downcast_ref::<async_nats::jetstream::Error>());
        match (error.kind(), refused) {
            (PublishErrorKind::MaxPayloadExceeded, _) => {
                let limit = self.client().max_payload();
                format!("the event {} is larger than the {limit} bytes of the server: raise max_payload", event.id)
            }
            (PublishErrorKind::StreamNotFound, _) => format!("the stream {stream} is not there"),
            (_, Some(refused)) => format!("the stream {stream} takes no more: {}", stream::advised(refused)),
            _ => format!("the stream {stream} did not take the event {}: {error}", event.id),
        }
    }
}
