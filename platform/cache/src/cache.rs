//! A service's cache.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use tonic::Status;
use vitrine_platform_durability as durability;
use vitrine_platform_faults::Site;
use vitrine_platform_telemetry::{Context, Counter, Histogram, Service};

use crate::buckets::Decision;
use crate::faulted::{self, Fate};
use crate::link::Unavailable;
use crate::single_flight::{Loaded, Route};
use crate::{Backend, CacheInner};

/// The longest that anything may be kept; a longer time is cut to it.
pub const MAX_TTL: Duration = Duration::from_secs(300);
/// Largest value that is kept, in bytes. Larger ones are loaded each time.
pub(crate) const MAX_VALUE: usize = 1024 * 1024;
/// What part of its time a value is merely good, not yet due: half.
pub(crate) const DUE: u32 = 2;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// What kind of thing; metrics carry it.
    pub kind: &'static str,
    /// Which one.
    pub id: &'a [u8],
    /// What [`Cache::invalidate`] will call it, perhaps with others.
    pub tag: &'a str,
}

/// What was found.
pub(crate) enum Lookup {
    /// A good value.
    Hit(Bytes),
    /// A value of which more than half the time is over: a caller that is told this refreshes it, all others still find
    /// it good.
    Due { generation: Vec<u8> },
    /// Nothing. What is loaded now is stored with this generation: it is read only until the next invalidation.
    Nothing { generation: Vec<u8> },
    /// Nothing can be known, and nothing should be stored.
    Gone,
}

/// Its instruments.
struct CacheMetrics {
    reads: Counter,
    loads: Histogram,
    errors: Counter,
}

/// A service's cache. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    engine: Arc<CacheInner>,
    service: Arc<str>,
    metrics: Arc<CacheMetrics>,
    site: Option<Site>,
}

impl Cache {
    pub(crate) fn new(engine: Arc<CacheInner>, service: &Service) -> Self {
        let metrics = CacheMetrics {
            reads: service.counter("cache.reads", "{read}", "Values asked for, by kind and by how they were found"),
            loads: service.histogram("cache.load.duration", "s", "Loads of what was not found, by kind"),
            errors: service.counter("cache.errors", "{error}", "Questions that the shared cache did not answer"),
        };
        Self { engine, service: service.name().into(), metrics: Arc::new(metrics), site: None }
    }

    /// The same, and faults act on it.
    pub fn faulted_at(self, site: Site) -> Self {
        Self { site: Some(site), ..self }
    }

    /// The value of a key, at most `ttl` old. When there is none, it is loaded, in the context of the first caller.
    ///
    /// In this process all who ask at the same time wait for one load. When half of `ttl` is over, one asker of all processes loads
    /// it again while the others still get what is there; so something that is asked for often never expires for all at once. Only
    /// what no one holds yet may be loaded by several processes at the same time, by each once.
    ///
    /// `ttl` counts from the beginning of the load. `load` itself only makes the future. An error of the load is passed on to all
    /// who waited, and not kept.
    pub async fn get_or_load<F>(&self, key: Key<'_>, ttl: Duration, load: impl FnOnce() -> F) -> Result<Bytes, Status>
    where
        F: Future<Output = Result<Bytes, Status>> + Send + 'static,
    {
        let ttl = ttl.min(MAX_TTL);
        let mut name = format!("{}:{}:", self.service, key.kind).into_bytes();
        name.extend_from_slice(key.id);
        let tag = self.named(key.tag);
        let mut load = move |route: Route| {
            let (cache, kind, loading, began) = (self.clone(), key.kind, load(), Instant::now());
            // Others read it from the cache and do not see what they would have to wait for.
            let lasting = async { durability::settled(loading).await.unwrap_or_else(|e| Err(e.into())) };
            let work = async move { cache.load(kind, route, lasting, began, ttl).await };
            Context::current().scope(work).boxed()
        };
        let site = self.site.as_ref().filter(|site| site.is_armed());
        let fate = match site {
            Some(site) => Box::pin(faulted::before_read(site, key.kind, key.tag)).await,
            None => Fate::default(),
        };
        if fate.is_error {
            self.note(&Unavailable { asked: true }, "read");
        }
        if fate.is_evicted {
            self.invalidate_now(vec![tag.clone()]).await;
        }
        let mut first = true;
        loop {
            let (completed, writes) =
                (self.engine.single_flight.completed(), self.engine.writes.load(Ordering::SeqCst));
            let found = if fate.is_passed_by { Lookup::Gone } else { self.read(&name, &tag, ttl).await };
            let (result, generation) = match found {
                Lookup::Hit(value) => {
                    self.metrics.reads.add(1, &[("kind", key.kind), ("result", "hit")]);
                    return Ok(value);
                }
                Lookup::Due { generation } => ("refresh", Some(generation)),
                Lookup::Nothing { generation } => ("miss", Some(generation)),
                Lookup::Gone => ("gone", None),
            };
            let route = Route { name: name.clone(), writes, generation };
            match self.engine.single_flight.join(route, (first && result == "miss").then_some(completed), load) {
                Ok(shared_load) => {
                    self.metrics.reads.add(1, &[("kind", key.kind), ("result", result)]);
                    return shared_load.await;
                }
                // A load ended while it was looked: it is looked once more.
                Err(again) => (first, load) = (false, again),
            }
        }
    }

    async fn read(&self, name: &[u8], tag: &str, ttl: Duration) -> Lookup {
        match &self.engine.backend {
            Backend::Embedded(embedded) => embedded.read(name, tag, Instant::now()),
            Backend::RedisStore(shared) => shared.read(name, tag, ttl).await.unwrap_or_else(|unavailable| {
                self.note(&unavailable, "read");
                Lookup::Gone
            }),
        }
    }

    async fn load(
        &self,
        kind: &'static str,
        route: Route,
        loading: impl Future<Output = Loaded>,
        began: Instant,
        ttl: Duration,
    ) -> Loaded {
        let loaded = loading.await;
        let outcome = if loaded.is_ok() { "loaded" } else { "failed" };
        self.metrics.loads.record(began.elapsed().as_secs_f64(), &[("kind", kind), ("outcome", outcome)]);
        if let (Ok(value), Some(generation)) = (&loaded, &route.generation) {
            self.store(route.name, generation, value, began, ttl).await;
        }
        loaded
    }

    async fn store(&self, name: Vec<u8>, generation: &[u8], value: &Bytes, began: Instant, ttl: Duration) {
        if value.len() > MAX_VALUE {
            return;
        }
        match &self.engine.backend {
            Backend::Embedded(embedded) => embedded.store(name, generation, value.clone(), began, ttl),
            Backend::RedisStore(shared) => {
                let left = ttl.saturating_sub(began.elapsed());
                if let Err(unavailable) = shared.store(&name, generation, value, left).await {
                    self.note(&unavailable, "store");
                }
            }
        }
    }

    /// Says that what these tags name has changed. When this has returned, no process reads what was loaded before: in this process
    /// without exception; in others as soon as Redis knows, and when it could not be told, for at most the rest of the value's `ttl`.
    pub async fn invalidate(&self, tags: &[&str]) {
        if tags.is_empty() {
            return;
        }
        let site = self.site.as_ref().filter(|site| site.is_armed());
        let late = site.and_then(|site| faulted::late(site, tags));
        let tags = tags.iter().map(|tag| self.named(tag)).collect();
        match late {
            Some(late) => {
                let cache = self.clone();
                tokio::spawn(async move {
                    late.wait().await;
                    cache.invalidate_now(tags).await;
                });
            }
            None => self.invalidate_now(tags).await,
        }
    }

    async fn invalidate_now(&self, tags: Vec<String>) {
        // Loads that began before are not joined any more.
        self.engine.writes.fetch_add(1, Ordering::SeqCst);
        match &self.engine.backend {
            Backend::Embedded(embedded) => embedded.invalidate(&tags),
            Backend::RedisStore(shared) => {
                if let Err(unavailable) = shared.invalidate(&tags).await {
                    self.note(&unavailable, "invalidate");
                }
            }
        }
    }

    /// Takes one of the requests that `key` may make: `rate_per_s` for long, `burst` at once. Processes that share a Redis share the
    /// limit. While it is gone each process counts for itself, beginning with a full `burst`.
    pub async fn limit(&self, key: &str, rate_per_s: u32, burst: u32) -> Decision {
        let key = self.named(key);
        if let Backend::RedisStore(shared) = &self.engine.backend {
            match shared.limit(&key, rate_per_s.max(1), burst.max(1)).await {
                Ok(decision) => return decision,
                Err(unavailable) => self.note(&unavailable, "limit"),
            }
        }
        self.engine.buckets.take(key, rate_per_s, burst)
    }

    /// A name of this service's.
    fn named(&self, name: &str) -> String {
        format!("{}:{name}", self.service)
    }

    /// A question that was not even asked is no error of its own.
    fn note(&self, unavailable: &Unavailable, operation: &str) {
        if unavailable.asked {
            self.metrics.errors.add(1, &[("operation", operation)]);
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cache").field(&self.service).finish()
    }
}
