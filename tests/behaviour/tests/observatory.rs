//! The observatory alone, as programs that know nothing of Vitrine use it: stock SDKs send, and Jaeger's, Zipkin's and SQL's
//! answers are equal to what was sent, also after the process was killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use vitrine_tests_testkit::{Observatory, ingest_crash, node, python, succeed};

/// The SDK and both exporters.
const PYTHON: &[&str] = &[
    "opentelemetry-sdk==1.38.0",
    "opentelemetry-exporter-otlp-proto-grpc==1.38.0",
    "opentelemetry-exporter-otlp-proto-http==1.38.0",
];
/// The SDK and both exporters.
const NODE: &[&str] = &[
    "@opentelemetry/api@1.9.1",
    "@opentelemetry/resources@2.12.1",
    "@opentelemetry/sdk-trace-base@2.12.1",
    "@opentelemetry/exporter-trace-otlp-grpc@0.223.1",
    "@opentelemetry/exporter-trace-otlp-http@0.223.1",
];
/// Zipkin's own client.
const ZIPKIN: &[&str] = &["py_zipkin==1.2.8"];

fn start(args: &[&str]) -> Result<Observatory> {
    Observatory::start(Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), args)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/observatory").join(name)
}

fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

async fn python_sdk() -> Result<PathBuf> {
    python(cache(), "otel-1.38.0", PYTHON).await
}

/// Runs a program of the tests with what another one printed as its input; answers what it printed.
async fn fed(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("its standard input")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {out}{err}");
    Ok(out.into_owned())
}

async fn read_back(observatory: &Observatory, program: &str, sent: &str) -> Result<()> {
    let told = fed(Command::new(python_sdk().await?).arg(script(program)).arg(&observatory.observe), sent).await?;
    ensure!(told.contains("equal"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pythons_sdk_sends_is_read_back_field_by_field() {
    let check = async {
        let python = python_sdk().await?;
        let mut observatory = start(&[])?;
        for protocol in ["grpc", "http"] {
            let endpoint = if protocol == "grpc" { &observatory.otlp_grpc } else { &observatory.otlp_http };
            let sent = succeed(Command::new(&python).arg(script("send.py")).args([protocol, endpoint])).await?;
            read_back(&observatory, "read_back.py", &sent).await?;
            read_back(&observatory, "read_signals.py", &sent).await?;
            observatory.kill_and_restart()?;
            read_back(&observatory, "read_back.py", &sent).await?;
            read_back(&observatory, "read_signals.py", &sent).await?;
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_sdk_sends_is_read_back_field_by_field() {
    let check = async {
        let modules = node(cache(), "otel-node-2.12.1", NODE).await?;
        let mut observatory = start(&[])?;
        for protocol in ["grpc", "http"] {
            let endpoint = if protocol == "grpc" { &observatory.otlp_grpc } else { &observatory.otlp_http };
            let mut command = Command::new("node");
            let command = command.env("NODE_MODULES", &modules).arg(script("send.mjs")).args([protocol, endpoint]);
            let sent = succeed(command).await?;
            read_back(&observatory, "read_back.py", &sent).await?;
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_zipkins_client_sends_is_read_back_field_by_field() {
    let check = async {
        let python = python(cache(), "py_zipkin-1.2.8", ZIPKIN).await?;
        let mut observatory = start(&[])?;
        let sent = succeed(Command::new(&python).arg(script("send_zipkin.py")).arg(&observatory.observe)).await?;
        read_back(&observatory, "read_zipkin.py", &sent).await?;
        observatory.kill_and_restart()?;
        read_back(&observatory, "read_zipkin.py", &sent).await?;
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_exactly_once_after_kill_9() {
    let crashes =
        ingest_crash(Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), 5, 5, 7).await.expect("nothing is lost");
    assert!(crashes.acknowledged.iter().all(|rows| *rows > 0), "every signal was taken in: {crashes:?}");
}
