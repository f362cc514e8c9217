//! What the console asks for, over a million spans, and Chromium at traces of many.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use vitrine_tests_engines::chromium;
use vitrine_tests_testkit::{Observatory, node, succeed};

use crate::goals::tell;
use crate::observe::generator::START_NS;
use crate::observe::wire::median_ms;
use crate::observe::{ARGS, send, settle};
use crate::script::cache;

/// Spans that are asked about.
const SPANS: usize = 1_000_000;
/// How often each is asked, or looked at: medians are told.
const LOOKS: usize = 9;
/// Traces that are looked at: how many spans, and how many milliseconds from the click until it is drawn.
const TRACES: [(usize, f64); 2] = [(10_000, 200.0), (100_000, 900.0)];

/// Measures heat-map and comparison, and pages of traces.
pub(crate) async fn measure(binary: &Path) -> Result<()> {
    let mut observatory = Observatory::start(binary, &ARGS)?;
    let (sent, known) = send(&observatory.otlp_http, SPANS).await?;
    settle(&observatory.api()?).await?;
    println!("Console: heat-map and comparison over {sent} spans in segments, medians of {LOOKS}");
    let (start, end) = (START_NS.to_string(), (known.last_ns + 1).to_string());
    let time = format!("start={start}&end={end}");
    let everything = format!("/api/heatmap?{time}");
    let of_service = format!("/api/heatmap?{time}&query=service:checkout");
    for (what, path, goal) in [("heat-map of all", everything, 150.0), ("heat-map of one service", of_service, 150.0)] {
        let (ms, map) = median_ms(&observatory.observe, &path, None, LOOKS).await?;
        ensure!(map["spans"].as_u64() > Some(0), "{map}");
        tell(&format!("{what}, {} spans", map["spans"]), ms, "ms", goal, false);
    }
    let failed = json!({"selection": {"start": start, "end": end, "query": "status:error"}, "scope": {"start": start, "end": end}});
    let (ms, compared) = median_ms(&observatory.observe, "/api/compare", Some(&failed), LOOKS).await?;
    ensure!(compared["attributes"].is_array(), "{compared}");
    tell("comparison of failed spans with all others", ms, "ms", 400.0, false);
    let attributes = json!({"selection": failed["selection"], "scope": failed["scope"], "time": false});
    let (ms, _) = median_ms(&observatory.observe, "/api/compare", Some(&attributes), LOOKS).await?;
    println!("  {:<60} {ms:>12.3} ms", "of that, without where the time went");
    look(&observatory.observe).await?;
    observatory.process().stop()?;
    Ok(())
}

/// Has Chromium open traces, scroll through them and fold them.
async fn look(observe: &str) -> Result<()> {
    println!(
        "Console: Chromium at a trace: from the click to the second frame with rows; what it does in a frame while it scrolls for 5 s and folds"
    );
    let executable = tokio::task::spawn_blocking(chromium).await??;
    let folder = node(&cache()?, "playwright-core-1.65.1", &["playwright-core@1.65.1"]).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/console.mjs");
    for (spans, goal) in TRACES {
        let mut command = Command::new("node");
        command.arg(&script).arg(&folder).arg(observe).arg(&executable).args([spans.to_string(), LOOKS.to_string()]);
        let seen: Value = serde_json::from_str(succeed(&mut command).await?.trim()).context("what console.mjs said")?;
        let of = |name: &str| seen[name].as_f64().with_context(|| format!("no {name}: {seen}"));
        tell(&format!("trace of {spans} spans, click to drawn"), of("drawn_ms")?, "ms", goal, false);
        tell(
            &format!("trace of {spans} spans, work of a frame while scrolling, p95"),
            of("frame_p95_ms")?,
            "ms",
            12.0,
            false,
        );
        tell(&format!("trace of {spans} spans, longest task"), of("longest_task_ms")?, "ms", 50.0, false);
    }
    println!();
    Ok(())
}
