//! Reads and checkouts, with telemetry and without.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use http::Method;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, Customer, Options, Placement, Shop, order_body};

/// Clients that ask at a time, each as soon as it has its answer.
const READERS: usize = 16;
const BUYERS: usize = 16;
/// How often each side has its turn.
const ROUNDS: usize = 3;

/// What one turn came to.
struct Turn {
    per_s: f64,
    latency: Histogram<u64>,
}

async fn turn<F>(clients: usize, seconds: u64, work: impl Fn(usize) -> F) -> Result<Turn>
where
    F: Future<Output = Result<Histogram<u64>>>,
{
    let began = Instant::now();
    let parts = try_join_all((0..clients).map(work)).await?;
    let took = began.elapsed().as_secs_f64().max(1.0).max(seconds as f64);
    let mut latency = Histogram::new(3)?;
    for part in parts {
        latency.add(part)?;
    }
    Ok(Turn { per_s: latency.len() as f64 / took, latency })
}

fn note(latency: &mut Histogram<u64>, began: Instant) -> Result<()> {
    Ok(latency.record(u64::try_from(began.elapsed().as_micros())?)?)
}

async fn read(api: &Api, until: Instant, n: usize) -> Result<Histogram<u64>> {
    const PATHS: &[&str] = &[
        "/api/v1/products/prd_tall-vase",
        "/api/v1/products?category=vases",
        "/api/v1/products/prd_harlequin-panel",
        "/api/v1/products/search?q=blue",
    ];
    let mut latency = Histogram::new(3)?;
    let mut turn = n;
    while Instant::now() < until {
        let began = Instant::now();
        let answer = api.send(Call::new(Method::GET, PATHS[turn % PATHS.len()])).await?;
        anyhow::ensure!(answer.status == 200, "{}", answer.status);
        note(&mut latency, began)?;
        turn += 1;
    }
    Ok(latency)
}

async fn buy(customer: &Customer, until: Instant) -> Result<Histogram<u64>> {
    let body = order_body("EUR", "4242424242424242");
    let mut latency = Histogram::new(3)?;
    while Instant::now() < until {
        customer.add("prd_everyday-tumbler", 1).await?;
        let key = format!("{:032x}", rand::random::<u128>());
        let began = Instant::now();
        customer.buy(&key, &body).await?;
        note(&mut latency, began)?;
    }
    Ok(latency)
}

/// One shop, asked to its limit.
async fn measure(binary: &Path, seconds: u64, telemetry: bool) -> Result<(Turn, Turn)> {
    let mut variables = vec![
        ("VITRINE_GATEWAY__RATE_PER_S".to_owned(), "1000000".to_owned()),
        ("VITRINE_GATEWAY__RATE_BURST".to_owned(), "1000000".to_owned()),
    ];
    if !telemetry {
        variables.push(("OTEL_SDK_DISABLED".to_owned(), "true".to_owned()));
    }
    let mut shop = Shop::start(binary, Placement::Local, &Options { variables, ..Options::default() }).await?;
    let anybody = shop.anybody()?;
    // More tumblers than can be sold in a turn.
    let admin = shop.admin()?;
    let restock =
        Call::new(Method::PATCH, "/api/v1/products/prd_everyday-tumbler").header(http::header::IF_MATCH, "\"1\"");
    let restocked = admin
        .send(restock.raw("{\"restock\": 1000000}").header(http::header::CONTENT_TYPE, "application/json"))
        .await?;
    anyhow::ensure!(restocked.status == 200, "{}", String::from_utf8_lossy(&restocked.body));
    let customers = try_join_all((0..BUYERS).map(|_| Customer::new(&anybody))).await?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let reads = turn(READERS, seconds, |n| read(&anybody, until, n)).await?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let checkouts = turn(BUYERS, seconds, |n| buy(&customers[n], until)).await?;
    shop.process()?.stop()?;
    Ok((reads, checkouts))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn tell(what: &str, turns: &[Turn]) -> Result<f64> {
    let mut latency: Histogram<u64> = Histogram::new(3)?;
    for turn in turns {
        latency.add(&turn.latency)?;
    }
    let per_s = median(turns.iter().map(|t| t.per_s).collect());
    let ms = |share| latency.value_at_quantile(share) as f64 / 1000.0;
    println!(
        "  {what:<40}{per_s:>8.0} /s   p50 {:.1} ms   p99 {:.1} ms   p99.9 {:.1} ms",
        ms(0.5),
        ms(0.99),
        ms(0.999)
    );
    Ok(per_s)
}

pub(crate) async fn compare(binary: &Path, seconds: u64) -> Result<()> {
    let (mut reads, mut checkouts) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        for (side, telemetry) in [true, false].into_iter().enumerate() {
            let (read, bought) = measure(binary, seconds, telemetry).await?;
            reads[side].push(read);
            checkouts[side].push(bought);
        }
    }
    println!(
        "Throughput, clients on the same cores, telemetry on with every trace sampled (goal: at least 0.9 of without)"
    );
    let on = tell("reads", &reads[0])?;
    let off = tell("reads, telemetry off", &reads[1])?;
    println!("  {:<40}{:>8.2}", "ratio", on / off);
    let on = tell("checkouts", &checkouts[0])?;
    let off = tell("checkouts, telemetry off", &checkouts[1])?;
    println!("  {:<40}{:>8.2}", "ratio", on / off);
    println!(
        "  method: {READERS} readers (product, list, search), then {BUYERS} buyers (one item; the order's request is timed), each"
    );
    println!("  asking again at once; {seconds} s a turn, {ROUNDS} turns a side, taking turns; medians\n");
    Ok(())
}
