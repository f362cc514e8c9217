//! Random requests.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};

pub fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,12}".prop_map(|text| Some(Proto::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Proto::BoolValue(flag))),
        prop_oneof![any::<i64>(), Just(i64::MIN), 0..9i64].prop_map(|number| Some(Proto::IntValue(number))),
        double().prop_map(|number| Some(Proto::DoubleValue(number))),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Some(Proto::BytesValue(bytes))),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| AnyValue { value: Some(Proto::ArrayValue(ArrayValue { values })) }),
            prop::collection::vec((key(), inner), 0..4).prop_map(|entries| AnyValue {
                value: Some(Proto::KvlistValue(KeyValueList { values: entries.into_iter().map(pair).collect() })),
            }),
        ]
    })
}

/// Numbers that JSON has and that it has not; the NaN is the usual one, because that is what any NaN becomes.
pub fn double() -> impl Strategy<Value = f64> {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 5e-324, 1.0, 1e16];
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("one NaN is enough", |number| !number.is_nan()),
        prop::sample::select(odd.to_vec()),
    ]
}

/// Where protobuf leaves out zero, and with it zero's sign.
fn signless() -> impl Strategy<Value = f64> {
    double().prop_map(|number| number + 0.0)
}

fn key() -> impl Strategy<Value = String> {
    let usual = ["http.route", "a", "a:int", "", "bytesValue", "doubleValue", "kvlistValue", "service.name"];
    prop_oneof![4 => prop::sample::select(usual.map(str::to_owned).to_vec()), 1 => ".{0,6}"]
}

fn pair((key, value): (String, AnyValue)) -> KeyValue {
    // What has no value may be sent without the field, too.
    let value = if value.value.is_none() && key.len() % 2 == 0 { None } else { Some(value) };
    KeyValue { key, value, ..KeyValue::default() }
}

pub fn attributes() -> BoxedStrategy<Vec<KeyValue>> {
    prop::collection::vec((key(), value()).prop_map(pair), 0..6).boxed()
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), length),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(vec![0; length]),
    ]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1_700_000_000_000_000_000..1_800_000_000_000_000_000u64, 1 => any::<u64>(), 1 => Just(0)]
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    let resource = (attributes(), 0..3u32).prop_map(|(attributes, dropped)| Resource {
        attributes,
        dropped_attributes_count: dropped,
        ..Resource::default()
    });
    prop::option::of(resource)
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    let scope = (".{0,5}", ".{0,5}", attributes(), 0..3u32).prop_map(|(name, version, attributes, dropped)| {
        InstrumentationScope { name, version, attributes, dropped_attributes_count: dropped }
    });
    prop::option::of(scope)
}

fn some<T: std::fmt::Debug>(item: impl Strategy<Value = T>, most: usize) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(item, 0..=most)
}

fn event() -> impl Strategy<Value = span::Event> {
    (time(), ".{0,6}", attributes(), 0..3u32).prop_map(|(time_unix_nano, name, attributes, dropped)| span::Event {
        time_unix_nano,
        name,
        attributes,
        dropped_attributes_count: dropped,
    })
}

fn link() -> impl Strategy<Value = span::Link> {
    (id(16), id(8), ".{0,4}", attributes(), 0..3u32, any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped, flags)| span::Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: dropped,
            flags,
        },
    )
}

fn one_span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), prop_oneof![Just(vec![]), id(8)], ".{0,4}", any::<u32>());
    let fields = (".{0,8}", -1..8i32, time(), time(), attributes());
    let nested = (some(event(), 3), some(link(), 3), prop::option::of((".{0,5}", -1..4i32)));
    (ids, fields, nested, prop::array::uniform3(0..2u32)).prop_map(|(ids, fields, nested, dropped)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: ids.3,
        flags: ids.4,
        name: fields.0,
        kind: fields.1,
        start_time_unix_nano: fields.2,
        end_time_unix_nano: fields.3,
        attributes: fields.4,
        events: nested.0,
        links: nested.1,
        status: nested.2.map(|(message, code)| Status { message, code }),
        dropped_attributes_count: dropped[0],
        dropped_events_count: dropped[1],
        dropped_links_count: dropped[2],
    })
}

pub fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (scope(), some(one_span(), 3), ".{0,3}").prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    });
    let resource = (resource(), some(scope, 2), ".{0,3}")
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    some(resource, 2).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn record() -> impl Strategy<Value = LogRecord> {
    let fields = (time(), time(), -1..30i32, ".{0,5}", prop::option::of(value()));
    let more = (attributes(), 0..3u32, any::<u32>(), id(16), id(8), ".{0,4}");
    (fields, more).prop_map(|(fields, more)| LogRecord {
        time_unix_nano: fields.0,
        observed_time_unix_nano: fields.1,
        severity_number: fields.2,
        severity_text: fields.3,
        body: fields.4,
        attributes: more.0,
        dropped_attributes_count: more.1,
        flags: more.2,
        trace_id: more.3,
        span_id: more.4,
        event_name: more.5,
    })
}

pub fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope = (scope(), some(record(), 3), ".{0,3}").prop_map(|(scope, log_records, schema_url)| ScopeLogs {
        scope,
        log_records,
        schema_url,
    });
    let resource = (resource(), some(scope, 2), ".{0,3}").prop_map(|(resource, scope_logs, schema_url)| ResourceLogs {
        resource,
        scope_logs,
        schema_url,
    });
    some(resource, 2).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn exemplar() -> impl Strategy<Value = metrics::Exemplar> {
    let value = prop_oneof![
        any::<i64>().prop_map(metrics::exemplar::Value::AsInt),
        double().prop_map(metrics::exemplar::Value::AsDouble)
    ];
    (attributes(), time(), id(8), id(16), prop::option::of(value)).prop_map(
        |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| metrics::Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    )
}

fn number() -> impl Strategy<Value = metrics::NumberDataPoint> {
    let value = prop_oneof![
        any::<i64>().prop_map(metrics::number_data_point::Value::AsInt),
        double().prop_map(metrics::number_data_point::Value::AsDouble)
    ];
    (attributes(), time(), time(), some(exemplar(), 2), 0..2u32, prop::option::of(value)).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, exemplars, flags, value)| metrics::NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        },
    )
}

fn histogram() -> impl Strategy<Value = metrics::HistogramDataPoint> {
    let shared = (attributes(), time(), time(), some(exemplar(), 2), 0..2u32);
    let optional = prop::option::of(double());
    let buckets = (some(double(), 3), some(0..1u64 << 40, 4));
    (shared, any::<u32>(), prop::array::uniform3(optional), buckets).prop_map(|(shared, count, sums, buckets)| {
        metrics::HistogramDataPoint {
            attributes: shared.0,
            start_time_unix_nano: shared.1,
            time_unix_nano: shared.2,
            exemplars: shared.3,
            flags: shared.4,
            count: count.into(),
            sum: sums[0],
            min: sums[1],
            max: sums[2],
            explicit_bounds: buckets.0,
            bucket_counts: buckets.1,
        }
    })
}

fn exponential() -> impl Strategy<Value = metrics::ExponentialHistogramDataPoint> {
    let buckets = (any::<i32>(), some(any::<u32>().prop_map(u64::from), 4)).prop_map(|(offset, bucket_counts)| {
        metrics::exponential_histogram_data_point::Buckets { offset, bucket_counts }
    });
    let shared = (attributes(), time(), time(), some(exemplar(), 2), 0..2u32);
    let sides = prop::array::uniform2(prop::option::of(buckets));
    let numbers = (any::<u32>(), any::<u32>(), any::<i32>(), signless());
    (shared, numbers, prop::array::uniform3(prop::option::of(double())), sides).prop_map(
        |(shared, numbers, sums, [positive, negative])| metrics::ExponentialHistogramDataPoint {
            attributes: shared.0,
            start_time_unix_nano: shared.1,
            time_unix_nano: shared.2,
            exemplars: shared.3,
            flags: shared.4,
            count: numbers.0.into(),
            zero_count: numbers.1.into(),
            scale: numbers.2,
            zero_threshold: numbers.3,
            sum: sums[0],
            min: sums[1],
            max: sums[2],
            positive,
            negative,
        },
    )
}

fn summary() -> impl Strategy<Value = metrics::SummaryDataPoint> {
    let quantile = (signless(), signless())
        .prop_map(|(quantile, value)| metrics::summary_data_point::ValueAtQuantile { quantile, value });
    (attributes(), time(), time(), any::<u32>(), signless(), some(quantile, 3), 0..2u32).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, count, sum, quantile_values, flags)| {
            metrics::SummaryDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count: count.into(),
                sum,
                quantile_values,
                flags,
            }
        },
    )
}

fn metric() -> impl Strategy<Value = metrics::Metric> {
    let data = prop_oneof![
        some(number(), 3).prop_map(|data_points| Data::Gauge(metrics::Gauge { data_points })),
        (some(number(), 3), -1..4i32, any::<bool>()).prop_map(|(data_points, temporality, is_monotonic)| {
            Data::Sum(metrics::Sum { data_points, aggregation_temporality: temporality, is_monotonic })
        }),
        (some(histogram(), 3), -1..4i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(metrics::Histogram { data_points, aggregation_temporality })
        }),
        (some(exponential(), 3), -1..4i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(metrics::ExponentialHistogram { data_points, aggregation_temporality })
        }),
        some(summary(), 3).prop_map(|data_points| Data::Summary(metrics::Summary { data_points })),
    ];
    (".{0,5}", ".{0,5}", ".{0,3}", attributes(), prop::option::of(data)).prop_map(
        |(name, description, unit, metadata, data)| metrics::Metric { name, description, unit, metadata, data },
    )
}

pub fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let scope = (scope(), some(metric(), 3), ".{0,3}").prop_map(|(scope, metrics, schema_url)| metrics::ScopeMetrics {
        scope,
        metrics,
        schema_url,
    });
    let resource = (resource(), some(scope, 2), ".{0,3}").prop_map(|(resource, scope_metrics, schema_url)| {
        metrics::ResourceMetrics { resource, scope_metrics, schema_url }
    });
    some(resource, 2).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}
