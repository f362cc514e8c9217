//! Faults of a whole process, and that nothing keeps a process from being stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tonic::{Code, Request, Response, Status};
use vitrine_contracts::ads::v1::ads_service_client::AdsServiceClient;
use vitrine_contracts::ads::v1::ads_service_server::{AdsService, AdsServiceServer};
use vitrine_contracts::ads::v1::{GetAdsRequest, GetAdsResponse};
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::topics::CUSTOMER_ERASED;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Consumer, Event, HandleError, Handler, publish, with_inbox};
use vitrine_platform_faults::{At, Ended, Fault, SiteInfo, check_sites};
use vitrine_platform_host::{Component, Host, Running};
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::{Identity, Limits, Mesh, Transport, channel};
use vitrine_platform_store::{Schema, Store, Tx};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_faults::{apply, fault};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Default)]
struct Ads;

#[tonic::async_trait]
impl AdsService for Ads {
    async fn get_ads(&self, _: Request<GetAdsRequest>) -> Result<Response<GetAdsResponse>, Status> {
        Ok(Response::new(GetAdsResponse::default()))
    }
}

#[derive(Clone, Default)]
struct Counts(Arc<AtomicU32>);

#[tonic::async_trait]
impl Handler for Counts {
    async fn handle(&self, _: &Event, _: &mut Tx) -> Result<(), HandleError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// One process with a service that is called, one that publishes and one that follows it.
struct World {
    host: Host,
    running: Running,
    ads: AdsServiceClient<Transport>,
    customers: Store,
    counts: Counts,
    _data: tempfile::TempDir,
}

async fn world() -> World {
    let data = tempfile::tempdir().expect("a folder");
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    let mesh = Mesh::new(Limits::default()).with_identity(Identity::new(Clock::system()).insecure());
    let host = Host::new(data.path(), Clock::system(), 1, telemetry, mesh);
    let customers = host.open_store("customers", Schema::new()).expect("a database");
    let carts = host.open_store("carts", with_inbox(Schema::new())).expect("a database");
    let counts = Counts::default();
    let consumer = Consumer::new("count", "customers", &[CUSTOMER_ERASED], carts.clone(), counts.clone());
    let ads = AdsServiceClient::new(host.transport("gateway", "ads"));
    let components = vec![
        Component::new("ads").grpc(AdsServiceServer::new(Ads)),
        Component::new("customers").store(customers.clone()),
        Component::new("carts").store(carts).consumer(consumer),
    ];
    let running = host.start(components).await.expect("started");
    World { host, running, ads, customers, counts, _data: data }
}

impl World {
    fn apply(&self, faults: Vec<Fault>) {
        apply(self.host.faults(), faults);
    }

    async fn publish(&self, key: &str) {
        let mut tx = self.customers.begin();
        publish(&mut tx, CUSTOMER_ERASED, key, 0, &CustomerErased { customer_id: key.to_owned() });
        tx.commit().await.expect("published");
    }

    async fn ask(&self) -> Result<(), Status> {
        self.ads.clone().get_ads(GetAdsRequest::default()).await.map(drop)
    }
}

async fn eventually(mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time");
}

#[tokio::test]
async fn every_place_of_a_process_is_known() {
    let world = world().await;
    let sites = world.host.faults().sites();
    let has = |at, service: &str| sites.iter().any(|site| site.name.at == at && &*site.name.service == service);
    for (at, service) in [
        (At::Callee, "ads"),
        (At::Caller, "ads"),
        (At::Store, "customers"),
        (At::Consumer, "carts"),
        (At::Process, "ads"),
    ] {
        assert!(has(at, service), "{at:?} of {service}: {sites:?}");
    }
    let instance = world.host.pipeline().instance_id();
    assert!(sites.iter().all(|site| &*site.instance == instance), "as telemetry calls it: {sites:?}");
    let cpu = fault(r#"{"cpu": {"cores": 1}}"#, r#""at": "process", "service": ["ads"]"#, "");
    assert_eq!(check_sites(&cpu, &sites, 0)[0].place, "scope", "three services share the process");
    let alone: Vec<SiteInfo> = sites.iter().filter(|site| &*site.name.service == "ads").cloned().collect();
    assert_eq!(check_sites(&cpu, &alone, 0), []);
    assert!(world.running.stop().await);
}

#[tokio::test]
async fn with_everything_armed_everywhere_it_can_be_stopped() {
    let world = world().await;
    let any = |at: At| format!(r#""at": "{}", "service": ["*"]"#, at.name());
    world.apply(vec![
        fault(r#"{"hang": {}}"#, &any(At::Callee), ""),
        fault(r#"{"delay": {"ms": 60000}}"#, &any(At::Caller), ""),
        fault(r#"{"lose": {"leg": "request"}}"#, &any(At::Caller), ""),
        fault(r#"{"delay": {"ms": 60000}}"#, &any(At::Consumer), ""),
        fault(r#"{"hold": {"ms": 60000, "every_ms": 60000}}"#, &any(At::Relay), ""),
        fault(r#"{"delay": {"ms": 60000, "op": "read"}}"#, &any(At::Store), ""),
        fault(r#""unready""#, &any(At::Process), ""),
        fault(r#"{"clock": {"offset_ms": 3600000}}"#, &any(At::Process), r#", "scope": "process""#),
        fault(r#"{"cpu": {"cores": 0.1}}"#, &any(At::Process), r#", "scope": "process""#),
    ]);
    // Health and operations are never hit; they say what is so.
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let uri: http::Uri = format!("http://{}", listener.local_addr().expect("an address")).parse().expect("a URI");
    let (router, stop) = (world.running.grpc(), world.running.stop_token());
    world.running.tracker().spawn(serve(listener, router, stop, Duration::from_secs(1)));
    let there = channel(&uri).expect("a channel");
    let mut health = tonic_health::pb::health_client::HealthClient::new(there.clone());
    let status = tonic_health::pb::health_check_response::ServingStatus::NotServing;
    eventually(async || {
        let asked = health.check(tonic_health::pb::HealthCheckRequest::default()).await;
        asked.expect("health is answered").into_inner().status() == status
    })
    .await;
    world.publish("a").await;
    let hanging = tokio::spawn({
        let mut ads = world.ads.clone();
        async move { ads.get_ads(GetAdsRequest::default()).await.map(drop) }
    });
    eventually(async || world.host.faults().reports().iter().filter(|r| r.counts.hit > 0).count() >= 3).await;
    let began = Instant::now();
    let host = world.host.clone();
    assert!(world.running.stop().await, "all had ended in time");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let _ = hanging.await.expect("it goes on");
    assert!(host.faults().reports().iter().all(|report| report.ended == Some(Ended::StopAll)));
    assert!((host.clock().now_ms() - Clock::system().now_ms()).abs() < 60_000, "the clock is right again");
}

#[tokio::test]
async fn events_are_read_whatever_is_armed() {
    let world = world().await;
    // The reading of events is a call, and never hit.
    world.apply(vec![
        fault(r#"{"error": {"code": "UNAVAILABLE"}}"#, r#""at": "callee", "service": ["*"]"#, ""),
        fault(r#""refuse""#, r#""at": "caller", "service": ["*"]"#, ""),
    ]);
    assert_eq!(world.ask().await.expect_err("it is hit").code(), Code::Unavailable);
    world.publish("a").await;
    eventually(async || world.counts.0.load(Ordering::SeqCst) == 1).await;
    world.apply(Vec::new());
    world.ask().await.expect("well again");
    assert!(world.running.stop().await);
}

#[tokio::test]
async fn the_clock_is_wrong_and_drifts_and_is_right_again() {
    let world = world().await;
    let off = || world.host.clock().now_ms() - Clock::system().now_ms();
    let process = r#""at": "process", "service": ["ads"]"#;
    world.apply(vec![fault(r#"{"clock": {"offset_ms": -7200000}}"#, process, r#", "scope": "process""#)]);
    eventually(async || (off() + 7_200_000).abs() < 1_000).await;
    world.apply(vec![fault(r#"{"clock": {"ppm": 100000}}"#, process, r#", "scope": "process""#)]);
    eventually(async || (5..1_000).contains(&off())).await;
    world.apply(Vec::new());
    eventually(async || off().abs() < 5).await;
    let reports = world.host.faults().reports();
    assert!(reports.iter().all(|report| report.counts.hit == 1), "each began once: {reports:?}");
    assert!(world.running.stop().await);
}

#[tokio::test]
async fn a_service_leaks_and_stops_with_the_world_alone() {
    let world = world().await;
    world.apply(vec![
        fault(r#"{"memory": {"kib_per_call": 64, "cap_mib": 1}}"#, r#""at": "process", "service": ["ads"]"#, ""),
        fault(r#"{"memory": {"kib_per_call": 64, "cap_mib": 1}}"#, r#""at": "process", "service": ["carts"]"#, ""),
    ]);
    for _ in 0..4 {
        world.ask().await.expect("well");
    }
    assert_eq!(world.host.faults().leaked_bytes(), 4 * 64 * 1024);
    world.publish("a").await;
    eventually(async || world.host.faults().leaked_bytes() == 5 * 64 * 1024).await;
    world.apply(vec![fault(
        r#"{"hold": {"ms": 100, "every_ms": 60000}}"#,
        r#""at": "process", "service": ["ads"]"#,
        "",
    )]);
    assert_eq!(world.host.faults().leaked_bytes(), 0, "given back");
    let began = Instant::now();
    world.ask().await.expect("after the stop");
    assert!(began.elapsed() >= Duration::from_millis(50), "{:?}", began.elapsed());
    assert!(world.running.stop().await);
}
