//! A flags service that listens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_flags_engine::Mode;
use vitrine_flags_service::faults::FaultControl;
use vitrine_flags_service::{
    Access, AddedContext, Author, FlagStore, Import, NoObservatory, Serving, error_format, router_serving,
};
use vitrine_kit::clock::Clock;
use vitrine_platform_http::{Listener, Router, bind, bind_unix, nowhere, serve};
use vitrine_platform_store::Storage;
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_platform_tls as tls;

/// How long requests may take to end when it stops.
const DRAIN: Duration = Duration::from_secs(2);

/// What an instance is to be like.
#[derive(Clone, Debug, Default)]
pub(crate) struct InstanceConfig {
    pub(crate) definitions: String,
    pub(crate) source: Option<String>,
    pub(crate) added: AddedContext,
    pub(crate) tls: Option<tls::Files>,
    /// All requests are refused as gRPC's PERMISSION_DENIED, as a proxy before it may do.
    pub(crate) is_forbidden: bool,
}

/// A flags service, its files, and where it listens.
pub(crate) struct Instance {
    pub(crate) flags: FlagStore,
    pub(crate) port: u16,
    pub(crate) socket: PathBuf,
    pub(crate) folder: TempDir,
    access: Access,
    faults: FaultControl,
    wanted: InstanceConfig,
    stop: CancellationToken,
    served: Vec<JoinHandle<()>>,
}

pub(crate) fn author() -> Author {
    Author { who: "test".to_owned(), why: "a test".to_owned() }
}

impl Instance {
    pub(crate) async fn start(wanted: InstanceConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let flags = FlagStore::open(&Storage::Folder(folder.path().into()), Clock::system()).await.expect("opened");
        flags.import(author(), &wanted.definitions, Import::Merge, Mode::Lenient).await.expect("imported");
        let access = Access::open(&flags).await.expect("tokens");
        let faults = FaultControl::open(&flags, Clock::system(), Arc::new(NoObservatory)).await.expect("faults");
        let tcp = bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let port = tcp.local_addr().expect("an address").port();
        let socket = folder.path().join("flags.sock");
        let (stop, served) = (CancellationToken::new(), Vec::new());
        let mut made = Self { flags, port, socket, folder, access, faults, wanted, stop, served };
        made.listen(tcp);
        made
    }

    fn listen(&mut self, tcp: TcpListener) {
        self.stop = CancellationToken::new();
        let telemetry = Telemetry::new(Config::default()).service("flags");
        let mut serving = Serving::new(&telemetry, self.stop.clone()).with_context(self.wanted.added.clone());
        if let Some(source) = &self.wanted.source {
            serving = serving.with_source(source);
        }
        let router = match self.wanted.is_forbidden {
            true => Router::new()
                .fallback(async || tonic::Status::permission_denied("not for you").into_http::<axum::body::Body>()),
            false => nowhere(router_serving(&self.flags, &self.access, &self.faults, serving), error_format),
        };
        let server = self.wanted.tls.as_ref().map(|files| tls::Server::new(files).expect("certificates"));
        let unix = bind_unix(&self.socket).expect("a socket");
        for listener in [Listener::from(tcp).with_tls(server), unix.into()] {
            self.served.push(tokio::spawn(serve(listener, router.clone(), self.stop.clone(), DRAIN)));
        }
    }

    /// Ends it; what it keeps stays.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        for served in self.served.drain(..) {
            served.await.expect("it ended");
        }
    }

    /// Listens again where it did.
    pub(crate) async fn start_again(&mut self) {
        let mut tcp = bind(([127, 0, 0, 1], self.port).into()).await;
        // What a client's connection holds of the port goes in a moment.
        while tcp.is_err() {
            tokio::task::yield_now().await;
            tcp = bind(([127, 0, 0, 1], self.port).into()).await;
        }
        self.listen(tcp.expect("the port"));
    }
}
