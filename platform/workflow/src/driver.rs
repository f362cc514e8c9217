//! Brings workflows to their end, through their journal.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use thiserror::Error;
use vitrine_kit::Backoff;
use vitrine_platform_store::{self as store, Store, Tx};

use crate::definition::Definition;
use crate::progress::{Action, Outcome, Phase, Progress};
use crate::record::{Definitions, Record, Unreadable};

/// How often an action is tried before the workflow is left.
const MAX_TRIES: u32 = 6;
/// The pause before the second try.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A workflow that goes on is written down at least this often, also where nothing is new, so that no one takes it for
/// abandoned.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What the steps of a workflow do.
pub trait Activities: Sync {
    /// Why something was not done.
    type Error: Send;

    /// Does what the step with this name says.
    fn execute(&self, step: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Undoes it, whether it was done or not.
    fn compensate(&self, step: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Returns what an error means: [`Outcome::Refused`], [`Outcome::Unknown`] or [`Outcome::Pending`].
    fn outcome(&self, error: &Self::Error) -> Outcome;
}

/// Where a workflow is written down.
pub trait Journal: Send {
    /// Why a workflow turned back.
    type Cause;

    /// Adds to a batch what keeps this record; with why the workflow turns back, at the moment it does. A batch that meets what another
    /// driver has written must fail to commit.
    fn write(&mut self, tx: &mut Tx, record: Record, cause: Option<&Self::Cause>);

    /// The batch is durable.
    fn committed(&mut self);
}

/// A workflow under way: its definition, and how far it is.
#[derive(Clone, Debug)]
pub struct Workflow {
    definition: Arc<Definition>,
    progress: Progress,
    /// As far as it is written down.
    written: Progress,
}

impl Workflow {
    /// A new one. Its [`record`](Self::record) is to be written down before it is driven.
    pub fn begin(definition: Arc<Definition>) -> Self {
        let progress = definition.begin();
        Self { written: progress.clone(), progress, definition }
    }

    /// One that was written down.
    pub fn read(definitions: &Definitions, record: &Record) -> Result<Self, Unreadable> {
        let (definition, progress) = definitions.read(record)?;
        Ok(Self { written: progress.clone(), progress, definition })
    }

    /// What is written down of it.
    pub fn record(&self) -> Record {
        self.definition.record(&self.progress)
    }

    /// Which way it goes.
    pub fn phase(&self) -> Phase {
        self.progress.phase()
    }

    /// Its definition.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }
}

/// Why a workflow is not driven on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<E> {
    /// It is at its end, which is to be written down by [`Driver::end`].
    Ended {
        /// Why it turned back, if it did while it was driven here.
        cause: Option<E>,
    },
    /// A step waits for something outside: it is to be driven again when that has come about.
    Pending {
        /// The step's name.
        step: String,
        /// What it waits for.
        error: E,
    },
    /// An action did not succeed, however often it was tried: it is to be driven again later.
    Waiting {
        /// The step's name.
        step: String,
        /// What it said last.
        error: E,
        /// Whether it was refused where nothing may be refused. Then a person must look.
        refused: bool,
    },
}

impl<E> Stop<E> {
    /// Of a step that is not tried again now.
    fn of(step: String, error: E, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pending => Self::Pending { step, error },
            _ => Self::Waiting { step, error, refused: outcome == Outcome::Refused },
        }
    }
}

/// Why driving a workflow failed. It is as it was last written down.
#[derive(Debug, Error)]
pub enum Error {
    /// Another driver has written it down meanwhile.
    #[error("another driver goes on with this workflow")]
    Lost,
    /// It could not be written down.
    #[error("a workflow could not be written down")]
    Store(#[source] store::Error),
    /// A [`Probe`] wanted it to stop.
    #[error("the workflow was stopped by a probe")]
    Stopped,
}

/// A point at which a process could die.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// Something is about to be written down.
    BeforeAppend,
    /// It is durable.
    AfterAppend,
    /// A step is about to be executed or compensated.
    BeforeCall(String),
    /// It has said how it went, and nothing is written down of that yet.
    AfterAnswer(String),
}

/// Asked at each [`Point`] whether to go on; if not, the driver stops as if its process had died. For tests, which let it die at each of
/// them in turn.
pub type Probe = Arc<dyn Fn(Point) -> bool + Send + Sync>;

/// Drives workflows whose journals are in one store. Cheap to clone.
#[derive(Clone)]
pub struct Driver {
    store: Store,
    backoff: Backoff,
    probe: Option<Probe>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// What comes about while a workflow is driven.
enum Event<E> {
    Ended(Action, Result<(), E>),
    Paused(Action),
    Died,
}

/// The actions under way, and what came about of them while something else was waited for.
struct UnderWay<'a, E> {
    going: FuturesUnordered<BoxFuture<'a, Event<E>>>,
    came: VecDeque<Event<E>>,
}

impl<'a, E> UnderWay<'a, E> {
    fn new() -> Self {
        Self { going: FuturesUnordered::new(), came: VecDeque::new() }
    }

    async fn next(&mut self) -> Option<Event<E>> {
        match self.came.pop_front() {
            Some(event) => Some(event),
            None => self.going.next().await,
        }
    }

    /// Waits for some work while actions go on: one that has its turn at something must not hold it while nobody polls it.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(event) = self.going.next() => self.came.push_back(event),
            }
        }
    }
}

impl Driver {
    /// A driver over a store.
    pub fn new(store: Store) -> Self {
        Self { store, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).with_tries(MAX_TRIES), probe: None }
    }

    /// The same with other pauses between tries.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff: backoff.with_tries(MAX_TRIES), ..self }
    }

    /// The same, asking a probe at each point.
    #[must_use]
    pub fn with_probe(self, probe: Probe) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// Claims a workflow whose driver is gone: from where it goes on is written down, with why it turns back if it does.
    pub async fn take_over<J: Journal>(
        &self,
        workflow: &mut Workflow,
        journal: &mut J,
        interrupted: &J::Cause,
    ) -> Result<(), Error> {
        let before = workflow.phase();
        workflow.progress = workflow.definition.after_crash(&workflow.written);
        let cause = (before != workflow.phase()).then_some(interrupted);
        self.append(workflow, journal, cause).await
    }

    /// Drives a workflow until it is at its end or cannot go on. Its end is not written down yet.
    pub async fn drive<J, A>(
        &self,
        workflow: &mut Workflow,
        journal: &mut J,
        activities: &A,
    ) -> Result<Stop<A::Error>, Error>
    where
        J: Journal<Cause = A::Error>,
        A: Activities,
    {
        let definition = workflow.definition.clone();
        let (mut under_way, mut busy) = (UnderWay::new(), HashSet::new());
        let (mut backoffs, mut written): (HashMap<Action, Backoff>, _) = (HashMap::new(), Instant::now());
        let (mut waiting, mut cause) = (None, None);
        loop {
            for action in definition.due(&workflow.progress) {
                if waiting.is_none() && busy.insert(action.step()) {
                    under_way.going.push(self.attempt(&definition, activities, action));
                }
            }
            let (action, ended) = match under_way.next().await {
                Some(Event::Ended(action, ended)) => (action, ended),
                Some(Event::Paused(action)) => {
                    busy.remove(&action.step());
                    continue;
                }
                Some(Event::Died) => return Err(Error::Stopped),
                None => return Ok(waiting.unwrap_or(Stop::Ended { cause })),
            };
            busy.remove(&action.step());
            let outcome = ended.as_ref().map_or_else(|e| activities.outcome(e), |()| Outcome::Succeeded);
            let before = workflow.phase();
            workflow.progress = definition.after(&workflow.progress, action, outcome);
            let is_known = definition.durable(&workflow.progress) == definition.durable(&workflow.written);
            let turned_back = before == Phase::Forward && workflow.phase() != Phase::Forward;
            let error = match ended {
                Err(error) if turned_back => {
                    cause = Some(error);
                    None
                }
                ended => ended.err(),
            };
            if workflow.phase().is_final() {
                return Ok(Stop::Ended { cause });
            }
            if !is_known || written.elapsed() >= HEARTBEAT {
                under_way.during(self.append(workflow, journal, cause.as_ref())).await?;
                written = Instant::now();
            }
            let Some(error) = error else { continue };
            if !definition.due(&workflow.progress).contains(&action) {
                continue;
            }
            let backoff = backoffs.entry(action).or_insert(self.backoff);
            if outcome != Outcome::Pending && backoff.has_try_left() {
                busy.insert(action.step());
                let pause = backoff.equal_jitter();
                under_way.going.push(tokio::time::sleep(pause).map(move |()| Event::Paused(action)).boxed());
            } else if waiting.is_none() {
                // A caller that goes on with it would not know why it turned back.
                if cause.is_some() {
                    under_way.during(self.append(workflow, journal, cause.as_ref())).await?;
                }
                let step = definition.steps()[action.step()].name().to_owned();
                waiting = Some(Stop::of(step, error, outcome));
            }
        }
    }

    /// Writes down the end of a workflow that [`drive`](Self::drive) has brought there, with the cause that it returned.
    pub async fn end<J: Journal>(
        &self,
        workflow: &mut Workflow,
        journal: &mut J,
        cause: Option<&J::Cause>,
    ) -> Result<(), Error> {
        self.append(workflow, journal, cause).await
    }

    fn attempt<'a, A: Activities>(
        &'a self,
        definition: &'a Definition,
        activities: &'a A,
        action: Action,
    ) -> BoxFuture<'a, Event<A::Error>> {
        let step = definition.steps()[action.step()].name();
        let attempt = async move {
            if self.dies(|| Point::BeforeCall(step.to_owned())) {
                return Event::Died;
            }
            let ended = match action {
                Action::Execute(_) => activities.execute(step).await,
                Action::Compensate(_) => activities.compensate(step).await,
            };
            if self.dies(|| Point::AfterAnswer(step.to_owned())) { Event::Died } else { Event::Ended(action, ended) }
        };
        attempt.boxed()
    }

    fn dies(&self, point: impl FnOnce() -> Point) -> bool {
        self.probe.as_ref().is_some_and(|goes_on| !goes_on(point()))
    }

    async fn append<J: Journal>(
        &self,
        workflow: &mut Workflow,
        journal: &mut J,
        cause: Option<&J::Cause>,
    ) -> Result<(), Error> {
        if self.dies(|| Point::BeforeAppend) {
            return Err(Error::Stopped);
        }
        let mut tx = self.store.begin();
        journal.write(&mut tx, workflow.record(), cause);
        match tx.commit().await {
            Ok(()) => journal.committed(),
            Err(store::Error::Conflict { .. } | store::Error::Exists { .. }) => return Err(Error::Lost),
            Err(e) => return Err(Error::Store(e)),
        }
        workflow.written = workflow.progress.clone();
        if self.dies(|| Point::AfterAppend) { Err(Error::Stopped) } else { Ok(()) }
    }
}
