//! What a workflow consists of.

use std::collections::HashSet;

use thiserror::Error;

/// Most steps of a definition.
pub const MAX_STEPS: usize = 256;

/// A step of a [`Definition`].
///
/// *Tentative* steps come before the point of no return: a refusal, an outcome that is not known and a crash all turn the workflow back.
/// *Firm* ones are tried again until their outcome is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub(crate) name: String,
    pub(crate) after: Vec<String>,
    pub(crate) tentative: bool,
    pub(crate) refusable: bool,
    pub(crate) compensable: bool,
    pub(crate) repeatable: bool,
}

impl Step {
    /// A step that may always be undone: refusable, compensable and repeatable. Its compensation must also be right if the step never
    /// was executed, and must keep one that comes late from having an effect.
    pub fn tentative(name: &str) -> Self {
        Self { tentative: true, refusable: true, compensable: true, repeatable: true, ..Self::firm(name) }
    }

    /// A step that must be brought to success. Of itself it may not be refused: a refusal leaves it to be tried again, and is reported.
    pub fn firm(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            after: Vec::new(),
            tentative: false,
            refusable: false,
            compensable: false,
            repeatable: false,
        }
    }

    /// It waits for these.
    #[must_use]
    pub fn after<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.after.extend(names.map(str::to_owned));
        self
    }

    /// It may be refused: then it has had no effect, and the workflow turns back.
    #[must_use]
    pub fn refusable(mut self) -> Self {
        self.refusable = true;
        self
    }

    /// It is undone when the workflow turns back.
    #[must_use]
    pub fn compensable(mut self) -> Self {
        self.compensable = true;
        self
    }

    /// A repeat of it, or of its compensation, succeeds and changes nothing, whatever happened since. So its end alone is not worth a
    /// commit: after a crash it is executed once more.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// What it is called in records.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Steps and their order, under a name with a version. Once records of it may be somewhere it does not change: a change is a new version
/// beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    id: String,
    steps: Vec<Step>,
    /// By step: those that it waits for.
    pub(crate) before: Vec<Vec<usize>>,
    /// By step: those that wait for it, directly.
    pub(crate) behind: Vec<Vec<usize>>,
    /// By step: whether it and all behind it are firm and repeatable, so that its end need not be written down.
    pub(crate) forgettable: Vec<bool>,
}

/// Why a definition would not do what it seems to say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// No name, or no steps, or more than [`MAX_STEPS`].
    #[error("the definition {0} has no name, no steps, or more than {MAX_STEPS}")]
    Size(String),
    /// Two steps have one name.
    #[error("the step {step} stands twice in {definition}")]
    Twice {
        /// Of which definition.
        definition: String,
        /// Which one.
        step: String,
    },
    /// A step comes after one that does not stand before it.
    #[error("the step {step} of {definition} comes after {after}, which does not stand before it")]
    Order {
        /// Of which definition.
        definition: String,
        /// Which one.
        step: String,
        /// What it wants to come after.
        after: String,
    },
    /// A tentative step comes after a firm one.
    #[error("the step {step} of {definition} is tentative and comes after {after}, which is firm")]
    TentativeLate {
        /// Of which definition.
        definition: String,
        /// Which one.
        step: String,
        /// The firm one.
        after: String,
    },
    /// A step may turn the workflow back when another has been done that cannot be undone.
    #[error("the step {step} of {definition} may be refused when {done} is done, which cannot be undone")]
    NoWayBack {
        /// Of which definition.
        definition: String,
        /// Which one.
        step: String,
        /// What would stay.
        done: String,
    },
}

impl Definition {
    /// A definition of these steps; each stands behind those that it comes after.
    pub fn new(name: &str, version: u32, steps: impl IntoIterator<Item = Step>) -> Result<Self, Malformed> {
        let (id, steps): (_, Vec<Step>) = (format!("{name}/{version}"), steps.into_iter().collect());
        if name.is_empty() || steps.is_empty() || steps.len() > MAX_STEPS {
            return Err(Malformed::Size(id));
        }
        let (mut before, mut behind) = (Vec::with_capacity(steps.len()), vec![Vec::new(); steps.len()]);
        let mut names = HashSet::new();
        for (n, step) in steps.iter().enumerate() {
            if !names.insert(step.name.as_str()) {
                return Err(Malformed::Twice { definition: id, step: step.name.clone() });
            }
            let mut waits_for = Vec::with_capacity(step.after.len());
            for after in &step.after {
                let Some(earlier) = steps[..n].iter().position(|s| s.name == *after) else {
                    return Err(Malformed::Order { definition: id, step: step.name.clone(), after: after.clone() });
                };
                waits_for.push(earlier);
                behind[earlier].push(n);
            }
            before.push(waits_for);
        }
        let mut forgettable = vec![false; steps.len()];
        for n in (0..steps.len()).rev() {
            let step = &steps[n];
            forgettable[n] = !step.tentative && step.repeatable && behind[n].iter().all(|b| forgettable[*b]);
        }
        let definition = Self { id, steps, before, behind, forgettable };
        definition.check_ways_back()?;
        Ok(definition)
    }

    fn check_ways_back(&self) -> Result<(), Malformed> {
        let named = |n: usize| self.steps[n].name.clone();
        for (n, step) in self.steps.iter().enumerate() {
            let late = step.tentative.then(|| self.before[n].iter().find(|b| !self.steps[**b].tentative)).flatten();
            if let Some(after) = late {
                let (definition, step, after) = (self.id.clone(), named(n), named(*after));
                return Err(Malformed::TentativeLate { definition, step, after });
            }
            if !step.refusable {
                continue;
            }
            let follows = self.descendants(n);
            let stays = (0..self.steps.len()).find(|m| *m != n && !follows[*m] && !self.steps[*m].compensable);
            if let Some(done) = stays {
                return Err(Malformed::NoWayBack { definition: self.id.clone(), step: named(n), done: named(done) });
            }
        }
        Ok(())
    }

    /// By step: whether it waits for this one, directly or not.
    fn descendants(&self, step: usize) -> Vec<bool> {
        let mut found = vec![false; self.steps.len()];
        for n in step + 1..self.steps.len() {
            found[n] = self.before[n].iter().any(|b| *b == step || found[*b]);
        }
        found
    }

    /// Its name and version, as in `purchase/1`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The number of the step with this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Definition, MAX_STEPS, Malformed, Step};

    fn refused(steps: impl IntoIterator<Item = Step>) -> String {
        Definition::new("work", 1, steps).expect_err("it is malformed").to_string()
    }

    #[test]
    fn what_cannot_be_undone_or_waited_for_is_no_definition() {
        let cases: [(Vec<Step>, &str); 6] = [
            (vec![], "no steps"),
            ((0..=MAX_STEPS).map(|n| Step::firm(&n.to_string())).collect(), "more than 256"),
            (vec![Step::firm("a"), Step::firm("a")], "a stands twice in work/1"),
            (vec![Step::firm("a").after(["b"]), Step::firm("b")], "a of work/1 comes after b"),
            (vec![Step::firm("a"), Step::tentative("b").after(["a"])], "b of work/1 is tentative and comes after a"),
            (vec![Step::firm("a"), Step::firm("b").after(["a"]).refusable()], "when a is done"),
        ];
        for (steps, expected) in cases {
            let told = refused(steps);
            assert!(told.contains(expected), "{told}");
        }
        // A branch beside it may have been done as well as one before it.
        assert!(
            refused([Step::firm("a").refusable(), Step::firm("b")])
                .contains("a of work/1 may be refused when b is done")
        );
        assert_eq!(Definition::new("", 1, [Step::firm("a")]), Err(Malformed::Size("/1".to_owned())));
    }

    #[test]
    fn the_first_step_decides_where_nothing_can_be_undone() {
        let steps = [Step::firm("stop").refusable(), Step::firm("refund").after(["stop"])];
        let cancellation = Definition::new("cancellation", 2, steps).expect("well formed");
        assert_eq!((cancellation.id(), cancellation.position("refund")), ("cancellation/2", Some(1)));
    }
}
