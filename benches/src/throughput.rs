//! Reads and checkouts: with telemetry and without, on one database and on another.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use http::Method;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::storm::restock;
use vitrine_tests_testkit::{Api, Customer, Engines, Options, Placement, Shop, order_body};

use crate::goals::thousands;

/// Clients that ask at a time, each as soon as it has its answer.
const READERS: usize = 16;
const BUYERS: usize = 16;
/// Buyers at a time where databases are compared: a crowd, and one who is alone.
const CROWD: usize = 64;
/// More tumblers than can be sold.
const SHELF: u32 = 1_000_000;
/// How often each side has its turn.
const ROUNDS: usize = 8;
/// A shop that uses less than this of a core has nothing left to do from the turn before.
const QUIET: f64 = 0.05;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Clock ticks of a second in `/proc/PID/stat` (`USER_HZ`, 100 on every Linux).
const TICKS_PER_S: f64 = 100.0;

/// What one kind of request came to, over all turns of one shop.
struct Tally {
    rates: Vec<f64>,
    latency: Histogram<u64>,
    cpu_s: f64,
}

impl Tally {
    fn new() -> Result<Self> {
        Ok(Self { rates: Vec::new(), latency: Histogram::new(3)?, cpu_s: 0.0 })
    }

    fn tell(&self, what: &str) {
        let ms = |share| thousands(&self.latency, share);
        println!(
            "  {what:<28}{:>8.0} /s   p50 {:.1} ms   p99 {:.1} ms   p99.9 {:.1} ms   {:.3} ms of CPU each",
            median(self.rates.clone()),
            ms(0.5),
            ms(0.99),
            ms(0.999),
            self.cpu_ms_each()
        );
    }

    fn cpu_ms_each(&self) -> f64 {
        self.cpu_s * 1000.0 / self.latency.len() as f64
    }
}

/// A shop under measurement, and its customers.
struct Side {
    shop: Shop,
    pid: u32,
    anybody: Api,
    customers: Vec<Customer>,
    reads: Tally,
    checkouts: Tally,
    /// Checkouts of one buyer alone.
    alone: Tally,
}

impl Side {
    async fn start(binary: &Path, more: Vec<(String, String)>, buyers: usize) -> Result<Self> {
        let mut variables = vec![
            ("VITRINE_GATEWAY__RATE_PER_S".to_owned(), "1000000".to_owned()),
            ("VITRINE_GATEWAY__RATE_BURST".to_owned(), "1000000".to_owned()),
        ];
        variables.extend(more);
        let mut shop = Shop::start(binary, Placement::Local, &Options { variables, ..Options::default() }).await?;
        let pid = shop.process()?.id();
        let anybody = shop.anybody()?;
        restock(&shop.admin()?, "prd_everyday-tumbler", SHELF).await?;
        let customers = try_join_all((0..buyers).map(|_| Customer::new(&anybody))).await?;
        let (reads, checkouts, alone) = (Tally::new()?, Tally::new()?, Tally::new()?);
        Ok(Self { shop, pid, anybody, customers, reads, checkouts, alone })
    }

    /// Waits until what the last turn left behind (events, telemetry) is done.
    async fn quiet(&self) -> Result<()> {
        let mut before = cpu_s(self.pid)?;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = cpu_s(self.pid)?;
            if (now - before) / LOOK.as_secs_f64() < QUIET {
                return Ok(());
            }
            before = now;
        }
    }

    /// One turn of reads.
    async fn read(&mut self, length: Duration) -> Result<()> {
        let (began, cpu) = (Instant::now(), cpu_s(self.pid)?);
        let parts = try_join_all((0..READERS).map(|n| read(&self.anybody, began + length, n))).await?;
        let took = began.elapsed();
        self.quiet().await?;
        note(&mut self.reads, &parts, took, cpu_s(self.pid)? - cpu)
    }

    /// One turn of checkouts by all customers.
    async fn buy(&mut self, length: Duration) -> Result<()> {
        let (parts, took, cpu) = self.bought(self.customers.len(), length).await?;
        note(&mut self.checkouts, &parts, took, cpu)
    }

    /// One turn of checkouts by one customer.
    async fn buy_alone(&mut self, length: Duration) -> Result<()> {
        let (parts, took, cpu) = self.bought(1, length).await?;
        note(&mut self.alone, &parts, took, cpu)
    }

    async fn bought(&self, buyers: usize, length: Duration) -> Result<(Vec<Histogram<u64>>, Duration, f64)> {
        let (began, cpu) = (Instant::now(), cpu_s(self.pid)?);
        let parts = try_join_all(self.customers[..buyers].iter().map(|customer| buy(customer, began + length))).await?;
        let took = began.elapsed();
        self.quiet().await?;
        Ok((parts, took, cpu_s(self.pid)? - cpu))
    }
}

fn note(tally: &mut Tally, parts: &[Histogram<u64>], took: Duration, cpu_s: f64) -> Result<()> {
    tally.rates.push(parts.iter().map(Histogram::len).sum::<u64>() as f64 / took.as_secs_f64());
    tally.cpu_s += cpu_s;
    for part in parts {
        tally.latency.add(part)?;
    }
    Ok(())
}

/// Processor time that a process has used so far.
fn cpu_s(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field behind it.
    let fields = stat.rsplit_once(") ").context("a stat line")?.1.split(' ');
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_S)
}

fn measured(latency: &mut Histogram<u64>, began: Instant) -> Result<()> {
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
        measured(&mut latency, began)?;
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
        measured(&mut latency, began)?;
    }
    Ok(latency)
}

/// The median of some figures, of which there is one at least.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

/// The two sides of one kind of request, and their ratio: the median of the rounds' ratios, for the two turns of one round ran one
/// after the other.
fn compare_tallies(one: (&str, &Tally), other: (&str, &Tally)) {
    one.1.tell(one.0);
    other.1.tell(other.0);
    let ratios: Vec<f64> = one.1.rates.iter().zip(&other.1.rates).map(|(one, other)| one / other).collect();
    let (low, high) = ratios.iter().fold((f64::MAX, 0.0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
    println!("  {:<28}{:>8.2}      from {low:.2} to {high:.2}", "ratio", median(ratios));
    // A neighbour who is busy makes turns of one round differ, and leaves this as it is.
    println!("  {:<28}{:>8.2}", "CPU, the other way round", other.1.cpu_ms_each() / one.1.cpu_ms_each());
}

pub(crate) async fn compare(binary: &Path, seconds: u64) -> Result<()> {
    let length = Duration::from_secs(seconds.max(1));
    let mut on = Side::start(binary, Vec::new(), BUYERS).await?;
    let mut off = Side::start(binary, vec![("OTEL_SDK_DISABLED".to_owned(), "true".to_owned())], BUYERS).await?;
    for round in 0..ROUNDS {
        // Who goes first changes, so that neither always follows the other.
        let sides = if round % 2 == 0 { [&mut on, &mut off] } else { [&mut off, &mut on] };
        for side in sides {
            side.read(length).await?;
            side.buy(length).await?;
        }
    }
    println!(
        "Throughput, clients on the same cores, telemetry on with every trace sampled (goal: reads at least 0.92 of without)"
    );
    compare_tallies(("reads", &on.reads), ("reads, telemetry off", &off.reads));
    compare_tallies(("checkouts", &on.checkouts), ("checkouts, telemetry off", &off.checkouts));
    println!(
        "  method: {READERS} readers (product, list, search), then {BUYERS} buyers (one item; the order's request is timed), each"
    );
    println!(
        "  asking again at once; two shops, one with telemetry, take turns of {seconds} s, {ROUNDS} each; medians."
    );
    println!("  CPU is the shop's alone, with what it does behind the answers (events, letters, telemetry)\n");
    on.shop.process()?.stop()?;
    off.shop.process()?.stop()?;
    Ok(())
}

/// Checkouts of a shop in one process, with its data in SQLite and in PostgreSQL.
pub(crate) async fn databases(binary: &Path, seconds: u64) -> Result<()> {
    let length = Duration::from_secs(seconds.max(1));
    let engines = Engines::durable(&["postgres"])?;
    let mut embedded = Side::start(binary, Vec::new(), CROWD).await?;
    let mut server = Side::start(binary, engines.variables(), CROWD).await?;
    for round in 0..ROUNDS {
        let sides = if round % 2 == 0 { [&mut embedded, &mut server] } else { [&mut server, &mut embedded] };
        for side in sides {
            side.buy(length).await?;
            side.buy_alone(length).await?;
        }
    }
    println!("Databases, clients and PostgreSQL on the same cores");
    println!(
        "  (goals: SQLite at least 1000/s with p99 below 60 ms and at most 1.8 ms of CPU; PostgreSQL at least 400/s;"
    );
    println!("  one buyer alone, SQLite: below 5 ms)");
    compare_tallies(("checkouts, PostgreSQL", &server.checkouts), ("checkouts, SQLite", &embedded.checkouts));
    compare_tallies(("alone, PostgreSQL", &server.alone), ("alone, SQLite", &embedded.alone));
    println!(
        "  method: {CROWD} buyers (one item), each asking again at once, then one; two shops take turns of {seconds} s, {ROUNDS} each;"
    );
    println!(
        "  medians. Both wait for the disk before they acknowledge. CPU is the shop's alone, without the server's\n"
    );
    embedded.shop.process()?.stop()?;
    server.shop.process()?.stop()?;
    Ok(())
}

/// Checkouts of a shop in one process, alone on the machine: for a profile.
pub(crate) async fn checkouts(binary: &Path, seconds: u64) -> Result<()> {
    let length = Duration::from_secs(seconds.max(1));
    let mut side = Side::start(binary, Vec::new(), CROWD).await?;
    println!("pid {}", side.pid);
    side.buy(Duration::from_secs(2)).await?;
    side.checkouts = Tally::new()?;
    println!("begin crowd");
    side.buy(length).await?;
    println!("begin alone");
    side.buy_alone(length).await?;
    println!("begin reads");
    side.read(length).await?;
    side.checkouts.tell("checkouts");
    side.alone.tell("alone");
    side.reads.tell("reads");
    side.shop.process()?.stop()?;
    Ok(())
}
