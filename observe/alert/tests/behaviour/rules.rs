//! Rules that are evaluated on time, over series that a test holds in its hand.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vitrine_observe_alert::{Recorded, RuleOptions, RuleStorage, Rules, Writing};
use vitrine_observe_promql::testing::MemorySeries;
use vitrine_observe_rules::Settings;
use vitrine_observe_rules::status::{AlertState, RuleStatuses};
use vitrine_observe_series::{Labels, Queryable};

use crate::sink::{PATIENCE, Sink, start};

/// What rules recorded.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Recorded>>>);

impl RuleStorage for Notes {
    fn series(&self) -> Arc<dyn Queryable> {
        // None: what rules read here are numbers.
        Arc::new(MemorySeries::default())
    }

    fn write(&self, samples: Vec<Recorded>) -> Writing {
        self.0.lock().expect("not poisoned").extend(samples);
        Box::pin(async { Ok(()) })
    }
}

const RULES: &str = "
groups:
  - name: g
    interval: 1s
    rules:
      - {record: answer, expr: vector(42), labels: {of: all}}
      - {alert: Always, expr: vector(1), labels: {severity: page}, annotations: {summary: 'is {{ $value }}'}}
      - {alert: Held, expr: vector(1), for: 1h}
      - {record: broken, expr: up}
";

async fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what} expected"))
}

fn options(folder: &std::path::Path, storage: &Notes) -> RuleOptions {
    let settings = Settings {
        external_labels: vec![("site".to_owned(), "a".to_owned())],
        external_url: "http://vitrine.example/".to_owned(),
        ..Settings::default()
    };
    RuleOptions {
        files: vec![folder.join("rules.yml")],
        shipped: Vec::new(),
        settings,
        storage: Arc::new(storage.clone()),
    }
}

#[tokio::test]
async fn rules_are_evaluated_told_and_kept() {
    let (sink, folder, notes) = (Sink::start().await, tempfile::tempdir().expect("a folder"), Notes::default());
    std::fs::write(folder.path().join("rules.yml"), RULES).expect("written");
    let config = format!(
        "route: {{receiver: team, group_wait: 0s, group_interval: 1s}}\nreceivers: [{{name: team, webhook_configs: [{{url: '{}/x'}}]}}]",
        sink.address
    );
    let alertmanager = start(folder.path(), &config).await;
    let rules = Rules::start(&alertmanager, options(folder.path(), &notes)).await.expect("started");
    let seen = sink.wait(1).await;
    let alert = &seen[0].body["alerts"][0];
    let labels = serde_json::json!({ "alertname": "Always", "severity": "page", "site": "a" });
    assert_eq!((&alert["labels"], &alert["annotations"]["summary"]), (&labels, &serde_json::json!("is 1")));
    assert_eq!(alert["generatorURL"], "http://vitrine.example/graph?g0.expr=vector%281%29&g0.tab=1");
    let recorded = notes.0.lock().expect("not poisoned").clone();
    let of =
        |name: &str| recorded.iter().find(|sample| sample.labels.metric() == name).map(|sample| sample.labels.clone());
    assert_eq!(of("answer"), Some(Labels::of([("__name__", "answer"), ("of", "all")])));
    assert!(of("ALERTS").is_some() && of("ALERTS_FOR_STATE").is_some() && of("broken").is_none());
    let held = |rules: &Rules| {
        let groups = rules.groups();
        let held = groups[0].rules[2].alerting.clone().expect("it alerts");
        held.alerts.first().map(|alert| (alert.state, alert.active_at_ms))
    };
    let (state, since) = until("it is pending", || held(&rules)).await;
    assert_eq!(state, AlertState::Pending);
    let failed =
        until("the broken one fails", || Some(rules.groups()[0].rules[3].last_error.clone()).filter(|e| !e.is_empty()))
            .await;
    assert!(failed.contains("nothing is kept here"), "{failed}");
    rules.stop().await;
    alertmanager.stop().await;

    // Another process: what is held was held before, and what fired is not told as new.
    let alertmanager = start(folder.path(), &config).await;
    let rules = Rules::start(&alertmanager, options(folder.path(), &notes)).await.expect("started");
    let (state, again) = until("it is pending still", || held(&rules)).await;
    assert!(state == AlertState::Pending && again < since + 60_000, "{since} {again}");
    until("it is evaluated again", || Some(()).filter(|()| rules.groups()[0].evaluated_at_ms > 0)).await;
    assert_eq!(sink.seen().len(), 1);
    rules.stop().await;
    alertmanager.stop().await;
}

#[tokio::test]
async fn a_rule_file_with_mistakes_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let alertmanager = start(folder.path(), "route: {receiver: a}\nreceivers: [{name: a}]").await;
    let path: PathBuf = folder.path().join("rules.yml");
    std::fs::write(&path, "groups: [{name: g, rules: [{alert: A, expr: 'up ==', fro: 1m}]}]").expect("written");
    let error = Rules::start(&alertmanager, options(folder.path(), &Notes::default()))
        .await
        .err()
        .expect("mistakes")
        .to_string();
    assert!(error.contains("rules.yml") && error.contains("fro"), "{error}");
    alertmanager.stop().await;
}
