//! The flags service within a process: what is kept, and the listener over it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_flags_service::{Access, Driver, FlagStore, Writer, error_format, router};
use vitrine_kit::Secret;
use vitrine_kit::clock::Clock;
use vitrine_platform_config::BaseUrl;
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{Bounds, Cors, CrossOrigin, Hosts, Listener, bind, health_routes, nowhere, serve};
use vitrine_platform_store::Storage;
use vitrine_platform_tls as tls;

use crate::Usage;
use crate::measurements::ObservatoryMeasurements;

/// The port of OFREP by custom, which flagd has, too.
const PORT: u16 = 8016;
/// The name under which the flags of a data folder are locked.
pub const FLAGS: &str = "flags";

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
    /// The observatory that guards of roll-outs ask. Empty: the one of this process, if it has one.
    pub observatory: BaseUrl,
    /// The token that it is shown, if it needs one.
    pub observatory_token: Secret,
}

impl Default for Config {
    fn default() -> Self {
        let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT);
        Self {
            listen,
            tls: tls::Files::default(),
            hosts: Vec::new(),
            cors: Cors::default(),
            file: PathBuf::new(),
            file_wins: true,
            quorum: 0,
            observatory: BaseUrl::default(),
            observatory_token: Secret::default(),
        }
    }
}

/// A listener that is bound, and the flags behind it.
#[derive(Debug)]
pub struct Flags {
    store: FlagStore,
    access: Access,
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
        let cors = cors.at(hosts.of(listener.local_addr()?.ip()));
        let measurements = ObservatoryMeasurements::new(config.observatory.as_str(), config.observatory_token.clone())?;
        let mut driver = Driver::new(&store, Arc::new(measurements));
        if !config.file.as_os_str().is_empty() {
            let writer = if config.file_wins { Writer::File } else { Writer::Store };
            driver =
                driver.with_file(&config.file, writer).await.context("what the file of flags says cannot be kept")?;
        }
        Ok(Self { store, access, listener, tls, cors, driver })
    }

    /// Where it answers, as a URL.
    pub fn url(&self) -> Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
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
        tracker.spawn(stop.clone().run_until_cancelled_owned(self.driver.run()));
        let router = nowhere(router(&self.store, &self.access).merge(health), error_format);
        let listener = Listener::from(self.listener).with_tls(self.tls).with_bounds(bounds.clone());
        tracker.spawn(serve(listener, self.cors.around(router, error_format), stop.clone(), DRAIN));
    }
}
