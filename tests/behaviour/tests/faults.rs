//! Faults that are armed from outside, in a shop in one process and in one with a process for each service, over gRPC and over NATS: telemetry shows
//! what they do, what was hit is known by its trace, and they end when they are to.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, Engines, Options, Placement, Shop, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
/// Calls while a fault is at work.
const CALLS: usize = 20;

async fn ads(shop: &Shop) -> Result<u16> {
    Ok(shop.anybody()?.send(Call::new(Method::GET, "/api/v1/ads")).await?.status)
}

/// All is well again, as soon as the circuit breaker of the caller lets calls through.
async fn recovers(shop: &Shop) -> Result<()> {
    eventually("a call is well", async || Ok((ads(shop).await? == 200).then_some(()))).await
}

/// Arms a fault, and waits until a site carries it; returns its path.
async fn arm(shop: &Shop, fault: &Value) -> Result<String> {
    let flags = shop.flags()?;
    // Processes are known as soon as they have polled once.
    let id = eventually("the fault is taken", async || {
        let answer = flags.send(Call::new(Method::POST, "/api/v1/faults?why=test").json(fault)).await?;
        let body: Value = answer.json();
        let waits = body["detail"].as_str().is_some_and(|text| text.contains("no process") || text.contains("no live"));
        ensure!(answer.status == 201 || waits, "{fault}: {} {body}", answer.status);
        Ok(body["id"].as_u64())
    })
    .await?;
    let path = format!("/api/v1/faults/{id}");
    until(&flags, &path, "running").await?;
    Ok(path)
}

async fn until(flags: &Api, path: &str, state: &str) -> Result<Value> {
    eventually(state, async || {
        let told = flags.get(path).await?;
        Ok((told["state"] == state).then_some(told))
    })
    .await
}

/// An error of the service that is called: seen by the buyer and in the spans of the service, for just those calls that were hit.
async fn what_is_hit_is_seen(shop: &Shop) -> Result<()> {
    let (flags, observatory) = (shop.flags()?, shop.observatory()?);
    ensure!(ads(shop).await? == 200, "all is well before");
    let fault = json!({
        "what": {"error": {"code": "INTERNAL"}},
        "where": {"at": "callee", "service": ["ads"], "method": ["GetAds"]},
        "share": {"rate": 0.5, "seed": 7},
        "timing": {"ttl_s": 300},
    });
    let path = arm(shop, &fault).await?;
    let mut failed = 0;
    for _ in 0..CALLS {
        failed += usize::from(ads(shop).await? != 200);
    }
    ensure!(failed > 0 && failed < CALLS, "{failed} of {CALLS} failed, and a half was to");
    flags.expect(200, Method::DELETE, &format!("{path}?why=enough"), None).await?;
    let told = until(&flags, &path, "ended").await?;
    ensure!(told["ended"]["by"] == "operator", "{told}");
    recovers(shop).await?;
    for _ in 0..CALLS {
        ensure!(ads(shop).await? == 200, "all is well after");
    }
    // What was hit is known by its trace, and just those spans failed.
    let hits = flags.get(&format!("{path}/hits")).await?;
    let mut hit: Vec<String> = hits["hits"]
        .as_array()
        .context("hits")?
        .iter()
        .map(|hit| hit["traceId"].as_str().unwrap_or_default().to_owned())
        .collect();
    hit.sort_unstable();
    ensure!(told["hit"].as_u64() == u64::try_from(hit.len()).ok(), "{told}: {hits}");
    eventually("the spans are there", async || {
        let failed = "SELECT trace_id FROM spans WHERE service = 'ads' AND kind = 'server' AND status = 'error'";
        let mut seen: Vec<String> = observatory
            .sql(failed)
            .await?
            .iter()
            .map(|row| row["trace_id"].as_str().unwrap_or_default().to_owned())
            .collect();
        seen.sort_unstable();
        Ok((seen == hit).then_some(()))
    })
    .await
}

/// Between two services: what its callers have waited is seen on their side, and not on the service's.
async fn the_network_is_slow_and_the_service_is_not(shop: &Shop) -> Result<()> {
    let observatory = shop.observatory()?;
    let fault = json!({
        "what": {"delay": {"ms": 150}},
        "where": {"at": "caller", "service": ["ads"], "from": ["gateway"]},
        "timing": {"ttl_s": 300},
    });
    let path = arm(shop, &fault).await?;
    for _ in 0..4 {
        ensure!(ads(shop).await? == 200, "slow, and well");
    }
    let flags = shop.flags()?;
    flags.expect(200, Method::DELETE, &format!("{path}?why=enough"), None).await?;
    let told = until(&flags, &path, "ended").await?;
    ensure!(told["hit"] == 4, "{told}");
    let waited: u64 =
        told["processes"].as_object().into_iter().flatten().filter_map(|(_, c)| c["gotNs"].as_u64()).sum();
    ensure!(waited >= 600_000_000, "{told}");
    eventually("the spans are there", async || {
        let slow = "SELECT kind, count(*) AS n FROM spans WHERE name LIKE '%GetAds' AND duration_ns >= 150000000 GROUP BY kind";
        let rows = observatory.sql(slow).await?;
        let of = |kind: &str| rows.iter().find(|row| row["kind"] == kind).map_or(0, |row| row["n"].as_i64().unwrap_or(0));
        ensure!(of("server") == 0, "the service itself was slow: {rows:?}");
        Ok((of("client") == 4).then_some(()))
    })
    .await
}

/// Whoever keeps the faults dies: what it acknowledged goes on, and it still can be ended.
async fn faults_outlive_who_keeps_them(shop: &mut Shop) -> Result<()> {
    let fault = json!({
        "what": {"error": {"code": "INTERNAL"}},
        "where": {"at": "callee", "service": ["ads"]},
        "timing": {"ttl_s": 300},
    });
    let path = arm(shop, &fault).await?;
    shop.processes.get_mut("flags").context("it runs")?.kill()?;
    ensure!(ads(shop).await? != 200, "it goes on for as long as it is leased");
    shop.restart("flags")?;
    let flags = shop.flags()?;
    until(&flags, &path, "running").await?;
    ensure!(ads(shop).await? != 200, "it goes on");
    flags.expect(200, Method::POST, "/api/v1/faults/stop?why=enough", None).await?;
    until(&flags, &path, "ended").await?;
    recovers(shop).await?;
    flags.expect(409, Method::POST, "/api/v1/faults?why=test", Some(&fault)).await?;
    Ok(())
}

async fn check(placement: Placement, engines: &[&str]) -> Result<()> {
    let engines = if engines.is_empty() { None } else { Some(Engines::start(engines)?) };
    let variables = engines.as_ref().map(Engines::variables).unwrap_or_default();
    let options = Options { flags: true, variables, ..Options::default() };
    let mut shop = Shop::start(Path::new(BINARY), placement, &options).await?;
    what_is_hit_is_seen(&shop).await?;
    the_network_is_slow_and_the_service_is_not(&shop).await?;
    if placement != Placement::Local {
        faults_outlive_who_keeps_them(&mut shop).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_act_within_a_process() {
    check(Placement::Local, &[]).await.expect("they act, and end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_act_between_processes_over_grpc() {
    check(Placement::Grpc, &[]).await.expect("they act, and end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_act_between_processes_over_nats() {
    check(Placement::Nats, &["nats"]).await.expect("they act, and end");
}
