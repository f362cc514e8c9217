//! What stands in for the testbed's Launchpad: it starts, stops, changes and loses flags services for a runner of scenarios, over HTTP.
//!
//! Scenarios that only evaluate share a service of each kind; one that changes or loses its service has its own, so all may run side by side.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use vitrine_flags_service::AddedContext;
use vitrine_platform_http::{bind, serve};
use vitrine_platform_tls as tls;
use vitrine_tests_engines::Certificates;

use crate::instance::{Instance, InstanceConfig, author};

/// Names of the testbed's sources, and what is in them.
const ALL: &str = "flags/allFlags.json";
const SELECTED: [&str; 2] = ["rawflags/selector-flags.json", "rawflags/selector-flag-combined-metadata.json"];

/// What a runner asks for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash)]
struct Start {
    config: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    fractional: String,
    /// Whether it is for this scenario alone.
    #[serde(default)]
    own: bool,
}

#[derive(Debug, Deserialize)]
struct Which {
    id: usize,
    #[serde(default)]
    seconds: f64,
}

#[derive(Clone)]
struct Pad(Arc<PadInner>);

/// Where the stand-in answers, and the certificate of the authority that its services' come from.
pub(crate) struct Launchpad {
    pub(crate) url: String,
    pub(crate) authority: PathBuf,
}

struct PadInner {
    suite: PathBuf,
    certificates: Certificates,
    issued: AtomicU32,
    _folder: TempDir,
    instances: Mutex<Vec<Arc<Mutex<Instance>>>>,
    shared: Mutex<HashMap<Start, usize>>,
}

impl Launchpad {
    pub(crate) async fn start(suite: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let certificates = Certificates::new(folder.path()).expect("an authority");
        let (suite, authority, issued) = (suite.to_owned(), certificates.authority(), AtomicU32::new(0));
        let (instances, shared) = (Mutex::default(), Mutex::default());
        let pad = Pad(Arc::new(PadInner { suite, certificates, issued, _folder: folder, instances, shared }));
        let router = Router::new()
            .route("/start", post(start))
            .route("/lose", post(lose))
            .route("/change", post(change))
            .with_state(pad);
        let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(serve(listener, router, CancellationToken::new(), Duration::ZERO));
        Self { url, authority }
    }
}

impl Pad {
    async fn instance(&self, id: usize) -> Arc<Mutex<Instance>> {
        self.0.instances.lock().await[id].clone()
    }

    fn wanted(&self, start: &Start) -> InstanceConfig {
        let named = SELECTED.iter().find(|name| **name == start.source);
        let mut definitions: Value = match named {
            Some(name) => read(&self.0.suite.join("flags").join(name.trim_start_matches("rawflags/"))),
            None => all_flags(&self.0.suite.join("flags")),
        };
        if !start.fractional.is_empty() {
            definitions["metadata"] = json!({"fractional": start.fractional});
        }
        let tls = (start.config == "ssl").then(|| {
            let (certificate, key) = self
                .0
                .certificates
                .issue(&format!("flags-{}", self.0.issued.fetch_add(1, Ordering::Relaxed)))
                .expect("a certificate");
            tls::Files { certificate, key, ..tls::Files::default() }
        });
        InstanceConfig {
            definitions: definitions.to_string(),
            source: Some(named.map_or(ALL, |name| *name).to_owned()),
            added: AddedContext { fixed: vec![("injectedmetadata".to_owned(), "set".to_owned())], headers: Vec::new() },
            tls,
            is_forbidden: start.config == "forbidden",
        }
    }
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// The testbed's files as one, without those that only a selector shows.
fn all_flags(folder: &Path) -> Value {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("flags").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("selector")));
    files.sort();
    let (mut flags, mut evaluators) = (Map::new(), Map::new());
    for file in files {
        let mut read = read(&file);
        for (name, all) in [("flags", &mut flags), ("$evaluators", &mut evaluators)] {
            if let Some(Value::Object(members)) = read.get_mut(name).map(Value::take) {
                all.extend(members);
            }
        }
    }
    json!({"flags": flags, "$evaluators": evaluators})
}

/// Writes what is in force as a file for clients without a network.
async fn write_file(instance: &Instance) -> PathBuf {
    let path = instance.folder.path().join("flags.json");
    let text = instance.flags.current().snapshot.sync_payload();
    let making = path.with_extension("new");
    std::fs::write(&making, text).expect("written");
    std::fs::rename(making, &path).expect("in its place");
    path
}

async fn start(State(launchpad): State<Pad>, Query(asked): Query<Start>) -> Json<Value> {
    if asked.config == "unavailable" {
        let gone = bind(([127, 0, 0, 1], 0).into()).await.expect("a port").local_addr().expect("an address").port();
        return Json(json!({"port": gone, "file": "/nonexistent/flags.json"}));
    }
    let mut shared = launchpad.0.shared.lock().await;
    let known = shared.get(&asked).copied().filter(|_| !asked.own);
    let id = match known {
        Some(id) => id,
        None => {
            let instance = Instance::start(launchpad.wanted(&asked)).await;
            write_file(&instance).await;
            let mut instances = launchpad.0.instances.lock().await;
            instances.push(Arc::new(Mutex::new(instance)));
            shared.insert(asked.clone(), instances.len() - 1);
            instances.len() - 1
        }
    };
    drop(shared);
    let instance = launchpad.instance(id).await;
    let instance = instance.lock().await;
    let authority = launchpad.0.certificates.authority();
    Json(json!({
        "id": id,
        "port": instance.port,
        "cert": authority,
        "socket": instance.socket,
        "file": instance.folder.path().join("flags.json"),
    }))
}

/// Takes a service away for some seconds; responds as soon as it is gone.
async fn lose(State(launchpad): State<Pad>, Query(which): Query<Which>) -> Json<Value> {
    let instance = launchpad.instance(which.id).await;
    let mut held = instance.lock_owned().await;
    let file = held.folder.path().join("flags.json");
    std::fs::remove_file(&file).expect("there was a file");
    held.stop().await;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs_f64(which.seconds)).await;
        held.start_again().await;
        write_file(&held).await;
    });
    Json(json!({}))
}

/// Changes the flag that is there to be changed.
async fn change(State(launchpad): State<Pad>, Query(which): Query<Which>) -> Json<Value> {
    let instance = launchpad.instance(which.id).await;
    let held = instance.lock().await;
    let now = held.flags.current();
    let stored = now.stored("changing-flag").expect("the flag is there");
    let mut definition: Value = serde_json::from_str(&stored.definition).expect("JSON");
    definition["defaultVariant"] = json!(if definition["defaultVariant"] == "foo" { "bar" } else { "foo" });
    let written = held.flags.set(author(), "changing-flag", &definition.to_string(), stored.revision).await;
    written.expect("written");
    write_file(&held).await;
    Json(json!({}))
}
