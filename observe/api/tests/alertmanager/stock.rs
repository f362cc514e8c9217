//! amtool and a real Prometheus.

use std::process::Stdio;

use tokio::process::Command;
use vitrine_observe_routing::{AlertFilter, Alerting};
use vitrine_tests_engines::{debian, free_port};

use crate::{CONFIG, PATIENCE, Served, served};

impl Served {
    /// What amtool prints; it must succeed.
    async fn amtool(&self, args: &[&str]) -> String {
        let program = tokio::task::spawn_blocking(|| debian("prometheus-alertmanager", "sid", "usr/bin/amtool"));
        let program = program.await.expect("ends").expect("amtool");
        let mut command = Command::new(program);
        command
            .arg(format!("--alertmanager.url={}", self.url))
            .args(args)
            .env("HOME", "/nonexistent")
            .kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("in time").expect("run");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {out}{err}");
        out.trim().to_owned()
    }
}

#[tokio::test]
async fn amtool_works() {
    // Labels of routes and receivers are newer than this amtool.
    let config = CONFIG.replace(", labels: {tier: one}", "").replace(", labels: {owner: ops}", "");
    let served = served(&config).await;
    served.amtool(&["alert", "add", "alertname=Down", "severity=page", "--annotation=summary=broken"]).await;
    let shown = served.amtool(&["alert", "query", "-o", "extended"]).await;
    assert!(shown.contains("alertname=\"Down\"") && shown.contains("broken"), "{shown}");
    let id = served.amtool(&["silence", "add", "alertname=~Do.*", "-c", "known", "-a", "ada", "-d", "2h"]).await;
    let shown = served.amtool(&["silence", "query"]).await;
    assert!(shown.contains(&id) && shown.contains("alertname=~\"Do.*\"") && shown.contains("ada"), "{shown}");
    assert!(!served.amtool(&["alert", "query"]).await.contains("Down"), "silenced ones are not shown by default");
    assert!(served.amtool(&["alert", "query", "-s"]).await.contains("Down"));
    let updated = served.amtool(&["silence", "update", "-d", "3h", "-c", "still known", &id]).await;
    assert!(updated.contains("still known"), "{updated}");
    served.amtool(&["silence", "expire", &id]).await;
    assert!(!served.amtool(&["silence", "query"]).await.contains(&id));
    assert!(served.amtool(&["silence", "query", "--expired"]).await.contains(&id));

    let routes = served.amtool(&["config", "routes", "show"]).await;
    assert!(routes.contains("receiver: pager") && routes.contains("severity=~\"page|ticket\""), "{routes}");
    assert_eq!(served.amtool(&["config", "routes", "test", "severity=page"]).await, "pager,chat");
    assert_eq!(served.amtool(&["config", "routes", "test", "severity=none"]).await, "everyone");
    let config = served.amtool(&["config", "show"]).await;
    assert!(config.contains("slack_configs") && !config.contains("hunter2"), "{config}");
    assert!(served.amtool(&["cluster", "show"]).await.contains("disabled"));
    served.alertmanager.stop().await;
}

#[tokio::test]
async fn a_real_prometheus_sends_its_alerts() {
    let served = served(CONFIG).await;
    let program = tokio::task::spawn_blocking(|| debian("prometheus", "sid", "usr/bin/prometheus"));
    let program = program.await.expect("ends").expect("Prometheus");
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    let host = served.url.trim_start_matches("http://").trim_end_matches("/alertmanager");
    write(
        "prometheus.yml",
        &format!(
            "global: {{evaluation_interval: 1s, external_labels: {{zone: a}}}}\nrule_files: [rules.yml]\n\
             alerting: {{alertmanagers: [{{path_prefix: /alertmanager, static_configs: [{{targets: ['{host}']}}]}}]}}\n"
        ),
    );
    write(
        "rules.yml",
        "groups: [{name: g, rules: [{alert: Always, expr: vector(1), labels: {severity: page}, annotations: {summary: 'is {{ $value }}'}}]}]",
    );
    let mut prometheus = Command::new(program)
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{}", free_port().expect("a port")))
        // It finds its Alertmanagers some seconds after its first evaluation.
        .arg("--rules.alert.resend-delay=1s")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    let arrives = async {
        loop {
            if let Some(view) = served.alertmanager.alerts(&AlertFilter::default()).into_iter().next() {
                return view;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let view = tokio::time::timeout(PATIENCE, arrives).await.expect("it arrives");
    let labels: Vec<(&str, &str)> = view.alert.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(labels, [("alertname", "Always"), ("severity", "page"), ("zone", "a")]);
    assert_eq!((view.alert.annotations["summary"].as_str(), view.alert.is_timeout), ("is 1", false));
    assert_eq!(view.receivers, ["pager", "chat"]);
    prometheus.kill().await.expect("ended");
    served.alertmanager.stop().await;
}
