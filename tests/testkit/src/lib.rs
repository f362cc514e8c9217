//! What tests and benches need to run real shops: processes that are started and stopped, customers who buy over REST, and the
//! audit that finds what got lost.
//!
//! It speaks to a shop only as its users do: over the command line, REST and the query APIs.

mod audit;
mod campaign;
mod crash;
mod customer;
mod engines;
mod flags;
mod ingest;
mod messages;
mod observatory;
mod packages;
mod process;
mod shippers;
mod shop;
mod sink;
pub mod storm;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub use audit::{Acknowledged, audit, settle};
pub use campaign::CampaignRun;
pub use crash::{Crashes, Loss, crash};
pub use customer::{Api, Customer, address, card, order_body, timed};
pub use engines::Engines;
pub use flags::{FlagCrashes, flags_crash};
pub use ingest::{IngestCrashes, ingest_crash, log_crash};
pub use messages::{BATCH, MessageCrashes, batch, messages_crash, source};
pub use observatory::{Launch, Observatory};
pub use packages::{node, python, python_sdk, succeed};
pub use process::Process;
pub use shippers::{Shipper, ShipperCrashes, shippers_crash};
pub use shop::{ON_FREE_PORTS, Options, Placement, Shop};
pub use sink::Sink;

/// How long anything may take that happens by itself a little later.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(25);

/// Looks until there is something, within [`PATIENCE`].
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    within(PATIENCE, what, look).await
}

/// Looks until there is something, within a bound.
pub async fn within<T>(bound: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + bound;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= until {
            bail!("{what} did not come about within {bound:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
}
