//! Runs a configuration, and replaces it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_platform_fetch::Client;

use crate::config::{Config, Job};
use crate::pool::{Common, Pool};
use crate::relabel::LabelMap;
use crate::scrape::Sink;
use crate::target::Target;

/// How a target fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It was not scraped yet.
    #[default]
    Unknown,
    /// Its last scrape was taken.
    Up,
    /// It was not.
    Down,
}

/// The last scrape of a target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scraped {
    pub health: Health,
    pub error: Option<String>,
    pub time_ms: i64,
    pub took: Duration,
}

/// What can be seen of a job.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub targets: Vec<(Arc<Target>, Arc<Mutex<Scraped>>)>,
    pub dropped: Vec<LabelMap>,
    pub dropped_count: usize,
    pub errors: Vec<String>,
}

/// A target and its last scrape.
#[derive(Debug, Clone)]
pub struct TargetReport {
    /// The job that it belongs to.
    pub job: String,
    /// The target.
    pub target: Arc<Target>,
    /// How it fares.
    pub health: Health,
    /// Why its last scrape was not taken.
    pub error: Option<String>,
    /// When it was scraped last, in milliseconds since 1970; 0 if it was not.
    pub last_ms: i64,
    /// How long that took.
    pub took: Duration,
}

/// Something that was discovered and that the rules drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedTarget {
    /// The job that it would have belonged to.
    pub job: String,
    /// Its labels before the rules.
    pub discovered: LabelMap,
}

/// A job at work.
struct Working {
    job: Arc<Job>,
    gone: CancellationToken,
    view: Arc<Mutex<View>>,
}

/// Runs a configuration.
pub struct Scraper {
    common: Common,
    working: Mutex<Vec<Working>>,
}

impl Scraper {
    /// A scraper without a configuration. `seed` spreads targets over their intervals: two processes that scrape the same do it at different
    /// times if their seeds differ.
    pub fn new(sink: Arc<dyn Sink>, clock: Clock, seed: u64) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        Self { common: Common { sink, clock, stop, tasks, seed }, working: Mutex::default() }
    }

    /// Runs this configuration from now on, or an error says what of it cannot be set up, and the one before goes on. Jobs that stay as they
    /// are go on undisturbed. To be called within a runtime.
    pub fn apply(&self, config: &Config) -> Result<(), String> {
        let mut fresh = Vec::new();
        let mut working = self.working.lock();
        for job in &config.jobs {
            if working.iter().any(|known| *known.job == *job) {
                continue;
            }
            let client = Client::new(&job.http).map_err(|error| format!("job {:?}: {error}", job.name))?;
            fresh.push((Arc::new(job.clone()), client));
        }
        working.retain(|known| {
            let stays = config.jobs.iter().any(|job| *known.job == *job);
            if !stays {
                known.gone.cancel();
            }
            stays
        });
        for (job, client) in fresh {
            let (gone, view) = (CancellationToken::new(), Arc::<Mutex<View>>::default());
            let pool = Pool::new(job.clone(), client, self.common.clone(), view.clone());
            self.common.tasks.spawn(pool.run(gone.clone()));
            working.push(Working { job, gone, view });
        }
        working.sort_by(|one, other| one.job.name.cmp(&other.job.name));
        Ok(())
    }

    /// Names of all jobs, in order.
    pub fn jobs(&self) -> Vec<String> {
        self.working.lock().iter().map(|working| working.job.name.clone()).collect()
    }

    /// All targets, by job.
    pub fn targets(&self) -> Vec<TargetReport> {
        let working = self.working.lock();
        let all = working.iter().flat_map(|working| {
            let targets = working.view.lock().targets.clone();
            targets.into_iter().map(|(target, outcome)| {
                let Scraped { health, error, time_ms, took } = outcome.lock().clone();
                TargetReport { job: working.job.name.clone(), target, health, error, last_ms: time_ms, took }
            })
        });
        all.collect()
    }

    /// What the rules drop, as far as it is remembered, and how many there are of each job.
    pub fn dropped(&self) -> (Vec<DroppedTarget>, Vec<(String, usize)>) {
        let working = self.working.lock();
        let (mut dropped, mut counts) = (Vec::new(), Vec::new());
        for Working { job, view, .. } in &*working {
            let view = view.lock();
            let job = &job.name;
            dropped.extend(view.dropped.iter().map(|labels| DroppedTarget { job: job.clone(), discovered: labels.clone() }));
            counts.push((job.clone(), view.dropped_count));
        }
        (dropped, counts)
    }

    /// Stops. Series have not ended: another process, or this one after its restart, goes on.
    pub async fn stop(&self) {
        self.common.stop.cancel();
        self.common.tasks.close();
        self.common.tasks.wait().await;
    }
}
