//! What was expected against what came.

use vitrine_observe_promql::parse::parse_metric;
use vitrine_observe_promql::testing::{SequenceValue, parse_series};
use vitrine_observe_promql::{Point, Sample, histogram};
use vitrine_observe_series::Labels;

use super::ExpectedSample;

/// Alerts by labels and annotations; how they differ, if they do.
pub(super) fn alerts_differ(mut expected: Vec<(Labels, Labels)>, mut got: Vec<(Labels, Labels)>) -> Option<String> {
    expected.sort();
    got.sort();
    (expected != got).then(|| format!("\n        exp:{}, \n        got:{}", alerts(&expected), alerts(&got)))
}

fn alerts(alerts: &[(Labels, Labels)]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let each = alerts.iter().enumerate().map(|(number, (labels, annotations))| {
        format!("\n            {number}:\n              Labels:{labels}\n              Annotations:{annotations}")
    });
    format!("[{}\n            ]", each.collect::<Vec<_>>().join(","))
}

/// A sample in a form that can be compared.
#[derive(Debug)]
struct Comparable {
    labels: Labels,
    value: f64,
    /// Empty for a number.
    histogram: String,
}

/// How samples of a query differ from what is expected.
pub(super) fn samples_differ(expected: &[ExpectedSample], got: Vec<Sample>, is_fuzzy: bool) -> Result<(), String> {
    let expected: Result<Vec<Comparable>, String> = expected.iter().map(expect).collect();
    let mut expected = expected.map_err(|error| format!(" err: {error}"))?;
    let mut got: Vec<Comparable> = got.into_iter().map(Comparable::from).collect();
    expected.sort_by(|a, b| a.labels.cmp(&b.labels));
    got.sort_by(|a, b| a.labels.cmp(&b.labels));
    let is_same = |(a, b): (&Comparable, &Comparable)| {
        a.labels == b.labels && a.histogram == b.histogram && is_equal(a.value, b.value, is_fuzzy)
    };
    if expected.len() == got.len() && expected.iter().zip(&got).all(is_same) {
        return Ok(());
    }
    Err(format!("\n        exp: {}\n        got: {}", samples(&expected), samples(&got)))
}

/// As promtool: NaN is not NaN; if fuzzy, the next double is as good.
fn is_equal(a: f64, b: f64, is_fuzzy: bool) -> bool {
    a == b || (is_fuzzy && (a.next_down() == b || a.next_up() == b))
}

fn expect(expected: &ExpectedSample) -> Result<Comparable, String> {
    let of = |error: String| format!("labels {:?}: {error}", expected.labels);
    let labels = parse_metric(&expected.labels).map_err(|error| of(error.to_string()))?;
    if expected.histogram.is_empty() {
        return Ok(Comparable { labels, value: expected.value, histogram: String::new() });
    }
    let (_, values) = parse_series(&format!("{{}} {}", expected.histogram)).map_err(|error| of(error.to_string()))?;
    match values.as_slice() {
        [SequenceValue::Histogram { histogram, .. }] => {
            Ok(Comparable { labels, value: expected.value, histogram: histogram::expression(histogram) })
        }
        [_] => Err(of("expected histogram, got a number".to_owned())),
        values => Err(of(format!("expected 1 value, got {}", values.len()))),
    }
}

impl From<Sample> for Comparable {
    fn from(sample: Sample) -> Self {
        let (value, histogram) = match &sample.value {
            Point::Float(value) => (*value, String::new()),
            Point::Histogram(histogram) => (0.0, histogram::expression(histogram)),
        };
        Self { labels: sample.labels, value, histogram }
    }
}

fn samples(samples: &[Comparable]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    let each = samples.iter().map(|sample| match sample.histogram.as_str() {
        "" => format!("{} {}", sample.labels, exponential(sample.value)),
        histogram => format!("{} {histogram}", sample.labels),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// As `strconv.FormatFloat(v, 'E', -1, 64)`: `1.5E+00`.
fn exponential(value: f64) -> String {
    if !value.is_finite() {
        return vitrine_observe_promql::go_float(value);
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}E{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
}
