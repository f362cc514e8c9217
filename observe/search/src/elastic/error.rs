//! Why a search was not answered, as Elasticsearch says it.

use serde_json::Value;
use vitrine_observe_model::elastic;
use vitrine_observe_store::QueryError;

/// Characters of what was found that an error repeats.
const SHOWN_CHARS: usize = 200;

/// Why a search was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// A body or a query that cannot be read.
    #[error("{0}")]
    Parsing(String),
    /// What can be read, but not be meant.
    #[error("{0}")]
    IllegalArgument(String),
    /// A query text with a mistake.
    #[error("Failed to parse query [{query}]: {problem}")]
    QueryString {
        /// The text.
        query: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// No record was ever sent to this index.
    #[error("no such index [{0}]")]
    IndexNotFound(String),
    /// Nothing is open that has this id.
    #[error("{0}")]
    NotFound(String),
    /// An aggregation with too many buckets.
    #[error("Trying to create too many buckets. Must be less than or equal to: [{most}]: ask for fewer at a time")]
    TooManyBuckets {
        /// The limit.
        most: usize,
    },
    /// An aggregation that would hold too much.
    #[error("the aggregations need more than {bytes} bytes of memory, which is the limit: ask for less at a time")]
    TooMuch {
        /// The limit.
        bytes: usize,
    },
    /// The engine cannot answer.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl SearchError {
    pub(crate) fn parsing(problem: impl Into<String>) -> Self {
        Self::Parsing(problem.into())
    }

    pub(crate) fn illegal(problem: impl Into<String>) -> Self {
        Self::IllegalArgument(problem.into())
    }

    /// A query text with a mistake.
    pub(crate) fn query_string(query: &str, problem: impl Into<String>) -> Self {
        Self::QueryString { query: shown(query), problem: problem.into() }
    }

    /// Elasticsearch's name of it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Parsing(_) => "parsing_exception",
            Self::IllegalArgument(_) => "illegal_argument_exception",
            Self::QueryString { .. } => "query_shard_exception",
            Self::IndexNotFound(_) => "index_not_found_exception",
            Self::NotFound(_) => "resource_not_found_exception",
            Self::TooManyBuckets { .. } | Self::Query(QueryError::TooManyCounts { .. }) => "too_many_buckets_exception",
            Self::TooMuch { .. } | Self::Query(QueryError::TooMuch { .. }) => "circuit_breaking_exception",
            Self::Query(QueryError::TooLong { .. }) => "search_timeout_exception",
            Self::Query(QueryError::Closed) => "node_closed_exception",
            Self::Query(_) => "search_phase_execution_exception",
        }
    }

    /// The status of HTTP that says so.
    pub fn status(&self) -> u16 {
        match self {
            Self::IndexNotFound(_) | Self::NotFound(_) => 404,
            Self::TooMuch { .. } | Self::Query(QueryError::TooMuch { .. }) => 422,
            Self::Query(QueryError::TooLong { .. }) => 504,
            Self::Query(QueryError::Closed) => 503,
            Self::Query(QueryError::TooManyCounts { .. }) => 400,
            Self::Query(_) => 500,
            _ => 400,
        }
    }

    /// The body that says so.
    pub fn json(&self) -> Value {
        let mut body = elastic::error(self.status(), self.kind(), &self.to_string());
        if let Self::IndexNotFound(index) = self {
            for path in ["/error", "/error/root_cause/0"] {
                let Some(error) = body.pointer_mut(path) else { continue };
                error["index"] = index.as_str().into();
                error["resource.id"] = index.as_str().into();
                error["resource.type"] = "index_or_alias".into();
            }
        }
        body
    }
}

/// The beginning of what was found.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
