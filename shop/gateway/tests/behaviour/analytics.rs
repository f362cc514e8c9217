//! Segment's API as its clients meet it: what stock libraries send arrives once, what cannot be read is said, and destinations get what they want.

mod destinations;
mod libraries;
pub(crate) mod world;

use anyhow::{Result, ensure};
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;
use vitrine_shop_gateway::Config;

use world::{Analytics, basic};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_taken_once_however_they_come() -> Result<()> {
    let shop = Analytics::start(Config::default()).await?;
    let source = shop.source().await?;
    let page = |id: &str| json!({"type": "page", "name": "Home", "anonymousId": "a", "messageId": id});
    for base in ["/v1", "/analytics/v1"] {
        // As the browser does, as the server libraries do, by the short form, and with the key in the body.
        for (path, key_in_body, content_type) in
            [("p", false, "text/plain"), ("page", true, "application/x-www-form-urlencoded"), ("batch", false, "")]
        {
            let mut body =
                if path == "batch" { json!({"batch": [page("1"), page("2"), page("1")]}) } else { page("1") };
            if key_in_body {
                body["writeKey"] = json!(source.write_key);
            }
            let mut call = shop.post(&format!("{base}/{path}"), &body.to_string()).header(CONTENT_TYPE, content_type);
            if !key_in_body {
                call = call.header(AUTHORIZATION, &basic(&source.write_key));
            }
            let answer = shop.send(call).await?;
            ensure!(answer.status == 200 && answer.json() == json!({"success": true}), "{path}: {}", answer.json());
        }
    }
    let ids: Vec<String> = shop.messages(&source, false).await?.into_iter().map(|message| message.message_id).collect();
    ensure!(ids.len() == 2 && ids.contains(&"1".to_owned()) && ids.contains(&"2".to_owned()), "{ids:?}");
    // Another source may have the same ids.
    let other = shop.source().await?;
    shop.batch(&other, json!([page("1")])).await?;
    ensure!(shop.messages(&other, false).await?.len() == 1, "the other source's");
    shop.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_is_said_and_harms_nothing() -> Result<()> {
    let shop = Analytics::start(Config::default()).await?;
    let source = shop.source().await?;
    let key = basic(&source.write_key);
    let large = json!({"type": "page", "userId": "u", "properties": {"text": "x".repeat(33 * 1024)}});
    let two_megabytes = json!({"type": "page", "userId": "u", "properties": {"text": "x".repeat(2 << 20)}});
    for (path, body, authorization, status, code, field) in [
        ("track", "{}".to_owned(), basic("nobody"), StatusCode::UNAUTHORIZED, "UNKNOWN_WRITE_KEY", "writeKey"),
        (
            "track",
            "{\"event\": \"E\",\n \"userId\" }".to_owned(),
            key.clone(),
            StatusCode::BAD_REQUEST,
            "MALFORMED_JSON",
            "body",
        ),
        ("track", "[]".to_owned(), key.clone(), StatusCode::BAD_REQUEST, "MALFORMED_JSON", "body"),
        ("batch", "{}".to_owned(), key.clone(), StatusCode::BAD_REQUEST, "INVALID_FIELD", "batch"),
        ("batch", json!({"batch": [large]}).to_string(), key.clone(), StatusCode::BAD_REQUEST, "TOO_LARGE", "batch[0]"),
        ("page", two_megabytes.to_string(), key.clone(), StatusCode::BAD_REQUEST, "TOO_LARGE", "body"),
        (
            "batch?strict=1",
            json!({"batch": [{"type": "track", "userId": "u"}]}).to_string(),
            key.clone(),
            StatusCode::BAD_REQUEST,
            "INVALID_MESSAGE",
            "batch[0].event",
        ),
    ] {
        let answer = shop.send(shop.post(&format!("/v1/{path}"), &body).header(AUTHORIZATION, &authorization)).await?;
        let told = answer.json();
        ensure!(
            answer.status == status.as_u16() && told["code"] == code && told["field"] == field,
            "{path}: {} {told}",
            answer.status
        );
        let says_where = told["detail"].as_str().is_some_and(|detail| detail.contains("line 2, column "));
        ensure!(!told["detail"].as_str().unwrap_or_default().contains("line 2") || says_where, "{told}");
    }
    ensure!(shop.messages(&source, false).await?.is_empty(), "nothing was taken");
    // What can be taken of a batch is taken, and its owner sees the rest, with the reason.
    let answer = shop
        .batch(
            &source,
            json!([{"type": "track", "userId": "u", "messageId": "bad"}, 7, {"type": "page", "userId": "u"}]),
        )
        .await?;
    ensure!(answer["success"] == true && answer["refused"].as_array().is_some_and(|all| all.len() == 2), "{answer}");
    let refused = shop.messages(&source, true).await?;
    ensure!(
        refused.iter().any(|message| message.message_id == "bad" && message.refusal.contains("event")),
        "{refused:?}"
    );
    ensure!(shop.messages(&source, false).await?.len() == 3, "all three are shown");
    shop.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_sends_too_much_is_told_when_to_come_again() -> Result<()> {
    let config = Config { analytics_rate_per_s: 1, analytics_rate_burst: 2, ..Config::default() };
    let shop = Analytics::start(config).await?;
    let (source, other) = (shop.source().await?, shop.source().await?);
    let send = async |source: &world::Source| {
        let body = json!({"userId": "u"}).to_string();
        shop.send(shop.post("/v1/page", &body).header(AUTHORIZATION, &basic(&source.write_key))).await
    };
    let mut refused = None;
    for _ in 0..5 {
        let answer = send(&source).await?;
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("five at once are too many");
    ensure!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    let reset = refused.headers.get("x-ratelimit-reset").and_then(|value| value.to_str().ok());
    ensure!(reset.and_then(|value| value.parse::<i64>().ok()).is_some_and(|ms| ms > 1_700_000_000_000), "{reset:?}");
    ensure!(send(&other).await?.status == 200, "another source has its own share");
    shop.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_consent_nothing_is_kept_where_it_is_needed() -> Result<()> {
    let shop = Analytics::start(Config::default()).await?;
    let source = shop.source_that(true).await?;
    let page = |id: &str, context: serde_json::Value| json!({"type": "page", "anonymousId": "a", "messageId": id, "context": context});
    let agreed = json!({"consent": {"categoryPreferences": {"analytics": true}}});
    shop.batch(&source, json!([page("silent", json!({})), page("agreed", agreed.clone())])).await?;
    let body = json!({"batch": [page("private", agreed)]}).to_string();
    let call = shop.post("/v1/batch", &body).header(AUTHORIZATION, &basic(&source.write_key));
    ensure!(
        shop.send(call.header(http::HeaderName::from_static("sec-gpc"), "1")).await?.status == 200,
        "taken, and dropped"
    );
    let kept: Vec<String> =
        shop.messages(&source, false).await?.into_iter().map(|message| message.message_id).collect();
    ensure!(kept == ["agreed"], "{kept:?}");
    shop.stop().await
}
