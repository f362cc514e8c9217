//! Real servers: NATS, PostgreSQL, Redis, Consul and Prometheus, installed when they are missing, each started on a free port of 127.0.0.1 with
//! a folder of its own, and ended with its owner.
//!
//! A [`Server`] may be killed, hung and started again on its port and folder, as servers in the world are. `make engines` starts the
//! same ones for people.

mod certificates;
mod install;
pub mod recipes;
mod server;

use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

pub use certificates::Certificates;
pub use install::program;
pub use server::{Recipe, Server};

/// The database user, who needs no password from this machine unless `pg_hba.conf` says so.
pub const POSTGRES_USER: &str = "postgres";

/// NATS with JetStream, on a free port; `more` are further flags.
pub fn nats(more: &[&str]) -> Result<Server> {
    recipes::nats(more)?.start()
}

/// PostgreSQL, on a free port; `settings` go before those of `postgresql.conf`.
pub fn postgres(settings: &[(&str, &str)]) -> Result<Server> {
    recipes::postgres(settings)?.start()
}

/// Redis, on a free port; `more` are further flags.
pub fn redis(more: &[&str]) -> Result<Server> {
    recipes::redis(more)?.start()
}

/// Consul in development mode, on free ports.
pub fn consul() -> Result<Server> {
    recipes::consul()?.start()
}

/// A name server on a free port, with the records that these flags of dnsmasq say.
pub fn name_server(records: &[&str]) -> Result<Server> {
    recipes::name_server(records)?.start()
}

/// A program out of a package of another Debian release, unpacked into a folder of its own when it is missing: `debian("prometheus-alertmanager", "sid",
/// "usr/bin/amtool")`.
pub fn debian(package: &str, release: &str, program: &str) -> Result<std::path::PathBuf> {
    install::unpacked(package, release, program)
}

/// Prometheus with nothing to scrape, on a free port; `more` are further flags.
pub fn prometheus(more: &[&str]) -> Result<Server> {
    recipes::prometheus(more)?.start()
}

/// Prometheus's node exporter, on a free port.
pub fn node_exporter() -> Result<Server> {
    recipes::node_exporter()?.start()
}

/// VictoriaMetrics, on a free port; `more` are further flags.
pub fn victoria_metrics(more: &[&str]) -> Result<Server> {
    recipes::victoria_metrics(more)?.start()
}

/// Where ports are taken from: below those that the system gives to a client that connects or asks for any, so that a port that is
/// free now stays so until its server listens there.
const PORTS: std::ops::Range<u16> = 10_000..30_000;

/// Locks of the ports that this process was given, for as long as it lives: several test processes choose at a time.
static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Where Prometheus's tool for rule files and queries is.
pub fn promtool() -> Result<PathBuf> {
    install::unpacked("promtool", "sid", "usr/bin/promtool")
}

/// Where Debian's browser is.
pub fn chromium() -> Result<PathBuf> {
    install::program("chromium", &[], "chromium")
}

/// Returns a port that no process listens on, and that no one else is given while this process lives.
pub fn free_port() -> Result<u16> {
    let locks = std::env::temp_dir().join("vitrine-test-ports");
    std::fs::create_dir_all(&locks)?;
    loop {
        // Dice that need no crate: each of these hashers has keys of its own.
        let dice = RandomState::new().build_hasher().finish() % u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(dice)?;
        let lock = File::create(locks.join(port.to_string()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
        match TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
            Ok(_) => {
                RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
                return Ok(port);
            }
            Err(e) if e.kind() == ErrorKind::AddrInUse => {}
            Err(e) => return Err(e.into()),
        }
    }
}
