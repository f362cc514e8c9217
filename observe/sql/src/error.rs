//! Why a statement was not answered.

use std::time::Duration;

use arrow_schema::ArrowError;
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};
use vitrine_observe_store::QueryError;

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
                Self::Failed(error.strip_backtrace())
            }
            // DataFusion's functions say so of arguments that they did not expect. It asks for a report of each.
            DataFusionError::Internal(what) => {
                Self::computed(what.split("\nThis issue was").next().unwrap_or(what).to_owned(), limit)
            }
            DataFusionError::Plan(what) | DataFusionError::Execution(what) | DataFusionError::NotImplemented(what) => {
                Self::computed(what.clone(), limit)
            }
            _ => Self::computed(error.strip_backtrace(), limit),
        }
    }

    /// What Arrow says; its operators wrap DataFusion's errors.
    pub(crate) fn from_arrow(error: &ArrowError, limit: usize) -> Self {
        match error {
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => Self::from_datafusion(inner, limit),
                None => Self::computed(inner.to_string(), limit),
            },
            other => Self::computed(other.to_string(), limit),
        }
    }

    /// What a statement that computes says. Some functions notice themselves that there is not enough memory.
    fn computed(text: String, limit: usize) -> Self {
        let lower = text.to_lowercase();
        let wants_memory = ["allocat", "size overflow", "offset overflow", "capacity overflow", "too large to"];
        if wants_memory.iter().any(|words| lower.contains(words)) {
            Self::Memory { limit, what: text }
        } else {
            Self::Statement(text)
        }
    }
}

impl From<QueryError> for SqlError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::TooMuch { bytes } => Self::Memory { limit: bytes, what: "reading what is kept".to_owned() },
            QueryError::TooLong { most } => Self::Time { limit: most },
            QueryError::Closed => Self::Closed,
            QueryError::Disk(_) => Self::Failed(error.to_string()),
        }
    }
}
