//! Events out of JetStream, for a consumer.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::{self, MessagesErrorKind};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::message::{AckKind, Acker};
use async_nats::jetstream::stream::ConsumerErrorKind;
use futures::{FutureExt, StreamExt};
use tokio_util::task::AbortOnDropHandle;
use vitrine_kit::{Backoff, percent};
use vitrine_platform_bus::{Batch, Consumer, Event, Offset, Source};
use vitrine_platform_durability as durability;

use crate::connection::Nats;
use crate::relay::{BAGGAGE, KEY, OCCURRED_AT, POSITION, TRACEPARENT};
use crate::stream;

/// How long one fetch waits for an event.
const WAIT: Duration = Duration::from_secs(5);
/// How long the server keeps a request for events.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it keeps one; when it is silent for twice as long, it is asked again.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long telling the server may take.
const PROGRESS_WAIT: Duration = Duration::from_secs(2);
/// The pause before an event that was given back comes again; doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest of these pauses.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How much earlier than a replay's moment the stream is read: the clocks of services and servers differ, and what is
/// too early is sorted out by when it occurred.
const CLOCKS_DIFFER_MS: i64 = 5 * 60 * 1000;
/// How many replays ago a durable consumer may be left over from.
const LEFT_OVER: u64 = 100;

impl Nats {
    /// Where a consumer gets its events from JetStream: a durable consumer of the source's stream, with one event in flight.
    pub fn source(&self, consumer: &Consumer) -> Box<dyn Source> {
        Box::new(Durable {
            nats: self.clone(),
            consumer: consumer.name().to_owned(),
            source: consumer.source().to_owned(),
            topics: consumer.topics().to_vec(),
            pulling: None,
            taken: None,
        })
    }
}

/// A durable consumer.
struct Durable {
    nats: Nats,
    consumer: String,
    source: String,
    topics: Vec<String>,
    pulling: Option<Pulling>,
    taken: Option<Taken>,
}

/// Messages that come in, for the replay of this number.
struct Pulling {
    generation: u64,
    messages: pull::Stream,
}

/// The event that is with the consumer.
struct Taken {
    acker: Acker,
    delivered: i64,
    /// Tells the server that it is being worked on.
    _progress: AbortOnDropHandle<()>,
}

/// The name of a durable consumer: another one after each replay.
fn durable(consumer: &str, generation: u64) -> String {
    if generation == 0 { consumer.to_owned() } else { format!("{consumer}_replay{generation}") }
}

/// The narrowest subject that lets all topics pass: a server before 2.10 knows only one filter.
fn filter(source: &str, topics: &[String]) -> String {
    let mut shared: Vec<&str> = topics.first().map(|t| t.split('.').collect()).unwrap_or_default();
    if topics.iter().any(|topic| *topic != topics[0]) {
        for topic in topics {
            let same = shared.iter().zip(topic.split('.')).take_while(|(a, b)| *a == b).count();
            // The wildcard stands for at least one word.
            shared.truncate(same.min(topic.split('.').count() - 1));
        }
        shared.push(">");
    }
    stream::subject(source, &shared.join("."))
}

impl Durable {
    /// Makes the durable consumer, unless it is there, and asks for its messages.
    async fn open(&self, from: Offset) -> Result<Pulling, String> {
        self.nats.ensure_stream(&self.source).await.map_err(|e| e.to_string())?;
        let (stream, name) = (stream::name(&self.source), durable(&self.consumer, from.generation));
        let begin = from.since_ms.saturating_sub(CLOCKS_DIFFER_MS);
        let deliver_policy = match async_nats::datetime::from_nanos(i128::from(begin) * 1_000_000) {
            Ok(start_time) if begin > 0 => DeliverPolicy::ByStartTime { start_time },
            _ => DeliverPolicy::All,
        };
        let config = pull::Config {
            durable_name: Some(name.clone()),
            deliver_policy,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.nats.0.events.ack_wait(),
            // See docs/adr/0009: order, and never two replicas at one time.
            max_ack_pending: 1,
            filter_subject: filter(&self.source, &self.topics),
            ..pull::Config::default()
        };
        let concerns = |denied: &str| denied.starts_with("$JS.API.CONSUMER.") && denied.contains(&stream);
        let jetstream = self.nats.jetstream();
        let opening = async {
            let made = jetstream.create_consumer_on_stream(config, &stream).await;
            let consumer = made.map_err(|e| {
                self.nats.doubt_stream(&self.source);
                match e.kind() {
                    ConsumerErrorKind::JetStream(refused) => {
                        format!("the durable consumer {name} of {stream} cannot be used: {}", stream::advised(&refused))
                    }
                    _ => format!("the durable consumer {name} of {stream} cannot be made: {e}"),
                }
            })?;
            for old in (from.generation.saturating_sub(LEFT_OVER)..from.generation).rev() {
                // It goes on without us, if it cannot be deleted.
                if jetstream.delete_consumer_from_stream(durable(&self.consumer, old), &stream).await.is_ok() {
                    break;
                }
            }
            let pulled = consumer.stream().max_messages_per_batch(1).expires(EXPIRES).heartbeat(HEARTBEAT);
            pulled.messages().await.map_err(|e| format!("{stream} cannot be read: {e}"))
        };
        let messages = self.nats.answered(concerns, opening).await.map_err(|call_error| call_error.to_string())??;
        Ok(Pulling { generation: from.generation, messages })
    }

    /// The event of a message; none when another caller has published it.
    fn event(&self, message: &Message) -> Option<Event> {
        let headers = message.headers.as_ref()?;
        let header = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
        Some(Event {
            id: header("Nats-Msg-Id")?.to_owned(),
            topic: message.subject.strip_prefix(&stream::subject(&self.source, ""))?.to_owned(),
            key: percent::decode(header(KEY)?)?,
            position: header(POSITION)?.parse().ok().filter(|position| *position > 0)?,
            occurred_at_unix_ms: header(OCCURRED_AT)?.parse().ok()?,
            payload: message.payload.to_vec(),
            traceparent: header(TRACEPARENT).unwrap_or_default().to_owned(),
            baggage: header(BAGGAGE).unwrap_or_default().to_owned(),
        })
    }

    /// Keeps the server patient as long as the event is with the consumer.
    fn keep(&self, message: &Message) -> Taken {
        let acker = || Acker::new(message.context.clone(), message.reply.clone());
        let (working, pause) = (acker(), self.nats.0.events.ack_wait() / 3);
        let progress = tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                // If it is not heard, another one gets the event, too; only one of them can commit.
                let _ = working.ack_with(AckKind::Progress).await;
            }
        });
        Taken {
            acker: acker(),
            delivered: message.info().map_or(1, |info| info.delivered),
            _progress: AbortOnDropHandle::new(progress),
        }
    }
}

/// Tells the server what became of an event. If it is not heard the event comes again, and is known by its position.
async fn tell(acker: &Acker, kind: AckKind) {
    let told = tokio::time::timeout(PROGRESS_WAIT, acker.ack_with(kind)).await;
    if !matches!(told, Ok(Ok(()))) {
        tracing::debug!("NATS was not told what became of an event");
    }
}

#[tonic::async_trait]
impl Source for Durable {
    async fn fetch(&mut self, from: Offset) -> Result<Batch, String> {
        self.taken = None;
        if self.pulling.as_ref().is_none_or(|pulling| pulling.generation != from.generation) {
            self.pulling = None;
            self.pulling = Some(self.open(from).await?);
        }
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            let Some(pulling) = &mut self.pulling else { return Ok(Batch::default()) };
            let Ok(next) = tokio::time::timeout_at(until, pulling.messages.next()).await else {
                return Ok(Batch::default());
            };
            let message = match next {
                Some(Ok(message)) => message,
                Some(Err(e)) => {
                    self.pulling = None;
                    let stream = stream::name(&self.source);
                    return Err(match e.kind() {
                        MessagesErrorKind::ConsumerDeleted => format!("the durable consumer of {stream} was deleted"),
                        _ if !self.nats.is_connected() => "NATS cannot be reached at the moment".to_owned(),
                        _ => format!("{stream} cannot be read: {e}"),
                    });
                }
                None => {
                    self.pulling = None;
                    return Err("NATS gives no more messages".to_owned());
                }
            };
            let Some(event) = self.event(&message) else {
                tracing::error!(subject = %message.subject, "a message that is no event was left out");
                tell(&message.split().1, AckKind::Term).await;
                continue;
            };
            if !self.topics.contains(&event.topic) {
                tell(&message.split().1, AckKind::Ack).await;
                continue;
            }
            self.taken = Some(self.keep(&message));
            let pending = message.info().map_or(0, |info| info.pending);
            return Ok(Batch { events: vec![event], position: 0, pending });
        }
    }

    async fn acknowledge(&mut self, committed: bool) {
        let taken = self.taken.take();
        // The server forgets what is acknowledged: what came of it is on disk by then.
        let committed = committed && durability::settle().await.is_ok();
        if committed {
            if let Some(taken) = taken {
                tell(&taken.acker, AckKind::Ack).await;
            }
            return;
        }
        if let Some(taken) = taken {
            let failures = u32::try_from(taken.delivered.saturating_sub(1)).unwrap_or(0);
            let pause = Backoff::new(FIRST_PAUSE, MAX_PAUSE).after(failures).pause();
            tell(&taken.acker, AckKind::Nak(Some(pause))).await;
        }
        // What came in meanwhile would stay with us until the server has lost its patience.
        let Some(mut pulling) = self.pulling.take() else { return };
        while let Some(Some(Ok(message))) = pulling.messages.next().now_or_never() {
            tell(&message.split().1, AckKind::Nak(None)).await;
        }
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_filter_lets_all_topics_pass_and_little_else() {
        for (topics, expected) in [
            (&["orders.order.paid"][..], "orders.order.paid"),
            (&["orders.order.paid", "orders.order.refunded"], "orders.order.>"),
            (&["orders.order.paid", "orders.basket.paid"], "orders.>"),
            (&["orders.order", "orders.order.paid"], "orders.>"),
            (&["orders.order.paid", "orders"], ">"),
            (&["a.b", "b.a"], ">"),
        ] {
            let topics: Vec<String> = topics.iter().map(|t| (*t).to_owned()).collect();
            assert_eq!(filter("orders", &topics), format!("vitrine.events.orders.{expected}"), "{topics:?}");
        }
    }
}
