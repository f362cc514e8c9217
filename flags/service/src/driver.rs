//! What is done when its time has come: planned changes, steps of roll-outs and their guards, and edits of the file of definitions.
//!
//! One task does it for a process. All it does goes the way of all changes, so that it can end at any time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::documents::RollOut;
use crate::flag_store::{Error, FlagFile, FlagStore, Moving, Writer};
use crate::rollout::{Guard, Measurements};

/// Longest sleep: a clock that was set forward is noticed after so long.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// Pause after the database failed.
const RETRY: Duration = Duration::from_secs(5);
/// How often the file of definitions is looked at.
const FILE_INTERVAL_MS: i64 = 2_000;
/// How often a guard is asked.
const GUARD_INTERVAL_MS: i64 = 15_000;
/// How long an answer to a guard may take.
const GUARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Does what is due. A process has one.
pub struct Driver {
    flags: FlagStore,
    measurements: Arc<dyn Measurements>,
    file: Option<FlagFile>,
    /// What is known of the guards of roll-outs that run, by their numbers.
    guards: HashMap<u64, GuardState>,
}

/// What is known of a guard.
#[derive(Clone, Copy, Debug)]
struct GuardState {
    asked_ms: i64,
    /// Since when its answers lie where they must not.
    beyond_since_ms: Option<i64>,
    /// Whether the last question was answered.
    is_answered: bool,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("flags", &self.flags).field("guards", &self.guards).finish_non_exhaustive()
    }
}

impl Driver {
    /// A driver of these flags, whose guards are answered by `measurements`.
    pub fn new(flags: &FlagStore, measurements: Arc<dyn Measurements>) -> Self {
        Self { flags: flags.clone(), measurements, file: None, guards: HashMap::new() }
    }

    /// The same with a file of definitions for the default set, and who writes them. What it says is in force when this returns; where it cannot be taken,
    /// [`FlagStore::file_status`] says why.
    pub async fn with_file(self, path: &Path, writer: Writer) -> Result<Self, Error> {
        let mut file = FlagFile::new(path, writer);
        file.look(&self.flags).await?;
        Ok(Self { file: Some(file), ..self })
    }

    /// Does all that is due, and returns when something is due next, in milliseconds since 1970.
    pub async fn turn(&mut self) -> Result<Option<i64>, Error> {
        if let Some(file) = &mut self.file {
            file.look(&self.flags).await?;
        }
        let look_again = self.file.as_ref().map(|_| self.flags.now_ms().saturating_add(FILE_INTERVAL_MS));
        let scheduled = self.flags.make_due().await?;
        let running = self.flags.running().await?;
        self.guards.retain(|id, _| running.iter().any(|roll_out| roll_out.id == *id));
        let asked = self.ask(&running).await;
        let now_ms = self.flags.now_ms();
        for (roll_out, answer) in running.iter().zip(asked) {
            if let Some(moving) = self.decide(roll_out, answer, now_ms) {
                self.flags.move_roll_out(roll_out, moving).await?;
            }
        }
        let running = self.flags.running().await?;
        let next = running.iter().map(|roll_out| self.next_of(roll_out));
        Ok(next.chain(scheduled).chain(look_again).min())
    }

    /// Does what is due when it is due, for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            let pause = match self.turn().await {
                Ok(next) => self.pause(next),
                Err(error) => {
                    tracing::error!(%error, "what is planned for flags could not be done");
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.flags.planned() => {}
            }
        }
    }

    fn pause(&self, next_ms: Option<i64>) -> Duration {
        let Some(next_ms) = next_ms else { return MAX_SLEEP };
        let ms = u64::try_from(next_ms.saturating_sub(self.flags.now_ms())).unwrap_or(0);
        Duration::from_millis(ms).min(MAX_SLEEP)
    }

    /// Asks the guards whose time it is, all at once. None for those that were not asked.
    async fn ask(&self, running: &[RollOut]) -> Vec<Option<Result<Option<f64>, String>>> {
        let now_ms = self.flags.now_ms();
        join_all(running.iter().map(async |roll_out| {
            let guard = roll_out.plan.guard.as_ref()?;
            let asked = self.guards.get(&roll_out.id).map(|state| state.asked_ms);
            let is_due = asked.is_none_or(|asked| now_ms >= asked.saturating_add(GUARD_INTERVAL_MS));
            if !is_due && now_ms < roll_out.next_ms {
                return None;
            }
            let answer = self.measurements.ask(guard.language, &guard.query);
            Some(
                tokio::time::timeout(GUARD_TIMEOUT, answer)
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {} s", GUARD_TIMEOUT.as_secs()))),
            )
        }))
        .await
    }

    /// What is to be done with a roll-out now. A guard that cannot be asked, or whose answer lies where it must not, holds the next step.
    fn decide(
        &mut self,
        roll_out: &RollOut,
        answer: Option<Result<Option<f64>, String>>,
        now_ms: i64,
    ) -> Option<Moving> {
        let step = || (now_ms >= roll_out.next_ms).then_some(Moving::Step);
        let Some(guard) = &roll_out.plan.guard else { return step() };
        let before = self.guards.get(&roll_out.id).copied();
        let answer = answer?;
        let is_beyond = answer.as_ref().is_ok_and(|answer| guard.is_beyond(*answer));
        let since = before.and_then(|state| state.beyond_since_ms).unwrap_or(now_ms);
        let state = GuardState {
            asked_ms: now_ms,
            beyond_since_ms: match &answer {
                // Without an answer nothing is known: what was beyond may still be.
                Err(_) => before.and_then(|state| state.beyond_since_ms),
                Ok(_) => is_beyond.then_some(since),
            },
            is_answered: answer.is_ok(),
        };
        self.guards.insert(roll_out.id, state);
        match answer {
            Err(error) => {
                let reason = format!("waits, because its guard cannot be asked: {error}");
                let is_told = roll_out.because.is_some() && before.is_some_and(|state| !state.is_answered);
                (!is_told).then_some(Moving::Hold(Some(reason)))
            }
            Ok(Some(answer)) if is_beyond => {
                let has_lasted = now_ms.saturating_sub(since) >= guard.r#for.ms();
                has_lasted.then(|| Moving::Trip(tripped(guard, answer)))
            }
            Ok(_) => step().or_else(|| roll_out.because.is_some().then_some(Moving::Hold(None))),
        }
    }

    fn next_of(&self, roll_out: &RollOut) -> i64 {
        if roll_out.plan.guard.is_none() {
            return roll_out.next_ms;
        }
        let Some(state) = self.guards.get(&roll_out.id) else { return self.flags.now_ms() };
        let again = state.asked_ms.saturating_add(GUARD_INTERVAL_MS);
        // A step that a guard holds is due again when the guard was asked again.
        if roll_out.next_ms > self.flags.now_ms() { again.min(roll_out.next_ms) } else { again }
    }
}

fn tripped(guard: &Guard, answer: f64) -> String {
    let side = match guard.is {
        crate::rollout::Side::Above => "above",
        crate::rollout::Side::Below => "below",
    };
    format!("its guard tripped: {answer} is {side} {}", guard.value)
}
