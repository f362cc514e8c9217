//! The process that a worker works for, as the worker sees it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use tokio::sync::oneshot;

use crate::SqlError;
use crate::source::Source;
use crate::wire::{FromWorker, head};

/// What comes of asking for rows.
pub(crate) enum Reply {
    /// The next part of an Arrow IPC stream, with one batch.
    Rows(Vec<u8>),
    /// There are no more.
    End,
    /// It cannot go on.
    Failed(SqlError),
}

/// The process at the other end of the socket.
pub(crate) struct Parent {
    socket: Mutex<UnixStream>,
    /// Scans that wait for rows.
    waiting: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    scans: AtomicU64,
}

impl Parent {
    /// At this socket.
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self { socket: Mutex::new(socket), waiting: Mutex::default(), scans: AtomicU64::new(0) }
    }

    /// Says something. It waits while the other side does not listen: then no one takes the answer either.
    pub(crate) fn send(&self, message: &FromWorker, bytes: &[u8]) -> io::Result<()> {
        let head = head(message, bytes.len())?;
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        socket.write_all(&head)?;
        socket.write_all(bytes)
    }

    /// Hands on what was answered to a scan, if it is still there.
    pub(crate) fn replied(&self, scan: u64, reply: Reply) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&scan);
        // The caller may have gone meanwhile.
        let _ = waiting.map(|waiting| waiting.send(reply));
    }

    fn ask(&self, scan: u64, message: &FromWorker) -> oneshot::Receiver<Reply> {
        let (reply, waiting) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(scan, reply);
        if self.send(message, &[]).is_err() {
            // No process will answer.
            self.replied(scan, Reply::Failed(SqlError::Closed));
        }
        waiting
    }
}

/// A statement, as the parent numbers it: rows are asked for in its name.
#[derive(Clone)]
pub(crate) struct Run {
    parent: Arc<Parent>,
    number: u64,
}

impl Run {
    /// The statement of this number.
    pub(crate) fn new(parent: Arc<Parent>, number: u64) -> Self {
        Self { parent, number }
    }

    /// Whose process it is.
    pub(crate) fn parent(&self) -> &Parent {
        &self.parent
    }

    /// Begins to read rows.
    pub(crate) fn open(&self, source: Source) -> Scan {
        let number = self.parent.scans.fetch_add(1, Ordering::Relaxed);
        let reply = self.parent.ask(number, &FromWorker::Open { run: self.number, scan: number, source });
        Scan { run: self.clone(), number, decoder: StreamDecoder::new(), reply: Some(reply) }
    }
}

/// Rows as they are read, one batch ahead of a caller that takes them. Dropping it ends the reading.
pub(crate) struct Scan {
    run: Run,
    number: u64,
    decoder: StreamDecoder,
    /// What was asked for last; none at the end.
    reply: Option<oneshot::Receiver<Reply>>,
}

impl Scan {
    /// The next batch; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        let Some(reply) = &mut self.reply else { return Ok(None) };
        let reply = reply.await.unwrap_or(Reply::Failed(SqlError::Closed));
        self.reply = None;
        match reply {
            Reply::Rows(part) => {
                let next = FromWorker::Next { run: self.run.number, scan: self.number };
                self.reply = Some(self.run.parent.ask(self.number, &next));
                self.decode(part).map(Some)
            }
            Reply::End => Ok(None),
            Reply::Failed(error) => Err(error),
        }
    }

    fn decode(&mut self, part: Vec<u8>) -> Result<RecordBatch, SqlError> {
        let mut part = Buffer::from_vec(part);
        let unread = |what: &dyn std::fmt::Display| SqlError::Failed(format!("rows cannot be read: {what}"));
        self.decoder.decode(&mut part).map_err(|error| unread(&error))?.ok_or_else(|| unread(&"no batch in them"))
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if self.reply.take().is_some() {
            self.run.parent.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
            // A parent that is gone has closed it already.
            let _ = self.run.parent.send(&FromWorker::Close { run: self.run.number, scan: self.number }, &[]);
        }
    }
}
