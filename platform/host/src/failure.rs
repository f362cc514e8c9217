//! Why a service did not do what it was asked: one type for every service, and one way into a gRPC status.

use std::error::Error as _;

use thiserror::Error;
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::{PageInfo, PageRequest};
use vitrine_contracts::limits::{DEFAULT_PAGE, MAX_BATCH, MAX_PAGE};
use vitrine_platform_bus::HandleError;
use vitrine_platform_store as store;

/// Why something was not done. Nothing was changed.
#[derive(Debug, Error)]
pub enum Failure {
    /// The request, or the state of things, does not allow it.
    #[error("{}", .0.message)]
    Refused(Problem),
    /// Another service did not do its part; its answer is handed on as it is.
    #[error("{}", .0.message())]
    Remote(#[from] Status),
    /// The own store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl store::Conflicting for Failure {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(e) if e.is_conflict())
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(problem) => problem.into(),
            Failure::Remote(status) => status,
            Failure::Store(error) => store_problem(&error).into(),
        }
    }
}

impl From<Failure> for HandleError {
    /// Later it may go better, be it only the own store's trouble.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error.into(),
            other => Self::Retry(other.to_string()),
        }
    }
}

fn store_problem(error: &store::Error) -> Problem {
    match error {
        store::Error::Conflict { .. } => {
            Problem::aborted("CHANGED_MEANWHILE", "another caller changed it meanwhile: read it again")
        }
        store::Error::Exists { .. } | store::Error::Duplicate { .. } => Problem::already_exists("it exists already"),
        store::Error::Cursor => {
            Problem::invalid("page.cursor", "the next_cursor of the page before, or nothing", "the cursor is malformed")
                .with_reason("INVALID_CURSOR")
        }
        store::Error::Busy | store::Error::Closed => {
            Problem::unavailable("the database cannot take more at the moment")
        }
        store::Error::Unavailable { .. } | store::Error::Unknown { .. } => {
            tracing::warn!(error = %error, cause = error.source().map(ToString::to_string), "the store is out of reach");
            Problem::unavailable("the database does not answer at the moment")
        }
        other => {
            tracing::error!(error = %other, cause = other.source().map(ToString::to_string), "the store failed");
            Problem::internal()
        }
    }
}

/// How many documents, and from where, a page request asks for.
pub fn page_of(request: Option<&PageRequest>) -> Result<(usize, Option<&str>), Problem> {
    let size = match request.map_or(0, |r| r.size) {
        0 => DEFAULT_PAGE,
        size if size <= MAX_PAGE => size,
        size => {
            let message = format!("a page of {size} is too large");
            return Err(Problem::invalid("page.size", &format!("1 to {MAX_PAGE}, or 0 for the default"), &message));
        }
    };
    let cursor = request.map(|r| r.cursor.as_str()).filter(|c| !c.is_empty());
    Ok((usize::try_from(size).unwrap_or(1), cursor))
}

/// Where the next page begins, for an answer.
pub fn page_info(next_cursor: Option<String>) -> Option<PageInfo> {
    Some(PageInfo { next_cursor: next_cursor.unwrap_or_default() })
}

/// The ids of a batch read: each of this kind, and no more than one call may ask for.
pub fn check_ids<'a>(prefix: &str, ids: &'a [String], field: &str) -> Result<Vec<&'a str>, Problem> {
    if ids.len() > MAX_BATCH {
        return Err(Problem::invalid(field, &format!("at most {MAX_BATCH} ids"), "there are too many ids"));
    }
    ids.iter().map(|id| check_id(prefix, id, field)).collect()
}

/// An id that was given, must be there and must be of this kind.
pub fn check_id<'a>(prefix: &str, id: &'a str, field: &str) -> Result<&'a str, Problem> {
    if vitrine_kit::id::is_valid(prefix, id) {
        Ok(id)
    } else {
        Err(Problem::invalid(field, &format!("an id that begins with {prefix}_"), "the id is missing or malformed"))
    }
}
