//! What users of a cache can rely on, whatever keeps it.

mod gone;
mod redis;
mod suite;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use tonic::Status;
use vitrine_platform_cache::{Cache, Config, Engine, Key};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_tests_engines::Server;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(300);
/// How long a thing may take to come about.
const BOUND: Duration = Duration::from_secs(20);
const PASSWORD: &str = "open-sesame";

/// A cache of a service with this name.
fn of(engine: &Engine, service: &str) -> Cache {
    let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
    engine.cache(&telemetry.service(service))
}

fn key<'a>(id: &'a str, tag: &'a str) -> Key<'a> {
    Key { kind: "thing", id: id.as_bytes(), tag }
}

/// The address of a server that wants a password.
fn url(server: &Server, password: &str) -> String {
    format!("redis://:{password}@127.0.0.1:{}", server.port())
}

fn secured() -> Result<Server> {
    vitrine_tests_engines::redis(&["--requirepass", PASSWORD])
}

/// Settings for this server, with more time than a busy machine takes.
fn config(server: &Server) -> Config {
    Config { url: url(server, PASSWORD), timeout_ms: 5000, ..Config::default() }
}

async fn engine(config: &Config) -> Result<Engine> {
    let engine = Engine::new(config)?;
    engine.ready().await?;
    Ok(engine)
}

/// Something that is loaded, and counts how often: its value is the number of the load.
#[derive(Clone, Default)]
struct Source(Arc<AtomicU32>);

impl Source {
    fn loads(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Reads through the cache.
    async fn get(&self, cache: &Cache, key: Key<'_>, ttl: Duration) -> Result<String, Status> {
        let loads = self.0.clone();
        let load = || async move { Ok(Bytes::from((loads.fetch_add(1, Ordering::SeqCst) + 1).to_string())) };
        let value = cache.get_or_load(key, ttl, load).await?;
        Ok(String::from_utf8_lossy(&value).into_owned())
    }
}

/// Waits until a thing has come about.
async fn eventually(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !there().await {
        assert!(began.elapsed() < BOUND, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
