//! Where flags answer besides their own port: flagd's ports, and a Unix socket; and what settings add to contexts.

use std::net::SocketAddr;

use anyhow::Result;
use http::HeaderName;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use vitrine_flags_service::{AddedContext, MAX_ADDED};
use vitrine_platform_http::{Router, bind, bind_unix, health_routes_with};

use super::Config;
use crate::Usage;

/// flagd's ports that answer as `flags.listen` does: evaluation, sync and OFREP.
const SAME: [u16; 3] = [8013, 8015, 8016];
/// flagd's port for management.
const MANAGEMENT: u16 = 8014;

/// Listeners that are bound.
#[derive(Debug, Default)]
pub(super) struct Doors {
    pub(super) same: Vec<TcpListener>,
    pub(super) management: Option<TcpListener>,
    pub(super) unix: Option<UnixListener>,
}

impl Doors {
    /// How many there are with these settings, at most.
    pub(super) fn count(config: &Config) -> u64 {
        let standard = if config.standard_ports { SAME.len() as u64 + 1 } else { 0 };
        standard + u64::from(!config.socket.as_os_str().is_empty())
    }

    /// Takes them; `taken` is the address that is taken already.
    pub(super) async fn open(config: &Config, taken: SocketAddr) -> Result<Self> {
        let mut doors = Self::default();
        if config.standard_ports {
            for port in SAME.into_iter().filter(|port| *port != taken.port()) {
                doors.same.push(bind(SocketAddr::new(taken.ip(), port)).await?);
            }
            doors.management = Some(bind(SocketAddr::new(taken.ip(), MANAGEMENT)).await?);
        }
        if !config.socket.as_os_str().is_empty() {
            doors.unix = Some(bind_unix(&config.socket)?);
        }
        Ok(doors)
    }
}

/// What answers at the port for management: health, and whether flags are in force, which they are not while the process stops.
pub(super) fn management(stop: CancellationToken) -> Router {
    health_routes_with(move || !stop.is_cancelled(), http::StatusCode::PRECONDITION_FAILED)
}

/// What settings add to contexts.
pub(super) fn added(config: &Config) -> Result<AddedContext> {
    let split = |setting: &str, pair: &str, expected: &str| {
        let (left, right) = pair.split_once('=').unwrap_or_default();
        let whole = !left.is_empty() && !right.is_empty();
        let wrong = || Usage(format!("flags.{setting}: {pair:?} is no {expected}"));
        whole.then(|| (left.to_owned(), right.to_owned())).ok_or_else(wrong)
    };
    for (setting, list) in [("context", &config.context), ("context_from_header", &config.context_from_header)] {
        if list.len() > MAX_ADDED {
            return Err(Usage(format!("flags.{setting}: at most {MAX_ADDED} attributes are expected")).into());
        }
    }
    let fixed = config.context.iter().map(|pair| split("context", pair, "name=value"));
    let headers = config.context_from_header.iter().map(|pair| {
        let (header, name) = split("context_from_header", pair, "header=name")?;
        let header: HeaderName =
            header.parse().map_err(|_| Usage(format!("flags.context_from_header: {header:?} is no header's name")))?;
        Ok((header, name))
    });
    Ok(AddedContext { fixed: fixed.collect::<Result<_, Usage>>()?, headers: headers.collect::<Result<_, Usage>>()? })
}
