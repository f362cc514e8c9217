//! The engine alone, on one core, over 10,000 flags in an order that no cache foresees, its context borrowed.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value as Any;
use tokio::process::Command;
use vitrine_flags_engine::{Attributes, Mode, Snapshot, Value, json};
use vitrine_tests_testkit::{node, python, succeed};

use super::{FLAGS, definitions};
use crate::goals::tell;
use crate::process::own_thread_s;
use crate::script::cache;

/// Evaluations between two looks at the clock.
const BLOCK: usize = 10_000;
/// A step through the flags that comes to all of them.
const STEP: usize = 7919;
const NOW_S: u64 = 1_800_000_000;

/// The context, and what else datalogic-rs reads in it.
const CONTEXT: &str = r#"{"targetingKey": "cus_4711", "country": "CH", "email": "ada@example.com", "$flagd": {"flagKey": "fractional-7"}}"#;

fn keys(kind: &str) -> Vec<String> {
    (0..FLAGS).map(|n| format!("{kind}-{n}")).collect()
}

/// How often something is done in a second of this thread's processor time, a neighbour's not counted.
fn per_s(turn: Duration, mut once: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let (until, before) = (Instant::now() + turn, own_thread_s()?);
    let mut count = 0_usize;
    while Instant::now() < until {
        for _ in 0..BLOCK {
            once(count * STEP % FLAGS)?;
            count += 1;
        }
    }
    Ok(count as f64 / (own_thread_s()? - before))
}

/// Evaluations in a second.
fn rate(snapshot: &Snapshot, kind: &str, turn: Duration) -> Result<f64> {
    let keys = keys(kind);
    let context = [
        ("targetingKey", Value::from("cus_4711")),
        ("country", Value::from("CH")),
        ("email", Value::from("ada@example.com")),
    ];
    let context = Attributes(&context);
    let first = snapshot.evaluate(&keys[0], &context, NOW_S)?;
    ensure!(first.variant.is_some(), "there is no variant");
    per_s(turn, |n| {
        black_box(snapshot.evaluate(&keys[n], black_box(&context), NOW_S)?);
        Ok(())
    })
}

/// The same where the context is JSON that is read each time.
fn rate_from_json(snapshot: &Snapshot, kind: &str, turn: Duration) -> Result<f64> {
    let keys = keys(kind);
    per_s(turn, |n| {
        let context = json::read(black_box(CONTEXT)).map_err(|_| anyhow!("the context is no JSON"))?;
        black_box(snapshot.evaluate(&keys[n], &context, NOW_S)?);
        Ok(())
    })
}

/// datalogic-rs with each rule compiled beforehand. It knows no flags: which rule a key means is looked up here, and the variant that it says is not.
fn datalogic(definitions: &Any, kind: &str, turn: Duration) -> Result<f64> {
    let engine = datalogic_rs::Engine::new();
    let mut rules = std::collections::HashMap::new();
    let keys = keys(kind);
    for key in &keys {
        let text = definitions["flags"][key]["targeting"].to_string();
        let rule = engine.compile(text.as_str()).map_err(|error| anyhow!("{error:?}"))?;
        rules.insert(key.as_str(), rule);
    }
    let mut session = engine.session();
    per_s(turn, |n| {
        let rule = rules.get(keys[n].as_str()).context("a rule")?;
        let said = session.eval_borrowed(rule, black_box(CONTEXT)).map_err(|error| anyhow!("{error:?}"))?;
        ensure!(black_box(said).as_str().is_some(), "it said no variant");
        session.reset();
        Ok(())
    })
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

async fn npm(file: &Path, turn: Duration) -> Result<Any> {
    let packages = ["@openfeature/flagd-core@4.0.1", "@openfeature/core@1.12.0"];
    let folder = node(&cache()?, "flagd-core-4.0.1", &packages).await?;
    let mut command = Command::new("node");
    command.arg(script("flagd_core.mjs")).arg(folder).arg(file).arg(turn.as_secs().to_string());
    Ok(serde_json::from_str(&succeed(&mut command).await?)?)
}

async fn pypi(file: &Path, turn: Duration) -> Result<Any> {
    let packages = ["openfeature-sdk==0.10.0", "openfeature-flagd-core==2.0.0"];
    let mut command = Command::new(python(&cache()?, "flagd-core-2.0.0", &packages).await?);
    command.arg(script("flagd_core.py")).arg(file).arg(turn.as_secs().to_string());
    Ok(serde_json::from_str(&succeed(&mut command).await?)?)
}

/// Measures it beside its peers.
pub(super) async fn measure(turn: Duration) -> Result<()> {
    println!("Flags: the engine, one core, {} flags, turns of {turn:?}", 2 * FLAGS);
    let text = definitions(FLAGS);
    let before = own_thread_s()?;
    let snapshot = Snapshot::read(&text, Mode::Strict).map_err(|refused| anyhow!("{refused}"))?.read;
    let load_ms = (own_thread_s()? - before) * 1000.0;
    tell("load and compile 10,000 flags", load_ms, "ms", 200.0, false);
    let simple = rate(&snapshot, "simple", turn)?;
    let fractional = rate(&snapshot, "fractional", turn)?;
    tell("simple targeting", simple / 1e6, "M/s", 10.0, true);
    tell("fractional of three buckets", fractional / 1e6, "M/s", 5.0, true);
    let parsed: Any = serde_json::from_str(&text)?;
    for kind in ["simple", "fractional"] {
        let (ours, theirs) = (rate_from_json(&snapshot, kind, turn)?, datalogic(&parsed, kind, turn)?);
        println!(
            "  {kind}, the context read from JSON: {:.3} M/s; datalogic-rs 5.4 {:.3} M/s",
            ours / 1e6,
            theirs / 1e6
        );
        tell(&format!("{kind}, from JSON: times datalogic-rs 5.4"), ours / theirs, "×", 1.0, true);
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &text)?;
    for (name, peer, ratio) in [
        ("npm @openfeature/flagd-core 4.0.1", npm(file.path(), turn).await, 5.0),
        ("PyPI openfeature-flagd-core 2.0.0", pypi(file.path(), turn).await, 50.0),
    ] {
        // The others are measured all the same where a registry is out of reach.
        let peer = match peer {
            Ok(peer) => peer,
            Err(error) => {
                println!("  {name} could not be measured: {error:#}");
                continue;
            }
        };
        for (kind, ours) in [("simple", simple), ("fractional", fractional)] {
            let theirs = peer[kind].as_f64().context("a rate")?;
            println!("  {name}: {kind} {:.3} M/s", theirs / 1e6);
            tell(&format!("{kind}: times {name}"), ours / theirs, "×", ratio, true);
        }
        println!("  {name}: load {:.0} ms", peer["load_ms"].as_f64().context("a time")?);
    }
    println!(
        "  method: evaluations in a second of the thread's processor time, keys in steps of {STEP} through all flags, the peers in processes of their own one after the other\n"
    );
    Ok(())
}
