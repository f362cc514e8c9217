//! The REST API by its own document: Schemathesis makes valid and invalid requests of what it says, and has nothing to say about the answers.
//!
//! What it is told beside the document is in `schemathesis.toml`. Here every operation is tried with what stands in the document and at the
//! edges of each of its schemas; a longer look, with requests made by chance, is taken by hand: docs/guide/rest.md.

use std::path::Path;

use anyhow::{Result, ensure};
use tokio::process::Command;
use vitrine_tests_testkit::{Customer, Options, Placement, Shop, python};

/// Pinned as it was when nothing was found, with what makes its requests.
const PACKAGES: &[&str] = &["schemathesis==4.32.5", "hypothesis==6.170.17", "jsonschema_rs==0.60.3"];
/// What is made of the document without chance.
const PHASES: &str = "examples,coverage";
/// After this no token is good, and each time a new RSA key is made: shop/auth tries it.
const ROTATE: &str = "POST /api/v1/admin/keys/rotate";
/// After this nothing is left to be looked at.
const ERASE: &str = "DELETE /api/v1/customers/me";

/// Runs it as someone, over these operations; an error is what it found.
async fn finds_nothing(shop: &Shop, token: Option<&str>, operations: &[&str]) -> Result<()> {
    let python = python(Path::new(env!("CARGO_TARGET_TMPDIR")), "schemathesis-4.32.5", PACKAGES).await?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(python);
    command.current_dir(folder.path()).args(["-m", "schemathesis.cli", "--config-file"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemathesis.toml"));
    command.arg("run").arg(format!("{}/api/v1/openapi.json", shop.url)).args(["--checks", "all", "--no-color"]);
    command.args(["--phases", PHASES, "--seed", "1", "--generation-deterministic"]);
    command.arg("--continue-on-failure").args(operations);
    if let Some(token) = token {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    let output = command.kill_on_drop(true).output().await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "as somebody with{} a token:\n{out}{err}", token.map_or("out", |_| ""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_allows_is_accepted_and_what_it_forbids_is_refused() -> Result<()> {
    let binary = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
    let mut shop = Shop::start(binary, Placement::Local, &Options::default()).await?;
    let (customer, leaving) = (Customer::new(&shop.anybody()?).await?, Customer::new(&shop.anybody()?).await?);
    customer.buy_one("prd_tall-vase").await?;
    customer.add("prd_pebble-vase", 1).await?;
    finds_nothing(&shop, customer.api.token(), &["--exclude-name", ERASE]).await?;
    tokio::try_join!(
        finds_nothing(&shop, Some(&shop.admin_token), &["--exclude-name", ROTATE]),
        finds_nothing(&shop, None, &[]),
        finds_nothing(&shop, leaving.api.token(), &["--include-name", ERASE]),
    )?;
    shop.process()?.stop()?;
    Ok(())
}
