//! Campaigns of the fault range, from plan to score: a small one of twenty incidents against shops side by side; and one incident twice with the
//! same seed, which hits the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, CampaignRun, Options, Placement, Shop, within};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
/// Shops that the campaign runs against, each with a part of it.
const SHOPS: usize = 3;
const INCIDENTS: u64 = 20;
/// How much of what is hit must be decided the same in a second run of the same seed.
const SAME_HITS: f64 = 0.99;

/// Twenty incidents at six kinds of places.
fn twenty() -> Value {
    let template = |what: Value, place: Value| json!({"template": {"what": what, "where": place, "share": {"rate": {"lo": 0.7, "hi": 1.0}}, "timing": {"ttl_s": 3}}});
    let delay = || json!({"delay": {"ms": {"lo": 150, "hi": 400}}});
    json!({
        "version": 1, "seed": 17, "load": {"rps": 12, "journeys": {"browse": 3, "search": 1, "cart": 1, "buy_one": 2}},
        "warm_s": 3, "baseline_s": 2, "gap_s": 1, "recovery_s": 2,
        "draw": {
            "incidents": INCIDENTS, "overlap": 0.3, "noop": 0.1, "twin": 0.2, "order": "shuffle",
            "of": [
                template(delay(), json!({"at": "callee", "service": [{"one_of": ["catalog", "recommendations", "carts"]}]})),
                template(json!({"error": {"code": "INTERNAL"}}), json!({"at": "callee", "service": [{"one_of": ["ads", "recommendations"]}]})),
                template(json!("refuse"), json!({"at": "caller", "service": [{"one_of": ["ads", "catalog"]}], "from": ["gateway"]})),
                template(delay(), json!({"at": "edge", "service": ["gateway"]})),
                template(json!({"delay": {"ms": 60, "op": "read"}}), json!({"at": "store", "service": ["catalog"]})),
                template(delay(), json!({"at": "consumer", "service": ["email"]})),
                {"template": {"what": {"surge": {"factor": 5}}, "where": {"at": "load", "service": ["load"]}, "timing": {"ttl_s": 3}}},
            ],
        },
    })
}

fn range(args: &[&str]) -> Output {
    Command::new(BINARY).arg("range").args(args).output().expect("it runs")
}

/// Writes a document, and returns its path.
fn written(folder: &Path, name: &str, document: &Value) -> Result<String> {
    let path = folder.join(name).display().to_string();
    std::fs::write(&path, document.to_string())?;
    Ok(path)
}

/// Runs a command that must succeed, and returns what it prints.
fn printed(args: &[&str]) -> Result<String> {
    let output = range(args);
    ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The plan of a campaign, by control: the same each time, and another one of another seed.
fn plan_is_of_the_seed(folder: &Path) -> Result<BTreeMap<String, usize>> {
    let file = written(folder, "plan.json", &twenty())?;
    let plan = printed(&["run", "--plan", &file])?;
    ensure!(plan == printed(&["run", "--plan", &file])?, "the same seed is another plan");
    let mut other = twenty();
    other["seed"] = 18.into();
    ensure!(
        plan != printed(&["run", "--plan", &written(folder, "other.json", &other)?])?,
        "another seed is the same plan"
    );
    let plan: Value = serde_json::from_str(&plan)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for slot in plan["slots"].as_array().context("slots")? {
        let incidents = slot["incidents"].as_array().context("incidents")?;
        *counts.entry("overlapping".to_owned()).or_default() += usize::from(incidents.len() > 1);
        for incident in incidents {
            *counts.entry(incident["control"].as_str().context("a control")?.to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// What is written down of each incident holds together, and is of what was hit.
fn records_are_true(records: &[Value]) -> Result<()> {
    for record in records {
        let causes = record["root_causes"].as_array().context("root causes")?;
        let (control, hit) = (record["control"].as_str(), record["hits"]["hit"].as_u64().unwrap_or_default());
        ensure!(causes.is_empty() != (control == Some("none") && hit > 0), "a cause is what was hit: {record}");
        ensure!(record["blind"]["hits"] == 0 && record["blind"]["searched_bytes"].as_u64() > Some(100_000), "{record}");
        let environment = &record["environment"];
        ensure!(environment["engines"].as_array().is_some_and(|all| !all.is_empty()), "{environment}");
        ensure!(environment["load_rps"] == 12.0 && environment["cpu_steal"].is_number(), "{environment}");
        if record["visible"] == true {
            let service = &record["fault"]["where"]["service"][0];
            ensure!(causes.iter().any(|cause| cause["service"] == *service), "{record}");
            let figures = record["oracle"].as_array().context("an oracle")?;
            ensure!(
                figures.iter().any(|figure| figure["verdict"] == "seen" || figure["verdict"] == "lasting"),
                "{record}"
            );
        }
    }
    Ok(())
}

/// Each twin's incident says what it made of the same requests; a delay at the edge made them slower.
fn twins_are_compared(records: &[Value], twins: usize) -> Result<()> {
    let paired: Vec<&Value> = records.iter().filter(|record| record["paired"].is_object()).collect();
    ensure!(paired.len() == twins && twins > 0, "{} of {twins} twins", paired.len());
    for record in paired {
        let slower = &record["paired"]["slower_ms"];
        ensure!(slower["n"].as_u64() > Some(20), "too few requests are the same in both: {slower}");
        let at = record["fault"]["where"]["at"].as_str();
        // Nearly every request of a pair is hit there.
        let is_felt = record["kind"] == "delay" && at == Some("edge");
        ensure!(!is_felt || slower["mean"].as_f64() > Some(50.0), "{} at {at:?}: {slower}", record["fault"]);
    }
    Ok(())
}

/// The funnel grows narrower from step to step, most of what is drawn comes about, and rules are scored beside.
async fn report_adds_up(run: &CampaignRun, counts: &BTreeMap<String, usize>) -> Result<()> {
    let told: Value = serde_json::from_str(&run.range("report", &["--json"]).await?)?;
    let step = |name: &str| told["funnel"][name].as_u64().unwrap_or_default();
    let steps = ["drawn", "armed", "hit", "visible", "graded"].map(step);
    ensure!(steps.is_sorted_by(|wide, narrow| wide >= narrow), "{steps:?}");
    ensure!(steps[0] == counts["none"] as u64 && steps[1] == steps[0], "each fault has a site: {steps:?}");
    // A machine with neighbours hides some of them in windows as short as these.
    ensure!(steps[2] * 10 >= steps[0] * 9 && steps[3] * 2 >= steps[0], "most hit, and are seen: {steps:?}");
    let trivial = told["tooTrivial"].as_array().map_or(0, Vec::len) as u64;
    ensure!(steps[4] + trivial <= steps[3] && steps[4] * 2 >= steps[3], "{steps:?}, {trivial} too trivial");
    let baselines = told["baselines"].as_array().context("baselines")?;
    let names: Vec<&str> = baselines.iter().filter_map(|report| report["name"].as_str()).collect();
    ensure!(names == ["max_latency", "most_errors", "most_logs", "nsigma", "baro"], "{names:?}");
    for report in baselines {
        ensure!(report["all"]["cases"].as_u64() == Some(steps[4]), "{report}");
        ensure!(report["all"]["of"]["ac@1"]["n"].as_u64() == Some(steps[4]), "{report}");
    }
    let text = run.range("report", &[]).await?;
    println!("{text}");
    let line =
        format!("drawn {}, armed {}, hit {}, visible {}, graded {}", steps[0], steps[1], steps[2], steps[3], steps[4]);
    ensure!(text.contains(&line) && text.contains("\nnsigma ") && text.contains("\nchance "), "{text}");
    ensure!(text.contains("against its twin"), "{text}");
    Ok(())
}

/// What one says who knows the truth of an incident, and of those that went on at the same time.
fn diagnosis(record: &Value, records: &[Value]) -> Value {
    let other = |id: &Value| records.iter().find(|record| record["id"] == *id);
    let overlaps = record["overlaps"].as_array().cloned().unwrap_or_default();
    let mut causes = Vec::new();
    for one in std::iter::once(record).chain(overlaps.iter().filter_map(other)) {
        for cause in one["root_causes"].as_array().into_iter().flatten() {
            let moves = "SELECT count(*) FROM spans WHERE time >= {from} AND time < {to} AND status = 'error'";
            let (service, kind, time) = (&cause["service"], &one["kind"], &one["times_ns"]["effect"]);
            causes.push(json!({"component": service, "kind": kind, "time": time, "evidence": [moves]}));
        }
    }
    json!({"id": record["id"], "causes": causes, "detected": record["times_ns"]["effect"]})
}

/// One who knows the truth, and shows it, reaches all there is; one who says nothing, nothing.
async fn diagnoses_are_scored(run: &CampaignRun, folder: &Path, records: &[Value]) -> Result<()> {
    let told: Value = serde_json::from_str(&run.range("report", &["--json"]).await?)?;
    let ungraded: BTreeSet<&str> =
        told["ungraded"].as_array().context("ungraded")?.iter().filter_map(Value::as_str).collect();
    let graded = || records.iter().filter(|record| !ungraded.contains(record["id"].as_str().unwrap_or_default()));
    let knows = written(folder, "knows.json", &graded().map(|record| diagnosis(record, records)).collect())?;
    let data = run.shops[0].data().join("up").display().to_string();
    let scored = run.range("score", &["--diagnoses", &knows, "--json", "--data", &data]).await?;
    let scored: Value = serde_json::from_str(&scored)?;
    let own = &scored[0];
    ensure!(own["name"] == "knows" && own["missing"] == json!([]) && own["unknown"] == json!([]), "{own}");
    for name in ["recall", "precision", "f1", "exact", "kind", "time", "ac@5"] {
        ensure!(own["all"]["of"][name]["mean"] == 1.0, "{name}: {own}");
    }
    ensure!(own["controls"]["mean"] == 1.0 && own["all"]["of"]["evidence"]["n"].as_u64() > Some(0), "{own}");
    ensure!(scored.as_array().is_some_and(|all| all.len() == 6), "{scored}");
    let silent = written(folder, "silent.json", &json!([]))?;
    let text = run.range("score", &["--diagnoses", &silent]).await?;
    ensure!(text.contains("has no diagnosis") && text.contains("\nsilent "), "{text}");
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    Ok(all)
}

/// All four layouts are written; a blind set has its answers apart, and nothing tells them.
async fn sets_are_written(run: &CampaignRun, folder: &Path, records: &[Value]) -> Result<()> {
    for layout in ["vitrine", "rcaeval", "openrca", "openrca2"] {
        let out = folder.join(layout);
        let said = run.range("export", &["--as", layout, "--out", &out.display().to_string()]).await?;
        ensure!(said.contains("incidents and") && files(&out)?.len() > 6, "{layout}: {said}");
    }
    let rcaeval = files(&folder.join("rcaeval"))?;
    let times: Vec<&PathBuf> = rcaeval.iter().filter(|path| path.ends_with("inject_time.txt")).collect();
    ensure!(!times.is_empty() && std::fs::read_to_string(times[0])?.trim().parse::<i64>()? > 0, "{times:?}");
    let blind = folder.join("blind");
    let said = run.range("export", &["--as", "vitrine", "--blind", "--out", &blind.display().to_string()]).await?;
    ensure!(said.matches("leak search: 0 in").count() == 2, "{said}");
    let (tasks, answers) = (files(&blind.join("tasks"))?, files(&blind.join("answers"))?);
    ensure!(answers.iter().any(|path| path.ends_with("groundtruth.yaml")), "{answers:?}");
    ensure!(
        tasks.iter().any(|path| path.ends_with("split.json")) && !tasks.iter().any(|path| path.ends_with("label.txt"))
    );
    for path in answers.iter().filter(|path| path.ends_with("incident.json")) {
        let told: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let kept = records.iter().find(|record| record["id"] == told["id"]).context("it is of the campaign")?;
        ensure!(told["root_causes"] == kept["root_causes"] && told["propagation"] == kept["propagation"], "{told}");
        ensure!(
            told["exemplars"] != kept["exemplars"] || kept["exemplars"]["passed"] == json!([]),
            "ids are other ones"
        );
    }
    let not =
        range(&["export", &run.parts[0].display().to_string(), "--as", "rcaeval", "--blind", "--out", "/nowhere"]);
    ensure!(!not.status.success() && String::from_utf8_lossy(&not.stderr).contains("folder's name is the answer"));
    Ok(())
}

async fn campaign() -> Result<()> {
    let folder = TempDir::new()?;
    let counts = plan_is_of_the_seed(folder.path())?;
    let faulted = INCIDENTS as usize - counts["noop"];
    ensure!(counts["none"] == faulted && counts["noop"] == 2 && counts["overlapping"] > 0, "{counts:?}");
    let run = CampaignRun::new(Path::new(BINARY), folder.path(), &twenty(), SHOPS).await?;
    let records = run.records()?;
    ensure!(records.len() == counts["none"] + counts["noop"] + counts["twin"], "{} of {counts:?}", records.len());
    records_are_true(&records)?;
    twins_are_compared(&records, counts["twin"])?;
    report_adds_up(&run, &counts).await?;
    diagnoses_are_scored(&run, folder.path(), &records).await?;
    sets_are_written(&run, folder.path(), &records).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_of_twenty_goes_from_plan_to_score() {
    campaign().await.expect("it is run, reported, scored and exported");
}

/// One incident that hits half of the requests that ask the catalog.
fn half() -> Value {
    json!({
        "version": 1, "seed": 7, "load": {"rps": 20, "journeys": {"browse": 1, "search": 1}},
        "warm_s": 1, "baseline_s": 2, "gap_s": 0, "recovery_s": 1,
        "list": [{"what": {"delay": {"ms": 20}}, "where": {"at": "callee", "service": ["catalog"]},
                  "share": {"rate": 0.5, "seed": 3}, "timing": {"ttl_s": 6}}],
    })
}

/// Which requests came by the site while the fault was at work, by what repeats of their traces, and whether they were hit.
async fn decisions(shop: &Shop, record: &Value, fault: u64) -> Result<BTreeMap<String, bool>> {
    let low = |trace: &str| trace.get(16..).unwrap_or_default().to_owned();
    let hits = shop.flags()?.get(&format!("/api/v1/faults/{fault}/hits")).await?;
    let hits = hits["hits"].as_array().context("hits")?;
    let hit: BTreeSet<String> = hits.iter().filter_map(|hit| hit["traceId"].as_str().map(low)).collect();
    // At its ends a call may come before or after the fault.
    let (from, to) = (&record["times_ns"]["first_hit"], &record["times_ns"]["last_hit"]);
    let came = format!(
        "SELECT DISTINCT trace_id FROM spans WHERE service = 'catalog' AND kind = 'server' \
         AND time >= to_timestamp_nanos({from}) AND time < to_timestamp_nanos({to})"
    );
    let came = shop.observatory()?.sql(&came).await?;
    Ok(came
        .iter()
        .filter_map(|row| row["trace_id"].as_str().map(low))
        .map(|id| (id.clone(), hit.contains(&id)))
        .collect())
}

/// Runs a campaign of one incident, and returns its record.
async fn one(shop: &Shop, file: &str, out: &Path) -> Result<Value> {
    let mut command = tokio::process::Command::new(BINARY);
    command.args(["range", "run", file, "--out"]).arg(out).arg("--data").arg(shop.data().join("up"));
    vitrine_tests_testkit::succeed(&mut command).await?;
    let mut records = files(&out.join("records"))?;
    ensure!(records.len() == 1, "{records:?}");
    Ok(serde_json::from_slice(&std::fs::read(records.remove(0))?)?)
}

async fn twice() -> Result<()> {
    let folder = TempDir::new()?;
    let path = |name: &str| folder.path().join(name);
    let (file, out) = (written(folder.path(), "campaign.json", &half())?, path("twice").display().to_string());
    let shop = Shop::start(Path::new(BINARY), Placement::Local, &Options::default()).await?;
    let first = one(&shop, &file, &path("once")).await?;
    // A service logs the word that was planted where only those who keep faults see it.
    let plan: Value = serde_json::from_slice(&std::fs::read(path("once").join("plan.json"))?)?;
    let canary = plan["slots"][0]["incidents"][0]["canary"].as_str().context("a canary")?.to_owned();
    let leaks = async {
        within(Duration::from_secs(60), "the fault is at work", async || {
            let told = shop.flags()?.get("/api/v1/faults").await?;
            Ok(told["faults"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["state"] == "running"))
                .then_some(()))
        })
        .await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos().to_string();
        let body = json!({"stringValue": format!("switched on for {canary}")});
        let record = json!({"timeUnixNano": now, "severityNumber": 9, "body": body});
        let of = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "catalog"}}]});
        let logs = json!({"resourceLogs": [{"resource": of, "scopeLogs": [{"logRecords": [record]}]}]});
        Api::new(&shop.otlp[1], None)?.send(Call::new(Method::POST, "/v1/logs").json(&logs)).await
    };
    let twice = path("twice");
    let (second, leaked) = tokio::join!(one(&shop, &file, &twice), leaks);
    let second = second?;
    ensure!(leaked?.status == 200, "the log is taken");

    let (before, after) = (decisions(&shop, &first, 1).await?, decisions(&shop, &second, 2).await?);
    let shared: Vec<(bool, bool)> = before.iter().filter_map(|(id, hit)| Some((*hit, *after.get(id)?))).collect();
    let same = shared.iter().filter(|(one, other)| one == other).count();
    println!("{} and {} requests, {} shared, {same} decided the same", before.len(), after.len(), shared.len());
    ensure!(shared.len() >= 40 && shared.iter().any(|(hit, _)| *hit) && shared.iter().any(|(hit, _)| !*hit));
    ensure!(same as f64 >= shared.len() as f64 * SAME_HITS, "{same} of {}", shared.len());

    // The search finds the word, says so while the campaign runs, and nothing is exported.
    ensure!(first["blind"]["hits"] == 0 && second["blind"]["hits"].as_u64() > Some(0), "{}", second["blind"]);
    let refused = range(&["export", &out, "--blind", "--out", &path("set").display().to_string()]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
    // An incident that a busy machine hid does not count, and is not searched for that reason.
    let is_searched = second["visible"] == true && !said.contains("at least one that counts");
    let is_named = said.contains(&canary) && said.contains("nothing is exported");
    ensure!(!refused.status.success() && (is_named || !is_searched), "{said}");
    ensure!(!path("set").exists(), "nothing is written");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_hits_the_same_and_a_leak_is_found() {
    twice().await.expect("it repeats, and what leaks is refused");
}
