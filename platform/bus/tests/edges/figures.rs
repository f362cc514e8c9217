//! What stands between publishing and handling, as figures.

use std::sync::Arc;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use tokio::sync::Semaphore;
use vitrine_contracts::bus::v1::FetchRequest;
use vitrine_contracts::bus::v1::event_log_service_client::EventLogServiceClient;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::topics::{CUSTOMER_ERASED, readers};
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Consumer, Event, HandleError, Handler, Log, publish};
use vitrine_platform_store::Tx;
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_capture::Capture;

use crate::{NAME, World, eventually, transport, world};

/// Handles as many events as it is told to.
struct Slow(Arc<Semaphore>);

#[tonic::async_trait]
impl Handler for Slow {
    async fn handle(&self, _: &Event, _: &mut Tx) -> Result<(), HandleError> {
        self.0.acquire().await.expect("open").forget();
        Ok(())
    }
}

/// What a gauge stands at; none before it is told.
async fn gauge(capture: &Capture, name: &str) -> Option<f64> {
    let seen = capture.seen().await;
    let Some(Data::Gauge(gauge)) = &seen.metrics().rfind(|m| m.name == name)?.data else { panic!("{name}: a gauge") };
    match gauge.data_points[0].value {
        Some(Value::AsDouble(n)) => Some(n),
        other => panic!("{name}: a number: {other:?}"),
    }
}

/// Publishes so many events that occur two seconds ago.
async fn publish_late(world: &World, n: usize) {
    let two_seconds_ago = Clock::system().now_ms() - 2000;
    for i in 0..n {
        let mut tx = world.producer.begin();
        let message = CustomerErased { customer_id: i.to_string() };
        publish(&mut tx, CUSTOMER_ERASED, "late", two_seconds_ago, &message);
        tx.commit().await.expect("published");
    }
}

async fn reported() -> (World, Telemetry, Capture) {
    let telemetry = Telemetry::new(Config::default());
    let capture = Capture::of(&telemetry, Config::default()).await;
    (world(), telemetry, capture)
}

#[tokio::test]
async fn a_consumer_tells_how_far_it_is_behind() {
    let (world, telemetry, capture) = reported().await;
    publish_late(&world, 3).await;
    let may = Arc::new(Semaphore::new(0));
    let consumer = Consumer::new(NAME, "customers", &[CUSTOMER_ERASED], world.store.clone(), Slow(may.clone()));
    let source = Box::new(Log::new(&consumer, transport("carts", world.log())));
    tokio::spawn(consumer.run(source, telemetry.service("carts"), world.stop.clone()));
    let (lag, age) = ("vitrine.messaging.consumer.lag", "vitrine.messaging.consumer.delay");
    eventually(async || gauge(&capture, lag).await == Some(3.0)).await;
    assert!(gauge(&capture, age).await >= Some(2.0));
    may.add_permits(2);
    eventually(async || gauge(&capture, lag).await == Some(1.0)).await;
    assert!(gauge(&capture, age).await >= Some(2.0));
    may.add_permits(1);
    eventually(async || gauge(&capture, lag).await == Some(0.0)).await;
    assert_eq!(gauge(&capture, age).await, Some(0.0));
}

#[tokio::test]
async fn an_outbox_tells_what_a_reader_has_not_fetched() {
    let (world, telemetry, capture) = reported().await;
    publish_late(&world, 1).await;
    let log = world.log();
    let outbox = log.outbox("customers").expect("it has topics");
    tokio::spawn(outbox.watch(telemetry.service("customers"), Clock::system(), world.stop.clone()));
    let (unsent, age) = ("vitrine.messaging.outbox.unsent", "vitrine.messaging.outbox.delay");
    eventually(async || gauge(&capture, unsent).await == Some(0.0)).await;
    assert_eq!(gauge(&capture, age).await, Some(0.0), "what was there before is nobody's business");
    publish_late(&world, 2).await;
    eventually(async || gauge(&capture, unsent).await == Some(2.0)).await;
    assert!(gauge(&capture, age).await >= Some(2.0));
    let all = readers(CUSTOMER_ERASED);
    for (n, reader) in all.iter().enumerate() {
        assert_eq!(gauge(&capture, unsent).await, Some(2.0), "{n} of {} have fetched them", all.len());
        let request = FetchRequest {
            source: "customers".to_owned(),
            topics: vec![CUSTOMER_ERASED.to_owned()],
            after: 3,
            limit: 1,
            wait_ms: 0,
            latest: false,
        };
        EventLogServiceClient::new(transport(reader, log.clone())).fetch(request).await.expect("answered");
    }
    eventually(async || gauge(&capture, unsent).await == Some(0.0)).await;
    assert_eq!(gauge(&capture, age).await, Some(0.0));
    assert!(log.outbox("nobody").is_none());
}
