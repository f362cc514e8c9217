//! Alertmanager's API v2, as its stock clients use it.

mod grafana;
mod http;
mod stock;

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use std::sync::Arc;
use vitrine_kit::clock::Clock;
use vitrine_observe_alert::{Alertmanager, Settings};
use vitrine_observe_api::alertmanager_router;
use vitrine_observe_store::Access;
use vitrine_platform_store::Storage;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "
global: {slack_api_url: 'https://hooks.slack.example/hunter2'}
route:
  receiver: everyone
  group_by: [alertname]
  group_wait: 0s
  routes:
    - {receiver: pager, matchers: [severity=page], continue: true, labels: {tier: one}}
    - {receiver: chat, matchers: ['severity=~\"page|ticket\"']}
receivers:
  - name: everyone
  - {name: pager, labels: {owner: ops}}
  - {name: chat, slack_configs: [{channel: '#x', send_resolved: false}]}
inhibit_rules:
  - {source_matchers: [severity=page], target_matchers: [severity=info], equal: [zone]}
";

/// An alertmanager behind a listener, below `/alertmanager` as in the whole program.
struct Served {
    url: String,
    router: Router,
    alertmanager: Alertmanager,
    config: PathBuf,
    _folder: tempfile::TempDir,
}

async fn served(config: &str) -> Served {
    served_for(config, Access::open()).await
}

async fn served_for(config: &str, access: Access) -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alertmanager.yml");
    std::fs::write(&path, config).expect("written");
    let settings = Settings {
        storage: Storage::Folder(folder.path().into()),
        config: Some(path.clone()),
        external_url: "http://vitrine.example".to_owned(),
        clock: Clock::system(),
    };
    let alertmanager = Alertmanager::start(settings).await.expect("started");
    let router = Router::new().nest("/alertmanager", alertmanager_router(Arc::new(alertmanager.clone()), access));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/alertmanager", listener.local_addr().expect("bound"));
    let serving = router.clone();
    tokio::spawn(async move { axum::serve(listener, serving).await });
    Served { url, router, alertmanager, config: path, _folder: folder }
}
