//! Kills a flags service at random moments under changes, and looks what it kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_shop_load::http::Call;

use crate::{Api, Process, eventually};

/// Operators who change flags at a time, each a flag of their own.
const WRITERS: usize = 4;
/// The longest that the service lives in a round, in milliseconds.
const MAX_LIFE_MS: u64 = 250;
/// How long after its planning a change is due, in milliseconds: before the kill, or after it.
const DUE_MS: u64 = 300;

/// What the rounds came to.
#[derive(Clone, Debug, Default)]
pub struct FlagCrashes {
    /// How often the service was killed.
    pub kills: usize,
    /// Changes that it had acknowledged.
    pub acknowledged: u64,
    /// Changes for later that it had acknowledged; each was made once.
    pub scheduled: u64,
    /// Entries of the audit at the end.
    pub entries: u64,
    /// The longest that it took to be ready again.
    pub slowest_start: Duration,
}

/// `vitrine flags serve` on ports and in a folder of its own.
struct Service {
    binary: PathBuf,
    folder: TempDir,
    process: Process,
}

impl Service {
    fn start(binary: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let process = process(binary, &folder)?;
        Ok(Self { binary: binary.to_owned(), folder, process })
    }

    fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = process(&self.binary, &self.folder)?;
        Ok(())
    }

    fn api(&self) -> Result<Api> {
        Api::new(self.process.ready["flags"].as_str().context("an address")?, None)
    }
}

fn process(binary: &Path, folder: &TempDir) -> Result<Process> {
    let data = folder.path().join("data");
    let data = data.to_str().context("a path in UTF-8")?;
    let args = ["flags", "serve", "--quiet", "--listen", "127.0.0.1:0", "--data", data];
    Process::start(binary, &args, &[], &folder.path().join("flags.log"))
}

/// What a writer knows of its flag.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The number in the last change that was acknowledged.
    number: u64,
    revision: u64,
    acknowledged: u64,
}

fn definition(number: u64) -> Value {
    json!({"state": "ENABLED", "variants": {"now": number}, "defaultVariant": "now"})
}

/// Changes a flag until told to stop or cut off.
async fn write(api: Api, key: String, mut known: Known, stop: CancellationToken) -> Known {
    while !stop.is_cancelled() {
        let path = format!("/api/v1/flags/{key}?revision={}&why=crash", known.revision);
        let call = Call::new(Method::PUT, &path).json(&definition(known.number + 1));
        match api.send(call).await {
            Ok(answer) if answer.status == 200 => {
                known.number += 1;
                known.acknowledged += 1;
                known.revision = answer.json()["revision"].as_u64().unwrap_or_default();
            }
            // It was killed.
            _ => break,
        }
    }
    known
}

/// Plans a flag for a little later; returns the number of the schedule if it was acknowledged.
async fn plan(api: Api, key: &str, after: Duration) -> Option<u64> {
    let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
    let at = rfc3339(Clock::system().now_ms().saturating_add(after));
    let call = Call::new(Method::PUT, &format!("/api/v1/flags/{key}?revision=0&why=crash&at={at}"));
    let answer = api.send(call.json(&definition(1))).await.ok()?;
    (answer.status == 202).then(|| answer.json()["id"].as_u64()).flatten()
}

/// Kills a flags service `kills` times while flags are changed and changes are planned, and looks after each start: what was acknowledged is there, of what
/// was not all or nothing, and the audit is whole. In the end each change that was planned was made once.
pub async fn flags_crash(binary: &Path, kills: usize, seed: u64) -> Result<FlagCrashes> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut service = Service::start(binary)?;
    let mut known = vec![Known::default(); WRITERS];
    let mut planned: Vec<(String, u64)> = Vec::new();
    let mut crashes = FlagCrashes::default();
    for round in 1..=kills {
        let (stop, mut writers) = (CancellationToken::new(), JoinSet::new());
        for (n, known) in known.iter().enumerate() {
            let (api, known, stop) = (service.api()?, known.clone(), stop.clone());
            writers.spawn(async move { (n, write(api, format!("flag-{n}"), known, stop).await) });
        }
        let key = format!("planned-{round}");
        let due = Duration::from_millis(rng.random_range(1..DUE_MS));
        let scheduled = plan(service.api()?, &key, due).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..MAX_LIFE_MS))).await;
        service.process.kill()?;
        stop.cancel();
        while let Some(written) = writers.join_next().await {
            let (n, after) = written?;
            known[n] = after;
        }
        service.kill_and_restart()?;
        planned.extend(scheduled.map(|id| (key, id)));
        crashes.kills += 1;
        crashes.slowest_start = crashes.slowest_start.max(service.process.started_in);
        crashes.entries = audit(&service.api()?, &mut known).await.with_context(|| format!("after {round} kills"))?;
    }
    let api = service.api()?;
    for (key, id) in &planned {
        made_once(&api, key, *id).await?;
    }
    crashes.acknowledged = known.iter().map(|known| known.acknowledged).sum();
    crashes.scheduled = planned.len() as u64;
    service.process.stop()?;
    Ok(crashes)
}

/// Compares what is there with what is known, and goes on from what is there.
async fn audit(api: &Api, known: &mut [Known]) -> Result<u64> {
    for (n, known) in known.iter_mut().enumerate() {
        let path = format!("/api/v1/flags/flag-{n}");
        let answer = api.send(Call::new(Method::GET, &path)).await?;
        let flag = answer.json();
        let number = flag["definition"]["variants"]["now"].as_u64().unwrap_or_default();
        // The one that was under way when it was killed may have been kept.
        ensure!(
            number == known.number || number == known.number + 1,
            "flag-{n}: change {} was acknowledged, and {number} is there",
            known.number
        );
        ensure!(number > 0 || answer.status == 404, "flag-{n}: it is there without a value: {flag}");
        known.number = number;
        known.revision = flag["revision"].as_u64().unwrap_or_default();
    }
    let verified = api.get("/api/v1/history/verify").await?;
    ensure!(verified["broken"].is_null(), "the audit is broken: {verified}");
    verified["entries"].as_u64().context("a count")
}

/// A change that was planned is made within a bound, and once.
async fn made_once(api: &Api, key: &str, id: u64) -> Result<()> {
    let about = json!(format!("schedule {id}"));
    let path = format!("/api/v1/flags/{key}/history?limit=200");
    let what = format!("the change of {key}");
    let count = eventually(&what, async || {
        let entries = api.get(&path).await?;
        let entries = entries["entries"].as_array().context("entries")?;
        let made = entries.iter().filter(|entry| entry["about"] == about).count();
        Ok((made > 0).then_some(made))
    });
    let count = count.await?;
    ensure!(count == 1, "{key}: schedule {id} was made {count} times");
    Ok(())
}
