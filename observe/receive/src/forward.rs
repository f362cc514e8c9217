//! Fluentd's Forward protocol, version 1 (<https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1>): in all its modes, compressed
//! or not, over TCP, TLS and Unix sockets, with and without its handshake.
//!
//! A message that wants it is acknowledged when it is on disk, alone and in order. One that does not is as good as a line of syslog: the next is
//! read when it is on disk. There is no refusal: a message that cannot be read ends its connection, nothing of it stays, and
//! the messages before it do. An entry that is no record is skipped and counted, and the others of its message are taken.

mod auth;
mod batch;
mod connection;
mod json;
mod language;
mod message;
mod msgpack;
mod partial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::Tenant;

use crate::budget::Budget;
use crate::intake::{Intake, MAX_BUFFERED_BYTES};
use crate::streams::{self, Door, Serving};

use batch::{Reading, rest, translate};
use language::Language;
use partial::Partials;

pub use auth::ForwardSecurity;

/// What a heartbeat is, and its answer.
const HEARTBEAT: &[u8] = &[0];
/// What is read of a datagram, in bytes.
const DATAGRAM_BYTES: usize = 64;
/// Between two warnings of one kind.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// The pause after a datagram could not be received.
const PAUSE: Duration = Duration::from_millis(100);

/// Whose records come, and who may send them.
#[derive(Clone, Debug)]
pub struct ForwardOptions {
    /// Whose they are.
    pub tenant: Tenant,
    /// The handshake; without a shared key there is none.
    pub security: Option<ForwardSecurity>,
    /// What this server calls itself in a handshake. Senders refuse one that is called as they are.
    pub host: String,
    /// What time it is.
    pub clock: Clock,
}

/// Takes messages over connections until stopped.
pub async fn serve_forward(door: Door, intake: Intake, options: ForwardOptions, serving: Serving) {
    let (stop, options, warnings) = (serving.stop.clone(), Arc::new(options), Arc::new(Warnings::default()));
    streams::serve(door, serving, move |stream, _| {
        let (intake, options, warnings, stop) = (intake.clone(), options.clone(), warnings.clone(), stop.clone());
        async move { connection::run(stream, &intake, &options, &warnings, &stop).await }
    })
    .await;
}

/// Returns heartbeats, which are datagrams, to their senders until stopped.
pub async fn serve_forward_heartbeats(socket: UdpSocket, stop: CancellationToken) {
    let mut space = [0; DATAGRAM_BYTES];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut space) => received,
            () = stop.cancelled() => return,
        };
        match received {
            Ok((length, peer)) if space[..length] == *HEARTBEAT => {
                // A sender that has gone needs no answer.
                let _ = socket.send_to(HEARTBEAT, peer).await;
            }
            Ok(_) => {}
            Err(e) => {
                tracing::debug!(error = %e, "a heartbeat could not be received");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What was warned of lately.
#[derive(Debug, Default)]
struct Warnings {
    other_signal: Mutex<Option<Instant>>,
    skipped: Mutex<(Option<Instant>, u64)>,
}

impl Warnings {
    /// Metrics or traces came.
    fn other_signal(&self) {
        let mut last = self.other_signal.lock();
        if is_due(*last) {
            *last = Some(Instant::now());
            tracing::warn!("metrics or traces came from Fluent Bit by Forward, which is for logs: send them as OTLP");
        }
    }

    /// So many entries were no records.
    fn skipped(&self, entries: u64) {
        let (last, waiting) = &mut *self.skipped.lock();
        *waiting += entries;
        if *waiting > 0 && is_due(*last) {
            tracing::warn!(entries = *waiting, "entries that came by Forward are no records, and were skipped");
            (*last, *waiting) = (Some(Instant::now()), 0);
        }
    }
}

fn is_due(last: Option<Instant>) -> bool {
    last.is_none_or(|last| last.elapsed() >= TELL_EVERY)
}

/// The requests that a stream of messages becomes, for tests of what strangers send.
pub fn forward_requests(stream: &[u8]) -> Vec<Bytes> {
    let (budget, mut partials) = (Budget::new(MAX_BUFFERED_BYTES), Partials::default());
    let Some(mut language) = Language::of(stream) else { return Vec::new() };
    let (mut ends, mut requests) = (Vec::new(), Vec::new());
    while let Ok(Some(length)) = language.scan(&stream[ends.last().copied().unwrap_or(0)..]) {
        ends.push(ends.last().copied().unwrap_or(0) + length);
        language = language.again();
    }
    let reading = Reading { is_json: language.is_json(), now_ns: 0 };
    let (mut start, mut waiting) = (0, ends.as_slice());
    while !waiting.is_empty() {
        let places: Vec<usize> = waiting.iter().map(|end| end - start).collect();
        let Ok(batch) = translate(&budget, reading, &stream[start..], &places, &mut partials) else { break };
        requests.extend(batch.requests);
        if batch.end.is_some() || batch.messages == 0 {
            break;
        }
        (start, waiting) = (waiting[batch.messages - 1], &waiting[batch.messages..]);
    }
    requests.extend(rest(&budget, 0, &mut partials).unwrap_or_default());
    requests.into_iter().map(|request| request.into_parts().0).collect()
}
