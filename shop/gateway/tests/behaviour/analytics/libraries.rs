//! Stock libraries of Segment and RudderStack, as their registries have them.

use std::path::Path;

use anyhow::{Result, ensure};
use tokio::process::Command;
use vitrine_shop_gateway::Config;
use vitrine_tests_engines::chromium;
use vitrine_tests_testkit::{eventually, node, python, succeed};

use super::world::{Analytics, Source};

/// Pinned as they were looked at.
const NODE: &[&str] = &["@segment/analytics-node@3.1.0", "@rudderstack/rudder-sdk-node@3.0.13"];
const PYTHON: &[&str] = &["segment-analytics-python==2.4.0", "rudder-sdk-python==2.1.9"];
const BROWSER: &[&str] = &["@segment/analytics-next@1.84.3"];
/// What each program sends: more than one request holds.
const SENT: usize = 250;

fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// How many came of a source; none may be refused.
async fn came(shop: &Analytics, source: &Source) -> Result<usize> {
    let refused = shop.messages(source, true).await?;
    ensure!(refused.is_empty(), "{refused:?}");
    Ok(shop.messages(source, false).await?.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libraries_for_node_deliver() -> Result<()> {
    let packages = node(cache(), "analytics-node-3.1.0-rudder-3.0.13", NODE).await?;
    let shop = Analytics::start(Config::default()).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/analytics/send.mjs");
    for (library, base) in
        [("segment", "/analytics"), ("segment", ""), ("rudderstack", "/analytics"), ("rudderstack", "")]
    {
        let source = shop.source().await?;
        let mut command = Command::new("node");
        command.arg(&script).arg(&packages).arg(library);
        command.arg(format!("{}{base}", shop.url)).arg(&source.write_key).arg(SENT.to_string());
        succeed(&mut command).await?;
        let came = came(&shop, &source).await?;
        ensure!(came == SENT, "{library} at {base:?}: {came} of {SENT} came");
    }
    shop.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libraries_for_python_deliver() -> Result<()> {
    let python = python(cache(), "segment-2.4.0-rudder-2.1.9", PYTHON).await?;
    let shop = Analytics::start(Config::default()).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/analytics/send.py");
    for (library, base) in [("segment", ""), ("segment", "/analytics"), ("rudderstack", "/analytics")] {
        let source = shop.source().await?;
        let mut command = Command::new(&python);
        command.arg(&script).arg(library).arg(format!("{}{base}", shop.url));
        command.arg(&source.write_key).arg(SENT.to_string());
        succeed(&mut command).await?;
        let came = came(&shop, &source).await?;
        ensure!(came == SENT, "{library} at {base:?}: {came} of {SENT} came");
    }
    shop.stop().await
}

/// In a page of another site, each message by itself and several at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_for_browsers_delivers() -> Result<()> {
    const MANY: usize = 25;
    let packages = node(cache(), "analytics-next-1.84.3", BROWSER).await?;
    let chromium = tokio::task::spawn_blocking(chromium).await??;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let web = tests.join("../../web");
    ensure!(web.join("node_modules").exists(), "web/node_modules is missing: run make web before");
    let shop = Analytics::start(Config::default()).await?;
    for (strategy, base) in [("standard", "/analytics/v1"), ("batching", "/v1")] {
        let source = shop.source().await?;
        let mut command = Command::new("node");
        command.arg(tests.join("tests/behaviour/analytics/send_browser.mjs")).arg(&packages).arg(&web).arg(&chromium);
        command.arg(format!("{}{base}", shop.url)).args([&source.write_key, &MANY.to_string(), strategy]);
        succeed(&mut command).await?;
        // What is sent as a page is left nobody waits for.
        eventually(&format!("{MANY} messages, {strategy}"), async || {
            Ok((came(&shop, &source).await? == MANY).then_some(()))
        })
        .await?;
    }
    shop.stop().await
}
