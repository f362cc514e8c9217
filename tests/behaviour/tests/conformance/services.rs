//! All services in a process of their own, flags in another, and how to reach them from outside.

use std::path::Path;

use tempfile::TempDir;
use vitrine::settings::Settings;
use vitrine::{Plan, Served, serve};
use vitrine_contracts::Method;
use vitrine_contracts::services::{ALL, FLAGS, GATEWAY};
use vitrine_platform_mesh::{Transport, channel};
use vitrine_tests_testkit::Process;

pub struct Services {
    served: Served,
    outside: Transport,
    flags: Transport,
    flags_process: Process,
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
        let (flags_process, flags) = serve_flags(folder.path());
        Self { served, outside, flags, flags_process, secret, _folder: folder }
    }

    /// The way to a service, past any Fence of this process.
    pub fn way(&self, service: &str) -> &Transport {
        if service == FLAGS { &self.flags } else { &self.outside }
    }

    pub async fn stop(mut self) {
        self.flags_process.stop().expect("it stops");
        self.served.stop().await.expect("all had ended in time");
    }
}

fn serve_flags(data: &Path) -> (Process, Transport) {
    let (binary, shown) = (Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), data.display().to_string());
    let args = ["flags", "serve", "--quiet", "--listen", "127.0.0.1:0", "--data", &shown];
    let process = Process::start(binary, &args, &[], &data.join("flags.log")).expect("it starts");
    let internal = process.ready["internal"].as_str().expect("an address").parse().expect("a URI");
    let way = channel(&internal).expect("a channel");
    (process, way)
}

/// What a method's path says that it belongs to.
pub fn area(method: &Method) -> &str {
    method.path.trim_start_matches("/vitrine.").split('.').next().unwrap_or_default()
}
