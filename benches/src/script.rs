//! Peers that are libraries of Python, each in a process of its own: a script that takes commands, one a line, and answers each with a line
//! of JSON.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use vitrine_tests_testkit::python;

/// Where packages are kept: with the build's artefacts.
pub(crate) fn cache() -> Result<PathBuf> {
    let target = std::env::current_exe()?.parent().and_then(Path::parent).context("a target folder")?.join("tmp");
    std::fs::create_dir_all(&target)?;
    Ok(target)
}

/// What a peer has on disk.
pub(crate) struct Size {
    pub(crate) rows: f64,
    pub(crate) bytes: f64,
}

/// Such a peer. It ends with its owner.
pub(crate) struct Script {
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    cpu_s: f64,
}

impl Script {
    /// A script of `peers/`, with a package of PyPI (`NAME==VERSION`).
    pub(crate) async fn start(script: &str, package: &str, arguments: &[&Path]) -> Result<Self> {
        let python = python(&cache()?, &package.replace("==", "-"), &[package]).await?;
        // What they share is compiled in memory only.
        let mut child = Command::new(python)
            .arg("-B")
            .arg(peers().join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let commands = child.stdin.take().context("its standard input")?;
        let answers = BufReader::new(child.stdout.take().context("its standard output")?).lines();
        Ok(Self { child, commands, answers, cpu_s: 0.0 })
    }

    /// ClickHouse with the table that the first of `peers/NAME.sql` makes, and the others change.
    pub(crate) async fn clickhouse(folder: &Path, names: &[&str]) -> Result<Self> {
        let statements: Vec<PathBuf> = names.iter().map(|name| peers().join(name).with_extension("sql")).collect();
        let arguments: Vec<&Path> = [folder].into_iter().chain(statements.iter().map(PathBuf::as_path)).collect();
        Self::start("clickhouse.py", "chdb==4.4.0", &arguments).await
    }

    /// CPU seconds that all its commands took.
    pub(crate) fn cpu_s(&self) -> f64 {
        self.cpu_s
    }

    async fn command(&mut self, command: &str) -> Result<Value> {
        self.commands.write_all(format!("{command}\n").as_bytes()).await?;
        let line = self.answers.next_line().await?.with_context(|| format!("the peer ended at {command}"))?;
        let answer: Value = serde_json::from_str(&line)?;
        self.cpu_s += answer["cpu"].as_f64().unwrap_or_default();
        Ok(answer)
    }

    /// Hands rows over to peers, one JSON object a line, by a file which is gone afterwards.
    pub(crate) async fn load(peers: impl Iterator<Item = &mut Self>, rows: &mut String, file: &Path) -> Result<()> {
        std::fs::write(file, rows.as_bytes())?;
        rows.clear();
        for peer in peers {
            peer.command(&format!("load {}", file.display())).await?;
        }
        Ok(std::fs::remove_file(file)?)
    }

    /// Merges everything. Returns what it has on disk then.
    pub(crate) async fn finish(&mut self) -> Result<Size> {
        self.command("finish").await?;
        let size = self.command("size").await?;
        let of = |name: &str| size[name].as_f64().with_context(|| name.to_owned());
        Ok(Size { rows: of("rows")?, bytes: of("bytes")? })
    }

    /// Median of the milliseconds that queries take.
    pub(crate) async fn median_ms(&mut self, queries: impl Iterator<Item = String>) -> Result<f64> {
        let mut times = Vec::new();
        for query in queries {
            times.push(self.command(&format!("query {query}")).await?["seconds"].as_f64().context("seconds")? * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }

    /// Ends it.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
