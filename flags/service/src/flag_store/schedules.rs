//! Changes that are made at a time: kept with the flags, so that they outlive the process.

use vitrine_flags_engine::Finding;
use vitrine_kit::clock::{parse_rfc3339, rfc3339};
use vitrine_platform_store::{Query, Stored};

use super::change::{Changing, Transition, Written};
use super::edit::Edit;
use super::{Error, FlagStore};
use crate::audit::Action;
use crate::documents::{Schedule, number_id};
use crate::operation::{Author, Operation};

/// Most changes that wait for their time, with those that could not be made.
pub const MAX_SCHEDULES: usize = 200;
/// Largest change that is kept for later, in bytes of JSON: all that are kept can be read at a time.
pub const MAX_PLANNED_BYTES: usize = 256 << 10;

/// A change that is kept.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Planned {
    /// Its number, which is that of the audit's entry.
    pub id: u64,
    /// What the author should know.
    pub findings: Vec<Finding>,
}

impl FlagStore {
    /// Keeps a change until its time, in milliseconds since 1970. It must be one that could be made now.
    pub async fn schedule(
        &self,
        author: Author,
        set: &str,
        operation: Operation,
        at_ms: i64,
    ) -> Result<Planned, Error> {
        self.check_planned(&operation, Some(at_ms))?;
        let changing = self.begin().await;
        if self.store().count::<Schedule>(Query::all()).await? >= MAX_SCHEDULES as u64 {
            return Err(Error::Invalid(format!("{MAX_SCHEDULES} changes are scheduled, which is the most")));
        }
        let transition = changing.transition_of(set, &operation, &author).await?;
        changing.check_direct(&transition)?;
        let found = changing.check(set, &operation, &author).await?;
        let id = changing.revision();
        let summary = operation.summary();
        let schedule = Schedule {
            id,
            set: set.to_owned(),
            operation,
            author: author.clone(),
            at_ms,
            is_approved: false,
            failed: None,
        };
        let about = format!("schedule {id}: {summary} at {}", rfc3339(at_ms));
        let transition = Transition::telling(Action::Schedule, set, about).with(move |tx| tx.insert(&schedule));
        changing.commit(author, transition).await?;
        Ok(Planned { id, findings: found })
    }

    /// The changes that wait, by their times, and after them those that could not be made.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, Error> {
        let found = self.store().find_all::<Schedule>(Query::all()).await?;
        let mut schedules: Vec<Schedule> = found.into_iter().map(|found| found.doc).collect();
        schedules.sort_by_key(|schedule| (schedule.failed.is_some(), schedule.at_ms, schedule.id));
        Ok(schedules)
    }

    /// Takes a schedule away: one that waits is not made any more, and one that failed is not told of any more.
    pub async fn cancel_schedule(&self, author: Author, id: u64) -> Result<Written, Error> {
        let changing = self.begin().await;
        let found = self.store().get::<Schedule>(&number_id(id)).await?;
        let schedule = found.ok_or_else(|| Error::NotFound(format!("there is no schedule {id}")))?.doc;
        let about = format!("schedule {id}: {}", schedule.operation.summary());
        let transition = Transition::telling(Action::Cancel, &schedule.set, about)
            .with(move |tx| tx.delete::<Schedule>(&number_id(id)));
        changing.commit(author, transition).await
    }

    /// Makes all changes whose time has come, in the order of their times, and returns when the next one is due.
    pub(crate) async fn make_due(&self) -> Result<Option<i64>, Error> {
        while let Some(schedule) = self.first_due(self.now_ms()).await? {
            match self.make_scheduled(&schedule).await {
                Ok(()) => {}
                Err(Error::Store(error)) => return Err(Error::Store(error)),
                // It waits no longer, and why is told.
                Err(error) => self.fail(schedule, &error).await?,
            }
        }
        Ok(self.first_due(i64::MAX).await?.map(|schedule| schedule.at_ms))
    }

    /// The first that is due at a time.
    async fn first_due(&self, by_ms: i64) -> Result<Option<Schedule>, Error> {
        let query = Query::range(Schedule::DUE, i64::MIN..=by_ms).limit(1);
        Ok(self.store().find::<Schedule>(query).await?.items.into_iter().next().map(|found| found.doc))
    }

    async fn make_scheduled(&self, schedule: &Schedule) -> Result<(), Error> {
        let changing = self.begin().await;
        // It may have been cancelled since it was seen.
        if self.store().get::<Schedule>(&number_id(schedule.id)).await?.is_none() {
            return Ok(());
        }
        let mut transition = changing.transition_of(&schedule.set, &schedule.operation, &schedule.author).await?;
        // Who planned it may have needed no approval then.
        match schedule.is_approved {
            true => changing.check_file(&transition)?,
            false => changing.check_direct(&transition)?,
        }
        let following = self.following(&changing, schedule, &transition.edits).await?;
        transition.about = Some(format!("schedule {}", schedule.id));
        let id = schedule.id;
        let transition = transition.with(move |tx| {
            tx.delete::<Schedule>(&number_id(id));
            following.iter().for_each(|schedule| tx.update(schedule));
        });
        changing.commit(schedule.author.clone(), transition).await?;
        Ok(())
    }

    /// Other changes that wait, of the same flags at the same revisions: they were planned one after the other (a sale begins, and ends), so they are
    /// for what this one leaves. A change from elsewhere in between is what makes them fail.
    async fn following(
        &self,
        changing: &Changing<'_>,
        made: &Schedule,
        edits: &[Edit],
    ) -> Result<Vec<Stored<Schedule>>, Error> {
        let to = changing.revision();
        let mut following = self.store().find_all::<Schedule>(Query::all()).await?;
        following.retain_mut(|waiting| {
            let schedule = &mut waiting.doc;
            if schedule.id == made.id || schedule.set != made.set || schedule.failed.is_some() {
                return false;
            }
            let rebased = edits.iter().map(|edit| {
                let key = edit.key.as_deref();
                schedule.operation.rebase(key, changing.revision_of(&made.set, key), to)
            });
            rebased.fold(false, |any, this| any | this)
        });
        Ok(following)
    }

    async fn fail(&self, mut schedule: Schedule, error: &Error) -> Result<(), Error> {
        let changing = self.begin().await;
        let Some(kept) = self.store().get::<Schedule>(&number_id(schedule.id)).await? else { return Ok(()) };
        schedule.failed = Some(error.to_string());
        let about = format!("schedule {}: {}: {error}", schedule.id, schedule.operation.summary());
        let author = schedule.author.clone();
        let kept = Stored { doc: schedule.clone(), version: kept.version };
        let transition = Transition::telling(Action::Fail, &schedule.set, about).with(move |tx| tx.update(&kept));
        changing.commit(author, transition).await?;
        Ok(())
    }
}

/// Reads the time at which a change is to be made.
pub(crate) fn time_of(text: &str) -> Result<i64, Error> {
    let expected = || Error::Invalid(format!("at: a time such as 2026-12-24T18:00:00Z is expected, and not {text:?}"));
    parse_rfc3339(text).ok_or_else(expected)
}

impl FlagStore {
    /// Refuses a change that is for a time that has passed, or too large to be kept beside the flags.
    pub(super) fn check_planned(&self, operation: &Operation, at_ms: Option<i64>) -> Result<(), Error> {
        match at_ms.filter(|at_ms| *at_ms <= self.now_ms()) {
            Some(past) => Err(Error::Invalid(format!("at: a time to come is expected, and not {}", rfc3339(past)))),
            None => check_size(operation),
        }
    }
}

fn check_size(operation: &Operation) -> Result<(), Error> {
    let bytes = serde_json::to_vec(operation).map_or(usize::MAX, |json| json.len());
    if bytes <= MAX_PLANNED_BYTES {
        return Ok(());
    }
    Err(Error::Invalid(format!("a change of at most {MAX_PLANNED_BYTES} bytes can be kept for later: make it at once")))
}
