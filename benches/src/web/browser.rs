//! Chromium at a page: how soon its largest part is painted, whether it moves, and how soon it answers a hand.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::process::Command;
use vitrine_tests_engines::chromium;
use vitrine_tests_testkit::{node, succeed};

use super::Served;
use crate::goals::tell;
use crate::script::cache;

/// Goals: with an unhurried processor and one that is four times slower, in milliseconds; CLS is a score.
const GOALS: [(&str, &str, f64); 5] = [
    ("plain", "lcp", 500.0),
    ("slow", "lcp", 1_200.0),
    ("slow", "cls", 0.02),
    ("slow", "inp", 100.0),
    ("plain", "inp", 100.0),
];

pub(super) async fn measure(served: &Served, looks: usize) -> Result<()> {
    println!(
        "Web: Chromium at the first page with an empty cache, medians of {looks}; slow is a processor that is slowed down four times"
    );
    let executable = tokio::task::spawn_blocking(chromium).await??;
    let folder = node(&cache()?, "playwright-core-1.65.1", &["playwright-core@1.65.1"]).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/web_vitals.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(folder).arg(&served.shop.url).arg(executable).arg(looks.to_string());
    let told: Value = serde_json::from_str(succeed(&mut command).await?.trim()).context("what web_vitals.mjs said")?;
    for (speed, vital, goal) in GOALS {
        let found = told[speed][vital].as_f64().with_context(|| format!("no {vital}: {told}"))?;
        let unit = if vital == "cls" { "" } else { "ms" };
        tell(&format!("{}, {speed}", vital.to_uppercase()), found, unit, goal, false);
    }
    println!();
    Ok(())
}
