//! What a leg of a call costs: when no fault is at work, when one is that does not mean the call, and when one looks into the request.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use prost::Message;
use vitrine_contracts::currency::v1::ConvertRequest;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::services::{CURRENCY, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_faults::{Call, Fault, Faults, Plan, Site, SiteName};

use crate::calls::host;
use crate::goals::tell;
use crate::throughput::median;

/// Looks of each side, in turns.
const LOOKS: u32 = 2_000_000;
/// Calls of each side, in turns.
const CALLS: u32 = 4_000;
const TURNS: usize = 15;
/// What a look may take, of each side.
const GOALS_NS: [f64; 3] = [5.0, 100.0, 300.0];
const CONVERT: &str = "/vitrine.currency.v1.CurrencyService/Convert";

/// A fault at both legs of a method's calls that hits nobody: its share is one of a million million.
fn plans(rest: &str) -> Result<Vec<Plan>> {
    let plan = |(id, at): (u64, &str)| {
        let document = format!(
            r#"{{"what": {{"delay": {{"ms": 1}}}}, "where": {{"at": "{at}", "service": ["currency"]{rest}}}, "share": {{"rate": 1e-12}}, "timing": {{"ttl_s": 3600}}}}"#
        );
        Ok(Plan { id, fault: Fault::from_json(document.as_bytes())?, age: Duration::ZERO })
    };
    [(1, "caller"), (2, "callee")].into_iter().map(plan).collect()
}

/// What is armed on each side, and its name.
fn sides() -> Result<[(&'static str, Vec<Plan>); 3]> {
    Ok([
        ("nothing at work", Vec::new()),
        ("at work, another method is meant", plans(r#", "method": ["List*"]"#)?),
        ("at work, one field of the request is meant", plans(r#", "request": [{"field": "to_code", "in": ["JPY"]}]"#)?),
    ])
}

/// Applies plans under numbers of their own, for one that has ended does not begin again.
fn arm(faults: &Faults, plans: &[Plan], turn: usize) -> Result<()> {
    let numbered = plans.iter().map(|plan| Plan { id: plan.id + 100 * turn as u64, ..plan.clone() });
    Ok(faults.apply(&numbered.collect::<Vec<_>>(), faults.epoch())?)
}

fn per_look(looks: u32, mut look: impl FnMut(u32)) -> f64 {
    let began = Instant::now();
    (0..looks).for_each(&mut look);
    began.elapsed().as_nanos() as f64 / f64::from(looks)
}

/// A leg as the Fence has it: a look whether the site is armed, and a decision if it is.
fn leg(site: &Site, call: &Call<'_>) -> bool {
    black_box(site).is_armed() && site.decide(black_box(call)).is_some()
}

fn looks() -> Result<()> {
    let faults = Faults::default();
    let site = faults.site(SiteName::call(GATEWAY, CURRENCY));
    let money = Some(Money::new(Currency::EUR, 1250).into());
    let message = ConvertRequest { from: money, to_code: "JPY".to_owned() }.encode_to_vec();
    let call = |n: u32| Call { trace_id: u128::from(n) + 1, path: CONVERT, message: &message, ..Call::default() };
    let (mut sides, mut empty) = (sides()?.map(|side| (side, Vec::new())), Vec::new());
    for turn in 1..=TURNS {
        empty.push(per_look(LOOKS, |n| {
            black_box((&site, &call(n)));
        }));
        for ((_, plans), took) in &mut sides {
            arm(&faults, plans, turn)?;
            // A decision takes a hundred times as long as a look.
            let looks = if plans.is_empty() { LOOKS } else { LOOKS / 20 };
            took.push(per_look(looks, |n| {
                black_box(leg(&site, &call(n)));
            }));
        }
    }
    let empty = median(empty);
    println!("A leg of a call");
    for (((what, _), took), goal) in sides.into_iter().zip(GOALS_NS) {
        tell(what, median(took) - empty, "ns", goal, false);
    }
    println!("  method: medians of {TURNS} turns, less a loop that does nothing ({empty:.1} ns)\n");
    Ok(())
}

async fn calls() -> Result<()> {
    let data = tempfile::tempdir()?;
    let host = host(data.path());
    let client = CurrencyServiceClient::new(host.transport(GATEWAY, CURRENCY));
    let currency = vitrine_shop_currency::build(vitrine_shop_currency::Config::default(), &Flags::of_code(), &host)?;
    let running = host.start(vec![currency]).await?;
    let request = ConvertRequest { from: Some(Money::new(Currency::EUR, 1250).into()), to_code: "JPY".to_owned() };
    let mut sides = sides()?.map(|side| (side, Vec::new()));
    for turn in 1..=TURNS {
        for ((_, plans), took) in &mut sides {
            arm(host.faults(), plans, turn)?;
            let began = Instant::now();
            for _ in 0..CALLS {
                client.clone().convert(request.clone()).await?;
            }
            took.push(began.elapsed().as_nanos() as f64 / f64::from(CALLS));
        }
    }
    running.stop().await;
    println!("A call in process through both legs of the Fence, telemetry off");
    let medians: Vec<f64> = sides.iter().map(|(_, took)| median(took.clone())).collect();
    let first = medians.first().context("a side")?;
    for (((what, _), _), ns) in sides.iter().zip(&medians) {
        println!("  {what:<44}{ns:>8.0} ns {:>+8.0} ns", ns - first);
    }
    println!("  method: medians of {TURNS} turns of {CALLS} calls a side\n");
    Ok(())
}

/// Measures both.
pub(super) async fn measure() -> Result<()> {
    looks()?;
    calls().await
}
