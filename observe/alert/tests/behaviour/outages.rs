//! Receivers that do not answer, and processes that die.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use vitrine_kit::clock::Clock;
use vitrine_observe_alert::{Alertmanager, Error, Settings};
use vitrine_observe_routing::{AlertFilter, Alerting, Matcher, Silence};
use vitrine_platform_store::Storage;

use crate::sink::{Sink, start, tell};

fn config(sink: &Sink, more: &str) -> String {
    let address = &sink.address;
    format!(
        "
route:
  receiver: good
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  routes:
    - {{receiver: hangs, matchers: [to=hangs]}}
    - {{receiver: busy, matchers: [to=busy]}}
    - {{receiver: never, matchers: [to=never]}}
receivers:
  - {{name: good, webhook_configs: [{{url: '{address}/good'}}]}}
  - {{name: hangs, webhook_configs: [{{url: '{address}/hang'}}]}}
  - {{name: busy, webhook_configs: [{{url: '{address}/busy'}}]}}
  - {{name: never, webhook_configs: [{{url: '{address}/never'}}]}}
{more}"
    )
}

#[tokio::test]
async fn one_that_hangs_keeps_nobody_else_waiting() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().expect("a folder"));
    let alertmanager = start(folder.path(), &config(&sink, "")).await;
    for n in 0..10 {
        tell(&alertmanager, &format!("alertname=a{n} to=hangs"), true).await;
    }
    sink.wait_for("four at a time", |seen| seen.iter().filter(|seen| seen.path == "/hang").count() == 4).await;
    tell(&alertmanager, "alertname=b", true).await;
    sink.wait_for("the good one is told", |seen| seen.iter().any(|seen| seen.path == "/good")).await;
    assert_eq!(sink.seen().iter().filter(|seen| seen.path == "/hang").count(), 4);
    // Nor does it keep the process from ending.
    alertmanager.stop().await;
}

#[tokio::test]
async fn one_that_is_busy_is_told_again_by_the_same_key_and_one_that_refuses_with_the_next_look() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().expect("a folder"));
    let alertmanager = start(folder.path(), &config(&sink, "")).await;
    tell(&alertmanager, "alertname=a to=busy", true).await;
    let seen = sink.wait(3).await;
    assert!(seen[1..].iter().all(|again| again.header("idempotency-key") == seen[0].header("idempotency-key")));
    tell(&alertmanager, "alertname=b to=never", true).await;
    sink.wait_for("two looks", |seen| seen.iter().filter(|seen| seen.path == "/never").count() >= 2).await;
    alertmanager.stop().await;
}

#[tokio::test]
async fn a_silence_is_there_after_a_restart_and_a_bad_file_changes_nothing() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().expect("a folder"));
    let alertmanager = start(folder.path(), &config(&sink, "")).await;
    let now = alertmanager.now_ms();
    let silence = Silence {
        id: String::new(),
        matcher_sets: vec![Matcher::parse_all("alertname=quiet").expect("a matcher")],
        starts_at: now,
        ends_at: now + 3_600_000,
        updated_at: 0,
        created_by: "ada".to_owned(),
        comment: "known".to_owned(),
        annotations: BTreeMap::new(),
    };
    let id = alertmanager.set_silence(silence).await.expect("taken");
    tell(&alertmanager, "alertname=quiet", true).await;
    std::fs::write(folder.path().join("alertmanager.yml"), "route: {receiver: nobody}").expect("written");
    let error = alertmanager.reload().await.expect_err("a mistake").to_string();
    assert!(error.contains("undefined receiver \"nobody\""), "{error}");
    alertmanager.stop().await;

    let again = start(folder.path(), &config(&sink, "")).await;
    let views = again.alerts(&AlertFilter::default());
    assert_eq!(views[0].status.silenced_by, std::slice::from_ref(&id));
    assert_eq!(views[0].receivers, ["good"]);
    again.expire_silence(id).await.expect("there");
    sink.wait_for("it is told", |seen| seen.iter().any(|seen| seen.path == "/good")).await;
    again.stop().await;
}

#[tokio::test]
async fn without_a_file_alerts_are_shown_and_a_file_that_is_none_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = |config: Option<&str>| Settings {
        storage: Storage::Folder(folder.path().into()),
        config: config.map(|name| folder.path().join(name)),
        external_url: String::new(),
        clock: Clock::system(),
    };
    let alertmanager = Alertmanager::start(settings(None)).await.expect("started");
    tell(&alertmanager, "alertname=a", true).await;
    assert_eq!(alertmanager.alerts(&AlertFilter::default()).len(), 1);
    alertmanager.stop().await;
    assert!(matches!(Alertmanager::start(settings(Some("absent.yml"))).await, Err(Error::File { .. })));
    std::fs::write(folder.path().join("a.yml"), "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: [bad.tmpl]")
        .expect("written");
    assert!(matches!(Alertmanager::start(settings(Some("a.yml"))).await, Err(Error::TemplateFile { .. })));
    std::fs::write(folder.path().join("bad.tmpl"), "{{ define \"x\" }}{{ if }}").expect("written");
    assert!(matches!(Alertmanager::start(settings(Some("a.yml"))).await, Err(Error::Template(_))));
}

/// A process that ends at a moment that it does not choose: its tasks stop wherever they are.
fn dies_after(folder: &Path, config: &str, after: Duration, work: impl AsyncFnOnce(Alertmanager) + Send) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let alertmanager = start(folder, config).await;
        let _ = tokio::time::timeout(after, work(alertmanager)).await;
    });
    runtime.shutdown_background();
}

#[test]
fn what_was_taken_is_told_however_often_the_process_dies() {
    const LIVES: u64 = 25;
    let sink_runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sink = sink_runtime.block_on(Sink::start());
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&sink, "");
    for life in 0..LIVES {
        // From before the first alert is kept to after the last notification is taken.
        dies_after(folder.path(), &config, Duration::from_millis(life * 7), async |alertmanager| {
            for n in 0..5 {
                tell(&alertmanager, &format!("alertname=a{n} life={life}"), true).await;
                tell(&alertmanager, &format!("alertname=a{n} life={}", life.saturating_sub(1)), life == 0).await;
            }
            std::future::pending::<()>().await;
        });
    }
    // In the last life everything ends, and it may live.
    sink_runtime.block_on(async {
        let alertmanager = start(folder.path(), &config).await;
        let all: Vec<_> = alertmanager.alerts(&AlertFilter::default()).into_iter().map(|view| view.alert).collect();
        let known: std::collections::BTreeSet<String> = all.iter().map(|alert| format!("{:?}", alert.labels)).collect();
        for life in 0..LIVES {
            for n in 0..5 {
                tell(&alertmanager, &format!("alertname=a{n} life={life}"), false).await;
            }
        }
        let believed = |seen: &[crate::sink::Seen]| {
            let mut believed = BTreeMap::new();
            for alert in seen.iter().flat_map(|seen| seen.body["alerts"].as_array().expect("a list").clone()) {
                let labels: BTreeMap<String, String> = serde_json::from_value(alert["labels"].clone()).expect("labels");
                believed.insert(format!("{labels:?}"), alert["status"] == "firing");
            }
            believed
        };
        let seen = sink.wait_for("all is over", |seen| believed(seen).values().all(|fires| !fires)).await;
        assert!(!known.is_empty() && believed(&seen).len() >= 5, "{} {}", known.len(), seen.len());
        // What bears one key says one thing.
        let mut by_key = BTreeMap::new();
        for seen in &seen {
            let said = by_key.entry(seen.header("idempotency-key")).or_insert_with(|| seen.body["alerts"].clone());
            let essence = |alerts: &serde_json::Value| {
                let alerts = alerts.as_array().expect("a list").iter();
                alerts.map(|alert| (alert["fingerprint"].clone(), alert["status"].clone())).collect::<Vec<_>>()
            };
            assert_eq!(essence(said), essence(&seen.body["alerts"]));
        }
        alertmanager.stop().await;
    });
}
