//! Ways into the observatory that are not HTTP: syslog, and Fluentd's Forward protocol.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_observe_receive::{
    Door, ForwardOptions, Intake, Serving, SyslogOptions, serve_forward, serve_forward_heartbeats, serve_syslog,
    serve_syslog_datagrams,
};
use vitrine_platform_config::OrOff;
use vitrine_platform_host::DRAIN;
use vitrine_platform_http::{Bounds, bind, bind_unix};
use vitrine_platform_tls as tls;

use crate::Usage;
use crate::settings::{Address, Observatory as Settings};

/// Where the system says what this machine is called.
const MACHINE: &str = "/proc/sys/kernel/hostname";

/// Where shippers find them; none is there unless a setting says where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShipperAddresses {
    /// Syslog over TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_tcp: Option<SocketAddr>,
    /// Syslog over UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_udp: Option<SocketAddr>,
    /// Syslog over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_tls: Option<SocketAddr>,
    /// Forward over TCP, and its heartbeats over UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<SocketAddr>,
    /// Forward over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward_tls: Option<SocketAddr>,
    /// Forward over a Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward_unix: Option<PathBuf>,
}

impl fmt::Display for ShipperAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = [
            ("syslog over TCP", self.syslog_tcp),
            ("syslog over UDP", self.syslog_udp),
            ("syslog over TLS", self.syslog_tls),
            ("Forward", self.forward),
            ("Forward over TLS", self.forward_tls),
        ];
        let addresses = addresses.into_iter().filter_map(|(name, address)| Some(format!("{name} at {}", address?)));
        let socket = self.forward_unix.iter().map(|path| format!("Forward at {}", path.display()));
        f.write_str(&addresses.chain(socket).collect::<Vec<_>>().join(", "))
    }
}

/// Listeners that are bound.
pub struct Shippers {
    syslog: Vec<Door>,
    datagrams: Option<UdpSocket>,
    syslog_options: SyslogOptions,
    forward: Vec<Door>,
    heartbeats: Option<UdpSocket>,
    forward_options: ForwardOptions,
    addresses: ShipperAddresses,
}

impl Shippers {
    /// Takes the addresses that the settings name.
    pub async fn open(settings: &Settings, tls: Option<&tls::Server>) -> Result<Self> {
        let machine = std::fs::read_to_string(MACHINE).unwrap_or_default();
        let syslog_options = settings.syslog.options().map_err(Usage)?;
        let forward_options = settings.forward.options(machine.trim()).map_err(Usage)?;
        let (mut syslog, mut forward) = (Vec::new(), Vec::new());
        let mut addresses = ShipperAddresses::default();
        addresses.syslog_tcp = tcp(settings.syslog.tcp, &mut syslog).await?;
        addresses.syslog_tls = secured("syslog", settings.syslog.tls, tls, &mut syslog).await?;
        let datagrams = match settings.syslog.udp {
            OrOff::At(Address(address)) => Some(udp(address).await?),
            OrOff::Off => None,
        };
        addresses.syslog_udp = datagrams.as_ref().map(UdpSocket::local_addr).transpose()?;
        addresses.forward = tcp(settings.forward.listen, &mut forward).await?;
        let heartbeats = match addresses.forward {
            Some(address) => Some(udp(address).await?),
            None => None,
        };
        addresses.forward_tls = secured("forward", settings.forward.tls, tls, &mut forward).await?;
        let path = &settings.forward.unix;
        if !path.as_os_str().is_empty() {
            let unix = bind_unix(path).map_err(|e| Usage(format!("observatory.forward.unix: {e}")))?;
            forward.push(Door::Unix(unix));
            addresses.forward_unix = Some(path.clone());
        }
        Ok(Self { syslog, datagrams, syslog_options, forward, heartbeats, forward_options, addresses })
    }

    /// Where they are.
    pub fn addresses(&self) -> &ShipperAddresses {
        &self.addresses
    }

    /// Serves until stopped.
    pub fn serve(self, intake: &Intake, bounds: &Bounds, stop: &CancellationToken, tracker: &TaskTracker) {
        let serving = Serving { bounds: bounds.clone(), stop: stop.clone(), drain: DRAIN };
        for door in self.syslog {
            tracker.spawn(serve_syslog(door, intake.clone(), self.syslog_options.clone(), serving.clone()));
        }
        if let Some(socket) = self.datagrams {
            tracker.spawn(serve_syslog_datagrams(socket, intake.clone(), self.syslog_options, serving.clone()));
        }
        for door in self.forward {
            tracker.spawn(serve_forward(door, intake.clone(), self.forward_options.clone(), serving.clone()));
        }
        if let Some(socket) = self.heartbeats {
            tracker.spawn(serve_forward_heartbeats(socket, stop.clone()));
        }
    }
}

async fn tcp(address: OrOff<Address>, doors: &mut Vec<Door>) -> Result<Option<SocketAddr>> {
    let OrOff::At(Address(address)) = address else { return Ok(None) };
    let listener = bind(address).await?;
    let address = listener.local_addr()?;
    doors.push(Door::Tcp(listener));
    Ok(Some(address))
}

async fn secured(
    section: &str,
    address: OrOff<Address>,
    tls: Option<&tls::Server>,
    doors: &mut Vec<Door>,
) -> Result<Option<SocketAddr>> {
    let OrOff::At(Address(address)) = address else { return Ok(None) };
    let Some(tls) = tls else {
        let expected = "expected observatory.tls.certificate and key";
        return Err(Usage(format!("observatory.{section}.tls = \"{address}\": {expected}")).into());
    };
    let listener = bind(address).await?;
    let address = listener.local_addr()?;
    doors.push(Door::Tls(listener, tls.clone()));
    Ok(Some(address))
}

async fn udp(address: SocketAddr) -> Result<UdpSocket> {
    UdpSocket::bind(address).await.with_context(|| format!("{address}: datagrams cannot be received there"))
}
