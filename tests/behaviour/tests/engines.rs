//! Servers that die, hang and come back while customers buy; processes that die one after the other. Whatever happens: what was
//! acknowledged is there, charged once, and what customers saw meanwhile was clear and in time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use vitrine_tests_testkit::storm::{Outage, Seen, Storm, outage, people, stock};
use vitrine_tests_testkit::{Api, Engines, Options, Placement, Shop, audit};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
/// Buyers at a time.
const BUYERS: usize = 8;
/// How long a server is away.
const AWAY: Duration = Duration::from_millis(1500);
/// Processes that are killed, one after the other.
const KILLS: usize = 8;

/// A shop on all engines, its customers, and what is on its shelves.
struct World {
    engines: Engines,
    shop: Shop,
    storm: Storm,
    before: BTreeMap<String, u64>,
}

async fn world(placement: Placement) -> Result<World> {
    let engines = Engines::start(&["nats", "postgres", "redis"])?;
    let variables = engines.variables();
    let shop = Shop::start(Path::new(BINARY), placement, &Options { variables, ..Options::default() }).await?;
    let before = stock(&shop.admin()?).await?;
    let people = people(&shop.anybody()?, BUYERS).await?;
    let gateways = shop.urls.iter().map(|url| Api::new(url, None)).collect::<Result<Vec<_>>>()?;
    let storm = Storm::start(&people, &gateways);
    Ok(World { engines, shop, storm, before })
}

/// Ends the load and audits.
async fn reckon(shop: &Shop, storm: Storm, before: &BTreeMap<String, u64>) -> Result<Seen> {
    let seen = storm.stop().await?;
    seen.check().with_context(|| format!("{seen:?}"))?;
    audit(&shop.admin()?, before, &seen.acknowledged).await.with_context(|| format!("{:?}", seen.refused))?;
    Ok(seen)
}

async fn survives(kind: &str) -> Result<()> {
    let World { mut engines, shop, storm, before } = world(Placement::Nats).await?;
    for how in [Outage::Killed, Outage::Hung, Outage::Killed] {
        outage(&mut engines, kind, how, AWAY, &storm).await?;
    }
    reckon(&shop, storm, &before).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_may_die_and_hang() {
    survives("nats").await.expect("the audit passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_may_die_and_hang() {
    survives("postgres").await.expect("the audit passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_may_die_and_hang() {
    survives("redis").await.expect("the audit passes");
}

/// Two replicas of every service, one of them killed each second and started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_may_die_one_after_the_other() {
    let reckoned = async {
        let World { engines, mut shop, storm, before } = world(Placement::NatsTwice).await?;
        let names: Vec<String> = shop.processes.keys().filter(|name| *name != "up").cloned().collect();
        for n in 0..KILLS {
            // Not one after the other in the alphabet: services that call each other lie far apart there.
            let name = &names[n * 7 % names.len()];
            storm.more(1).await.with_context(|| format!("before {name} dies"))?;
            shop.processes.get_mut(name).context("a process")?.kill()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            shop.restart(name)?;
        }
        storm.more(BUYERS).await?;
        reckon(&shop, storm, &before).await?;
        drop(engines);
        Ok::<_, anyhow::Error>(())
    };
    reckoned.await.expect("the audit passes");
}
