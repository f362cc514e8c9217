//! An observatory that runs alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::customer::Api;
use crate::process::Process;

/// How an [`Observatory`] is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The address of this machine that it listens on.
    pub host: String,
    /// Further arguments.
    pub args: Vec<String>,
    /// Variables of its environment.
    pub variables: Vec<(String, String)>,
}

impl Default for Launch {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), args: Vec::new(), variables: Vec::new() }
    }
}

/// `vitrine observe` on ports and in a folder of its own. It ends with its owner.
#[derive(Debug)]
pub struct Observatory {
    binary: PathBuf,
    folder: TempDir,
    launch: Launch,
    process: Process,
    /// Base URL of its pages and query APIs.
    pub observe: String,
    /// Where OTLP comes in over gRPC.
    pub otlp_grpc: String,
    /// Where OTLP comes in over HTTP.
    pub otlp_http: String,
}

impl Observatory {
    /// Starts one, with these further arguments, and waits until it is ready.
    pub fn start(binary: &Path, args: &[&str]) -> Result<Self> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self::launch(binary, Launch { args, ..Launch::default() })
    }

    /// Starts one in another way.
    pub fn launch(binary: &Path, launch: Launch) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let process = start(binary, &folder, &launch)?;
        let [observe, otlp_grpc, otlp_http] = addresses(&process)?;
        Ok(Self { binary: binary.to_owned(), folder, launch, process, observe, otlp_grpc, otlp_http })
    }

    /// Where OTLP comes in over "grpc" or "http".
    pub fn otlp(&self, protocol: &str) -> &str {
        if protocol == "grpc" { &self.otlp_grpc } else { &self.otlp_http }
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends it with SIGKILL and starts it again on the same data; addresses change.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = start(&self.binary, &self.folder, &self.launch)?;
        [self.observe, self.otlp_grpc, self.otlp_http] = addresses(&self.process)?;
        Ok(())
    }

    /// Its query APIs.
    pub fn api(&self) -> Result<Api> {
        Api::new(&self.observe, None)
    }

    /// The rows that a statement answers.
    pub async fn sql(&self, statement: &str) -> Result<Vec<Value>> {
        self.api()?.sql(statement).await
    }
}

fn start(binary: &Path, folder: &TempDir, launch: &Launch) -> Result<Process> {
    let data = folder.path().join("data").display().to_string();
    let mut all = vec!["observe".to_owned(), "--data".to_owned(), data];
    for address in ["--listen", "--otlp-grpc", "--otlp-http"] {
        all.extend([address.to_owned(), format!("{}:0", launch.host)]);
    }
    all.extend(launch.args.iter().cloned());
    Process::start(binary, &all, &launch.variables, &folder.path().join("log"))
}

fn addresses(process: &Process) -> Result<[String; 3]> {
    let address = |name: &str| Ok::<_, anyhow::Error>(process.ready[name].as_str().context("an address")?.to_owned());
    Ok([address("observe")?, address("otlp_grpc")?, address("otlp_http")?])
}
