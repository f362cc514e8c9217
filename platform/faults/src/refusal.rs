//! Why a fault is not taken.

use thiserror::Error;

/// One thing that is wrong with a fault: where, what, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Refusal {
    /// The way to it: `where.service[0]`. Empty for the fault as a whole.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: String,
}

impl Refusal {
    pub(crate) fn new(place: &str, message: String, expected: String) -> Self {
        Self { place: place.to_owned(), message, expected }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}: expected {}", self.message, self.expected)
    }
}
