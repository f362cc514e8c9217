//! The flags service within a process: flags and faults as they are kept, the listeners over them, and what other processes follow.

mod doors;

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
use vitrine_flags_service::{
    Access, AddedContext, Driver, FlagStore, Measurements, NoObservatory, RateLimit, SOURCE, Serving, Writer,
    error_format, router_serving,
};
use vitrine_kit::Secret;
use vitrine_kit::clock::Clock;
use vitrine_platform_config::BaseUrl;
use vitrine_platform_host::{Component, DRAIN};
use vitrine_platform_http::{Bounds, Cors, CrossOrigin, Hosts, Listener, bind, health_routes, nowhere, serve};
use vitrine_platform_store::Storage;
use vitrine_platform_telemetry::Telemetry;
use vitrine_platform_tls as tls;

use crate::Usage;
use crate::flags::doors::Doors;
use crate::measurements::ObservatoryMeasurements;

/// The port of OFREP by custom, which flagd has, too.
const PORT: u16 = 8016;

/// Evaluations at once, where their rate is limited and nothing else is said.
const RATE_BURST: u32 = 100;

/// The flags service.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything answers: OFREP, flagd's services, the operators' API and pages.
    pub listen: SocketAddr,
    /// Whether flagd's ports answer, too, at the address of flags.listen: 8013, 8015 and 8016 as it does, 8014 with /healthz and /readyz.
    pub standard_ports: bool,
    /// Path of a Unix socket that answers, too; empty for none.
    pub socket: PathBuf,
    /// TLS on those ports but 8014, with any file set.
    pub tls: tls::Files,
    /// The name by which selectors of clients mean these flags: source=NAME.
    pub source: String,
    /// Attributes that are added to the context of each evaluation, as name=value; they are stronger than what a client sends.
    pub context: Vec<String>,
    /// Attributes that are taken from a request's headers, as header=name; they are stronger than flags.context.
    pub context_from_header: Vec<String>,
    /// Evaluations that one client may ask for in a second, by its token, or its address where no token is needed; 0 for no limit.
    pub rate_per_s: u32,
    /// Evaluations that it may ask for at once, where there is a limit.
    pub rate_burst: u32,
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
        let (tls, hosts, cors, file, quorum, observatory, observatory_token) = Default::default();
        let (standard_ports, socket, context, context_from_header, rate_per_s) = Default::default();
        Self {
            listen,
            standard_ports,
            socket,
            tls,
            source: SOURCE.to_owned(),
            context,
            context_from_header,
            rate_per_s,
            rate_burst: RATE_BURST,
            hosts,
            cors,
            file,
            file_wins: true,
            quorum,
            observatory,
            observatory_token,
        }
    }
}

/// Listeners that are bound, and the flags behind them.
#[derive(Debug)]
pub struct Flags {
    store: FlagStore,
    access: Access,
    faults: FaultControl,
    listener: TcpListener,
    doors: Doors,
    tls: Option<tls::Server>,
    cors: CrossOrigin,
    added: AddedContext,
    limit: Option<RateLimit>,
    source: String,
    driver: Driver,
}

impl Flags {
    /// Opens what is kept in the data folder, and takes the address.
    pub async fn open(data: &Path, config: &Config) -> Result<Self> {
        let files = Some(&config.tls).filter(|files| files.is_set());
        let tls = files.map(tls::Server::new).transpose()?;
        let cors = config.cors.rules().map_err(|e| Usage(format!("flags.cors.{e}")))?;
        let hosts = Hosts::parse(&config.hosts).map_err(|e| Usage(format!("flags.hosts: {e}")))?;
        let added = doors::added(config)?;
        let limit =
            (config.rate_per_s > 0).then_some(RateLimit { per_s: config.rate_per_s, burst: config.rate_burst.max(1) });
        let listener = bind(config.listen).await?;
        let doors = Doors::open(config, listener.local_addr()?).await?;
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
        let source = config.source.clone();
        Ok(Self { store, access, faults, driver, listener, doors, tls, cors, added, limit, source })
    }

    /// How many listeners there are with these settings.
    pub fn listeners(config: &Config) -> u64 {
        1 + Doors::count(config)
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
    pub fn serve(self, telemetry: &Telemetry, bounds: &Bounds, stop: &CancellationToken, tracker: &TaskTracker) {
        let health = {
            let stop = stop.clone();
            health_routes(move || !stop.is_cancelled())
        };
        let (registrations, ends) = (self.store.registrations().clone(), stop.clone());
        tracker.spawn(async move { registrations.sweep(ends).await });
        tracker.spawn(stop.clone().run_until_cancelled_owned(self.driver.run()));
        let serving = Serving::new(&telemetry.service(FLAGS), stop.clone())
            .with_source(&self.source)
            .with_context(self.added)
            .with_limit(self.limit);
        let router = router_serving(&self.store, &self.access, &self.faults, serving);
        let router = self.cors.around(nowhere(router.merge(health), error_format), error_format);
        let Doors { same, management, unix } = self.doors;
        for tcp in std::iter::once(self.listener).chain(same) {
            let listener = Listener::from(tcp).with_tls(self.tls.clone()).with_bounds(bounds.clone());
            tracker.spawn(serve(listener, router.clone(), stop.clone(), DRAIN));
        }
        if let Some(unix) = unix {
            let listener = Listener::from(unix).with_bounds(bounds.clone());
            tracker.spawn(serve(listener, router, stop.clone(), DRAIN));
        }
        if let Some(management) = management {
            let listener = Listener::from(management).with_bounds(bounds.clone());
            tracker.spawn(serve(listener, doors::management(stop.clone()), stop.clone(), DRAIN));
        }
    }
}
