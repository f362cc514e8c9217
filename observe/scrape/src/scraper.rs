//! Runs a configuration, and replaces it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::{DroppedTarget, RelabelStep, TargetStatus, Targets, TargetsStatus};
use vitrine_platform_fetch::Client;

use crate::config::{Config, Job};
use crate::describe;
use crate::pool::{Common, Pool};
use crate::relabel::LabelMap;
use crate::scrape::Sink;
use crate::target::Target;
use crate::view::{Scraped, View};

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
        Self {
            common: Common { sink, clock, stop, tasks, seed, name_server: String::new() },
            working: Mutex::default(),
        }
    }

    /// The same that asks this name server, `IP:PORT`, and not the system's.
    pub fn with_name_server(mut self, name_server: &str) -> Self {
        name_server.clone_into(&mut self.common.name_server);
        self
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

    fn job(&self, name: &str) -> Option<Arc<Job>> {
        self.working.lock().iter().map(|working| &working.job).find(|job| job.name == name).cloned()
    }

    /// Stops. Series have not ended: another process, or this one after its restart, goes on.
    pub async fn stop(&self) {
        self.common.stop.cancel();
        self.common.tasks.close();
        self.common.tasks.wait().await;
    }
}

impl Targets for Scraper {
    fn targets(&self) -> TargetsStatus {
        let working = self.working.lock();
        let mut status = TargetsStatus::default();
        for Working { job, view, .. } in &*working {
            let view = view.lock();
            let name = &job.name;
            status.active.extend(view.targets.iter().map(|(target, outcome)| report(name, target, &outcome.lock())));
            let dropped = view
                .dropped
                .iter()
                .map(|labels| DroppedTarget { job: name.clone(), discovered: LabelMap::clone(labels) });
            status.dropped.extend(dropped);
            status.dropped_counts.push((name.clone(), view.dropped_count));
            status.jobs.push(name.clone());
        }
        status
    }

    fn job_config(&self, job: &str) -> Option<String> {
        self.job(job).map(|job| describe::yaml(&job))
    }

    fn relabel(&self, job: &str, labels: LabelMap) -> Option<Vec<RelabelStep>> {
        self.job(job).map(|job| describe::steps(&job.relabel, labels))
    }
}

fn report(job: &str, target: &Target, outcome: &Scraped) -> TargetStatus {
    TargetStatus {
        job: job.to_owned(),
        discovered: target.discovered.clone(),
        labels: target.labels.clone(),
        url: target.url.clone(),
        interval: target.interval,
        timeout: target.timeout,
        health: outcome.health,
        error: outcome.error.clone(),
        last_ms: outcome.time_ms,
        took: outcome.took,
    }
}
