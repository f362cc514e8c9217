//! What processes that share a Redis can rely on. Each engine here stands for a process.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures::future::join_all;
use vitrine_platform_cache::{Config, Engine, Error};
use vitrine_tests_engines::free_port;

use crate::{LONG, PASSWORD, Source, config, engine, key, of, secured, url};

#[tokio::test(flavor = "multi_thread")]
async fn processes_share() -> Result<()> {
    let server = secured()?;
    let (one, two) = (engine(&config(&server)).await?, engine(&config(&server)).await?);
    values_and_changes(&one, &two).await?;
    nothing_expires_for_all_at_once(&one, &two).await?;
    limits_count_for_both(&one, &two).await;
    // Another shop in the same Redis sees nothing of it.
    let elsewhere = engine(&Config { prefix: "elsewhere".to_owned(), ..config(&server) }).await?;
    let source = Source::default();
    source.get(&of(&one, "s"), key("a", "t"), LONG).await?;
    assert_eq!(source.get(&of(&elsewhere, "s"), key("a", "t"), LONG).await?, "2");
    Ok(())
}

async fn values_and_changes(one: &Engine, two: &Engine) -> Result<()> {
    let (one, two, source) = (of(one, "shared"), of(two, "shared"), Source::default());
    assert_eq!(source.get(&one, key("a", "t"), LONG).await?, "1");
    assert_eq!(source.get(&two, key("a", "t"), LONG).await?, "1");
    one.invalidate(&["t"]).await;
    assert_eq!(source.get(&two, key("a", "t"), LONG).await?, "2");
    assert_eq!(source.get(&one, key("a", "t"), LONG).await?, "2");
    Ok(())
}

/// While everyone asks, each half of the time to live has one load, and nothing older than that time is read.
async fn nothing_expires_for_all_at_once(one: &Engine, two: &Engine) -> Result<()> {
    const TTL: Duration = Duration::from_millis(400);
    /// What storing takes at most on a busy machine: an entry's time starts over when Redis has it.
    const SLACK: Duration = Duration::from_millis(200);
    let (one, two, source) = (of(one, "stampede"), of(two, "stampede"), Source::default());
    let zero = Instant::now();
    let get = async |cache: &vitrine_platform_cache::Cache, source: &Source| {
        let (asked, loads) = (zero.elapsed(), source.0.clone());
        let load = move || async move {
            loads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(Bytes::copy_from_slice(&u64::try_from(zero.elapsed().as_micros()).unwrap_or(u64::MAX).to_be_bytes()))
        };
        let value = cache.get_or_load(key("a", "t"), TTL, load).await.expect("a value");
        let loaded = Duration::from_micros(u64::from_be_bytes(value.as_ref().try_into().expect("eight bytes")));
        assert!(loaded + TTL + SLACK >= asked, "{:?} old", asked.saturating_sub(loaded));
    };
    get(&one, &source).await;
    let all = join_all((0..40).map(async |n| {
        let cache = if n % 2 == 0 { &one } else { &two };
        while zero.elapsed() < 5 * TTL {
            get(cache, &source).await;
        }
    }));
    all.await;
    let most = 1 + zero.elapsed().as_millis() / (TTL / 2).as_millis();
    let loads = u128::from(source.loads());
    assert!((4..=most).contains(&loads), "{loads} loads, at most {most} expected");
    Ok(())
}

async fn limits_count_for_both(one: &Engine, two: &Engine) {
    const BURST: u32 = 50;
    let (one, two, began) = (of(one, "limits"), of(two, "limits"), Instant::now());
    let all = join_all((0..300).map(|n| {
        let cache = if n % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move { cache.limit("a", 1, BURST).await.allowed })
    }));
    let allowed = all.await.into_iter().filter(|a| *a.as_ref().expect("no panic")).count();
    let most = u64::from(BURST) + began.elapsed().as_secs();
    assert!((u64::from(BURST)..=most).contains(&u64::try_from(allowed).expect("small")), "{allowed} of {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_says_what_is_wrong() -> Result<()> {
    let server = secured()?;
    let named = format!("127.0.0.1:{}", server.port());
    let no_password = Config { url: server.url().into(), ..Config::default() };
    let wrong_password = Config { url: url(&server, "s3cret").into(), ..Config::default() };
    let wrong_user = Config { url: format!("redis://nobody:s3cret@{named}").into(), ..Config::default() };
    for config in [no_password, wrong_password, wrong_user] {
        let error = engine(&config).await.expect_err("refused");
        let text = format!("{error:#} {error:?}");
        assert!(matches!(error.downcast_ref(), Some(Error::Refused { .. })), "{text}");
        assert!(text.contains(&named) && text.contains("cache.url") && !text.contains("s3cret"), "{text}");
        assert!(!format!("{config:?} {:?}", Engine::new(&config)?).contains("s3cret"));
    }

    let nobody = Config { url: format!("redis://:s3cret@127.0.0.1:{}", free_port()?).into(), ..Config::default() };
    let error = engine(&nobody).await.expect_err("nobody is there");
    let text = format!("{error:#} {error:?}");
    assert!(matches!(error.downcast_ref(), Some(Error::Unreachable { .. })), "{text}");
    assert!(text.contains("cache.url") && !text.contains("s3cret"), "{text}");

    for url in
        ["localhost", "http://:s3cret@localhost", "rediss://:s3cret@localhost", "redis://:s3cret@:x", "unix:///s3cret"]
    {
        let error = Engine::new(&Config { url: url.into(), ..Config::default() }).expect_err(url);
        let text = error.to_string();
        assert!(text.contains("cache.url") && text.contains("redis://") && !text.contains("s3cret"), "{text}");
    }
    for wrong in [
        Config { timeout_ms: 0, ..Config::default() },
        Config { memory_mib: 0, ..Config::default() },
        Config { prefix: "a b".to_owned(), ..Config::default() },
    ] {
        assert!(matches!(Engine::new(&wrong), Err(Error::Setting { .. })), "{wrong:?}");
    }

    // A Redis that wants no password is used without one.
    let open = vitrine_tests_engines::redis(&[])?;
    engine(&Config { url: open.url().into(), ..Config::default() }).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_does_not_wait_for_ever() -> Result<()> {
    let server = secured()?;
    server.pause()?;
    let began = Instant::now();
    let error = engine(&config(&server)).await.expect_err("it hangs");
    assert!(matches!(error.downcast_ref(), Some(Error::Unreachable { .. })), "{error}");
    assert!(began.elapsed() < vitrine_platform_cache::START_TIMEOUT * 2);
    server.resume()?;
    engine(&config(&server)).await?;
    Ok(())
}

/// As much as the guide says that a user has to be allowed, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_few_rights_is_enough() -> Result<()> {
    let server = secured()?;
    let mut admin = redis::Client::open(url(&server, PASSWORD))?.get_multiplexed_async_connection().await?;
    let rights = ["on", ">s3cret", "~vitrine:*", "+@read", "+@write", "+@scripting", "+time"];
    redis::cmd("ACL").arg("SETUSER").arg("shop").arg(&rights).exec_async(&mut admin).await?;
    let config = Config { url: format!("redis://shop:s3cret@127.0.0.1:{}", server.port()).into(), ..config(&server) };
    let (one, two) = (engine(&config).await?, engine(&config).await?);
    values_and_changes(&one, &two).await?;
    limits_count_for_both(&one, &two).await;
    let elsewhere = Config { prefix: "elsewhere".to_owned(), ..config };
    let error = engine(&elsewhere).await.expect_err("not its names");
    assert!(matches!(error.downcast_ref(), Some(Error::Refused { .. })), "{error}");
    Ok(())
}
