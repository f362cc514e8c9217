//! The shop and the console as people see them: Chromium at work in a real shop. What is done is in `web/tests`; `make web` installs what it
//! needs.

#[path = "web/console.rs"]
mod console;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::process::Command;
use vitrine_tests_engines::chromium;
use vitrine_tests_testkit::{Options, Placement, Shop, eventually, succeed};

/// Runs flows one after the other, in one shop.
async fn run(flows: &[&str]) {
    run_and_look(flows, async |_| Ok(())).await;
}

/// The same; then looks what the shop knows of it.
async fn run_and_look(flows: &[&str], look: impl AsyncFnOnce(&Shop) -> Result<()>) {
    run_in(&Options::default(), flows, look).await;
}

/// The same in a shop with these options.
async fn run_in(options: &Options, flows: &[&str], look: impl AsyncFnOnce(&Shop) -> Result<()>) {
    let check = async {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/tests");
        ensure!(tests.join("../node_modules").exists(), "web/node_modules is missing: run make web before");
        let chromium = tokio::task::spawn_blocking(chromium).await??;
        let binary = Path::new(env!("CARGO_BIN_EXE_vitrine-under-test"));
        let mut shop = Shop::start(binary, Placement::Local, options).await?;
        for flow in flows {
            let mut command = Command::new("node");
            let places = json!({
                "shop": shop.url, "partner": shop.partner, "flags": shop.flags, "observe": shop.observe, "chromium": chromium,
            });
            let command = command.arg(tests.join("run.mjs")).args([flow, places.to_string().as_str()]);
            succeed(command).await.with_context(|| format!("the flow {flow}"))?;
        }
        look(&shop).await?;
        shop.process()?.stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("people can do this");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_read_and_bought_without_script() {
    run(&["reading", "buying_without_script"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_becomes_a_customer_and_buys() {
    run(&["searching", "narrowing", "buying", "mailbox_studio_and_country"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_twice_is_done_once_and_what_strangers_send_is_not_done() {
    run(&["paying_twice", "strangers"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_between_loses_nothing_and_buys_nothing_twice() {
    run(&["the_last_seat", "going_back", "signed_out_in_checkout", "dearer_meanwhile"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carts_and_cards_are_at_hand() {
    run(&["changing_the_cart", "keeping_a_card", "by_keyboard"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_that_asks_is_answered_on_the_way() {
    run(&["answering_the_bank"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_can_use_every_page() {
    run(&["everyone_can_use_it", "something_breaks"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_widget_sells_in_pages_of_others() {
    run(&["widget_sells", "widget_asks_the_bank", "widget_by_keyboard"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_widget_is_for_pages_that_its_promoter_has_named() {
    run(&["promoter_keys", "widget_is_not_for_strangers", "widget_ignores_forgeries"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_can_use_the_widget() {
    run(&["widget_for_everyone"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_are_measured_only_after_a_yes() {
    run(&["measuring"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_connection_what_was_seen_can_be_read() {
    run(&["offline_in_mid_flow"]).await;
}

/// Spans of browsers, each with the span that it is below.
const TOLD: &str = "SELECT b.name, b.status, above.service AS service, above.name AS above, \
                    attr(b.attributes, 'vitrine.page.cache') AS cache, \
                    attr(b.attributes, 'vitrine.web_vital.lcp') AS lcp \
                    FROM spans b JOIN spans above ON above.trace_id = b.trace_id AND above.span_id = b.parent_span_id \
                    WHERE b.service = 'browser'";
/// Spans of the shop that are below a browser's.
const GONE_ON: &str = "SELECT s.service, s.name FROM spans s JOIN spans b ON b.trace_id = s.trace_id AND b.span_id = s.parent_span_id \
                       WHERE b.service = 'browser' AND s.service <> 'browser'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_browser_tells_stands_in_the_trace_of_the_page() {
    run_and_look(&["being_told_of"], async |shop| {
        let observatory = shop.observatory()?;
        eventually("the browser's spans", async || {
            let told = observatory.sql(TOLD).await?;
            let is = |row: &serde_json::Value, name: &str, above: &str, service: &str| {
                row["name"] == name && row["above"] == above && row["service"] == service
            };
            let page = told.iter().find(|row| is(row, "documentLoad /p/{slug}", "GET /p/{slug}", "storefront"));
            let left = told.iter().find(|row| is(row, "pageView /p/{slug}", "documentLoad /p/{slug}", "browser"));
            let failed = told.iter().find(|row| is(row, "exception /p/{slug}", "documentLoad /p/{slug}", "browser"));
            let asked = told.iter().any(|row| is(row, "fetch /cart", "documentLoad /p/{slug}", "browser"));
            let (Some(page), Some(left), Some(failed), true) = (page, left, failed, asked) else { return Ok(None) };
            ensure!(page["cache"] == "miss" && failed["status"] == "error", "{page} {failed}");
            ensure!(!left["lcp"].is_null(), "{left}");
            ensure!(told.iter().all(|row| !row.to_string().contains("ada")), "{told:?}");
            let gone_on = observatory.sql(GONE_ON).await?;
            Ok(gone_on.iter().any(|row| row["name"] == "POST /cart").then_some(()))
        })
        .await?;
        Ok(())
    })
    .await;
}
