//! The peers: ClickHouse in process with the collector exporter's table, and rotel, which receives without storing.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use vitrine_tests_testkit::python;

use super::generator::{self, Span};
use super::{Known, send};
use crate::process;
use crate::script::{Script, Size, cache};

/// Bytes of rows that are handed over at a time.
const ROWS_BYTES: usize = 256 << 20;
/// Queries of each kind.
const QUERIES: usize = 20;
/// How long rotel may take to answer.
const START: std::time::Duration = std::time::Duration::from_secs(10);

/// Rows on their way to ClickHouse.
pub(super) struct Rows {
    text: String,
    file: PathBuf,
}

impl Rows {
    pub(super) fn new(folder: &Path) -> Self {
        Self { text: String::new(), file: folder.join("rows.json") }
    }

    pub(super) fn add(&mut self, instance: usize, spans: &[Span]) {
        generator::rows(instance, spans, &mut self.text);
    }

    pub(super) fn full(&self) -> bool {
        self.text.len() >= ROWS_BYTES
    }
}

/// What the observatory needs for the same.
#[derive(Default)]
pub(super) struct Ours {
    /// Bytes of a span.
    pub(super) bytes: f64,
    /// Medians, in milliseconds.
    pub(super) by_id_ms: f64,
    /// One for each of [`Known::values`].
    pub(super) search_ms: [f64; 2],
    pub(super) red_ms: f64,
}

/// ClickHouse in a process of its own.
pub(super) struct ClickHouse(Script);

impl ClickHouse {
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        Ok(Self(Script::clickhouse(folder, &["otel_traces"]).await?))
    }

    pub(super) async fn load(&mut self, rows: &mut Rows) -> Result<()> {
        Script::load(std::iter::once(&mut self.0), &mut rows.text, &rows.file).await
    }

    async fn median(&mut self, queries: impl Iterator<Item = String>) -> Result<f64> {
        self.0.median_ms(queries.take(QUERIES)).await
    }

    /// Merges everything, asks the same questions, and prints what came of it, with what the observatory needs of it.
    pub(super) async fn tell(&mut self, known: &Known, ours: &Ours) -> Result<()> {
        let Size { rows, bytes } = self.0.finish().await?;
        let each = bytes / rows;
        println!(
            "ClickHouse in process (chdb), the collector exporter's table, {rows} rows from JSON, {:.0} CPU s",
            self.0.cpu_s()
        );
        println!(
            "  {:<50} {each:>12.1} bytes, {:.2} of it here",
            "bytes a span on disk after merging",
            ours.bytes / each
        );
        let by_id = known.traces.iter().map(|id| format!("SELECT * FROM otel_traces WHERE TraceId = '{id}'"));
        let compare = |what: &str, theirs: f64, ours: f64| {
            println!("  {what:<50} {theirs:>12.1} ms, {:.3} of it here", ours / theirs);
        };
        compare("trace by id, median", self.median(by_id).await?, ours.by_id_ms);
        for ((key, values), ours) in known.values().into_iter().zip(ours.search_ms) {
            let search = values.iter().map(|value| {
                format!(
                    "SELECT TraceId FROM otel_traces WHERE ServiceName = 'frontend' AND SpanAttributes['{key}'] = '{value}' ORDER BY Timestamp DESC LIMIT 20"
                )
            });
            compare(&format!("search by {key}, newest 20, median"), self.median(search).await?, ours);
        }
        let red = "SELECT toStartOfMinute(Timestamp) AS minute, SpanName, count(), countIf(StatusCode = 'Error'), quantile(0.95)(Duration) FROM otel_traces WHERE ServiceName = 'frontend' GROUP BY minute, SpanName";
        let theirs = self.median(std::iter::repeat_n(red.to_owned(), 5)).await?;
        compare("calls by minute of one service, median", theirs, ours.red_ms);
        self.0.stop().await
    }
}

/// Sends the same spans to rotel, which throws them away, and prints what that costs.
pub(super) async fn rotel(folder: &Path, spans: usize, ours: f64) -> Result<()> {
    let python = match python(&cache()?, "rotel-0.0.1a15", &["rotel==0.0.1a15"]).await {
        Ok(python) => python,
        Err(error) => {
            println!("  rotel cannot be had here: {error:#}");
            return Ok(());
        }
    };
    let told =
        Command::new(python).args(["-c", "import rotel.agent; print(rotel.agent.Agent.agent_path)"]).output().await?;
    let agent = String::from_utf8(told.stdout)?.trim().to_owned();
    let port = vitrine_tests_engines::free_port()?;
    let grpc = vitrine_tests_engines::free_port()?;
    let log = std::fs::File::create(folder.join("rotel.log"))?;
    let mut child = Command::new(agent)
        .args(["start", "--exporter", "blackhole"])
        .args([
            "--otlp-http-endpoint",
            &format!("127.0.0.1:{port}"),
            "--otlp-grpc-endpoint",
            &format!("127.0.0.1:{grpc}"),
        ])
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    let until = std::time::Instant::now() + START;
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        ensure!(std::time::Instant::now() < until, "rotel does not answer");
        tokio::time::sleep(super::LOOK).await;
    }
    let pid = child.id().context("a process id")?;
    let (sent, _) = send(&format!("http://127.0.0.1:{port}"), spans).await?;
    let theirs = sent as f64 / process::cpu(pid)?;
    child.kill().await?;
    println!("rotel, receiving and throwing away");
    println!("  {:<50} {theirs:>12.0}, {:.2} of it here, with storing", "spans per CPU second", ours / theirs);
    Ok(())
}
