//! Destinations on loopback: each gets what its API wants, all of it, also after it did not answer, and again when it is asked for.

use std::sync::Arc;

use anyhow::{Result, ensure};
use http::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use vitrine_contracts::analytics::v1::Destination;
use vitrine_platform_config::{BaseUrl, Written};
use vitrine_shop_analytics::Config;
use vitrine_tests_testkit::eventually;

use super::world::{Analytics, Receiver, Source};

fn to(kind: &str) -> Destination {
    let measurement_id = if kind == "ga4" { "G-ABC123" } else { "" }.to_owned();
    Destination { kind: kind.to_owned(), measurement_id, secret: "key".to_owned(), ..Destination::default() }
}

/// Everyone who can be sent to is one receiver.
fn config(receiver: &Receiver) -> Config {
    let url = BaseUrl::read(&receiver.url()).expect("a URL");
    Config {
        allowed_hosts: vec![receiver.address.clone()],
        observatory: url.clone(),
        segment_url: url.clone(),
        ga4_url: url.clone(),
        mixpanel_url: url.clone(),
        amplitude_url: url,
        ..Config::default()
    }
}

async fn start(receiver: &Receiver) -> Result<(Analytics, Source)> {
    let folder = Arc::new(TempDir::new()?);
    let shop = Analytics::in_folder(folder, vitrine_shop_gateway::Config::default(), config(receiver)).await?;
    let source = shop.source().await?;
    Ok((shop, source))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gets_what_its_api_wants() -> Result<()> {
    let receiver = Receiver::start(&[]).await?;
    let (shop, source) = start(&receiver).await?;
    let (own, hook) = (receiver.url(), format!("{}/hook", receiver.url()));
    for kind in ["segment", "ga4", "mixpanel", "amplitude", "file"] {
        shop.send_to(&source, to(kind)).await?;
    }
    shop.send_to(&source, Destination { url: hook, ..to("webhook") }).await?;
    shop.send_to(&source, Destination { url: format!("{own}/data-plane"), ..to("rudderstack") }).await?;
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let viewed = json!({"type": "track", "event": "Product Viewed", "messageId": "m-1", "anonymousId": "a",
        "properties": {"product_id": "prd_1", "price": 29.5, "name": "Tall vase"},
        "context": {"sessionId": "s-1", "traceId": trace_id, "page": {"url": "https://shop.example/?to=ada@example.org"}}});
    shop.batch(&source, json!([viewed])).await?;
    let paths = [
        "/v1/batch",
        "/mp/collect?measurement_id=G-ABC123&api_secret=key",
        "/import?strict=1",
        "/2/httpapi",
        "/hook",
        "/data-plane/v1/batch",
        "/v1/logs",
    ];
    let all = eventually("all are told", async || {
        let all = receiver.received();
        Ok(paths.iter().all(|path| all.iter().any(|one| one.path == *path)).then_some(all))
    })
    .await?;
    let one = |path: &str| all.iter().find(|one| one.path == path).expect("told");
    ensure!(one("/hook").headers.contains_key("x-vitrine-signature"), "{:?}", one("/hook").headers);
    ensure!(one("/hook").json()[0]["messageId"] == "m-1", "{}", one("/hook").json());
    ensure!(one(paths[1]).json()["events"][0]["name"] == "view_item", "{}", one(paths[1]).json());
    ensure!(one("/import?strict=1").headers["content-encoding"] == "gzip", "compressed");
    ensure!(one("/2/httpapi").json()["events"][0]["insert_id"] == "m-1", "{}", one("/2/httpapi").json());
    let record = &one("/v1/logs").json()["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    ensure!(record["eventName"] == "Product Viewed" && record["traceId"] == trace_id, "{record}");
    for told in &all {
        ensure!(!String::from_utf8_lossy(&told.body).contains("ada@"), "{}: an address was told", told.path);
    }
    let file = eventually("the file is written", async || {
        let folder = shop.data.path().join("analytics").join(&source.id);
        let first = std::fs::read_dir(folder).ok().and_then(|mut all| all.next()?.ok());
        Ok(first.and_then(|entry| std::fs::read_to_string(entry.path()).ok()).filter(|text| text.ends_with('\n')))
    })
    .await?;
    ensure!(file.lines().count() == 1 && file.contains("\"m-1\""), "{file}");
    shop.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_answer_loses_nothing_and_can_be_sent_all_again() -> Result<()> {
    let later = (StatusCode::SERVICE_UNAVAILABLE, "later");
    let receiver = Receiver::start(&[later, (StatusCode::TOO_MANY_REQUESTS, "slower")]).await?;
    let (shop, source) = start_with_hook_only(&receiver).await?;
    shop.batch(&source, json!([{"type": "page", "userId": "u", "messageId": "m-1"}])).await?;
    let count = |n: usize| {
        let receiver = receiver.clone();
        eventually("it is told", async move || {
            let all = receiver.received();
            Ok((all.len() == n).then_some(all))
        })
    };
    let tries = count(3).await?;
    let keys: Vec<_> = tries.iter().map(|one| one.headers["idempotency-key"].clone()).collect();
    ensure!(keys[0] == keys[1] && keys[1] == keys[2], "{keys:?}");
    shop.replay(&source, "webhook").await?;
    let again = count(4).await?;
    ensure!(again[3].json()[0]["messageId"] == "m-1" && again[3].headers["idempotency-key"] == keys[0], "{again:?}");
    shop.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_receiver_will_never_take_is_put_aside_and_told() -> Result<()> {
    let receiver = Receiver::start(&[(StatusCode::UNPROCESSABLE_ENTITY, "no such field")]).await?;
    let (shop, source) = start_with_hook_only(&receiver).await?;
    shop.batch(&source, json!([{"type": "page", "userId": "u", "messageId": "m-1"}])).await?;
    shop.batch(&source, json!([{"type": "page", "userId": "u", "messageId": "m-2"}])).await?;
    let undelivered = eventually("it is put aside", async || {
        let aside = shop.undelivered(&source, "webhook").await?;
        Ok((!aside.is_empty() && receiver.received().len() == 2).then_some(aside))
    })
    .await?;
    ensure!(undelivered.len() == 1 && undelivered[0].reason.contains("no such field"), "{undelivered:?}");
    ensure!(receiver.received()[1].json()[0]["messageId"] == "m-2", "the next one is not held up");
    shop.stop().await
}

async fn start_with_hook_only(receiver: &Receiver) -> Result<(Analytics, Source)> {
    let config = Config { observatory: BaseUrl::default(), ..config(receiver) };
    let folder = Arc::new(TempDir::new()?);
    let shop = Analytics::in_folder(folder, vitrine_shop_gateway::Config::default(), config).await?;
    let source = shop.source().await?;
    shop.send_to(&source, Destination { url: format!("{}/hook", receiver.url()), ..to("webhook") }).await?;
    Ok((shop, source))
}
