//! What was asked for and what was got: a delay at a thousand calls a second, an error, and calls asleep that are woken; beside Envoy's fault filter.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use vitrine_contracts::currency::v1::ConvertRequest;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::services::{CURRENCY, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_faults::{Fault, Faults, Plan};
use vitrine_platform_mesh::Transport;

use super::envoy::Envoy;
use super::evenly::{CALLERS, ERRORS, PAUSE, TURN, evenly};
use crate::calls::host;
use crate::goals::{tell, thousands};

/// What is asked for.
const DELAY: Duration = Duration::from_millis(100);
/// A delay that no one waits for: stopping ends it.
const ASLEEP: Duration = Duration::from_secs(30);

fn plan(id: u64, what: &str) -> Result<Vec<Plan>> {
    let document = format!(
        r#"{{"what": {what}, "where": {{"at": "callee", "service": ["currency"]}}, "timing": {{"ttl_s": 3600}}}}"#
    );
    Ok(vec![Plan { id, fault: Fault::from_json(document.as_bytes())?, age: Duration::ZERO }])
}

type Client = CurrencyServiceClient<Transport>;

async fn convert(mut client: Client) -> Result<()> {
    let from = Some(Money::new(Currency::EUR, 1250).into());
    client.convert(ConvertRequest { from, to_code: "JPY".to_owned() }).await?;
    Ok(())
}

/// An error that no circuit breaker counts, or it would be the breaker that is measured.
async fn errors(client: &Client) -> Result<f64> {
    let began = Instant::now();
    for _ in 0..ERRORS {
        ensure!(convert(client.clone()).await.is_err(), "a call was not hit");
    }
    Ok(began.elapsed().as_micros() as f64 / ERRORS as f64)
}

/// Calls that sleep in a delay, and how long after stopping the last one goes on, in milliseconds.
async fn woken(client: &Client, faults: &Faults) -> Result<f64> {
    faults.apply(&plan(3, &format!(r#"{{"delay": {{"ms": {}}}}}"#, ASLEEP.as_millis()))?, faults.epoch())?;
    let mut sleeping = JoinSet::new();
    for _ in 0..CALLERS {
        let client = client.clone();
        sleeping.spawn(async move {
            convert(client).await?;
            Ok::<_, anyhow::Error>(Instant::now())
        });
    }
    tokio::time::sleep(DELAY).await;
    ensure!(sleeping.try_join_next().is_none(), "a call did not sleep");
    let stopped = Instant::now();
    faults.apply(&[], faults.epoch() + 1)?;
    let mut last = stopped;
    while let Some(woken) = sleeping.join_next().await {
        last = last.max(woken??);
    }
    Ok((last - stopped).as_secs_f64() * 1000.0)
}

fn tell_both(whose: &str, latency: &Histogram<u64>) -> [f64; 2] {
    let [half, most] = [0.5, 0.99].map(|share| thousands(latency, share));
    println!("  {whose}: {} calls in {TURN:?}, {half:.2} ms p50, {most:.2} ms p99", latency.len());
    [half, most]
}

/// Measures it beside Envoy.
pub(super) async fn measure() -> Result<()> {
    println!("A delay of {DELAY:?}, asked for at 1,000 calls a second");
    let data = tempfile::tempdir()?;
    let host = host(data.path());
    let client = CurrencyServiceClient::new(host.transport(GATEWAY, CURRENCY));
    let currency = vitrine_shop_currency::build(vitrine_shop_currency::Config::default(), &Flags::of_code(), &host)?;
    let running = host.start(vec![currency]).await?;
    let faults = host.faults();
    faults.apply(&plan(1, &format!(r#"{{"delay": {{"ms": {}}}}}"#, DELAY.as_millis()))?, faults.epoch())?;
    let caller = client.clone();
    let [half, most] = tell_both("here", &evenly(move || convert(caller.clone())).await?);
    tell("got, p50", half, "ms", 102.0, false);
    tell("got, p50, is no less than was asked for", half, "ms", 100.0, true);
    tell("got, p99", most, "ms", 105.0, false);
    faults.apply(&plan(2, r#"{"error": {"code": "FAILED_PRECONDITION"}}"#)?, faults.epoch())?;
    let error_us = errors(&client).await?;
    let woken_ms = woken(&client, faults).await?;
    running.stop().await;
    tell(&format!("from stop-all to the last of {CALLERS} calls that slept"), woken_ms, "ms", 100.0, false);
    match Envoy::start(DELAY).await {
        Ok(envoy) => {
            tell_both("Envoy 1.40, a listener before no other server", &envoy.delayed().await?);
            let theirs_us = envoy.aborted().await.context("its abort")?;
            println!("  a call that an error ends: {error_us:.1} µs here, {theirs_us:.1} µs at Envoy over loopback");
        }
        Err(error) => println!("  Envoy could not be measured: {error:#}"),
    }
    println!("  method: {CALLERS} callers, each every {PAUSE:?}, from before the call to its end\n");
    Ok(())
}
