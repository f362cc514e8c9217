//! An observatory in place of a Prometheus: stock senders and clients, rules that are set while it runs, series that are deleted and
//! copied, and a process that is told to end.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::Method;
use tokio::process::Command;
use vitrine_kit::clock::Clock;
use vitrine_kit::percent;
use vitrine_shop_load::http::{Call, Response};
use vitrine_tests_testkit::{Api, Launch, Observatory, eventually, python, succeed};

/// The SDK that sends, and the client that asks.
const PYTHON: &[&str] =
    &["opentelemetry-sdk==1.38.0", "opentelemetry-exporter-otlp-proto-http==1.38.0", "prometheus-api-client==0.7.2"];

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"))
}

/// With all that a setting can allow.
fn start() -> Result<Observatory> {
    let on = |name: &str| (format!("VITRINE_OBSERVATORY__PROMETHEUS__{name}"), "true".to_owned());
    let variables = vec![
        on("ADMIN_API"),
        on("LIFECYCLE_API"),
        on("RULER_API"),
        ("VITRINE_OBSERVATORY__HA__DEDUP".to_owned(), "true".to_owned()),
    ];
    Observatory::launch(binary(), Launch { variables, ..Launch::default() })
}

async fn call(api: &Api, method: Method, path: &str, body: &str) -> Result<Response> {
    api.send(Call::new(method, path).raw(body)).await
}

/// Waits until a query has one series of this value.
async fn until(api: &Api, query: &str, wanted: &str) -> Result<()> {
    eventually(query, async || {
        let answer = api.get(&format!("/prometheus/api/v1/query?query={}", percent::encode(query))).await?;
        Ok((answer["data"]["result"][0]["value"][1] == wanted).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_of_pythons_sdk_are_read_by_a_stock_client() {
    let check = async {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let python = python(cache, "prometheus-api-client-0.7.2", PYTHON).await?;
        let mut observatory = start()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prometheus/metrics.py");
        let arguments = [script.as_os_str(), OsStr::new(&observatory.observe)];
        let told = succeed(Command::new(python).args(arguments)).await?;
        ensure!(told.contains("equal"), "{told}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_set_evaluated_and_survive_kill_9() -> Result<()> {
    let mut observatory = start()?;
    let api = observatory.api()?;
    let build = api.get("/prometheus/api/v1/status/buildinfo").await?;
    ensure!(build["data"]["features"]["ruler_config_api"] == "true", "{build}");
    let group =
        "name: sums\ninterval: 1s\nrules:\n- {record: answer, expr: vector(42)}\n- {alert: Always, expr: vector(1)}\n";
    let set = call(&api, Method::POST, "/prometheus/config/v1/rules/mine", group).await?;
    ensure!(set.status == 202, "{set:?}");
    until(&api, "answer", "42").await?;
    until(&api, "ALERTS{alertname=\"Always\",alertstate=\"firing\"}", "1").await?;
    let rules = api.get("/prometheus/api/v1/rules?rule_name[]=Always").await?;
    ensure!(rules["data"]["groups"][0]["file"] == "mine", "{rules}");
    observatory.kill_and_restart()?;
    let api = observatory.api()?;
    // Cortex's path, on the one address.
    let kept = call(&api, Method::GET, "/api/v1/rules/mine/sums", "").await?;
    let kept = String::from_utf8_lossy(&kept.body).into_owned();
    ensure!(kept.contains("record: \"answer\"") && kept.contains("interval: 1s"), "{kept}");
    until(&api, "time() - timestamp(answer) < bool 5", "1").await?;
    for (path, status) in [("mine/sums", 202), ("mine/sums", 404), ("mine", 404)] {
        let gone = call(&api, Method::DELETE, &format!("/config/v1/rules/{path}"), "").await?;
        ensure!(gone.status == status, "{path}: {gone:?}");
    }
    let none = api.get("/prometheus/api/v1/rules?file[]=mine").await?;
    ensure!(none["data"]["groups"].as_array().is_some_and(Vec::is_empty), "{none}");
    observatory.process().stop()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_are_deleted_and_copied_and_the_process_is_told_to_end() -> Result<()> {
    let mut observatory = start()?;
    let api = observatory.api()?;
    let import = "# TYPE kept gauge\nkept 1\n# TYPE gone gauge\ngone 2\n";
    let taken = call(&api, Method::POST, "/api/v1/import/prometheus", import).await?;
    ensure!(taken.status == 204, "{taken:?}");
    until(&api, "gone", "2").await?;
    let admin = "/prometheus/api/v1/admin/tsdb";
    let deleted = call(&api, Method::POST, &format!("{admin}/delete_series?match[]=gone"), "").await?;
    ensure!(deleted.status == 204, "{deleted:?}");
    let cleaned = call(&api, Method::PUT, &format!("{admin}/clean_tombstones"), "").await?;
    ensure!(cleaned.status == 204, "{cleaned:?}");
    let copied = call(&api, Method::POST, &format!("{admin}/snapshot"), "").await?.json();
    let name = copied["data"]["name"].as_str().with_context(|| copied.to_string())?;
    let folder = observatory.data().join("observatory/snapshots").join(name);
    ensure!(folder.join("catalogue.json").is_file(), "{}", folder.display());
    observatory.kill_and_restart()?;
    let api = observatory.api()?;
    until(&api, "kept", "1").await?;
    let names = api.get("/prometheus/api/v1/label/__name__/values?match[]=%7B__name__%3D~%22kept%7Cgone%22%7D").await?;
    ensure!(names["data"] == serde_json::json!(["kept"]), "{names}");
    let reloaded = call(&api, Method::POST, "/prometheus/-/reload", "").await?;
    ensure!(reloaded.status == 200, "{reloaded:?}");
    let own = api.get("/prometheus/api/v1/status/self_metrics?metric_name_pattern=observatory_config.*").await?;
    ensure!(own["data"].as_array().is_some_and(|families| families.len() == 2), "{own}");
    let quit = call(&api, Method::POST, "/prometheus/-/quit", "").await?;
    ensure!(quit.status == 200 && quit.body.starts_with(b"Requesting termination"), "{quit:?}");
    // It ends by itself, in order.
    observatory.process().ended()?;
    Ok(())
}

/// Whether the configuration could be used when it was last read, as soon as it has been read again since.
async fn reload_was(api: &Api, wanted: f64) -> Result<()> {
    eventually(&format!("a reload that ends with {wanted}"), async || {
        let name = "observatory_config_last_reload_successful";
        let own = api.get(&format!("/prometheus/api/v1/status/self_metrics?metric_name_pattern={name}")).await?;
        Ok((own["data"][0]["metric"][0]["gauge"]["value"] == wanted).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_files_are_read_again_on_sighup_all_or_none() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, rules) = (folder.path().join("vitrine.toml"), folder.path().join("rules.yml"));
    std::fs::write(&config, format!("[observatory.rules]\nfiles = [\"{}\"]\n", rules.display()))?;
    let write = |records: &str| {
        let alert = "  - {alert: Always, expr: vector(1), labels: {severity: page}}\n";
        std::fs::write(&rules, format!("groups:\n- name: g\n  interval: 1s\n  rules:\n{alert}{records}"))
    };
    write("  - {record: first, expr: vector(1)}\n")?;
    let mut observatory = Observatory::start(binary(), &["--config", &config.display().to_string()])?;
    let api = observatory.api()?;
    until(&api, "first", "1").await?;
    let firing = async || {
        let alerts = api.get("/prometheus/api/v1/alerts").await?;
        let alert = &alerts["data"]["alerts"][0];
        let is_it = alert["state"] == "firing" && alert["labels"]["severity"] == "page";
        Ok(is_it.then(|| alert["activeAt"].clone()))
    };
    let since = eventually("an alert that fires", &firing).await?;

    // Two mistakes: nothing changes, both are told with their lines, and the rules that are there go on.
    write("  - {record: second, expr: 'sum('}\n  - {record: third, expr: vector(3), fro: 1m}\n")?;
    observatory.process().hang_up()?;
    reload_was(&api, 0.0).await?;
    let told = observatory.process().output();
    for mistake in ["rules.yml:\n", "6:28: group \"g\", rule 2", "7:38: unknown field", "did you mean \"for\"?"] {
        ensure!(told.contains(mistake), "{mistake}: {told}");
    }
    until(&api, "time() - timestamp(first) < bool 5", "1").await?;
    ensure!(firing().await?.as_ref() == Some(&since), "the alert goes on");

    // What can be used is used at once: a rule that is gone leaves no series, the alert that stays is the same one.
    write("  - {record: second, expr: vector(2)}\n")?;
    observatory.process().hang_up()?;
    reload_was(&api, 1.0).await?;
    until(&api, "second", "2").await?;
    until(&api, "absent(first)", "1").await?;
    ensure!(firing().await?.as_ref() == Some(&since), "the alert goes on");
    observatory.process().stop()?;
    Ok(())
}

/// `vitrine rules replay` with these arguments: its exit code, and what it prints.
async fn replay(observatory: &Observatory, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(binary());
    command.args(["rules", "replay", "--url", &observatory.observe]).args(arguments);
    let output = command.output().await?;
    let told = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(told)?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_replayed_into_the_past_as_often_as_one_likes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let rules = file(
        "rules.yml",
        "groups:\n- name: past\n  interval: 30s\n  labels: {by: replay}\n  rules:\n\
         \x20 - {record: 'job:requests:sum', expr: sum by (job) (requests), labels: {job: all}}\n\
         \x20 - {record: 'job:requests:twice', expr: '2 * job:requests:sum'}\n\
         \x20 - {alert: Many, expr: requests > 1}\n\
         \x20 - {record: spans, sql: 'SELECT count(*) AS value FROM spans'}\n",
    )?;
    let mut observatory = start()?;
    let api = observatory.api()?;
    // Ten minutes, an hour ago, on the minute.
    let end = Clock::system().now_ms() / 60_000 * 60_000 - 3_600_000;
    let start = end - 600_000;
    let times: Vec<i64> = (0..=40).map(|step| start + step * 15_000).collect();
    let lines: String = ["a", "b"]
        .map(|instance| {
            let metric = serde_json::json!({"__name__": "requests", "job": "shop", "instance": instance});
            let values = vec![21; times.len()];
            format!("{}\n", serde_json::json!({"metric": metric, "values": values, "timestamps": times}))
        })
        .concat();
    let taken = call(&api, Method::POST, "/api/v1/import", &lines).await?;
    ensure!(taken.status == 204, "{taken:?}");

    let (from, to) = ((start / 1_000).to_string(), (end / 1_000).to_string());
    let arguments = ["--from", &from, "--to", &to, &rules];
    // Once more changes nothing: what is there with the same value stays one sample.
    for _ in 0..2 {
        let (code, told) = replay(&observatory, &arguments).await?;
        ensure!(code == Some(0), "{told}");
        for expected in
            ["job:requests:sum: 20 samples", "job:requests:twice: 20 samples", "Many: left out", "spans: left out"]
        {
            ensure!(told.contains(expected), "{expected}: {told}");
        }
        let sum = "{__name__=\"job:requests:sum\", job=\"all\", by=\"replay\"}";
        until(&api, &format!("count_over_time({sum}[1h] @ {to})"), "20").await?;
        until(&api, &format!("job:requests:twice{{by=\"replay\"}} @ {to}"), "84").await?;
    }
    let none = api.get("/prometheus/api/v1/series?match[]=ALERTS&match[]=spans").await?;
    ensure!(none["data"] == serde_json::json!([]), "{none}");

    let wrong = file("wrong.yml", "groups:\n- name: g\n  rules:\n  - {record: a b, expr: 'sum('}\n")?;
    for (arguments, code, expected) in [
        (vec!["--from", to.as_str(), "--to", from.as_str(), rules.as_str()], 64, "expected a time before --to"),
        (vec!["--from", "soon", rules.as_str()], 64, "--from soon: expected a time"),
        (vec!["--from", from.as_str(), wrong.as_str()], 64, "wrong.yml:4:"),
        (vec!["--from=-9e9", rules.as_str()], 1, "evaluations: expected at most"),
    ] {
        let (found, told) = replay(&observatory, &arguments).await?;
        ensure!(found == Some(code) && told.contains(expected), "{arguments:?}: {found:?}: {told}");
    }
    observatory.process().stop()?;
    Ok(())
}
