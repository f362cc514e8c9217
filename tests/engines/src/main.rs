//! `make engines`: NATS, PostgreSQL and Redis on this machine, for `vitrine up --engines nats,postgres,redis`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};
use vitrine_tests_engines::{Server, recipes};

/// Where they listen: the usual ports with a 1 before them, which is where `vitrine` looks for them by default.
const NATS_PORT: u16 = 14222;
const POSTGRES_PORT: u16 = 15432;
const REDIS_PORT: u16 = 16379;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("usage: vitrine-tests-engines FOLDER")?;
    let mut servers = [
        recipes::nats(&[])?.start_at(&folder.join("nats"), NATS_PORT)?,
        recipes::postgres(&[("max_connections", "400")])?.start_at(&folder.join("postgres"), POSTGRES_PORT)?,
        recipes::redis(&[])?.start_at(&folder.join("redis"), REDIS_PORT)?,
    ];
    println!("The engines are up, their data in {}:", folder.display());
    for server in &servers {
        println!("  {:<10} {}", server.kind(), server.url());
    }
    println!("Now, elsewhere: vitrine up --engines nats,postgres,redis    (Ctrl-C here stops the engines)");
    // Only now: the servers would inherit what is blocked.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    signals.wait()?;
    servers.iter_mut().try_for_each(Server::stop)
}
