//! Events between services: durable, at least once, in order per key, with dead letters and replay.
//!
//! A service [`publish`]es into its outbox in the same commit as the change that caused the event. The outbox is the log, and
//! [`EventLog`] serves it; a [`Consumer`] takes events from a [`Source`], which is that log ([`Log`]) or a broker that a [`Relay`]
//! has published the outbox to. It commits its position and the handler's effects together, so that every event takes effect
//! exactly once in the consumer's own data although it may be delivered more often. Which broker there is, is not known here: see
//! `vitrine-platform-nats`.
//!
//! An event that keeps failing is put aside as a dead letter after [`MAX_TRIES`] tries, so that it does not hold up
//! those behind it; [`dead_letters`] lists them, [`redrive`] hands one out again, [`replay`] starts over from a position and
//! [`replay_since`] from a moment.
//!
//! ```
//! use vitrine_contracts::customers::v1::CustomerErased;
//! use vitrine_contracts::topics::CUSTOMER_ERASED;
//! use vitrine_platform_bus::publish;
//! use vitrine_platform_store::{Error, Schema, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let store = Store::temporary("customers", Schema::new())?;
//! store.ready().await?;
//! let mut tx = store.begin();
//! publish(&mut tx, CUSTOMER_ERASED, "cus_1", 1_795_228_166_042, &CustomerErased::default());
//! // No one sees it before it is committed.
//! assert!(store.read_events(0, &[CUSTOMER_ERASED.to_owned()], 10).await?.0.is_empty());
//! tx.commit().await?;
//! let (events, position) = store.read_events(0, &[CUSTOMER_ERASED.to_owned()], 10).await?;
//! assert_eq!((events[0].event.key.as_str(), events[0].position), ("cus_1", position));
//! # Ok(())
//! # }
//! ```

mod consumer;
mod faulted;
mod inbox;
mod lag;
mod log;
mod outbox;
mod relay;
mod source;

use prost::Message;
use vitrine_contracts::bus::v1 as wire;
use vitrine_platform_store::{NewEvent, Tx};
use vitrine_platform_telemetry::Context;

pub use consumer::{Consumer, HandleError, Handler, MAX_TRIES};
pub use inbox::{DeadLetter, dead_letters, redrive, replay, replay_since, with_inbox};
pub use log::{EventLog, to_wire};
pub use outbox::Outbox;
pub use relay::{Broker, Relay, Unpublished, with_relay};
pub use source::{Batch, Log, Offset, Source};
pub use wire::Event;

/// Adds an event to a batch. It carries the current trace context and baggage, so that its consumers can link to it.
pub fn publish(tx: &mut Tx, topic: &'static str, key: &str, occurred_at_ms: i64, message: &impl Message) {
    let context = Context::current();
    tx.publish(NewEvent {
        id: vitrine_kit::id::new("evt"),
        topic: topic.to_owned(),
        key: key.to_owned(),
        occurred_at_ms,
        payload: message.encode_to_vec(),
        traceparent: context.traceparent().unwrap_or_default(),
        baggage: context.baggage_header(),
    });
}
