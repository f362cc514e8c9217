//! Metric points become series, and rows again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics};
use proptest::prelude::{ProptestConfig, proptest};
use proptest::prop_assert;
use prost::Message;
use vitrine_observe_model::metrics::{Beside, SentSeries, SeriesLimits, Taking, Translation, Written, decode_otlp};
use vitrine_observe_model::{BesideSamples, Malformed, PointRows, Table};
use vitrine_observe_series::{Budget, Head, Select, Snapshot};

use crate::expected::ARRIVAL_NS;
use crate::requests;

const NANOS_PER_MILLI: u64 = 1_000_000;
/// How far ahead a point may be.
const AHEAD_NS: u64 = 600_000_000_000;

/// Takes a request, if it is one.
pub fn take(head: &Arc<Head>, request: &[u8]) -> Result<Written, Malformed> {
    let mut batch = head.batch();
    let mut taking = Taking {
        translation: &Translation::default(),
        limits: &SeriesLimits::default(),
        arrival_ns: ARRIVAL_NS,
        oldest_ms: i64::MIN,
        new_series: u64::MAX,
        is_full: false,
    };
    let written = decode_otlp(request, &mut taking, &mut batch)?;
    head.apply(&batch);
    Ok(written)
}

/// All points of a head as one batch, and what was sent of its series.
pub fn points(head: &Arc<Head>) -> (RecordBatch, Vec<Arc<SentSeries>>) {
    let budget = Budget::new(256 << 20, u64::MAX, Duration::from_secs(60));
    let select = Select { matchers: Vec::new(), after_ms: i64::MIN, until_ms: i64::MAX };
    let snapshot = Snapshot::new(Vec::new(), vec![head.clone()]);
    let mut scan = snapshot.scan(select, true, &budget).expect("it can be asked");
    let (mut rows, mut all) = (PointRows::default(), Vec::new());
    while let Some(block) = scan.next_block().expect("it can be read") {
        for (at, series) in block.iter().enumerate() {
            let Some(sent) = SentSeries::read(series).map(Arc::new) else { continue };
            let samples = scan.samples(at).expect("it can be read");
            let mut beside = |which: Beside| scan.hidden(&which.of(sent.identity())).expect("it can be read");
            let (rest, least, greatest) = (beside(Beside::Rest), beside(Beside::Least), beside(Beside::Greatest));
            rows.add(&sent, &samples, &BesideSamples { rest, least, greatest }, 0..samples.times.len());
            all.push(sent);
        }
    }
    rows.finish();
    let batch = rows.take(usize::MAX, &HashMap::new(), None).expect("a small batch");
    assert_eq!(batch.schema(), Table::Metrics.schema());
    (batch, all)
}

/// A point: the metric, the time in milliseconds, and its value.
type Point = (String, u64, String);

fn number(value: Option<Number>) -> String {
    match value {
        Some(Number::AsInt(whole)) => whole.to_string(),
        Some(Number::AsDouble(real)) if real.is_nan() => "NaN".to_owned(),
        Some(Number::AsDouble(real)) => real.to_string(),
        None => "0".to_owned(),
    }
}

fn shown(batch: &RecordBatch) -> Vec<Point> {
    let column = |name: &str| batch.column_by_name(name).expect("a column").clone();
    let (names, times, kinds) = (column("name"), column("time"), column("kind"));
    let (values, wholes) = (column("value"), column("value_int"));
    let (counts, sums, least) = (column("count"), column("sum"), column("min"));
    let word = |words: &arrow_array::ArrayRef, row: usize| {
        let words = words.as_dictionary::<Int32Type>();
        words.values().as_string::<i32>().value(words.key(row).expect("a word")).to_owned()
    };
    let row = |row: usize| {
        let value = if word(&kinds, row).contains("histogram") {
            let (sums, least) = (sums.as_primitive::<Float64Type>(), least.as_primitive::<Float64Type>());
            let count = counts.as_primitive::<UInt64Type>().value(row);
            format!("{count} {} {:?}", sums.value(row), least.is_valid(row).then(|| least.value(row)))
        } else if wholes.is_valid(row) {
            wholes.as_primitive::<Int64Type>().value(row).to_string()
        } else {
            number(Some(Number::AsDouble(values.as_primitive::<Float64Type>().value(row))))
        };
        let time = times.as_primitive::<TimestampNanosecondType>().value(row) as u64 / NANOS_PER_MILLI;
        (word(&kinds, row), word(&names, row), time, value)
    };
    let rows = (0..batch.num_rows()).filter(|row| !word(&kinds, *row).contains("summary"));
    rows.map(row).map(|(kind, name, time, value)| (format!("{kind} {name}"), time, value)).collect()
}

/// The points that are taken of a request, by what identifies them.
fn expected(request: &ExportMetricsServiceRequest) -> BTreeMap<(Vec<u8>, u64), Point> {
    let sorted = |attributes: &[KeyValue]| {
        let mut all: Vec<Vec<u8>> = attributes.iter().map(Message::encode_to_vec).collect();
        all.sort();
        format!("{all:?}")
    };
    let time_ms = |time: u64| if time == 0 { ARRIVAL_NS } else { time }.min(i64::MAX as u64) / NANOS_PER_MILLI;
    let is_ahead = |time: u64| time > ARRIVAL_NS + AHEAD_NS;
    let mut found = BTreeMap::new();
    for group in &request.resource_metrics {
        for scoped in &group.scope_metrics {
            for metric in &scoped.metrics {
                let scope = scoped.scope.clone().unwrap_or_default();
                let of_scope = format!("{:?} {}", (&scope.name, &scope.version), sorted(&scope.attributes));
                let resource = group.resource.clone().unwrap_or_default().attributes;
                let shared = format!("{} {} {of_scope} {}", sorted(&resource), group.schema_url, scoped.schema_url);
                let mut add = |kind: &str, about: String, attributes: &[KeyValue], time: u64, value: String| {
                    if !is_ahead(time) {
                        let series = format!(
                            "{shared} {kind} {about} {:?} {}",
                            (&metric.name, &metric.unit),
                            sorted(attributes)
                        );
                        let point = (format!("{kind} {}", metric.name), time_ms(time), value);
                        found.insert((series.into_bytes(), time_ms(time)), point);
                    }
                };
                match &metric.data {
                    Some(Data::Gauge(gauge)) => {
                        gauge.data_points.iter().filter(|point| point.flags & 1 == 0).for_each(|point| {
                            add("gauge", String::new(), &point.attributes, point.time_unix_nano, number(point.value));
                        })
                    }
                    Some(Data::Sum(sum)) => {
                        sum.data_points.iter().filter(|point| point.flags & 1 == 0).for_each(|point| {
                            let about = format!("{} {}", sum.aggregation_temporality == 1, sum.is_monotonic);
                            add("sum", about, &point.attributes, point.time_unix_nano, number(point.value));
                        })
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn numbers_come_back(sent in requests::metrics()) {
        let head = Head::new(100_000);
        let written = take(&head, &sent.encode_to_vec()).expect("a sound request");
        let (batch, _) = points(&head);
        let is_number = |point: &&Point| point.0.starts_with("gauge") || point.0.starts_with("sum");
        let found: BTreeSet<Point> = shown(&batch).iter().filter(is_number).cloned().collect();
        let mut all: BTreeSet<Point> = BTreeSet::new();
        for (_, (name, time, value)) in expected(&sent) {
            // Whole numbers have one form, whatever they were sent as.
            let value = match value.parse::<f64>() {
                Ok(real) if real.fract() == 0.0 && real.abs() < 9e15 && value != "-0" => format!("{real}"),
                _ => value,
            };
            all.insert((name, time, value));
        }
        if written.refused.total() == 0 {
            prop_assert!(all.is_subset(&found), "{all:?} {found:?}");
        }
        // Nothing is told that was not sent.
        prop_assert!(found.iter().filter(|point| point.2 != "0" ).all(|point| all.contains(point)), "{all:?} {found:?}");
    }
}

#[test]
fn series_of_rows_are_known_again() {
    let pair = |(key, value): &(&str, i64)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(Proto::IntValue(*value)) }),
        ..KeyValue::default()
    };
    let row_series = |attributes: &[(&str, i64)], name: &str| {
        let attributes = attributes.iter().map(pair).collect();
        let point = NumberDataPoint { attributes, value: Some(Number::AsInt(1)), ..NumberDataPoint::default() };
        let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
        let metric = Metric { name: name.to_owned(), data, ..Metric::default() };
        let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
        let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let head = Head::new(10);
        let request = ExportMetricsServiceRequest { resource_metrics: vec![resource] };
        take(&head, &request.encode_to_vec()).expect("a sound request");
        points(&head).1[0].row_series().expect("it came by OTLP")
    };
    let first = row_series(&[("a", 1), ("b", 2)], "m");
    assert_eq!(first, 10_696_701_173_060_880_647, "as earlier releases wrote it: this must never change");
    assert_eq!(first, row_series(&[("b", 2), ("a", 1)], "m"));
    for (attributes, name) in [(&[("a", 1)][..], "m"), (&[("a", 2), ("b", 1)], "m"), (&[("a", 1), ("b", 2)], "n")] {
        assert_ne!(first, row_series(attributes, name));
    }
}
