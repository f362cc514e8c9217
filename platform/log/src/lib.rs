//! A write-ahead log: what is appended is on disk when the append completes, and is there again after a restart.
//!
//! One thread writes. It takes all records that wait, writes them with one call and syncs once for all; so many writers
//! share the price of a sync. Records stand in segments, files that are deleted as a whole when everything in them is
//! behind the position that a caller says it no longer needs. The format is in `format.rs`.
//!
//! What waits is bounded, and so is the log: beyond, an append is refused at once. A failed write or sync fails
//! everything that was in it, puts the log back to where it was, and the next append tries again. After a failed sync the
//! file is never written to again.
//!
//! Opening cuts off what a crash left half written, and the [`Replay`] tells what cannot be read: flipped bits, shortened
//! and missing files. Everything else is served. Damaged files are kept under another name. A log that was opened writes
//! to a new segment, so a position is never given twice, whatever was lost.
//!
//! It does not know what records hold, and does not read them while it runs: only when it is opened.
//!
//! ```
//! use bytes::Bytes;
//! use vitrine_platform_log::{Log, Options};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let (log, _) = Log::open(folder.path(), Options::default())?;
//! let position = log.append(7, [Bytes::from_static(b"made of "), Bytes::from_static(b"glass")])?.wait()?;
//! drop(log);
//!
//! let (_log, replay) = Log::open(folder.path(), Options::default())?;
//! for record in replay {
//!     let record = record?;
//!     assert_eq!((record.position, record.kind, &record.payload[..]), (position, 7, &b"made of glass"[..]));
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod folder;
mod format;
mod queue;
mod reader;
mod recover;
mod replay;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::folder::Folder;
use crate::queue::{Append, Truncate, WriteQueue};
use crate::recover::{Recovered, recover};
use crate::writer::{Syncs, Writer};

pub use error::{Damage, Error};
pub use format::{MAX_RECORD_BYTES, Position};
pub use queue::AppendFuture;
pub use reader::Record;
pub use replay::Replay;

/// The smallest segment, in bytes: below, headers would be most of it.
const MIN_SEGMENT_BYTES: u64 = 4 << 10;
/// The largest segment, in bytes: offsets in it have 32 bits, with one more record.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;
/// The writer thread's stack, in bytes.
const STACK: usize = 256 << 10;

/// When records are made to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before they are acknowledged: they survive the loss of power.
    Always,
    /// So long after they were acknowledged, at most: they survive the end of the process.
    Every(Duration),
    /// When the operating system likes to: they survive the end of the process.
    Never,
}

/// How the log works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A segment's size, from 4 KiB to 1 GiB. A record that is larger gets a segment of its own.
    pub segment_bytes: u64,
    /// When records are made to last.
    pub fsync: Fsync,
    /// Most bytes of all segments, with what waits. At least two segments.
    pub max_bytes: u64,
    /// Most bytes that wait or are being written. A single record may be larger.
    pub max_waiting_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, fsync: Fsync::Always, max_bytes: 1 << 30, max_waiting_bytes: 64 << 20 }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let wrong = |option, found, expected| Err(Error::Option { option, found, expected });
        if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes) {
            return wrong("segment_bytes", self.segment_bytes, "choose from 4 KiB to 1 GiB");
        }
        if self.max_bytes < 2 * self.segment_bytes {
            return wrong("max_bytes", self.max_bytes, "choose at least twice segment_bytes");
        }
        Ok(())
    }
}

/// How the log is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Bytes of all segments in use. Damaged files count until they are truncated.
    pub bytes: u64,
    /// How many segments are in use.
    pub segments: usize,
    /// All records have smaller positions, and all later ones this or a greater one.
    pub end: Position,
    /// Records that wait or are being written.
    pub waiting: usize,
    /// Bytes that they may take on disk.
    pub waiting_bytes: u64,
    /// How often records were synced, or not.
    pub syncs: u64,
    /// How often that failed.
    pub syncs_failed: u64,
    /// How long the last sync took.
    pub sync_last: Duration,
    /// How long the longest sync took.
    pub sync_longest: Duration,
}

/// An open log. Dropping it writes and syncs what waits, blocks until that is done, and lets others open it.
#[derive(Debug)]
pub struct Log {
    shared: Arc<WriteQueue>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Opens the log in a folder, which is made if need be, and returns what is in it.
    ///
    /// It reads all headers and the newest segment, so it blocks for as long as the disk takes for that. The folder is
    /// locked until the log and the replay are dropped.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<(Self, Replay), Error> {
        options.check()?;
        let Options { segment_bytes, fsync, max_bytes, max_waiting_bytes } = options;
        let folder = Arc::new(Folder::open(folder.as_ref())?);
        let Recovered { parts, segments, range, next } = recover(&folder)?;
        let status = Status {
            bytes: segments.iter().map(|link| link.end).sum(),
            segments: segments.len(),
            end: Position::new(next, 0),
            ..Status::default()
        };
        let shared = Arc::new(WriteQueue::new(max_waiting_bytes, max_bytes, range.oldest, status));
        let replay = Replay::new(folder.clone(), shared.clone(), parts);
        let path = folder.path().to_owned();
        let writer = Writer {
            folder,
            shared: shared.clone(),
            segment_bytes,
            fsync,
            range,
            next,
            previous: segments.back().copied(),
            sealed: segments,
            active: None,
            syncs: Syncs::default(),
        };
        let thread = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .stack_size(STACK)
            .spawn(move || writer.run())
            .map_err(Error::io("start the thread that writes to", path))?;
        Ok((Self { shared, thread: Some(thread) }, replay))
    }

    /// Appends a record of this kind, whose payload is these parts, one after the other. None is copied.
    ///
    /// The answer comes when the record is written, and synced if that is how the log was opened. Records stand in the
    /// order in which they were appended. An append that fails at once or later is not in the log, unless the machine
    /// dies in the same moment.
    pub fn append(&self, kind: u8, parts: impl IntoIterator<Item = Bytes>) -> Result<AppendFuture<Position>, Error> {
        let (mut length, mut crc, mut kept) = (0, crc32fast::Hasher::new(), Vec::new());
        for part in parts {
            length += part.len();
            if length > MAX_RECORD_BYTES {
                return Err(Error::TooLarge { bytes: length });
            }
            // Here, not in the writer: writers share the work.
            crc.update(&part);
            if !part.is_empty() {
                kept.push(part);
            }
        }
        let (reply, answer) = oneshot::channel();
        self.shared.append(Append { kind, parts: kept, length, crc: crc.finalize(), reply })?;
        Ok(AppendFuture::new(answer))
    }

    /// Deletes the segments that hold nothing at or behind this position, and returns how many bytes they had.
    ///
    /// A record before the position may stay, because others in its segment do.
    pub fn truncate_before(&self, position: Position) -> Result<AppendFuture<u64>, Error> {
        let (reply, answer) = oneshot::channel();
        self.shared.truncate(Truncate { before: position, reply })?;
        Ok(AppendFuture::new(answer))
    }

    /// How the log is.
    pub fn status(&self) -> Status {
        self.shared.status()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the log's writer panicked");
        }
    }
}
