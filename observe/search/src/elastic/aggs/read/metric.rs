//! Aggregations that are numbers.

use serde_json::Value;

use super::AggregationReader;
use crate::elastic::aggs::types::{Metric, TopHits};
use crate::elastic::error::SearchError;
use crate::elastic::fields::TIME_FIELD;
use crate::elastic::json::{Object, list, number};

/// Percentiles when nothing says which.
const PERCENTS: [f64; 7] = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];
/// Most percentiles of one aggregation.
const MAX_PERCENTS: usize = 100;
/// Most hits of one bucket, as Elasticsearch's `index.max_inner_result_window`.
const MAX_TOP: usize = 100;
/// Statistics that are one number.
const SINGLE: [(&str, &str); 5] =
    [("value_count", "count"), ("min", "min"), ("max", "max"), ("sum", "sum"), ("avg", "avg")];

pub(super) fn read(
    reader: &mut AggregationReader<'_>,
    kind: &str,
    options: &Value,
) -> Result<Option<Metric>, SearchError> {
    let object = Object::new(kind, options)?;
    let plain = ["field", "missing", "format", "script"];
    if let Some((_, statistic)) = SINGLE.iter().find(|(name, _)| *name == kind) {
        object.only(&plain)?;
        return Ok(Some(Metric::One(statistic, reader.source_of(&object)?)));
    }
    Ok(Some(match kind {
        "stats" => {
            object.only(&plain)?;
            Metric::Stats(reader.source_of(&object)?)
        }
        "extended_stats" => {
            object.only(&[plain.as_slice(), &["sigma"]].concat())?;
            Metric::ExtendedStats(reader.source_of(&object)?, object.number("sigma")?.unwrap_or(2.0))
        }
        "percentiles" | "percentile_ranks" => {
            object.only(&[plain.as_slice(), &["percents", "values", "keyed", "tdigest", "hdr"]].concat())?;
            let source = reader.source_of(&object)?;
            let keyed = object.flag("keyed")?.unwrap_or(true);
            let numbers = |key: &str| {
                let Some(value) = object.get(key) else { return Ok(PERCENTS.to_vec()) };
                let read = |value| number(value).ok_or_else(|| object.wrong(key, value, "a number"));
                list(value).iter().take(MAX_PERCENTS).map(read).collect::<Result<Vec<f64>, _>>()
            };
            if kind == "percentiles" {
                Metric::Percentiles { source, percents: numbers("percents")?, keyed }
            } else {
                object.need("values")?;
                Metric::PercentileRanks { source, values: numbers("values")?, keyed }
            }
        }
        "cardinality" => {
            object.only(&[plain.as_slice(), &["precision_threshold", "execution_hint", "rehash"]].concat())?;
            Metric::Cardinality(reader.source_of(&object)?)
        }
        "top_metrics" => top_metrics(reader, &object)?,
        "top_hits" => {
            object.only(&[
                "from",
                "size",
                "sort",
                "_source",
                "fields",
                "docvalue_fields",
                "highlight",
                "version",
                "seq_no_primary_term",
                "explain",
                "stored_fields",
                "track_scores",
            ])?;
            reader.needs_rows = true;
            Metric::TopHits(TopHits {
                sort: sort(reader, object.get("sort"))?,
                from: bounded(&object, "from", 0)?,
                size: bounded(&object, "size", 3)?,
                body: options.clone(),
            })
        }
        _ => return Ok(None),
    }))
}

fn bounded(object: &Object<'_>, key: &str, usual: usize) -> Result<usize, SearchError> {
    let found = object.count(key)?.unwrap_or(usual);
    if found > MAX_TOP {
        return Err(SearchError::illegal(format!("[{key}] of a bucket is {found}; expected {MAX_TOP} at most")));
    }
    Ok(found)
}

fn top_metrics(reader: &mut AggregationReader<'_>, object: &Object<'_>) -> Result<Metric, SearchError> {
    object.only(&["metrics", "sort", "size", "missing"])?;
    let mut metrics = Vec::new();
    for metric in list(object.need("metrics")?) {
        let name = Object::new("metrics", metric)?.need_text("field")?;
        let source = reader.source(&name, None);
        metrics.push((name, source));
    }
    let sort = sort(reader, Some(object.need("sort")?))?;
    Ok(Metric::TopMetrics { metrics, sort, size: bounded(object, "size", 1)? })
}

/// The first field of a sort, and whether it ascends; the newest first if there is none.
fn sort(
    reader: &mut AggregationReader<'_>,
    value: Option<&Value>,
) -> Result<(crate::elastic::aggs::values::Source, bool), SearchError> {
    let first = value.and_then(|value| list(value).first());
    let (name, ascending) = match first {
        None => (TIME_FIELD.to_owned(), false),
        Some(Value::String(name)) => (name.clone(), true),
        Some(value) => {
            let (name, options) =
                Object::new("sort", value)?.iter().next().ok_or_else(|| SearchError::parsing("[sort] is empty"))?;
            let direction = options.as_str().or(options["order"].as_str()).unwrap_or("asc");
            (name.to_owned(), !direction.eq_ignore_ascii_case("desc"))
        }
    };
    let name = if name == "_doc" || name == "_score" { TIME_FIELD.to_owned() } else { name };
    Ok((reader.source(&name, None), ascending))
}
