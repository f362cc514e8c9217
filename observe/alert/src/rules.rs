//! Rules: groups are evaluated at their times, what they record is written, and their alerts are told.
//!
//! Where each alert of a rule is, is kept with each transition, before it is told. After a restart it is there again; the time in which nobody
//! evaluated does not count as held.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::percent;
use vitrine_observe_promql::{Engine, Point};
use vitrine_observe_routing::{Alerting, LabelSet, PostedAlert};
use vitrine_observe_rules::alert::Alert;
use vitrine_observe_rules::status::{GroupStatus, RuleStatuses};
use vitrine_observe_rules::{Effects, EngineSource, Group, RuleFile, Settings};
use vitrine_observe_series::{Labels, Queryable, STALE, Value};

use crate::documents::{GroupState, read_groups, write_group};
use crate::engine::{Alertmanager, Error};

/// Groups that are evaluated at a time.
const MAX_EVALUATIONS: usize = 2;
/// Most bytes that a query of a rule takes.
const QUERY_BYTES: usize = 64 * 1024 * 1024;
/// Most samples that it reads.
const QUERY_SAMPLES: u64 = 50_000_000;
/// The longest time that it takes.
const QUERY_TIME: Duration = Duration::from_secs(60);
/// Largest rule file, in bytes.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// How exactly it is known until when a group with alerts was evaluated.
const ALIVE_STEP_MS: i64 = 30_000;

/// A sample that a rule recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its series.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// Its value; [`STALE`] where the series has ended.
    pub value: Value,
}

/// A write that ends when what is written can be queried.
pub type Writing = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What rules read, and where what they record goes.
pub trait RuleStorage: Send + Sync + 'static {
    /// Series as they are now.
    fn series(&self) -> Arc<dyn Queryable>;
    /// Writes samples, all or none.
    fn write(&self, samples: Vec<Recorded>) -> Writing;
}

/// What rules work with.
pub struct RuleOptions {
    /// Rule files.
    pub files: Vec<PathBuf>,
    /// Rules that are no file, by what they are called where a file's name stands.
    pub shipped: Vec<(String, RuleFile)>,
    /// What holds for all groups.
    pub settings: Settings,
    /// What they read and write.
    pub storage: Arc<dyn RuleStorage>,
}

/// Rules that are evaluated, until [`Rules::stop`] is called. Cheap to clone.
#[derive(Clone)]
pub struct Rules {
    shared: Arc<RulesInner>,
}

struct RulesInner {
    alertmanager: Alertmanager,
    options: RuleOptions,
    statuses: RwLock<Vec<GroupStatus>>,
    turns: Arc<Semaphore>,
    stopped: CancellationToken,
    tasks: TaskTracker,
}

impl RuleStatuses for Rules {
    fn groups(&self) -> Vec<GroupStatus> {
        self.shared.statuses.read().clone()
    }
}

impl Rules {
    /// Reads the files and what is kept of their groups, and begins to evaluate.
    pub async fn start(alertmanager: &Alertmanager, options: RuleOptions) -> Result<Self, Error> {
        let mut groups = Vec::new();
        let mut files = options.shipped.clone();
        for path in &options.files {
            files.push((path.display().to_string(), read_file(path)?));
        }
        for (name, file) in &files {
            groups.extend(file.groups.iter().map(|spec| Group::new(name, spec, &options.settings)));
        }
        groups.sort_by(|a, b| (a.file(), a.name()).cmp(&(b.file(), b.name())));
        let kept = read_groups(alertmanager.store()).await.map_err(Error::Store)?;
        let now = alertmanager.now_ms();
        for group in &mut groups {
            let of_group = |kept: &&GroupState| kept.group.file == group.file() && kept.group.name == group.name();
            if let Some(kept) = kept.iter().find(of_group) {
                group.restore(&kept.group, kept.alive_at, now);
            }
        }
        let shared = RulesInner {
            alertmanager: alertmanager.clone(),
            options,
            statuses: RwLock::new(groups.iter().map(Group::status).collect()),
            turns: Arc::new(Semaphore::new(MAX_EVALUATIONS)),
            stopped: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let rules = Self { shared: Arc::new(shared) };
        for (place, group) in groups.into_iter().enumerate() {
            let running = rules.clone();
            rules.shared.tasks.spawn(async move { running.run(place, group).await });
        }
        Ok(rules)
    }

    /// Ends; an evaluation that runs is waited for.
    pub async fn stop(&self) {
        self.shared.stopped.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    async fn run(&self, place: usize, mut group: Group) {
        let shared = &self.shared;
        let mut last = group.slot_before(shared.alertmanager.now_ms());
        let mut kept_at = 0;
        loop {
            let now = shared.alertmanager.now_ms();
            let Some(slot) = group.due(last, now) else {
                let rest = u64::try_from(last + group.interval_ms() - now).unwrap_or_default();
                tokio::select! {
                    () = shared.stopped.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_millis(rest.max(1))) => continue,
                }
            };
            last = slot.at_ms;
            let Ok(_turn) = shared.turns.clone().acquire_owned().await else { return };
            let working = self.clone();
            let evaluated = tokio::task::spawn_blocking(move || working.evaluate(group, slot.at_ms)).await;
            // A panic is a mistake of ours; its group is evaluated no more, and its status stays as it was.
            let Ok((after, outcome)) = evaluated else { return };
            group = after;
            shared.statuses.write()[place] = group.status();
            self.keep_and_tell(&group, outcome, slot.at_ms, &mut kept_at).await;
        }
    }

    /// Evaluates a group. It blocks.
    fn evaluate(&self, mut group: Group, at_ms: i64) -> (Group, Outcome) {
        let options = &self.shared.options;
        let series = options.storage.series();
        let source = EngineSource {
            engine: Engine::default(),
            series: &*series,
            bytes: QUERY_BYTES,
            samples: QUERY_SAMPLES,
            time: QUERY_TIME,
        };
        let mut outcome = Outcome::default();
        let mut sink = |effects: Effects| {
            self.write(&effects)?;
            outcome.is_changed |= effects.is_changed;
            let alerts = effects.alerts.iter().map(|alert| self.posted(alert, &effects.query));
            outcome.alerts.extend(alerts);
            Ok(())
        };
        group.evaluate(at_ms, &options.settings, &source, &mut sink);
        (group, outcome)
    }

    /// Writes what a rule recorded, and waits until it is there.
    fn write(&self, effects: &Effects) -> Result<(), String> {
        let samples = effects.samples.iter().map(|sample| Recorded {
            labels: sample.labels.clone(),
            time_ms: sample.time_ms,
            value: match &sample.value {
                Point::Float(value) => Value::Float(value.to_bits()),
                Point::Histogram(histogram) => Value::Histogram(histogram.clone()),
            },
        });
        let ended = effects.ended.iter().map(|labels| Recorded {
            labels: labels.clone(),
            time_ms: effects.ended_at_ms,
            value: Value::Float(STALE),
        });
        let samples: Vec<Recorded> = samples.chain(ended).collect();
        if samples.is_empty() {
            return Ok(());
        }
        Handle::current().block_on(self.shared.options.storage.write(samples))
    }

    /// An alert of a rule as it is told.
    fn posted(&self, alert: &Alert, query: &str) -> PostedAlert {
        let settings = &self.shared.options.settings;
        let set = |labels: &Labels| -> LabelSet {
            labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect()
        };
        let mut labels: LabelSet = settings.external_labels.iter().cloned().collect();
        labels.extend(set(&alert.labels));
        let url = settings.external_url.trim_end_matches('/');
        PostedAlert {
            labels,
            annotations: set(&alert.annotations),
            starts_at: alert.fired_at_ms,
            ends_at: Some(alert.resolved_at_ms.unwrap_or(alert.valid_until_ms)),
            generator_url: format!("{url}/graph?g0.expr={}&g0.tab=1", percent::encode(query)),
        }
    }

    /// Keeps where a group's alerts are, if that has changed or it is long ago, and tells those that are to be told.
    async fn keep_and_tell(&self, group: &Group, outcome: Outcome, at_ms: i64, kept_at: &mut i64) {
        let saved = group.saved();
        let is_due = !saved.rules.is_empty() && at_ms - *kept_at >= ALIVE_STEP_MS;
        if outcome.is_changed || is_due {
            let state = GroupState { alive_at: at_ms, group: saved };
            match write_group(self.shared.alertmanager.store(), state).await {
                Ok(()) => *kept_at = at_ms,
                Err(error) => {
                    tracing::error!(group = group.name(), error = %error, "where alerts are could not be written down")
                }
            }
        }
        if outcome.alerts.is_empty() {
            return;
        }
        if let Err(error) = self.shared.alertmanager.tell_alerts(outcome.alerts).await {
            tracing::warn!(group = group.name(), error = %error, "alerts of rules were not taken");
        }
    }
}

/// What an evaluation leads to.
#[derive(Default)]
struct Outcome {
    is_changed: bool,
    alerts: Vec<PostedAlert>,
}

fn read_file(path: &Path) -> Result<RuleFile, Error> {
    let unreadable = |source| Error::File { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_FILE_BYTES {
        let message = format!("{bytes} bytes: expected at most {MAX_FILE_BYTES}");
        return Err(unreadable(std::io::Error::other(message)));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    RuleFile::parse(&text).map_err(|mistakes| Error::Config { path: path.to_owned(), mistakes })
}
