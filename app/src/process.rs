//! A process, from its settings to its end. `up`, `serve` and `observe` are each a [`Process`] with other parts in it.
//!
//! [`Process::open`] takes what no other caller may have: the data and the operations address. [`Opened::start`] starts telemetry, and
//! the observatory where there is one. [`Process::run`] sets services to work, [`Process::ready`] tells everyone, and
//! [`Process::stop`] ends all of it in the opposite order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_observe_store::ColumnEngine;
use vitrine_platform_host::{Component, DRAIN, Host, Running};
use vitrine_platform_http::{Bounds, Listener, serve};
use vitrine_platform_mesh::Registration;
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_shop_load::Load;

use crate::flags::Flags;
use crate::following::Follower;
use crate::observatory::Observatory;
use crate::operations::Operations;
use crate::partner::Partner;
use crate::settings::Settings;
use crate::{Usage, console, folder, telemetry};

/// Files that are left for data and for calls to others, whatever connections there are.
const RESERVED_FILES: u64 = 512;

/// Whom a listener is for. No listener is for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Customers: HTTP, which only the gateway answers.
    Public,
    /// Other services of the shop: gRPC, with health and reflection.
    Internal,
}

/// What a process has before anything runs: no one else has it, and giving up here leaves nothing behind.
pub struct Opened {
    telemetry: Config,
    bounds: Bounds,
    operations: Operations,
    lock: folder::Lock,
}

/// A process at work.
pub struct Process {
    telemetry: Telemetry,
    bounds: Bounds,
    running: Option<Running>,
    registrations: Vec<Registration>,
    engine: Option<Arc<ColumnEngine>>,
    /// What ends after the services, because they are told of in it: the observatory's listeners, and the sending of
    /// telemetry.
    background: TaskTracker,
    stop_background: CancellationToken,
    operations: Operations,
    /// Files that say where the process is, as long as it is there.
    signs: Vec<PathBuf>,
    /// Heard from when it is ready.
    stop_signals: Option<StopSignals>,
    _lock: folder::Lock,
}

impl Process {
    /// Reads what the environment says, takes the data of these owners for this process alone, and opens the operations listener.
    /// `listeners` is how many others there will be.
    pub async fn open(data: &Path, settings: &Settings, listeners: u64, owners: &[&str]) -> Result<Opened> {
        let telemetry = telemetry::config()?;
        let bounds = bounds(&settings.http, listeners)?;
        folder::make(data)?;
        let lock = folder::lock(data, owners)?;
        let operations = Operations::open(settings.operations.listen).await?;
        Ok(Opened { telemetry, bounds, operations, lock })
    }

    /// The pipeline of its telemetry.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Base URL of its operations listener.
    pub fn operations(&self) -> &str {
        &self.operations.url
    }

    /// Sets services to work, and answers for them at these listeners.
    pub async fn run(
        &mut self,
        host: &Host,
        components: Vec<Component>,
        lame_duck: Duration,
        listeners: Vec<(World, Listener)>,
    ) -> Result<()> {
        let running = host.start(components).await?.with_lame_duck(lame_duck);
        for (world, listener) in listeners {
            let router = match world {
                World::Public => running.http(),
                World::Internal => running.grpc(),
            };
            let listener = listener.with_bounds(self.bounds.clone());
            running.tracker().spawn(serve(listener, router, running.stop_token(), DRAIN));
        }
        self.running = Some(running);
        Ok(())
    }

    /// Serves feature flags, until everything that is told of its services has ended.
    pub fn serve_flags(&self, flags: Flags) {
        flags.serve(&self.telemetry, &self.bounds, &self.stop_background, &self.background);
    }

    /// Serves the page of another site that a demo has.
    pub fn serve_partner(&self, partner: Partner, shop: &str) {
        partner.serve(shop, &self.bounds, &self.stop_background, &self.background);
    }

    /// Follows the one who keeps faults, as long as services are at work here.
    pub fn follow(&self, follower: Option<Follower>) {
        if let (Some(follower), Some(running)) = (follower, &self.running) {
            running.tracker().spawn(follower.run(running.stop_token()));
        }
    }

    /// Lets others find its services until it stops.
    pub fn registered(&mut self, registration: Registration) {
        self.registrations.push(registration);
    }

    /// Says that it is ready: at the operations listener, and in files. Those of the data folder go when the process ends.
    pub fn ready(&mut self, said: &impl Serialize, sign: Option<PathBuf>, ready_file: Option<&Path>) -> Result<()> {
        let text = serde_json::to_string_pretty(said)?;
        // Whoever reads that it is ready may tell it to stop at once.
        self.stop_signals = Some(StopSignals::listen()?);
        self.operations.set_ready(true);
        self.signs.extend(sign);
        for path in self.signs.iter().map(PathBuf::as_path).chain(ready_file) {
            folder::write_private(path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }

    /// Shows how its services fare until it is told to stop; shows nothing when it is to be quiet.
    pub async fn until_stopped(&mut self, load: Option<Load>, quiet: bool) -> Result<()> {
        let mut signals = match self.stop_signals.take() {
            Some(signals) => signals,
            None => StopSignals::listen()?,
        };
        if quiet {
            signals.received().await;
        } else {
            tokio::select! {
                () = signals.received() => {}
                () = console::draw(self.telemetry.clone(), load) => {}
            }
        }
        Ok(())
    }

    /// Lets what is in flight end, and flushes telemetry. An error says that some work had to be cut.
    pub async fn stop(self) -> Result<()> {
        for registration in self.registrations {
            registration.end().await;
        }
        self.operations.set_ready(false);
        let drained = match self.running {
            Some(running) => running.stop().await,
            None => true,
        };
        self.stop_background.cancel();
        self.background.close();
        self.background.wait().await;
        let engine = self.engine;
        // What waits is written before the process ends.
        tokio::task::spawn_blocking(move || drop(engine)).await?;
        for sign in self.signs {
            // Gone already is as good.
            let _ = std::fs::remove_file(sign);
        }
        self.operations.stop().await;
        anyhow::ensure!(drained, "some work had to be cut after {} s", DRAIN.as_secs());
        Ok(())
    }
}

impl Opened {
    /// Starts telemetry, and the observatory if this process has one: telemetry goes there, unless a variable says where else.
    pub fn start(self, observatory: Option<Observatory>) -> Result<Process> {
        let Self { telemetry: config, bounds, operations, lock } = self;
        let (background, stop_background) = (TaskTracker::new(), CancellationToken::new());
        let exporter = telemetry::exporter(&config, observatory.as_ref().map(Observatory::engine))?;
        let telemetry = Telemetry::new(config);
        telemetry::log_to(&telemetry);
        operations.set_telemetry(&telemetry);
        let engine = observatory.map(|o| o.serve(&bounds, &telemetry, &stop_background, &background)).transpose()?;
        if let Some(exporter) = exporter {
            let (pipeline, stop) = (telemetry.clone(), stop_background.clone());
            background.spawn(async move { pipeline.run(exporter, stop).await });
        }
        let (running, registrations, signs, stop_signals) = (None, Vec::new(), Vec::new(), None);
        Ok(Process {
            telemetry,
            bounds,
            running,
            registrations,
            engine,
            background,
            stop_background,
            operations,
            signs,
            stop_signals,
            _lock: lock,
        })
    }
}

/// What one client may hold of each of so many listeners. As many files are allowed to be open as the system lets this process have;
/// where those are fewer than the connections would need, fewer are let in, so that files for the data are left.
fn bounds(settings: &vitrine_platform_http::Config, listeners: u64) -> Result<Bounds, Usage> {
    let bounds = settings.bounds().map_err(|e| Usage(format!("http.{e}")))?;
    let files = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| {
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        Ok(most)
    });
    // Where the system does not say, accepting will.
    let Ok(files) = files else { return Ok(bounds) };
    let each = usize::try_from(files.saturating_sub(RESERVED_FILES) / listeners.max(1)).unwrap_or(usize::MAX);
    if bounds.connections > each {
        let wanted = bounds.connections;
        eprintln!("vitrine: {each} connections a listener, not {wanted}: only {files} files may be open (ulimit -n)");
    }
    Ok(bounds.with_connections_at_most(each))
}

/// SIGTERM and SIGINT, from when it listens: before that they end the process as the system does.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens from now on.
    pub fn listen() -> Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?;
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be heard")?;
        Ok(Self { terminate, interrupt })
    }

    /// Resolves when the process was told to stop.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
