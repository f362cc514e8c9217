//! Why a row is not taken.

/// Why one span, record or point was not taken. It says which field and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; expected {expected}")]
pub struct Rejected {
    /// The field at fault, in OTLP's JSON spelling.
    pub field: &'static str,
    /// What was found.
    pub problem: String,
    /// What would have been taken.
    pub expected: &'static str,
}
