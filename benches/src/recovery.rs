//! How long a shop takes to sell again after a server that it stands on has died and is back.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use vitrine_tests_testkit::storm::{Outage, Storm, outage, people, stock};
use vitrine_tests_testkit::{Engines, Options, Placement, Shop, audit};

/// Buyers at a time.
const BUYERS: usize = 8;
/// How long a server is away.
const AWAY: Duration = Duration::from_secs(2);
/// How often each fails.
const ROUNDS: usize = 5;

pub(crate) async fn measure(binary: &Path) -> Result<()> {
    const KINDS: &[&str] = &["nats", "postgres", "redis"];
    let mut engines = Engines::start(KINDS)?;
    let options = Options { variables: engines.variables(), ..Options::default() };
    let shop = Shop::start(binary, Placement::Nats, &options).await?;
    let before = stock(&shop.admin()?).await?;
    let people = people(&shop.anybody()?, BUYERS).await?;
    let storm = Storm::start(&people, &[shop.anybody()?]);
    println!("Recovery: from when a killed server is back to the next acknowledged order");
    for kind in KINDS {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            took.push(outage(&mut engines, kind, Outage::Killed, AWAY, &storm).await?);
        }
        took.sort();
        println!("  {kind:<28}{:>8.0} ms   (at most {:.0} ms)", ms(took[ROUNDS / 2]), ms(took[ROUNDS - 1]));
    }
    let seen = storm.stop().await?;
    seen.check()?;
    audit(&shop.admin()?, &before, &seen.acknowledged).await?;
    println!("  {} orders acknowledged: none lost, none charged twice, stock adds up", seen.acknowledged.orders.len());
    println!(
        "  method: fifteen processes over NATS on PostgreSQL with Redis, {BUYERS} buyers; away for {} s, {ROUNDS} times each; medians\n",
        AWAY.as_secs()
    );
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
