//! Where a parser of JSON stands, and what it has written.

use std::fmt::Write as _;

use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::protobuf::Writer;

/// One step from the document's root to where the parser stands.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Field(&'static str),
    Item(usize),
}

/// Shared by all visitors of one document.
pub(crate) struct State {
    pub writer: Writer,
    path: Vec<Step>,
    /// Why writing failed: what the parser then returns can only carry text.
    failed: Option<Error>,
}

impl State {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self { writer: Writer::new(budget), path: Vec::new(), failed: None }
    }

    /// Goes down. A caller that fails stays there, so that the error can say where.
    pub(crate) fn enter(&mut self, step: Step) {
        self.path.push(step);
    }

    /// Goes up again.
    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    /// Pays for what has been written.
    pub(crate) fn reserve_written<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.writer.reserve_written().map_err(|error| self.fail(error))
    }

    /// Stops the parser with this error.
    pub(crate) fn fail<E: serde::de::Error>(&mut self, error: Error) -> E {
        let stopped = E::custom(&error);
        self.failed.get_or_insert(error);
        stopped
    }

    /// What was written, if the parser came to the document's end.
    pub(crate) fn finish(self, outcome: serde_json::Result<()>, message: &'static str) -> Result<Buffer, Error> {
        match (outcome, self.failed) {
            (_, Some(error)) => Err(error),
            (Ok(()), None) => self.writer.finish(),
            (Err(cause), None) => Err(Error::Json { message, path: path(&self.path), cause: cause.to_string() }),
        }
    }
}

/// As JavaScript would write it.
fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        // Writing into a text cannot fail.
        let _ = match step {
            Step::Field(name) if path.is_empty() => write!(path, "{name}"),
            Step::Field(name) => write!(path, ".{name}"),
            Step::Item(place) => write!(path, "[{place}]"),
        };
    }
    path
}
