//! What processes tell of the flags that their code reads, and what was read of each flag: by them, and by clients of this service.
//!
//! A declaration is kept as soon as it is new; that it was heard again, and what was read, is kept every now and then: a process that dies
//! loses some seconds of counts, and no change of anything.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;
use vitrine_flags_client::{Count, Counts, Declaration};
use vitrine_flags_engine::{Flag, FlagSet, MAX_NAME_BYTES, Mode};
use vitrine_kit::clock::Clock;
use vitrine_platform_store::{Document as _, Error as StoreError, Query, Store};

use crate::documents::{DeclarationDocument, UsageDocument, fits};

/// Most declarations that are kept.
const MAX_DECLARATIONS: usize = 2_000;
/// Most declarations, and most counts, that one process tells at once.
const MAX_TOLD: usize = 2_000;
/// Most flags of which it is kept what was read.
const MAX_USAGES: usize = 10_000;
/// Longest name of a service or process, text on what a flag is for, and version, in bytes.
const MAX_TEXT_BYTES: usize = 1_000;
/// Longest definition that a declaration makes, in bytes.
const MAX_DEFINITION_BYTES: usize = 64 * 1_024;
/// How often what was read is kept.
const KEEP_EVERY: Duration = Duration::from_secs(10);
/// How old a declaration that is kept may be when it is heard again, before it is kept anew.
const SEEN_EVERY_MS: i64 = 60 * 60 * 1_000;
/// After how long code that was not heard again is taken to be gone.
const FORGOTTEN_AFTER_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Who read a flag that was evaluated here for a client.
const CLIENTS: &str = "clients";

/// What is known of the flags that code reads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registrations(Arc<RegistrationsInner>);

#[derive(Debug)]
struct RegistrationsInner {
    store: Store,
    clock: Clock,
    declared: RwLock<BTreeMap<(String, String), DeclarationDocument>>,
    used: Mutex<Used>,
    /// What was evaluated here since it was kept last.
    answered: RwLock<HashMap<String, Arc<Counts>>>,
}

#[derive(Debug, Default)]
struct Used {
    by_key: BTreeMap<String, UsageDocument>,
    /// What is not yet kept.
    changed: std::collections::BTreeSet<String>,
}

/// Why nothing of what a process tells is taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It is malformed, or too much.
    #[error("{0}")]
    Invalid(String),
    /// The database.
    #[error("what was told could not be kept")]
    Store(#[from] StoreError),
}

impl Registrations {
    pub(crate) async fn load(store: Store, clock: Clock) -> Result<Self, StoreError> {
        let mut declared = BTreeMap::new();
        for found in store.find_all::<DeclarationDocument>(Query::all()).await? {
            declared.insert(found.doc.place(), found.doc);
        }
        let mut used = Used::default();
        for found in store.find_all::<UsageDocument>(Query::all()).await? {
            used.by_key.insert(found.doc.key.clone(), found.doc);
        }
        let (declared, used) = (RwLock::new(declared), Mutex::new(used));
        Ok(Self(Arc::new(RegistrationsInner { store, clock, declared, used, answered: RwLock::default() })))
    }

    /// Takes what a process tells: which flags its code declares, and how often they were read since it told last. What is too much or malformed is
    /// refused, and nothing of it is taken.
    pub async fn received(
        &self,
        process: &str,
        version: &str,
        declared: &[Declaration],
        counts: &[Count],
    ) -> Result<(), NotTaken> {
        let now_ms = self.0.clock.now_ms();
        text("the process", process)?;
        text("the version", version)?;
        if declared.len() > MAX_TOLD || counts.len() > MAX_TOLD {
            return Err(NotTaken::Invalid(format!("at most {MAX_TOLD} flags and counts are told at once")));
        }
        let news = self.news(process, version, declared, now_ms)?;
        for count in counts {
            text("a reader", &count.reader)?;
            for name in [&count.key, &count.variant] {
                if name.len() > MAX_NAME_BYTES {
                    return Err(NotTaken::Invalid(format!("a name has at most {MAX_NAME_BYTES} bytes")));
                }
            }
        }
        if !news.is_empty() {
            let forgotten = self.forgotten(now_ms);
            let mut tx = self.0.store.begin();
            forgotten.iter().for_each(|doc| tx.delete::<DeclarationDocument>(&doc.id()));
            news.iter().for_each(|doc| tx.put(doc));
            tx.commit().await?;
            let mut declared = self.0.declared.write();
            forgotten.iter().for_each(|doc| drop(declared.remove(&doc.place())));
            declared.extend(news.into_iter().map(|doc| (doc.place(), doc)));
        }
        // Last, and not kept at once: whoever is told that nothing was taken tells it again.
        self.use_counts(counts, now_ms);
        Ok(())
    }

    fn forgotten(&self, now_ms: i64) -> Vec<DeclarationDocument> {
        self.0.declared.read().values().filter(|doc| is_forgotten(doc, now_ms)).cloned().collect()
    }

    /// The declarations that are to be kept: those that are new, differ, or were kept long ago.
    fn news(
        &self,
        process: &str,
        version: &str,
        declared: &[Declaration],
        now_ms: i64,
    ) -> Result<Vec<DeclarationDocument>, NotTaken> {
        let known = self.0.declared.read();
        let mut news: Vec<DeclarationDocument> = Vec::new();
        for declaration in declared {
            let doc = DeclarationDocument {
                declaration: declaration.clone(),
                process: process.to_owned(),
                version: version.to_owned(),
                seen_ms: now_ms,
            };
            let kept = known.get(&doc.place());
            let same = kept.is_some_and(|kept| {
                kept.declaration == *declaration && kept.version == version && now_ms - kept.seen_ms < SEEN_EVERY_MS
            });
            if !same {
                check(declaration)?;
                news.push(doc);
            }
        }
        let added = news.iter().filter(|doc| !known.contains_key(&doc.place())).count();
        if known.len() + added > MAX_DECLARATIONS {
            return Err(NotTaken::Invalid(format!("at most {MAX_DECLARATIONS} declarations are kept")));
        }
        Ok(news)
    }

    /// Notes that a flag was evaluated here for a client.
    pub(crate) fn answered(&self, key: &str, variant: Option<&str>) {
        let (variant, now_ms) = (variant.unwrap_or_default(), self.0.clock.now_ms());
        if let Some(counts) = self.0.answered.read().get(key) {
            return counts.count(variant, 1, now_ms);
        }
        // Only flags of the catalogue are evaluated, so there are no more of these than of those.
        self.0.answered.write().entry(key.to_owned()).or_default().count(variant, 1, now_ms);
    }

    fn use_counts(&self, counts: &[Count], now_ms: i64) {
        let mut used = self.0.used.lock();
        for count in counts.iter().filter(|count| count.count > 0) {
            if used.by_key.len() >= MAX_USAGES && !used.by_key.contains_key(&count.key) {
                continue;
            }
            // A process whose clock is ahead has read nothing later than now.
            let at_ms = count.last_ms.min(now_ms);
            used.by_key.entry(count.key.clone()).or_insert_with(|| UsageDocument::new(&count.key)).add(count, at_ms);
            used.changed.insert(count.key.clone());
        }
    }

    /// Takes what was evaluated here into what is known: to be done once before many are asked about.
    pub(crate) fn gather(&self) {
        let mut counts = Vec::new();
        self.0.answered.read().iter().for_each(|(key, answered)| answered.take(key, CLIENTS, &mut counts));
        self.use_counts(&counts, self.0.clock.now_ms());
    }

    /// Keeps what was read.
    async fn keep(&self) -> Result<(), NotTaken> {
        self.gather();
        let mut tx = self.0.store.begin();
        let keys = {
            let mut used = self.0.used.lock();
            let keys = std::mem::take(&mut used.changed);
            keys.iter().filter_map(|key| used.by_key.get(key)).for_each(|doc| tx.put(doc));
            keys
        };
        if keys.is_empty() {
            return Ok(());
        }
        if let Err(error) = tx.commit().await {
            // It is kept the next time.
            self.0.used.lock().changed.extend(keys);
            return Err(error.into());
        }
        Ok(())
    }

    /// Keeps what was read every now and then, and once more at the end.
    pub async fn sweep(&self, stop: CancellationToken) {
        let keep = async || {
            if let Err(error) = self.keep().await {
                tracing::warn!(error = %error, "what was read of flags could not be kept; it is tried again");
            }
        };
        while stop.run_until_cancelled(tokio::time::sleep(KEEP_EVERY)).await.is_some() {
            keep().await;
        }
        keep().await;
    }

    /// What code declares of a flag, by the services that read it.
    pub(crate) fn of(&self, key: &str) -> Vec<DeclarationDocument> {
        let from = (key.to_owned(), String::new());
        let (declared, now_ms) = (self.0.declared.read(), self.now_ms());
        let of = declared.range(from..).take_while(|((of, _), _)| of == key).map(|(_, doc)| doc);
        of.filter(|doc| !is_forgotten(doc, now_ms)).cloned().collect()
    }

    /// Everything that code declares.
    pub(crate) fn all(&self) -> Vec<DeclarationDocument> {
        let now_ms = self.now_ms();
        self.0.declared.read().values().filter(|doc| !is_forgotten(doc, now_ms)).cloned().collect()
    }

    /// What was read of a flag, as far as it was gathered.
    pub(crate) fn usage(&self, key: &str) -> Option<UsageDocument> {
        self.0.used.lock().by_key.get(key).cloned()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

fn is_forgotten(doc: &DeclarationDocument, now_ms: i64) -> bool {
    now_ms - doc.seen_ms >= FORGOTTEN_AFTER_MS
}

fn text(what: &str, text: &str) -> Result<(), NotTaken> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(NotTaken::Invalid(format!("{what}: 1 to {MAX_TEXT_BYTES} bytes are expected")));
    }
    Ok(())
}

/// Whether a flag can be made of a declaration, of the type that it says.
fn check(declaration: &Declaration) -> Result<(), NotTaken> {
    text("the owner of a flag", &declaration.owner)?;
    text("what a flag is for", &declaration.purpose)?;
    let definition = declaration.definition();
    if definition.len() > MAX_DEFINITION_BYTES {
        return Err(NotTaken::Invalid(format!("a declaration has at most {MAX_DEFINITION_BYTES} bytes")));
    }
    let about = || format!("declared flag {:?}: ", declaration.key);
    let read = Flag::read(&declaration.key, &definition, &FlagSet::default(), Mode::Strict);
    let flag = read.map_err(|refused| NotTaken::Invalid(format!("{}{refused}", about())))?.read;
    if !fits(declaration.flag_type, flag.kind()) {
        let (said, is) = (declaration.flag_type.name(), flag.kind().name());
        return Err(NotTaken::Invalid(format!("{}it is said to be {said}, and its values are {is}", about())));
    }
    Ok(())
}
