//! One connection of the Forward protocol.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use vitrine_observe_store::Signal;

use super::auth::Handshake;
use super::batch::{Batch, End, Reading, rest, translate};
use super::language::Language;
use super::msgpack::Malformed;
use super::partial::Partials;
use super::{ForwardOptions, Warnings};
use crate::body::MAX_BODY_BYTES;
use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::intake::{Intake, ns_of};
use crate::streams::{MAX_PAUSES, PAUSE, Stream, room};

/// What is read at a time of a connection that says little, in bytes.
const IDLE_BYTES: usize = 4 << 10;
/// The most that is read at a time.
const READ_BYTES: usize = 1 << 20;
/// The most messages that are written together.
const MAX_MESSAGES: usize = 10_000;
/// How long a connection may say nothing.
const IDLE: Duration = Duration::from_secs(600);
/// How long the next part of a line may take to come.
const PART: Duration = Duration::from_secs(5);
/// How long the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a sender may take to read an acknowledgement.
const UNREAD: Duration = Duration::from_secs(30);
/// How long what is on its way has to come once the process ends.
const LAST: Duration = Duration::from_millis(100);
/// Bytes of messages, perhaps compressed, that are translated where they come up; more would hold up others.
const INLINE_BYTES: usize = 4 << 10;

/// Why a connection ended before its sender ended it.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it could not be read or written")]
    Io(#[from] io::Error),
    #[error("the sender took too long")]
    Slow,
    #[error("the handshake was refused: {0}")]
    Refused(&'static str),
    #[error(transparent)]
    Message(#[from] End),
    #[error(transparent)]
    Kept(#[from] Error),
}

impl From<Malformed> for Ended {
    fn from(malformed: Malformed) -> Self {
        Self::Message(malformed.into())
    }
}

struct Connection<'a> {
    stream: Stream,
    intake: &'a Intake,
    options: &'a ForwardOptions,
    warnings: &'a Warnings,
    buffer: Buffer,
    /// None until a byte has come.
    language: Option<Language>,
    /// Where messages end that have come whole.
    ends: Vec<usize>,
    partials: Partials,
    want: usize,
}

/// Takes all that comes over a connection.
pub(super) async fn run(
    stream: Stream,
    intake: &Intake,
    options: &ForwardOptions,
    warnings: &Warnings,
    stop: &CancellationToken,
) {
    let (buffer, language, ends, partials) = (intake.buffer(), None, Vec::new(), Partials::default());
    let mut connection =
        Connection { stream, intake, options, warnings, buffer, language, ends, partials, want: IDLE_BYTES };
    let outcome = connection.take(stop).await;
    if let Err(error) = connection.write_rest().await {
        tracing::warn!(error = %error, "parts of lines that came by Forward could not be kept");
    }
    match outcome {
        Ok(()) => {}
        Err(Ended::Message(End::OtherSignal)) => warnings.other_signal(),
        // The sender has it still, and sends it again.
        Err(error) => tracing::debug!(error = %error, "a connection of Forward was closed"),
    }
    // The sender may have gone.
    let _ = tokio::time::timeout(LAST, connection.stream.shutdown()).await;
}

/// What is translated, off the async threads.
struct Work {
    budget: Budget,
    reading: Reading,
    buffer: Buffer,
    ends: Vec<usize>,
    partials: Partials,
}

impl Work {
    /// The parts of lines are changed only if all went well: it is done again where memory was missing.
    fn translated(mut self) -> (Self, Result<Batch, Error>) {
        let mut partials = self.partials.clone();
        let batch = translate(&self.budget, self.reading, &self.buffer.bytes, &self.ends, &mut partials);
        if batch.is_ok() {
            self.partials = partials;
        }
        (self, batch)
    }
}

impl Connection<'_> {
    async fn take(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        if self.options.security.is_some() {
            tokio::time::timeout(HANDSHAKE, self.handshake()).await.map_err(|_| Ended::Slow)??;
        }
        let mut is_stopping = false;
        loop {
            while !self.ends.is_empty() {
                self.write().await?;
            }
            let patience = match (is_stopping, self.partials.is_empty()) {
                (true, _) => LAST,
                (false, true) => IDLE,
                (false, false) => PART,
            };
            let read = tokio::select! {
                read = tokio::time::timeout(patience, self.read()) => read,
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    continue;
                }
            };
            match read {
                Ok(Ok(0)) => return Ok(()),
                Ok(read) => drop(read?),
                Err(_) if !is_stopping && !self.partials.is_empty() => self.write_rest().await?,
                Err(_) => return Ok(()),
            }
            self.scan()?;
        }
    }

    /// Reads what comes next; nothing is lost when it is not waited for. Returns how many bytes that were.
    async fn read(&mut self) -> Result<usize, Ended> {
        let (want, buffer) = (self.want, &mut self.buffer);
        room(buffer, want).await?;
        buffer.bytes.reserve(want);
        let length = (&mut self.stream).take(want as u64).read_buf(&mut buffer.bytes).await?;
        // A sender that fills what is read has more to say.
        self.want =
            if length == want { (want * 2).min(READ_BYTES) } else { length.next_power_of_two().max(IDLE_BYTES) };
        Ok(length)
    }

    /// Finds where messages end in what has come.
    fn scan(&mut self) -> Result<(), Ended> {
        let bytes = self.buffer.bytes.as_slice();
        if self.language.is_none() {
            self.language = Language::of(bytes);
        }
        let Some(language) = &mut self.language else { return Ok(()) };
        while self.ends.len() < MAX_MESSAGES {
            let start = self.ends.last().copied().unwrap_or(0);
            let error: Ended = match language.scan(&bytes[start..]) {
                Ok(Some(length)) => {
                    self.ends.push(start + length);
                    *language = language.again();
                    continue;
                }
                // What is declared is looked at before it has come.
                Ok(None) if language.known_bytes() > MAX_BODY_BYTES - READ_BYTES => End::TooLarge.into(),
                Ok(None) => return Ok(()),
                Err(error) => error.into(),
            };
            // The messages before it are taken first.
            return if self.ends.is_empty() { Err(error) } else { Ok(()) };
        }
        Ok(())
    }

    /// Has messages that have come on disk, up to one that wants an acknowledgement, which it gets.
    async fn write(&mut self) -> Result<(), Ended> {
        let Batch { requests, messages, ack, skipped, end } = self.translate().await?;
        self.warnings.skipped(skipped);
        for request in requests {
            self.intake.write_when_possible(&self.options.tenant, Signal::Logs, request).await?;
        }
        if let Some(ack) = ack {
            self.send(&ack).await?;
        }
        if let Some(end) = end {
            return Err(end.into());
        }
        let taken = self.ends[messages - 1];
        self.buffer.bytes.drain(..taken);
        self.ends.drain(..messages);
        self.ends.iter_mut().for_each(|end| *end -= taken);
        if self.buffer.bytes.is_empty() && self.want == IDLE_BYTES {
            self.buffer = self.intake.buffer();
        }
        // What was not looked at yet.
        if self.ends.is_empty() { self.scan() } else { Ok(()) }
    }

    /// Translates what has come, as soon as there is memory for it.
    async fn translate(&mut self) -> Result<Batch, Ended> {
        let mut work = Work {
            budget: self.intake.budget().clone(),
            reading: Reading { is_json: self.language.as_ref().is_some_and(Language::is_json), now_ns: self.now_ns() },
            buffer: std::mem::replace(&mut self.buffer, self.intake.buffer()),
            ends: std::mem::take(&mut self.ends),
            partials: std::mem::take(&mut self.partials),
        };
        let is_small = work.ends.last().is_some_and(|end| *end <= INLINE_BYTES);
        let mut pauses = 0;
        loop {
            let (done, batch) = self.intake.run(is_small, move || work.translated()).await?;
            match batch {
                Err(Error::Busy) if pauses < MAX_PAUSES => {
                    work = done;
                    pauses += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                batch => {
                    (self.buffer, self.ends, self.partials) = (done.buffer, done.ends, done.partials);
                    return Ok(batch?);
                }
            }
        }
    }

    /// Has what is there of lines in parts on disk.
    async fn write_rest(&mut self) -> Result<(), Ended> {
        if self.partials.is_empty() {
            return Ok(());
        }
        let mut partials = std::mem::take(&mut self.partials);
        let requests = rest(self.intake.budget(), self.now_ns(), &mut partials)?;
        for request in requests {
            self.intake.write_when_possible(&self.options.tenant, Signal::Logs, request).await?;
        }
        Ok(())
    }

    async fn handshake(&mut self) -> Result<(), Ended> {
        let options = self.options;
        let Some(security) = &options.security else { return Ok(()) };
        let handshake = Handshake::new(security);
        self.send(&handshake.helo()).await?;
        while self.ends.is_empty() {
            if self.read().await? == 0 {
                return Err(Ended::Refused("the sender said nothing"));
            }
            self.scan()?;
        }
        let end = self.ends[0];
        let answer = handshake.answer(security, &options.host, &self.buffer.bytes[..end])?;
        self.send(&answer.pong).await?;
        self.buffer.bytes.drain(..end);
        self.ends.remove(0);
        self.ends.iter_mut().for_each(|place| *place -= end);
        answer.refused.map_or(Ok(()), |why| Err(Ended::Refused(why)))
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        Ok(tokio::time::timeout(UNREAD, sent).await.map_err(|_| Ended::Slow)??)
    }

    fn now_ns(&self) -> u64 {
        ns_of(self.options.clock.now_ms())
    }
}
