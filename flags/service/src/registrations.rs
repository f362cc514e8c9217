//! What processes tell of the flags that their code reads, and what was read of each flag: by them, and by clients of this service.
//!
//! A declaration is kept as soon as it is new; that it was heard again, and what was read, is kept every now and then: a process that dies
//! loses some seconds of counts, and no change of anything.

mod documents;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;
use vitrine_flags_client::{Count, Counts, Declaration, Kind};
use vitrine_flags_engine::{Flag, FlagSet, MAX_NAME_BYTES, Mode};
use vitrine_kit::clock::Clock;
use vitrine_platform_store::{Query, Schema, Store};

use crate::flag_store::{Error, InForce, SetInForce};
use crate::lifecycle::{self, Reads, Stage};
pub(crate) use documents::{DeclarationDocument, UsageDocument};

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
/// Who read a flag that was evaluated here for a client.
const CLIENTS: &str = "clients";

/// What is known of the flags that code reads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registrations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    declared: RwLock<BTreeMap<(String, String), DeclarationDocument>>,
    used: Mutex<Used>,
    /// What was evaluated here since it was kept last.
    answered: RwLock<HashMap<String, Arc<Counts>>>,
    kept_ms: AtomicI64,
}

#[derive(Debug, Default)]
struct Used {
    by_key: BTreeMap<String, UsageDocument>,
    /// What is not yet kept.
    changed: std::collections::BTreeSet<String>,
}

/// Adds what is kept here.
pub(crate) fn schema(schema: Schema) -> Schema {
    schema.with::<DeclarationDocument>().with::<UsageDocument>()
}

/// What is known of a flag's life.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Life {
    pub(crate) stage: Stage,
    pub(crate) kind: Kind,
    /// The services whose code reads it.
    pub(crate) owners: Vec<String>,
    /// What it switches, as code says.
    pub(crate) purpose: Option<String>,
    /// In what code and catalogue differ.
    pub(crate) drift: Vec<String>,
    pub(crate) reads: u64,
    pub(crate) last_read_ms: Option<i64>,
    pub(crate) last_reader: Option<String>,
    /// The variant that all reads had since `sameSinceMs`; empty for code's own default.
    pub(crate) variant: Option<String>,
    pub(crate) same_since_ms: Option<i64>,
}

impl Registrations {
    pub(crate) async fn load(store: Store, clock: Clock) -> Result<Self, Error> {
        let mut declared = BTreeMap::new();
        for found in store.find_all::<DeclarationDocument>(Query::all()).await? {
            declared.insert(found.doc.place(), found.doc);
        }
        let mut used = Used::default();
        for found in store.find_all::<UsageDocument>(Query::all()).await? {
            used.by_key.insert(found.doc.key.clone(), found.doc);
        }
        let (declared, used) = (RwLock::new(declared), Mutex::new(used));
        let kept_ms = AtomicI64::new(clock.now_ms());
        Ok(Self(Arc::new(Inner { store, clock, declared, used, answered: RwLock::default(), kept_ms })))
    }

    /// Takes what a process tells: which flags its code declares, and how often they were read since it told last. What is too much or malformed is
    /// refused, and nothing of it is taken.
    pub async fn heard(
        &self,
        process: &str,
        version: &str,
        declared: &[Declaration],
        counts: &[Count],
    ) -> Result<(), Error> {
        let now_ms = self.0.clock.now_ms();
        text("the process", process)?;
        text("the version", version)?;
        if declared.len() > MAX_TOLD || counts.len() > MAX_TOLD {
            return Err(Error::Invalid(format!("at most {MAX_TOLD} flags and counts are told at once")));
        }
        let news = self.news(process, version, declared, now_ms)?;
        for count in counts {
            text("a reader", &count.reader)?;
            for name in [&count.key, &count.variant] {
                if name.len() > MAX_NAME_BYTES {
                    return Err(Error::Invalid(format!("a name has at most {MAX_NAME_BYTES} bytes")));
                }
            }
        }
        if !news.is_empty() {
            let mut tx = self.0.store.begin();
            news.iter().for_each(|doc| tx.put(doc));
            tx.commit().await?;
            self.0.declared.write().extend(news.into_iter().map(|doc| (doc.place(), doc)));
        }
        self.use_counts(counts, now_ms);
        if now_ms - self.0.kept_ms.load(Ordering::Relaxed) >= KEEP_EVERY.as_millis() as i64 {
            self.keep().await?;
        }
        Ok(())
    }

    /// The declarations that are to be kept: those that are new, differ, or were kept long ago.
    fn news(
        &self,
        process: &str,
        version: &str,
        declared: &[Declaration],
        now_ms: i64,
    ) -> Result<Vec<DeclarationDocument>, Error> {
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
            return Err(Error::Invalid(format!("at most {MAX_DECLARATIONS} declarations are kept")));
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

    /// Takes what was evaluated here into what is known.
    fn gather(&self) {
        let mut counts = Vec::new();
        self.0.answered.read().iter().for_each(|(key, answered)| answered.take(key, CLIENTS, &mut counts));
        self.use_counts(&counts, self.0.clock.now_ms());
    }

    /// Keeps what was read.
    async fn keep(&self) -> Result<(), Error> {
        self.0.kept_ms.store(self.0.clock.now_ms(), Ordering::Relaxed);
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
    pub async fn tend(&self, stop: CancellationToken) {
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
        let declared = self.0.declared.read();
        declared.range(from..).take_while(|((of, _), _)| of == key).map(|(_, doc)| doc.clone()).collect()
    }

    /// Everything that code declares.
    pub(crate) fn all(&self) -> Vec<DeclarationDocument> {
        self.0.declared.read().values().cloned().collect()
    }

    /// What is declared and is no flag, by keys; of several services, the first one's.
    pub(crate) fn unknown_to(&self, now: &InForce) -> Vec<DeclarationDocument> {
        let mut all = self.all();
        all.retain(|doc| {
            now.stored(&doc.declaration.key).is_none() && !now.is_reserved(&doc.declaration.key, self.0.clock.now_ms())
        });
        all.dedup_by(|a, b| a.declaration.key == b.declaration.key);
        all
    }

    /// What is known of the life of a flag of the catalogue.
    pub(crate) fn life(&self, now: &SetInForce, key: &str) -> Option<Life> {
        self.gather();
        let (stored, flag) = (now.stored(key)?, now.snapshot.get(key)?);
        let declared = self.of(key);
        let first = declared.first().map(|doc| &doc.declaration);
        let metadata: serde_json::Value =
            now.snapshot.metadata_of(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let said = metadata.get("kind").and_then(|kind| Kind::ALL.into_iter().find(|known| *kind == known.name()));
        let kind = first.map(|declaration| declaration.kind).or(said).unwrap_or_default();
        let days = metadata.get(lifecycle::SETTLED_AFTER).and_then(serde_json::Value::as_i64);
        let mut drift = Vec::new();
        if declared.is_empty() {
            drift.push("unknown to code".to_owned());
        }
        for doc in declared.iter().filter(|doc| !doc.fits(flag.kind())) {
            let reads = doc.declaration.flag_type.name();
            drift.push(format!("{} reads it as {reads}, and it is {}", doc.declaration.owner, flag.kind().name()));
        }
        let used = self.0.used.lock().by_key.get(key).cloned();
        let reads = used.as_ref().map(|used| Reads { last_ms: used.last_ms, same_since_ms: used.same_since_ms });
        let settled_after = days.unwrap_or_else(|| lifecycle::settled_after_days(kind));
        Some(Life {
            stage: lifecycle::stage(stored.changed_ms, reads, settled_after, self.0.clock.now_ms()),
            kind,
            owners: declared.iter().map(|doc| doc.declaration.owner.clone()).collect(),
            purpose: first.map(|declaration| declaration.purpose.clone()),
            drift,
            reads: used.as_ref().map_or(0, |used| used.reads),
            last_read_ms: used.as_ref().map(|used| used.last_ms),
            last_reader: used.as_ref().map(|used| used.last_reader.clone()),
            variant: used.as_ref().map(|used| used.variant.clone()),
            same_since_ms: used.as_ref().map(|used| used.same_since_ms),
        })
    }
}

fn text(what: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(Error::Invalid(format!("{what}: 1 to {MAX_TEXT_BYTES} bytes are expected")));
    }
    Ok(())
}

/// Whether a flag can be made of a declaration, of the type that it says.
fn check(declaration: &Declaration) -> Result<(), Error> {
    text("the owner of a flag", &declaration.owner)?;
    text("what a flag is for", &declaration.purpose)?;
    let definition = declaration.definition();
    if definition.len() > MAX_DEFINITION_BYTES {
        return Err(Error::Invalid(format!("a declaration has at most {MAX_DEFINITION_BYTES} bytes")));
    }
    let about = || format!("declared flag {:?}: ", declaration.key);
    let read = Flag::read(&declaration.key, &definition, &FlagSet::default(), Mode::Strict);
    let flag = read.map_err(|refused| Error::Refused { about: about(), refused })?.read;
    if !documents::fits(declaration.flag_type, flag.kind()) {
        let (said, is) = (declaration.flag_type.name(), flag.kind().name());
        return Err(Error::Invalid(format!("{}it is said to be {said}, and its values are {is}", about())));
    }
    Ok(())
}
