//! A flags service in a process of its own: evaluations for each second of its processor time, beside Unleash and the least of a server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::CONTENT_TYPE;
use tempfile::TempDir;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_testkit::Process;

use super::wire::{CLIENTS, PIPELINE, at_rate, requests};
use super::{BULK, FLAGS, definitions, grpc, request, unleash};
use crate::goals::{tell, thousands};
use crate::peer::{ANSWER, ECHO, Peer};
use crate::process::resident;

const JSON: &str = "content-type: application/json\r\n";

/// `vitrine flags serve`, with definitions.
pub(super) struct Served {
    pub(super) process: Process,
    pub(super) url: String,
    pub(super) address: String,
    folder: TempDir,
}

impl Served {
    pub(super) async fn start(binary: &Path, flags: usize) -> Result<Self> {
        let served = Self::over(binary, tempfile::tempdir()?)?;
        if flags > 0 {
            served.send(Method::POST, "/api/v1/import?why=bench", &definitions(flags / 2)).await?;
        }
        Ok(served)
    }

    /// Another process over the same data.
    pub(super) fn again(mut self, binary: &Path) -> Result<Self> {
        self.process.stop()?;
        Self::over(binary, self.folder)
    }

    fn over(binary: &Path, folder: TempDir) -> Result<Self> {
        let data = folder.path().join("data").display().to_string();
        let args = ["flags", "serve", "--quiet", "--listen", "127.0.0.1:0", "--data", &data];
        let process = Process::start(binary, &args, &[], &folder.path().join("log"))?;
        let url = process.ready["flags"].as_str().context("the ready file has no flags")?.to_owned();
        let address = url.trim_start_matches("http://").to_owned();
        Ok(Self { process, url, address, folder })
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: &str) -> Result<()> {
        let call = Call::new(method, path).raw(body).header(CONTENT_TYPE, "application/json");
        let answer = Client::new(&self.url)?.send(call).await?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(())
    }

    pub(super) fn resident_mib(&self) -> Result<f64> {
        Ok(resident(self.process.id())?.0)
    }
}

/// Measures it beside its peers.
pub(super) async fn measure(binary: &Path, turn: Duration) -> Result<()> {
    println!("Flags: a service, {CLIENTS} connections with {PIPELINE} requests under way each, turns of {turn:?}");
    let served = Served::start(binary, 2 * FLAGS).await?;
    let peer = Peer::start().await?;
    let (pid, address) = (served.process.id(), &served.address);
    let context = r#"{"context": {"targetingKey": "cus_4711", "country": "CH"}}"#;
    let single = request("POST", "/ofrep/v1/evaluate/flags/simple-7", JSON, context);
    let least = request("POST", ANSWER, JSON, context);
    requests(pid, address, &single, PIPELINE, turn / 4).await?;
    requests(peer.id()?, &peer.address, &least, PIPELINE, turn / 4).await?;
    let ceiling = requests(peer.id()?, &peer.address, &least, PIPELINE, turn).await?.per_cpu;
    let found = requests(pid, address, &single, PIPELINE, turn).await?;
    println!("  a bare axum handler: {ceiling:.0}/s of CPU");
    tell("OFREP, one flag of 10,000", found.per_cpu, "/s of CPU", 50_000.0, true);
    tell("the same beside the bare handler", found.per_cpu / ceiling, "×", 0.6, true);
    let latency = at_rate(address, &single, found.per_s / 2.0, turn).await?;
    println!("  at half of {:.0}/s, from when each is due: {:.3} ms p50", found.per_s, thousands(&latency, 0.5));
    tell("the same, p99", thousands(&latency, 0.99), "ms", 1.0, false);
    let path = "/flagd.evaluation.v1.Service/ResolveString";
    let connect = request("POST", path, JSON, r#"{"flagKey": "simple-7"}"#);
    println!("  Connect, one flag: {:.0}/s of CPU", requests(pid, address, &connect, PIPELINE, turn).await?.per_cpu);
    let echo = grpc::calls(peer.id()?, &peer.address, ECHO, turn).await?.per_cpu;
    let resolved = grpc::calls(pid, address, grpc::RESOLVE, turn).await?.per_cpu;
    println!("  a tonic method that returns what it was sent: {echo:.0}/s of CPU");
    tell("gRPC, one flag of 10,000", resolved, "/s of CPU", 30_000.0, true);
    println!("  gRPC beside that method: {:.2}×", resolved / echo);
    drop((served, peer));
    let small = Served::start(binary, BULK).await?;
    let bulk = request("POST", "/ofrep/v1/evaluate/flags", JSON, context);
    let all = requests(small.process.id(), &small.address, &bulk, PIPELINE, turn).await?.per_cpu;
    tell("OFREP, all of 50 flags", all, "/s of CPU", 10_000.0, true);
    drop(small);
    // Unleash responds with all flags, so that one of many is what all of one are.
    match unleash::measure(turn).await {
        Ok(peer) => {
            println!(
                "  Unleash 8.2 on PostgreSQL, GET /api/frontend: {:.0}/s of CPU with one flag, {:.0}/s with 50",
                peer.one, peer.all
            );
            println!(
                "  OFREP beside it: {:.1}× with one flag, {:.1}× with 50",
                found.per_cpu / peer.one,
                all / peer.all
            );
            println!(
                "  from a change in Unleash to what it responds with: {:.0} ms p50 of {}",
                peer.told_ms,
                unleash::CHANGES
            );
        }
        Err(error) => println!("  Unleash could not be measured: {error:#}"),
    }
    println!(
        "  method: processor time is that of the server's process, kernel included; clients are on the same machine\n"
    );
    Ok(())
}
