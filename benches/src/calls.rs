//! What a call costs: in process against over gRPC.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use vitrine_contracts::currency::v1::ConvertRequest;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::services::CURRENCY;
use vitrine_kit::clock::Clock;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::Host;
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::{Limits, Mesh, Replicas, Transport};
use vitrine_platform_telemetry::{Config, Telemetry};

/// Calls of each side, in turns.
const CALLS: usize = 20_000;
const TURNS: usize = 5;

fn host(data: &std::path::Path) -> Host {
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    Host::new(data, Clock::system(), 1, telemetry, Mesh::new(Limits::default()))
}

async fn side(client: &CurrencyServiceClient<Transport>, latency: &mut Histogram<u64>) -> Result<()> {
    let request = ConvertRequest { from: Some(Money::new(Currency::EUR, 1250).into()), to_code: "JPY".to_owned() };
    for _ in 0..CALLS / TURNS {
        let began = Instant::now();
        client.clone().convert(request.clone()).await?;
        latency.record(u64::try_from(began.elapsed().as_nanos())?)?;
    }
    Ok(())
}

pub(crate) async fn compare() -> Result<()> {
    let (here, there) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let near = host(here.path());
    let local = CurrencyServiceClient::new(near.transport("bench", CURRENCY));
    let config = vitrine_shop_currency::Config::default();
    let running = near.start(vec![vitrine_shop_currency::build(config, &near)?]).await?;
    let listener = bind("127.0.0.1:0".parse()?).await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener, running.grpc(), running.stop_token(), Duration::from_secs(1)));

    let far = host(there.path());
    let replicas = Replicas::At(vec![address.to_string().parse().context("an address")?]);
    far.mesh().place_remote(CURRENCY, &replicas)?;
    let remote = CurrencyServiceClient::new(far.transport("bench", CURRENCY));

    let (mut in_process, mut over_grpc) = (Histogram::new(3)?, Histogram::new(3)?);
    for _ in 0..TURNS {
        side(&local, &mut in_process).await?;
        side(&remote, &mut over_grpc).await?;
    }
    running.stop().await;
    serving.await?;
    let us = |h: &Histogram<u64>, share| h.value_at_quantile(share) as f64 / 1000.0;
    println!("A call through the Fence, telemetry off");
    for (what, histogram) in [("in process", &in_process), ("over gRPC on loopback", &over_grpc)] {
        println!("  {what:<40}{:>8.1} us p50 {:>9.1} us p99", us(histogram, 0.5), us(histogram, 0.99));
    }
    println!("  {:<40}{:>8.1}", "ratio of medians", us(&over_grpc, 0.5) / us(&in_process, 0.5));
    println!("  method: {CALLS} calls of CurrencyService/Convert a side, one at a time, in {TURNS} turns\n");
    Ok(())
}
