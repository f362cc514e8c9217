//! The accounts whose password is published: where they are, and where they are not.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use vitrine_contracts::services::ALL;
use vitrine_tests_testkit::{Api, Customer, ON_FREE_PORTS, Process};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
const PEOPLE: &[&str] = &["demo@vitrine.example", "promoter@vitrine.example"];
const PASSWORD: &str = "see-through-glass";

/// Whether both can sign in.
async fn are_let_in(url: &str) -> Result<bool> {
    let mut outcomes = Vec::new();
    for email in PEOPLE {
        outcomes.push(Customer::sign_in(&Api::new(url, None)?, email, PASSWORD).await.is_ok());
    }
    ensure!(outcomes[0] == outcomes[1], "one of them is let in: {outcomes:?}");
    Ok(outcomes[0])
}

/// Starts a shop; returns the process and its public address on this machine.
fn start(data: &Path, args: &[&str], variables: &[(&str, &str)]) -> Result<(Process, String)> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let data_arg = data.display().to_string();
    let args: Vec<&str> = args.iter().copied().chain(["--data", &data_arg]).collect();
    let log = data.with_extension("log");
    // What an earlier one has printed is not this one's; there may be none.
    let _ = std::fs::remove_file(&log);
    let process = Process::start(Path::new(BINARY), &args, &variables, &log)?;
    let url = process.ready["shop"].as_str().or(process.ready["public"].as_str()).context("an address")?;
    let port = url.rsplit(':').next().context("a port")?;
    let url = format!("http://127.0.0.1:{port}");
    Ok((process, url))
}

/// Stops it, and returns all that it has printed.
fn stop(mut process: Process) -> Result<String> {
    process.stop()?;
    Ok(process.output())
}

fn up<'a>(listen: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["up", "--quiet", "--load", "off"].into_iter().chain(ON_FREE_PORTS);
    common.chain(["--listen", listen]).chain(more.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_accounts_are_on_this_machine_only() {
    let check = async {
        let folder = TempDir::new()?;
        let data = folder.path().join("data");
        // On the same data, so that what an earlier start has made is there.
        for (args, variables, expected) in [
            (up("127.0.0.1:0", &[]), vec![], true),
            (up("0.0.0.0:0", &[]), vec![], false),
            (up("127.0.0.1:0", &[]), vec![], true),
            (up("127.0.0.1:0", &[]), vec![("VITRINE_SHOP__URL", "https://shop.example")], false),
            (up("127.0.0.1:0", &[]), vec![("VITRINE_SHOP__DEMO", "off")], false),
            (up("0.0.0.0:0", &["--demo"]), vec![], true),
        ] {
            let what = format!("{args:?} {variables:?}");
            let (process, url) = start(&data, &args, &variables)?;
            ensure!(are_let_in(&url).await? == expected, "{what}");
            ensure!(process.ready["demo_customer"].is_null() != expected, "{what}: {}", process.ready);
            let told = stop(process)?;
            ensure!(told.contains(PASSWORD) == expected, "{what}: {told}");
        }
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("they are where they were asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_makes_demo_accounts_only_when_it_is_told_to() {
    let check = async {
        let folder = TempDir::new()?;
        let data = folder.path().join("data");
        for (more, expected) in [(&[][..], false), (&["--demo"], true), (&[], false)] {
            // Every service, in one process.
            let args: Vec<&str> = ["serve", "--quiet"].iter().chain(ALL).chain(more).copied().collect();
            let (process, url) = start(&data, &args, &[])?;
            ensure!(are_let_in(&url).await? == expected, "{more:?}");
            // The gateway's customers and the services have an address each.
            ensure!(process.ready["internal"] != process.ready["public"], "{}", process.ready);
            let told = stop(process)?;
            ensure!(told.contains("demo ") == expected, "{more:?}: {told}");
        }
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("they are where they were asked for");
}

#[test]
fn up_says_what_is_open() {
    let folder = TempDir::new().expect("a folder");
    for (variables, open) in [
        (vec![], true),
        (
            vec![("VITRINE_OBSERVATORY__TOKENS", "[{ token = \"s3cr3t-s3cr3t\", rights = [\"read\", \"write\"] }]")],
            false,
        ),
    ] {
        let (process, _) = start(&folder.path().join("data"), &up("127.0.0.1:0", &[]), &variables).expect("up");
        let told = stop(process).expect("it stops");
        let line = told.lines().rfind(|line| line.starts_with("  open ")).expect("a line");
        for always in ["operations: health", "the catalog", "flags: to evaluate and to change"] {
            assert!(line.contains(always), "{always} in {line}");
        }
        assert_eq!(line.contains("observatory.tokens"), open, "{line}");
    }
}

#[test]
fn help_names_the_listeners() {
    let told = Command::new(BINARY).args(["serve", "--help"]).output().expect("it runs");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    for flag in ["--listen", "--public", "--operations", "--demo"] {
        assert!(told.contains(flag), "{flag} in {told}");
    }
}
