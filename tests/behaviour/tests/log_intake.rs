//! Log records of stock clients: Elasticsearch's and OpenSearch's own, transports of Node's loggers, Loki's of Python, and systemd's journal.
//! What they sent is there, whole, also after the process was killed.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use vitrine_tests_engines::program;
use vitrine_tests_testkit::{Observatory, log_crash, node, python, succeed};

/// Elasticsearch's client for Python in each version that is in use, and OpenSearch's: the name of its documents, and the package.
const CLIENTS: [(&str, &str); 4] = [
    ("elastic7", "elasticsearch==7.17.12"),
    ("elastic8", "elasticsearch==8.19.3"),
    ("elastic9", "elasticsearch==9.5.1"),
    ("opensearch", "opensearch-py==3.2.0"),
];
const LOKI: &[&str] = &["python-logging-loki==0.3.1"];
const NODE: &[&str] = &[
    "@elastic/elasticsearch@9.5.1",
    "pino@10.4.0",
    "pino-elasticsearch@9.0.0",
    "winston@3.19.0",
    "winston-elasticsearch@0.19.0",
    "winston-loki@6.1.7",
];

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"))
}

fn start() -> Result<Observatory> {
    Observatory::start(binary(), &[])
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/log_intake").join(name)
}

fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// How many records there are of each service, in its order.
async fn counted(observatory: &Observatory) -> Result<Value> {
    let rows = observatory.sql("SELECT service, count(*) AS records FROM logs GROUP BY 1 ORDER BY 1").await?;
    Ok(rows.into_iter().map(|row| json!([row["service"], row["records"]])).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elasticsearchs_clients_for_python_send_documents() {
    let check = async {
        let mut observatory = start()?;
        for (name, package) in CLIENTS {
            let python = python(cache(), package, &[package]).await?;
            let url = format!("{}/elastic", observatory.observe);
            let said = succeed(Command::new(python).arg(script("bulk.py")).args([url.as_str(), name])).await?;
            ensure!(said.contains("taken"), "{said}");
        }
        observatory.kill_and_restart()?;
        let expected = CLIENTS.map(|(name, _)| json!([name, 1002]));
        let found = counted(&observatory).await?;
        ensure!(found == json!(expected), "{found}");
        let statement = "SELECT time, body, severity, attr(attributes, 'http.response.status_code') AS code FROM logs \
            WHERE service = 'elastic9' AND body = 'line 7'";
        let rows = observatory.sql(statement).await?;
        let row = rows.first().context("a record")?;
        ensure!(rows.len() == 1 && row["severity"] == 13 && row["code"] == "7", "{rows:?}");
        ensure!(row["time"].as_str().is_some_and(|time| time.starts_with("2026-08-01T12:00:00.007")), "{row}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_clients_and_loggers_send() {
    let check = async {
        let mut observatory = start()?;
        let packages = node(cache(), "log-clients", NODE).await?;
        // Packages are found from where a script is.
        let program = packages.join("bulk.mjs");
        std::fs::copy(script("bulk.mjs"), &program)?;
        let said = succeed(Command::new("node").arg(program).arg(&observatory.observe)).await?;
        ensure!(said.contains("taken"), "{said}");
        let expected = [("js", 500), ("pino", 20), ("winston", 20), ("winston-loki", 20), ("winston-loki-json", 20)];
        let found = counted(&observatory).await?;
        ensure!(found == json!(expected), "{found}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_handler_for_loki_pushes() {
    let check = async {
        let mut observatory = start()?;
        let python = python(cache(), "python-logging-loki-0.3.1", LOKI).await?;
        let said = succeed(Command::new(python).arg(script("loki.py")).arg(&observatory.observe)).await?;
        ensure!(said.contains("taken"), "{said}");
        let found = counted(&observatory).await?;
        ensure!(found == json!([["python-loki", 20]]), "{found}");
        let rows = observatory.sql("SELECT DISTINCT severity_text, severity FROM logs").await?;
        ensure!(rows == [json!({ "severity_text": "warning", "severity": 13 })], "{rows:?}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemds_journal_is_uploaded() {
    let check = async {
        let find = |name| tokio::task::block_in_place(|| program(name, &["/lib/systemd"], "systemd-journal-remote"));
        let (writer, uploader) = (find("systemd-journal-remote")?, find("systemd-journal-upload")?);
        let folder = tempfile::tempdir()?;
        let journal = folder.path().join("remote.journal");
        // What writes a journal without systemd running: a remote one that comes through standard input.
        let export: String = (0..50)
            .map(|n| {
                format!(
                    "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={n}\n_BOOT_ID=0af7651916cd43dd8448eb211c80319c\n\
                     PRIORITY=4\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=line {n}\n\n",
                    1_785_585_600_000_000_u64 + n
                )
            })
            .collect();
        let input = folder.path().join("export");
        std::fs::write(&input, export)?;
        let mut write = Command::new(writer);
        write.arg("--output").arg(&journal).arg("-").stdin(std::fs::File::open(&input)?);
        succeed(&mut write).await?;

        let mut observatory = start()?;
        let mut upload = Command::new(uploader);
        upload.arg(format!("--url={}", observatory.observe)).arg("--follow=no");
        upload.arg(format!("--file={}", journal.display()));
        upload.arg(format!("--save-state={}", folder.path().join("state").display()));
        succeed(&mut upload).await?;
        let rows = observatory.sql("SELECT service, severity, count(*) AS records FROM logs GROUP BY 1, 2").await?;
        ensure!(rows == [json!({ "service": "sshd", "severity": 13, "records": 50 })], "{rows:?}");
        let rows = observatory.sql("SELECT time FROM logs WHERE body = 'line 7'").await?;
        let time = rows.first().and_then(|row| row["time"].as_str()).unwrap_or_default();
        ensure!(time.starts_with("2026-08-01T12:00:00.000007"), "{rows:?}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the journal is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_exactly_once_after_kill_9() {
    let crashes = log_crash(binary(), 5, 5, 7).await.expect("nothing is lost");
    assert!(crashes.acknowledged.iter().all(|rows| *rows > 0), "every sender was taken from: {crashes:?}");
}
