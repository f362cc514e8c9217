//! How far a workflow is, and what comes next: pure functions, so that every interleaving can be tried.

use serde::{Deserialize, Serialize};

use crate::definition::Definition;

/// Which way a workflow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Steps are executed.
    Forward,
    /// Steps are compensated.
    Back,
    /// At its end: all steps were executed.
    Done,
    /// At its end: whatever was executed is undone.
    Undone,
}

impl Phase {
    /// Whether nothing is left to do.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Undone)
    }
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Begun.
    Started,
    /// Begun, and it may have had its effect.
    Unknown,
    /// Its effect is there.
    Done,
    /// It had no effect and never will.
    Refused,
    /// Its effect is not there any more.
    Compensated,
}

/// What can be done with a step, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Execute it.
    Execute(usize),
    /// Undo it.
    Compensate(usize),
}

impl Action {
    /// The step's number.
    pub fn step(self) -> usize {
        match self {
            Self::Execute(step) | Self::Compensate(step) => step,
        }
    }
}

/// How an action went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Succeeded,
    /// It is certainly not done, and never will be.
    Refused,
    /// It may or may not be done.
    Unknown,
    /// It is not done: it waits for something outside, which may take long.
    Pending,
}

/// How far a workflow is. Made by its [`Definition`], which alone knows what the numbers of its steps mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub(crate) phase: Phase,
    pub(crate) steps: Vec<StepState>,
}

impl Progress {
    /// Which way it goes.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The states of its steps, in the definition's order.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }
}

impl Definition {
    /// A workflow that has just begun: its first steps are started.
    pub fn begin(&self) -> Progress {
        let mut progress = Progress { phase: Phase::Forward, steps: vec![StepState::Waiting; self.steps().len()] };
        self.start_ready(&mut progress);
        progress
    }

    /// What there is to do now, all of it side by side. While a workflow turns back nothing is executed any more, but a step is not to
    /// be compensated before its execution, if that is under way, has ended.
    pub fn due(&self, progress: &Progress) -> Vec<Action> {
        let steps = 0..progress.steps.len();
        match progress.phase {
            Phase::Forward => {
                let is_due = |n: &usize| is_open(progress.steps[*n]) && self.is_ready(progress, *n);
                steps.filter(is_due).map(Action::Execute).collect()
            }
            Phase::Back => {
                // By step: whether it, or one behind it, is still to be undone.
                let mut standing = vec![false; progress.steps.len()];
                let mut due = Vec::new();
                for n in steps.rev() {
                    let blocked = self.behind[n].iter().any(|b| standing[*b]);
                    standing[n] = blocked || self.is_standing(progress, n);
                    if standing[n] && !blocked {
                        due.push(Action::Compensate(n));
                    }
                }
                due
            }
            Phase::Done | Phase::Undone => Vec::new(),
        }
    }

    /// How far the workflow is after an action. If the action is still due, it is to be done again.
    #[must_use]
    pub fn after(&self, progress: &Progress, action: Action, outcome: Outcome) -> Progress {
        let mut next = progress.clone();
        match action {
            Action::Execute(n) if is_open(progress.steps[n]) => self.executed(&mut next, n, outcome),
            Action::Compensate(n) if progress.phase == Phase::Back && outcome == Outcome::Succeeded => {
                next.steps[n] = StepState::Compensated;
            }
            Action::Execute(_) | Action::Compensate(_) => {}
        }
        self.go_on(&mut next);
        next
    }

    /// Starts what is ready, and ends what is at its end.
    pub(crate) fn go_on(&self, progress: &mut Progress) {
        match progress.phase {
            Phase::Forward => self.start_ready(progress),
            Phase::Back if !(0..progress.steps.len()).any(|n| self.is_standing(progress, n)) => {
                progress.phase = Phase::Undone;
            }
            Phase::Back | Phase::Done | Phase::Undone => {}
        }
    }

    fn executed(&self, next: &mut Progress, n: usize, outcome: Outcome) {
        let step = &self.steps()[n];
        let maybe_done = next.steps[n] == StepState::Unknown;
        let turns_back = match outcome {
            Outcome::Succeeded => {
                next.steps[n] = StepState::Done;
                false
            }
            // An attempt before may have done it: it is undone all the same.
            Outcome::Refused if step.refusable => {
                next.steps[n] = if maybe_done && step.compensable { StepState::Unknown } else { StepState::Refused };
                true
            }
            Outcome::Refused | Outcome::Pending => false,
            Outcome::Unknown => {
                next.steps[n] = StepState::Unknown;
                step.tentative
            }
        };
        if turns_back && next.phase == Phase::Forward {
            next.phase = Phase::Back;
        }
    }

    /// From where a workflow goes on when the process that drove it is gone, by what that process has written down.
    ///
    /// A caller that waits for the workflow may be gone, too: what is only tentative is turned back. Behind what is written down, more
    /// may have been done that was not worth a commit.
    #[must_use]
    pub fn after_crash(&self, progress: &Progress) -> Progress {
        let mut next = progress.clone();
        match progress.phase {
            Phase::Forward if self.is_tentative(progress) => self.turn_back(&mut next),
            Phase::Forward => {
                for n in 0..next.steps.len() {
                    next.steps[n] = match next.steps[n] {
                        StepState::Started => StepState::Unknown,
                        StepState::Waiting if self.may_have_begun(&next, n) => StepState::Unknown,
                        state => state,
                    };
                }
            }
            Phase::Back => {
                next.steps.iter_mut().filter(|s| **s == StepState::Started).for_each(|s| *s = StepState::Unknown)
            }
            Phase::Done | Phase::Undone => {}
        }
        next
    }

    /// What of a progress a crash must not take away. Of two progresses for which this is the same, one being written down is enough: the
    /// other one is come to again by repeating what may be repeated.
    #[must_use]
    pub fn durable(&self, progress: &Progress) -> Progress {
        let mut next = self.after_crash(progress);
        match next.phase {
            Phase::Forward => {
                for (state, forgettable) in next.steps.iter_mut().zip(&self.forgettable) {
                    if *forgettable && *state == StepState::Done {
                        *state = StepState::Unknown;
                    }
                }
            }
            Phase::Back => {
                for (state, step) in next.steps.iter_mut().zip(self.steps()) {
                    let is_repeated = step.repeatable && step.compensable;
                    if is_repeated && matches!(*state, StepState::Done | StepState::Compensated) {
                        *state = StepState::Unknown;
                    }
                }
            }
            Phase::Done | Phase::Undone => {}
        }
        next
    }

    /// Turns back what was only tentative: any of it may have been done.
    fn turn_back(&self, next: &mut Progress) {
        next.phase = Phase::Back;
        for (state, step) in next.steps.iter_mut().zip(self.steps()) {
            if step.tentative {
                *state = StepState::Unknown;
            }
        }
    }

    /// Whether nothing was begun but what is tentative.
    fn is_tentative(&self, progress: &Progress) -> bool {
        let begun = |(state, _): &(&StepState, _)| **state != StepState::Waiting;
        progress.steps.iter().zip(self.steps()).filter(begun).all(|(_, step)| step.tentative)
    }

    /// Starts what waits for nothing any more; at the end there is nothing.
    fn start_ready(&self, progress: &mut Progress) {
        for n in 0..progress.steps.len() {
            if progress.steps[n] == StepState::Waiting && self.is_ready(progress, n) {
                progress.steps[n] = StepState::Started;
            }
        }
        if progress.steps.iter().all(|state| *state == StepState::Done) {
            progress.phase = Phase::Done;
        }
    }

    /// Whether all that a step waits for is done.
    pub(crate) fn is_ready(&self, progress: &Progress, n: usize) -> bool {
        self.before[n].iter().all(|b| progress.steps[*b] == StepState::Done)
    }

    /// Whether a step that is not known to have begun may have, behind ones whose ends are not written down.
    pub(crate) fn may_have_begun(&self, progress: &Progress, n: usize) -> bool {
        let may_be_done = |b: &usize| match progress.steps[*b] {
            StepState::Done => true,
            StepState::Unknown => self.forgettable[*b],
            _ => false,
        };
        self.forgettable[n] && !self.is_ready(progress, n) && self.before[n].iter().all(may_be_done)
    }

    /// Whether a step has, or may have, an effect that is to be undone.
    fn is_standing(&self, progress: &Progress, n: usize) -> bool {
        let stands = matches!(progress.steps[n], StepState::Started | StepState::Unknown | StepState::Done);
        stands && self.steps()[n].compensable
    }
}

/// Whether a step is begun and its end is not known.
fn is_open(state: StepState) -> bool {
    matches!(state, StepState::Started | StepState::Unknown)
}
