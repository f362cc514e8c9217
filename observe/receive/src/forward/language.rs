//! In which of its two languages a connection speaks.

use super::json::JsonScanner;
use super::msgpack::{Malformed, Scanner};

/// What the first byte of a connection says, and where its next message ends.
#[derive(Debug)]
pub(super) enum Language {
    MessagePack(Scanner),
    Json(JsonScanner),
}

impl Language {
    /// None until a byte has come.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes.first()? {
            b'[' | b'{' => Self::Json(JsonScanner::default()),
            _ => Self::MessagePack(Scanner::default()),
        })
    }

    pub(super) fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// How many bytes the next message has; none if it has not come whole. `bytes` are those of the last call and more.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        match self {
            Self::MessagePack(scanner) => scanner.scan(bytes),
            Self::Json(scanner) => scanner.scan(bytes),
        }
    }

    /// How many bytes are known to belong to it so far.
    pub(super) fn known_bytes(&self) -> usize {
        match self {
            Self::MessagePack(scanner) => scanner.known_bytes(),
            Self::Json(scanner) => scanner.known_bytes(),
        }
    }

    /// The same for the message after it.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::MessagePack(_) => Self::MessagePack(Scanner::default()),
            Self::Json(_) => Self::Json(JsonScanner::default()),
        }
    }
}
