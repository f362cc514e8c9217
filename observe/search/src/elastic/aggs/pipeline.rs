//! What is made of buckets that are written.

use serde_json::{Map, Value, json};

use super::metrics::Stats;
use super::types::{Order, OrderBy, Pipeline};
use super::values::{number_json, value_json};

/// A number within a bucket: `_count`, `name`, `name.max`, `name[95.0]`, `filter>name`.
pub(crate) fn bucket_number(bucket: &Value, path: &str) -> Option<f64> {
    let (mut here, mut rest) = (bucket, path);
    while let Some((name, inner)) = rest.split_once('>') {
        here = here.get(name)?;
        rest = inner;
    }
    match rest {
        "_count" => return here.get("doc_count")?.as_f64(),
        "_key" => return here.get("key")?.as_f64(),
        _ => {}
    }
    if let Some(found) = here.get(rest) {
        return found.get("value").or(found.get("doc_count"))?.as_f64();
    }
    let (name, part) = match rest.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some(parts) => parts,
        None => rest.split_once('.')?,
    };
    let found = here.get(name)?;
    let of_values = || {
        let values = found.get("values")?;
        let number: f64 = part.parse().ok()?;
        values.get(part).or(values.get(format!("{number:?}")))?.as_f64()
    };
    let of_top = || found.get("top")?.get(0)?.get("metrics")?.get(part)?.as_f64();
    let direct = if part == "_count" { found.get("doc_count") } else { found.get(part) };
    direct.and_then(Value::as_f64).or_else(of_values).or_else(of_top)
}

/// Sorts buckets.
pub(crate) fn sort_buckets(buckets: &mut [Value], order: &[Order]) {
    buckets.sort_by(|a, b| {
        let mut each = order.iter().map(|order| match &order.by {
            OrderBy::Count => number_order(a, b, "_count", order.ascending),
            OrderBy::Path(path) => number_order(a, b, path, order.ascending),
            OrderBy::Key => {
                let texts = a["key"].as_str().zip(b["key"].as_str()).map(|(a, b)| a.cmp(b));
                let found = texts.unwrap_or_else(|| number_order(a, b, "_key", true));
                if order.ascending { found } else { found.reverse() }
            }
        });
        each.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
}

/// By a number; what has none comes last.
fn number_order(a: &Value, b: &Value, path: &str, ascending: bool) -> std::cmp::Ordering {
    match (bucket_number(a, path), bucket_number(b, path)) {
        (Some(a), Some(b)) => {
            if ascending {
                a.total_cmp(&b)
            } else {
                b.total_cmp(&a)
            }
        }
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// Adds to each bucket of a list what a pipeline within it makes of them.
pub(crate) fn within(name: &str, pipeline: &Pipeline, buckets: &mut Vec<Value>) {
    match pipeline {
        Pipeline::Derivative { path, unit_ms, skip_gaps } => {
            derivative(name, (path.as_str(), *unit_ms, *skip_gaps), buckets)
        }
        Pipeline::CumulativeSum { path } => {
            let mut sum = 0.0;
            for bucket in buckets {
                sum += bucket_number(bucket, path).unwrap_or(0.0);
                bucket[name] = value_json(Some(sum));
            }
        }
        Pipeline::MovingFunction { path, window, shift, script } => {
            let numbers: Vec<Option<f64>> = buckets.iter().map(|bucket| bucket_number(bucket, path)).collect();
            for (place, bucket) in buckets.iter_mut().enumerate().filter(|(place, _)| numbers[*place].is_some()) {
                let at = |place: i64| usize::try_from(place).unwrap_or(0).min(numbers.len());
                let end = i64::try_from(place).unwrap_or(i64::MAX).saturating_add(*shift);
                let start = end.saturating_sub(i64::try_from(*window).unwrap_or(i64::MAX));
                let values: Vec<f64> = numbers[at(start).min(at(end))..at(end)].iter().flatten().copied().collect();
                bucket[name] = value_json(script.evaluate(&|_| None, &values));
            }
        }
        Pipeline::SerialDifference { path, lag } => {
            let numbers: Vec<Option<f64>> = buckets.iter().map(|bucket| bucket_number(bucket, path)).collect();
            for (place, bucket) in buckets.iter_mut().enumerate().skip(*lag) {
                if let (Some(now), Some(before)) = (numbers[place], numbers[place - lag]) {
                    bucket[name] = value_json(Some(now - before));
                }
            }
        }
        Pipeline::BucketScript { paths, script, skip_gaps } => {
            for bucket in buckets {
                let number = script.evaluate(&|name| parameter(bucket, paths, name, *skip_gaps), &[]);
                if let Some(number) = number {
                    bucket[name] = value_json(Some(number));
                }
            }
        }
        Pipeline::BucketSelector { paths, script, skip_gaps } => buckets.retain(|bucket| {
            script.evaluate(&|name| parameter(bucket, paths, name, *skip_gaps), &[]).is_some_and(|number| number != 0.0)
        }),
        Pipeline::BucketSort { sort, from, size } => {
            sort_buckets(buckets, sort);
            buckets.drain(..(*from).min(buckets.len()));
            buckets.truncate(size.unwrap_or(usize::MAX));
        }
        Pipeline::Sibling { .. } => {}
    }
}

fn parameter(bucket: &Value, paths: &[(String, String)], name: &str, skip_gaps: bool) -> Option<f64> {
    let (_, path) = paths.iter().find(|(known, _)| known == name)?;
    bucket_number(bucket, path).or((!skip_gaps).then_some(0.0))
}

fn derivative(name: &str, (path, unit_ms, skip_gaps): (&str, Option<f64>, bool), buckets: &mut [Value]) {
    let mut before: Option<(f64, f64)> = None;
    for bucket in buckets {
        let number = bucket_number(bucket, path).or((!skip_gaps).then_some(0.0));
        // A bucket without records has no value, though a sum of nothing is 0.
        let is_gap = skip_gaps && path != "_count" && bucket_number(bucket, "_count") == Some(0.0);
        let Some(number) = number.filter(|_| !is_gap) else { continue };
        let key = bucket_number(bucket, "_key").unwrap_or(0.0);
        if let Some((last_key, last)) = before {
            bucket[name] = value_json(Some(number - last));
            if let Some(unit) = unit_ms {
                bucket[name]["normalized_value"] = number_json((number - last) / ((key - last_key) / unit));
            }
        }
        before = Some((key, number));
    }
}

/// What a pipeline makes of the buckets of a neighbour; none if there is no such one.
pub(crate) fn sibling(pipeline: &Pipeline, neighbours: &Map<String, Value>) -> Option<Value> {
    let Pipeline::Sibling { path, what } = pipeline else { return None };
    let (name, path) = path.split_once('>')?;
    let buckets: Vec<&Value> = match neighbours.get(name)?.get("buckets")? {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => return None,
    };
    let mut stats = Stats::default();
    let mut numbers = Vec::new();
    for bucket in buckets {
        let is_gap = path != "_count" && bucket_number(bucket, "_count") == Some(0.0);
        if let Some(number) = bucket_number(bucket, path).filter(|_| !is_gap) {
            stats.add(number);
            let key = bucket.get("key_as_string").or(bucket.get("key"));
            numbers.push((number, key.map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned))));
        }
    }
    let get = |what: &str| stats.get(what);
    Some(match *what {
        "stats" => json!({
            "count": stats.count, "min": get("min"), "max": get("max"), "avg": get("avg"), "sum": stats.sum,
        }),
        "min" | "max" => {
            let keys = numbers.into_iter().filter(|(number, _)| Some(*number) == get(what)).filter_map(|(_, key)| key);
            json!({ "value": get(what), "keys": keys.collect::<Vec<_>>() })
        }
        other => value_json(get(other)),
    })
}
