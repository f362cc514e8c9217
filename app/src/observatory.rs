//! The observatory within a process: three listeners over one store.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_observe_receive::{Access, Intake, grpc_routes, http_router, zipkin_router};
use vitrine_observe_store::{Limits, Store};
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{bind, health_routes, serve};

/// Listeners that are bound, and the store behind them.
pub struct Observatory {
    store: Store,
    pages: TcpListener,
    otlp_grpc: TcpListener,
    otlp_http: TcpListener,
}

impl Observatory {
    /// Takes the three addresses.
    pub async fn bind(
        memory_mib: u32,
        pages: SocketAddr,
        otlp_grpc: SocketAddr,
        otlp_http: SocketAddr,
    ) -> Result<Self> {
        let bytes = usize::try_from(memory_mib).unwrap_or(64).saturating_mul(1024 * 1024);
        Ok(Self {
            store: Store::new(Limits { bytes, ..Limits::default() }),
            pages: bind(pages).await?,
            otlp_grpc: bind(otlp_grpc).await?,
            otlp_http: bind(otlp_http).await?,
        })
    }

    /// What was taken in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Where pages and query APIs, OTLP over gRPC and OTLP over HTTP are answered.
    pub fn addresses(&self) -> std::io::Result<[SocketAddr; 3]> {
        Ok([self.pages.local_addr()?, self.otlp_grpc.local_addr()?, self.otlp_http.local_addr()?])
    }

    /// Serves until stopped.
    pub fn serve(self, stop: &CancellationToken, tracker: &TaskTracker) {
        let intake = Intake::new(Arc::new(self.store.clone()), Access::open());
        let (otlp, grpc) = (http_router(&intake), grpc_routes(&intake));
        let taking = otlp.clone().merge(grpc.clone()).merge(zipkin_router(&intake));
        let pages = taking.merge(vitrine_observe_api::router(self.store)).merge(health_routes(|| true));
        for (listener, router) in [(self.pages, pages), (self.otlp_http, otlp), (self.otlp_grpc, grpc)] {
            tracker.spawn(serve(listener, router, stop.clone(), DRAIN));
        }
    }
}
