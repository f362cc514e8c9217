//! How far a workflow is, as it is written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::definition::Definition;
use crate::progress::{Phase, Progress, StepState};

/// What a journal says of a workflow: `{"definition": "purchase/1", "phase": "forward", "steps": {"reserve": "done"}}`. A step that is not
/// named was not begun. At the end no step is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Name and version.
    pub definition: String,
    /// Which way it goes.
    pub phase: Phase,
    /// Where its steps are, by name.
    pub steps: BTreeMap<String, StepState>,
}

/// Why a record cannot be followed. A caller that meets it leaves the workflow as it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Another version of the program wrote it.
    #[error(
        "it follows the definition {definition}, and this version knows {known}: let a version that knows it bring it to its end"
    )]
    Definition {
        /// What the record names.
        definition: String,
        /// What there is.
        known: String,
    },
    /// It names a step that its definition does not have.
    #[error("it names the step {step}, which {definition} does not have")]
    Step {
        /// What the record names.
        step: String,
        /// Of which definition.
        definition: String,
    },
    /// It says something that its definition cannot have led to.
    #[error("by {definition} the step {step} cannot be {state:?} yet")]
    Order {
        /// Which step.
        step: String,
        /// Where the record says that it is.
        state: StepState,
        /// Of which definition.
        definition: String,
    },
}

impl Definition {
    /// What is written down of a progress.
    pub fn record(&self, progress: &Progress) -> Record {
        let named = |(step, state): (&crate::Step, &StepState)| (step.name().to_owned(), *state);
        let begun = self.steps().iter().zip(&progress.steps).filter(|(_, state)| **state != StepState::Waiting);
        let steps = if progress.phase.is_final() { BTreeMap::new() } else { begun.map(named).collect() };
        Record { definition: self.id().to_owned(), phase: progress.phase, steps }
    }

    fn progress(&self, record: &Record) -> Result<Progress, Unreadable> {
        let everywhere = if record.phase == Phase::Done { StepState::Done } else { StepState::Waiting };
        let mut steps = vec![everywhere; self.steps().len()];
        for (name, state) in &record.steps {
            let unknown = || Unreadable::Step { step: name.clone(), definition: self.id().to_owned() };
            steps[self.position(name).ok_or_else(unknown)?] = *state;
        }
        let mut progress = Progress { phase: record.phase, steps };
        for (n, state) in progress.steps.iter().enumerate().filter(|_| record.phase == Phase::Forward) {
            let is_possible = match state {
                StepState::Waiting => true,
                StepState::Started | StepState::Done => self.is_ready(&progress, n),
                StepState::Unknown => self.is_ready(&progress, n) || self.may_have_begun(&progress, n),
                StepState::Refused | StepState::Compensated => false,
            };
            if !is_possible {
                let (step, definition) = (self.steps()[n].name().to_owned(), self.id().to_owned());
                return Err(Unreadable::Order { step, state: *state, definition });
            }
        }
        self.go_on(&mut progress);
        Ok(progress)
    }
}

/// The definitions that a program knows, old ones among them.
#[derive(Clone, Debug)]
pub struct Definitions(Vec<Arc<Definition>>);

impl Definitions {
    /// These.
    pub fn new(definitions: impl IntoIterator<Item = Definition>) -> Self {
        Self(definitions.into_iter().map(Arc::new).collect())
    }

    /// The definition with this name and version.
    pub fn get(&self, id: &str) -> Option<&Arc<Definition>> {
        self.0.iter().find(|definition| definition.id() == id)
    }

    /// The definition of a record, and how far its workflow is.
    pub fn read(&self, record: &Record) -> Result<(Arc<Definition>, Progress), Unreadable> {
        let unknown = || Unreadable::Definition {
            definition: record.definition.clone(),
            known: self.0.iter().map(|definition| definition.id()).collect::<Vec<_>>().join(", "),
        };
        let definition = self.get(&record.definition).ok_or_else(unknown)?;
        Ok((definition.clone(), definition.progress(record)?))
    }
}
