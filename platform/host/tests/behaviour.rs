//! How components live and die.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use vitrine_contracts::Problem;
use vitrine_contracts::ads::v1::ads_service_client::AdsServiceClient;
use vitrine_contracts::ads::v1::ads_service_server::{AdsService, AdsServiceServer};
use vitrine_contracts::ads::v1::{Ad, GetAdsRequest, GetAdsResponse};
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Component, Error, Host};
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::{Identity, Limits, Mesh, Transport, channel};
use vitrine_platform_telemetry::{Config, Telemetry};

/// Responds when the test lets it.
#[derive(Clone, Default)]
struct Slow {
    asked: Arc<Notify>,
    go: Arc<Notify>,
}

#[tonic::async_trait]
impl AdsService for Slow {
    async fn get_ads(&self, _: Request<GetAdsRequest>) -> Result<Response<GetAdsResponse>, Status> {
        self.asked.notify_one();
        self.go.notified().await;
        Ok(Response::new(GetAdsResponse { ads: vec![Ad::default()] }))
    }
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

#[tokio::test]
async fn a_stop_lets_calls_end_and_health_says_so_first() {
    let data = folder();
    let slow = Slow::default();
    let host = host(&data);
    let running =
        host.start(vec![Component::new("ads").grpc(AdsServiceServer::new(slow.clone()))]).await.expect("started");
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let uri: http::Uri = format!("http://{}", listener.local_addr().expect("an address")).parse().expect("a URI");
    let router = running.grpc();
    running.tracker().spawn(serve(listener, router, running.stop_token(), Duration::from_secs(5)));

    let there: Transport = channel(&uri).expect("a channel");
    let health = |service: &str| {
        let (mut client, service) = (HealthClient::new(there.clone()), service.to_owned());
        async move { client.check(HealthCheckRequest { service }).await.map(|r| r.into_inner().status()) }
    };
    assert_eq!(health("").await.expect("answered"), ServingStatus::Serving);
    assert_eq!(health("vitrine.ads.v1.AdsService").await.expect("answered"), ServingStatus::Serving);
    assert!(health("vitrine.nobody.v1.Nobody").await.is_err());

    let ask = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut reflection = ServerReflectionClient::new(there.clone());
    let mut answers =
        reflection.server_reflection_info(futures::stream::iter([request])).await.expect("answered").into_inner();
    let answer = answers.message().await.expect("answered").expect("one").message_response;
    let Some(MessageResponse::ListServicesResponse(listed)) = answer else { panic!("{answer:?}") };
    assert!(listed.service.iter().any(|s| s.name == "vitrine.ads.v1.AdsService"), "{listed:?}");

    // A call is under way when the stop comes: it ends well, and the stop waits for it.
    let mut ads = AdsServiceClient::new(there.clone());
    let call = tokio::spawn(async move { ads.get_ads(GetAdsRequest::default()).await });
    slow.asked.notified().await;
    let token = running.stop_token();
    let stopping = tokio::spawn(running.stop());
    token.cancelled().await;
    assert!(!stopping.is_finished());
    slow.go.notify_one();
    assert_eq!(call.await.expect("no panic").expect("answered").into_inner().ads.len(), 1);
    assert!(stopping.await.expect("no panic"), "all had ended in time");
    assert!(health("").await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_start_waits_for_what_must_be_done_first() {
    let data = folder();
    let done = Arc::new(Notify::new());
    let waits = done.clone();
    let ready = Component::new("ads").before_ready(async move {
        waits.notified().await;
        Ok(())
    });
    let host = host(&data);
    let starting = host.start(vec![ready]);
    tokio::pin!(starting);
    assert!(futures::poll!(starting.as_mut()).is_pending());
    done.notify_one();
    starting.await.expect("started").stop().await;

    let never = Component::new("ads").before_ready(async { Err(Problem::unavailable("no stock")) });
    let failed = self::host(&folder()).start(vec![never]).await.err().expect("not ready");
    assert!(matches!(failed, Error::NotReady { service: "ads", .. }), "{failed}");
    assert!(failed.to_string().contains("no stock"), "{failed}");
}

#[tokio::test]
async fn who_is_nowhere_is_named() {
    let data = folder();
    let host = host(&data);
    let _way = host.transport("ads", "catalog");
    let failed = host.start(vec![Component::new("ads")]).await.err().expect("catalog is nowhere");
    assert!(failed.to_string().contains("catalog"), "{failed}");
}

#[tokio::test]
async fn a_task_that_panics_harms_nobody() {
    let data = folder();
    let slow = Slow::default();
    slow.go.notify_one();
    let component = Component::new("ads")
        .grpc(AdsServiceServer::new(slow))
        .task("fails", |_| async { panic!("as asked") })
        .task("stays", |stop| async move { stop.cancelled().await });
    let host = host(&data);
    let ads = AdsServiceClient::new(host.transport("gateway", "ads"));
    let running = host.start(vec![component]).await.expect("started");
    ads.clone().get_ads(GetAdsRequest::default()).await.expect("answered");
    let began = Instant::now();
    assert!(running.stop().await && began.elapsed() < Duration::from_secs(5));
}
