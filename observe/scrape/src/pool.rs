//! The targets of one job, kept as its sources say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_platform_fetch::Client;

use crate::config::Job;
use crate::discovery::{Group, GroupUpdate};
use crate::relabel::LabelMap;
use crate::scrape::Sink;
use crate::target::{Relabelled, Target, targets};
use crate::target_loop::TargetLoop;
use crate::view::{Scraped, View};

/// What all jobs share.
#[derive(Clone)]
pub(crate) struct Common {
    pub sink: Arc<dyn Sink>,
    pub clock: Clock,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    pub seed: u64,
    /// Whom DNS is asked of; the system's where it is empty.
    pub name_server: String,
}

/// A target at work.
struct Running {
    scraping: Scraping,
    outcome: Arc<Mutex<Scraped>>,
    gone: CancellationToken,
}

/// The targets of a job.
pub(crate) struct Pool {
    job: Arc<Job>,
    client: Client,
    common: Common,
    /// What relabelling made of groups, by their source and their name in it.
    groups: BTreeMap<(usize, String), Vec<Outcome>>,
    running: Vec<Running>,
    view: Arc<Mutex<View>>,
}

impl Pool {
    pub fn new(job: Arc<Job>, client: Client, common: Common, view: Arc<Mutex<View>>) -> Self {
        Self { job, client, common, groups: BTreeMap::new(), running: Vec::new(), view }
    }

    /// Follows the job's sources until it is gone or the process ends. What its targets are when it is gone has ended.
    pub async fn run(mut self, gone: CancellationToken) {
        let (sender, mut found) = tokio::sync::mpsc::channel(1);
        let asking = CancellationToken::new();
        let _asking = asking.clone().drop_guard();
        for (number, discovery) in self.job.discoveries.iter().enumerate() {
            let (discovery, sender, asking) = (discovery.clone(), sender.clone(), asking.clone());
            let name_server = self.common.name_server.clone();
            self.common.tasks.spawn(async move {
                tokio::select! {
                    () = asking.cancelled() => {}
                    () = discovery.follow(number, name_server, sender) => {}
                }
            });
        }
        drop(sender);
        loop {
            tokio::select! {
                () = self.common.stop.cancelled() => return,
                () = gone.cancelled() => break,
                found = found.recv() => match found {
                    Some((number, found)) => self.take(number, found),
                    // Nothing changes any more.
                    None => tokio::select! {
                        () = self.common.stop.cancelled() => return,
                        () = gone.cancelled() => break,
                    },
                },
            }
        }
        for running in self.running.drain(..) {
            running.gone.cancel();
        }
    }

    fn take(&mut self, number: usize, found: GroupUpdate) {
        let changed = match found {
            GroupUpdate::All(groups) => {
                self.groups.retain(|(source, _), _| *source != number);
                groups.into_iter().map(|(name, group)| (name, Some(group))).collect()
            }
            GroupUpdate::Changed(changed) => changed,
        };
        for (name, group) in changed {
            match group {
                Some(group) => self.groups.insert((number, name), outcomes(&self.job, &group)),
                None => self.groups.remove(&(number, name)),
            };
        }
        self.renew();
    }

    /// What is scraped becomes what the groups say now.
    fn renew(&mut self) {
        let (mut wanted, mut dropped, mut errors): (Vec<Scraping>, Vec<_>, Vec<String>) = Default::default();
        let mut known = HashSet::new();
        for outcome in self.groups.values().flatten() {
            match outcome {
                // Two that are the same are one.
                Outcome::Target(scraping) if known.insert(scraping.clone()) => wanted.push(scraping.clone()),
                Outcome::Target(_) => {}
                Outcome::Dropped(labels) => dropped.push(labels.clone()),
                Outcome::Wrong(error) => errors.push(error.clone()),
            }
        }
        let most = self.job.limits.targets;
        if most > 0 && wanted.len() as u64 > most {
            errors.push(format!("target_limit exceeded (number of targets: {}, limit: {most})", wanted.len()));
            wanted.clear();
        }
        self.set(wanted);
        let kept = match usize::try_from(self.job.limits.dropped_targets) {
            Ok(0) | Err(_) => dropped.len(),
            Ok(most) => most.min(dropped.len()),
        };
        let mut view = self.view.lock();
        let told: HashSet<&String> = view.errors.iter().collect();
        for error in errors.iter().filter(|error| !told.contains(error)) {
            tracing::warn!(job = self.job.name, error, "a discovered target cannot be scraped");
        }
        view.targets =
            self.running.iter().map(|running| (running.scraping.0.clone(), running.outcome.clone())).collect();
        view.dropped_count = dropped.len();
        dropped.truncate(kept);
        view.dropped = dropped;
        view.errors = errors;
    }

    /// Starts what is new, ends what is gone; what stays is not disturbed.
    fn set(&mut self, wanted: Vec<Scraping>) {
        let places: HashMap<Scraping, usize> =
            wanted.iter().enumerate().map(|(place, scraping)| (scraping.clone(), place)).collect();
        self.running.retain(|running| {
            let stays = places.contains_key(&running.scraping);
            if !stays {
                running.gone.cancel();
            }
            stays
        });
        let known: HashSet<Scraping> = self.running.iter().map(|running| running.scraping.clone()).collect();
        for scraping in wanted.into_iter().filter(|scraping| !known.contains(scraping)) {
            let gone = CancellationToken::new();
            let outcome = Arc::<Mutex<Scraped>>::default();
            let Common { sink, clock, stop, tasks, seed, .. } = self.common.clone();
            let (job, client) = (self.job.clone(), self.client.clone());
            let (target, outcome_of_loop, gone_of_loop) = (scraping.0.clone(), outcome.clone(), gone.clone());
            let target_loop = TargetLoop {
                job,
                target,
                client,
                sink,
                clock,
                outcome: outcome_of_loop,
                gone: gone_of_loop,
                stop,
                seed,
            };
            tasks.spawn(target_loop.run());
            self.running.push(Running { scraping, outcome, gone });
        }
        // Shown in the order of their sources, whichever of these answered first.
        self.running.sort_by_key(|running| places.get(&running.scraping).copied());
    }
}

/// What relabelling made of something that was discovered.
enum Outcome {
    Target(Scraping),
    Dropped(Arc<LabelMap>),
    Wrong(String),
}

fn outcomes(job: &Job, group: &Group) -> Vec<Outcome> {
    let found = targets(job, group).into_iter().map(|found| match found {
        Ok(Relabelled::Target(target)) => Outcome::Target(Scraping(Arc::new(*target))),
        Ok(Relabelled::Dropped(labels)) => Outcome::Dropped(Arc::new(labels)),
        Err(error) => Outcome::Wrong(error),
    });
    found.collect()
}

/// A target; the same as another if both are scraped in the same way and bring the same series.
#[derive(Clone)]
struct Scraping(Arc<Target>);

impl Scraping {
    fn key(&self) -> impl Eq + Hash + '_ {
        (&self.0.labels, &self.0.url, self.0.interval, self.0.timeout, self.0.histograms)
    }
}

impl PartialEq for Scraping {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Scraping {}

impl Hash for Scraping {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
