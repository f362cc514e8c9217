//! Roll-outs: begun, moved, held, and taken back.
//!
//! A step gives subjects whom the flag's rule gives no variant a `fractional`, the new variant's bucket first and the rest behind. The weights always add
//! up to the same, so a bucket that grows keeps its members. The last step of all makes the new variant the default one, and the rule is as it was.

use serde::Deserialize;
use vitrine_flags_engine::json;
use vitrine_platform_store::{Query, Stored};

use super::change::{Changing, Transition, Written};
use super::edit::{Edit, with_member};
use super::operations::{expect, no_flag};
use super::schedules::MAX_PLANNED_BYTES;
use super::set::StoredFlag;
use super::{Error, FlagStore};
use crate::audit::Action;
use crate::documents::{RollOut, RollOutState, number_id};
use crate::operation::Author;
use crate::rollout::{RollOutPlan, Share, WHOLE};

/// Most roll-outs that are kept. The oldest that ended go first.
pub const MAX_ROLL_OUTS: usize = 200;
/// Who moves roll-outs.
const SERVICE: &str = "roll-out";

/// What a person does with a roll-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RollOutAct {
    /// It holds where it is.
    Pause,
    /// It goes on, with a whole pause before its next step.
    Resume,
    /// The flag is as it was before.
    Revert,
}

impl Changing<'_> {
    /// What a roll-out begins with: its first step, and what is kept of it.
    pub(super) async fn roll_out(
        &self,
        set: &str,
        (key, revision): (&str, u64),
        plan: &RollOutPlan,
        author: &Author,
    ) -> Result<(Edit, RollOut, Vec<RollOut>), Error> {
        let none = super::SetInForce::default();
        let now = self.now.set(set).map_or(&none, std::sync::Arc::as_ref);
        expect(now, key, revision)?;
        let stored = now.stored(key).ok_or_else(|| no_flag(key))?;
        let shares = plan.shares().map_err(Error::Invalid)?;
        check(stored, plan)?;
        let all = self.flags.roll_outs().await?;
        let same =
            all.iter().find(|other| other.state.is_active() && (other.set.as_str(), other.key.as_str()) == (set, key));
        if let Some(other) = same {
            return Err(Error::InUse(format!(
                "roll-out {} of {key:?} is {}: revert it, or let it end",
                other.id,
                other.state.name()
            )));
        }
        let surplus = (all.len() + 1).saturating_sub(MAX_ROLL_OUTS);
        let gone: Vec<RollOut> = all.into_iter().rev().filter(|other| !other.state.is_active()).take(surplus).collect();
        if gone.len() < surplus {
            return Err(Error::Invalid(format!("{MAX_ROLL_OUTS} roll-outs are under way, which is the most")));
        }
        let mut begun = RollOut {
            id: self.revision(),
            set: set.to_owned(),
            key: key.to_owned(),
            who: author.who.clone(),
            why: author.why.clone(),
            plan: plan.clone(),
            shares,
            reached: 0,
            state: RollOutState::Running,
            because: None,
            next_ms: 0,
            before: stored.definition.clone(),
            revision: 0,
        };
        let edit = self.step(&mut begun);
        Ok((edit, begun, gone))
    }

    /// Makes the next step of a roll-out, and returns what it edits.
    fn step(&self, roll_out: &mut RollOut) -> Edit {
        roll_out.reached += 1;
        let definition = definition_at(roll_out);
        let is_last = roll_out.reached == roll_out.shares.len();
        roll_out.state = if is_last { RollOutState::Done } else { RollOutState::Running };
        roll_out.because = None;
        roll_out.next_ms = self.flags.now_ms().saturating_add(roll_out.plan.every.ms());
        roll_out.revision = self.revision();
        Edit { key: Some(roll_out.key.clone()), definition: Some(definition) }
    }

    /// Puts the flag back as it was before a roll-out.
    fn revert(&self, roll_out: &mut RollOut, because: Option<String>) -> Edit {
        roll_out.state = RollOutState::Reverted;
        roll_out.because = because;
        roll_out.revision = self.revision();
        Edit { key: Some(roll_out.key.clone()), definition: Some(roll_out.before.clone()) }
    }

    /// Whether the flag is as a roll-out left it; the reason if it is not.
    fn moved_on(&self, roll_out: &RollOut) -> Option<Error> {
        let current = self.revision_of(&roll_out.set, Some(&roll_out.key));
        if current == roll_out.revision {
            return None;
        }
        let stored = self.now.set(&roll_out.set).and_then(|set| set.stored(&roll_out.key));
        let definition = stored.map(|stored| stored.definition.clone());
        Some(Error::Conflict {
            what: format!("flag {:?}", roll_out.key),
            current,
            expected: roll_out.revision,
            definition,
        })
    }
}

/// What the driver does with a roll-out.
pub(crate) enum Moving {
    /// Its next step is due.
    Step,
    /// Its guard tripped.
    Trip(String),
    /// Its guard cannot be asked, or can be again.
    Hold(Option<String>),
}

impl FlagStore {
    /// The roll-outs, the latest first.
    pub async fn roll_outs(&self) -> Result<Vec<RollOut>, Error> {
        let found = self.store().find_all::<RollOut>(Query::all()).await?;
        Ok(found.into_iter().rev().map(|found| found.doc).collect())
    }

    /// Those that go on by themselves.
    pub(crate) async fn running(&self) -> Result<Vec<RollOut>, Error> {
        let query = Query::eq(RollOut::STATE, RollOutState::Running.name());
        Ok(self.store().find_all::<RollOut>(query).await?.into_iter().map(|found| found.doc).collect())
    }

    /// Pauses, resumes or reverts a roll-out.
    pub async fn act_on_roll_out(&self, author: Author, id: u64, act: RollOutAct) -> Result<Written, Error> {
        let changing = self.begin().await;
        let found = self.store().get::<RollOut>(&number_id(id)).await?;
        let mut kept = found.ok_or_else(|| Error::NotFound(format!("there is no roll-out {id}")))?;
        let state = kept.doc.state;
        let allowed = match act {
            RollOutAct::Pause => state == RollOutState::Running,
            RollOutAct::Resume => matches!(state, RollOutState::Paused | RollOutState::Stopped),
            RollOutAct::Revert => state != RollOutState::Reverted,
        };
        if !allowed {
            return Err(Error::Invalid(format!("roll-out {id} is {}", state.name())));
        }
        if act != RollOutAct::Pause
            && let Some(conflict) = changing.moved_on(&kept.doc)
        {
            return Err(conflict);
        }
        let transition = match act {
            RollOutAct::Pause => {
                kept.doc.state = RollOutState::Paused;
                tell(Action::Pause, &kept.doc)
            }
            RollOutAct::Resume => {
                kept.doc.state = RollOutState::Running;
                kept.doc.because = None;
                kept.doc.next_ms = self.now_ms().saturating_add(kept.doc.plan.every.ms());
                tell(Action::Resume, &kept.doc)
            }
            RollOutAct::Revert => {
                let edit = changing.revert(&mut kept.doc, None);
                editing(Action::Revert, &kept.doc, edit)
            }
        };
        changing.check_file(&transition)?;
        changing.commit(author, transition.with(move |tx| tx.update(&kept))).await
    }

    /// Does with a roll-out what the driver found, unless somebody did something else with it since it was read.
    pub(crate) async fn move_roll_out(&self, seen: &RollOut, moving: Moving) -> Result<(), Error> {
        let changing = self.begin().await;
        let kept: Option<Stored<RollOut>> = self.store().get(&number_id(seen.id)).await?;
        let Some(mut kept) = kept.filter(|kept| kept.doc == *seen) else { return Ok(()) };
        let author = |why: &str| Author { who: SERVICE.to_owned(), why: why.to_owned() };
        let (author, transition) = if let Some(conflict) = changing.moved_on(seen) {
            let reason = conflict.to_string();
            kept.doc.state = RollOutState::Stopped;
            kept.doc.because = Some("the flag was changed by somebody else".to_owned());
            (author(&reason), tell(Action::Stop, &kept.doc))
        } else {
            match moving {
                Moving::Step => {
                    let edit = changing.step(&mut kept.doc);
                    (author(&seen.why), editing(Action::Step, &kept.doc, edit))
                }
                Moving::Trip(reason)
                    if seen.plan.guard.as_ref().is_some_and(|g| g.then == crate::rollout::Then::Revert) =>
                {
                    let edit = changing.revert(&mut kept.doc, Some(reason.clone()));
                    (author(&reason), editing(Action::Revert, &kept.doc, edit))
                }
                Moving::Trip(reason) => {
                    kept.doc.state = RollOutState::Stopped;
                    kept.doc.because = Some(reason.clone());
                    (author(&reason), tell(Action::Stop, &kept.doc))
                }
                Moving::Hold(reason) => {
                    kept.doc.because.clone_from(&reason);
                    let why = reason.unwrap_or_else(|| "the guard answers again".to_owned());
                    (author(&why), tell(Action::Hold, &kept.doc))
                }
            }
        };
        changing.commit(author, transition.with(move |tx| tx.update(&kept))).await?;
        Ok(())
    }
}

fn about(roll_out: &RollOut) -> String {
    let share = roll_out.share().map_or_else(String::new, |share| format!(" at {share}"));
    format!(
        "roll-out {} of {:?} to {:?}{share}: {}",
        roll_out.id,
        roll_out.key,
        roll_out.plan.to,
        roll_out.state.name()
    )
}

fn tell(action: Action, roll_out: &RollOut) -> Transition {
    Transition::telling(action, &roll_out.set, about(roll_out))
}

fn editing(action: Action, roll_out: &RollOut, edit: Edit) -> Transition {
    Transition { edits: vec![edit], ..tell(action, roll_out) }
}

/// Whether a flag can be rolled out so.
fn check(stored: &StoredFlag, plan: &RollOutPlan) -> Result<(), Error> {
    let flag = &stored.flag;
    let invalid = |message: String| Err(Error::Invalid(message));
    if stored.definition.len() > MAX_PLANNED_BYTES {
        return invalid(format!(
            "a flag whose definition has more than {MAX_PLANNED_BYTES} bytes cannot be rolled out"
        ));
    }
    if plan.from == plan.to {
        return invalid(format!("to: another variant than {:?} is expected", plan.from));
    }
    if flag.variants().iter().all(|variant| *variant.name != *plan.to) {
        return invalid(format!("to: a variant of the flag is expected, and {:?} is none", plan.to));
    }
    match flag.default_variant().map(|variant| &*variant.name) {
        Some(default) if default == plan.from => {}
        Some(default) => {
            return invalid(format!(
                "from: the flag's default variant {default:?} is expected, and not {:?}",
                plan.from
            ));
        }
        None => return invalid("from: the flag has no default variant whose place could be taken".to_owned()),
    }
    if !flag.is_enabled() {
        return invalid("the flag is disabled, and nobody would see the roll-out: enable it first".to_owned());
    }
    match flag.broken() {
        Some(broken) => invalid(format!("the flag's rule cannot be evaluated: {broken}")),
        None => Ok(()),
    }
}

/// The flag's definition at the share that a roll-out has reached.
fn definition_at(roll_out: &RollOut) -> String {
    let text = |name: &str| {
        let mut out = String::new();
        json::write_text(name, &mut out);
        out
    };
    let (before, to) = (&roll_out.before, text(&roll_out.plan.to));
    let Share(part) = roll_out.share().unwrap_or(Share(0));
    if part == WHOLE {
        return with_member(before, "defaultVariant", &to);
    }
    let from = text(&roll_out.plan.from);
    let split = format!("{{\"fractional\": [[{to}, {part}], [{from}, {}]]}}", WHOLE - part);
    let read = json::read(before).ok();
    let rule = read.as_ref().and_then(|json| json.get("targeting"));
    let rule = rule.filter(|rule| matches!(&rule.kind, json::Kind::Map(members) if !members.is_empty()));
    let targeting = match rule.map(|rule| rule.written(before)) {
        // Whom the rule gives a variant keeps it.
        Some(rule) => format!("{{\"if\": [{{\"===\": [{rule}, null]}}, {split}, {rule}]}}"),
        None => split,
    };
    with_member(before, "targeting", &targeting)
}
