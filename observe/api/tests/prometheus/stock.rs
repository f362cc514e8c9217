//! Stock programs that send to ours, ask it, and scrape it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use vitrine_tests_engines::promtool;
use vitrine_tests_engines::recipes::{prometheus_with, vmagent};

use crate::client::{HttpRequest, ask};
use crate::data::{self, SAMPLES, START_S, STEP_S};
use crate::ours::Ours;

/// How long anything may take to come about.
const WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until a query of a server finds this.
async fn until(port: u16, query: &str, part: &str) -> Result<String> {
    let began = Instant::now();
    loop {
        let answer = ask(port, &HttpRequest::get(format!("/api/v1/query?query={query}"))).await?.text();
        if answer.contains(part) {
            return Ok(answer);
        }
        ensure!(began.elapsed() < WITHIN, "{query} does not find {part}: {answer}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Scrapes ours each second; what comes of it bears the name of who scraped.
fn scrapes(ours: &Ours, sender: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, external_labels: {{sender: {sender}}}}}\n\
         scrape_configs: [{{job_name: ours, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        ours.port
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_prometheus_writes_in_both_versions() -> Result<()> {
    let ours = Ours::start().await?;
    let mut servers = Vec::new();
    for (sender, message) in [("one", "prometheus.WriteRequest"), ("two", "io.prometheus.write.v2.Request")] {
        let config = format!(
            "{}remote_write: [{{url: '{}/api/v1/write', protobuf_message: {message}, queue_config: {{batch_send_deadline: 200ms}}}}]\n",
            scrapes(&ours, sender),
            ours.url()
        );
        // Without it 2.0 sends no metadata.
        let metadata = ["--enable-feature=metadata-wal-records"];
        servers.push(tokio::task::spawn_blocking(move || prometheus_with(&config, &metadata)?.start()).await??);
    }
    for sender in ["one", "two"] {
        until(ours.port, &format!("seen_total%7Bsender=%22{sender}%22,job=%22ours%22%7D"), "\"7\"]").await?;
        until(ours.port, &format!("up%7Bsender=%22{sender}%22%7D"), "\"1\"]").await?;
    }
    // 2.0 sends what is known of a metric with each series.
    let metadata = ask(ours.port, &HttpRequest::get("/api/v1/metadata?metric=seen_total")).await?.text();
    ensure!(metadata.contains(r#""type":"counter","unit":"","help":"What was seen.""#), "{metadata}");
    for server in &servers {
        let own = ask(server.port(), &HttpRequest::get("/metrics")).await?.text();
        for name in ["samples_failed_total", "samples_dropped_total", "samples_retried_total"] {
            let line = own.lines().find(|line| line.starts_with(&format!("prometheus_remote_storage_{name}{{")));
            let line = line.with_context(|| format!("{name} in\n{own}"))?;
            ensure!(line.ends_with(" 0"), "{line}\n{}", server.output());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_vmagent_writes_with_zstd_and_without() -> Result<()> {
    let ours = Ours::start().await?;
    let url = format!("{}/api/v1/write", ours.url());
    let mut servers = Vec::new();
    for (sender, flag) in [("zstd", "-remoteWrite.forceVMProto"), ("snappy", "-remoteWrite.forcePromProto")] {
        let (config, url) = (scrapes(&ours, sender), url.clone());
        servers.push(tokio::task::spawn_blocking(move || vmagent(&config, &url, &[flag])?.start()).await??);
    }
    for (sender, server) in ["zstd", "snappy"].into_iter().zip(&servers) {
        let found = until(ours.port, &format!("seen_total%7Bsender=%22{sender}%22%7D"), "\"7\"]").await;
        found.with_context(|| server.output())?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_federates() -> Result<()> {
    let ours = Ours::start().await?;
    // A line of text with a time of now, as an exporter's.
    let pushed = HttpRequest::post("/api/v1/import/prometheus", "# TYPE kept gauge\nkept{place=\"here\"} 3\n");
    ensure!(ask(ours.port, &pushed).await?.status == 204);
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{{job_name: federate, honor_labels: true, metrics_path: /federate, \
         params: {{'match[]': ['{{__name__=~\"kept|none\"}}']}}, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        ours.port
    );
    let theirs = tokio::task::spawn_blocking(move || prometheus_with(&config, &[])?.start()).await??;
    until(theirs.port(), "kept%7Bplace=%22here%22%7D", "\"3\"]").await?;
    until(theirs.port(), "up%7Bjob=%22federate%22%7D", "\"1\"]").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_asks_and_pushes() -> Result<()> {
    let ours = Ours::start().await?;
    data::write(ours.port, &data::seeded()).await?;
    let (url, end) = (ours.url(), (START_S + (SAMPLES - 1) * STEP_S).to_string());
    let (start, folder) = (START_S.to_string(), tempfile::tempdir()?);
    let pushed = folder.path().join("pushed.txt");
    std::fs::write(&pushed, "# TYPE pushed gauge\npushed{a=\"b\"} 5\n")?;
    let pushed: PathBuf = pushed;
    let tool = tokio::task::spawn_blocking(promtool).await??;
    let run = |arguments: Vec<String>| {
        let tool = tool.clone();
        tokio::task::spawn_blocking(move || -> Result<String> {
            let output = Command::new(&tool).args(&arguments).output()?;
            let told =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            ensure!(output.status.success(), "{arguments:?}: {told}");
            Ok(told)
        })
    };
    let write = format!("{url}/api/v1/write");
    for (arguments, part) in [
        (
            vec!["query", "instant", "--time", &end, &url, "up{instance=\"a:1\"}"],
            "up{instance=\"a:1\", job=\"api\"} => 1 @[",
        ),
        (vec!["query", "range", "--start", &start, "--end", &end, "--step", "60s", &url, "sum(up)"], "=>\n"),
        (
            vec!["query", "series", "--match", "gone", "--start", &start, "--end", &end, &url],
            "{__name__=\"gone\", job=\"batch\"}",
        ),
        (vec!["query", "labels", "--start", &start, "--end", &end, &url, "job"], "api\nbatch\n"),
        (
            vec![
                "query",
                "analyze",
                "--server",
                &url,
                "--type",
                "histogram",
                "--match",
                "native",
                "--time",
                &end,
                "--duration",
                "10m",
            ],
            "native",
        ),
        (vec!["check", "healthy", "--url", &url], "SUCCESS"),
        (vec!["check", "ready", "--url", &url], "SUCCESS"),
        (vec!["push", "metrics", "--label", "job=tool", &write, &pushed.display().to_string()], "SUCCESS"),
    ] {
        let told = run(arguments.iter().map(|argument| (*argument).to_owned()).collect()).await??;
        ensure!(told.contains(part), "{arguments:?}: {told}");
    }
    until(ours.port, "pushed%7Bjob=%22tool%22%7D", "\"5\"]").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_can_be_imported() -> Result<()> {
    let (one, two) = (Ours::start().await?, Ours::start().await?);
    data::write(one.port, &data::seeded()).await?;
    let selector = "match%5B%5D=%7B__name__=~%22up%7Chttp.size%7Crequests_total%22%7D";
    let exported = ask(one.port, &HttpRequest::get(format!("/api/v1/export?{selector}&max_rows_per_line=100"))).await?;
    ensure!(exported.status == 200 && exported.text().lines().count() == 15, "{}", exported.text());
    let import = HttpRequest {
        method: "POST",
        target: "/api/v1/import".to_owned(),
        body: exported.body,
        ..HttpRequest::default()
    };
    let taken = ask(two.port, &import).await?;
    ensure!(taken.status == 204, "{taken:?}");
    let query = format!(
        "/api/v1/query_range?query=%7Bjob=%22api%22,__name__!~%22lat.*%7Cnat.*%22%7D&start={START_S}&end={}&step=15",
        START_S + 3600
    );
    let (here, there) =
        (ask(one.port, &HttpRequest::get(&query)).await?, ask(two.port, &HttpRequest::get(&query)).await?);
    ensure!(here.text().len() > 1000 && here.body == there.body, "{}\n{}", here.text(), there.text());
    for (target, body, part) in [
        ("/api/v1/import", "{\"metric\":{}", "line 1: "),
        ("/api/v1/import/prometheus", "up{ 1\n", "line 1"),
        ("/api/v1/import?extra_label=x", "", "extra_label=x: expected name=value"),
    ] {
        let refused = ask(two.port, &HttpRequest::post(target, body)).await?;
        ensure!(refused.status == 400 && refused.text().contains(part), "{target}: {refused:?}");
    }
    Ok(())
}
