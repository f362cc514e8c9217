//! OTLP's points as series.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::{any, proptest};
use prost::Message;
use vitrine_observe_model::metrics::HistogramForm;
use vitrine_observe_series::{Bucket, CounterReset, STALE, Temporality, Value};

use crate::support::{NOW_MS, NOW_NS, Store};

fn pair(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn number(value: f64) -> NumberDataPoint {
    NumberDataPoint {
        time_unix_nano: NOW_NS,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn sum(points: Vec<NumberDataPoint>, temporality: i32) -> Data {
    Data::Sum(Sum { data_points: points, aggregation_temporality: temporality, is_monotonic: true })
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: "help".into(),
        data: Some(data),
        ..Metric::default()
    }
}

fn request_of(resource: Vec<KeyValue>, metrics: Vec<Metric>) -> Vec<u8> {
    let resource = Some(Resource { attributes: resource, ..Resource::default() });
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn request(metrics: Vec<Metric>) -> Vec<u8> {
    request_of(vec![pair("service.name", "shop")], metrics)
}

fn explicit(counts: Vec<u64>, bounds: Vec<f64>) -> HistogramDataPoint {
    HistogramDataPoint {
        time_unix_nano: NOW_NS,
        start_time_unix_nano: NOW_NS - 5_000_000_000,
        count: counts.iter().sum(),
        sum: Some(12.5),
        bucket_counts: counts,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    }
}

fn histogram(point: HistogramDataPoint) -> Data {
    Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: 2 })
}

#[test]
fn totals_are_counters_and_deltas_stay_deltas() {
    let store = Store::new();
    let point = NumberDataPoint {
        attributes: vec![pair("http.method", "GET")],
        start_time_unix_nano: NOW_NS - 1_000_000_000,
        ..number(4.0)
    };
    let metrics = vec![
        metric("http.requests", "1", sum(vec![point.clone()], 2)),
        metric("http.errors", "1", sum(vec![point], 1)),
        metric("load", "1", Data::Gauge(Gauge { data_points: vec![number(0.5)] })),
    ];
    let written = store.otlp(&request(metrics)).expect("sound");
    assert_eq!((written.samples, written.refused.total()), (3, 0));
    let total = "{__name__=\"http_requests_total\", http_method=\"GET\", job=\"shop\"}";
    assert_eq!(store.samples(total), [(NOW_MS, NOW_MS - 1000, Value::Float(4f64.to_bits()))]);
    assert_eq!(store.temporality(total), Temporality::Cumulative);
    let delta = "{__name__=\"http_errors_total\", http_method=\"GET\", job=\"shop\"}";
    assert_eq!(store.temporality(delta), Temporality::Delta);
    assert_eq!(store.float("{__name__=\"load_ratio\", job=\"shop\"}"), 0.5);
    let told = &store.metadata("http_requests_total")[0];
    assert_eq!((told.help.as_str(), told.unit.as_str()), ("help", ""));
}

#[test]
fn explicit_histograms_are_kept_whole_and_shown_as_is_asked_for() {
    let point = HistogramDataPoint {
        exemplars: vec![Exemplar {
            time_unix_nano: NOW_NS,
            trace_id: vec![7; 16],
            span_id: vec![9; 8],
            value: Some(exemplar::Value::AsDouble(0.2)),
            filtered_attributes: vec![pair("user", "x")],
        }],
        ..explicit(vec![3, 0, 2], vec![0.1, 0.5])
    };
    let data = || request(vec![metric("latency", "s", histogram(point.clone()))]);
    let classic = Store::new();
    assert_eq!(classic.otlp(&data()).expect("sound").histograms, 1);
    for (labels, value) in [
        ("{__name__=\"latency_seconds_bucket\", job=\"shop\", le=\"+Inf\"}", 5.0),
        ("{__name__=\"latency_seconds_bucket\", job=\"shop\", le=\"0.1\"}", 3.0),
        ("{__name__=\"latency_seconds_bucket\", job=\"shop\", le=\"0.5\"}", 3.0),
        ("{__name__=\"latency_seconds_count\", job=\"shop\"}", 5.0),
        ("{__name__=\"latency_seconds_sum\", job=\"shop\"}", 12.5),
    ] {
        assert_eq!(classic.float(labels), value, "{labels}");
    }
    assert_eq!(classic.labels().len(), 5);
    let exemplars = classic.exemplars("latency_seconds_bucket");
    assert_eq!(exemplars.len(), 1, "in the bucket that it belongs to: {exemplars:?}");
    assert_eq!(exemplars[0].labels.get("le"), Some("0.5"));
    let labels = &exemplars[0].exemplars[0].labels;
    assert_eq!((labels.get("trace_id"), labels.get("user")), (Some("07".repeat(16).as_str()), Some("x")));

    let mut native = Store::new();
    native.translation.histograms = HistogramForm::Native;
    native.otlp(&data()).expect("sound");
    assert_eq!(native.labels(), ["{__name__=\"latency_seconds\", job=\"shop\"}"]);
    let (_, start, Value::Histogram(kept)) = &native.samples("{__name__=\"latency_seconds\", job=\"shop\"}")[0] else {
        panic!("a histogram")
    };
    assert_eq!(*start, NOW_MS - 5000);
    assert_eq!(kept.positive, [Bucket { index: 0, count: 3.0 }, Bucket { index: 2, count: 2.0 }]);
    assert_eq!(kept.custom_bounds[..], [0.1, 0.5]);

    let mut both = Store::new();
    both.translation.histograms = HistogramForm::Both;
    both.otlp(&data()).expect("sound");
    assert_eq!(both.labels().len(), 6);
}

#[test]
fn a_histogram_without_sum_or_buckets_has_none() {
    let store = Store::new();
    let point = HistogramDataPoint {
        sum: None,
        count: 7,
        bucket_counts: vec![],
        explicit_bounds: vec![],
        ..explicit(vec![], vec![])
    };
    store.otlp(&request(vec![metric("m", "", histogram(point))])).expect("sound");
    let expected = ["{__name__=\"m_bucket\", job=\"shop\", le=\"+Inf\"}", "{__name__=\"m_count\", job=\"shop\"}"];
    assert_eq!(store.labels(), expected);
    assert_eq!(store.float(expected[0]), 7.0);
}

#[test]
fn exponential_histograms_have_prometheus_places_and_scales() {
    let store = Store::new();
    let point = |scale, offset, temporality: u64| ExponentialHistogramDataPoint {
        time_unix_nano: NOW_NS + temporality,
        count: 10,
        sum: Some(3.0),
        scale,
        zero_count: 1,
        positive: Some(Buckets { offset, bucket_counts: vec![1, 2, 3, 3] }),
        ..ExponentialHistogramDataPoint::default()
    };
    let points = vec![point(3, -2, 0), point(10, -3, 1_000_000), point(-5, 0, 2_000_000)];
    let data = Data::ExponentialHistogram(ExponentialHistogram { data_points: points, aggregation_temporality: 1 });
    let written = store.otlp(&request(vec![metric("e", "", data)])).expect("sound");
    assert_eq!((written.histograms, written.refused.total()), (2, 1));
    assert!(written.reasons[0].to_string().starts_with("scale: -5; expected at least -4"), "{:?}", written.reasons);
    let samples = store.samples("{__name__=\"e\", job=\"shop\"}");
    let kept: Vec<_> = samples
        .iter()
        .map(|(_, _, value)| match value {
            Value::Histogram(kept) => kept.clone(),
            Value::Float(_) => panic!("a histogram"),
        })
        .collect();
    let places = |place: usize| kept[place].positive.iter().map(|b| (b.index, b.count)).collect::<Vec<_>>();
    assert_eq!((kept[0].schema, places(0)), (3, vec![(-1, 1.0), (0, 2.0), (1, 3.0), (2, 3.0)]));
    // Four buckets of scale 10 are one of scale 8: -3, -2 and -1 are in the one that ends at 1, 0 is in the next.
    assert_eq!((kept[1].schema, places(1)), (8, vec![(0, 6.0), (1, 3.0)]));
    assert_eq!((kept[0].reset, kept[0].zero_threshold), (CounterReset::Gauge, 1e-128));
}

#[test]
fn summaries_are_series_for_each_of_their_parts() {
    let store = Store::new();
    let point = SummaryDataPoint {
        time_unix_nano: NOW_NS,
        count: 3,
        sum: 9.0,
        quantile_values: vec![
            ValueAtQuantile { quantile: 0.99, value: 4.0 },
            ValueAtQuantile { quantile: 1.0, value: 5.0 },
        ],
        ..SummaryDataPoint::default()
    };
    let data = Data::Summary(Summary { data_points: vec![point] });
    store.otlp(&request(vec![metric("rpc", "ms", data)])).expect("sound");
    for (labels, value) in [
        ("{__name__=\"rpc_milliseconds\", job=\"shop\", quantile=\"0.99\"}", 4.0),
        ("{__name__=\"rpc_milliseconds\", job=\"shop\", quantile=\"1\"}", 5.0),
        ("{__name__=\"rpc_milliseconds_count\", job=\"shop\"}", 3.0),
        ("{__name__=\"rpc_milliseconds_sum\", job=\"shop\"}", 9.0),
    ] {
        assert_eq!(store.float(labels), value, "{labels}");
    }
}

#[test]
fn a_series_without_a_value_has_ended() {
    let store = Store::new();
    let ended = NumberDataPoint { flags: 1, value: None, ..number(0.0) };
    let point = HistogramDataPoint { flags: 1, ..explicit(vec![0, 0], vec![1.0]) };
    let metrics =
        vec![metric("g", "", Data::Gauge(Gauge { data_points: vec![ended] })), metric("h", "", histogram(point))];
    store.otlp(&request(metrics)).expect("sound");
    for labels in ["{__name__=\"g\", job=\"shop\"}", "{__name__=\"h_count\", job=\"shop\"}"] {
        assert_eq!(
            store.samples(labels),
            [(NOW_MS, 0, Value::Float(STALE))]
                .map(|(time, _, value)| { (time, if labels.contains("h_count") { NOW_MS - 5000 } else { 0 }, value) })
        );
    }
}

#[test]
fn resources_are_told_of_at_the_times_of_their_points() {
    let store = Store::new();
    let resource = vec![pair("service.name", "shop"), pair("service.instance.id", "a"), pair("host.name", "h")];
    let early = NumberDataPoint { time_unix_nano: NOW_NS - 400_000_000_000, ..number(1.0) };
    let data = Data::Gauge(Gauge { data_points: vec![number(2.0), early] });
    store.otlp(&request_of(resource, vec![metric("g", "", data)])).expect("sound");
    let info = "{__name__=\"target_info\", host_name=\"h\", instance=\"a\", job=\"shop\"}";
    let times: Vec<i64> = store.samples(info).iter().map(|(time, ..)| time - NOW_MS).collect();
    assert_eq!(times, [-400_000, -250_000, -100_000, 0]);
    assert_eq!(store.metadata("target_info")[0].help, "Target metadata");
}

#[test]
fn the_order_of_attributes_does_not_make_another_series() {
    let store = Store::new();
    let (a, b) = (pair("a", "1"), pair("b", "2"));
    for (place, attributes) in [vec![a.clone(), b.clone()], vec![b, a]].into_iter().enumerate() {
        let point = NumberDataPoint { attributes, time_unix_nano: NOW_NS + place as u64 * 1_000_000, ..number(1.0) };
        store.otlp(&request(vec![metric("g", "", Data::Gauge(Gauge { data_points: vec![point] }))])).expect("sound");
    }
    assert_eq!(store.head.table().len(), 1);
    assert_eq!(store.samples("{__name__=\"g\", a=\"1\", b=\"2\", job=\"shop\"}").len(), 2);
}

#[test]
fn what_cannot_be_taken_is_counted_with_its_reason() {
    let gauge = |point| request(vec![metric("g", "", Data::Gauge(Gauge { data_points: vec![point, number(1.0)] }))]);
    let future = NumberDataPoint { time_unix_nano: NOW_NS + 601_000_000_000, ..number(1.0) };
    let wordy = NumberDataPoint { attributes: vec![pair("a", &"x".repeat(5000))], ..number(1.0) };
    let many = NumberDataPoint { attributes: (0..101).map(|n| pair(&format!("l{n}"), "x")).collect(), ..number(1.0) };
    let nameless = NumberDataPoint { attributes: vec![pair("", "x")], ..number(1.0) };
    for (point, expected) in [
        (future, "timestamp: 1800000601000 ms is too far in the future"),
        (wordy, "labels: the value of a has 5000 bytes, and may have 4096"),
        (many, "labels: 103 labels of g, and at most 100 may be"),
        (nameless, "attributes.key: \"\" has nothing"),
    ] {
        let written = Store::new().otlp(&gauge(point)).expect("sound");
        assert_eq!((written.samples, written.refused.total()), (1, 1), "{expected}");
        assert!(written.reasons[0].to_string().starts_with(expected), "{:?}", written.reasons);
    }
    let mut poor = Store::new();
    poor.new_series = 1;
    let points =
        (0..3).map(|n| NumberDataPoint { attributes: vec![pair("n", &n.to_string())], ..number(1.0) }).collect();
    let data = Data::Gauge(Gauge { data_points: points });
    let written = poor.otlp(&request(vec![metric("g", "", data)])).expect("sound");
    assert_eq!((written.samples, written.refused.total()), (1, 2));
    assert!(
        written.reasons[0].to_string().contains("more new series a second than there may be"),
        "{:?}",
        written.reasons
    );
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Store::new().otlp(&bytes);
    }

    #[test]
    fn a_request_that_is_cut_or_bent_is_refused_or_taken(cut in any::<proptest::sample::Index>(), bit in 0..8u8) {
        let mut bytes = request(vec![
            metric("h", "s", histogram(explicit(vec![3, 0, 2], vec![0.1, 0.5]))),
            metric("s", "s", sum(vec![number(1.0)], 2)),
        ]);
        let place = cut.index(bytes.len());
        let _ = Store::new().otlp(&bytes[..place]);
        bytes[place] ^= 1 << bit;
        let _ = Store::new().otlp(&bytes);
    }
}
