//! Why a statement was not answered.

use std::time::Duration;

use arrow_schema::ArrowError;
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};
use vitrine_observe_store::QueryError;

/// Most characters of what a library says: it may repeat what a statement computed, which may be of any length.
const MAX_MESSAGE_CHARS: usize = 1000;
/// How messages of functions begin that notice themselves that there is not enough memory. Nothing that a user wrote is
/// in their place.
const WANT_MEMORY: [&str; 6] = [
    "string size overflow",
    "byte array offset overflow",
    "offset overflow, buffer size",
    "Map offset overflow",
    "Range too large to materialize",
    "array_resize: output size overflow",
];

/// Why a statement was not answered, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum SqlError {
    /// It is wrong, or wrong for what is stored.
    #[error("{0}")]
    Statement(String),
    /// It is right, but not something that may be done here.
    #[error(
        "{what} is not possible here: telemetry is only read. Expected SELECT, WITH, VALUES, EXPLAIN, SHOW TABLES, SHOW COLUMNS, SHOW FUNCTIONS or DESCRIBE"
    )]
    Refused {
        /// What it would do.
        what: String,
    },
    /// It was not done in time.
    #[error("the statement ran longer than {} s, which is the limit: ask for less time or fewer rows", limit.as_secs_f64())]
    Time {
        /// The limit.
        limit: Duration,
    },
    /// It would need more memory than a statement may.
    #[error(
        "the statement needs more than {limit} bytes of memory, which is the limit: ask for less at a time ({what})"
    )]
    Memory {
        /// The limit.
        limit: usize,
        /// What asked for more.
        what: String,
    },
    /// As many statements run as may.
    #[error("{most} statements run already, which is the limit: try again when one has ended")]
    Busy {
        /// The limit.
        most: usize,
    },
    /// It is not the statement's fault.
    #[error("the statement failed: {0}")]
    Failed(String),
    /// The process is ending.
    #[error("shutting down")]
    Closed,
}

impl SqlError {
    /// What DataFusion says of a statement that may take so many bytes.
    pub(crate) fn from_datafusion(error: &DataFusionError, limit: usize) -> Self {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                Self::from_datafusion(inner, limit)
            }
            DataFusionError::Shared(inner) => Self::from_datafusion(inner, limit),
            DataFusionError::Collection(all) => match all.first() {
                Some(first) => Self::from_datafusion(first, limit),
                None => Self::Failed(error.to_string()),
            },
            DataFusionError::ArrowError(inner, _) => Self::from_arrow(inner, limit),
            // What goes wrong with the rows is said in our own words; all else comes of what the statement computes.
            DataFusionError::External(inner) => match inner.downcast_ref::<Self>() {
                Some(error) => error.clone(),
                None => Self::computed(inner.to_string(), limit),
            },
            DataFusionError::IoError(_) | DataFusionError::ExecutionJoin(_) | DataFusionError::Configuration(_) => {
                Self::Failed(short(&error.strip_backtrace()))
            }
            // DataFusion's functions say so of arguments that they did not expect. It asks for a report of each.
            DataFusionError::Internal(what) => {
                Self::computed(what.split("\nThis issue was").next().unwrap_or(what).to_owned(), limit)
            }
            DataFusionError::Execution(what) => Self::computed(what.clone(), limit),
            DataFusionError::ResourcesExhausted(what) => Self::memory(what, limit),
            // What is wrong with a statement names what its author wrote: its words say nothing of memory.
            DataFusionError::Plan(what) | DataFusionError::NotImplemented(what) => Self::statement(what),
            _ => Self::statement(&error.strip_backtrace()),
        }
    }

    /// What Arrow says; its operators wrap DataFusion's errors.
    pub(crate) fn from_arrow(error: &ArrowError, limit: usize) -> Self {
        match error {
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => Self::from_datafusion(inner, limit),
                None => Self::computed(inner.to_string(), limit),
            },
            ArrowError::MemoryError(_) | ArrowError::OffsetOverflowError(_) => Self::memory(&error.to_string(), limit),
            ArrowError::ComputeError(what) | ArrowError::InvalidArgumentError(what)
                if WANT_MEMORY.iter().any(|words| what.starts_with(words)) =>
            {
                Self::memory(what, limit)
            }
            other => Self::statement(&other.to_string()),
        }
    }

    /// What a statement that computes says.
    fn computed(text: String, limit: usize) -> Self {
        if WANT_MEMORY.iter().any(|words| text.starts_with(words)) {
            Self::memory(&text, limit)
        } else {
            Self::statement(&text)
        }
    }

    fn memory(what: &str, limit: usize) -> Self {
        Self::Memory { limit, what: short(what) }
    }

    /// A wrong statement, as this text tells it, or the beginning of it.
    pub(crate) fn statement(text: &str) -> Self {
        Self::Statement(short(text))
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl From<QueryError> for SqlError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::TooMuch { bytes } => Self::Memory { limit: bytes, what: "reading what is kept".to_owned() },
            QueryError::TooLong { most } => Self::Time { limit: most },
            QueryError::Closed => Self::Closed,
            QueryError::Disk(_) | QueryError::TooManyCounts { .. } => Self::Failed(error.to_string()),
        }
    }
}
