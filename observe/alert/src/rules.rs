//! Rules: groups are evaluated at their times, what they record is written, and their alerts are told.
//!
//! Where each alert of a rule is, is kept with each transition, before it is told. After a restart it is there again; the time in which nobody
//! evaluated does not count as held. Rules can be changed while they are evaluated: files that are read again, and groups that are given.

mod change;
mod given;
mod run;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_observe_routing::Alerting;
use vitrine_observe_rules::status::{GroupStatus, RuleStatuses};
use vitrine_observe_rules::{Group, Namespaces, Remains, RuleFile, Settings};
use vitrine_observe_series::{Labels, Queryable, Value};

use crate::documents::read_groups;
use crate::engine::{Alertmanager, Error};

pub use change::LoadedRules;

/// Groups that are evaluated at a time.
pub const MAX_EVALUATIONS: usize = 2;

/// A sample that a rule recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its series.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// Its value; [`STALE`](vitrine_observe_series::STALE) where the series has ended.
    pub value: Value,
}

/// A write that ends when what is written can be queried.
pub type Writing = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// The answer to a statement in SQL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each with a value for each column.
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// A statement that is being answered.
pub type Asking = Pin<Box<dyn Future<Output = Result<Rows, String>> + Send>>;

/// What rules read, and where what they record goes.
pub trait RuleStorage: Send + Sync + 'static {
    /// Series as they are now.
    fn series(&self) -> Arc<dyn Queryable>;
    /// Runs a statement in SQL; its answer has at most as many bytes as rules take.
    fn sql(&self, statement: String) -> Asking;
    /// Writes samples, all or none.
    fn write(&self, samples: Vec<Recorded>) -> Writing;
}

/// What rules work with.
pub struct RuleOptions {
    /// Rule files, as patterns such as `rules/*.yml`. Each must name a file.
    pub files: Vec<String>,
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
    /// In order of file and name.
    running: RwLock<BTreeMap<GroupKey, Arc<Running>>>,
    /// Held while rules are changed.
    changing: Arc<Mutex<()>>,
    /// What was given at run time.
    given: RwLock<Namespaces>,
    turns: Arc<Semaphore>,
    stopped: CancellationToken,
    tasks: TaskTracker,
}

/// A group's file, or namespace, and name.
type GroupKey = (String, String);

/// A group that is evaluated.
struct Running {
    group: Arc<Mutex<Group>>,
    status: RwLock<GroupStatus>,
    stopped: CancellationToken,
    task: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

fn key(group: &Group) -> GroupKey {
    (group.file().to_owned(), group.name().to_owned())
}

impl RuleStatuses for Rules {
    fn groups(&self) -> Vec<GroupStatus> {
        self.shared.running.read().values().map(|running| running.status.read().clone()).collect()
    }
}

impl Rules {
    /// Reads the files and what is kept of their groups, and begins to evaluate.
    pub async fn start(alertmanager: &Alertmanager, options: RuleOptions) -> Result<Self, Error> {
        let given = given::read(alertmanager).await?;
        let shared = RulesInner {
            alertmanager: alertmanager.clone(),
            options,
            running: RwLock::default(),
            changing: Arc::default(),
            given: RwLock::new(given),
            turns: Arc::new(Semaphore::new(MAX_EVALUATIONS)),
            stopped: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let rules = Self { shared: Arc::new(shared) };
        let mut groups = rules.load().await?.groups;
        rules.add_given(&mut groups);
        let now = alertmanager.now_ms();
        for kept in read_groups(alertmanager.store()).await.map_err(Error::Store)? {
            let is_it = |group: &&mut Group| kept.group.file == group.file() && kept.group.name == group.name();
            match groups.iter_mut().find(is_it) {
                Some(group) => group.restore(&kept.group, kept.alive_at, now),
                None => {
                    let remains = Remains::from(&kept.group);
                    rules.tell_later(kept.group, remains, rules.shared.options.settings.interval);
                }
            }
        }
        groups.into_iter().for_each(|group| rules.begin(group));
        Ok(rules)
    }

    /// Ends; an evaluation that runs is waited for.
    pub async fn stop(&self) {
        self.shared.stopped.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Begins to evaluate a group.
    fn begin(&self, group: Group) {
        let key = key(&group);
        let running = Arc::new(Running {
            status: RwLock::new(group.status()),
            group: Arc::new(Mutex::new(group)),
            stopped: self.shared.stopped.child_token(),
            task: parking_lot::Mutex::default(),
        });
        let (rules, evaluated) = (self.clone(), running.clone());
        let task = self.shared.tasks.spawn(async move { rules.run(&evaluated).await });
        *running.task.lock() = Some(task);
        self.shared.running.write().insert(key, running);
    }
}
