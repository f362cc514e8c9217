//! The same metrics as text, for who comes to scrape them: Prometheus's format 0.0.4, and OpenMetrics 1.0.0, which has exemplars.
//!
//! Names are those that Prometheus makes of OpenTelemetry's. A service's series have its name as the label `service_name`, since a process has
//! many.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{self as otlp, metric, number_data_point};
use vitrine_kit::prometheus::{TypeSuffix, float_text, help_text, label_name, label_text, metric_name, unit_words};

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

/// A format of exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus's text.
    Text,
    /// OpenMetrics's text.
    OpenMetrics,
}

impl Exposition {
    /// What an `Accept` asks for.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// Its `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        }
    }
}

/// A family of series while it is written.
struct MetricFamily {
    kind: &'static str,
    help: String,
    unit: String,
    lines: String,
}

/// Metrics of services, each with the service's name and the attributes of its resource.
pub(crate) fn expose(services: &[(String, Vec<KeyValue>, Vec<otlp::Metric>)], format: Exposition) -> String {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for (service, resource, metrics) in services {
        let (name, kind) = match format {
            Exposition::Text => ("target_info", "gauge"),
            Exposition::OpenMetrics => ("target", "info"),
        };
        let info = family(&mut families, name, kind, "What a service is", "");
        sample(&mut info.lines, "target_info", &labels(service, resource, None), 1.0, None);
        for metric in metrics {
            add(&mut families, service, metric, format);
        }
    }
    let mut text = String::new();
    for (name, MetricFamily { kind, help, unit, lines }) in
        families.iter().filter(|(_, family)| !family.lines.is_empty())
    {
        // Writing to a text does not fail.
        let _ = writeln!(text, "# HELP {name} {}", help_text(help));
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if format == Exposition::OpenMetrics && !unit.is_empty() && name.ends_with(&format!("_{unit}")) {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        text.push_str(lines);
    }
    if format == Exposition::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn family<'a>(
    families: &'a mut BTreeMap<String, MetricFamily>,
    name: &str,
    kind: &'static str,
    help: &str,
    unit: &str,
) -> &'a mut MetricFamily {
    let made = || MetricFamily { kind, help: help.to_owned(), unit: unit_words(unit), lines: String::new() };
    families.entry(name.to_owned()).or_insert_with(made)
}

fn add(families: &mut BTreeMap<String, MetricFamily>, service: &str, metric: &otlp::Metric, format: Exposition) {
    let otlp::Metric { name, description, unit, data: Some(data), .. } = metric else { return };
    let (is_gauge, is_monotonic) = match data {
        metric::Data::Gauge(_) => (true, false),
        metric::Data::Sum(sum) => (false, sum.is_monotonic),
        _ => (false, false),
    };
    let full = metric_name(name, unit, Some(TypeSuffix::of(unit, is_gauge, is_monotonic)));
    // OpenMetrics names a family without what its samples end with.
    let own = match format {
        Exposition::OpenMetrics if is_monotonic => full.strip_suffix("_total").unwrap_or(&full),
        _ => &full,
    };
    let kind = match data {
        metric::Data::Histogram(_) => "histogram",
        _ if is_monotonic => "counter",
        _ => "gauge",
    };
    let lines = &mut family(families, own, kind, description, unit).lines;
    match data {
        metric::Data::Gauge(otlp::Gauge { data_points }) | metric::Data::Sum(otlp::Sum { data_points, .. }) => {
            for point in data_points {
                let exemplar = (is_monotonic && format == Exposition::OpenMetrics).then(|| point.exemplars.first());
                sample(lines, &full, &labels(service, &point.attributes, None), number(point), exemplar.flatten());
            }
        }
        metric::Data::Histogram(histogram) => {
            for point in &histogram.data_points {
                add_histogram(lines, &full, service, point, format);
            }
        }
        // No instrument of ours makes these.
        metric::Data::ExponentialHistogram(_) | metric::Data::Summary(_) => {}
    }
}

fn add_histogram(lines: &mut String, name: &str, service: &str, point: &otlp::HistogramDataPoint, format: Exposition) {
    let mut total = 0;
    let bounds = point.explicit_bounds.iter().copied().chain([f64::INFINITY]);
    let mut below = f64::NEG_INFINITY;
    for (bound, count) in bounds.zip(&point.bucket_counts) {
        total += count;
        let inside = |exemplar: &&otlp::Exemplar| matches!(exemplar.value, Some(otlp::exemplar::Value::AsDouble(value)) if value > below && value <= bound);
        let exemplar = point.exemplars.iter().find(inside).filter(|_| format == Exposition::OpenMetrics);
        let labels = labels(service, &point.attributes, Some(bound));
        sample(lines, &format!("{name}_bucket"), &labels, total as f64, exemplar);
        below = bound;
    }
    let labels = labels(service, &point.attributes, None);
    sample(lines, &format!("{name}_sum"), &labels, point.sum.unwrap_or_default(), None);
    sample(lines, &format!("{name}_count"), &labels, point.count as f64, None);
}

fn number(point: &otlp::NumberDataPoint) -> f64 {
    match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        Some(number_data_point::Value::AsInt(value)) => value as f64,
        None => f64::NAN,
    }
}

/// Labels in braces. Values of attributes with one name are joined by `;`.
fn labels(service: &str, attributes: &[KeyValue], bound: Option<f64>) -> String {
    let mut all: BTreeMap<String, String> = BTreeMap::from([("service_name".to_owned(), service.to_owned())]);
    for KeyValue { key, value, .. } in attributes.iter().filter(|attribute| attribute.key != "service.name") {
        let text = match value {
            Some(AnyValue { value: Some(any_value::Value::StringValue(text)) }) => text.clone(),
            Some(AnyValue { value: Some(any_value::Value::IntValue(number)) }) => number.to_string(),
            Some(AnyValue { value: Some(any_value::Value::BoolValue(flag)) }) => flag.to_string(),
            Some(AnyValue { value: Some(any_value::Value::DoubleValue(number)) }) => float_text(*number),
            _ => continue,
        };
        let joined = all.entry(label_name(key)).or_default();
        if !joined.is_empty() {
            joined.push(';');
        }
        joined.push_str(&text);
    }
    all.extend(bound.map(|bound| ("le".to_owned(), bound_text(bound))));
    label_text(all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn sample(lines: &mut String, name: &str, labels: &str, value: f64, exemplar: Option<&otlp::Exemplar>) {
    // Writing to a text does not fail.
    let _ = write!(lines, "{name}{labels} {}", float_text(value));
    if let Some(exemplar) = exemplar
        && let Some(otlp::exemplar::Value::AsDouble(measured)) = exemplar.value
    {
        let (trace, span) = (hex::encode(&exemplar.trace_id), hex::encode(&exemplar.span_id));
        let seconds = exemplar.time_unix_nano as f64 / NANOS;
        let _ = write!(lines, " # {{trace_id=\"{trace}\",span_id=\"{span}\"}} {} {seconds:.3}", float_text(measured));
    }
    lines.push('\n');
}

/// A bound as OpenMetrics writes it: whole numbers with `.0`.
fn bound_text(bound: f64) -> String {
    if bound.is_finite() && bound == bound.trunc() { format!("{bound:.1}") } else { float_text(bound) }
}

#[cfg(test)]
mod tests {
    use super::Exposition;
    use crate::{Config, Exposition::OpenMetrics, Observation, ObservationKind, Telemetry};

    async fn telemetry() -> Telemetry {
        let telemetry = Telemetry::new(Config::default());
        let carts = telemetry.service("carts");
        let duration = carts.histogram("cart.duration", "s", "How \\ long");
        duration.record(0.02, &[("a.b", "x\"y\n")]);
        telemetry
            .service("orders")
            .server_span("PlaceOrder", Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), None)
            .run(async { duration.record(0.3, &[("a.b", "x\"y\n")]) })
            .await;
        carts.read_from(|| vec![Observation::new(ObservationKind::Gauge, "fill", "1", "", 0.5)]);
        telemetry
    }

    #[tokio::test]
    async fn prometheus_text() {
        let text = telemetry().await.expose(Exposition::Text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("target_info")).collect();
        assert_eq!(
            &lines[..3],
            [
                "# HELP cart_duration_seconds How \\\\ long",
                "# TYPE cart_duration_seconds histogram",
                "cart_duration_seconds_bucket{a_b=\"x\\\"y\\n\",le=\"0.00005\",service_name=\"carts\"} 0"
            ]
        );
        assert!(
            lines.contains(&"cart_duration_seconds_bucket{a_b=\"x\\\"y\\n\",le=\"10.0\",service_name=\"carts\"} 2"),
            "{text}"
        );
        assert!(lines.contains(&"cart_duration_seconds_count{a_b=\"x\\\"y\\n\",service_name=\"carts\"} 2"), "{text}");
        assert!(lines.contains(&"fill_ratio{service_name=\"carts\"} 0.5"), "{text}");
        assert!(text.contains("target_info{service_instance_id=\""), "{text}");
        assert!(!text.contains("# EOF") && !text.contains("trace_id"), "{text}");
    }

    #[tokio::test]
    async fn open_metrics_has_exemplars() {
        let text = telemetry().await.expose(OpenMetrics);
        assert!(text.ends_with("# EOF\n") && text.contains("# UNIT cart_duration_seconds seconds\n"), "{text}");
        let bucket = text.lines().find(|line| line.contains("le=\"0.5\"")).expect("a bucket");
        assert!(bucket.contains(" 2 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",span_id=\""), "{bucket}");
        assert!(text.contains("# TYPE target info\ntarget_info{"), "{text}");
    }
}
