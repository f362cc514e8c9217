//! Packages of other languages for programs of the tests, in folders that are kept with the build's artefacts. Packages are pinned:
//! tests test Vitrine, not the day's releases.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// OpenTelemetry's SDK for Python and both its exporters.
const PYTHON_SDK: &[&str] = &[
    "opentelemetry-sdk==1.38.0",
    "opentelemetry-exporter-otlp-proto-grpc==1.38.0",
    "opentelemetry-exporter-otlp-proto-http==1.38.0",
];

/// Runs a command that must succeed; returns what it printed.
pub async fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().await.with_context(|| format!("{command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {out}{err}");
    Ok(out.into_owned())
}

/// A folder of this name below `cache`, made once, whole or not at all.
async fn package_dir(cache: &Path, name: &str, make: impl AsyncFnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let package_dir = cache.join(name);
    if package_dir.exists() {
        return Ok(package_dir);
    }
    let making = tempfile::Builder::new().prefix(name).tempdir_in(cache)?;
    make(making.path()).await?;
    match std::fs::rename(making.path(), &package_dir) {
        Ok(()) => {}
        // Another caller was quicker.
        Err(_) if package_dir.exists() => {}
        Err(e) => return Err(e).context("the packages cannot be kept"),
    }
    Ok(package_dir)
}

/// A Python with these packages from PyPI.
pub async fn python(cache: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let package_dir = package_dir(cache, name, async |folder| {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder)).await?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        succeed(Command::new(folder.join("bin/python")).args(pip).args(packages)).await?;
        Ok(())
    });
    Ok(package_dir.await?.join("bin/python"))
}

/// A Python with the stock OpenTelemetry SDK.
pub async fn python_sdk(cache: &Path) -> Result<PathBuf> {
    python(cache, "otel-1.38.0", PYTHON_SDK).await
}

/// A folder whose `node_modules` hold these packages from npm.
pub async fn node(cache: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    package_dir(cache, name, async |folder| {
        std::fs::write(folder.join("package.json"), "{\"private\": true}")?;
        let install = ["install", "--silent", "--no-audit", "--no-fund", "--save-exact"];
        succeed(Command::new("npm").args(install).args(packages).current_dir(folder)).await?;
        Ok(())
    })
    .await
}
