//! The process's own metrics as JSON: `io.prometheus.client.MetricFamily` as protobuf's JSON has it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vitrine_observe_store::model::exposition::{
    Description, Entry, ExposedSeries, ExposedValue, Format, Text, series_labels,
};
use vitrine_observe_store::series::{Labels, MetricType, NAME, PART_ENDINGS};

/// A family while it is read.
#[derive(Default)]
struct MetricFamily {
    kind: MetricType,
    help: String,
    /// The full name of its samples, where it has one.
    name: String,
    /// By labels, without those that tell the parts of one metric apart.
    metrics: BTreeMap<Labels, Vec<Part>>,
}

/// One sample of a metric: what its name ends with, its bound or quantile, and its value.
type Part = (String, Option<f64>, f64);

/// Families of a text in Prometheus's format, in order of their names.
pub(super) fn families(text: &str) -> Result<Vec<Value>, String> {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for entry in Text::new(text.as_bytes(), Format::Text).map_err(|mistake| mistake.to_string())? {
        match entry.map_err(|mistake| mistake.to_string())? {
            Entry::Metadata { metric, description } => {
                let family = families.entry(metric.into_owned()).or_default();
                match description {
                    Description::Type(kind) => family.kind = kind,
                    Description::Help(help) => family.help = help.into_owned(),
                    Description::Unit(_) => {}
                }
            }
            Entry::Sample(sample) => {
                let ExposedSeries::Written(written) = sample.series else { continue };
                let ExposedValue::Float(bits) = sample.value else { continue };
                take(&mut families, &series_labels(written)?, f64::from_bits(bits));
            }
        }
    }
    Ok(families
        .iter()
        .filter(|(_, family)| !family.metrics.is_empty())
        .map(|(name, family)| shown(name, family))
        .collect())
}

fn take(families: &mut BTreeMap<String, MetricFamily>, labels: &Labels, value: f64) {
    let name = labels.get(NAME).unwrap_or_default();
    let (base, part) = PART_ENDINGS
        .into_iter()
        .find_map(|part| {
            let base = name.strip_suffix(part)?;
            let kind = families.get(base)?.kind;
            matches!(kind, MetricType::Histogram | MetricType::Summary).then_some((base, part))
        })
        .unwrap_or((name, ""));
    let known = if part.is_empty() && !families.contains_key(base) { base.strip_suffix("_total") } else { None };
    let base = known.filter(|base| families.contains_key(*base)).unwrap_or(base);
    let of_part = |label: &str| matches!(label, NAME | "le" | "quantile");
    let bound = ["le", "quantile"].iter().find_map(|label| labels.get(label)).and_then(|bound| bound.parse().ok());
    let family = families.entry(base.to_owned()).or_default();
    let is_compound = matches!(family.kind, MetricType::Histogram | MetricType::Summary);
    let others = labels.iter().filter(|label| label.name.as_ref() != NAME && !(is_compound && of_part(&label.name)));
    let key = Labels::new(others.cloned());
    if part.is_empty() {
        family.name = name.to_owned();
    }
    family.metrics.entry(key).or_default().push((part.to_owned(), bound, value));
}

/// A double as protobuf's JSON has it.
fn double(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => value.into(),
    }
}

/// A whole number of 64 bits, which is a text there.
fn whole(value: f64) -> Value {
    format!("{value:.0}").into()
}

fn shown(name: &str, family: &MetricFamily) -> Value {
    let (kind, field) = match family.kind {
        MetricType::Counter => ("COUNTER", "counter"),
        MetricType::Gauge => ("GAUGE", "gauge"),
        MetricType::Histogram => ("HISTOGRAM", "histogram"),
        MetricType::Summary => ("SUMMARY", "summary"),
        _ => ("UNTYPED", "untyped"),
    };
    let metric = |(labels, parts): (&Labels, &Vec<Part>)| {
        let mut shown = json!({});
        if !labels.is_empty() {
            let pairs = labels.iter().map(|label| json!({ "name": &*label.name, "value": &*label.value }));
            shown["label"] = pairs.collect();
        }
        shown[field] = match family.kind {
            MetricType::Histogram | MetricType::Summary => compound(parts, family.kind),
            _ => json!({ "value": parts.last().map_or(Value::Null, |(.., value)| double(*value)) }),
        };
        shown
    };
    let mut told = json!({ "name": if family.name.is_empty() { name } else { &family.name } });
    if !family.help.is_empty() {
        told["help"] = family.help.as_str().into();
    }
    told["type"] = kind.into();
    told["metric"] = family.metrics.iter().map(metric).collect();
    told
}

fn compound(parts: &[Part], kind: MetricType) -> Value {
    let mut told = json!({});
    let mut steps = Vec::new();
    for (part, bound, value) in parts {
        match (part.as_str(), bound) {
            ("_count", _) => told["sampleCount"] = whole(*value),
            ("_sum", _) => told["sampleSum"] = double(*value),
            (_, Some(bound)) if kind == MetricType::Histogram => {
                steps.push(json!({ "cumulativeCount": whole(*value), "upperBound": double(*bound) }));
            }
            (_, Some(bound)) => steps.push(json!({ "quantile": double(*bound), "value": double(*value) })),
            _ => {}
        }
    }
    told[if kind == MetricType::Histogram { "bucket" } else { "quantile" }] = steps.into();
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::families;

    #[test]
    fn families_are_what_protobuf_makes_of_them() {
        let text = "# HELP a_total Much.\n# TYPE a_total counter\na_total{b=\"c\"} 3\na_total 4\n# TYPE h histogram\n\
                    h_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1.5\nh_count 2\nplain NaN\n";
        assert_eq!(
            families(text).unwrap(),
            [
                json!({"name": "a_total", "help": "Much.", "type": "COUNTER", "metric": [
                    {"counter": {"value": 4.0}},
                    {"label": [{"name": "b", "value": "c"}], "counter": {"value": 3.0}},
                ]}),
                json!({"name": "h", "type": "HISTOGRAM", "metric": [{"histogram": {
                    "sampleCount": "2", "sampleSum": 1.5,
                    "bucket": [{"cumulativeCount": "1", "upperBound": 0.5}, {"cumulativeCount": "2", "upperBound": "Infinity"}],
                }}]}),
                json!({"name": "plain", "type": "UNTYPED", "metric": [{"untyped": {"value": "NaN"}}]}),
            ]
        );
        assert!(families("a b c d\n").is_err());
    }
}
