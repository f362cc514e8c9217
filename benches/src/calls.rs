//! What a call costs: in process, over gRPC and over NATS.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use vitrine_contracts::currency::v1::ConvertRequest;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::services::{CURRENCY, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::clock::Clock;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::{Host, NatsUse};
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::identity::MIN_SECRET_BYTES;
use vitrine_platform_mesh::{Identity, Limits, Mesh, Replicas, Transport};
use vitrine_platform_nats::{self as nats, Nats};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_engines as engines;

use crate::goals::thousands;

/// Calls of each side, in turns.
const CALLS: usize = 20_000;
const TURNS: usize = 5;

pub(crate) fn host(data: &std::path::Path) -> Host {
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    let identity = Identity::new(Clock::system()).with_secret(&[7; MIN_SECRET_BYTES]).expect("long enough");
    let mesh = Mesh::new(Limits::default()).with_identity(identity);
    Host::new(data, Clock::system(), 1, telemetry, mesh)
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
    let server = engines::nats(&[])?;
    let config = nats::Config { url: server.url(), ..nats::Config::default() };
    let [here, by_grpc, by_nats] = [tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?];
    let used = NatsUse { calls: true, events: false };
    let near = host(here.path()).with_nats(Nats::connect(&config).await?, used);
    let local = CurrencyServiceClient::new(near.transport(GATEWAY, CURRENCY));
    let running = near
        .start(vec![vitrine_shop_currency::build(vitrine_shop_currency::Config::default(), &Flags::of_code(), &near)?])
        .await?;
    let listener = bind("127.0.0.1:0".parse()?).await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener, running.grpc(), running.stop_token(), Duration::from_secs(1)));

    let far = host(by_grpc.path());
    let replicas = Replicas::At(vec![address.to_string().parse().context("an address")?]);
    far.mesh().place_remote(CURRENCY, &replicas)?;
    let farther = host(by_nats.path());
    farther.mesh().place_outside(CURRENCY, Nats::connect(&config).await?.transport(CURRENCY)?)?;

    let mut sides = Vec::new();
    for (what, client) in [
        ("in process", local),
        ("over gRPC on loopback", CurrencyServiceClient::new(far.transport(GATEWAY, CURRENCY))),
        ("over NATS on loopback", CurrencyServiceClient::new(farther.transport(GATEWAY, CURRENCY))),
    ] {
        sides.push((what, client, Histogram::new(3)?));
    }
    for _ in 0..TURNS {
        for (_, client, latency) in &mut sides {
            side(client, latency).await?;
        }
    }
    running.stop().await;
    serving.await?;
    println!("A call through the Fence, telemetry off (goal: at most 5 us in process)");
    for (what, _, latency) in &sides {
        println!("  {what:<40}{:>8.1} us p50 {:>9.1} us p99", thousands(latency, 0.5), thousands(latency, 0.99));
    }
    println!("  method: {CALLS} calls of CurrencyService/Convert a side, one at a time, in {TURNS} turns\n");
    Ok(())
}
