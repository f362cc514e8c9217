//! One fault after the other: before it, while it is at work, and after it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use vitrine_flags_range::Window;
use vitrine_flags_range::oracle::{Measured, Oracle, is_cleared, is_visible};
use vitrine_flags_range::record::{Figure, Need, Verdict};
use vitrine_platform_faults::{At, Fault};
use vitrine_tests_testkit::eventually;

use crate::Pair;
use crate::cases::{Case, ends_a_process};
use crate::drive::Drive;
use crate::world::{World, now_ns};

/// Most rounds in which a fault that is at work is to be seen.
const ROUNDS: usize = 4;
/// How often a case is passed before it is wrong: what the machine does at that moment may look like a fault, or hide one, but not each time.
const TRIES: usize = 2;

/// What was seen of the faults so far.
pub(crate) struct Walk {
    world: World,
    walked: BTreeSet<Pair>,
    /// What was not as it should be.
    wrong: Vec<String>,
    /// A round in which nothing was at work.
    quiet: Option<(Drive, Window)>,
}

impl Walk {
    pub(crate) fn new(world: World) -> Self {
        println!("{:<9} {:<10} {:<9} {:<8} {:<48} before during after", "place", "effect", "need", "signal", "what");
        Self { world, walked: BTreeSet::new(), wrong: Vec::new(), quiet: None }
    }

    /// The kinds of places that the shop's processes say they have.
    pub(crate) async fn places(&self) -> Result<BTreeSet<At>> {
        self.world.places().await
    }

    /// Lets people come by themselves from now on.
    pub(crate) async fn let_people_come(&mut self) -> Result<()> {
        self.quiet = None;
        self.world.let_come().await
    }

    /// Passes a case; what is wrong with it is told at the end.
    pub(crate) async fn pass(&mut self, case: &Case) {
        let (at, effect) = case.pair();
        self.walked.insert((at, effect));
        let mut wrong = Vec::new();
        for _ in 0..TRIES {
            let Err(error) = self.pass_one(case).await else { return };
            println!("{:<9} {effect:<10} {error:#}", at.name());
            wrong.push(format!("{effect} at {}: {error:#}", at.name()));
            self.quiet = None;
        }
        self.wrong.append(&mut wrong);
    }

    /// Returns all pairs that were walked.
    ///
    /// # Errors
    ///
    /// All that was not as it should be.
    pub(crate) fn end(self) -> Result<BTreeSet<Pair>> {
        ensure!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.walked.len(), self.wrong.join("\n"));
        Ok(self.walked)
    }

    /// What is wrong with a clock that telemetry tells.
    pub(crate) async fn pass_another_time(&mut self) {
        if let Err(error) = self.world.tells_another_time().await {
            self.wrong.push(format!("telemetry's clock: {error:#}"));
        }
    }

    async fn pass_one(&mut self, case: &Case) -> Result<()> {
        let throughout = match case.throughout_it() {
            Some(fault) => Some(self.world.arm(&fault).await?),
            None => None,
        };
        let figures = self.figures(case).await;
        if let Some(path) = throughout {
            self.world.end(&path).await?;
            self.quiet = None;
        }
        let figures = figures?;
        show(case, &figures);
        for figure in &figures {
            let is_well = match figure.need {
                Need::Required => figure.verdict == Verdict::Seen,
                Need::Forbidden => !matches!(figure.verdict, Verdict::Seen | Verdict::Lasting),
                Need::Optional => true,
            };
            ensure!(is_well, "{figure:?}");
        }
        Ok(())
    }

    /// What its oracle says of a fault.
    async fn figures(&mut self, case: &Case) -> Result<Vec<Figure>> {
        let fault = case.fault();
        let (at, effect) = case.pair();
        let oracle = Oracle::of(at, effect).context("an oracle")?;
        let quiet = match self.quiet.take().filter(|(drive, _)| *drive == case.drive && case.throughout_it().is_none())
        {
            Some((_, window)) => window,
            None => self.world.quiet_round(case.drive).await?,
        };
        let baseline = self.world.measured(oracle, &fault, quiet).await?;
        let from_ns = now_ns();
        let during = if ends_a_process(case) {
            self.world.exit(&fault).await?;
            let window = self.world.round(case.drive, from_ns).await?;
            self.world.measured(oracle, &fault, window).await?
        } else {
            let path = self.world.arm(&fault).await?;
            let during = self.during(case, oracle, &fault, &baseline).await;
            let told = self.world.end(&path).await?;
            ensure!(told["hit"].as_u64() > Some(0), "it hit nothing: {told}");
            during?
        };
        self.after(case, oracle, &fault, &baseline, &during).await
    }

    /// Lets people go on until it is seen, or has had its time.
    async fn during(
        &self,
        case: &Case,
        oracle: &Oracle,
        fault: &Fault,
        baseline: &[Measured],
    ) -> Result<Vec<Measured>> {
        let (from_ns, mut measured) = (now_ns(), Vec::new());
        for _ in 0..ROUNDS {
            let window = self.world.round(case.drive, from_ns).await?;
            measured = self.world.measured(oracle, fault, window).await?;
            if is_visible(&judged(oracle, fault, [baseline, &measured, &[]])) {
                break;
            }
        }
        Ok(measured)
    }

    /// Lets people go on until nothing of it is seen.
    async fn after(
        &mut self,
        case: &Case,
        oracle: &Oracle,
        fault: &Fault,
        baseline: &[Measured],
        during: &[Measured],
    ) -> Result<Vec<Figure>> {
        let mut last = Vec::new();
        let world = &self.world;
        let cleared = eventually("that it is over", async || {
            let window = world.round(case.drive, now_ns()).await?;
            let after = world.measured(oracle, fault, window).await?;
            last = judged(oracle, fault, [baseline, during, &after]);
            Ok((is_cleared(&last) && world.is_quiet(window).await?).then_some(window))
        });
        let cleared = cleared.await;
        let window = cleared.with_context(|| format!("{last:?}"))?;
        self.quiet = Some((case.drive, window));
        Ok(last)
    }
}

fn judged(oracle: &Oracle, fault: &Fault, measured: [&[Measured]; 3]) -> Vec<Figure> {
    let of = |at: usize| measured.map(|all| all.get(at).copied().flatten());
    oracle.checks().enumerate().map(|(at, (need, check))| check.judge(need, fault, of(at))).collect()
}

fn show(case: &Case, figures: &[Figure]) {
    let (at, effect) = case.pair();
    let number = |measured: Measured| measured.map_or_else(|| "-".to_owned(), |n| format!("{n:.3}"));
    for Figure { signal, what, need, baseline, during, after, verdict } in figures {
        let need = format!("{need:?}").to_lowercase();
        let [baseline, during, after] = [*baseline, *during, *after].map(number);
        println!(
            "{:<9} {effect:<10} {need:<9} {signal:<8} {what:<48} {baseline} {during} {after} {verdict:?}",
            at.name()
        );
    }
}
