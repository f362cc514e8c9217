//! Equal senders, of which one is taken.

use std::time::Duration;

use vitrine_kit::clock::Clock;
use vitrine_observe_receive::{Access, Intake, ReplicaOptions, Replicas, remote_write_router};
use vitrine_observe_store::Series;
use vitrine_observe_store::Tenant;
use vitrine_observe_store::model::metrics::{SeriesWrite, encode_remote_write};
use vitrine_observe_store::series::{Budget, Filter, Labels, MetricType, Value};

use crate::common::{open_engine, post, text};

const V2: (&str, &str) = ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");

/// A sample of a replica, compressed with zstd; none of its labels where it has none.
fn body(metric: &str, replica: Option<&str>) -> Vec<u8> {
    let own = replica.map(|replica| [("__replica__", replica), ("cluster", "c")]);
    let labels = [("__name__", metric)].into_iter().chain(own.into_iter().flatten());
    let series = SeriesWrite {
        labels: Labels::of(labels),
        kind: MetricType::Gauge,
        help: String::new(),
        unit: String::new(),
        samples: vec![(Clock::system().now_ms(), 0, Value::Float(1f64.to_bits()))],
        exemplars: Vec::new(),
    };
    zstd::encode_all(&encode_remote_write(&[series])[..], 1).expect("compresses")
}

#[tokio::test]
async fn one_of_equal_senders_is_taken() {
    let (_folder, engine) = open_engine();
    let (clock, hands) = Clock::manual(1_700_000_000_000);
    let options = ReplicaOptions {
        cluster_label: "cluster".to_owned(),
        replica_label: "__replica__".to_owned(),
        failover: Duration::from_secs(30),
    };
    let replicas = Replicas::new(options, clock);
    let router =
        remote_write_router(&Intake::new(engine.clone(), Access::open()), engine.clone(), Some(replicas.clone()));
    let send = async |metric: &str, replica: Option<&str>| {
        let headers = [V2, ("content-encoding", "zstd")];
        let response = post(router.clone(), "/api/v1/write", &headers, body(metric, replica)).await;
        (response.status().as_u16(), text(response).await)
    };
    assert_eq!(send("one", Some("a")).await.0, 204);
    let (status, told) = send("one", Some("b")).await;
    assert_eq!((status, told.as_str()), (202, "replica \"b\" is not the one that is taken of its cluster\n"));
    assert_eq!(send("plain", None).await.0, 204, "who is no replica is taken");
    hands.advance(Duration::from_secs(31));
    assert_eq!(send("two", Some("b")).await.0, 204, "the first was silent for too long");
    assert_eq!(send("two", Some("a")).await.0, 202);
    assert_eq!((replicas.dropped(), replicas.elections()), (2, 2));
    let series = engine.series(&Tenant::default());
    let budget = Budget::new(1 << 20, 1000, Duration::from_secs(10));
    let all = Filter { matchers: Vec::new(), start_ms: 0, end_ms: i64::MAX };
    assert_eq!(series.label_names(&all, &budget).expect("names"), ["__name__", "cluster"], "no series names a replica");
    assert_eq!(series.label_values("__name__", &all, &budget).expect("values"), ["one", "plain", "two"]);
    let bent = post(router.clone(), "/api/v1/write", &[V2, ("content-encoding", "zstd")], vec![1, 2, 3]).await;
    assert_eq!(bent.status().as_u16(), 400);
}
