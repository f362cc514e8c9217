//! The alertmanager: a router whose changes are written down.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex as SyncMutex, RwLock};
use tokio::sync::{Mutex, Notify};
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_routing::{
    AlertFilter, AlertView, Alerting, Config, GroupView, PostedAlert, ReceiverView, Router, Silence, StatusView,
    TellError, Telling, Testing,
};
use vitrine_platform_config::yaml::Mistake;
use vitrine_platform_fetch as fetch;
use vitrine_platform_store::{Error as StoreError, Storage, Store};
use vitrine_platform_telemetry::{Service, Span};

use crate::documents;
use crate::driver::{Counts, Driver};
use crate::send::Senders;

/// The database's name.
const DATABASE: &str = "alertmanager";

/// What an alertmanager is made of.
#[derive(Debug)]
pub struct Settings {
    /// Where its database is.
    pub storage: Storage,
    /// Alertmanager's configuration; without one, alerts are kept and shown, and sent to no one.
    pub config: Option<PathBuf>,
    /// Where this process is reached, for links in notifications.
    pub external_url: String,
    /// The time.
    pub clock: Clock,
}

/// Why there is no alertmanager, or no other configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be read.
    #[error("{}: cannot be read", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration has mistakes.
    #[error("{}:{}", .path.display(), lines(.mistakes))]
    Config {
        /// Which file.
        path: PathBuf,
        /// All of them.
        mistakes: Vec<Mistake>,
    },
    /// A pattern of rule files names no file, or cannot be read.
    #[error("{pattern}: {reason}")]
    Files {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Several files are wrong.
    #[error("{}", .0.iter().map(with_causes).collect::<Vec<_>>().join("\n"))]
    Several(Vec<Error>),
    /// A rule file is called as a namespace is.
    #[error("{0}: a namespace of rules that were given is called so, too")]
    Namespace(String),
    /// A file of templates cannot be read.
    #[error("{}: templates cannot be read", .path.display())]
    TemplateFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Templates have a mistake.
    #[error("{0}")]
    Template(String),
    /// Requests to a receiver cannot be made.
    #[error("receiver {receiver:?}, {integration}: no client")]
    Client {
        /// Whose.
        receiver: String,
        /// By what way.
        integration: String,
        /// Why.
        #[source]
        source: fetch::Error,
    },
    /// The database does not open.
    #[error("the database of alerts does not open")]
    Store(#[source] StoreError),
}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect();
    lines.concat()
}

fn with_causes(error: &Error) -> String {
    crate::send::with_causes(error)
}

/// A configuration that was read and can be used.
pub struct LoadedConfig {
    config: Arc<Config>,
    senders: Senders,
}

/// Keeps alerts and silences, and tells receivers. Cheap to clone. It ends when [`Alertmanager::stop`] is called.
#[derive(Clone)]
pub struct Alertmanager {
    pub(crate) inner: Arc<AlertmanagerInner>,
}

pub(crate) struct AlertmanagerInner {
    pub(crate) router: RwLock<Router>,
    pub(crate) senders: RwLock<Arc<Senders>>,
    pub(crate) clock: Clock,
    /// LogEntry when something has changed that the driver may have to do with.
    pub(crate) changed: Notify,
    pub(crate) counts: Arc<Counts>,
    /// Receivers that are being tested.
    pub(crate) tested: SyncMutex<HashSet<String>>,
    store: Store,
    /// Held while changes are written, so that they are written in their order.
    writing: Mutex<()>,
    external_url: String,
    config: Option<PathBuf>,
    started_at: i64,
    pub(crate) tasks: TaskTracker,
    pub(crate) driver: Driver,
    /// Whose traces evaluations and notifications are.
    service: OnceLock<Service>,
}

impl std::fmt::Debug for Alertmanager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alertmanager").finish_non_exhaustive()
    }
}

impl Alertmanager {
    /// Reads the configuration and all that is kept, and begins to tell receivers.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        let LoadedConfig { config, senders } = load(settings.config.as_deref(), &settings.external_url)?;
        let store = Store::open(&settings.storage, DATABASE, documents::schema()).map_err(Error::Store)?;
        store.ready().await.map_err(Error::Store)?;
        let state = documents::read(&store).await.map_err(Error::Store)?;
        let now = settings.clock.now_ms();
        let inner = AlertmanagerInner {
            router: RwLock::new(Router::new(config, state, now)),
            senders: RwLock::new(Arc::new(senders)),
            clock: settings.clock,
            changed: Notify::new(),
            counts: Arc::default(),
            tested: SyncMutex::default(),
            store,
            writing: Mutex::new(()),
            external_url: settings.external_url,
            config: settings.config,
            started_at: now,
            tasks: TaskTracker::new(),
            driver: Driver::default(),
            service: OnceLock::new(),
        };
        let alertmanager = Self { inner: Arc::new(inner) };
        let driving = alertmanager.clone();
        alertmanager.inner.tasks.spawn(async move { driving.inner.driver.run(&driving).await });
        Ok(alertmanager)
    }

    /// Reads the configuration again. If it has a mistake, the one before goes on.
    pub async fn reload(&self) -> Result<(), Error> {
        self.apply(self.load().await?);
        Ok(())
    }

    /// Reads the configuration again, without using it yet.
    pub async fn load(&self) -> Result<LoadedConfig, Error> {
        let inner = self.inner.clone();
        let loading = tokio::task::spawn_blocking(move || load(inner.config.as_deref(), &inner.external_url));
        loading.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    /// Uses a configuration.
    pub fn apply(&self, loaded: LoadedConfig) {
        {
            let mut router = self.inner.router.write();
            *self.inner.senders.write() = Arc::new(loaded.senders);
            router.configure(loaded.config, self.inner.clock.now_ms());
        }
        self.inner.changed.notify_one();
    }

    /// Ends. What is being sent is not waited for: it is kept, and sent again by the next process.
    pub async fn stop(&self) {
        self.inner.driver.stop();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// From now on each evaluation of rules and each try of a notification is a trace of this service. Nothing is evaluated or told because of such a
    /// trace, so they do not feed themselves.
    pub fn trace_as(&self, service: Service) {
        // Whose traces they are is said once.
        let _ = self.inner.service.set(service);
    }

    /// A trace's first span, if anyone wants to know.
    pub(crate) fn span(&self, name: &'static str) -> Option<Span> {
        self.inner.service.get().map(|service| service.root_span(name))
    }

    /// Where a person sees alerts.
    pub(crate) fn alerts_url(&self) -> String {
        format!("{}/alerts", self.inner.external_url.trim_end_matches('/'))
    }

    /// What is counted of it.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.inner.counts
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Changes what is known, and returns when that is written down. If it could not be, it is with the next change.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Router, i64) -> Result<T, TellError> + Send + 'static,
    ) -> Result<T, TellError> {
        let this = self.clone();
        // A task of its own: who asked may go away at any moment, what was begun is brought to its end.
        let changing = self.inner.tasks.spawn(async move {
            let value = change(&mut this.inner.router.write(), this.inner.clock.now_ms());
            let written = this.write().await;
            this.inner.changed.notify_one();
            // What was refused may stand beside what was taken.
            written.map_err(TellError::NotKept).and(value)
        });
        changing.await.unwrap_or_else(|error| Err(TellError::NotKept(error.to_string())))
    }

    /// Writes down all that has changed. Several changes at a time share a transaction.
    pub(crate) async fn write(&self) -> Result<(), String> {
        let _writing = self.inner.writing.lock().await;
        let mut tx = self.inner.store.begin();
        let changes = {
            let mut router = self.inner.router.write();
            let changes = router.take_changes();
            documents::write(&mut tx, router.state(), &changes);
            changes
        };
        if changes.is_empty() {
            return Ok(());
        }
        let committed = tx.commit().await;
        if let Err(error) = &committed {
            self.inner.router.write().give_back(changes);
            tracing::error!(error = %error, "alerts could not be written down");
        }
        committed.map_err(|error| error.to_string())
    }
}

fn load(path: Option<&std::path::Path>, external_url: &str) -> Result<LoadedConfig, Error> {
    let config = Arc::new(read_config(path)?);
    let senders = Senders::new(&config, external_url)?;
    Ok(LoadedConfig { config, senders })
}

fn read_config(path: Option<&std::path::Path>) -> Result<Config, Error> {
    let Some(path) = path else { return Ok(Config::default()) };
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(std::path::Path::new(""));
    Config::read(&text, folder).map_err(|mistakes| Error::Config { path: path.to_owned(), mistakes })
}

impl Alerting for Alertmanager {
    fn alerts(&self, filter: &AlertFilter) -> Vec<AlertView> {
        self.inner.router.read().alert_views(filter, self.now_ms())
    }

    fn groups(&self, filter: &AlertFilter) -> Vec<GroupView> {
        self.inner.router.read().group_views(filter, self.now_ms())
    }

    fn silences(&self) -> Vec<Silence> {
        self.inner.router.read().state().silences.values().cloned().collect()
    }

    fn receivers(&self) -> Vec<ReceiverView> {
        self.inner.router.read().receiver_views()
    }

    fn status(&self) -> StatusView {
        StatusView { config: self.inner.router.read().config().shown.clone(), started_at: self.inner.started_at }
    }

    fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    fn tell_alerts(&self, alerts: Vec<PostedAlert>) -> Telling<'_, ()> {
        Box::pin(self.change(move |router, now| Ok(router.receive(alerts, now)?)))
    }

    fn set_silence(&self, silence: Silence) -> Telling<'_, String> {
        let id = uuid();
        Box::pin(self.change(move |router, now| Ok(router.set_silence(silence, &id, now)?)))
    }

    fn expire_silence(&self, id: String) -> Telling<'_, ()> {
        Box::pin(self.change(move |router, now| Ok(router.expire_silence(&id, now)?)))
    }

    fn test_receiver(&self, name: String) -> Testing<'_> {
        Box::pin(async move { self.test(&name).await })
    }

    fn reload(&self) -> Telling<'_, ()> {
        Box::pin(async { Self::reload(self).await.map_err(|error| TellError::Config(error.to_string())) })
    }
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn uuid() -> String {
    const VERSION: u128 = 0x4 << 76;
    const VARIANT: u128 = 0x2 << 62;
    let bits = (rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62)) | VERSION | VARIANT;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_is_a_random_uuid() {
        let id = super::uuid();
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert!(id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        assert_ne!(id, super::uuid());
    }
}
