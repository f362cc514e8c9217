//! Rules are read again while others are evaluated: all or nothing. What stays as it is goes on as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;
use vitrine_observe_routing::Alerting;
use vitrine_observe_rules::{Group, Remains, RuleFile, SavedGroup};
use vitrine_platform_config::glob;

use super::{GroupKey, Rules, Running, key};
use crate::documents::delete_group;
use crate::engine::Error;

/// Largest rule file, in bytes.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// After how many intervals what is left of a group is told: another one may take it over.
const REMAINS_INTERVALS: u32 = 2;

/// Rules that were read and can be used. Until then, or until this is let go of, no others can be given or read.
#[derive(Debug)]
pub struct LoadedRules {
    pub(super) groups: Vec<Group>,
    changing: OwnedMutexGuard<()>,
}

impl Rules {
    /// Reads the files again. If anything is wrong, all stays as it is.
    pub async fn reload(&self) -> Result<(), Error> {
        self.apply(self.load().await?).await;
        Ok(())
    }

    /// Reads the files, without using them yet. All mistakes of all files are told.
    pub async fn load(&self) -> Result<LoadedRules, Error> {
        // From here on: a namespace that is given meanwhile could be called as a file is.
        let changing = self.shared.changing.clone().lock_owned().await;
        let rules = self.clone();
        let loading = tokio::task::spawn_blocking(move || rules.load_files());
        let files = loading.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?;
        let given = self.shared.given.read();
        if let Some((file, _)) = files.iter().find(|(name, _)| given.contains_key(name)) {
            return Err(Error::Namespace(file.clone()));
        }
        let settings = &self.shared.options.settings;
        let of = |(name, file): &(String, RuleFile)| -> Vec<Group> {
            file.groups.iter().map(|spec| Group::new(name, spec, settings)).collect()
        };
        Ok(LoadedRules { groups: files.iter().flat_map(of).collect(), changing })
    }

    /// Uses rules. Groups that stay as they are go on; rules of the same group, name and labels keep their alerts and series. Returns when all
    /// others have ended.
    pub async fn apply(&self, loaded: LoadedRules) {
        let LoadedRules { mut groups, changing: _changing } = loaded;
        self.add_given(&mut groups);
        let old = self.shared.running.read().clone();
        self.replace(groups, old).await;
    }

    /// Adds the groups that were given.
    pub(super) fn add_given(&self, groups: &mut Vec<Group>) {
        let settings = &self.shared.options.settings;
        for (namespace, given) in &*self.shared.given.read() {
            groups.extend(given.values().map(|group| Group::new(namespace, &group.spec, settings)));
        }
    }

    fn load_files(&self) -> Result<Vec<(String, RuleFile)>, Error> {
        let options = &self.shared.options;
        let mut paths = BTreeSet::new();
        let mut wrong = Vec::new();
        for pattern in &options.files {
            let named = |reason: String| Error::Files { pattern: pattern.clone(), reason };
            match glob(pattern, Path::new(".")) {
                Ok(found) if found.is_empty() => wrong.push(named("names no file".to_owned())),
                Ok(found) => paths.extend(found),
                Err(error) => wrong.push(named(error.to_string())),
            }
        }
        let mut files = options.shipped.clone();
        for path in &paths {
            match read_file(path) {
                Ok(file) => files.push((path.display().to_string(), file)),
                Err(error) => wrong.push(error),
            }
        }
        match wrong.len() {
            0 => Ok(files),
            1 => Err(wrong.remove(0)),
            _ => Err(Error::Several(wrong)),
        }
    }

    /// Evaluates groups in the place of others.
    pub(super) async fn replace(&self, groups: Vec<Group>, mut old: BTreeMap<GroupKey, Arc<Running>>) {
        let mut changed = Vec::new();
        for group in groups {
            match old.remove(&key(&group)) {
                Some(running) if running.does(&group).await => {}
                running => changed.push((group, running)),
            }
        }
        // All are told to end before any is waited for.
        let ending = changed.iter().filter_map(|(_, running)| running.as_ref()).chain(old.values());
        ending.for_each(|running| running.stopped.cancel());
        for (mut group, running) in changed {
            if let Some(running) = running {
                running.ended().await;
                group.adopt(&mut *running.group.lock().await);
            }
            self.begin(group);
        }
        for (key, running) in old {
            self.remove(&key, &running).await;
        }
    }

    async fn remove(&self, key: &GroupKey, running: &Arc<Running>) {
        running.ended().await;
        self.shared.running.write().remove(key);
        let mut group = running.group.lock().await;
        let interval = Duration::from_millis(group.interval_ms().unsigned_abs());
        let (saved, remains) = (group.saved(), group.take_remains());
        self.tell_later(saved, remains, interval);
    }

    /// Tells what is left of a group, where no other has taken it over until then.
    pub(super) fn tell_later(&self, group: SavedGroup, mut remains: Remains, interval: Duration) {
        let (rules, stopped) = (self.clone(), self.shared.stopped.clone());
        let ended_at = self.shared.alertmanager.now_ms();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                // What is kept of the group is found at the next start.
                () = stopped.cancelled() => return,
                () = tokio::time::sleep(interval * REMAINS_INTERVALS) => {}
            }
            let running: Vec<Arc<Running>> = rules.shared.running.read().values().cloned().collect();
            for running in running {
                remains.leave_to(&*running.group.lock().await);
            }
            rules.tell_remains(&group.name, remains.effects(ended_at)).await;
            let is_back = rules.shared.running.read().contains_key(&(group.file.clone(), group.name.clone()));
            if is_back {
                return;
            }
            if let Err(error) = delete_group(rules.shared.alertmanager.store(), &group).await {
                tracing::error!(group = group.name, error = %error, "a group of rules could not be forgotten");
            }
        });
    }
}

impl Running {
    /// Whether it evaluates the same.
    async fn does(&self, other: &Group) -> bool {
        let has_ended = self.task.lock().as_ref().is_none_or(JoinHandle::is_finished);
        !has_ended && self.group.lock().await.is_same(other)
    }

    /// Waits until it is evaluated no more.
    async fn ended(&self) {
        let task = self.task.lock().take();
        if let Some(task) = task {
            // One that panicked has ended, too.
            let _ = task.await;
        }
    }
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
