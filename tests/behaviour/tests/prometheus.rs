//! An observatory in place of a Prometheus: stock senders and clients, rules that are set while it runs, series that are deleted and
//! copied, and a process that is told to end.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::Method;
use tokio::process::Command;
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
