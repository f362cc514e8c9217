//! What a store tells of its operations and connections.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use vitrine_platform_store::{Error, Query};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_capture::{Capture, Seen, value};

use crate::database::TestDatabase;
use crate::{Item, commit, event, read, schema, topics};

/// How often each operation was noted: its name, collection and error, with what says where on every one of them.
fn operations(seen: &Seen) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let metric = seen.metrics().rfind(|m| m.name == "db.client.operation.duration").expect("told");
    let Some(Data::Histogram(histogram)) = &metric.data else { panic!("a histogram: {metric:?}") };
    for point in &histogram.data_points {
        let has = |key| value(&point.attributes, key);
        assert!(has("db.system.name").is_some() && has("db.namespace").is_some(), "{point:?}");
        let parts = ["db.operation.name", "db.collection.name", "error.type"].map(has);
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        *all.entry(name).or_default() += point.count;
    }
    all
}

pub async fn operations_are_measured(place: &TestDatabase) {
    let telemetry = Telemetry::new(Config::default());
    let capture = Capture::of(&telemetry, Config::default()).await;
    let store = place.open(schema()).await.measured_by(&telemetry.service("test"));
    let item = Item::new("1", 2, "a tall vase");
    commit(&store, |tx| tx.insert(&item)).await.expect("committed");
    let again = commit(&store, |tx| tx.insert(&item)).await;
    assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
    commit(&store, |tx| tx.publish(event("e", 1))).await.expect("committed");
    read(&store, "1").await;
    store.find::<Item>(Query::eq("stock", 2)).await.expect("found");
    store.search::<Item>("text", "vase", 5, None).await.expect("found");
    store.count::<Item>(Query::all()).await.expect("counted");
    store.read_events(0, &topics(), 5).await.expect("read");
    store.prune_events(0).await.expect("pruned");
    let unknown = store.find::<Item>(Query::eq("colour", 2)).await;
    assert!(matches!(unknown, Err(Error::NoIndex { .. })), "{unknown:?}");

    let seen = capture.end().await;
    let expected = [
        "commit",
        "commit items",
        "commit items exists",
        "count items",
        "find items",
        "find items no_index",
        "get items",
        "prune_events outbox",
        "read_events outbox",
        "search items",
    ];
    let operations = operations(&seen);
    assert_eq!(operations.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(operations.values().all(|n| *n == 1), "{operations:?}");

    let count = seen.metrics().rfind(|m| m.name == "db.client.connection.count");
    // MongoDB's driver keeps its connections to itself.
    let Some(Data::Sum(count)) = count.and_then(|m| m.data.as_ref()) else { return };
    let of = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| match point.value {
        Some(Value::AsDouble(n)) => n,
        other => panic!("a number: {other:?}"),
    };
    let idle = count
        .data_points
        .iter()
        .filter(|p| value(&p.attributes, "db.client.connection.state").as_deref() == Some("idle"));
    assert!(idle.map(of).sum::<f64>() >= 1.0 && !count.is_monotonic, "{count:?}");
}
