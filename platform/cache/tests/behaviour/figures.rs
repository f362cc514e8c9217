//! What a service tells about its cache.

use std::collections::BTreeMap;

use anyhow::Result;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use tonic::Status;
use vitrine_platform_cache::Config;
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_tests_capture::{Capture, Seen};

use crate::{LONG, Source, config, engine, key, secured};

/// Attributes as they would be written.
fn shown(attributes: &[KeyValue]) -> String {
    attributes.iter().map(vitrine_tests_capture::shown).collect::<Vec<_>>().join(",")
}

/// How often each thing was counted, by instrument and attributes.
fn counted(seen: &Seen) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    // The process tells of itself, too.
    for metric in seen.metrics().filter(|metric| metric.name.starts_with("cache.")) {
        match &metric.data {
            Some(Data::Sum(sum)) => {
                for point in &sum.data_points {
                    let Some(Value::AsInt(n)) = point.value else { panic!("a whole number") };
                    let name = format!("{} {}", metric.name, shown(&point.attributes));
                    counted.insert(name, u64::try_from(n).expect("not negative"));
                }
            }
            Some(Data::Histogram(histogram)) => {
                for point in &histogram.data_points {
                    counted.insert(format!("{} {}", metric.name, shown(&point.attributes)), point.count);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_misses_errors_and_loads_are_told() -> Result<()> {
    let mut server = secured()?;
    let engine = engine(&Config { timeout_ms: 1000, ..config(&server) }).await?;
    let telemetry = Telemetry::new(TelemetryConfig::default());
    let capture = Capture::of(&telemetry, TelemetryConfig::default()).await;
    let (cache, source) = (engine.cache(&telemetry.service("shop")), Source::default());

    for _ in 0..3 {
        source.get(&cache, key("a", "t"), LONG).await?;
    }
    let failed = cache.get_or_load(key("b", "t"), LONG, || async { Err(Status::not_found("nothing")) }).await;
    assert!(failed.is_err());
    server.kill()?;
    cache.limit("a", 1, 5).await;
    for _ in 0..2 {
        source.get(&cache, key("a", "t"), LONG).await?;
    }

    crate::eventually("metrics", async || !counted(&capture.seen().await).is_empty()).await;
    let expected = [
        ("cache.errors operation=limit", 1),
        ("cache.load.duration kind=thing,outcome=failed", 1),
        ("cache.load.duration kind=thing,outcome=loaded", 3),
        ("cache.reads kind=thing,result=gone", 2),
        ("cache.reads kind=thing,result=hit", 2),
        ("cache.reads kind=thing,result=miss", 2),
    ];
    let counted = counted(&capture.end().await);
    assert_eq!(counted, expected.into_iter().map(|(name, n)| (name.to_owned(), n)).collect());
    Ok(())
}
