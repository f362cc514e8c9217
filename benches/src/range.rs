//! A campaign of the fault range: how far incidents come, and what simple rules reach.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use vitrine_tests_testkit::CampaignRun;

use crate::goals;

/// Shops side by side, each with a part of the incidents.
const SHOPS: usize = 4;
/// How many people come to each a second: as many as leave the machine room for all of them.
const RPS: u32 = 12;
/// Seconds in which nothing goes wrong before an incident, in which one is at work, and which follow it.
const BASELINE_S: u32 = 5;
const TTL_S: u32 = 5;
const RECOVERY_S: u32 = 3;
/// The part of what is drawn that is to hit something.
const HIT_GOAL: f64 = 0.95;

fn template(what: &Value, place: &Value) -> Value {
    json!({"template": {"what": what, "where": place, "share": {"rate": {"lo": 0.4, "hi": 1.0}}, "timing": {"ttl_s": TTL_S}}})
}

/// Faults of each layer.
fn templates() -> Vec<Value> {
    let delay = json!({"delay": {"ms": {"lo": 100, "hi": 1000, "log": true}}});
    let error = json!({"error": {"code": {"one_of": ["INTERNAL", "UNAVAILABLE"]}}});
    let of = |at: &str, services: &[&str]| json!({"at": at, "service": [{"one_of": services}]});
    let called = ["catalog", "ads", "recommendations", "carts", "currency"];
    let of_process = |what: Value| json!({"template": {"what": what, "where": of("process", &["catalog"]), "scope": "process", "timing": {"ttl_s": TTL_S}}});
    let of_load =
        |what: Value| json!({"template": {"what": what, "where": of("load", &["load"]), "timing": {"ttl_s": TTL_S}}});
    vec![
        template(&delay, &of("caller", &called)),
        template(&json!({"lose": {"leg": "answer"}}), &of("caller", &called)),
        template(&json!("refuse"), &of("caller", &called)),
        template(&json!({"reset": {}}), &of("caller", &called)),
        template(&json!({"duplicate": {"copies": 2}}), &of("caller", &called)),
        template(&delay, &of("callee", &called)),
        template(&error, &of("callee", &called)),
        template(&json!({"hold": {"ms": 400, "every_ms": 1000}}), &of("callee", &called)),
        template(&delay, &of("edge", &["gateway"])),
        template(
            &json!({"delay": {"ms": {"lo": 20, "hi": 200, "log": true}}}),
            &of("store", &["catalog", "carts", "auth"]),
        ),
        template(&json!({"error": {"code": "UNAVAILABLE"}}), &of("store", &["catalog", "carts"])),
        template(&json!("bypass"), &of("cache", &["gateway"])),
        template(&delay, &of("consumer", &["email", "accounting", "fraud"])),
        template(&json!({"hold": {"ms": 3000, "every_ms": 4000}}), &of("relay", &["orders"])),
        of_process(json!({"cpu": {"cores": 1}})),
        of_process(json!({"block": {"workers": 1, "ms": 300, "every_ms": 600}})),
        of_load(json!({"surge": {"factor": {"lo": 3, "hi": 6}}})),
        of_load(json!({"flood": {"path": "/api/v1/products", "rps": 100}})),
    ]
}

fn document(incidents: u32) -> Value {
    json!({
        "version": 1, "seed": 42, "warm_s": 5, "baseline_s": BASELINE_S, "gap_s": 1, "recovery_s": RECOVERY_S,
        "load": {"rps": RPS, "journeys": {"browse": 4, "search": 2, "cart": 2, "buy_one": 3, "buy_many": 1}},
        "draw": {"incidents": incidents, "overlap": 0.1, "noop": 0.1, "twin": 0.1, "of": templates()},
    })
}

/// Runs a campaign of so many incidents, and prints what became of it.
pub(crate) async fn measure(binary: &Path, incidents: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let run = CampaignRun::new(binary, folder.path(), &document(incidents), SHOPS).await?;
    println!(
        "A campaign of {incidents} incidents, {SHOPS} shops side by side with {RPS} people a second each, windows of {BASELINE_S}, {TTL_S} and \
         {RECOVERY_S} s: {:.0} s",
        began.elapsed().as_secs_f64()
    );
    println!("{}", run.range("report", &[]).await?);
    let told: Value = serde_json::from_str(&run.range("report", &["--json"]).await?)?;
    let step = |name: &str| told["funnel"][name].as_f64().context("a step of the funnel");
    let (drawn, hit) = (step("drawn")?, step("hit")?);
    let shown = |records: &[Value]| records.iter().map(|record| record["blind"]["hits"].as_f64().unwrap_or(1.0)).sum();
    goals::tell("incidents that hit, of those drawn", hit / drawn, "", HIT_GOAL, true);
    goals::tell("leaks in what was seen of them", shown(&run.records()?), "", 0.0, false);
    let out = folder.path().join("set");
    let exported = run.range("export", &["--as", "vitrine", "--blind", "--out", &out.display().to_string()]).await?;
    exported.lines().for_each(|line| println!("  {line}"));
    println!("  method: seeded campaign over public APIs, vitrine range run, report and export --blind\n");
    Ok(())
}
