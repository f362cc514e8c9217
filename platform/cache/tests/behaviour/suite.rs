//! What holds for every engine.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures::future::join_all;
use tokio::sync::watch;
use tonic::{Code, Status};
use vitrine_platform_cache::Engine;

use crate::{LONG, Source, config, engine, eventually, key, of, secured};

#[tokio::test(flavor = "multi_thread")]
async fn in_this_process() -> Result<()> {
    holds(&Engine::embedded()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_redis() -> Result<()> {
    let server = secured()?;
    holds(&engine(&config(&server)).await?).await
}

async fn holds(engine: &Engine) -> Result<()> {
    values_are_loaded_once(engine).await?;
    errors_are_passed_on_and_not_kept(engine).await?;
    a_hundred_share_a_load(engine).await?;
    whoever_leaves_takes_nothing_along(engine).await?;
    a_change_is_seen_at_once(engine).await?;
    a_load_that_began_before_a_change_is_not_seen_after(engine).await?;
    values_end(engine).await?;
    large_values_are_not_kept(engine).await?;
    limits_hold(engine).await;
    Ok(())
}

async fn values_are_loaded_once(engine: &Engine) -> Result<()> {
    let (cache, other, source) = (of(engine, "once"), of(engine, "other"), Source::default());
    for _ in 0..3 {
        assert_eq!(source.get(&cache, key("a", "t"), LONG).await?, "1");
    }
    assert_eq!(source.get(&cache, key("b", "t"), LONG).await?, "2");
    // Services do not see each other's.
    assert_eq!(source.get(&other, key("a", "t"), LONG).await?, "3");
    // Bytes are bytes.
    const ODD: &[u8] = b"\0\r\n\xff";
    for _ in 0..2 {
        let value = cache.get_or_load(key("odd", "t"), LONG, || async { Ok(Bytes::from_static(ODD)) }).await;
        assert_eq!(value?, ODD);
    }
    Ok(())
}

async fn errors_are_passed_on_and_not_kept(engine: &Engine) -> Result<()> {
    let (cache, source) = (of(engine, "errors"), Source::default());
    let failed = cache.get_or_load(key("a", "t"), LONG, || async { Err(Status::not_found("nothing")) }).await;
    assert_eq!(failed.map_err(|e| e.code()), Err(Code::NotFound));
    assert_eq!(source.get(&cache, key("a", "t"), LONG).await?, "1");
    Ok(())
}

async fn a_hundred_share_a_load(engine: &Engine) -> Result<()> {
    let (cache, source) = (of(engine, "hundred"), Source::default());
    let all = join_all((0..100).map(|_| {
        let (cache, source) = (cache.clone(), source.clone());
        tokio::spawn(async move { source.get(&cache, key("a", "t"), LONG).await })
    }));
    for value in all.await {
        assert_eq!(value??, "1");
    }
    assert_eq!(source.loads(), 1);
    Ok(())
}

/// A load that waits until it is told to end.
struct Slow {
    begun: watch::Sender<u32>,
    end: watch::Sender<bool>,
}

impl Slow {
    fn new() -> Self {
        Self { begun: watch::Sender::new(0), end: watch::Sender::new(false) }
    }

    fn load(&self, value: &'static str) -> impl Future<Output = Result<Bytes, Status>> + Send + 'static {
        let (begun, mut end) = (self.begun.clone(), self.end.subscribe());
        async move {
            begun.send_modify(|n| *n += 1);
            end.wait_for(|end| *end).await.map_err(|_| Status::cancelled("nobody tells"))?;
            Ok(Bytes::from_static(value.as_bytes()))
        }
    }
}

async fn whoever_leaves_takes_nothing_along(engine: &Engine) -> Result<()> {
    let (cache, slow) = (of(engine, "leaving"), Slow::new());
    let ask = || {
        let (cache, load) = (cache.clone(), slow.load("v"));
        tokio::spawn(async move { cache.get_or_load(key("a", "t"), LONG, || load).await })
    };
    let first = ask();
    slow.begun.subscribe().wait_for(|n| *n == 1).await?;
    let second = ask();
    first.abort();
    assert!(first.await.is_err_and(|e| e.is_cancelled()));
    slow.end.send_replace(true);
    assert_eq!(second.await??, "v");
    Ok(())
}

async fn a_change_is_seen_at_once(engine: &Engine) -> Result<()> {
    let (cache, source) = (of(engine, "changes"), Source::default());
    for id in ["a", "b"] {
        source.get(&cache, key(id, id), LONG).await?;
    }
    cache.invalidate(&["b", "never seen"]).await;
    assert_eq!(source.get(&cache, key("a", "a"), LONG).await?, "1");
    assert_eq!(source.get(&cache, key("b", "b"), LONG).await?, "3");
    cache.invalidate(&[]).await;
    assert_eq!(source.get(&cache, key("b", "b"), LONG).await?, "3");
    Ok(())
}

async fn a_load_that_began_before_a_change_is_not_seen_after(engine: &Engine) -> Result<()> {
    let (cache, slow, source) = (of(engine, "late"), Slow::new(), Source::default());
    let (early, load) = (cache.clone(), slow.load("from before"));
    let early = tokio::spawn(async move { early.get_or_load(key("a", "t"), LONG, || load).await });
    slow.begun.subscribe().wait_for(|n| *n == 1).await?;
    cache.invalidate(&["t"]).await;
    assert_eq!(source.get(&cache, key("a", "t"), LONG).await?, "1", "it joined a load from before");
    slow.end.send_replace(true);
    assert_eq!(early.await??, "from before");
    let seen = source.get(&cache, key("a", "t"), LONG).await?;
    assert_ne!(seen, "from before", "it was stored over what is new");
    Ok(())
}

async fn values_end(engine: &Engine) -> Result<()> {
    let (cache, source, ttl) = (of(engine, "ends"), Source::default(), Duration::from_millis(50));
    source.get(&cache, key("a", "t"), ttl).await?;
    let began = Instant::now();
    eventually("another load", async || source.get(&cache, key("a", "t"), ttl).await.is_ok_and(|value| value == "2"))
        .await;
    assert!(began.elapsed() >= ttl / 4, "it was loaded anew before it was due");
    Ok(())
}

async fn large_values_are_not_kept(engine: &Engine) -> Result<()> {
    let (cache, large) = (of(engine, "large"), Bytes::from(vec![7; 2 * 1024 * 1024]));
    let load = || {
        let large = large.clone();
        async move { Ok(large) }
    };
    assert_eq!(cache.get_or_load(key("a", "t"), LONG, load).await?, large);
    let source = Source::default();
    assert_eq!(source.get(&cache, key("a", "t"), LONG).await?, "1");
    Ok(())
}

/// How many of these asks were allowed, and how many there may be at most.
async fn limits_hold(engine: &Engine) {
    const BURST: u32 = 20;
    let (cache, other, began) = (of(engine, "limits"), of(engine, "other limits"), Instant::now());
    let first = cache.limit("a", 1, BURST).await;
    assert!(first.allowed && first.retry_after.is_zero() && first.remaining >= BURST - 1, "{first:?}");
    let all = join_all((0..200).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.limit("a", 1, BURST).await })
    }));
    let decisions: Vec<_> = all.await.into_iter().map(|d| d.expect("no panic")).collect();
    let allowed = 1 + u64::try_from(decisions.iter().filter(|d| d.allowed).count()).expect("small");
    let most = u64::from(BURST) + began.elapsed().as_secs();
    assert!((u64::from(BURST)..=most).contains(&allowed), "{allowed} of {most}");
    for refused in decisions.iter().filter(|d| !d.allowed) {
        let soon = Duration::ZERO < refused.retry_after && refused.retry_after <= Duration::from_secs(1);
        assert!(soon && refused.remaining == 0, "{refused:?}");
    }
    // Others have limits of their own, and time gives back.
    assert!(cache.limit("b", 1, 1).await.allowed && other.limit("a", 1, 1).await.allowed);
    assert!(cache.limit("fast", 100, 1).await.allowed);
    eventually("another request", async || cache.limit("fast", 100, 1).await.allowed).await;
    // Nothing asks for more than there ever is.
    assert!(cache.limit("most", u32::MAX, u32::MAX).await.allowed && cache.limit("none", 0, 0).await.allowed);
}
