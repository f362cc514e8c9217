//! What can go wrong, and what was found damaged.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error as ThisError;

use crate::format::{MAX_RECORD_BYTES, Position, VERSION};

/// What kept the log from doing what was asked. What an append was refused with is not in the log.
#[derive(Debug, Clone, ThisError)]
pub enum Error {
    /// Another log, of this process or another, has the folder open.
    #[error("the log in {} is open already: stop the process that has it, or choose another folder", .path.display())]
    Locked {
        /// The log's folder.
        path: PathBuf,
    },
    /// An option that makes no sense.
    #[error("the log's {option} is {found}: {expected}")]
    Option {
        /// Which option.
        option: &'static str,
        /// What it was.
        found: u64,
        /// What it may be.
        expected: &'static str,
    },
    /// A newer program has written here.
    #[error("{} is of version {found}, and this program knows {VERSION}: run the program that wrote it", .path.display())]
    Version {
        /// The segment's file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A record that is too large, whatever happens.
    #[error("a record of {bytes} bytes is too large for the log: send at most {MAX_RECORD_BYTES}")]
    TooLarge {
        /// The payload's length.
        bytes: usize,
    },
    /// Too much waits to be written.
    #[error("{bytes} bytes wait to be written to the log: try again later")]
    Full {
        /// How much waits.
        bytes: u64,
    },
    /// The log is as large as it may be.
    #[error("the log has {bytes} bytes and may have {max_bytes}: truncate it, or try again later")]
    NoRoom {
        /// How large the log is, with what waits.
        bytes: u64,
        /// How large it may be.
        max_bytes: u64,
    },
    /// The file system said no.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

impl Error {
    /// Whether there was no room, in memory or on disk: the same append may pass later.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } | Self::NoRoom { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            ),
            _ => false,
        }
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source: Arc::new(source) }
    }
}

/// Something that should be in the log and cannot be read. Everything else is served.
///
/// The file is kept: its name then ends in `.damaged`, and truncating does not delete it.
#[derive(Debug, ThisError)]
pub enum Damage {
    /// The end of the newest segment: what was being written when the process or the machine died. It was cut off.
    #[error("the log's end was torn: {bytes} bytes at {at} were cut off {}", .path.display())]
    Torn {
        /// The segment's file.
        path: PathBuf,
        /// Where the log ends now.
        at: Position,
        /// How much was cut off.
        bytes: u64,
    },
    /// Bytes between records, or behind the last, that are no record.
    #[error("{bytes} bytes at {at} of the log cannot be read: look into {} and check the disk", .path.display())]
    Unreadable {
        /// The segment's file.
        path: PathBuf,
        /// Where they begin.
        at: Position,
        /// How many they are.
        bytes: u64,
    },
    /// A segment's file is shorter than it was.
    #[error("{} lost its last {bytes} bytes, from {at} on: check the disk", .path.display())]
    Short {
        /// The segment's file.
        path: PathBuf,
        /// Where it ends now.
        at: Position,
        /// How much is missing.
        bytes: u64,
    },
    /// A segment's header cannot be read, and so nothing in the segment.
    #[error("the header of {} cannot be read: look into it and check the disk", .path.display())]
    Header {
        /// The segment's file.
        path: PathBuf,
    },
    /// A segment's file is not there, though it was not truncated.
    #[error("{} is missing: look for it in a backup or in lost+found", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file system could not read a segment; its other records are skipped.
    #[error("cannot read {} from {at} on", .path.display())]
    Io {
        /// The segment's file.
        path: PathBuf,
        /// Where reading failed.
        at: Position,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
}
