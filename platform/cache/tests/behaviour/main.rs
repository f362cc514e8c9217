//! What users of a cache can rely on, whatever keeps it.

mod faults;
mod figures;
mod gone;
mod redis;
mod suite;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use parking_lot::Mutex;
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
    Config { url: url(server, PASSWORD).into(), timeout_ms: 5000, ..Config::default() }
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

/// What has been logged by all tests of this process.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Sink;

impl std::io::Write for Sink {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        LOGGED.lock().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps what is logged from now on.
fn listen() {
    // Another test of this process may have been first.
    let _ = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Sink).try_init();
}

/// The lines about this server.
fn logged(server: &Server) -> Vec<String> {
    let (text, named) = (LOGGED.lock().clone(), format!("127.0.0.1:{}", server.port()));
    String::from_utf8_lossy(&text).lines().filter(|line| line.contains(&named)).map(str::to_owned).collect()
}

/// Waits until a thing has come about.
async fn eventually(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !there().await {
        assert!(began.elapsed() < BOUND, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
