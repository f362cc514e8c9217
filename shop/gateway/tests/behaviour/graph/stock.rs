//! What others have written to tell whether a server speaks GraphQL over HTTP: the audits of graphql-http, from npm.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use vitrine_tests_testkit::{node, succeed};

use super::world::World;

const PACKAGES: &[&str] = &["graphql-http@1.23.1", "graphql@16.15.0"];
/// Audits that there are at least.
const AUDITS: usize = 61;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_audit_that_must_or_should_be_passed_is() -> Result<()> {
    let world = World::start().await?;
    let folder = node(Path::new(env!("CARGO_TARGET_TMPDIR")), "graphql-http-1.23.1", PACKAGES).await?;
    let script = folder.join("audit.mjs");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/graph/audit.mjs"), &script)?;
    let told = succeed(Command::new("node").arg(&script).arg(format!("{}/graphql", world.url))).await?;
    let audits: Value = serde_json::from_str(&told)?;
    let audits = audits.as_array().context("a list")?;
    let failed: Vec<&Value> = audits.iter().filter(|audit| audit["status"] != "ok").collect();
    let obliged = failed.iter().filter(|audit| audit["name"].as_str().is_none_or(|name| !name.starts_with("MAY")));
    let obliged: Vec<_> = obliged.collect();
    ensure!(audits.len() >= AUDITS && obliged.is_empty(), "of {} failed: {obliged:#?}", audits.len());
    ensure!(failed.is_empty(), "not even what may be left out is: {failed:#?}");
    Ok(())
}
