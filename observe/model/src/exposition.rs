//! The formats in which processes expose their metrics: Prometheus's text, OpenMetrics, and protobuf.
//!
//! [`Text`] reads both text formats entry by entry and copies nothing: a sample comes with its series as it is written, so that
//! who knows the series already need not parse its labels again ([`series_labels`]). [`families`] reads protobuf.
//!
//! Sources: Prometheus's `docs/instrumenting/exposition_formats.md`, OpenMetrics 1.0.0, `io/prometheus/client/metrics.proto`.

mod protobuf;
mod series;
mod text;

use std::borrow::Cow;

use vitrine_observe_series::{Exemplar, Histogram, Labels, MetricType};

pub use protobuf::{HistogramForms, families};
pub use series::series_labels;
pub use text::Text;

/// The NaN that every NaN becomes which a process exposes: none of them may say that the series has ended.
const NAN: u64 = 0x7ff8_0000_0000_0001;

/// A format of exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text, 0.0.4 and 1.0.0.
    Text,
    /// OpenMetrics's text, 0.0.1 and 1.0.0.
    OpenMetrics,
    /// Messages `io.prometheus.client.MetricFamily`, each after its length.
    Protobuf,
}

impl Format {
    /// The format that a `Content-Type` names; none where it is not known.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameter = |name: &str, value: &str| {
            parts.clone().filter_map(|part| part.split_once('=')).any(|(key, given)| {
                key.trim().eq_ignore_ascii_case(name) && given.trim().trim_matches('"').eq_ignore_ascii_case(value)
            })
        };
        match essence.as_str() {
            "text/plain" => Some(Self::Text),
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "application/vnd.google.protobuf"
                if parameter("proto", "io.prometheus.client.MetricFamily") && parameter("encoding", "delimited") =>
            {
                Some(Self::Protobuf)
            }
            _ => None,
        }
    }
}

/// What is wrong with an exposition, and where. Nothing of it is to be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Mistake {
    /// Where: `line 3` or `family 3`.
    pub place: String,
    /// What was found, and what was expected.
    pub problem: String,
}

impl Mistake {
    fn line(line: usize, problem: impl Into<String>) -> Self {
        Self { place: format!("line {line}"), problem: problem.into() }
    }
}

/// What is said of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Description<'a> {
    /// What it counts like.
    Type(MetricType),
    /// What it means.
    Help(Cow<'a, str>),
    /// Its unit.
    Unit(Cow<'a, str>),
}

/// One thing that an exposition says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'a> {
    /// Something about a metric, which is named as its family is: without `_total`, `_bucket`, ….
    Metadata {
        /// The metric.
        metric: Cow<'a, str>,
        /// What is said of it.
        description: Description<'a>,
    },
    /// A sample.
    Sample(ExposedSample<'a>),
}

/// The series of a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum ExposedSeries<'a> {
    /// As it is written: what [`series_labels`] takes. The same text is always the same series.
    Written(&'a str),
    /// Its labels.
    Labels(Labels),
}

/// A sample's value.
#[derive(Debug, Clone, PartialEq)]
pub enum ExposedValue {
    /// The bits of a double.
    Float(u64),
    /// A native histogram.
    Histogram(Box<Histogram>),
}

/// A sample as it is exposed.
#[derive(Debug, Clone, PartialEq)]
pub struct ExposedSample<'a> {
    /// Of which series.
    pub series: ExposedSeries<'a>,
    /// Its value.
    pub value: ExposedValue,
    /// When, in milliseconds since 1970; none if that is not said.
    pub time_ms: Option<i64>,
    /// When the total began, in milliseconds since 1970, where that is said with the sample.
    pub start_ms: Option<i64>,
    /// Single measurements. Their time is that of the sample where they have none.
    pub exemplars: Vec<ExposedExemplar>,
}

/// An exemplar as it is exposed.
#[derive(Debug, Clone, PartialEq)]
pub struct ExposedExemplar {
    /// Its labels.
    pub labels: Labels,
    /// What was measured.
    pub value: f64,
    /// When, in milliseconds since 1970; none if that is not said.
    pub time_ms: Option<i64>,
}

impl ExposedExemplar {
    /// The exemplar, measured at this time where it says none.
    pub fn at(self, time_ms: i64) -> Exemplar {
        Exemplar { labels: self.labels, value: self.value, time_ms: self.time_ms.unwrap_or(time_ms) }
    }
}
