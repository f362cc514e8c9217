//! Prometheus's API of ours on a port, with an engine in a folder of its own.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vitrine_kit::clock::Clock;
use vitrine_observe_api::{Prometheus, PrometheusOptions, PrometheusParts, prometheus_errors, prometheus_router};
use vitrine_observe_receive::{Intake, remote_write_router};
use vitrine_observe_store::{Access, ColumnEngine, Options};
use vitrine_platform_http::nowhere;

/// What it shows of itself.
const OWN: &str = "# HELP seen_total What was seen.\n# TYPE seen_total counter\nseen_total{of=\"us\"} 7\n";

/// It ends with its owner.
pub struct Ours {
    pub port: u16,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Ours {
    pub async fn start() -> Result<Self> {
        Self::with(PrometheusOptions { admin_api: true, ..PrometheusOptions::default() }, |_| {}).await
    }

    /// The same with other bounds, of queries and of the engine.
    pub async fn with(options: PrometheusOptions, change: impl FnOnce(&mut Options)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut kept = Options::new(folder.path().join("data"));
        change(&mut kept);
        let engine = Arc::new(ColumnEngine::open(kept, Clock::system())?);
        let parts = PrometheusParts {
            admin: Some(engine.clone()),
            own_metrics: Some(Arc::new(|| OWN.to_owned())),
            ..PrometheusParts::default()
        };
        let api = Prometheus::new(engine.clone(), parts, Access::open(), options, Clock::system());
        let writes = remote_write_router(&Intake::new(engine.clone(), Access::open()), engine.clone(), None);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let router: Router = nowhere(prometheus_router(&api).merge(writes), prometheus_errors);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, serving, _folder: folder })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
