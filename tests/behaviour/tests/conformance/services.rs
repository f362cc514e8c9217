//! All services in a process of their own, and how to reach them from outside.

use tempfile::TempDir;
use vitrine::settings::Settings;
use vitrine::{Plan, Served, serve};
use vitrine_contracts::Method;
use vitrine_contracts::services::{ALL, GATEWAY};
use vitrine_platform_mesh::{Transport, channel};

pub struct Services {
    served: Served,
    pub outside: Transport,
    /// What callers prove with who they are.
    pub secret: Vec<u8>,
    _folder: TempDir,
}

impl Services {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let names: Vec<String> = ALL.iter().filter(|name| **name != GATEWAY).map(|name| (*name).to_owned()).collect();
        let plan = Plan { names, data: folder.path().to_owned(), ..Plan::default() };
        let served = serve(&plan, Settings::default()).await.expect("it starts");
        let internal = served.internal.expect("services run here");
        let outside = channel(&format!("http://{internal}").parse().expect("a URI")).expect("a channel");
        let secret = std::fs::read(folder.path().join("service-key")).expect("made at the start");
        Self { served, outside, secret, _folder: folder }
    }

    pub async fn stop(self) {
        self.served.stop().await.expect("all had ended in time");
    }
}

/// What a method's path says that it belongs to.
pub fn area(method: &Method) -> &str {
    method.path.trim_start_matches("/vitrine.").split('.').next().unwrap_or_default()
}
