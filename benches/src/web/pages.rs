//! Pages from the cache, and pages that are drawn: by QuickJS in the process, and by Node beside it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use http::Method;
use tokio::task::JoinSet;
use vitrine_shop_load::http::{Call, Client};

use super::{PRODUCT, Served};
use crate::flags::{PIPELINE, request, requests};
use crate::goals::{tell, thousands};
use crate::process::resident;

/// Clients that have pages drawn at a time.
const CLIENTS: usize = 4;
/// Pages before it is measured, so that each engine has read its script.
const WARM_UP: usize = 20;

/// Pages that were drawn.
struct Drawn {
    latency: Histogram<u64>,
    per_s: f64,
    per_cpu: f64,
}

/// Has pages drawn by so many clients, each page under an address that no one has asked for.
async fn drawn(served: &Served, clients: usize, count: usize, until: Option<Instant>) -> Result<Drawn> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let left = Arc::new(AtomicUsize::new(count));
    let (before, began) = (served.cpu_s()?, Instant::now());
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let (client, left) = (served.client()?, left.clone());
        all.spawn(async move {
            let mut latency = Histogram::<u64>::new(3)?;
            while until.is_none_or(|until| Instant::now() < until) {
                if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                    break;
                }
                let took = one(&client, NEXT.fetch_add(1, Ordering::Relaxed)).await?;
                latency.record(u64::try_from(took.as_micros())?)?;
            }
            Ok::<_, anyhow::Error>(latency)
        });
    }
    let mut latency = Histogram::new(3)?;
    while let Some(part) = all.join_next().await {
        latency.add(part??)?;
    }
    let (took, cpu_s) = (began.elapsed().as_secs_f64(), served.cpu_s()? - before);
    let pages = latency.len() as f64;
    Ok(Drawn { latency, per_s: pages / took, per_cpu: pages / cpu_s })
}

async fn one(client: &Client, number: usize) -> Result<Duration> {
    let began = Instant::now();
    // A parameter that a page knows makes another page of it.
    let page = client.send(Call::new(Method::GET, &format!("{PRODUCT}?placed={number}"))).await?;
    ensure!(page.status == 200, "a page was not drawn: {}", page.status);
    ensure!(page.header("server-timing").is_some_and(|told| told.contains("miss")), "a page came from the cache");
    Ok(began.elapsed())
}

/// One at a time, then several, for a turn each.
async fn engine(served: &Served, turn: Duration) -> Result<(Drawn, Drawn)> {
    drawn(served, CLIENTS, WARM_UP, None).await?;
    let alone = drawn(served, 1, usize::MAX, Some(Instant::now() + turn)).await?;
    let many = drawn(served, CLIENTS, usize::MAX, Some(Instant::now() + turn)).await?;
    Ok((alone, many))
}

/// What is kept, then what is drawn, with both engines.
pub(super) async fn measure(binary: &Path, served: &Served, turn: Duration) -> Result<()> {
    println!("Web: pages, turns of {turn:?}");
    let kept = request("GET", PRODUCT, "accept-encoding: gzip\r\n", "");
    requests(served.pid, &served.address, &kept, PIPELINE, turn / 4).await?;
    let found = requests(served.pid, &served.address, &kept, PIPELINE, turn).await?.per_cpu;
    tell("a page from the cache", found, "/s of CPU", 10_000.0, true);
    let untold = Served::start(binary, &[("OTEL_SDK_DISABLED", "true")]).await?;
    requests(untold.pid, &untold.address, &kept, PIPELINE, turn / 4).await?;
    let found = requests(untold.pid, &untold.address, &kept, PIPELINE, turn).await?.per_cpu;
    println!("  the same without telemetry: {found:.0}/s of CPU");
    drop(untold);
    let (alone, many) = engine(served, turn).await?;
    tell("a page that is drawn, one at a time, p95", thousands(&alone.latency, 0.95), "ms", 15.0, false);
    tell("pages that are drawn, of all that the process does", many.per_cpu, "/s of CPU", 150.0, true);
    println!("  p50 {:.1} ms alone, {:.0}/s by {CLIENTS} clients", thousands(&alone.latency, 0.5), many.per_s);
    let node = Served::start(binary, &[("VITRINE_STOREFRONT__ENGINE", "node")]).await?;
    let (alone, many) = engine(&node, turn).await?;
    println!(
        "  the same bundle in Node: p50 {:.1} ms and p95 {:.1} ms alone, {:.0}/s by {CLIENTS} clients, {:.0}/s of CPU of both processes",
        thousands(&alone.latency, 0.5),
        thousands(&alone.latency, 0.95),
        many.per_s,
        many.per_cpu
    );
    println!(
        "  method: GET of one product's page; what is drawn has an address that no one has asked for, and its data is read anew\n"
    );
    Ok(())
}

/// What the engine holds after so many pages, with four threads and next to no cache.
pub(super) async fn memory(binary: &Path, pages: usize) -> Result<()> {
    println!("Web: memory of the engine, four threads, after {pages} pages");
    // Without telemetry: that of the pages would stay in the observatory's memory for a while.
    let settings =
        [("VITRINE_STOREFRONT__THREADS", "4"), ("VITRINE_STOREFRONT__CACHE_MIB", "1"), ("OTEL_SDK_DISABLED", "true")];
    let served = Served::start(binary, &settings).await?;
    let before = resident(served.pid)?.0;
    let many = drawn(&served, CLIENTS, pages, None).await?;
    let after = resident(served.pid)?.0;
    println!("  {before:.1} MiB before, {after:.1} MiB after {} pages", many.latency.len());
    tell("memory above idle", after - before, "MiB", 24.0, false);
    println!();
    Ok(())
}
