//! A cache for what may be a little old, and rate limits that all processes share.
//!
//! A process has one [`Engine`]: its own memory, or a Redis that it shares with others. A service has a [`Cache`] of it, with names of
//! its own. Nothing that decides about money or stock is read through here: see `docs/adr/0011-what-may-be-cached.md`.
//!
//! A Redis that is gone or hangs makes things slower, never wrong: then values are loaded, nothing is kept, and limits count for each
//! process alone. Values are opaque bytes here; what they mean is their service's business.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use vitrine_platform_cache::{Engine, Key};
//! use vitrine_platform_telemetry::Telemetry;
//!
//! static LOADS: AtomicU32 = AtomicU32::new(0);
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = Telemetry::new(vitrine_platform_telemetry::Config::default());
//! let cache = Engine::embedded().cache(&telemetry.service("catalog"));
//! let key = Key { kind: "product", id: b"prd_1", tag: "prd_1" };
//! let load = || async {
//!     LOADS.fetch_add(1, Ordering::Relaxed);
//!     Ok(Bytes::from_static(b"A vase"))
//! };
//! for _ in 0..3 {
//!     assert_eq!(cache.get_or_load(key, Duration::from_secs(60), load).await?, "A vase");
//! }
//! assert_eq!(LOADS.load(Ordering::Relaxed), 1);
//!
//! // A caller that changes it says so.
//! cache.invalidate(&["prd_1"]).await;
//! cache.get_or_load(key, Duration::from_secs(60), load).await?;
//! assert_eq!(LOADS.load(Ordering::Relaxed), 2);
//! # Ok(())
//! # }
//! ```

mod buckets;
mod cache;
mod embedded;
mod faulted;
mod link;
mod redis_store;
mod single_flight;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;
use vitrine_kit::SecretUrl;
use vitrine_platform_telemetry::Service;

pub use buckets::{Decision, MAX_BUCKETS};
pub use cache::{Cache, Key, MAX_TTL};
pub use link::{PROBE_TIMEOUT, REST, START_TIMEOUT};

use buckets::Buckets;
use embedded::Embedded;
use redis_store::RedisStore;
use single_flight::SingleFlight;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The Redis that processes share, as redis://[USER:PASSWORD@]HOST:PORT[/DB]. Empty: each process keeps its own.
    pub url: SecretUrl,
    /// How long one question to Redis may take, in milliseconds. After that the answer is found without it.
    #[schemars(range(min = 1))]
    pub timeout_ms: u32,
    /// What all names in Redis begin with, so that several shops can share one.
    pub prefix: String,
    /// Memory of a process for what it keeps itself, in MiB.
    pub memory_mib: u32,
}

impl Default for Config {
    /// Where `make engines` starts it.
    fn default() -> Self {
        Self { url: "redis://127.0.0.1:16379".into(), timeout_ms: 50, prefix: "vitrine".to_owned(), memory_mib: 32 }
    }
}

/// A cache that cannot be used as it is set. Never holds a password.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Error {
    /// A setting out of its range.
    #[error("{setting}: expected {expected}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// No process answers.
    #[error(
        "Redis at {server} (cache.url) cannot be used: {reason}. Start it, or correct cache.url; empty goes without"
    )]
    Unreachable {
        /// Host and port.
        server: String,
        /// What happened.
        reason: String,
    },
    /// Someone answers and does not let us in.
    #[error(
        "Redis at {server} (cache.url) refuses the credentials: {reason}. Put the right ones into cache.url, as \
         redis://USER:PASSWORD@HOST:PORT"
    )]
    Refused {
        /// Host and port.
        server: String,
        /// What it said.
        reason: String,
    },
}

/// What a process caches with. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<CacheInner>);

pub(crate) struct CacheInner {
    pub(crate) backend: Backend,
    /// Counts where no Redis does, or while it does not.
    pub(crate) buckets: Buckets,
    pub(crate) single_flight: SingleFlight,
    /// Invalidations of this process so far.
    pub(crate) writes: AtomicU64,
}

/// Where values are.
pub(crate) enum Backend {
    Embedded(Embedded),
    RedisStore(RedisStore),
}

fn bytes_of(mib: u32) -> u64 {
    u64::from(mib) * 1024 * 1024
}

impl Engine {
    /// As these settings say. Redis is first asked by [`Engine::ready`].
    pub fn new(config: &Config) -> Result<Self, Error> {
        let wrong = |setting, expected| Err(Error::Setting { setting, expected });
        if config.memory_mib == 0 {
            return wrong("cache.memory_mib", "1 or more");
        }
        if config.timeout_ms == 0 {
            return wrong("cache.timeout_ms", "1 or more milliseconds, for example 50");
        }
        if config.prefix.is_empty() || !config.prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        {
            return wrong("cache.prefix", "a word of letters, digits, hyphens, dots and underscores");
        }
        let backend = if config.url.is_empty() {
            Backend::Embedded(Embedded::new(bytes_of(config.memory_mib)))
        } else {
            Backend::RedisStore(RedisStore::new(
                config.url.expose(),
                &config.prefix,
                Duration::from_millis(config.timeout_ms.into()),
            )?)
        };
        Ok(Self::of(backend))
    }

    /// Memory of this process, as much as the default says.
    pub fn embedded() -> Self {
        Self::of(Backend::Embedded(Embedded::new(bytes_of(Config::default().memory_mib))))
    }

    fn of(backend: Backend) -> Self {
        let (buckets, single_flight, writes) = (Buckets::default(), SingleFlight::default(), AtomicU64::new(0));
        Self(Arc::new(CacheInner { backend, buckets, single_flight, writes }))
    }

    /// Waits until it can be used, for at most [`START_TIMEOUT`]. Before this, Redis counts as gone.
    pub async fn ready(&self) -> Result<(), Error> {
        match &self.0.backend {
            Backend::Embedded(_) => Ok(()),
            Backend::RedisStore(shared) => shared.ready().await,
        }
    }

    /// A service's own cache; its metrics are that service's.
    pub fn cache(&self, service: &Service) -> Cache {
        Cache::new(self.0.clone(), service)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = match &self.0.backend {
            Backend::Embedded(_) => "embedded",
            Backend::RedisStore(shared) => shared.server(),
        };
        f.debug_tuple("Engine").field(&backend).finish()
    }
}
