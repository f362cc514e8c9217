//! The commands that talk to a shop that runs elsewhere: `status` and `down`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use vitrine_contracts::services::GATEWAY;
use vitrine_platform_host::DRAIN;
use vitrine_shop_load::http::{Call, Client};

use crate::folder;
use crate::runfile::RunFile;
use crate::say::say;

/// How often `down` looks whether the shop has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How much longer than a drain `down` waits.
const GRACE: Duration = Duration::from_secs(10);

/// `vitrine status`.
pub async fn status(data: &Path) -> Result<()> {
    if !folder::is_locked(data, GATEWAY) {
        bail!("no shop runs on {} (vitrine up starts one; --data says where else it is)", data.display());
    }
    let run = RunFile::read(data).context("a shop starts or stops on this folder, or runs as several processes")?;
    let ready = Client::new(&run.operations)?.send(Call::new(http::Method::GET, "/readyz")).await;
    let state = match &ready {
        Ok(answer) if answer.status == 200 => "ready".to_owned(),
        Ok(answer) => format!("not ready ({})", answer.status),
        Err(e) => format!("not answering ({e})"),
    };
    say!("{state}, process {}", run.pid);
    say!("  shop       {}", run.shop);
    say!("  observe    {}", run.observe);
    say!("  OTLP       {} (gRPC), {} (HTTP)", run.otlp_grpc, run.otlp_http);
    say!("  operations {}", run.operations);
    let seen = Client::new(&run.observe)?.send(Call::new(http::Method::GET, "/jaeger/api/services")).await;
    if let Some(services) = seen.ok().and_then(|answer| answer.json()["data"].as_array().cloned()) {
        let names: Vec<&str> = services.iter().filter_map(|s| s.as_str()).collect();
        say!("  traced     {}", names.join(", "));
    }
    if state != "ready" {
        bail!("the shop is {state}");
    }
    Ok(())
}

/// `vitrine down`.
pub async fn down(data: &Path) -> Result<()> {
    if !folder::is_locked(data, GATEWAY) {
        say!("no shop runs on {}", data.display());
        return Ok(());
    }
    let run = RunFile::read(data).context("a shop starts or stops on this folder, or runs as several processes")?;
    let pid = Pid::from_raw(i32::try_from(run.pid).context("the run file names no process")?);
    kill(pid, Signal::SIGTERM).with_context(|| format!("process {pid} cannot be told to stop"))?;
    let gone = async {
        while folder::is_locked(data, GATEWAY) {
            tokio::time::sleep(LOOK).await;
        }
    };
    let bound = DRAIN + GRACE;
    if tokio::time::timeout(bound, gone).await.is_err() {
        bail!("process {pid} has not ended after {} s", bound.as_secs());
    }
    say!("the shop on {} is down", data.display());
    Ok(())
}
