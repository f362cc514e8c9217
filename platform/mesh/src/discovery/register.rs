//! This process in Consul's catalog: with a check that it must pass again and again, or it is taken for dead.

use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_kit::{Backoff, Outage};

use super::Discovery;
use super::consul::{BACKOFF, Consul, ConsulError};
use crate::Error;

/// How often the check is passed within the time that Consul waits for it.
const PASSES_PER_TTL: u32 = 3;
/// After how long without a passed check Consul forgets a service; it accepts no less than a minute.
const FORGOTTEN_AFTER: &str = "1m";
/// How long leaving may take: a stop does not wait for a Consul that hangs.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The services of this process, registered until [`Registration::end`]. When the process dies instead, Consul notices by the check.
#[derive(Debug)]
pub struct Registration {
    stop: CancellationToken,
    working: JoinHandle<()>,
}

/// A service as the agent registers it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    address: String,
    port: u16,
    check: Check,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(rename = "CheckID")]
    id: String,
    name: String,
    #[serde(rename = "TTL")]
    ttl: String,
    deregister_critical_service_after: &'static str,
    /// The process is up when it registers.
    status: &'static str,
}

impl Registration {
    /// Registers services that answer at this address. A Consul that cannot be reached is tried again until it can.
    pub async fn begin(discovery: &Discovery, names: &[&str], address: SocketAddr) -> Result<Self, Error> {
        let host = match discovery.advertise.as_str() {
            "" if address.ip().is_unspecified() => String::new(),
            "" => address.ip().to_string(),
            host => host.to_owned(),
        };
        let ttl = Duration::from_millis(discovery.ttl_ms.into());
        let service = |name: &&str| {
            // The same replica has the same id after a restart, and replaces what it was.
            let id = format!("{name}-{host}-{}", address.port());
            let check = Check {
                id: format!("alive-{id}"),
                name: "the process says that it is well".to_owned(),
                ttl: format!("{}ms", ttl.as_millis()),
                deregister_critical_service_after: FORGOTTEN_AFTER,
                status: "passing",
            };
            Service { id, name: (*name).to_owned(), address: host.clone(), port: address.port(), check }
        };
        let mut registrar = Registrar {
            consul: Consul::new(discovery)?,
            services: names.iter().map(service).collect(),
            registered: false,
            outage: Outage::default(),
        };
        // A caller that is told that this process is ready finds it.
        let mut backoff = BACKOFF;
        let first = registrar.turn(&mut backoff, ttl / PASSES_PER_TTL).await;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let working = tokio::spawn(async move {
            let mut pause = first;
            while stopped.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
                pause = registrar.turn(&mut backoff, ttl / PASSES_PER_TTL).await;
            }
            registrar.leave().await;
        });
        Ok(Self { stop, working })
    }

    /// Leaves the catalog: no one finds this process any more. Returns when Consul knows, or cannot be told in time.
    pub async fn end(self) {
        self.stop.cancel();
        if tokio::time::timeout(LEAVE_TIMEOUT, self.working).await.is_err() {
            tracing::warn!("Consul did not hear in time that this process leaves");
        }
    }
}

struct Registrar {
    consul: Consul,
    services: Vec<Service>,
    registered: bool,
    outage: Outage,
}

impl Registrar {
    /// Does what is due, and answers when to come again.
    async fn turn(&mut self, backoff: &mut Backoff, pause: Duration) -> Duration {
        let done = if self.registered { self.pass().await } else { self.register().await };
        match done {
            Ok(()) => {
                self.registered = true;
                if self.outage.ends() {
                    tracing::info!("this process is in Consul's catalog again");
                }
                backoff.reset();
                pause
            }
            Err(e) => {
                // It has forgotten us: an agent that was restarted, or one that took us for dead.
                if matches!(&e, ConsulError::Answered(status, _) if *status == StatusCode::NOT_FOUND || status.is_server_error())
                {
                    self.registered = false;
                }
                if self.outage.begins() {
                    tracing::warn!(error = %e, "Consul cannot be told that this process is well: it is told again");
                }
                backoff.equal_jitter().min(pause)
            }
        }
    }

    async fn register(&self) -> Result<(), ConsulError> {
        for service in &self.services {
            self.consul.put("/v1/agent/service/register", service).await?;
        }
        Ok(())
    }

    async fn pass(&self) -> Result<(), ConsulError> {
        for service in &self.services {
            self.consul.put(&format!("/v1/agent/check/pass/{}", service.check.id), &()).await?;
        }
        Ok(())
    }

    async fn leave(&self) {
        for service in &self.services {
            if let Err(e) = self.consul.put(&format!("/v1/agent/service/deregister/{}", service.id), &()).await {
                tracing::warn!(error = %e, service = service.name, "Consul could not be told that a service leaves");
            }
        }
    }
}
