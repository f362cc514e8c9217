//! A stock client that is itself certified: openid-client, from npm.

use std::path::Path;

use anyhow::Result;
use tokio::process::Command;
use vitrine_kit::clock::Clock;
use vitrine_tests_testkit::{node, succeed};

use super::party::{EMAIL, LOOPBACK, NAME, PASSWORD, PUBLIC, SECRET, WEB, World};

const PACKAGES: &[&str] = &["openid-client@6.8.9"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openid_client_signs_in_renews_asks_and_revokes() -> Result<()> {
    let world = World::start(Clock::system()).await?;
    let folder = node(Path::new(env!("CARGO_TARGET_TMPDIR")), "openid-client-6.8.9", PACKAGES).await?;
    let script = folder.join("sign-in.mjs");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/openid/sign_in.mjs"), &script)?;
    for (id, secret, method) in [(PUBLIC, "", "none"), (WEB, SECRET, "basic"), (WEB, SECRET, "post")] {
        let arguments = [world.url.as_str(), id, secret, method, LOOPBACK, EMAIL, PASSWORD, NAME];
        succeed(Command::new("node").arg(&script).args(arguments)).await?;
    }
    Ok(())
}
