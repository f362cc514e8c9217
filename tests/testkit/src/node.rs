//! Programs for Node, with packages from npm, in folders that are kept with the build's artefacts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::python::succeed;

/// A folder whose `node_modules` hold these packages, made once below `cache`, whole or not at all. Packages are pinned: tests test
/// Vitrine, not the day's releases.
pub async fn node(cache: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let kept = cache.join(name);
    if kept.exists() {
        return Ok(kept);
    }
    let making = tempfile::Builder::new().prefix(name).tempdir_in(cache)?;
    std::fs::write(making.path().join("package.json"), "{\"private\": true}")?;
    let install = ["install", "--silent", "--no-audit", "--no-fund", "--save-exact"];
    succeed(Command::new("npm").args(install).args(packages).current_dir(making.path())).await?;
    match std::fs::rename(making.path(), &kept) {
        Ok(()) => {}
        // Somebody else was quicker.
        Err(_) if kept.exists() => {}
        Err(e) => return Err(e).context("the packages cannot be kept"),
    }
    Ok(kept)
}
