//! The targets of one job, kept as its sources say.

use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_platform_fetch::Client;

use crate::config::Job;
use crate::discovery::{Discovery, Group};
use crate::relabel::LabelMap;
use crate::scrape::Sink;
use crate::target::{Relabelled, Target, targets};
use crate::target_loop::TargetLoop;
use crate::view::{Scraped, View};

/// How soon a source that failed is asked again, at least.
const RETRY: Duration = Duration::from_secs(5);

/// What all jobs share.
#[derive(Clone)]
pub(crate) struct Common {
    pub sink: Arc<dyn Sink>,
    pub clock: Clock,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    pub seed: u64,
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
    /// Groups by their source and their name in it.
    groups: BTreeMap<(usize, String), Group>,
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
            self.common.tasks.spawn(async move {
                tokio::select! {
                    () = asking.cancelled() => {}
                    () = follow(number, discovery, sender) => {}
                }
            });
        }
        drop(sender);
        loop {
            tokio::select! {
                () = self.common.stop.cancelled() => return,
                () = gone.cancelled() => break,
                found = found.recv() => match found {
                    Some((number, groups)) => self.replace(number, groups),
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

    fn replace(&mut self, number: usize, groups: Vec<(String, Group)>) {
        self.groups.retain(|(source, _), _| *source != number);
        self.groups.extend(groups.into_iter().map(|(name, group)| ((number, name), group)));
        let (mut wanted, mut dropped, mut errors): (Vec<Scraping>, Vec<LabelMap>, Vec<String>) = Default::default();
        let mut known = HashSet::new();
        for found in self.groups.values().flat_map(|group| targets(&self.job, group)) {
            match found {
                // Two that are the same are one.
                Ok(Relabelled::Target(target)) => {
                    let scraping = Scraping(Arc::new(*target));
                    if known.insert(scraping.clone()) {
                        wanted.push(scraping);
                    }
                }
                Ok(Relabelled::Dropped(labels)) => dropped.push(labels),
                Err(error) => errors.push(error),
            }
        }
        let most = self.job.limits.targets;
        if most > 0 && wanted.len() as u64 > most {
            errors.push(format!("target_limit exceeded (number of targets: {}, limit: {most})", wanted.len()));
            wanted.clear();
        }
        for error in &errors {
            tracing::warn!(job = self.job.name, error, "a discovered target cannot be scraped");
        }
        self.set(wanted);
        let kept = match usize::try_from(self.job.limits.dropped_targets) {
            Ok(0) | Err(_) => dropped.len(),
            Ok(most) => most.min(dropped.len()),
        };
        let mut view = self.view.lock();
        view.targets =
            self.running.iter().map(|running| (running.scraping.0.clone(), running.outcome.clone())).collect();
        view.dropped_count = dropped.len();
        dropped.truncate(kept);
        view.dropped = dropped;
        view.errors = errors;
    }

    /// Starts what is new, ends what is gone; what stays is not disturbed.
    fn set(&mut self, wanted: Vec<Scraping>) {
        let all: HashSet<&Scraping> = wanted.iter().collect();
        self.running.retain(|running| {
            let stays = all.contains(&running.scraping);
            if !stays {
                running.gone.cancel();
            }
            stays
        });
        let known: HashSet<Scraping> = self.running.iter().map(|running| running.scraping.clone()).collect();
        for scraping in wanted.into_iter().filter(|scraping| !known.contains(scraping)) {
            let gone = CancellationToken::new();
            let outcome = Arc::<Mutex<Scraped>>::default();
            let Common { sink, clock, stop, tasks, seed } = self.common.clone();
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
    }
}

/// A target; the same as another if both are scraped in the same way and bring the same series.
#[derive(Clone)]
struct Scraping(Arc<Target>);

impl Scraping {
    fn key(&self) -> impl Eq + Hash + '_ {
        (&self.0.labels, &self.0.url, self.0.interval, self.0.timeout)
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

/// Asks a source again and again, and hands on what it says when that is new.
async fn follow(number: usize, discovery: Discovery, sender: tokio::sync::mpsc::Sender<(usize, Vec<(String, Group)>)>) {
    let client = match discovery.settings().map(Client::new).transpose() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "a source of targets cannot be asked");
            return;
        }
    };
    let mut last: Option<Vec<(String, Group)>> = None;
    loop {
        let mut pause = discovery.interval();
        match discovery.groups(client.as_ref()).await {
            Ok(groups) if last.as_ref() == Some(&groups) => {}
            Ok(groups) => {
                last = Some(groups.clone());
                if sender.send((number, groups)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(error, "a source of targets cannot be read: its last targets stay");
                pause = pause.map(|pause| pause.max(RETRY));
            }
        }
        let Some(pause) = pause else { return };
        tokio::time::sleep(pause).await;
    }
}
