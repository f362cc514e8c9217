//! How long it takes from an evaluation to a webhook: rules fire, a server on this machine notes when it is told.
//!
//! `cargo run --release -p vitrine-observe-alert --example latency [RULES]`

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::Value;
use tokio::sync::Notify;
use vitrine_kit::clock::Clock;
use vitrine_observe_alert::{Alertmanager, Asking, Recorded, Rows, RuleOptions, RuleStorage, Rules, Settings, Writing};
use vitrine_observe_promql::testing::MemorySeries;
use vitrine_observe_rules::{RuleFile, Settings as RuleSettings};
use vitrine_observe_series::Queryable;
use vitrine_platform_store::Storage;

/// Rules where none are asked for.
const RULES: usize = 100;
/// The interval of each rule's group.
const INTERVAL: &str = "10s";

/// Keeps nothing.
struct Nowhere;

impl RuleStorage for Nowhere {
    fn series(&self) -> Arc<dyn Queryable> {
        // None: the rules are numbers.
        Arc::new(MemorySeries::default())
    }

    fn sql(&self, _: String) -> Asking {
        Box::pin(async { Ok(Rows::default()) })
    }

    fn write(&self, _: Vec<Recorded>) -> Writing {
        Box::pin(async { Ok(()) })
    }
}

/// What the webhooks took.
#[derive(Default)]
struct Latencies {
    /// Milliseconds from each evaluation.
    took: Mutex<Vec<i64>>,
    more: Notify,
}

async fn webhook(State(seen): State<Arc<Latencies>>, Json(body): Json<Value>) {
    let now = Clock::system().now_ms();
    for alert in body["alerts"].as_array().into_iter().flatten() {
        let fired = alert["startsAt"].as_str().and_then(vitrine_kit::clock::parse_rfc3339).unwrap_or(now);
        seen.took.lock().expect("not poisoned").push(now - fired);
    }
    seen.more.notify_one();
}

#[tokio::main]
async fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(RULES);
    let seen = Arc::new(Latencies::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let app = Router::new().fallback(post(webhook)).with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("alertmanager.yml");
    let text = format!(
        "route: {{receiver: team, group_by: ['...'], group_wait: 0s}}\nreceivers: [{{name: team, webhook_configs: [{{url: 'http://{address}/'}}]}}]"
    );
    std::fs::write(&config, text).expect("written");
    let alertmanager = Alertmanager::start(Settings {
        storage: Storage::Folder(folder.path().into()),
        config: Some(config),
        external_url: "http://localhost/".to_owned(),
        clock: Clock::system(),
    })
    .await
    .expect("started");
    // Each in a group of its own, so that they are evaluated at different times.
    let groups: String = (0..count)
        .map(|n| format!("- {{name: g{n}, interval: {INTERVAL}, rules: [{{alert: A{n}, expr: vector(1)}}]}}\n"))
        .collect();
    let file = RuleFile::parse(&format!("groups:\n{groups}")).expect("rules");
    let options = RuleOptions {
        files: Vec::new(),
        shipped: vec![("rules".to_owned(), file)],
        settings: RuleSettings::default(),
        storage: Arc::new(Nowhere),
    };
    let rules = Rules::start(&alertmanager, options).await.expect("started");
    while seen.took.lock().expect("not poisoned").len() < count {
        tokio::time::timeout(Duration::from_secs(30), seen.more.notified()).await.expect("all are told");
    }
    rules.stop().await;
    alertmanager.stop().await;
    let mut took = seen.took.lock().expect("not poisoned").clone();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    let text = format!(
        "{count} rules, from the time of an evaluation to the webhook: median {} ms, p99 {} ms, most {} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    writeln!(std::io::stdout(), "{text}").expect("somebody reads");
}
