//! Many rules over what some hosts send.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::Value;

use super::Sizes;
use super::hosts::{Host, Version};
use super::subject::{Subject, write};
use super::workload::{STEP_S, now_s, times_ms};
use crate::goals::tell;
use crate::observe::wire::Wire;

/// Hosts that send.
const HOSTS: usize = 20;
/// Rules of a group.
const OF_A_GROUP: usize = 100;
/// Seconds of samples that there are when rules begin.
const BEFORE_S: i64 = 600;
/// One of so many rules is for an alert.
const ALERTS: usize = 4;

/// What rules ask of one host.
const EXPRESSIONS: [&str; 4] = [
    "sum by (mode) (rate(node_cpu_seconds_total{instance=\"HOST\"}[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket{instance=\"HOST\"}[5m])))",
    "avg(node_memory_Free_bytes{instance=\"HOST\"})",
    "sum(rate(node_network_receive_bytes_total{instance=\"HOST\"}[5m]))",
];

pub(super) async fn measure(binary: &Path, sizes: &Sizes) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (rules, config) = (folder.path().join("rules.yml"), folder.path().join("vitrine.toml"));
    std::fs::write(&rules, rule_file(sizes.rules))?;
    std::fs::write(&config, format!("[observatory.rules]\nfiles = [\"{}\"]\n", rules.display()))?;
    let mut subject = Subject::ours(binary, &["--config", &config.display().to_string()])?;
    println!("Metrics: {} rules, each every {STEP_S} s, over {HOSTS} hosts", sizes.rules);
    let mut hosts: Vec<Host> = (0..HOSTS).map(|number| Host::new(number, 0, 0)).collect();
    let mut rng = SmallRng::seed_from_u64(1);
    let path = format!("{}/write", subject.api());
    let mut wire = Wire::connect(&subject.url()).await?;
    let mut at = now_s() - BEFORE_S;
    let (mut before, mut began, mut sending) = (0.0, Instant::now(), Duration::ZERO);
    let mut is_measured = false;
    let until = Instant::now() + Duration::from_secs(sizes.watched);
    while Instant::now() < until {
        while at <= now_s() {
            let send_began = Instant::now();
            for host in &mut hosts {
                let request = host.request(Version::V2, 0, &times_ms(at, 1, &mut rng));
                write(&mut wire, &path, Version::V2, &request).await?;
            }
            sending += send_began.elapsed();
            at += STEP_S;
        }
        if !is_measured {
            (is_measured, before, began, sending) = (true, subject.cpu()?, Instant::now(), Duration::ZERO);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let busy = (subject.cpu()? - before) / began.elapsed().as_secs_f64();
    let (status, body) = wire.get(&format!("{}/rules", subject.api())).await?;
    ensure!(status == 200, "rules: {status}");
    let status: Value = serde_json::from_slice(&body)?;
    let groups = status["data"]["groups"].as_array().context("groups")?;
    let took: f64 = groups.iter().filter_map(|group| group["evaluationTime"].as_f64()).sum();
    let is_well =
        |group: &Value| group["rules"].as_array().is_some_and(|rules| rules.iter().all(|rule| rule["health"] == "ok"));
    ensure!(groups.iter().all(is_well), "a rule fails");
    // One that stands for all: of several, names are what tells them apart, and counting drops names.
    let query = vitrine_kit::percent::encode("count_over_time({__name__=\"bench:10:0\"}[1m])");
    let (_, body) = wire.get(&format!("{}/query?query={query}", subject.api())).await?;
    let found: Value = serde_json::from_slice(&body)?;
    let count = found["data"]["result"][0]["value"][1].as_str().and_then(|count| count.parse().ok()).unwrap_or(0.0);
    tell("samples of a recorded series in the last minute", count, "", 60.0 / STEP_S as f64, true);
    tell("CPU seconds a second, all included", busy, "", 1.0, false);
    tell("one evaluation of all rules, one after the other", took, "s", STEP_S as f64, false);
    let (resident_mib, peak_mib) = subject.resident()?;
    println!("  resident memory {resident_mib:.0} MiB, at most {peak_mib:.0}\n");
    Ok(())
}

fn rule_file(rules: usize) -> String {
    let mut text = "groups:\n".to_owned();
    for number in 0..rules {
        if number.is_multiple_of(OF_A_GROUP) {
            let _ = writeln!(text, "- name: group {}\n  interval: {STEP_S}s\n  rules:", number / OF_A_GROUP);
        }
        let expression = EXPRESSIONS[number % EXPRESSIONS.len()];
        let expression = expression.replace("HOST", &format!("host-{}:9100", number / EXPRESSIONS.len() % HOSTS));
        if (number / EXPRESSIONS.len()).is_multiple_of(ALERTS) {
            let _ = writeln!(text, "  - alert: Bench{number}\n    expr: '{expression} < 0'\n    for: 1m");
        } else {
            let _ = writeln!(text, "  - record: bench:{number}:{}\n    expr: '{expression}'", number % OF_A_GROUP % 10);
        }
    }
    text
}
