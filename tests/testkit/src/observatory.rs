//! An observatory that runs alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::customer::Api;
use crate::process::Process;

/// `vitrine observe` on ports and in a folder of its own. It ends with its owner.
#[derive(Debug)]
pub struct Observatory {
    binary: PathBuf,
    folder: TempDir,
    args: Vec<String>,
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
        let folder = tempfile::tempdir()?;
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let process = start(binary, &folder, &args)?;
        let [observe, otlp_grpc, otlp_http] = addresses(&process)?;
        Ok(Self { binary: binary.to_owned(), folder, args, process, observe, otlp_grpc, otlp_http })
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
        self.process = start(&self.binary, &self.folder, &self.args)?;
        [self.observe, self.otlp_grpc, self.otlp_http] = addresses(&self.process)?;
        Ok(())
    }

    /// Its query APIs.
    pub fn api(&self) -> Result<Api> {
        Api::new(&self.observe, None)
    }
}

fn start(binary: &Path, folder: &TempDir, args: &Vec<String>) -> Result<Process> {
    let data = folder.path().join("data").display().to_string();
    let mut all = vec!["observe".to_owned(), "--data".to_owned(), data];
    for address in ["--listen", "--otlp-grpc", "--otlp-http"] {
        all.extend([address.to_owned(), "127.0.0.1:0".to_owned()]);
    }
    all.extend(args.iter().cloned());
    Process::start(binary, &all, &[], &folder.path().join("log"))
}

fn addresses(process: &Process) -> Result<[String; 3]> {
    let address = |name: &str| Ok::<_, anyhow::Error>(process.ready[name].as_str().context("an address")?.to_owned());
    Ok([address("observe")?, address("otlp_grpc")?, address("otlp_http")?])
}
