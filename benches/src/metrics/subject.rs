//! The servers that are compared: how each is started, written to and asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use vitrine_kit::clock::Clock;
use vitrine_observe_columns::FileSource;
use vitrine_observe_series::SeriesFile;
use vitrine_observe_store::{ColumnEngine, Options};
use vitrine_tests_engines::Server;
use vitrine_tests_testkit::Observatory;

use super::hosts::Version;
use crate::observe::wire::Wire;
use crate::process;

/// How long a request that was refused for now waits, and how often something is looked at.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a server may refuse a request for now.
const REFUSED: Duration = Duration::from_secs(120);
/// How long a server may take until its files stay as large as they are.
const QUIET: Duration = Duration::from_secs(12);
/// How long that may take altogether.
const SETTLE: Duration = Duration::from_secs(120);
/// Folders of the peers in which there is no data.
const NO_DATA: [&str; 3] = ["cache", "tmp", "snapshots"];

/// A server that takes samples.
pub(super) struct Subject {
    pub name: &'static str,
    process: Running,
}

enum Running {
    Ours(Box<Observatory>),
    Prometheus(Server),
    Victoria(Server),
}

/// What takes what on disk.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bytes {
    pub all: u64,
    /// Labels and their index.
    pub index: u64,
}

impl Subject {
    /// Ours, with these further arguments.
    pub fn ours(binary: &Path, args: &[&str]) -> Result<Self> {
        let args: Vec<&str> = ["--retention", "off", "--quiet"].iter().chain(args).copied().collect();
        Ok(Self { name: "vitrine", process: Running::Ours(Box::new(Observatory::start(binary, &args)?)) })
    }

    /// Prometheus.
    pub fn prometheus() -> Result<Self> {
        let flags = ["--storage.tsdb.retention.time=100y", "--web.enable-admin-api", "--query.max-samples=200000000"];
        Ok(Self { name: "Prometheus 3.5.3", process: Running::Prometheus(vitrine_tests_engines::prometheus(&flags)?) })
    }

    /// VictoriaMetrics, which knows remote write 1.0 only.
    pub fn victoria() -> Result<Self> {
        // Connections are kept for as long as somebody sends.
        let flags = [
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.maxUniqueTimeseries=2000000",
            "-http.connTimeout=1h",
        ];
        Ok(Self {
            name: "VictoriaMetrics 1.145",
            process: Running::Victoria(vitrine_tests_engines::victoria_metrics(&flags)?),
        })
    }

    pub fn url(&self) -> String {
        match &self.process {
            Running::Ours(observatory) => observatory.observe.clone(),
            Running::Prometheus(server) | Running::Victoria(server) => server.url(),
        }
    }

    /// The path of Prometheus's API.
    pub fn api(&self) -> &'static str {
        if matches!(self.process, Running::Ours(_)) { "/prometheus/api/v1" } else { "/api/v1" }
    }

    fn pid(&mut self) -> Result<u32> {
        match &mut self.process {
            Running::Ours(observatory) => Ok(observatory.process().id()),
            Running::Prometheus(server) | Running::Victoria(server) => {
                server.pid().with_context(|| format!("{} does not run", self.name))
            }
        }
    }

    pub fn cpu(&mut self) -> Result<f64> {
        process::cpu(self.pid()?)
    }

    /// Resident MiB, and the most that they were.
    pub fn resident(&mut self) -> Result<(f64, f64)> {
        process::resident(self.pid()?)
    }

    fn folder(&self) -> PathBuf {
        match &self.process {
            Running::Ours(observatory) => observatory.data().join("observatory"),
            Running::Prometheus(server) | Running::Victoria(server) => server.folder().join("data"),
        }
    }

    /// Waits until its files have been as large as they are for a while.
    pub async fn settled(&self) -> Result<()> {
        let folder = self.folder();
        let (mut bytes, mut since, began) = (process::size(&folder)?, Instant::now(), Instant::now());
        while since.elapsed() < QUIET && began.elapsed() < SETTLE {
            tokio::time::sleep(PAUSE * 10).await;
            let now = process::size(&folder)?;
            if now != bytes {
                (bytes, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Has everything written where it stays, and merged. Returns how much that is, and the CPU seconds that it took, without those of
    /// Prometheus's last block.
    pub async fn finished(&mut self) -> Result<(Bytes, f64)> {
        let before = self.cpu()?;
        self.settled().await?;
        let cpu = match &mut self.process {
            Running::Ours(observatory) => {
                let merging = process::cpu(observatory.process().id())? - before;
                observatory.process().stop()?;
                let folder = observatory.data().join("observatory");
                let last = tokio::task::spawn_blocking(move || finish(&folder)).await??;
                observatory.kill_and_restart()?;
                merging + last
            }
            Running::Prometheus(server) => {
                let cpu = process::cpu(server.pid().context("it runs")?)? - before;
                // What is in memory becomes a block, too.
                post(&server.url(), "/api/v1/admin/tsdb/snapshot").await?;
                cpu
            }
            Running::Victoria(server) => {
                let url = server.url();
                get(&url, "/internal/force_flush").await?;
                get(&url, "/internal/force_merge").await?;
                self.settled().await?;
                self.cpu()? - before
            }
        };
        Ok((self.bytes()?, cpu))
    }

    fn bytes(&self) -> Result<Bytes> {
        let mut bytes = Bytes::default();
        let folder = match self.process {
            Running::Prometheus(_) => self.folder().join("snapshots"),
            Running::Ours(_) => self.folder().join("segments"),
            Running::Victoria(_) => self.folder(),
        };
        add(&folder, &mut bytes)?;
        Ok(bytes)
    }

    /// Ends it with SIGKILL and starts it again; returns the seconds until it answers a query with as many series as expected.
    pub async fn killed(&mut self, query: &str, expected: &str) -> Result<f64> {
        let began = match &mut self.process {
            Running::Ours(observatory) => {
                observatory.process().kill()?;
                let began = Instant::now();
                observatory.kill_and_restart()?;
                began
            }
            Running::Prometheus(server) | Running::Victoria(server) => {
                server.kill()?;
                let began = Instant::now();
                server.up()?;
                began
            }
        };
        let path = format!("{}/query?query={}", self.api(), vitrine_kit::percent::encode(query));
        loop {
            let found = get(&self.url(), &path).await.ok();
            let found: Option<Value> = found.and_then(|body| serde_json::from_slice(&body).ok());
            let value = found.as_ref().map(|found| &found["data"]["result"][0]["value"][1]);
            if value.is_some_and(|value| value == expected) {
                return Ok(began.elapsed().as_secs_f64());
            }
            ensure!(began.elapsed() < SETTLE * 5, "{} does not answer after a kill: {found:?}", self.name);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Milliseconds of a GET, whose answer has this in it: the median of so many, and what each took of CPU.
    pub async fn median(&mut self, path: &str, repeats: usize, contains: &str) -> Result<[f64; 2]> {
        let before = process::threads_ms(self.pid()?)?;
        let mut wire = Wire::connect(&self.url()).await?;
        let mut times = Vec::new();
        for _ in 0..repeats {
            let began = Instant::now();
            let (status, body) = wire.get(path).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            let text = String::from_utf8_lossy(&body);
            ensure!(status == 200 && text.contains(contains), "{}: {path}: {status}: {text:.300}", self.name);
        }
        times.sort_by(f64::total_cmp);
        let cpu_ms = process::threads_ms(self.pid()?)? - before;
        Ok([times[repeats / 2], cpu_ms / repeats as f64])
    }
}

/// Makes files of what is in the log only, and merges what is due. Returns the CPU seconds that it takes; to read the log is not the
/// work of one who does not die.
fn finish(folder: &Path) -> Result<f64> {
    let engine = ColumnEngine::open(Options::new(folder), Clock::system())?;
    let before = process::cpu(std::process::id())?;
    engine.seal()?;
    engine.merge()?;
    Ok(process::cpu(std::process::id())? - before)
}

async fn get(url: &str, path: &str) -> Result<Vec<u8>> {
    let (status, body) = Wire::connect(url).await?.get(path).await?;
    ensure!(status == 200, "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(body)
}

async fn post(url: &str, path: &str) -> Result<()> {
    let (status, body) = Wire::connect(url).await?.post(path, "text/plain", &[]).await?;
    ensure!(status == 200, "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(())
}

/// Sends a request until it is taken.
pub(super) async fn write(wire: &mut Wire, path: &str, version: Version, request: &[u8]) -> Result<()> {
    let until = Instant::now() + REFUSED;
    loop {
        let (status, body) = match version {
            Version::V1 => wire.post_snappy(path, request).await?,
            Version::V2 => wire.post_snappy_2(path, request).await?,
        };
        match status {
            200 | 204 => return Ok(()),
            429 | 503 if Instant::now() < until => tokio::time::sleep(PAUSE).await,
            _ => bail!("{status}: {}", String::from_utf8_lossy(&body)),
        }
    }
}

/// Adds what is below a folder.
fn add(folder: &Path, bytes: &mut Bytes) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let meta = entry.metadata()?;
        if meta.is_dir() {
            if !NO_DATA.iter().any(|none| name == *none) {
                add(&path, bytes)?;
            }
            continue;
        }
        bytes.all += meta.len();
        if path.extension().is_some_and(|extension| extension == "series") {
            bytes.index += SeriesFile::open(Arc::new(FileSource::open(&path)?))?.written().name_bytes;
        } else if name == "index" || path.components().any(|part| part.as_os_str() == "indexdb") {
            bytes.index += meta.len();
        }
    }
    Ok(())
}
