//! Components that need each other, cannot start, or are watched while they stop; and what a failure looks like outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tower::ServiceExt;
use vitrine_contracts::Problem;
use vitrine_contracts::ads::v1::ads_service_client::AdsServiceClient;
use vitrine_contracts::ads::v1::ads_service_server::{AdsService, AdsServiceServer};
use vitrine_contracts::ads::v1::{Ad, GetAdsRequest, GetAdsResponse};
use vitrine_contracts::carts::v1::GetCartRequest;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::common::v1::PageRequest;
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{
    Component, Error, Failure, Host, PostgresConfig, Running, Storage, check_id, page_info, page_of,
};
use vitrine_platform_http::{Router, bind, serve};
use vitrine_platform_mesh::{Identity, Limits, Mesh, Replicas, Transport, channel};
use vitrine_platform_store as store;
use vitrine_platform_telemetry::{Config, Telemetry};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// Responds with its own id and, if it knows another service, with that one's.
#[derive(Clone)]
struct Ads {
    id: &'static str,
    other: Option<AdsServiceClient<Transport>>,
}

#[tonic::async_trait]
impl AdsService for Ads {
    async fn get_ads(&self, _: Request<GetAdsRequest>) -> Result<Response<GetAdsResponse>, Status> {
        let mut ads = vec![Ad { id: self.id.to_owned(), ..Ad::default() }];
        if let Some(other) = &self.other {
            ads.extend(other.clone().get_ads(GetAdsRequest::default()).await?.into_inner().ads);
        }
        Ok(Response::new(GetAdsResponse { ads }))
    }
}

fn ads(id: &'static str) -> AdsServiceServer<Ads> {
    AdsServiceServer::new(Ads { id, other: None })
}

fn host_with(data: &tempfile::TempDir, storage: Storage) -> Host {
    host(data).with_storage(storage)
}

fn host(data: &tempfile::TempDir) -> Host {
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    // Callers come over bare channels.
    let mesh = Mesh::new(Limits::default()).with_identity(Identity::new(Clock::system()).insecure());
    Host::new(data.path(), Clock::system(), 1, telemetry, mesh)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Puts what runs behind a listener, and answers with a way there.
async fn listen(running: &Running) -> Transport {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let uri: http::Uri = format!("http://{}", listener.local_addr().expect("an address")).parse().expect("a URI");
    let router = running.grpc();
    running.tracker().spawn(serve(listener, router, running.stop_token(), Duration::from_secs(5)));
    channel(&uri).expect("a channel")
}

async fn status(router: &Router, path: &str) -> u16 {
    let request = http::Request::get(path).body(tonic::body::Body::empty()).expect("a request");
    router.clone().oneshot(request).await.unwrap_or_else(|never| match never {}).status().as_u16()
}

async fn listed(there: Transport) -> Vec<String> {
    let ask = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut client = ServerReflectionClient::new(there);
    let answers = client.server_reflection_info(futures::stream::iter([request])).await;
    let answer = answers.expect("answered").into_inner().message().await.expect("answered").expect("one");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("{answer:?}") };
    let mut names: Vec<String> = list.service.into_iter().map(|s| s.name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_done_first_may_call_anybody() {
    let data = folder();
    let host = host(&data);
    // In a circle: each is made before the other one is there.
    let mut to_fraud = AdsServiceClient::new(host.transport("gateway", "fraud"));
    let other = Some(AdsServiceClient::new(host.transport("gateway", "ads")));
    let (asked, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, before, after) = (asked.clone(), done.clone(), done.clone());
    let first = Component::new("ads")
        .grpc(ads("a"))
        .before_ready(async move {
            let answer = to_fraud.get_ads(GetAdsRequest::default()).await.map_err(|_| Problem::internal())?;
            count.store(u32::try_from(answer.into_inner().ads.len()).expect("small"), Ordering::SeqCst);
            before.store(true, Ordering::SeqCst);
            Ok(())
        })
        .task("works", move |_| async move { assert!(after.load(Ordering::SeqCst), "only when all is ready") });
    let second = Component::new("fraud").grpc(AdsServiceServer::new(Ads { id: "f", other }));
    let running = host.start(vec![first, second]).await.expect("started");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(running.stop().await);
}

#[tokio::test]
async fn a_start_that_fails_leaves_nothing_running() {
    let data = folder();
    let ran = Arc::new(AtomicBool::new(false));
    let flag = ran.clone();
    let working = Component::new("ads").task("works", move |_| async move { flag.store(true, Ordering::SeqCst) });
    let failing = Component::new("fraud").before_ready(async { Err(Problem::unavailable("as asked")) });
    let failed = host(&data).start(vec![working, failing]).await.err().expect("not ready");
    assert!(matches!(failed, Error::NotReady { service: "fraud", .. }), "{failed}");
    tokio::task::yield_now().await;
    assert!(!ran.load(Ordering::SeqCst));

    let twice = host(&data).start(vec![Component::new("ads"), Component::new("ads")]).await.err().expect("twice");
    let cause = std::error::Error::source(&twice).expect("a cause").to_string();
    assert!(cause.contains("ads is placed twice"), "{twice}: {cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_are_ready_before_anything_is_done_and_a_start_without_them_says_why() {
    let data = folder();
    let mut server = vitrine_tests_engines::postgres(&[]).expect("PostgreSQL");
    let url = format!("postgres://postgres:swordfish@127.0.0.1:{}/postgres", server.port());
    let storage = Storage::Postgres(PostgresConfig { url: url.into(), ..PostgresConfig::default() });
    let (first, second) = (host_with(&data, storage.clone()), host_with(&data, storage));
    let component = |host: &Host| {
        let store = host.open_store("ads", store::Schema::new()).expect("nothing is asked of the server yet");
        let reader = store.clone();
        Component::new("ads").store(store).before_ready(async move {
            let read = reader.read_events(0, &["ads.ad.shown".to_owned()], 1).await;
            read.map(drop).map_err(|e| Problem::unavailable(&e.to_string()))
        })
    };
    let running = first.start(vec![component(&first)]).await.expect("started");
    assert!(running.stop().await);

    server.stop().expect("stopped");
    let failed = second.start(vec![component(&second)]).await.err().expect("no database");
    assert_eq!(failed.to_string(), "ads cannot use its database");
    let cause = std::error::Error::source(&failed).expect("a cause").to_string();
    let at = format!("postgres@127.0.0.1:{}/postgres", server.port());
    assert!(cause.contains(&at) && cause.contains("cannot be reached") && cause.contains("url"), "{cause}");
    assert!(!format!("{failed:?}").contains("swordfish"));
}

#[tokio::test]
async fn who_is_elsewhere_is_not_missed() {
    let data = folder();
    let host = host(&data);
    let _ways = [host.transport("ads", "catalog"), host.transport("ads", "orders")];
    let replicas = Replicas::At(vec!["127.0.0.1:9".parse().expect("an authority")]);
    host.mesh().place_remote("catalog", &replicas).expect("placed");
    let failed = host.start(vec![Component::new("ads")]).await.err().expect("orders is nowhere");
    assert!(matches!(&failed, Error::Unplaced(names) if names == &["orders"]), "{failed}");
}

#[tokio::test]
async fn ready_until_the_stop_and_alive_beyond() {
    let data = folder();
    let running = host(&data).start(vec![Component::new("ads").grpc(ads("a"))]).await.expect("started");
    let router = running.http();
    assert_eq!((status(&router, "/healthz").await, status(&router, "/readyz").await), (200, 200));
    assert!(running.stop().await);
    assert_eq!((status(&router, "/healthz").await, status(&router, "/readyz").await), (200, 503));
}

#[tokio::test]
async fn whoever_watches_is_told_and_holds_nobody_up() {
    let data = folder();
    let running = host(&data).start(vec![Component::new("ads").grpc(ads("a"))]).await.expect("started");
    let there = listen(&running).await;
    let mut watched = Vec::new();
    for service in ["", "vitrine.ads.v1.AdsService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut updates = HealthClient::new(there.clone()).watch(request).await.expect("answered").into_inner();
        let first = updates.message().await.expect("told").expect("one");
        assert_eq!(first.status(), ServingStatus::Serving);
        watched.push(updates);
    }
    let began = Instant::now();
    let stopping: JoinHandle<bool> = tokio::spawn(running.stop());
    for mut updates in watched {
        let last = tokio::time::timeout(PATIENCE, updates.message()).await.expect("in time").expect("told");
        assert_eq!(last.expect("one more").status(), ServingStatus::NotServing);
        let end = tokio::time::timeout(PATIENCE, updates.message()).await.expect("in time").expect("told");
        assert!(end.is_none(), "{end:?}");
    }
    assert!(stopping.await.expect("no panic"), "all had ended in time");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_served_is_listed_and_nothing_else() {
    let data = folder();
    let running = host(&data).start(vec![Component::new("ads").grpc(ads("a"))]).await.expect("started");
    let beside = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
    assert_eq!(
        listed(listen(&running).await).await,
        [beside[0], beside[1], "vitrine.ads.v1.AdsService", "vitrine.bus.v1.EventLogService"]
    );
    assert!(running.stop().await);
    let running = host(&data).start(Vec::new()).await.expect("started");
    assert_eq!(listed(listen(&running).await).await, beside);
    assert!(running.stop().await);
}

#[tokio::test]
async fn calls_go_to_the_service_of_their_area() {
    let data = folder();
    let host = host(&data);
    let running =
        host.start(vec![Component::new("ads").grpc(ads("a")), Component::new("carts")]).await.expect("started");
    let there = listen(&running).await;
    let answer = AdsServiceClient::new(there.clone()).get_ads(GetAdsRequest::default()).await.expect("answered");
    assert_eq!(answer.into_inner().ads[0].id, "a");
    // The service is here and does not answer this contract; another one is not here at all.
    let status = CartsServiceClient::new(there.clone()).get_cart(GetCartRequest::default()).await.expect_err("nobody");
    assert_eq!(status.code(), Code::Unimplemented);
    let mut fraud = vitrine_contracts::fraud::v1::fraud_service_client::FraudServiceClient::new(there);
    let status = fraud.list_assessments(tonic::Request::new(Default::default())).await.expect_err("nobody");
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(running.stop().await);
}

#[tokio::test]
async fn a_task_may_finish_what_it_does() {
    let data = folder();
    let (begun, finished) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (tell, flag) = (begun.clone(), finished.clone());
    let component = Component::new("ads").task("tidies", move |stop| async move {
        tell.notify_one();
        stop.cancelled().await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        flag.store(true, Ordering::SeqCst);
    });
    let running = host(&data).start(vec![component]).await.expect("started");
    begun.notified().await;
    assert!(running.stop().await);
    assert!(finished.load(Ordering::SeqCst));
}

#[test]
fn failures_say_what_may_be_said() {
    let seen = |failure: Failure| {
        let problem = Problem::from_status(&failure.into());
        (problem.code, problem.reason, problem.message)
    };
    let id = || "c_1".to_owned();
    for (error, code) in [
        (store::Error::Conflict { collection: "carts", id: id() }, Code::Aborted),
        (store::Error::Exists { collection: "carts", id: id() }, Code::AlreadyExists),
        (store::Error::Duplicate { collection: "carts", index: "email".to_owned() }, Code::AlreadyExists),
        (store::Error::Cursor, Code::InvalidArgument),
        (store::Error::Busy, Code::Unavailable),
        (store::Error::Closed, Code::Unavailable),
        (store::Error::Unavailable { server: "secret".to_owned(), source: "gone".into() }, Code::Unavailable),
        (store::Error::Unknown { server: "secret".to_owned(), source: "gone".into() }, Code::Unavailable),
        (store::Error::Engine("a secret path".into()), Code::Internal),
    ] {
        let text = error.to_string();
        let (seen_code, _, message) = seen(error.into());
        assert_eq!(seen_code, code, "{text}");
        assert!(!message.contains("c_1") && !message.contains("secret"), "{message}");
    }
    // What another service answered is handed on as it is.
    let far = Status::from(Problem::exhausted("OUT_OF_STOCK", "sold"));
    assert_eq!(seen(far.into()), (Code::ResourceExhausted, "OUT_OF_STOCK".to_owned(), "sold".to_owned()));
}

#[test]
fn pages_and_ids_are_checked() {
    let page = |size, cursor: &str| PageRequest { size, cursor: cursor.to_owned() };
    assert_eq!(page_of(None).expect("fine"), (20, None));
    assert_eq!(page_of(Some(&page(0, ""))).expect("fine"), (20, None));
    assert_eq!(page_of(Some(&page(100, "c"))).expect("fine"), (100, Some("c")));
    let problem = page_of(Some(&page(101, ""))).expect_err("too large");
    assert_eq!((problem.code, problem.field.as_deref()), (Code::InvalidArgument, Some("page.size")));
    assert_eq!(page_info(None).map(|p| p.next_cursor), Some(String::new()));
    let id = vitrine_kit::id::new("ord");
    assert_eq!(check_id("ord", &id, "order_id").expect("fine"), id);
    for bad in ["", "ord_", "cus_1", "ord_../x"] {
        let problem = check_id("ord", bad, "order_id").expect_err(bad);
        assert_eq!((problem.code, problem.field.as_deref()), (Code::InvalidArgument, Some("order_id")), "{bad}");
        assert!(problem.expected.is_some_and(|e| e.contains("ord_")));
    }
}
