//! What waits for the writer thread, within bounds, and how it is answered.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::Status;
use crate::error::Error;
use crate::format::{HEADER, Position, framed};

/// Most records that wait or are being written.
const MAX_WAITING: usize = 16 << 10;
/// Most truncations that wait.
const MAX_TRUNCATIONS: usize = 64;

/// The answer to come: a future, and a blocking wait.
///
/// A caller that drops it does not learn of the outcome, and changes nothing.
#[must_use = "nothing is certain before the answer is there"]
pub struct AppendFuture<T>(oneshot::Receiver<Result<T, Error>>);

impl<T> AppendFuture<T> {
    pub(crate) fn new(receiver: oneshot::Receiver<Result<T, Error>>) -> Self {
        Self(receiver)
    }

    /// Blocks the thread until the answer is there. Not for threads that drive futures: tokio panics there.
    pub fn wait(self) -> Result<T, Error> {
        self.0.blocking_recv().unwrap_or(Err(Error::Closed))
    }
}

impl<T> Future for AppendFuture<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(Error::Closed)))
    }
}

impl<T> fmt::Debug for AppendFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AppendFuture").finish_non_exhaustive()
    }
}

/// A record that waits.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) kind: u8,
    pub(crate) parts: Vec<Bytes>,
    pub(crate) length: usize,
    pub(crate) crc: u32,
    pub(crate) reply: oneshot::Sender<Result<Position, Error>>,
}

impl Append {
    /// Bytes that it may take on disk, with a segment begun for it.
    fn cost(&self) -> u64 {
        (framed(self.length) + HEADER) as u64
    }
}

/// A truncation that waits.
#[derive(Debug)]
pub(crate) struct Truncate {
    pub(crate) before: Position,
    pub(crate) reply: oneshot::Sender<Result<u64, Error>>,
}

/// What the writer thread has to do next.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) appends: Vec<Append>,
    pub(crate) truncations: Vec<Truncate>,
}

/// The queue and the counters, shared by the log, its writer and its replay.
#[derive(Debug)]
pub(crate) struct WriteQueue {
    state: Mutex<State>,
    woken: Condvar,
    max_waiting_bytes: u64,
    max_bytes: u64,
}

#[derive(Debug)]
struct State {
    work: Work,
    status: Status,
    /// The number of the oldest segment in use.
    oldest: u32,
    closed: bool,
}

impl WriteQueue {
    pub(crate) fn new(max_waiting_bytes: u64, max_bytes: u64, oldest: u32, status: Status) -> Self {
        let state = State { work: Work::default(), status, oldest, closed: false };
        Self { state: Mutex::new(state), woken: Condvar::new(), max_waiting_bytes, max_bytes }
    }

    /// Takes a record into the queue, or says at once why not.
    pub(crate) fn append(&self, append: Append) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        let cost = append.cost();
        let Status { waiting, waiting_bytes, bytes, .. } = state.status;
        // A single record may be larger than the bound: it goes alone.
        if waiting > 0 && (waiting >= MAX_WAITING || waiting_bytes + cost > self.max_waiting_bytes) {
            return Err(Error::Full { bytes: waiting_bytes });
        }
        if bytes + waiting_bytes + cost > self.max_bytes {
            return Err(Error::NoRoom { bytes: bytes + waiting_bytes, max_bytes: self.max_bytes });
        }
        state.status.waiting += 1;
        state.status.waiting_bytes += cost;
        state.work.appends.push(append);
        drop(state);
        self.woken.notify_one();
        Ok(())
    }

    pub(crate) fn truncate(&self, truncate: Truncate) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        if state.work.truncations.len() >= MAX_TRUNCATIONS {
            return Err(Error::Full { bytes: state.status.waiting_bytes });
        }
        state.work.truncations.push(truncate);
        drop(state);
        self.woken.notify_one();
        Ok(())
    }

    /// Waits for work, or until the time has come. None if the log is closed and all is done.
    pub(crate) fn take(&self, until: Option<Instant>) -> Option<Work> {
        let mut state = self.state.lock();
        while state.work.appends.is_empty() && state.work.truncations.is_empty() {
            if state.closed {
                return None;
            }
            match until {
                None => self.woken.wait(&mut state),
                Some(until) if self.woken.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
            }
        }
        Some(std::mem::take(&mut state.work))
    }

    /// Notes that these records wait no longer, and what else has changed.
    pub(crate) fn done(&self, appends: &[Append], change: impl FnOnce(&mut Status)) {
        let mut state = self.state.lock();
        state.status.waiting -= appends.len();
        state.status.waiting_bytes -= appends.iter().map(Append::cost).sum::<u64>();
        change(&mut state.status);
    }

    /// Notes that all segments before this one are truncated.
    pub(crate) fn truncated(&self, oldest: u32) {
        self.state.lock().oldest = oldest;
    }

    /// Takes nothing from now on. What waits is written.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.woken.notify_one();
    }

    /// Completes everything that waits with [`Error::Closed`].
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let work = std::mem::take(&mut state.work);
        drop(state);
        drop(work);
    }

    /// The number of the oldest segment that is not truncated.
    pub(crate) fn oldest(&self) -> u32 {
        self.state.lock().oldest
    }

    pub(crate) fn status(&self) -> Status {
        self.state.lock().status.clone()
    }
}
