//! The rows that a request must become, told from the structs that it was encoded from.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use vitrine_observe_model::{
    Attribute, Buckets, EventRow, ExemplarRow, LinkRow, LogRow, MetricKind, MetricRow, Point, ScopeInfo, SpanId,
    SpanKind, SpanRow, StatusCode, Temporality, TraceId, UNKNOWN_SERVICE, Value,
};

pub fn value(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Proto::StringValueStrindex(_)) => Value::Empty,
        Some(Proto::StringValue(text)) => Value::String(text.clone()),
        Some(Proto::BoolValue(flag)) => Value::Bool(*flag),
        Some(Proto::IntValue(number)) => Value::Int(*number),
        Some(Proto::DoubleValue(number)) => Value::Double(*number),
        Some(Proto::BytesValue(bytes)) => Value::Bytes(bytes.clone()),
        Some(Proto::ArrayValue(array)) => {
            Value::Array(array.values.iter().map(|item| self::value(Some(item))).collect())
        }
        Some(Proto::KvlistValue(list)) => Value::Map(attributes(&list.values)),
    }
}

pub fn attributes(list: &[KeyValue]) -> Vec<Attribute> {
    let attribute = |entry: &KeyValue| Attribute { key: entry.key.clone(), value: value(entry.value.as_ref()) };
    list.iter().map(attribute).collect()
}

/// Times after the year 2262 become the last of it.
pub fn clamp(number: u64) -> u64 {
    number.min(i64::MAX as u64)
}

/// When the requests of the tests arrive, in nanoseconds since 1970.
pub const ARRIVAL_NS: u64 = 1_750_000_000_000_000_000;

/// The first of these times that is known; the arrival if none is.
fn known(times: &[u64]) -> u64 {
    clamp(times.iter().copied().find(|time| *time != 0).unwrap_or(ARRIVAL_NS))
}

fn small(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

struct Origin {
    service: String,
    resource: Vec<Attribute>,
    dropped: u32,
    schema_url: String,
}

fn origin(resource: &Option<Resource>, schema_url: &str) -> Origin {
    let resource = resource.clone().unwrap_or_default();
    let attributes = attributes(&resource.attributes);
    let service = match attributes.iter().find(|attribute| attribute.key == "service.name").map(|first| &first.value) {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        _ => UNKNOWN_SERVICE.to_owned(),
    };
    let dropped = resource.dropped_attributes_count;
    Origin { service, resource: attributes, dropped, schema_url: schema_url.to_owned() }
}

fn scope(scope: &Option<InstrumentationScope>, schema_url: &str) -> ScopeInfo {
    let scope = scope.clone().unwrap_or_default();
    ScopeInfo {
        name: scope.name,
        version: scope.version,
        attributes: attributes(&scope.attributes),
        dropped_attributes: scope.dropped_attributes_count,
        schema_url: schema_url.to_owned(),
    }
}

pub fn spans(request: &ExportTraceServiceRequest) -> Vec<SpanRow> {
    let mut rows = Vec::new();
    for group in &request.resource_spans {
        let origin = origin(&group.resource, &group.schema_url);
        for scoped in &group.scope_spans {
            let scope = scope(&scoped.scope, &scoped.schema_url);
            rows.extend(scoped.spans.iter().filter_map(|span| self::span(span, &origin, &scope)));
        }
    }
    rows
}

fn span(span: &Span, origin: &Origin, scope: &ScopeInfo) -> Option<SpanRow> {
    if !matches!(span.parent_span_id.len(), 0 | 8) {
        return None;
    }
    let links: Vec<LinkRow> = span
        .links
        .iter()
        .filter_map(|link| {
            Some(LinkRow {
                trace_id: TraceId::from_bytes(&link.trace_id)?,
                span_id: SpanId::from_bytes(&link.span_id)?,
                trace_state: link.trace_state.clone(),
                attributes: attributes(&link.attributes),
                flags: link.flags,
                dropped_attributes: link.dropped_attributes_count,
            })
        })
        .collect();
    let event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| EventRow {
        time_ns: known(&[event.time_unix_nano, span.start_time_unix_nano, span.end_time_unix_nano]),
        name: event.name.clone(),
        attributes: attributes(&event.attributes),
        dropped_attributes: event.dropped_attributes_count,
    };
    let status = span.status.clone().unwrap_or_default();
    Some(SpanRow {
        trace_id: TraceId::from_bytes(&span.trace_id)?,
        span_id: SpanId::from_bytes(&span.span_id)?,
        parent_span_id: SpanId::from_bytes(&span.parent_span_id),
        trace_state: span.trace_state.clone(),
        flags: span.flags,
        service: origin.service.clone(),
        name: span.name.clone(),
        kind: SpanKind::from_number(small(span.kind)),
        start_ns: known(&[span.start_time_unix_nano, span.end_time_unix_nano]),
        end_ns: known(&[span.end_time_unix_nano, span.start_time_unix_nano]),
        status: StatusCode::from_number(small(status.code)),
        status_message: status.message,
        attributes: attributes(&span.attributes),
        dropped_attributes: span.dropped_attributes_count,
        events: span.events.iter().map(event).collect(),
        dropped_events: span.dropped_events_count,
        dropped_links: span.dropped_links_count + (span.links.len() - links.len()) as u32,
        links,
        resource: origin.resource.clone(),
        resource_dropped_attributes: origin.dropped,
        resource_schema_url: origin.schema_url.clone(),
        scope: scope.clone(),
    })
}

pub fn logs(request: &ExportLogsServiceRequest) -> Vec<LogRow> {
    let mut rows = Vec::new();
    for group in &request.resource_logs {
        let origin = origin(&group.resource, &group.schema_url);
        for scoped in &group.scope_logs {
            let scope = scope(&scoped.scope, &scoped.schema_url);
            rows.extend(scoped.log_records.iter().map(|record| LogRow {
                time_ns: known(&[record.time_unix_nano, record.observed_time_unix_nano]),
                observed_time_ns: clamp(record.observed_time_unix_nano),
                severity: small(record.severity_number),
                severity_text: record.severity_text.clone(),
                service: origin.service.clone(),
                trace_id: TraceId::from_bytes(&record.trace_id),
                span_id: SpanId::from_bytes(&record.span_id),
                flags: record.flags,
                event_name: record.event_name.clone(),
                body: value(record.body.as_ref()),
                attributes: attributes(&record.attributes),
                dropped_attributes: record.dropped_attributes_count,
                resource: origin.resource.clone(),
                resource_dropped_attributes: origin.dropped,
                resource_schema_url: origin.schema_url.clone(),
                scope: scope.clone(),
            }));
        }
    }
    rows
}

fn exemplars(list: &[metrics::Exemplar], time: u64) -> Vec<ExemplarRow> {
    let exemplar = |exemplar: &metrics::Exemplar| ExemplarRow {
        time_ns: known(&[exemplar.time_unix_nano, time]),
        value: match exemplar.value {
            None => Point::Absent,
            Some(metrics::exemplar::Value::AsInt(number)) => Point::Int(number),
            Some(metrics::exemplar::Value::AsDouble(number)) => Point::Double(number),
        },
        trace_id: TraceId::from_bytes(&exemplar.trace_id),
        span_id: SpanId::from_bytes(&exemplar.span_id),
        attributes: attributes(&exemplar.filtered_attributes),
    };
    list.iter().map(exemplar).collect()
}

fn buckets(side: &Option<metrics::exponential_histogram_data_point::Buckets>) -> Buckets {
    let side = side.clone().unwrap_or_default();
    Buckets { offset: side.offset, counts: side.bucket_counts }
}

/// The points of a metric: what was measured, start, time, flags, exemplars and attributes.
type Measured = (Point, u64, u64, u32, Vec<ExemplarRow>, Vec<Attribute>);

fn numbers(points: &[metrics::NumberDataPoint]) -> Vec<Measured> {
    let number = |point: &metrics::NumberDataPoint| {
        let value = match point.value {
            None => Point::Absent,
            Some(metrics::number_data_point::Value::AsInt(number)) => Point::Int(number),
            Some(metrics::number_data_point::Value::AsDouble(number)) => Point::Double(number),
        };
        let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
        (value, start, time, point.flags, exemplars(&point.exemplars, time), attributes(&point.attributes))
    };
    points.iter().map(number).collect()
}

fn measured(data: &Data) -> (MetricKind, i32, bool, Vec<Measured>) {
    match data {
        Data::Gauge(gauge) => (MetricKind::Gauge, 0, false, numbers(&gauge.data_points)),
        Data::Sum(sum) => (MetricKind::Sum, sum.aggregation_temporality, sum.is_monotonic, numbers(&sum.data_points)),
        Data::Histogram(histogram) => {
            let sound = |point: &&metrics::HistogramDataPoint| {
                point.bucket_counts.is_empty() || point.bucket_counts.len() == point.explicit_bounds.len() + 1
            };
            let point = |point: &metrics::HistogramDataPoint| {
                let value = Point::Histogram {
                    count: point.count,
                    sum: point.sum,
                    min: point.min,
                    max: point.max,
                    bounds: point.explicit_bounds.clone(),
                    counts: point.bucket_counts.clone(),
                };
                let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
                (value, start, time, point.flags, exemplars(&point.exemplars, time), attributes(&point.attributes))
            };
            let points = histogram.data_points.iter().filter(sound).map(point).collect();
            (MetricKind::Histogram, histogram.aggregation_temporality, false, points)
        }
        Data::ExponentialHistogram(histogram) => {
            let point = |point: &metrics::ExponentialHistogramDataPoint| {
                let value = Point::ExponentialHistogram {
                    count: point.count,
                    sum: point.sum,
                    min: point.min,
                    max: point.max,
                    scale: point.scale,
                    zero_count: point.zero_count,
                    zero_threshold: point.zero_threshold,
                    positive: buckets(&point.positive),
                    negative: buckets(&point.negative),
                };
                let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
                (value, start, time, point.flags, exemplars(&point.exemplars, time), attributes(&point.attributes))
            };
            let points = histogram.data_points.iter().map(point).collect();
            (MetricKind::ExponentialHistogram, histogram.aggregation_temporality, false, points)
        }
        Data::Summary(summary) => {
            let point = |point: &metrics::SummaryDataPoint| {
                let quantiles = point.quantile_values.iter().map(|value| (value.quantile, value.value)).collect();
                let value = Point::Summary { count: point.count, sum: point.sum, quantiles };
                let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
                (value, start, time, point.flags, Vec::new(), attributes(&point.attributes))
            };
            (MetricKind::Summary, 0, false, summary.data_points.iter().map(point).collect())
        }
    }
}

pub fn metrics(request: &ExportMetricsServiceRequest) -> Vec<MetricRow> {
    let mut rows = Vec::new();
    for group in &request.resource_metrics {
        let origin = origin(&group.resource, &group.schema_url);
        for scoped in &group.scope_metrics {
            let scope = scope(&scoped.scope, &scoped.schema_url);
            for metric in &scoped.metrics {
                let Some(data) = &metric.data else { continue };
                let (kind, temporality, monotonic, points) = measured(data);
                rows.extend(points.into_iter().map(|(point, start, time, flags, exemplars, attributes)| MetricRow {
                    name: metric.name.clone(),
                    unit: metric.unit.clone(),
                    description: metric.description.clone(),
                    kind,
                    temporality: match temporality {
                        1 => Temporality::Delta,
                        2 => Temporality::Cumulative,
                        _ => Temporality::Unspecified,
                    },
                    monotonic,
                    service: origin.service.clone(),
                    start_ns: clamp(start),
                    time_ns: known(&[time]),
                    point,
                    flags,
                    metadata: self::attributes(&metric.metadata),
                    exemplars,
                    attributes,
                    resource: origin.resource.clone(),
                    resource_dropped_attributes: origin.dropped,
                    resource_schema_url: origin.schema_url.clone(),
                    scope: scope.clone(),
                }));
            }
        }
    }
    rows
}
