//! Histograms as texts: as tests and unit tests of rules write them, and as results show them.

use std::fmt::Write as _;

use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram};

use super::buckets::{Interval, MAX_SCHEMA, MIN_SCHEMA, negative_intervals, positive_intervals, zero_interval};
use super::compact::compact;
use crate::text::go_float;

/// Most buckets of one side in a text, those between that count nothing among them.
const MAX_BUCKETS: usize = 10_000;

/// Returns a histogram as Prometheus's tests write it: `{{schema:1 count:3 sum:5 buckets:[1 2]}}`. One whose buckets are too far apart for
/// that is shown as by [`display`].
pub fn expression(histogram: &Histogram) -> String {
    let mut histogram = histogram.clone();
    compact(&mut histogram);
    let sides = (dense(&histogram.positive), dense(&histogram.negative));
    let (Some(positive), Some(negative)) = sides else { return display(&histogram) };
    let mut parts = Vec::new();
    if histogram.schema != 0 {
        parts.push(format!("schema:{}", histogram.schema));
    }
    let numbers = [
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    ];
    parts.extend(
        numbers.iter().filter(|(_, value)| *value != 0.0).map(|(name, value)| format!("{name}:{}", go_float(*value))),
    );
    if histogram.schema == CUSTOM_BUCKETS {
        parts.push(format!("custom_values:{}", list(&histogram.custom_bounds)));
    }
    match histogram.reset {
        CounterReset::Unknown => {}
        CounterReset::Yes => parts.push("counter_reset_hint:reset".to_owned()),
        CounterReset::No => parts.push("counter_reset_hint:not_reset".to_owned()),
        CounterReset::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
    }
    for ((offset, counts), prefix) in [(positive, ""), (negative, "n_")] {
        if offset != 0 {
            parts.push(format!("{prefix}offset:{offset}"));
        }
        if !counts.is_empty() {
            parts.push(format!("{prefix}buckets:{}", list(&counts)));
        }
    }
    format!("{{{{{}}}}}", parts.join(" "))
}

fn list(values: &[f64]) -> String {
    format!("[{}]", values.iter().map(|value| go_float(*value)).collect::<Vec<_>>().join(" "))
}

/// The first index and all counts from there on; none if they are too many.
fn dense(buckets: &[Bucket]) -> Option<(i32, Vec<f64>)> {
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Some((0, Vec::new())) };
    let length = usize::try_from(i64::from(last.index) - i64::from(first.index) + 1).ok()?;
    if length > MAX_BUCKETS {
        return None;
    }
    let mut counts = vec![0.0; length];
    for bucket in buckets {
        let place = usize::try_from(i64::from(bucket.index) - i64::from(first.index)).ok()?;
        *counts.get_mut(place)? = bucket.count;
    }
    Some((first.index, counts))
}

/// Returns a histogram as Prometheus's results show it: `{count:3, sum:5, (1,2]:3}`.
pub fn display(histogram: &Histogram) -> String {
    let mut text = format!("{{count:{}, sum:{}", go_float(histogram.count), go_float(histogram.sum));
    let zero = (histogram.zero_count != 0.0).then(|| zero_interval(histogram));
    let negative: Vec<Interval> = negative_intervals(histogram).collect();
    let all = negative.into_iter().rev().chain(zero).chain(positive_intervals(histogram));
    for interval in all.filter(|interval| interval.count != 0.0) {
        let begin = if interval.lower_inclusive { '[' } else { '(' };
        let end = if interval.upper_inclusive { ']' } else { ')' };
        let (lower, upper) = (go_float(interval.lower), go_float(interval.upper));
        let _ = write!(text, ", {begin}{lower},{upper}{end}:{}", go_float(interval.count));
    }
    text.push('}');
    text
}

/// Reads what [`expression`] writes, with or without the braces. An error says what is wrong with which part.
pub fn parse_expression(text: &str) -> Result<Histogram, String> {
    let text = text.trim();
    let inside = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text);
    let mut histogram = Histogram::default();
    let (mut offsets, mut counts) = ([0_i32; 2], [Vec::new(), Vec::new()]);
    let mut rest = inside.trim_start();
    while !rest.is_empty() {
        let (key, after) =
            rest.split_once(':').ok_or_else(|| format!("{rest:?} is no part of a histogram: expected name:value"))?;
        let key = key.trim();
        let after = after.trim_start();
        let end = match after.strip_prefix('[') {
            Some(_) => after.find(']').ok_or_else(|| format!("{key}: the list has no end"))? + 1,
            None => after.find(char::is_whitespace).unwrap_or(after.len()),
        };
        let (value, after) = after.split_at(end);
        match key {
            "schema" => histogram.schema = schema(value)?,
            "count" => histogram.count = number(key, value)?,
            "sum" => histogram.sum = number(key, value)?,
            "z_bucket" => histogram.zero_count = number(key, value)?,
            "z_bucket_w" => histogram.zero_threshold = number(key, value)?,
            "custom_values" => histogram.custom_bounds = numbers(key, value)?.into(),
            "counter_reset_hint" => histogram.reset = reset(value)?,
            "offset" => offsets[0] = offset(key, value)?,
            "n_offset" => offsets[1] = offset(key, value)?,
            "buckets" => counts[0] = numbers(key, value)?,
            "n_buckets" => counts[1] = numbers(key, value)?,
            other => return Err(format!("{other:?} is no part of a histogram")),
        }
        rest = after.trim_start();
    }
    let side = |offset: i32, counts: &[f64]| {
        counts.iter().zip(offset..).map(|(count, index)| Bucket { index, count: *count }).collect()
    };
    histogram.positive = side(offsets[0], &counts[0]);
    histogram.negative = side(offsets[1], &counts[1]);
    Ok(histogram)
}

fn schema(value: &str) -> Result<i8, String> {
    let schema = value.parse::<i8>().ok();
    schema
        .filter(|schema| *schema == CUSTOM_BUCKETS || (MIN_SCHEMA..=MAX_SCHEMA).contains(schema))
        .ok_or_else(|| format!("schema: {value:?} is none: expected {MIN_SCHEMA} to {MAX_SCHEMA}, or {CUSTOM_BUCKETS}"))
}

fn number(key: &str, value: &str) -> Result<f64, String> {
    value.parse().map_err(|_| format!("{key}: {value:?} is no number"))
}

/// A bucket's index, far enough from the end of what an index holds that all buckets of a list have one.
fn offset(key: &str, value: &str) -> Result<i32, String> {
    const MOST: i32 = 1 << 24;
    let offset = value.parse::<i32>().ok().filter(|offset| (-MOST..=MOST).contains(offset));
    offset.ok_or_else(|| format!("{key}: {value:?} is no index of a bucket: expected -{MOST} to {MOST}"))
}

fn numbers(key: &str, value: &str) -> Result<Vec<f64>, String> {
    let inside = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inside = inside.ok_or_else(|| format!("{key}: {value:?} is no list: expected [1 2 3]"))?;
    let values: Vec<f64> = inside.split_whitespace().map(|value| number(key, value)).collect::<Result<_, _>>()?;
    if values.len() > MAX_BUCKETS {
        return Err(format!("{key}: {} values, but at most {MAX_BUCKETS}", values.len()));
    }
    Ok(values)
}

fn reset(value: &str) -> Result<CounterReset, String> {
    match value {
        "unknown" => Ok(CounterReset::Unknown),
        "reset" => Ok(CounterReset::Yes),
        "not_reset" => Ok(CounterReset::No),
        "gauge" => Ok(CounterReset::Gauge),
        other => Err(format!("counter_reset_hint: {other:?} is none: expected unknown, reset, not_reset or gauge")),
    }
}
