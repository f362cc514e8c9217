//! Whether results are those expected.

use std::collections::BTreeMap;

use vitrine_observe_promql::histogram::expression;
use vitrine_observe_promql::testing::SequenceValue;
use vitrine_observe_promql::{Point, Sample, Series, Value};
use vitrine_observe_series::{Bucket, Histogram, Labels, is_stale};

use crate::script::Eval;

/// Values may differ by this part of their sum.
const EPSILON: f64 = 0.000_001;

/// What is wrong with a result.
pub fn compare(eval: &Eval, value: &Value) -> Result<(), String> {
    match value {
        Value::Matrix(series) => matrix(eval, series),
        Value::Vector(samples) => vector(eval, samples),
        Value::Scalar { value, .. } => match eval.scalar {
            Some(wanted) if almost(wanted, *value) => Ok(()),
            Some(wanted) => Err(format!("expected scalar {wanted} but got {value}")),
            None => Err(format!("expected vector or matrix result, but got scalar {value}")),
        },
        Value::String { value, .. } => match &eval.string {
            Some(wanted) if wanted == value => Ok(()),
            wanted => Err(format!("expected {wanted:?} but got string {value:?}")),
        },
    }
}

fn matrix(eval: &Eval, result: &[Series]) -> Result<(), String> {
    if eval.ordered || eval.scalar.is_some() {
        return Err("expected an ordered or scalar result, but got a matrix".to_owned());
    }
    if let Some(pair) = result.windows(2).find(|pair| pair[0].labels > pair[1].labels) {
        return Err(format!("{} stands before {}", pair[0].labels, pair[1].labels));
    }
    let mut missing: BTreeMap<&Labels, &Vec<SequenceValue>> =
        eval.series.iter().map(|(labels, values)| (labels, values)).collect();
    for series in result {
        let wanted = missing.remove(&series.labels).ok_or_else(|| {
            format!("unexpected or repeated series {} in result, has {}", series.labels, shown(series))
        })?;
        points(eval, series, wanted)
            .map_err(|error| format!("{}: {error} (result has {})", series.labels, shown(series)))?;
    }
    missing.first_key_value().map_or(Ok(()), |(labels, _)| Err(format!("expected series {labels} not found")))
}

fn points(eval: &Eval, series: &Series, wanted: &[SequenceValue]) -> Result<(), String> {
    let (mut floats, mut histograms) = (series.floats.iter(), series.histograms.iter());
    for (number, value) in (0..).zip(wanted) {
        let time = eval.start_ms + number * eval.step_ms;
        if time > eval.end_ms || (eval.step_ms == 0 && number > 0) {
            return Err(format!("the time range cannot return {} points", wanted.len()));
        }
        match value {
            SequenceValue::Omitted => {}
            SequenceValue::Float(bits) => match floats.next() {
                Some((at, value)) if *at == time && almost(f64::from_bits(*bits), *value) => {}
                other => return Err(format!("expected {} at {time}, but got {other:?}", f64::from_bits(*bits))),
            },
            SequenceValue::Histogram { histogram, names_reset } => match histograms.next() {
                Some((at, value)) if *at == time && same_histogram(histogram, value, *names_reset) => {}
                Some((at, value)) => {
                    let (wanted, value) = (expression(histogram), expression(value));
                    return Err(format!("expected {wanted} at {time}, but got {value} at {at}"));
                }
                None => return Err(format!("expected {} at {time}", expression(histogram))),
            },
        }
    }
    if floats.next().is_some() || histograms.next().is_some() {
        return Err("there are more points than expected".to_owned());
    }
    Ok(())
}

fn shown(series: &Series) -> String {
    let histograms: Vec<String> =
        series.histograms.iter().map(|(time, value)| format!("{} @{time}", expression(value))).collect();
    format!("{:?} {histograms:?}", series.floats)
}

fn vector(eval: &Eval, result: &[Sample]) -> Result<(), String> {
    if eval.scalar.is_some() {
        return Err("expected scalar result, but got a vector".to_owned());
    }
    // Of lines with the same labels the last one counts, as in Prometheus.
    let mut missing: BTreeMap<&Labels, (usize, &SequenceValue)> = BTreeMap::new();
    for (place, (labels, values)) in eval.series.iter().enumerate() {
        missing.insert(labels, (place, values.first().ok_or_else(|| format!("{labels} has no value"))?));
    }
    for (place, sample) in result.iter().enumerate() {
        let labels = &sample.labels;
        let (wanted_place, wanted) = missing.remove(labels).ok_or_else(|| {
            format!("unexpected or repeated series {labels} in result, has {}", shown_point(&sample.value))
        })?;
        if eval.ordered && wanted_place != place {
            return Err(format!("expected {labels} at position {wanted_place} but was at {place}"));
        }
        let fits = match (wanted, &sample.value) {
            (SequenceValue::Float(bits), Point::Float(value)) => almost(f64::from_bits(*bits), *value),
            (SequenceValue::Histogram { histogram, names_reset }, Point::Histogram(value)) => {
                same_histogram(histogram, value, *names_reset)
            }
            _ => false,
        };
        if !fits {
            let wanted = match wanted {
                SequenceValue::Omitted => "nothing".to_owned(),
                SequenceValue::Float(bits) => f64::from_bits(*bits).to_string(),
                SequenceValue::Histogram { histogram, .. } => expression(histogram),
            };
            return Err(format!("expected {wanted} for {labels} but got {}", shown_point(&sample.value)));
        }
    }
    missing.first_key_value().map_or(Ok(()), |(labels, _)| Err(format!("expected series {labels} not found")))
}

fn shown_point(point: &Point) -> String {
    match point {
        Point::Float(value) => value.to_string(),
        Point::Histogram(histogram) => expression(histogram),
    }
}

/// Whether two doubles are the same but for errors of rounding. NaN is itself, and the stale marker no other NaN.
pub fn almost(a: f64, b: f64) -> bool {
    if is_stale(a.to_bits()) || is_stale(b.to_bits()) {
        return is_stale(a.to_bits()) && is_stale(b.to_bits());
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

fn same_histogram(a: &Histogram, b: &Histogram, with_reset: bool) -> bool {
    let same_buckets = |a: &[Bucket], b: &[Bucket]| {
        let filled = |buckets: &[Bucket]| buckets.iter().filter(|bucket| bucket.count != 0.0).copied().collect();
        let (a, b): (Vec<Bucket>, Vec<Bucket>) = (filled(a), filled(b));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.index == b.index && almost(a.count, b.count))
    };
    a.schema == b.schema
        && almost(a.count, b.count)
        && almost(a.sum, b.sum)
        && a.custom_bounds == b.custom_bounds
        && a.zero_threshold == b.zero_threshold
        && almost(a.zero_count, b.zero_count)
        && same_buckets(&a.positive, &b.positive)
        && same_buckets(&a.negative, &b.negative)
        && (!with_reset || a.reset == b.reset)
}
