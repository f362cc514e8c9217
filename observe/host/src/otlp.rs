//! Families as OTLP.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use vitrine_observe_series::MetricType;

use crate::families::MetricFamily;

/// Families as an `ExportMetricsServiceRequest` in protobuf, of a resource with these attributes. All samples have this time.
pub fn otlp(families: Vec<MetricFamily>, resource: &[(&str, &str)], time_ms: i64) -> Vec<u8> {
    let nanos = u64::try_from(time_ms).unwrap_or_default().saturating_mul(1_000_000);
    let metrics = families.into_iter().map(|family| metric(family, nanos)).collect();
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let attributes = resource.iter().map(|(key, value)| attribute((*key).to_owned(), (*value).to_owned())).collect();
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    };
    request.encode_to_vec()
}

fn metric(family: MetricFamily, nanos: u64) -> Metric {
    let MetricFamily { name, kind, help, unit, samples } = family;
    let points = samples.into_iter().map(|sample| NumberDataPoint {
        attributes: sample.labels.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        time_unix_nano: nanos,
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    });
    let data_points = points.collect();
    let data = match kind {
        MetricType::Counter => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        // What is of no known type has a value as a gauge has.
        _ => metric::Data::Gauge(Gauge { data_points }),
    };
    Metric { name, description: help, unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

fn attribute(key: String, value: String) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value: Some(Value::StringValue(value)) }), ..KeyValue::default() }
}
