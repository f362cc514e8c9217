//! Servers that cannot be used: the command says which server, which setting and what to do, and ends.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use vitrine_tests_engines::{Server, free_port, nats, postgres, redis};
use vitrine_tests_testkit::ON_FREE_PORTS;

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");

/// Starts a shop that cannot start; it must end with 1 or, where the settings themselves are wrong, 64, and say these words.
fn refuses(engines: &str, variables: &[(&str, &str)], words: &[&str]) -> Result<()> {
    let folder = TempDir::new()?;
    let output = Command::new("timeout")
        .arg("30")
        .arg(BINARY)
        .args(["up", "--quiet", "--engines", engines, "--load", "off", "--listen", "127.0.0.1:0"])
        .args(ON_FREE_PORTS)
        .arg("--data")
        .arg(folder.path())
        .envs(variables.iter().copied())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(matches!(output.status.code(), Some(1 | 64)), "{variables:?}: {:?}: {told}", output.status);
    for word in words {
        ensure!(told.contains(word), "{variables:?}: {word:?} is not in {told}");
    }
    ensure!(!told.contains("hunter2"), "a password is told: {told}");
    Ok(())
}

#[test]
fn an_engine_that_nobody_knows() -> Result<()> {
    refuses("nats,kafka", &[], &["shop.engines", "kafka", "nats, postgres, redis"])
}

#[test]
fn nobody_listens() -> Result<()> {
    let port = free_port()?;
    let at = |scheme: &str| format!("{scheme}://127.0.0.1:{port}");
    let place = format!("127.0.0.1:{port}");
    refuses("postgres", &[("VITRINE_POSTGRES__URL", &at("postgres"))], &[&place, "start it", "url"])?;
    refuses("nats", &[("VITRINE_NATS__URL", &at("nats"))], &[&place, "nats.url"])?;
    refuses("redis", &[("VITRINE_CACHE__URL", &at("redis"))], &[&place, "cache.url"])
}

fn port_of(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port())
}

#[test]
fn wrong_credentials() -> Result<()> {
    let (nats, redis) = (nats(&["--user", "ada", "--pass", "right"])?, redis(&["--requirepass", "right"])?);
    let wrong = [("VITRINE_NATS__URL", nats.url()), ("VITRINE_NATS__PASSWORD", "hunter2".to_owned())];
    let mut variables: Vec<(&str, &str)> = wrong.iter().map(|(k, v)| (*k, v.as_str())).collect();
    variables.push(("VITRINE_NATS__USER", "ada"));
    refuses("nats", &variables, &[&port_of(&nats), "nats."])?;

    let url = format!("redis://:hunter2@127.0.0.1:{}", redis.port());
    refuses("redis", &[("VITRINE_CACHE__URL", &url)], &[&port_of(&redis), "cache.url"])?;

    let mut postgres = postgres(&[("fsync", "off")])?;
    let access = postgres.folder().join("data/pg_hba.conf");
    std::fs::write(&access, "host all all 127.0.0.1/32 scram-sha-256\n")?;
    // A server that wants a password answers that it does.
    postgres.stop()?;
    postgres.up()?;
    let url = format!("postgres://postgres:hunter2@127.0.0.1:{}/postgres", postgres.port());
    refuses("postgres", &[("VITRINE_POSTGRES__URL", &url)], &[&port_of(&postgres), "password", "url"])
}

#[test]
fn a_database_with_a_newer_schema() -> Result<()> {
    let server = postgres(&[("fsync", "off")])?;
    let url = server.url();
    let folder = TempDir::new()?;
    // Made by a shop, and then marked as a newer one's.
    let ready = folder.path().join("ready.json");
    let mut child = Command::new(BINARY)
        .args(["serve", "orders", "--quiet", "--engines", "postgres"])
        .args(["customers", "shipping"].map(|name| format!("--place={name}=grpc://127.0.0.1:1")))
        .arg("--data")
        .arg(folder.path())
        .arg("--ready-file")
        .arg(&ready)
        .env("VITRINE_POSTGRES__URL", &url)
        .spawn()?;
    while !ready.exists() {
        ensure!(child.try_wait()?.is_none(), "it has ended");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    let psql = Path::new("/usr/lib/postgresql").join("15/bin/psql");
    let psql = if psql.exists() { psql } else { "psql".into() };
    let marked = Command::new(psql).args([&url, "-v", "ON_ERROR_STOP=1", "-c", NEWER]).output()?;
    ensure!(marked.status.success(), "{}", String::from_utf8_lossy(&marked.stderr));
    refuses("postgres", &[("VITRINE_POSTGRES__URL", &url)], &[&port_of(&server), "newer", "orders"])
}

/// Marks the database of orders as one of a later version.
const NEWER: &str = "UPDATE vitrine_orders.state SET layout = 1000";

#[test]
fn a_subject_without_permission() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("nats.conf");
    std::fs::write(
        &file,
        r#"authorization { users = [ { user: ada, password: right, permissions: { publish: "nothing", subscribe: "nothing" } } ] }"#,
    )?;
    let server = nats(&["--config", &file.display().to_string()])?;
    let url = server.url();
    let variables =
        [("VITRINE_NATS__URL", url.as_str()), ("VITRINE_NATS__USER", "ada"), ("VITRINE_NATS__PASSWORD", "right")];
    refuses("nats", &variables, &[&port_of(&server), "\"ada\"", "permit", "grant it"])
}
