//! Redis killed, hung, started again with nothing in it, or with another password: slower, never wrong.

use std::time::{Duration, Instant};

use anyhow::Result;
use vitrine_platform_cache::{Cache, Config};

use crate::{LONG, PASSWORD, Source, config, engine, eventually, key, listen, logged, of, secured, url};

/// How long a question may take before Redis counts as gone, here.
const TIMEOUT_MS: u32 = 200;
/// What many operations may take beside one such time, on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// Waits until what one stores is found by the other: both use Redis.
async fn back(one: &Cache, two: &Cache) {
    let mut n = 0;
    eventually("a shared value", async || {
        n += 1;
        let (id, source) = (format!("back {n}"), Source::default());
        let stored = source.get(one, key(&id, "t"), LONG).await;
        let found = source.get(two, key(&id, "t"), LONG).await;
        stored.is_ok() && found.is_ok_and(|value| value == "1") && source.loads() == 1
    })
    .await;
}

/// With Redis gone: everything is answered, rightly and soon.
async fn goes_on_without(cache: &Cache) -> Result<()> {
    let (source, began) = (Source::default(), Instant::now());
    for n in 1..=50 {
        assert_eq!(source.get(cache, key("gone", "t"), LONG).await?, n.to_string(), "nothing is kept");
        cache.invalidate(&["t"]).await;
    }
    let allowed = {
        let mut allowed = 0;
        for _ in 0..50 {
            allowed += u64::from(cache.limit("gone", 1, 5).await.allowed);
        }
        allowed
    };
    // A hundred and fifty questions, of which one waited.
    assert!(began.elapsed() < Duration::from_millis(TIMEOUT_MS.into()) + SLACK, "{:?}", began.elapsed());
    assert!((5..=5 + began.elapsed().as_secs()).contains(&allowed), "{allowed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again() -> Result<()> {
    listen();
    let mut server = secured()?;
    let config = Config { timeout_ms: TIMEOUT_MS, ..config(&server) };
    let (one, two) = (of(&engine(&config).await?, "s"), of(&engine(&config).await?, "s"));
    let source = Source::default();
    source.get(&one, key("a", "a"), LONG).await?;
    server.kill()?;
    goes_on_without(&one).await?;
    assert_eq!(source.get(&two, key("a", "a"), LONG).await?, "2");
    server.up()?;
    back(&one, &two).await;
    assert_eq!(source.get(&one, key("a", "a"), LONG).await?, "3", "it began empty");
    assert_eq!(source.get(&two, key("a", "a"), LONG).await?, "3");
    // One line of each process for each change of state, and no password in it.
    let lines = logged(&server);
    let said = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert!(lines.len() == 4 && said("WARN") == 2 && said(" is gone") == 2 && said("INFO") == 2, "{lines:?}");
    assert_eq!((said(" is back"), said(PASSWORD)), (2, 0), "{lines:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hung_and_going_on() -> Result<()> {
    let server = secured()?;
    let config = Config { timeout_ms: TIMEOUT_MS, ..config(&server) };
    let (one, two) = (of(&engine(&config).await?, "s"), of(&engine(&config).await?, "s"));
    let source = Source::default();
    assert_eq!(source.get(&one, key("a", "a"), LONG).await?, "1");
    server.pause()?;
    goes_on_without(&one).await?;
    // A change that Redis is not told of: a caller that made it never reads what was before, also when Redis goes on
    // and still has it.
    one.invalidate(&["a"]).await;
    assert_eq!(source.get(&one, key("a", "a"), LONG).await?, "2");
    server.resume()?;
    let began = Instant::now();
    while began.elapsed() < 2 * vitrine_platform_cache::REST {
        assert_ne!(source.get(&one, key("a", "a"), LONG).await?, "1", "a value from before the change");
    }
    back(&one, &two).await;
    assert_ne!(source.get(&two, key("a", "a"), LONG).await?, "1", "Redis was told when it was back");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_while_it_runs() -> Result<()> {
    listen();
    let server = secured()?;
    let config = Config { timeout_ms: TIMEOUT_MS, ..config(&server) };
    let (one, two) = (of(&engine(&config).await?, "s"), of(&engine(&config).await?, "s"));
    let admin = redis::Client::open(url(&server, PASSWORD))?;
    let mut admin = admin.get_multiplexed_async_connection().await?;
    let set = async |admin: &mut redis::aio::MultiplexedConnection, password: &str| {
        redis::cmd("CONFIG").arg("SET").arg("requirepass").arg(password).exec_async(admin).await
    };
    set(&mut admin, "another").await?;
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes").exec_async(&mut admin).await?;
    goes_on_without(&one).await?;
    goes_on_without(&two).await?;
    assert!(logged(&server).iter().all(|line| !line.contains(PASSWORD)));
    set(&mut admin, PASSWORD).await?;
    back(&one, &two).await;
    Ok(())
}

/// A full Redis answers, and keeps nothing: it counts as gone, until there is room.
#[tokio::test(flavor = "multi_thread")]
async fn full() -> Result<()> {
    let server = secured()?;
    let config = Config { timeout_ms: TIMEOUT_MS, ..config(&server) };
    let (one, two) = (of(&engine(&config).await?, "s"), of(&engine(&config).await?, "s"));
    let admin = redis::Client::open(url(&server, PASSWORD))?;
    let mut admin = admin.get_multiplexed_async_connection().await?;
    let set = async |admin: &mut redis::aio::MultiplexedConnection, memory: &str| {
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(memory).exec_async(admin).await
    };
    set(&mut admin, "1").await?;
    goes_on_without(&one).await?;
    set(&mut admin, "0").await?;
    back(&one, &two).await;
    Ok(())
}
