//! A program that knows nothing of Vitrine: Python with the stock OpenTelemetry SDK sends spans over gRPC and over HTTP, and
//! finds them through Jaeger's query API.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use vitrine_tests_testkit::{Options, Placement, Shop};

/// Pinned, so that the test tests the observatory and not the day's releases.
const PACKAGES: &[&str] = &[
    "opentelemetry-sdk==1.38.0",
    "opentelemetry-exporter-otlp-proto-grpc==1.38.0",
    "opentelemetry-exporter-otlp-proto-http==1.38.0",
];

async fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().await.with_context(|| format!("{command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {out}{err}");
    Ok(out.into_owned())
}

/// A virtual environment with the SDK, kept with the build's artefacts: made once, whole or not at all.
async fn python() -> Result<PathBuf> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("otel-1.38.0");
    let python = kept.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    let making = tempfile::Builder::new().prefix("otel-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    succeed(Command::new("python3").args(["-m", "venv"]).arg(making.path())).await?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    succeed(Command::new(making.path().join("bin/python")).args(pip).args(PACKAGES)).await?;
    match std::fs::rename(making.path(), &kept) {
        Ok(()) => {}
        // Somebody else was quicker.
        Err(_) if python.exists() => {}
        Err(e) => return Err(e).context("the virtual environment cannot be kept"),
    }
    Ok(python)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_python_sdk_sends_spans_and_finds_them() {
    let check = async {
        let python = python().await?;
        let mut shop =
            Shop::start(Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), Placement::Local, &Options::default())
                .await?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otlp/send_and_find.py");
        let told =
            succeed(Command::new(python).arg(script).args([&shop.otlp[0], &shop.otlp[1], &shop.observe])).await?;
        ensure!(told.contains("found grpc") && told.contains("found http"), "{told}");
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the SDK's spans are found");
}
