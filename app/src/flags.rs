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
use vitrine_flags_service::faults::{FaultControl, Follow, Signals};
use vitrine_flags_service::{Access, FlagStore, error_format, router};
use vitrine_kit::clock::Clock;
use vitrine_platform_config::BaseUrl;
use vitrine_platform_host::{Component, DRAIN};
use vitrine_platform_http::{Bounds, Cors, CrossOrigin, Hosts, Listener, bind, health_routes, nowhere, serve};
use vitrine_platform_store::Storage;
use vitrine_platform_tls as tls;

use crate::Usage;
use crate::signals::ObservatorySignals;

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
    /// The observatory whose figures the guards of faults look at, such as http://127.0.0.1:9000; `up` has its own.
    pub observatory: BaseUrl,
    /// File with a token for that observatory; empty where none is needed.
    pub observatory_token_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT);
        let (tls, hosts, cors, observatory, observatory_token_file) = Default::default();
        Self { listen, tls, hosts, cors, observatory, observatory_token_file }
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
        let access = Access::open(&store).await.context("the tokens of the flags cannot be read")?;
        let signals = signals(config)?;
        let faults = FaultControl::open(&store, Clock::system(), signals).await.context("the faults cannot be read")?;
        let cors = cors.at(hosts.of(listener.local_addr()?.ip()));
        Ok(Self { store, access, faults, listener, tls, cors })
    }

    /// Where it answers, as a URL.
    pub fn url(&self) -> Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
    }

    /// What the processes of a shop follow.
    pub fn component(&self) -> Component {
        let (follow, faults) = (Follow::new(self.faults.clone()), self.faults.clone());
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
        let router = nowhere(router(&self.store, &self.access, &self.faults).merge(health), error_format);
        let listener = Listener::from(self.listener).with_tls(self.tls).with_bounds(bounds.clone());
        tracker.spawn(serve(listener, self.cors.around(router, error_format), stop.clone(), DRAIN));
    }
}

/// Who is asked for figures, if anyone is.
fn signals(config: &Config) -> Result<Option<Arc<dyn Signals>>> {
    if config.observatory.is_empty() {
        return Ok(None);
    }
    let signals = ObservatorySignals::new(config.observatory.as_str(), &config.observatory_token_file)?;
    Ok(Some(Arc::new(signals)))
}
