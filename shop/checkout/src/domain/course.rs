//! The course of a saga: what to do after what. Pure, so that every interleaving can be tried.
//!
//! Steps are numbered. Before the pivot, anything but success turns the saga back, and what was done is undone in reverse. From
//! the pivot on (where money moves) an answer that did not come is asked for again, until it is known; only a refusal
//! turns back, and only from the steps that may be refused: once those behind them were done there is no way back, and a refusal
//! is asked again like an answer that did not come. Steps and undoings may be repeated: whoever answers them keeps by the ids that
//! a repeat changes nothing.

use serde::{Deserialize, Serialize};

/// Where a saga is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// About to do this step, or in the middle of it.
    Doing(usize),
    /// About to undo this step, or in the middle of it.
    Undoing(usize),
    /// All done.
    Done,
    /// All undone.
    Undone,
}

/// How a step, or its undoing, went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Succeeded,
    /// It is certainly not done, and never will be.
    Refused,
    /// It may or may not be done.
    Unknown,
}

/// The shape of a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// How many steps it has.
    pub steps: usize,
    /// The first step whose outcome must be found out.
    pub pivot: usize,
    /// How many steps, from the first on, may be refused.
    pub refusable: usize,
}

impl Position {
    /// Whether nothing is left to do.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Undone)
    }

    fn before(step: usize) -> Self {
        step.checked_sub(1).map_or(Self::Undone, Self::Undoing)
    }
}

impl Course {
    /// Where the saga is after an outcome. The same position means: again.
    pub fn after(self, at: Position, outcome: Outcome) -> Position {
        match (at, outcome) {
            (Position::Doing(step), Outcome::Succeeded) if step + 1 < self.steps => Position::Doing(step + 1),
            (Position::Doing(_), Outcome::Succeeded) => Position::Done,
            (Position::Doing(step), Outcome::Refused) if step < self.refusable => Position::before(step),
            (Position::Doing(step), Outcome::Unknown) if step < self.pivot => Position::Undoing(step),
            (Position::Undoing(step), Outcome::Succeeded) => Position::before(step),
            (at, _) => at,
        }
    }

    /// Where the saga goes on when the process that drove it is gone: whoever waits for it may be gone, too, so what can still
    /// be turned back is.
    pub fn after_crash(self, at: Position) -> Position {
        match at {
            Position::Doing(step) if step < self.pivot => Position::Undoing(step),
            at => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Outcome, Position};
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

    /// What the world holds after a run: for each step whether its effect is there.
    struct World {
        there: Vec<bool>,
        forbidden: Vec<bool>,
    }

    #[derive(Clone, Copy, Debug)]
    enum Chance {
        Works,
        Refuses,
        LostBefore,
        LostAfter,
        CrashBefore,
        CrashAfter,
    }

    fn chance() -> impl Strategy<Value = Chance> {
        prop_oneof![
            6 => Just(Chance::Works),
            1 => Just(Chance::Refuses),
            1 => Just(Chance::LostBefore),
            1 => Just(Chance::LostAfter),
            1 => Just(Chance::CrashBefore),
            1 => Just(Chance::CrashAfter),
        ]
    }

    /// Does one thing in the world as chance has it; none means that the process died.
    fn act(world: &mut World, at: Position, chance: Chance) -> Option<Outcome> {
        let mut effect = || match at {
            Position::Doing(step) => world.there[step] = !world.forbidden[step],
            Position::Undoing(step) => {
                world.there[step] = false;
                // An undoing leaves a mark, so that a step that comes late is refused.
                world.forbidden[step] = true;
            }
            Position::Done | Position::Undone => {}
        };
        match chance {
            Chance::Works => {
                effect();
                Some(Outcome::Succeeded)
            }
            Chance::Refuses if matches!(at, Position::Doing(_)) => Some(Outcome::Refused),
            Chance::Refuses | Chance::LostBefore => Some(Outcome::Unknown),
            Chance::LostAfter => {
                effect();
                Some(Outcome::Unknown)
            }
            Chance::CrashBefore => None,
            Chance::CrashAfter => {
                effect();
                None
            }
        }
    }

    proptest! {
        #[test]
        fn all_or_nothing(steps in 1usize..8, pivot in 0usize..8, refusable in 0usize..8, chances in proptest::collection::vec(chance(), 0..200)) {
            let course = Course { steps, pivot, refusable };
            let mut world = World { there: vec![false; steps], forbidden: vec![false; steps] };
            let (mut at, mut went_back) = (Position::Doing(0), false);
            // After the chances are used up, all works: every saga comes to its end.
            for chance in chances.into_iter().chain(std::iter::repeat_n(Chance::Works, 2 * steps + 2)) {
                if at.is_final() {
                    break;
                }
                // A refusal after an answer that was lost would be a lie of the other side: by its id it knows the repeat.
                let done = matches!(at, Position::Doing(step) if world.there[step]);
                let chance = if done && matches!(chance, Chance::Refuses) { Chance::Works } else { chance };
                let next = match act(&mut world, at, chance) {
                    Some(outcome) => course.after(at, outcome),
                    None => course.after_crash(at),
                };
                let no_way_back = |step| step >= pivot && step >= refusable;
                went_back |= matches!((at, next), (Position::Doing(step), Position::Undoing(_) | Position::Undone) if no_way_back(step));
                at = next;
            }
            prop_assert!(at.is_final());
            prop_assert!(!went_back, "what cannot be turned back was");
            prop_assert_eq!(world.there, vec![at == Position::Done; steps]);
        }

        #[test]
        fn nothing_leads_out_of_the_end(done in any::<bool>()) {
            let course = Course { steps: 3, pivot: 1, refusable: 2 };
            let at = if done { Position::Done } else { Position::Undone };
            for outcome in [Outcome::Succeeded, Outcome::Refused, Outcome::Unknown] {
                prop_assert_eq!(course.after(at, outcome), at);
            }
            prop_assert_eq!(course.after_crash(at), at);
        }
    }
}
