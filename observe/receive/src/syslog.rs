//! Syslog: RFC 5424 and RFC 3164, over TCP, TLS and UDP.
//!
//! No one is authenticated by it, so that whose messages come is a setting. Over a connection the protocol acknowledges nothing: the next
//! bytes are read when those before are on disk, so that a sender that is faster than the disk waits. A connection whose sender ends it is
//! ended in order when all is on disk, and reset if that cannot be. Each datagram of UDP is a message; what comes while the
//! system's queue is full is lost, as is UDP's way.

mod frames;
mod message;
mod records;
mod time;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono_tz::Tz;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::{Signal, Tenant};

use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::intake::{Intake, MAX_BUFFERED_BYTES};
use crate::streams::{self, Door, PAUSE, Serving, Stream, room};
use frames::{Frame, Frames, trimmed};
use records::Messages;

/// What a connection without anything to say may hold, in bytes: what is read of it at a time.
const IDLE_BYTES: usize = 4 << 10;
/// The most that is read, and written, at a time.
const BATCH_BYTES: usize = 256 << 10;
/// How long a connection may say nothing: senders keep theirs for days, and open another where it was closed.
const IDLE: Duration = Duration::from_secs(3600);
/// How long what is on its way has to come once the process ends.
const LAST: Duration = Duration::from_millis(100);
/// The longest datagram, in bytes.
const MAX_DATAGRAM_BYTES: usize = 64 << 10;
/// Batches of datagrams that are being written at a time; beyond, they wait in the system's queue.
const MAX_WRITES: usize = 4;

/// Whose messages come, and how they are read.
#[derive(Clone, Debug)]
pub struct SyslogOptions {
    /// Whose they are.
    pub tenant: Tenant,
    /// Where the clocks of senders stand that tell no zone.
    pub zone: Tz,
    /// What time it is.
    pub clock: Clock,
}

impl SyslogOptions {
    /// The default tenant's, in UTC.
    pub fn new(clock: Clock) -> Self {
        Self { tenant: Tenant::default(), zone: Tz::UTC, clock }
    }

    /// Reads the name of a zone, such as Europe/Berlin.
    pub fn zone(name: &str) -> Option<Tz> {
        name.parse().ok()
    }
}

/// Takes syslog over connections until stopped.
pub async fn serve_syslog(door: Door, intake: Intake, options: SyslogOptions, serving: Serving) {
    let stop = serving.stop.clone();
    streams::serve(door, serving, move |stream, peer| {
        let (intake, options, stop) = (intake.clone(), options.clone(), stop.clone());
        async move {
            stream.reset_unless_ended();
            let mut connection =
                Connection { stream, peer, intake: &intake, options: &options, frames: Frames::default() };
            match connection.take(&stop).await {
                Ok(()) => {
                    connection.stream.end_in_order();
                    // The sender may have gone.
                    let _ = connection.stream.shutdown().await;
                }
                Err(error) => tracing::debug!(error = %error, "a connection of syslog was reset"),
            }
        }
    })
    .await;
}

/// Why a connection was reset.
#[derive(Debug, thiserror::Error)]
enum Reset {
    #[error("it could not be read")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Refused(#[from] Error),
}

struct Connection<'a> {
    stream: Stream,
    peer: Option<SocketAddr>,
    intake: &'a Intake,
    options: &'a SyslogOptions,
    frames: Frames,
}

impl Connection<'_> {
    /// Takes all until its end, or until it is quiet once the process ends.
    async fn take(&mut self, stop: &CancellationToken) -> Result<(), Reset> {
        let mut buffer = self.intake.buffer();
        let mut want = IDLE_BYTES;
        let mut is_stopping = false;
        loop {
            room(&mut buffer, want).await?;
            buffer.bytes.reserve(want);
            let mut stream = (&mut self.stream).take(want as u64);
            let read = stream.read_buf(&mut buffer.bytes);
            let length = tokio::select! {
                read = tokio::time::timeout(if is_stopping { LAST } else { IDLE }, read) => match read {
                    Ok(read) => read?,
                    // It says nothing any more: what came is on disk but for a message that was not finished.
                    Err(_) => 0,
                },
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    continue;
                }
            };
            self.write(&mut buffer, length == 0).await?;
            if length == 0 {
                return Ok(());
            }
            // A sender that fills what is read has more to say.
            want =
                if length == want { (want * 2).min(BATCH_BYTES) } else { length.next_power_of_two().max(IDLE_BYTES) };
            if buffer.bytes.is_empty() && want == IDLE_BYTES {
                buffer = self.intake.buffer();
            }
        }
    }

    /// Has the messages that have come whole on disk, and leaves the rest in the buffer.
    async fn write(&mut self, buffer: &mut Buffer, is_end: bool) -> Result<(), Reset> {
        let mut rest = buffer.bytes.as_slice();
        let mut messages = self.options.messages(self.intake);
        while let Some(frame) = self.frames.next(&mut rest, is_end) {
            messages.add(&frame, self.peer.map(|peer| peer.ip()))?;
        }
        let taken = buffer.bytes.len() - rest.len();
        if messages.count > 0 {
            self.intake.write_when_possible(&self.options.tenant, Signal::Logs, messages.finish()?).await?;
        }
        buffer.bytes.drain(..taken);
        Ok(())
    }
}

impl SyslogOptions {
    fn messages(&self, intake: &Intake) -> Messages {
        Messages::new(intake.budget(), self.zone, self.clock.now_ms())
    }
}

/// Takes syslog by datagrams until stopped; then what the system's queue holds is taken, too.
pub async fn serve_syslog_datagrams(socket: UdpSocket, intake: Intake, options: SyslogOptions, serving: Serving) {
    let (writes, room) = (TaskTracker::new(), Arc::new(Semaphore::new(MAX_WRITES)));
    let mut datagrams = Datagrams::default();
    loop {
        let is_stopping = tokio::select! {
            readable = socket.readable() => {
                if let Err(e) = readable {
                    tracing::warn!(error = %e, "syslog's datagrams could not be waited for");
                    tokio::time::sleep(PAUSE).await;
                }
                false
            }
            () = serving.stop.cancelled() => true,
        };
        let is_over = async {
            serving.stop.cancelled().await;
            tokio::time::sleep(serving.drain).await;
        };
        let permit = tokio::select! {
            Ok(permit) = room.clone().acquire_owned() => permit,
            () = is_over => break,
        };
        datagrams.receive(&socket);
        if !datagrams.all.is_empty() {
            let (batch, intake, options) = (std::mem::take(&mut datagrams.all), intake.clone(), options.clone());
            writes.spawn(async move {
                if let Err(error) = write_datagrams(&batch, &intake, &options).await {
                    tracing::warn!(error = %error, messages = batch.len(), "syslog's datagrams could not be kept");
                }
                drop(permit);
            });
        } else if is_stopping {
            break;
        }
    }
    writes.close();
    if tokio::time::timeout(serving.drain, writes.wait()).await.is_err() {
        tracing::warn!(left = writes.len(), "syslog's datagrams were cut at the end of the drain");
    }
}

/// Datagrams that came together.
struct Datagrams {
    space: Box<[u8]>,
    all: Vec<(SocketAddr, Vec<u8>)>,
}

impl Default for Datagrams {
    fn default() -> Self {
        Self { space: vec![0; MAX_DATAGRAM_BYTES].into(), all: Vec::new() }
    }
}

impl Datagrams {
    /// Takes what has come, up to a batch.
    fn receive(&mut self, socket: &UdpSocket) {
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            match socket.try_recv_from(&mut self.space) {
                Ok((length, peer)) => {
                    bytes += length;
                    self.all.push((peer, self.space[..length].to_vec()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                // What the system tells of a datagram that was sent: none was.
                Err(e) => {
                    tracing::debug!(error = %e, "a datagram could not be received");
                    return;
                }
            }
        }
    }
}

async fn write_datagrams(
    batch: &[(SocketAddr, Vec<u8>)],
    intake: &Intake,
    options: &SyslogOptions,
) -> Result<(), Error> {
    let mut messages = options.messages(intake);
    for (peer, datagram) in batch {
        let content = trimmed(datagram);
        if !content.is_empty() {
            messages.add(&Frame { content, is_cut: false }, Some(peer.ip()))?;
        }
    }
    if messages.count == 0 {
        return Ok(());
    }
    intake.write_when_possible(&options.tenant, Signal::Logs, messages.finish()?).await.map(drop)
}

/// The requests that a stream of messages becomes, for tests of what strangers send.
pub fn syslog_requests(stream: &[u8]) -> Vec<Bytes> {
    let (mut frames, mut rest) = (Frames::default(), stream);
    let mut messages = Messages::new(&Budget::new(MAX_BUFFERED_BYTES), Tz::UTC, 0);
    while let Some(frame) = frames.next(&mut rest, true) {
        if messages.add(&frame, None).is_err() {
            return Vec::new();
        }
    }
    messages.finish().into_iter().map(|request| request.into_parts().0).collect()
}
