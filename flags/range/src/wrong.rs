//! What is wrong with a document.

use serde::de::DeserializeOwned;
use thiserror::Error;
use vitrine_platform_faults::{Fault, check};

/// One thing that is wrong with a document: where, what, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{}{message}: expected {expected}", place, if place.is_empty() { "" } else { ": " })]
pub struct Wrong {
    /// The way to it: `draw.of[0].weight`. Empty for the document as a whole.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: String,
}

impl Wrong {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), expected: expected.into() }
    }
}

/// Reads a JSON document of at most so many bytes.
pub(crate) fn read<T: DeserializeOwned>(document: &[u8], most: usize, what: &str) -> Result<T, Wrong> {
    if document.len() > most {
        let message = format!("the document has {} bytes", document.len());
        return Err(Wrong::new("", message, format!("at most {most} bytes")));
    }
    let mut reader = serde_json::Deserializer::from_slice(document);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let place = error.path().to_string();
        Wrong::new(place.trim_end_matches(['.', '?']), error.into_inner().to_string(), what)
    })?;
    reader.end().map_err(|e| Wrong::new("", e.to_string(), "nothing behind the document"))?;
    Ok(read)
}

/// Takes down what is wrong with a fault.
pub(crate) fn refused(all: &mut Vec<Wrong>, place: &str, fault: &Fault) {
    for refusal in check(fault) {
        let wrong = Wrong::new(format!("{place}.{}", refusal.place), refusal.message, refusal.expected);
        // The ends of a range can be wrong in the same way: once is enough.
        if !all.contains(&wrong) {
            all.push(wrong);
        }
    }
}
