//! `vitrine serve` with replicas: registered in a real Consul, called over mutual TLS, and restarted without a failed call.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use vitrine::settings::Settings;
use vitrine::{Plan, Served, serve};
use vitrine_contracts::currency::v1::ListCurrenciesRequest;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::services::CURRENCY;
use vitrine_platform_mesh::{Limits, Mesh, Placement};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_platform_tls as tls;
use vitrine_tests_engines::{Certificates, consul};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);

async fn start(data: &Path, settings: &Settings) -> Served {
    let plan = Plan { names: vec![CURRENCY.to_owned()], data: data.to_owned(), ..Plan::default() };
    serve(&plan, settings.clone()).await.expect("it starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_restarted_and_nobody_notices() {
    let (folder, consul) = (tempfile::tempdir().expect("a folder"), consul().expect("Consul"));
    let certificates = Certificates::new(folder.path()).expect("an authority");
    let files = |name: &str| {
        let (certificate, key) = certificates.issue(name).expect("issued");
        tls::Files { ca: certificates.authority(), certificate, key }
    };
    let mut settings = Settings { tls: files("server"), ..Settings::default() };
    settings.discovery.consul = serde_json::from_value(consul.url().into()).expect("an address");
    settings.discovery.register = true;
    settings.discovery.server_name = "localhost".to_owned();

    let client = tls::Client::new(&files("gateway")).expect("read");
    let mesh = Mesh::new(Limits::default()).with_remotes(settings.discovery.clone(), Some(client));
    let Placement::Grpc(replicas) = "consul://currency".parse().expect("a placement") else { panic!("not elsewhere") };
    let data = [0, 1].map(|i| folder.path().join(format!("data-{i}")));
    let mut served = vec![start(&data[0], &settings).await, start(&data[1], &settings).await];
    mesh.place_remote(CURRENCY, &replicas).expect("placed");
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    let currency = CurrencyServiceClient::new(mesh.transport(telemetry.service("gateway"), CURRENCY));

    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (mut currency, stop, answered) = (currency.clone(), stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    currency.list_currencies(ListCurrenciesRequest {}).await?;
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                Ok::<_, tonic::Status>(())
            })
        })
        .collect();
    let more = async || {
        let before = answered.load(Ordering::SeqCst);
        let looking = async {
            while answered.load(Ordering::SeqCst) < before + 50 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("in time");
    };
    // A client that comes back has another port, and only Consul knows it.
    for turn in 0..4 {
        more().await;
        served.remove(0).stop().await.unwrap_or_else(|e| panic!("turn {turn}: {e}"));
        more().await;
        served.push(start(&data[turn % 2], &settings).await);
    }
    more().await;
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.expect("no panic").expect("not one call failed");
    }
    for served in served {
        served.stop().await.expect("all had ended in time");
    }
}
