//! Tests of receivers: what each integration is told, and what nobody is.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use vitrine_observe_alert::Alertmanager;
use vitrine_observe_routing::{AlertFilter, Alerting, ReceiverTestError};

use crate::sink::{PATIENCE, Sink, start, tell};

async fn started(folder: &Path, sink: &Sink, receivers: &str) -> Alertmanager {
    let receivers = receivers.replace("SINK", &sink.address);
    let config =
        format!("route: {{receiver: nobody, group_wait: 0s}}\nreceivers:\n  - {{name: nobody}}\n{receivers}\n");
    start(folder, &config).await
}

/// Why each integration of a receiver does not take a test; empty where it does.
async fn errors(alertmanager: &Alertmanager, receiver: &str) -> Vec<(String, String)> {
    let tests = alertmanager.test_receiver(receiver.to_owned()).await.expect("tested");
    tests.into_iter().map(|test| (test.name, test.error.unwrap_or_default())).collect()
}

#[tokio::test]
async fn every_integration_is_told_once_and_nothing_is_kept() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().expect("a folder"));
    let receivers = "
  - name: team
    webhook_configs: [{url: 'SINK/good'}, {url: 'SINK/never'}]
    slack_configs: [{api_url: 'SINK/slack', channel: '#ops'}]";
    let alertmanager = started(folder.path(), &sink, receivers).await;
    let told = errors(&alertmanager, "team").await;
    let expected = [("webhook[0]", ""), ("webhook[1]", "unexpected status code 400: no"), ("slack[0]", "")];
    assert_eq!(told, expected.map(|(name, error)| (name.to_owned(), error.to_owned())));
    let seen = sink.seen();
    assert_eq!(seen.len(), 3, "no try is made again: {seen:?}");
    let good = seen.iter().find(|seen| seen.path == "/good").expect("told");
    assert_eq!((&good.body["status"], &good.body["receiver"]), (&json!("firing"), &json!("team")));
    assert_eq!(good.body["alerts"][0]["labels"], json!({ "alertname": "Test", "test": "true" }));
    assert_eq!(good.body["commonAnnotations"]["summary"], "This is a test: nothing is wrong");
    assert_eq!(good.body["alerts"][0]["generatorURL"], "http://vitrine.example/alerts");
    let slack = seen.iter().find(|seen| seen.path == "/slack").expect("told");
    assert_eq!(slack.body["attachments"][0]["title"], "[FIRING:1] Test (true)");

    assert_eq!(alertmanager.alerts(&AlertFilter::default()), []);
    assert_eq!(alertmanager.groups(&AlertFilter::default()), []);
    let counts = alertmanager.counts();
    assert_eq!(counts.sent.load(std::sync::atomic::Ordering::Relaxed), 0);
    // The next one is another notification of the same group.
    errors(&alertmanager, "team").await;
    let again = sink.seen()[3..].iter().find(|seen| seen.path == "/good").expect("told").clone();
    assert_eq!(again.body["groupKey"], good.body["groupKey"]);
    assert_ne!(again.header("idempotency-key"), good.header("idempotency-key"));
    assert_eq!(errors(&alertmanager, "nobody").await, []);
    let unknown = alertmanager.test_receiver("gone".to_owned()).await;
    assert_eq!(unknown, Err(ReceiverTestError::NotFound));
    alertmanager.stop().await;
}

#[tokio::test]
async fn a_test_ends_with_the_timeout_and_only_one_is_under_way() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().expect("a folder"));
    let receivers = "
  - {name: slow, webhook_configs: [{url: 'SINK/hang', timeout: 300ms}]}
  - {name: hangs, webhook_configs: [{url: 'SINK/hang'}]}
  - {name: good, webhook_configs: [{url: 'SINK/good'}]}";
    let alertmanager = started(folder.path(), &sink, receivers).await;
    let told = tokio::time::timeout(PATIENCE, errors(&alertmanager, "slow")).await.expect("in time");
    assert_eq!(told, [("webhook[0]".to_owned(), "no answer within 300ms".to_owned())]);

    // Whoever asks for a test and goes away does not make room for the next one.
    let asked = alertmanager.test_receiver("hangs".to_owned());
    let _ = tokio::time::timeout(Duration::ZERO, asked).await;
    let refused = alertmanager.test_receiver("hangs".to_owned()).await;
    assert_eq!(refused, Err(ReceiverTestError::Busy));
    assert_eq!(errors(&alertmanager, "good").await, [("webhook[0]".to_owned(), String::new())]);
    assert_eq!(errors(&alertmanager, "slow").await.len(), 1, "the one before is over");
    // Nor does it keep real ones waiting, or the process from ending.
    tell(&alertmanager, "alertname=a", true).await;
    assert_eq!(alertmanager.alerts(&AlertFilter::default()).len(), 1);
    alertmanager.stop().await;
}

#[tokio::test]
async fn what_a_receiver_answers_is_told_without_secrets() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().expect("a folder"));
    std::fs::write(folder.path().join("token"), "from-file-hunter2\n").expect("written");
    let receivers = "
  - name: team
    webhook_configs:
      - {url: 'SINK/echo/hunter2?key=hunter2', http_config: {authorization: {credentials_file: token}}}
      - {url: 'SINK/echo', http_config: {basic_auth: {username: ada, password: hunter2}}}
    telegram_configs: [{api_url: 'SINK/echo', bot_token: 12:hunter2, chat_id: 7}]
    pushover_configs: [{api_url: 'SINK/echo', user_key: hunter2, token: hunter2}]
    victorops_configs: [{api_url: 'SINK/echo/', api_key: hunter2/a, routing_key: r}]
    opsgenie_configs: [{api_url: 'SINK/echo', api_key: '{{ print \"hunter2\" }}'}]";
    let alertmanager = started(folder.path(), &sink, receivers).await;
    let told = errors(&alertmanager, "team").await;
    assert_eq!(told.len(), 6);
    let encoded = "YWRhOmh1bnRlcjI";
    for (name, error) in &told {
        let is_whole = error.starts_with("unexpected status code 400: no ") && error.contains("<secret>");
        assert!(is_whole && !error.contains("hunter") && !error.contains(encoded), "{name}: {error}");
    }
    // They are sent as they are.
    let seen = sink.seen();
    assert!(seen.iter().any(|seen| seen.path == "/echo/bot12:hunter2/sendMessage"), "{seen:?}");
    assert!(seen.iter().any(|seen| seen.header("authorization") == "Bearer from-file-hunter2"), "{seen:?}");
    alertmanager.stop().await;
}
