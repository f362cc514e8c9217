//! Aggregations of buckets.

use serde_json::Value;

use super::order;
use crate::elastic::aggs::script::Script;
use crate::elastic::aggs::types::{Order, OrderBy, Pipeline};
use crate::elastic::dates::{NANOS_PER_MILLI, Unit, fixed_interval};
use crate::elastic::error::SearchError;
use crate::elastic::json::{Object, list, scalar_text};

/// Longest window and lag, in buckets.
const MAX_WINDOW: usize = 65_536;
/// Seconds of a day and of a week.
const DAY_S: f64 = 86_400.0;
const WEEK_S: f64 = 7.0 * DAY_S;
/// Aggregations of the buckets of a neighbour, and what they are of them.
const SIBLINGS: [(&str, &str); 5] = [
    ("avg_bucket", "avg"),
    ("max_bucket", "max"),
    ("min_bucket", "min"),
    ("sum_bucket", "sum"),
    ("stats_bucket", "stats"),
];

pub(super) fn read(kind: &str, options: &Value) -> Result<Option<Pipeline>, SearchError> {
    let object = Object::new(kind, options)?;
    let path = || object.need_text("buckets_path");
    let skip_gaps = || match object.text("gap_policy")?.as_deref() {
        None | Some("skip" | "keep_values") => Ok(true),
        Some("insert_zeros") => Ok(false),
        Some(other) => Err(object.wrong("gap_policy", &other.into(), "skip, insert_zeros or keep_values")),
    };
    let plain = ["buckets_path", "gap_policy", "format"];
    let only = |more: &[&str]| object.only(&[plain.as_slice(), more].concat());
    if let Some((_, what)) = SIBLINGS.iter().find(|(name, _)| *name == kind) {
        only(&[])?;
        return Ok(Some(Pipeline::Sibling { path: path()?, what }));
    }
    Ok(Some(match kind {
        "derivative" => {
            only(&["unit"])?;
            Pipeline::Derivative { path: path()?, unit_ms: unit_ms(&object)?, skip_gaps: skip_gaps()? }
        }
        "cumulative_sum" => {
            only(&[])?;
            Pipeline::CumulativeSum { path: path()? }
        }
        "moving_fn" => {
            only(&["window", "shift", "script"])?;
            let window = object.count("window")?.unwrap_or(1).min(MAX_WINDOW);
            let shift = object.number("shift")?.unwrap_or(0.0) as i64;
            Pipeline::MovingFunction { path: path()?, window, shift, script: Script::parse(object.need("script")?)? }
        }
        "serial_diff" => {
            only(&["lag"])?;
            Pipeline::SerialDifference { path: path()?, lag: object.count("lag")?.unwrap_or(1).clamp(1, MAX_WINDOW) }
        }
        "bucket_script" | "bucket_selector" => {
            only(&["script"])?;
            let script = Script::parse(object.need("script")?)?;
            let paths = match object.need("buckets_path")? {
                Value::Object(map) => {
                    map.iter().filter_map(|(name, path)| Some((name.clone(), scalar_text(path)?))).collect()
                }
                other => list(other).iter().filter_map(scalar_text).map(|path| ("_value".to_owned(), path)).collect(),
            };
            let skip_gaps = skip_gaps()?;
            if kind == "bucket_script" {
                Pipeline::BucketScript { paths, script, skip_gaps }
            } else {
                Pipeline::BucketSelector { paths, script, skip_gaps }
            }
        }
        "bucket_sort" => {
            object.only(&["sort", "from", "size", "gap_policy"])?;
            let (from, size) = (object.count("from")?.unwrap_or(0), object.count("size")?);
            Pipeline::BucketSort { sort: bucket_sort(&object)?, from, size }
        }
        _ => return Ok(None),
    }))
}

/// Reads a sort of buckets: names, `{"name": "desc"}`, or `{"name": {"order": "desc"}}`.
fn bucket_sort(object: &Object<'_>) -> Result<Vec<Order>, SearchError> {
    let Some(sort) = object.get("sort") else { return order(object) };
    let mut all = Vec::new();
    for part in list(sort) {
        let named: Vec<(String, bool)> = match part {
            Value::String(name) => vec![(name.clone(), true)],
            other => Object::new("sort", other)?
                .iter()
                .map(|(name, options)| {
                    (name.to_owned(), options.as_str().or(options["order"].as_str()) != Some("desc"))
                })
                .collect(),
        };
        all.extend(named.into_iter().map(|(name, ascending)| {
            let by = match name.as_str() {
                "_count" => OrderBy::Count,
                "_key" => OrderBy::Key,
                _ => OrderBy::Path(name),
            };
            Order { by, ascending }
        }));
    }
    Ok(all)
}

/// How long the unit of a derivative is.
fn unit_ms(object: &Object<'_>) -> Result<Option<f64>, SearchError> {
    let Some(text) = object.text("unit")? else { return Ok(None) };
    let calendar = || match Unit::of_interval(&text)? {
        Unit::Day => Some(DAY_S * 1e3),
        Unit::Week => Some(WEEK_S * 1e3),
        unit => unit.seconds().map(|seconds| seconds as f64 * 1e3),
    };
    let found = fixed_interval(&text).map(|ns| ns as f64 / NANOS_PER_MILLI as f64).or_else(calendar);
    found.map(Some).ok_or_else(|| object.wrong("unit", &text.clone().into(), "a length such as 1s or 1m"))
}
