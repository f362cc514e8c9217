//! Rules that are evaluated on time, over series that a test holds in its hand.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vitrine_observe_alert::{Asking, Recorded, Rows, RuleOptions, RuleStorage, Rules, Writing};
use vitrine_observe_promql::testing::MemorySeries;
use vitrine_observe_rules::status::{AlertState, RuleStatuses};
use vitrine_observe_rules::{RuleNamespaces, Settings};
use vitrine_observe_series::{Labels, Queryable, STALE, Value};

use crate::sink::{PATIENCE, Sink, start};

/// What rules recorded.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Recorded>>>);

impl RuleStorage for Notes {
    fn series(&self) -> Arc<dyn Queryable> {
        // None: what rules read here are numbers.
        Arc::new(MemorySeries::default())
    }

    fn sql(&self, statement: String) -> Asking {
        let columns = vec!["service".to_owned(), "value".to_owned()];
        let rows = vec![vec!["api".into(), 7.into()], vec![statement.into(), serde_json::Value::Null]];
        Box::pin(async { Ok(Rows { columns, rows }) })
    }

    fn write(&self, samples: Vec<Recorded>) -> Writing {
        self.0.lock().expect("not poisoned").extend(samples);
        Box::pin(async { Ok(()) })
    }
}

const RULES: &str = r#"
groups:
  - name: g
    interval: 1s
    rules:
      - {record: answer, expr: vector(42), labels: {of: all}}
      - {alert: Always, expr: vector(1), labels: {severity: page}, annotations: {summary: 'is {{ $value }}'}}
      - {alert: Held, expr: vector(1), for: 1h}
      - {record: broken, expr: 'label_replace(vector(1), "x", "y", "", "") or vector(1)', labels: {x: ''}}
"#;

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
        files: vec![folder.join("rules.yml").display().to_string()],
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
    assert!(failed.contains("the same labelset"), "{failed}");
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

fn names(rules: &Rules) -> Vec<String> {
    rules
        .groups()
        .iter()
        .map(|group| format!("{} {}", group.file.rsplit('/').next().unwrap_or(""), group.name))
        .collect()
}

#[tokio::test]
async fn rules_are_read_again_while_others_are_evaluated() {
    let (sink, folder, notes) = (Sink::start().await, tempfile::tempdir().expect("a folder"), Notes::default());
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("rules.yml", RULES);
    write(
        "more.yml",
        "groups: [{name: gone, interval: 1s, rules: [{record: gone, expr: vector(1)}, {alert: Over, expr: vector(1)}]}]",
    );
    let config = format!(
        "route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\nreceivers: [{{name: team, webhook_configs: [{{url: '{}/x'}}]}}]",
        sink.address
    );
    let alertmanager = start(folder.path(), &config).await;
    let all = RuleOptions {
        files: vec![folder.path().join("*.yml").display().to_string()],
        ..options(folder.path(), &notes)
    };
    std::fs::rename(folder.path().join("alertmanager.yml"), folder.path().join("alertmanager.yaml")).expect("renamed");
    let rules = Rules::start(&alertmanager, all).await.expect("started");
    sink.wait_for("both alerts", |seen| seen.len() >= 2).await;
    let since = |rules: &Rules| {
        let groups = rules.groups();
        let held = groups.iter().find(|group| group.name == "g").and_then(|group| group.rules.get(2)?.alerting.clone());
        held.and_then(|held| Some(held.alerts.first()?.active_at_ms))
    };
    let held = until("it is pending", || since(&rules)).await;

    // Mistakes of both files are told, and nothing changes.
    write("rules.yml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'up =='}\n");
    write("more.yml", "groups:\n- nam: g\n");
    let error = rules.reload().await.expect_err("mistakes").to_string();
    assert!(
        error.contains("rules.yml") && error.contains("4:22") && error.contains("more.yml") && error.contains("2:3"),
        "{error}"
    );
    assert_eq!(
        (names(&rules), since(&rules)),
        (vec!["more.yml gone".to_owned(), "rules.yml g".to_owned()], Some(held))
    );

    // A group that is gone ends: its series, and its alert. One that has changed keeps what its rules know.
    std::fs::remove_file(folder.path().join("more.yml")).expect("removed");
    write("rules.yml", &RULES.replace("expr: vector(42)", "expr: vector(43)"));
    rules.reload().await.expect("read again");
    assert_eq!((names(&rules), since(&rules)), (vec!["rules.yml g".to_owned()], Some(held)));
    sink.wait_for("the end of what is gone", |seen| {
        seen.iter().any(|seen| {
            let alert = &seen.body["alerts"][0];
            alert["labels"]["alertname"] == "Over" && alert["status"] == "resolved"
        })
    })
    .await;
    let recorded = notes.0.lock().expect("not poisoned").clone();
    let stale = |sample: &Recorded| sample.value == Value::Float(STALE);
    let ended: Vec<&str> =
        recorded.iter().filter(|sample| stale(sample)).map(|sample| sample.labels.metric()).collect();
    assert!(ended.contains(&"gone") && ended.contains(&"ALERTS") && !ended.contains(&"answer"), "{ended:?}");
    until("the other answer", || {
        let recorded = notes.0.lock().expect("not poisoned");
        recorded.iter().any(|sample| sample.value == Value::Float(43f64.to_bits())).then_some(())
    })
    .await;
    rules.stop().await;
    alertmanager.stop().await;
}

#[tokio::test]
async fn rules_that_are_given_are_kept() {
    let (folder, notes) = (tempfile::tempdir().expect("a folder"), Notes::default());
    std::fs::write(folder.path().join("rules.yml"), RULES).expect("written");
    let config = "route: {receiver: a}\nreceivers: [{name: a}]";
    let alertmanager = start(folder.path(), config).await;
    let rules = Rules::start(&alertmanager, options(folder.path(), &notes)).await.expect("started");
    let put = |namespace: &str, text: &str| rules.put_group(namespace.to_owned(), text.to_owned());
    put("team", "{name: one, interval: 1s, rules: [{record: one, expr: vector(1)}]}").await.expect("taken");
    put("team", "{name: two, rules: [{record: two, expr: vector(1)}]}").await.expect("taken");
    put("other", "{name: one, rules: []}").await.expect("taken");
    put("sql", "{name: s, interval: 15s, rules: [{alert: A, sql: SELECT 1}]}").await.expect("taken");
    let error = put("team", "{name: two, rules: [{alert: A, expr: 'up =='}]}").await.expect_err("a mistake");
    assert!(error.to_string().starts_with("1:38: group \"two\", rule 1, \"A\": could not parse"), "{error}");
    for (namespace, text) in [("", "{name: a}"), (&rules.groups()[0].file, "{name: a}"), ("team", "{rules: []}")] {
        assert!(put(namespace, text).await.is_err(), "{namespace:?} {text}");
    }
    assert!(rules.delete_group("team".to_owned(), "two".to_owned()).await.expect("kept"));
    assert!(!rules.delete_group("team".to_owned(), "two".to_owned()).await.expect("kept"));
    assert!(rules.delete_namespace("other".to_owned()).await.expect("kept"));
    until("it is evaluated", || {
        notes.0.lock().expect("not poisoned").iter().any(|sample| sample.labels.metric() == "one").then_some(())
    })
    .await;
    rules.reload().await.expect("files do not touch what was given");
    assert_eq!(names(&rules), ["rules.yml g", "sql s", "team one"]);
    rules.stop().await;
    alertmanager.stop().await;

    let alertmanager = start(folder.path(), config).await;
    let rules = Rules::start(&alertmanager, options(folder.path(), &notes)).await.expect("started");
    assert_eq!(names(&rules), ["rules.yml g", "sql s", "team one"]);
    assert!(rules.namespaces()["team"]["one"].text.starts_with("{name: one, interval"));
    rules.stop().await;
    alertmanager.stop().await;
}

#[tokio::test]
async fn nothing_is_given_under_the_name_of_a_file_that_is_being_read() {
    let (folder, notes) = (tempfile::tempdir().expect("a folder"), Notes::default());
    let file = folder.path().join("rules.rules");
    std::fs::write(&file, RULES).expect("written");
    let alertmanager = start(folder.path(), "route: {receiver: a}\nreceivers: [{name: a}]").await;
    let all = RuleOptions {
        files: vec![folder.path().join("*.rules").display().to_string()],
        ..options(folder.path(), &notes)
    };
    let rules = Rules::start(&alertmanager, all).await.expect("started");
    let more = folder.path().join("more.rules");
    std::fs::write(&more, "groups: [{name: file, rules: []}]").expect("written");
    let name = more.display().to_string();
    let loaded = rules.load().await.expect("no mistakes");
    let put = rules.put_group(name.clone(), "{name: given, rules: []}".to_owned());
    let applied = async {
        // It would have its turn now, if it could.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        rules.apply(loaded).await;
    };
    let (put, ()) = tokio::join!(put, applied);
    let error = put.expect_err("it is the name of a file").to_string();
    assert!(error.ends_with("more.rules: a rule file is called so"), "{error}");
    assert!(rules.groups().iter().any(|group| group.file == name && group.name == "file"));
    // What was read and is not used is no obstacle.
    drop(rules.load().await.expect("no mistakes"));
    rules.put_group("team".to_owned(), "{name: given, rules: []}".to_owned()).await.expect("taken");
    rules.stop().await;
    alertmanager.stop().await;
}
