//! Rates, errors and latencies for Jaeger's Monitor page.

use std::sync::Arc;

use serde_json::{Value, json};
use vitrine_observe_store::model::{SpanKind, StatusCode};
use vitrine_observe_store::{Operation, RedRow};

use crate::bounds::Scripted;
use crate::client::{get, open, open_engine};

/// 2023-11-14T22:14:00Z.
const MINUTE_NS: u64 = 1_700_000_040_000_000_000;
const STEP_NS: u64 = 60_000_000_000;

/// Figures of one minute, all durations in one bucket.
fn row(minute: u64, name: &str, kind: SpanKind, status: StatusCode, count: u32, bucket: usize) -> RedRow {
    let mut buckets = vec![0; 80];
    buckets[bucket] = count;
    RedRow {
        time_ns: MINUTE_NS + minute * STEP_NS,
        service: "shop".into(),
        operation: Operation { name: name.into(), kind },
        status,
        count: count.into(),
        duration_ns: 0,
        buckets,
    }
}

async fn ask(query: &str) -> Value {
    let red = vec![
        // Bucket 20 is from 2^20 ns (1.048576 ms), bucket 22 from 2^21.
        row(0, "buy", SpanKind::Server, StatusCode::Unset, 90, 20),
        row(0, "buy", SpanKind::Server, StatusCode::Error, 30, 22),
        row(0, "call", SpanKind::Client, StatusCode::Unset, 600, 0),
        row(1, "look", SpanKind::Server, StatusCode::Ok, 60, 20),
    ];
    let services = |_: &vitrine_observe_store::Tenant| Ok(vec!["shop".to_owned()]);
    let (folder, store) = open_engine();
    let engine = Arc::new(Scripted { store, _folder: folder, services, red });
    // Windows and steps of a minute, three points: 22:15, 22:16 and 22:17.
    let end = "endTs=1700000279999&lookback=120000&step=1&ratePer=60000";
    let answer = get(&open(&engine), &format!("/jaeger/api/metrics/{query}&{end}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn point(minute: u64, value: f64) -> Value {
    json!({ "gaugeValue": { "doubleValue": value }, "timestamp": format!("2023-11-14T22:{minute}:00Z") })
}

#[tokio::test]
async fn calls_are_rates_of_each_window() {
    let expected = json!({
        "name": "service_call_rate", "type": "GAUGE", "help": "calls/sec, grouped by service",
        "metrics": [{
            "labels": [{ "name": "service_name", "value": "shop" }],
            "metricPoints": [point(15, 2.0), point(16, 1.0), point(17, 0.0)],
        }],
    });
    assert_eq!(ask("calls?service=shop&service=other").await, expected);
}

#[tokio::test]
async fn errors_are_parts_of_the_calls_by_operation() {
    let body = ask("errors?service=shop&groupByOperation=true&spanKind=server&spanKind=client").await;
    assert_eq!(body["name"], "service_operation_error_rate");
    assert_eq!(
        body["help"],
        "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service & operation"
    );
    let look = json!({
        "labels": [{ "name": "operation", "value": "look" }, { "name": "service_name", "value": "shop" }],
        "metricPoints": [point(16, 0.0)],
    });
    assert!(body["metrics"].as_array().is_some_and(|lines| lines.contains(&look)), "{body:#}");
}

#[tokio::test]
async fn latencies_are_quantiles_in_milliseconds() {
    let body = ask("latencies?service=shop&quantile=0.5").await;
    assert_eq!(body["help"], "0.50th quantile latency, grouped by service");
    let value = body["metrics"][0]["metricPoints"][0]["gaugeValue"]["doubleValue"].as_f64().expect("a number");
    // The 60th of 90 spans in a bucket from 2^20 ns to 2^20.5 ns.
    assert!((value - (1.048_576 + 0.434_334_4 * 2.0 / 3.0)).abs() < 1e-6, "{value}");
    let first = ask("latencies?service=shop&quantile=0.95&spanKind=client&ratePer=600000").await;
    let points = first["metrics"][0]["metricPoints"].as_array().expect("points");
    assert_eq!(points.len(), 3, "each window of ten minutes has the spans");
    let value = points[0]["gaugeValue"]["doubleValue"].as_f64().expect("a number");
    assert!((value - 0.95 * 0.001_448_154_7).abs() < 1e-9, "the first bucket begins at zero: {value}");
}
