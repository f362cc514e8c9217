//! How soon a fault is at work in thirty processes, and over in all of them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_platform_mesh::identity::MIN_SECRET_BYTES;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_engines::free_port;
use vitrine_tests_testkit::{Process, within};

use crate::goals::{tell, thousands};

/// Processes that follow.
const PROCESSES: usize = 30;
/// Faults that are armed and stopped.
const ROUNDS: usize = 20;
/// How long all may take to follow, and to tell.
const PATIENCE: Duration = Duration::from_secs(60);

struct Shop {
    client: Client,
    _processes: Vec<Process>,
    _folder: TempDir,
}

impl Shop {
    /// The flags, and processes of one service that follow them.
    async fn start(binary: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = folder.path().join("key");
        std::fs::write(&key, [7; MIN_SECRET_BYTES])?;
        std::fs::set_permissions(&key, Permissions::from_mode(0o600))?;
        let variables = [("VITRINE_IDENTITY__KEY_FILE".to_owned(), key.display().to_string())];
        let start = |name: String, args: &[&str]| {
            let data = folder.path().join(&name).display().to_string();
            let args: Vec<&str> = args.iter().copied().chain(["--quiet", "--data", &data]).collect();
            Process::start(binary, &args, &variables, &folder.path().join(format!("{name}.log")))
        };
        let internal = format!("127.0.0.1:{}", free_port()?);
        let flags = start("flags".to_owned(), &["flags", "serve", "--listen", "127.0.0.1:0", "--internal", &internal])?;
        let client = Client::new(flags.ready["flags"].as_str().context("the ready file has no flags")?)?;
        let (place, mut processes) = (format!("flags=grpc://{internal}"), vec![flags]);
        for n in 0..PROCESSES {
            processes.push(start(format!("currency-{n}"), &["serve", "currency", "--place", &place])?);
        }
        let shop = Self { client, _processes: processes, _folder: folder };
        within(PATIENCE, "processes that follow", async || {
            let sites = shop.ask(Method::GET, "/api/v1/faults").await?;
            Ok((sites["processes"].as_u64() == Some(PROCESSES as u64)).then_some(()))
        })
        .await?;
        Ok(shop)
    }

    async fn send(&self, call: Call) -> Result<Value> {
        let answer = self.client.send(call).await?;
        ensure!((200..300).contains(&answer.status), "{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(if answer.body.is_empty() { Value::Null } else { answer.json() })
    }

    async fn ask(&self, method: Method, path: &str) -> Result<Value> {
        self.send(Call::new(method, path)).await
    }

    /// Waits until each process has told of a moment of a fault; returns how long after another moment that was, in microseconds.
    async fn moments(&self, id: u64, moment: &str, since: impl Fn(&Value) -> Option<i64>) -> Result<Vec<u64>> {
        let path = format!("/api/v1/faults/{id}");
        within(PATIENCE, moment, async || {
            let fault = self.ask(Method::GET, &path).await?;
            let since = since(&fault).context("a time")?;
            let processes = fault["processes"].as_object().context("processes")?;
            let at = processes.values().filter_map(|process| process[moment].as_i64());
            let took: Vec<u64> = at.map(|at| u64::try_from((at - since) / 1_000).unwrap_or(0)).collect();
            Ok((took.len() == PROCESSES).then_some(took))
        })
        .await
    }
}

/// Measures both.
pub(super) async fn measure(binary: &Path) -> Result<()> {
    println!("A fault in {PROCESSES} processes, {ROUNDS} times");
    let shop = Shop::start(binary).await?;
    let [mut armed, mut cleared] = [Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?];
    let fault = json!({"what": {"delay": {"ms": 1}}, "where": {"at": "callee", "service": ["currency"]}, "timing": {"ttl_s": 60}});
    for _ in 0..ROUNDS {
        let started = shop.send(Call::new(Method::POST, "/api/v1/faults?why=bench").json(&fault)).await?;
        let id = started["id"].as_u64().with_context(|| format!("it has no number: {started}"))?;
        for took_us in shop.moments(id, "armedNs", |fault| fault["committedNs"].as_i64()).await? {
            armed.record(took_us)?;
        }
        shop.ask(Method::POST, "/api/v1/faults/stop?why=bench").await?;
        for took_us in shop.moments(id, "clearedNs", |fault| fault["ended"]["atNs"].as_i64()).await? {
            cleared.record(took_us)?;
        }
        shop.ask(Method::POST, "/api/v1/faults/release?why=bench").await?;
    }
    println!("  armed in {:.1} ms p50, over in {:.1} ms p50", thousands(&armed, 0.5), thousands(&cleared, 0.5));
    tell("from on disk to at work in a process, p99", thousands(&armed, 0.99), "ms", 50.0, false);
    tell("from stop-all to over in a process, p99", thousands(&cleared, 0.99), "ms", 100.0, false);
    println!("  method: until the flags service has heard of it from each process, by its own clock\n");
    Ok(())
}
