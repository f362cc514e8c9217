//! What can be wrong with definitions, and with an evaluation.

use serde::Serialize;

use crate::json::{Lines, Location};

/// Why a document could not be read: at which byte, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (byte {at})")]
pub struct Malformed {
    /// The byte at which it went wrong.
    pub at: u32,
    /// What was expected.
    pub message: String,
}

impl Malformed {
    pub(crate) fn new(at: u32, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// The same, told with line and column.
    pub fn refuse(self, lines: &Lines<'_>) -> Refused {
        Refused(Finding { location: lines.location(self.at), message: self.message, is_mistake: true })
    }
}

/// Something about definitions that their author should know, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{location}: {message}")]
pub struct Finding {
    /// Where.
    pub location: Location,
    /// What, and what was expected.
    pub message: String,
    /// Whether it cannot work as it is; anything else is only worth knowing.
    pub is_mistake: bool,
}

/// Definitions that are not taken, and the first reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub Finding);

/// Why an evaluation has no result. [`EvaluationError::code`] is OpenFeature's name of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// There is no such flag.
    #[error("there is no flag {0:?}")]
    FlagNotFound(String),
    /// The flag's values are of another type.
    #[error("flag {key:?} has {has} values: {asked} was asked for")]
    TypeMismatch {
        /// The flag.
        key: String,
        /// What its values are.
        has: &'static str,
        /// What was asked for.
        asked: &'static str,
    },
    /// The flag's rule cannot be evaluated as it is.
    #[error("{0}")]
    ParseError(String),
    /// The rule's result is no variant.
    #[error("{0}")]
    General(String),
}

impl EvaluationError {
    /// OpenFeature's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FlagNotFound(_) => "FLAG_NOT_FOUND",
            Self::TypeMismatch { .. } => "TYPE_MISMATCH",
            Self::ParseError(_) => "PARSE_ERROR",
            Self::General(_) => "GENERAL",
        }
    }
}
