//! A `vitrine` process, from its start to its end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long a process may take to get ready.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop when it is asked to.
const STOP: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    /// What it wrote when it was ready.
    pub ready: Value,
    /// How long that took.
    pub started_in: Duration,
}

impl Process {
    /// Starts a command that takes `--ready-file`, and waits until it is ready. What it prints goes to `log`.
    pub fn start<S: AsRef<OsStr>>(
        binary: &Path,
        args: &[S],
        variables: &[(String, String)],
        log: &Path,
    ) -> Result<Self> {
        let ready_file = log.with_extension("ready.json");
        // A file of an earlier start would be taken for this one's.
        let _ = std::fs::remove_file(&ready_file);
        let output = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| log.display().to_string())?;
        let began = Instant::now();
        let child = Command::new(binary)
            .args(args)
            .arg("--ready-file")
            .arg(&ready_file)
            .envs(variables.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut process = Self { child, log: log.to_owned(), ready: Value::Null, started_in: Duration::ZERO };
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready_file) {
                process.ready = serde_json::from_str(&text).with_context(|| ready_file.display().to_string())?;
                process.started_in = began.elapsed();
                return Ok(process);
            }
            if let Some(status) = process.child.try_wait()? {
                bail!("it ended with {status} before it was ready:\n{}", process.output());
            }
            if began.elapsed() > START {
                bail!("it was not ready after {START:?}:\n{}", process.output());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it hang: SIGSTOP. Its connections stay open and nothing is answered.
    pub fn pause(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGSTOP)?)
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGCONT)?)
    }

    /// Asks it to read its configuration again: SIGHUP.
    pub fn hang_up(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGHUP)?)
    }

    /// Ends it in the middle of whatever it does: SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop (SIGTERM) and waits until it has; says how long that took. Anything but success is an error.
    pub fn stop(&mut self) -> Result<Duration> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        self.ended()
    }

    /// Waits until it has ended by itself; says how long that took. Anything but success is an error.
    pub fn ended(&mut self) -> Result<Duration> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("it ended with {status}:\n{}", self.output());
                }
                return Ok(began.elapsed());
            }
            if began.elapsed() > STOP {
                bail!("it did not stop within {STOP:?}:\n{}", self.output());
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
