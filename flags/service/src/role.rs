//! What tokens are for.

use serde::{Deserialize, Serialize};

/// What a token is for. Each may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Flags are evaluated.
    Evaluation,
    /// Flags and their history are read.
    Viewer,
    /// Flags are changed.
    Operator,
    /// Tokens are given and taken back.
    Admin,
}

impl Role {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
