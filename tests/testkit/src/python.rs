//! Programs in Python, with packages from PyPI, in virtual environments that are kept with the build's artefacts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Runs a command that must succeed; answers with what it printed.
pub async fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().await.with_context(|| format!("{command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {out}{err}");
    Ok(out.into_owned())
}

/// A Python with these packages, made once below `cache`, whole or not at all. Packages are pinned: tests test Vitrine, not the
/// day's releases.
pub async fn python(cache: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let kept = cache.join(name);
    let python = kept.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    let making = tempfile::Builder::new().prefix(name).tempdir_in(cache)?;
    succeed(Command::new("python3").args(["-m", "venv"]).arg(making.path())).await?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    succeed(Command::new(making.path().join("bin/python")).args(pip).args(packages)).await?;
    match std::fs::rename(making.path(), &kept) {
        Ok(()) => {}
        // Somebody else was quicker.
        Err(_) if python.exists() => {}
        Err(e) => return Err(e).context("the virtual environment cannot be kept"),
    }
    Ok(python)
}
