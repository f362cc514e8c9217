//! Any definition, any order of ends, any refusal, lost answer and crash: all of it is done, or nothing is.

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;
use vitrine_platform_workflow::{Action, Definition, Outcome, Phase, Progress, Step, StepState};

/// What the world holds of a step.
#[derive(Clone, Copy, Debug, Default)]
struct Effect {
    is_there: bool,
    /// It was undone: what comes late is refused.
    is_forbidden: bool,
}

#[derive(Clone, Copy, Debug)]
enum Chance {
    Works,
    Refuses,
    LostBefore,
    LostAfter,
    Crash,
}

fn chance() -> impl Strategy<Value = (Chance, usize)> {
    let chance = prop_oneof![
        6 => Just(Chance::Works),
        1 => Just(Chance::Refuses),
        1 => Just(Chance::LostBefore),
        1 => Just(Chance::LostAfter),
        1 => Just(Chance::Crash),
    ];
    (chance, any::<usize>())
}

fn step() -> impl Strategy<Value = (u8, u8)> {
    (0u8..6, any::<u8>())
}

fn definition() -> impl Strategy<Value = Definition> {
    proptest::collection::vec(step(), 1..7).prop_filter_map("what cannot be undone", |steps| {
        let named: Vec<String> = (0..steps.len()).map(|n| format!("step{n}")).collect();
        let step = |(n, (kind, after)): (usize, &(u8, u8))| {
            let step = match kind {
                0 | 1 => Step::tentative(&named[n]),
                2 => Step::firm(&named[n]),
                3 => Step::firm(&named[n]).refusable(),
                4 => Step::firm(&named[n]).refusable().compensable(),
                _ => Step::firm(&named[n]).compensable().repeatable(),
            };
            (0..n)
                .filter(|earlier| after & (1 << earlier) != 0)
                .fold(step, |step, earlier| step.after([&named[earlier]]))
        };
        Definition::new("any", 1, steps.iter().enumerate().map(step)).ok()
    })
}

/// A driver and the world, one event at a time.
struct Run<'a> {
    definition: &'a Definition,
    repeatable: Vec<bool>,
    world: Vec<Effect>,
    progress: Progress,
    written: Progress,
    under_way: Vec<Action>,
}

impl Run<'_> {
    fn execute(&mut self, n: usize) -> bool {
        let effect = &mut self.world[n];
        effect.is_there |= !effect.is_forbidden;
        effect.is_there
    }

    /// Does one thing as chance has it.
    fn act(&mut self, chance: Chance, pick: usize) -> Result<(), TestCaseError> {
        for action in self.definition.due(&self.progress) {
            if !self.under_way.iter().any(|a| a.step() == action.step()) {
                self.under_way.push(action);
            }
        }
        prop_assert!(!self.under_way.is_empty(), "nothing to do at {:?}", self.progress);
        if matches!(chance, Chance::Crash) {
            // What was under way arrives, or it does not.
            for (n, action) in std::mem::take(&mut self.under_way).into_iter().enumerate() {
                if let (Action::Execute(step), true) = (action, pick & (1 << n) != 0) {
                    self.execute(step);
                }
            }
            self.progress = self.definition.after_crash(&self.written);
            self.written = self.progress.clone();
            return Ok(());
        }
        let action = self.under_way.swap_remove(pick % self.under_way.len());
        let outcome = match (action, chance) {
            (_, Chance::LostBefore) | (Action::Compensate(_), Chance::Refuses) => Outcome::Unknown,
            // A caller that has done it knows a repeat by its id.
            (Action::Execute(n), Chance::Refuses) if !self.world[n].is_there => Outcome::Refused,
            (Action::Execute(n), chance) => match (self.execute(n), chance) {
                (_, Chance::LostAfter) => Outcome::Unknown,
                (true, _) => Outcome::Succeeded,
                (false, _) => Outcome::Refused,
            },
            (Action::Compensate(n), chance) => {
                self.world[n] = Effect { is_there: false, is_forbidden: true };
                if matches!(chance, Chance::LostAfter) { Outcome::Unknown } else { Outcome::Succeeded }
            }
        };
        let next = self.definition.after(&self.progress, action, outcome);
        let is_known = self.definition.durable(&next) == self.definition.durable(&self.written);
        if !is_known || next.phase().is_final() {
            self.written = next.clone();
        }
        self.progress = next;
        for (n, is_repeatable) in self.repeatable.iter().enumerate() {
            let forgotten = self.progress.steps()[n] == StepState::Done && self.written.steps()[n] != StepState::Done;
            prop_assert!(*is_repeatable || !forgotten, "the end of step {n} is not written down");
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn all_or_nothing(definition in definition(), chances in proptest::collection::vec(chance(), 0..120)) {
        let begun = definition.begin();
        let repeatable: Vec<bool> =
            definition.steps().iter().map(|step| format!("{step:?}").contains("repeatable: true")).collect();
        let mut run = Run {
            definition: &definition, world: vec![Effect::default(); repeatable.len()], repeatable,
            progress: begun.clone(), written: begun, under_way: Vec::new(),
        };
        // After the chances are used up, all works: every workflow comes to its end.
        let rest = std::iter::repeat_n((Chance::Works, 0), 4 * run.repeatable.len() + 4);
        for (chance, pick) in chances.into_iter().chain(rest) {
            if run.progress.phase().is_final() {
                break;
            }
            run.act(chance, pick)?;
        }
        prop_assert!(run.progress.phase().is_final(), "{:?} after all", run.progress);
        let done = run.progress.phase() == Phase::Done;
        for (n, effect) in run.world.iter().enumerate() {
            prop_assert_eq!(effect.is_there, done, "step {} of {:?}", n, definition);
        }
        // Nothing leads out of the end.
        prop_assert!(definition.due(&run.progress).is_empty());
        prop_assert_eq!(definition.after_crash(&run.progress), run.progress.clone());
    }
}
