//! Log records as stock clients of Elasticsearch and OpenSearch search them: hits, scans, points in time, aggregations, fields.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use tokio::process::Command;
use vitrine_tests_testkit::{Observatory, node, python, succeed};

/// Elasticsearch's client for Python in each version that is in use, and OpenSearch's; the first with the language for searches that is a
/// package of its own.
const CLIENTS: [(&str, &[&str]); 4] = [
    ("elastic7", &["elasticsearch==7.17.12", "elasticsearch-dsl==7.4.1"]),
    ("elastic8", &["elasticsearch==8.19.3"]),
    ("elastic9", &["elasticsearch==9.5.1"]),
    ("opensearch", &["opensearch-py==3.2.0"]),
];
const NODE: &[&str] = &["@elastic/elasticsearch@9.5.1"];

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/log_search").join(name)
}

fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_for_python_search() {
    let check = async {
        let mut observatory = Observatory::start(binary(), &[])?;
        for (name, packages) in CLIENTS {
            let python = python(cache(), &format!("search-{name}"), packages).await?;
            let url = format!("{}/elastic", observatory.observe);
            let said = succeed(Command::new(python).arg(script("search.py")).args([url.as_str(), name])).await?;
            ensure!(said.contains("found"), "{said}");
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_client_searches() {
    let check = async {
        let mut observatory = Observatory::start(binary(), &[])?;
        let packages = node(cache(), "search-client", NODE).await?;
        // Packages are found from where a script is.
        let program = packages.join("search.mjs");
        std::fs::copy(script("search.mjs"), &program)?;
        let said = succeed(Command::new("node").arg(program).arg(&observatory.observe)).await?;
        ensure!(said.contains("found"), "{said}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("what was sent is found");
}
