//! The flags service within a process: flags and faults as they are kept, the listener over them, and what other processes follow.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_contracts::flags::v1::follow_service_server::FollowServiceServer;
use vitrine_contracts::services::FLAGS;
use vitrine_flags_service::faults::{FaultControl, Follow};
use vitrine_flags_service::{Access, Driver, FlagStore, Measurements, NoObservatory, Writer, error_format, router};
use vitrine_kit::Secret;
use vitrine_kit::clock::Clock;
use vitrine_platform_config::BaseUrl;
use vitrine_platform_host::{Component, DRAIN};
use vitrine_platform_http::{Bounds, Cors, CrossOrigin, Hosts, Listener, bind, health_routes, nowhere, serve};
use vitrine_platform_store::Storage;
use vitrine_platform_tls as tls;

use crate::Usage;
use crate::measurements::ObservatoryMeasurements;

/// The port of OFREP by custom, which flagd has, too.
const PORT: u16 = 8016;

/// The flags service.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where OFREP, the operators' API and pages answer.
    pub listen: SocketAddr,
    /// TLS on that port, with any file set.
    pub tls: tls::Files,
    /// Names under which the flags are asked for, besides localhost and addresses, such as flags.example or *.example.com; "*" lets all.
    pub hosts: Vec<String>,
    /// Web pages that may evaluate flags; without any origin, none.
    pub cors: Cors,
    /// A file of definitions for the default set, as flagd has it, that is looked at every 2 s. Empty: none.
    pub file: PathBuf,
    /// Whether the file's flags are changed in the file alone. If not, it is taken in once, and its flags are changed in the store.
    pub file_wins: bool,
    /// How many others must approve a change before it is made, unless the metadata `quorum` of a flag or its set says another number; 0: none.
    #[schemars(range(max = 10))]
    pub quorum: u32,
    /// The observatory whose figures guards of faults and roll-outs look at, such as http://127.0.0.1:9000; `up` has its own.
    pub observatory: BaseUrl,
    /// The token that it is shown, if it needs one.
    pub observatory_token: Secret,
}

impl Default for Config {
    fn default() -> Self {
        let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT);
        let (tls, hosts, cors, file, quorum) = Default::default();
        let (observatory, observatory_token, file_wins) = (BaseUrl::default(), Secret::default(), true);
        Self { listen, tls, hosts, cors, file, file_wins, quorum, observatory, observatory_token }
    }
}

/// A listener that is bound, and the flags behind it.
#[derive(Debug)]
pub struct Flags {
    store: FlagStore,
    access: Access,
    faults: FaultControl,
    listener: TcpListener,
    tls: Option<tls::Server>,
    cors: CrossOrigin,
    driver: Driver,
}

impl Flags {
    /// Opens what is kept in the data folder, and takes the address.
    pub async fn open(data: &Path, config: &Config) -> Result<Self> {
        let files = Some(&config.tls).filter(|files| files.is_set());
        let tls = files.map(tls::Server::new).transpose()?;
        let cors = config.cors.rules().map_err(|e| Usage(format!("flags.cors.{e}")))?;
        let hosts = Hosts::parse(&config.hosts).map_err(|e| Usage(format!("flags.hosts: {e}")))?;
        let listener = bind(config.listen).await?;
        let storage = Storage::Folder(data.into());
        let store = FlagStore::open(&storage, Clock::system()).await.context("the flags cannot be read")?;
        let store = store.with_quorum(config.quorum);
        let access = Access::open(&store).await.context("the tokens of the flags cannot be read")?;
        let measurements: Arc<dyn Measurements> = match config.observatory.as_str() {
            "" => Arc::new(NoObservatory),
            url => Arc::new(ObservatoryMeasurements::new(url, config.observatory_token.clone())?),
        };
        let faults = FaultControl::open(&store, Clock::system(), measurements.clone());
        let faults = faults.await.context("the faults cannot be read")?;
        let mut driver = Driver::new(&store, measurements);
        let cors = cors.at(hosts.of(listener.local_addr()?.ip()));
        if !config.file.as_os_str().is_empty() {
            let writer = if config.file_wins { Writer::File } else { Writer::Store };
            let followed = driver.with_file(&config.file, writer).await;
            driver = followed.context("what the file of flags says cannot be kept")?;
        }
        Ok(Self { store, access, faults, driver, listener, tls, cors })
    }

    /// Where it answers, as a URL.
    pub fn url(&self) -> Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
    }

    /// The flags.
    pub fn store(&self) -> &FlagStore {
        &self.store
    }

    /// What the processes of a shop follow.
    pub fn component(&self) -> Component {
        let (follow, faults) = (Follow::new(&self.faults, &self.store), self.faults.clone());
        Component::new(FLAGS).grpc(FollowServiceServer::new(follow)).task("faults", |stop| faults.run(stop))
    }

    /// What lets in everyone who reaches it, in words; none if a token is needed.
    pub fn open_to_all(&self) -> Option<&'static str> {
        self.access
            .is_open()
            .then_some("flags: to evaluate and to change, until there is a token (POST /api/v1/tokens)")
    }

    /// Serves until stopped.
    pub fn serve(self, bounds: &Bounds, stop: &CancellationToken, tracker: &TaskTracker) {
        let health = {
            let stop = stop.clone();
            health_routes(move || !stop.is_cancelled())
        };
        let (registrations, ends) = (self.store.registrations().clone(), stop.clone());
        tracker.spawn(async move { registrations.sweep(ends).await });
        tracker.spawn(stop.clone().run_until_cancelled_owned(self.driver.run()));
        let router = nowhere(router(&self.store, &self.access, &self.faults).merge(health), error_format);
        let listener = Listener::from(self.listener).with_tls(self.tls).with_bounds(bounds.clone());
        tracker.spawn(serve(listener, self.cors.around(router, error_format), stop.clone(), DRAIN));
    }
}
