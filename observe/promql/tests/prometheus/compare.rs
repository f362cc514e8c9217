//! Answers, and how they differ.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use vitrine_observe_promql::histogram::all_intervals;
use vitrine_observe_promql::{EvalError, Outcome, Point, Severity, Value};
use vitrine_observe_series::{Histogram, Labels};

/// How far two numbers may be from each other, relative to the greater one.
const TOLERANCE: f64 = 1e-9;

/// Annotations of a kind that an answer has at most.
const MOST_ANNOTATIONS: usize = 10;

pub(crate) type Names = BTreeMap<String, String>;

/// Numbers of a sample: a float, or what a histogram counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Numbers {
    Float(f64),
    Histogram(Vec<f64>),
}

#[derive(Debug)]
pub(crate) struct Line {
    labels: Names,
    samples: Vec<(i64, Numbers)>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) enum Response {
    Error(String),
    Result { kind: String, lines: Vec<Line>, annotations: BTreeSet<String> },
}

fn number(json: &Json) -> Result<f64> {
    let text = json.as_str().context("a number as a text")?;
    Ok(match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse()?,
    })
}

fn millis(json: &Json) -> Result<i64> {
    Ok((json.as_f64().context("a time")? * 1000.0).round() as i64)
}

fn their_histogram(json: &Json) -> Result<Numbers> {
    let mut numbers = vec![number(&json["count"])?, number(&json["sum"])?];
    for bucket in json["buckets"].as_array().into_iter().flatten() {
        numbers.push(bucket[0].as_f64().context("a rule")?);
        for place in 1..4 {
            numbers.push(number(&bucket[place])?);
        }
    }
    Ok(Numbers::Histogram(numbers))
}

fn our_histogram(histogram: &Histogram) -> Numbers {
    let mut numbers = vec![histogram.count, histogram.sum];
    for interval in all_intervals(histogram).filter(|interval| interval.count != 0.0) {
        let rule = match (interval.lower_inclusive, interval.upper_inclusive) {
            (false, true) => 0.0,
            (true, false) => 1.0,
            (false, false) => 2.0,
            (true, true) => 3.0,
        };
        numbers.extend([rule, interval.lower, interval.upper, interval.count]);
    }
    Numbers::Histogram(numbers)
}

fn names(labels: &Labels) -> Names {
    labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect()
}

fn texts(json: &Json) -> impl Iterator<Item = String> {
    json.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned()))
}

impl Response {
    pub(crate) fn theirs(json: &Json) -> Result<Self> {
        if json["status"] == "error" {
            let text = json["error"].as_str().unwrap_or_default();
            // The API's own words.
            let text = text.strip_prefix("invalid parameter \"query\": ").unwrap_or(text);
            return Ok(Self::Error(text.to_owned()));
        }
        let data = &json["data"];
        let kind = data["resultType"].as_str().context("a type")?.to_owned();
        let mut lines = Vec::new();
        match kind.as_str() {
            "scalar" => {
                let sample = (millis(&data["result"][0])?, Numbers::Float(number(&data["result"][1])?));
                lines.push(Line { labels: Names::new(), samples: vec![sample] });
            }
            "string" => {
                let text = data["result"][1].as_str().context("a text")?.to_owned();
                lines.push(Line { labels: Names::from([("text".to_owned(), text)]), samples: Vec::new() });
            }
            "vector" | "matrix" => {
                for series in data["result"].as_array().context("a list")? {
                    lines.push(their_line(series)?);
                }
            }
            other => bail!("an unknown type {other}"),
        }
        let annotations = texts(&json["warnings"]).chain(texts(&json["infos"])).collect();
        Ok(Self::Result { kind, lines, annotations })
    }

    pub(crate) fn ours(query: &str, outcome: Result<Outcome, EvalError>) -> Self {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return Self::Error(error.to_string()),
        };
        let numbers = |point: &Point| match point {
            Point::Float(value) => Numbers::Float(*value),
            Point::Histogram(histogram) => our_histogram(histogram),
        };
        let (kind, lines) = match outcome.value {
            Value::Scalar { time_ms, value } => {
                let samples = vec![(time_ms, Numbers::Float(value))];
                ("scalar", vec![Line { labels: Names::new(), samples }])
            }
            Value::String { value, .. } => {
                let labels = Names::from([("text".to_owned(), value)]);
                ("string", vec![Line { labels, samples: Vec::new() }])
            }
            Value::Vector(samples) => {
                let line = |s: vitrine_observe_promql::Sample| Line {
                    labels: names(&s.labels),
                    samples: vec![(s.time_ms, numbers(&s.value))],
                };
                ("vector", samples.into_iter().map(line).collect())
            }
            Value::Matrix(all) => {
                let line = |series: vitrine_observe_promql::Series| {
                    let floats = series.floats.iter().map(|(time, value)| (*time, Numbers::Float(*value)));
                    let histograms = series.histograms.iter().map(|(time, h)| (*time, our_histogram(h)));
                    Line { labels: names(&series.labels), samples: floats.chain(histograms).collect() }
                };
                ("matrix", all.into_iter().map(line).collect())
            }
        };
        let of = |severity| outcome.annotations.texts(severity, query, MOST_ANNOTATIONS);
        let annotations = of(Severity::Warning).into_iter().chain(of(Severity::Info)).collect();
        Self::Result { kind: kind.to_owned(), lines, annotations }
    }

    /// How theirs differs from ours; none if it does not.
    pub(crate) fn difference(&self, theirs: &Self) -> Option<String> {
        match (self, theirs) {
            (Self::Error(ours), Self::Error(theirs)) => {
                (ours != theirs).then(|| format!("error {ours:?} instead of {theirs:?}"))
            }
            (
                Self::Result { kind, lines, annotations },
                Self::Result { kind: their_kind, lines: their_lines, annotations: their_annotations },
            ) => {
                if kind != their_kind {
                    return Some(format!("{kind} instead of {their_kind}"));
                }
                if annotations != their_annotations {
                    return Some(format!("annotations {annotations:?} instead of {their_annotations:?}"));
                }
                lines_differ(lines, their_lines)
            }
            (ours, theirs) => Some(format!("{ours:?} instead of {theirs:?}").chars().take(600).collect()),
        }
    }
}

fn their_line(series: &Json) -> Result<Line> {
    let labels = series["metric"].as_object().context("labels")?;
    let labels = labels.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect();
    let one = |key: &str| series.get(key).into_iter();
    let many = |key: &str| series[key].as_array().into_iter().flatten();
    let mut samples = Vec::new();
    for sample in one("value").chain(many("values")) {
        samples.push((millis(&sample[0])?, Numbers::Float(number(&sample[1])?)));
    }
    for sample in one("histogram").chain(many("histograms")) {
        samples.push((millis(&sample[0])?, their_histogram(&sample[1])?));
    }
    Ok(Line { labels, samples })
}

/// Compares series by their labels. The order is compared by queries that are about it.
fn lines_differ(ours: &[Line], theirs: &[Line]) -> Option<String> {
    let by_labels = |lines: &[Line]| -> BTreeMap<Names, usize> {
        lines.iter().enumerate().map(|(place, line)| (line.labels.clone(), place)).collect()
    };
    let (our_places, their_places) = (by_labels(ours), by_labels(theirs));
    if let Some(labels) = our_places.keys().find(|labels| !their_places.contains_key(*labels)) {
        return Some(format!("{labels:?} is not there with Prometheus ({} of {} series)", ours.len(), theirs.len()));
    }
    for (labels, place) in &their_places {
        let Some(our_place) = our_places.get(labels) else {
            return Some(format!("{labels:?} is missing ({} of {} series)", ours.len(), theirs.len()));
        };
        let (mine, other) = (&ours[*our_place].samples, &theirs[*place].samples);
        if mine.len() != other.len() {
            return Some(format!("{labels:?} has {} samples instead of {}", mine.len(), other.len()));
        }
        for ((time, value), (their_time, their_value)) in mine.iter().zip(other) {
            if time != their_time || !alike(value, their_value) {
                return Some(format!("{labels:?} is {value:?} at {time} instead of {their_value:?} at {their_time}"));
            }
        }
    }
    None
}

fn alike(a: &Numbers, b: &Numbers) -> bool {
    match (a, b) {
        (Numbers::Float(a), Numbers::Float(b)) => near(*a, *b),
        (Numbers::Histogram(a), Numbers::Histogram(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(*a, *b))
        }
        _ => false,
    }
}

fn near(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

/// The order of an instant's series, by their labels.
impl Response {
    pub(crate) fn order(&self) -> Vec<Names> {
        match self {
            Self::Error(_) => Vec::new(),
            Self::Result { lines, .. } => lines.iter().map(|line| line.labels.clone()).collect(),
        }
    }
}
