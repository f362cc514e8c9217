//! An observatory that scrapes: targets of all kinds, its own processes, its host; what it says of them, and the pages that show it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vitrine_kit::percent;
use vitrine_tests_testkit::{Api, Launch, Observatory, eventually};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"))
}

/// The vector that an expression has now.
async fn vector(api: &Api, expression: &str) -> Result<Vec<Value>> {
    let answer = api.get(&format!("/prometheus/api/v1/query?query={}", percent::encode(expression))).await?;
    ensure!(answer["status"] == "success", "{expression}: {answer}");
    Ok(answer["data"]["result"].as_array().context("a list")?.clone())
}

/// The value of an expression of one series, as soon as there is one for which this holds.
async fn value(api: &Api, expression: &str, holds: impl Fn(f64) -> bool) -> Result<f64> {
    eventually(expression, async || {
        let vector = vector(api, expression).await?;
        let value = vector.first().and_then(|sample| sample["value"][1].as_str()?.parse().ok());
        Ok(value.filter(|value| holds(*value)))
    })
    .await
}

#[tokio::test]
async fn targets_are_scraped_and_shown() -> Result<()> {
    let exporter = vitrine_tests_engines::node_exporter()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("scrape.yml");
    let exporter_address = exporter.url().trim_start_matches("http://").to_owned();
    // The second target does not answer.
    let write = |jobs: &str| std::fs::write(&file, format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}"));
    write(&format!("- {{job_name: node, static_configs: [{{targets: ['{exporter_address}', '127.0.0.1:1']}}]}}\n"))?;
    let variables = vec![
        ("VITRINE_OBSERVATORY__SCRAPE__CONFIG".to_owned(), file.display().to_string()),
        ("VITRINE_OBSERVATORY__HOST__NAMES".to_owned(), "otel".to_owned()),
    ];
    let mut observatory = Observatory::launch(binary(), Launch { variables, ..Launch::default() })?;
    let api = observatory.api()?;
    value(&api, &format!("up{{instance=\"{exporter_address}\"}}"), |up| up == 1.0).await?;
    value(&api, "up{instance=\"127.0.0.1:1\"}", |up| up == 0.0).await?;
    value(&api, "sum(rate(node_cpu_seconds_total[1m]))", |cpus| cpus > 0.0).await?;
    // The host itself, by OpenTelemetry's names.
    value(&api, "sum(system_memory_usage_bytes)", |bytes| bytes > 1e6).await?;
    let targets = api.get("/prometheus/api/v1/targets?state=active").await?;
    let down = targets["data"]["activeTargets"].as_array().context("targets")?;
    let down = down.iter().find(|target| target["health"] == "down").context("one that is down")?;
    ensure!(down["scrapeUrl"] == "http://127.0.0.1:1/metrics" && down["lastError"] != "", "{down}");

    // A new configuration is taken on SIGHUP, a wrong one is not.
    let operations = observatory.process().ready["operations"].as_str().context("operations")?.to_owned();
    let own = operations.trim_start_matches("http://").to_owned();
    write("- {job_name: node, static_configs: 7}\n")?;
    observatory.process().hang_up()?;
    write(&format!("- {{job_name: self, static_configs: [{{targets: ['{own}']}}]}}\n"))?;
    observatory.process().hang_up()?;
    value(&api, "up{job=\"self\"}", |up| up == 1.0).await?;
    value(&api, "sum(observatory_segments{job=\"self\"})", |segments| segments >= 0.0).await?;
    let gone = async || Ok(vector(&api, "up{job=\"node\"}").await?.is_empty().then_some(()));
    eventually("the series of targets that are gone have ended", gone).await?;

    let output = Command::new(binary())
        .args(["promql", "--url", &observatory.observe, "up{job=\"self\"}"])
        .env("NO_COLOR", "1")
        .output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && out.contains("self") && out.contains("up"), "{out}{err}");
    let output = Command::new(binary()).args(["promql", "--url", &observatory.observe, "up{"]).output()?;
    ensure!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("parse error"));
    Ok(())
}

#[test]
fn a_wrong_configuration_is_told_whole() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("scrape.yml");
    std::fs::write(&file, "scrape_configs:\n- job_name: a\n  scheme: ftp\n- {scrape_interval: soon}\n")?;
    let output = Command::new(binary())
        .args([
            "observe",
            "--listen",
            "127.0.0.1:0",
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(folder.path().join("data"))
        .env("VITRINE_OBSERVATORY__SCRAPE__CONFIG", &file)
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(64), "{:?}: {told}", output.status);
    for expected in
        ["scrape.yml:3:11: scheme: expected http or https", "\"job_name\" is missing", "expected a duration"]
    {
        ensure!(told.contains(expected), "{expected}: {told}");
    }
    Ok(())
}
