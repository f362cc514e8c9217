//! What can go wrong, and what to do about a conflict.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error as ThisError;
use vitrine_kit::Backoff;

/// How often a conflicting change is tried.
const MAX_TRIES: u32 = 16;
/// The longest pause before the first repetition; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause of all.
const MAX_PAUSE: Duration = Duration::from_millis(32);

/// Most bytes of one event's payload and baggage: what passes any transport.
pub const MAX_EVENT_BYTES: usize = 512 * 1024;

/// What kept the store from doing what was asked. Nothing was changed, save for what [`Error::Unknown`] says.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A document has another version than was expected, or is gone.
    #[error("{collection}/{id} was changed meanwhile")]
    Conflict {
        /// Which collection.
        collection: &'static str,
        /// Which document.
        id: String,
    },
    /// A document with this id is there already.
    #[error("{collection}/{id} exists")]
    Exists {
        /// Which collection.
        collection: &'static str,
        /// Which document.
        id: String,
    },
    /// Another document has the same key of a unique index.
    #[error("another document of {collection} has this {index}")]
    Duplicate {
        /// Which collection.
        collection: &'static str,
        /// Which index.
        index: String,
    },
    /// A cursor that no page of this query gave.
    #[error("the cursor is malformed")]
    Cursor,
    /// An index that was not declared.
    #[error("{collection} has no index {index}")]
    NoIndex {
        /// Which collection.
        collection: String,
        /// Which index.
        index: String,
    },
    /// An event that is too large for its consumers to take.
    #[error("an event of {topic} has {bytes} bytes, more than {MAX_EVENT_BYTES}")]
    EventTooLarge {
        /// Of which topic.
        topic: String,
        /// Its payload and baggage.
        bytes: usize,
    },
    /// A document cannot be written as JSON.
    #[error("a document cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// A stored document is not what its type says.
    #[error("{collection}/{id} cannot be read")]
    Decode {
        /// Which collection.
        collection: &'static str,
        /// Which document.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A database file that cannot be used, and what to do.
    #[error("the database {} cannot be used: {reason}", .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
        /// What the engine said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A database server that cannot be used, and what to do.
    #[error("the database {server} cannot be used: {reason}")]
    Unusable {
        /// Which server, without its password.
        server: String,
        /// Why, and what to do.
        reason: String,
        /// What the server or its client said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The database server does not answer at the moment.
    #[error("the database {server} does not answer")]
    Unavailable {
        /// Which server, without its password.
        server: String,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection broke, or the call's time was up, while a batch was being committed: it is there as a whole, or it is not.
    #[error("the database {server} did not tell how a commit ended: whether it was made is not known")]
    Unknown {
        /// Which server, without its password.
        server: String,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine failed.
    #[error("the database failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too much waits, or something took too long.
    #[error("the database cannot take more at the moment")]
    Busy,
    /// The store is closed.
    #[error("the database is closed")]
    Closed,
}

impl Error {
    /// Returns what kind of error it is, in one word: `error.type` of the semantic conventions.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::Exists { .. } => "exists",
            Self::Duplicate { .. } => "duplicate",
            Self::Cursor => "cursor",
            Self::NoIndex { .. } => "no_index",
            Self::EventTooLarge { .. } => "event_too_large",
            Self::Encode(_) => "encode",
            Self::Decode { .. } => "decode",
            Self::Open { .. } => "open",
            Self::Unusable { .. } => "unusable",
            Self::Unavailable { .. } => "unavailable",
            Self::Unknown { .. } => "unknown",
            Self::Engine(_) => "engine",
            Self::Busy => "busy",
            Self::Closed => "closed",
        }
    }
}

/// An error that may say: another caller was quicker.
pub trait Conflicting {
    /// Whether the same change should be tried again on what is there now.
    fn is_conflict(&self) -> bool;
}

impl Conflicting for Error {
    fn is_conflict(&self) -> bool {
        // A document that came into being meanwhile is a change, too.
        matches!(self, Self::Conflict { .. } | Self::Exists { .. })
    }
}

/// Runs a change (read, decide, commit) again as long as it conflicts, at most 16 times, with short random pauses.
pub async fn retry_conflicts<T, E, F, Fut>(mut change: F) -> Result<T, E>
where
    E: Conflicting,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE).with_tries(MAX_TRIES);
    loop {
        match change().await {
            Err(e) if e.is_conflict() && backoff.has_try_left() => tokio::time::sleep(backoff.full_jitter()).await,
            other => return other,
        }
    }
}
