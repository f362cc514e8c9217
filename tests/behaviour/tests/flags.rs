//! Feature flags, served alone and within a shop: what a stock client of OpenFeature sees, and what the command line says.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use tempfile::TempDir;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_conformance::suite;
use vitrine_tests_testkit::{Options, Placement, Process, Shop, python, succeed};

const DEFINITIONS: &str = r#"{"flags": {
    "bool": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
    "int": {"state": "ENABLED", "variants": {"few": 3, "many": 10}, "defaultVariant": "many"},
    "float": {"state": "ENABLED", "variants": {"half": 0.5, "whole": 10}, "defaultVariant": "whole"},
    "string": {"state": "ENABLED", "variants": {"de": "hallo", "en": "hello"}, "defaultVariant": "en",
        "targeting": {"if": [{"in": [{"var": "country"}, ["DE", "CH"]]}, "de"]}},
    "object": {"state": "ENABLED", "variants": {"a": {"n": 1.5}}, "defaultVariant": "a", "metadata": {"owner": "web"}},
    "off": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
    "code": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": null},
    "wrong": {"state": "ENABLED", "variants": {"on": true}, "targeting": {"cat": ["no", "where"]}}
}, "metadata": {"flagSetId": "shop"}}"#;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"))
}

fn start(folder: &TempDir) -> Result<(Process, String)> {
    let data = folder.path().join("data").display().to_string();
    let args = ["flags", "serve", "--quiet", "--listen", "127.0.0.1:0", "--data", &data];
    let process = Process::start(binary(), &args, &[], &folder.path().join("log"))?;
    let url = process.ready["flags"].as_str().context("the ready file has no flags")?.to_owned();
    Ok((process, url))
}

async fn send(url: &str, method: Method, path: &str, body: &str) -> Result<Value> {
    let call = Call::new(method, path).raw(body).header(CONTENT_TYPE, "application/json");
    let answer = Client::new(url)?.send(call).await?;
    ensure!(answer.status == 200, "{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    Ok(answer.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_client_of_openfeature_evaluates_flags() {
    let check = async {
        let packages =
            ["openfeature-sdk==0.10.0", "openfeature-provider-ofrep==0.3.0", "jsonschema==4.25.1", "PyYAML==6.0.3"];
        let python = python(Path::new(env!("CARGO_TARGET_TMPDIR")), "ofrep-0.3.0", &packages).await?;
        let folder = TempDir::new()?;
        let (mut process, url) = start(&folder)?;
        send(&url, Method::POST, "/api/v1/import?why=first", DEFINITIONS).await?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flags/ofrep.py");
        let mut command = tokio::process::Command::new(python);
        let told = succeed(command.arg(script).arg(&url).args(suite("ofrep/openapi.yaml"))).await?;
        println!("{told}");
        ensure!(told.contains("provider: 12 of 12"), "{told}");
        ensure!(suite("ofrep/openapi.yaml").is_none() || told.contains("schemas: 10 of 10"), "{told}");
        process.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the stock client evaluates");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_client_of_flagd_resolves_and_evaluates_itself() {
    let check = async {
        let packages = ["openfeature-sdk==0.10.0", "openfeature-provider-flagd==0.6.1"];
        let python = python(Path::new(env!("CARGO_TARGET_TMPDIR")), "flagd-0.6.1", &packages).await?;
        let folder = TempDir::new()?;
        let (mut process, url) = start(&folder)?;
        send(&url, Method::POST, "/api/v1/import?why=first", DEFINITIONS).await?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flags/flagd.py");
        let told = succeed(tokio::process::Command::new(python).arg(script).arg(&url)).await?;
        println!("{told}");
        ensure!(told.contains("rpc: 12 of 12") && told.contains("in-process: 12 of 12"), "{told}");
        process.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the stock client evaluates");
}

fn vitrine(args: &[&str]) -> Result<Output> {
    Ok(Command::new(binary()).args(args).output()?)
}

fn said(args: &[&str]) -> Result<String> {
    let output = vitrine(args)?;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{args:?}: {err}");
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_reads_writes_and_explains() {
    let check = async {
        let folder = TempDir::new()?;
        let (mut process, url) = start(&folder)?;
        send(&url, Method::POST, "/api/v1/import?why=first", DEFINITIONS).await?;
        let data = folder.path().join("data").display().to_string();
        // The service is found by the data folder.
        let list = said(&["flags", "list", "--data", &data])?;
        ensure!(
            list.contains("string  string   enabled  en  by a rule") && list.contains("off     boolean  disabled on"),
            "{list}"
        );
        let file = folder.path().join("new.json");
        std::fs::write(&file, r#"{"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"}"#)?;
        let file = file.display().to_string();
        let set = said(&["flags", "set", "new", &file, "--why", "a test", "--data", &data])?;
        ensure!(set == "revision 2\n", "{set}");
        let set = said(&["flags", "set", "new", "--disable", "--why", "too early", "--url", &url])?;
        ensure!(set == "revision 3\n", "{set}");
        let got = said(&["flags", "get", "new", "--url", &url])?;
        ensure!(serde_json::from_str::<Value>(&got)?["state"] == "DISABLED", "{got}");
        let context = r#"{"country": "CH"}"#;
        let told = said(&["flags", "explain", "string", "--context", context, "--url", &url])?;
        ensure!(
            told.starts_with("de = \"hallo\" (TARGETING_MATCH)\n") && told.contains("var country = \"CH\""),
            "{told}"
        );
        let history = said(&["flags", "history", "new", "--url", &url])?;
        ensure!(history.starts_with("3 ") && history.contains("local set new: too early\n2 "), "{history}");
        let refused = vitrine(&["flags", "get", "none", "--url", &url])?;
        let err = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(!refused.status.success() && err.contains("there is no flag \"none\""), "{err}");
        process.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the commands work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_plans_promotes_and_rolls_out() {
    let check = async {
        let folder = TempDir::new()?;
        let (mut process, url) = start(&folder)?;
        let file = folder.path().join("flag.json");
        std::fs::write(
            &file,
            r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}"#,
        )?;
        let file = file.display().to_string();
        for (args, expected) in [
            (&["set", "f", &file, "--set", "staging", "--why", "new"][..], "revision 1\n"),
            (&["sets"], "(default)  0 flags\nstaging  1 flags\n"),
            (&["compare", "staging", ""], "f  revision 1 -> not there\n"),
            (&["promote", "f", "--from", "staging", "--why", "release"], "revision 2\n"),
            (&["compare", "staging", ""], ""),
            (&["set", "f", "--disable", "--at", "2126-01-01T00:00:00Z", "--why", "later"], "schedule 3\n"),
            (&["cancel", "3", "--why", "never"], "revision 4\n"),
            (&["rollout", "f", "--to", "on", "--steps", "12.5,100", "--every", "1h", "--why", "go"], "revision 5\n"),
            (&["pause", "5", "--why", "lunch"], "revision 6\n"),
            (&["planned"], "roll-out 5  f in (default) to on  12.5 %  paused\n"),
            (&["revert", "5", "--why", "bad"], "revision 7\n"),
            (&["segments"], ""),
        ] {
            let args: Vec<&str> = ["flags"].iter().chain(args).copied().chain(["--url", &url]).collect();
            let told = said(&args)?;
            ensure!(told == expected, "{args:?}: {told}");
        }
        // The guard has nobody to ask here, which is told, so what follows has no number that is known beforehand.
        let guard = ["--guard", "up", "--below", "1", "--for", "1m", "--revert"];
        let begin =
            ["flags", "rollout", "f", "--to", "on", "--steps", "50", "--every", "1h", "--why", "go", "--url", &url];
        let refused = vitrine(&[&begin[..], &guard[..2]].concat())?;
        ensure!(String::from_utf8_lossy(&refused.stderr).contains("expected --above or --below"), "{refused:?}");
        let begun = said(&[&begin[..], &guard[..]].concat())?;
        ensure!(begun == "revision 8\n", "{begun}");
        let proposed = said(&["flags", "set", "f", "--disable", "--propose", "--why", "please", "--url", &url])?;
        let id = proposed.split_whitespace().nth(2).context("a number")?;
        let hash = proposed.split_whitespace().nth(5).context("a hash")?.trim_end_matches(';').to_owned();
        let requests = said(&["flags", "requests", "--url", &url])?;
        ensure!(requests.contains(&format!("hash {hash}")), "{proposed}{requests}");
        let refused = vitrine(&["flags", "approve", id, &hash, "--why", "mine", "--url", &url])?;
        ensure!(!refused.status.success(), "nobody approves what they ask for");
        said(&["flags", "reject", id, "--why", "no", "--url", &url])?;
        process.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the commands work");
}

/// A loopback address that no other process listens at: flagd's ports are the same for all.
fn loopback() -> String {
    let id = std::process::id();
    format!("127.{}.{}.{}", 64 + (id >> 14) % 64, (id >> 7) % 128, 1 + id % 128)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flagds_ports_and_a_unix_socket_answer_as_the_own_port_does() {
    let check = async {
        let (folder, ip) = (TempDir::new()?, loopback());
        let data = folder.path().join("data").display().to_string();
        let socket = folder.path().join("flags.sock");
        let variables = [
            ("VITRINE_FLAGS__SOCKET", socket.display().to_string()),
            ("VITRINE_FLAGS__CONTEXT_FROM_HEADER", "[\"x-country=country\"]".to_owned()),
            ("VITRINE_FLAGS__RATE_PER_S", "1000".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let listen = format!("{ip}:0");
        let args = ["flags", "serve", "--quiet", "--standard-ports", "--listen", &listen, "--data", &data];
        let mut process = Process::start(binary(), &args, &variables, &folder.path().join("log"))?;
        let url = process.ready["flags"].as_str().context("the ready file has no flags")?.to_owned();
        send(&url, Method::POST, "/api/v1/import?why=first", DEFINITIONS).await?;
        for port in [8013, 8015, 8016] {
            let path = "/ofrep/v1/evaluate/flags/string";
            let call = Call::new(Method::POST, path).raw("{}").header("x-country".parse()?, "CH");
            let answer = Client::new(&format!("http://{ip}:{port}"))?.send(call).await?;
            ensure!(answer.json()["value"] == "hallo", "{port}: {}", answer.json());
        }
        for path in ["/healthz", "/readyz"] {
            let answer = Client::new(&format!("http://{ip}:8014"))?.send(Call::new(Method::GET, path)).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
        }
        let answer = Client::new(&format!("http://{ip}:8014"))?.send(Call::new(Method::GET, "/api/v1/flags")).await?;
        ensure!(answer.status == 404, "management answers for flags: {}", answer.status);
        let connected = std::os::unix::net::UnixStream::connect(&socket);
        ensure!(connected.is_ok(), "{connected:?}");
        let clients = said(&["flags", "clients", "--url", &url])?;
        ensure!(clients.starts_with("ofrep ") && clients.contains("revision 1"), "{clients}");
        process.stop()?;
        let output = vitrine(&["flags", "serve", "--config", &write_settings(&folder)?, "--data", &data])?;
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(64) && err.contains("flags.context: \"novalue\""), "{err}");
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the ports answer");
}

/// Settings that nobody can mean.
fn write_settings(folder: &TempDir) -> Result<String> {
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "[flags]\ncontext = [\"novalue\"]\n")?;
    Ok(file.display().to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_has_its_flags() {
    let check = async {
        let mut shop = Shop::start(binary(), Placement::Local, &Options::default()).await?;
        let url = shop.process()?.ready["flags"].as_str().context("the ready file has no flags")?.to_owned();
        send(&url, Method::POST, "/api/v1/import?why=first", DEFINITIONS).await?;
        let one = send(&url, Method::POST, "/ofrep/v1/evaluate/flags/bool", "{}").await?;
        ensure!(one["value"] == true, "{one}");
        let data = shop.data().join("up").display().to_string();
        let list = said(&["flags", "list", "--data", &data])?;
        // Beside those that its services declare.
        ensure!(list.contains("\nwrong ") && list.contains("checkout-free-shipping-from"), "{list}");
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the shop has flags");
}
