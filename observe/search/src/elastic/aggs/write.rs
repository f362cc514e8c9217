//! What aggregations have gathered, as Elasticsearch writes it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use vitrine_observe_model::LogRow;

use super::collect::{Bucket, Budget, State, TopRow, TopRows};
use super::pipeline::{sibling, sort_buckets, within};
use super::types::{
    Aggregation, By, Composite, CompositeBy, Dates, Filters, Kind, Metric, Numbers, OrderBy, Ranges, Terms,
};
use super::values::{Key, Source, number_json, value_json};
use crate::elastic::dates::{DateFormat, NANOS_PER_MILLI, Zone};
use crate::elastic::error::SearchError;

/// What writing needs.
pub(crate) struct Writing<'a> {
    /// Writes a hit of a `top_hits` with these options.
    pub(crate) hit: &'a dyn Fn(&LogRow, &Value) -> Value,
    pub(crate) budget: Budget,
}

/// Writes all aggregations of a bucket, or of a search.
pub(crate) fn write_aggregations(
    all: &[Aggregation],
    states: Vec<State>,
    writing: &mut Writing<'_>,
) -> Result<Map<String, Value>, SearchError> {
    let mut written = Map::new();
    for (aggregation, state) in all.iter().zip(states) {
        let mut value = match (&aggregation.kind, state) {
            (Kind::Buckets(by), State::Buckets(buckets)) => write_buckets(aggregation, by, buckets, writing)?,
            (Kind::Metric(metric), state) => write_metric(metric, state, writing),
            _ => continue,
        };
        if let Some(meta) = &aggregation.meta {
            value["meta"] = meta.clone();
        }
        written.insert(aggregation.name.clone(), value);
    }
    for aggregation in all {
        if let Kind::Pipeline(pipeline) = &aggregation.kind
            && let Some(value) = sibling(pipeline, &written)
        {
            written.insert(aggregation.name.clone(), value);
        }
    }
    Ok(written)
}

fn write_buckets(
    aggregation: &Aggregation,
    by: &By,
    mut buckets: HashMap<Key, Bucket>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    let subs = &aggregation.subs;
    match by {
        By::Dates(dates) => write_dates(subs, dates, buckets, writing),
        By::Numbers(numbers) => write_numbers(subs, numbers, buckets, writing),
        By::Ranges(ranges) => write_ranges(subs, ranges, buckets, writing),
        By::Terms(terms) => write_terms(subs, terms, buckets, writing),
        By::Filters(filters) => write_filters(subs, filters, buckets, writing),
        By::Composite(composite) => write_composite(subs, composite, buckets, writing),
        By::Missing(_) | By::All => one(subs, buckets.remove(&Key::Place(0)), Map::new(), writing),
    }
}

/// A bucket with what it begins with.
fn one(
    subs: &[Aggregation],
    bucket: Option<Bucket>,
    mut head: Map<String, Value>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    let bucket = bucket.unwrap_or_else(|| Bucket::new(subs));
    head.insert("doc_count".into(), bucket.docs.into());
    head.extend(write_aggregations(subs, bucket.subs, writing)?);
    Ok(Value::Object(head))
}

fn head<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Runs the pipelines within a list of buckets, and writes it as a list, or by the keys' texts.
fn finish(subs: &[Aggregation], mut buckets: Vec<Value>, keyed: bool) -> Value {
    for sub in subs {
        if let Kind::Pipeline(pipeline) = &sub.kind {
            within(&sub.name, pipeline, &mut buckets);
        }
    }
    if !keyed {
        return json!({ "buckets": buckets });
    }
    let text = |bucket: &Value| {
        let key = bucket.get("key_as_string").or(bucket.get("key"));
        key.map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned)).unwrap_or_default()
    };
    json!({ "buckets": buckets.into_iter().map(|bucket| (text(&bucket), bucket)).collect::<Map<_, _>>() })
}

fn write_dates(
    subs: &[Aggregation],
    dates: &Dates,
    mut buckets: HashMap<Key, Bucket>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    let mut starts: Vec<i64> =
        buckets.keys().filter_map(|key| if let Key::Int(ns) = key { Some(*ns) } else { None }).collect();
    starts.sort_unstable();
    if dates.min_doc_count == 0 {
        let (min, max) = dates.extended.unwrap_or((i64::MAX, i64::MIN));
        let low = starts.first().copied().unwrap_or(i64::MAX).min(dates.start_of(min).unwrap_or(i64::MAX));
        let high = starts.last().copied().unwrap_or(i64::MIN).max(dates.start_of(max).unwrap_or(i64::MIN));
        let mut all = Vec::new();
        let mut next = (low <= high).then_some(low);
        while let Some(start) = next.filter(|start| *start <= high) {
            if !buckets.contains_key(&Key::Int(start)) {
                writing.budget.bucket(0)?;
            }
            all.push(start);
            next = dates.next(start).filter(|next| *next > start);
        }
        // Where clocks are put back, a beginning may not be met: what was counted is shown.
        all.extend(starts);
        all.sort_unstable();
        all.dedup();
        starts = all;
    }
    let mut written = Vec::with_capacity(starts.len());
    for start in starts {
        let bucket = buckets.remove(&Key::Int(start));
        if bucket.as_ref().map_or(0, |bucket| bucket.docs) < dates.min_doc_count {
            continue;
        }
        let text = dates.format.write(start, dates.zone);
        let head = head([("key_as_string", text.into()), ("key", start.div_euclid(NANOS_PER_MILLI).into())]);
        written.push(one(subs, bucket, head, writing)?);
    }
    sort_buckets(&mut written, &dates.order);
    Ok(finish(subs, written, dates.keyed))
}

fn write_numbers(
    subs: &[Aggregation],
    numbers: &Numbers,
    mut buckets: HashMap<Key, Bucket>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    let mut places: Vec<i64> =
        buckets.keys().filter_map(|key| if let Key::Int(place) = key { Some(*place) } else { None }).collect();
    places.sort_unstable();
    if numbers.min_doc_count == 0 {
        let place_of =
            |number: f64| number.is_finite().then(|| ((number - numbers.offset) / numbers.interval).floor() as i64);
        let (min, max) = numbers.extended.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let low = places.first().copied().into_iter().chain(place_of(min)).min();
        let high = places.last().copied().into_iter().chain(place_of(max)).max();
        if let (Some(low), Some(high)) = (low, high) {
            // As many as there may be, each is paid for.
            for place in low..=high {
                if !buckets.contains_key(&Key::Int(place)) {
                    writing.budget.bucket(0)?;
                    buckets.insert(Key::Int(place), Bucket::new(subs));
                    places.push(place);
                }
            }
            places.sort_unstable();
        }
    }
    let mut written = Vec::with_capacity(places.len());
    for place in places {
        let bucket = buckets.remove(&Key::Int(place));
        if bucket.as_ref().map_or(0, |bucket| bucket.docs) < numbers.min_doc_count {
            continue;
        }
        let key = place as f64 * numbers.interval + numbers.offset;
        written.push(one(subs, bucket, head([("key", number_json(key))]), writing)?);
    }
    sort_buckets(&mut written, &numbers.order);
    Ok(finish(subs, written, numbers.keyed))
}

fn write_ranges(
    subs: &[Aggregation],
    ranges: &Ranges,
    mut buckets: HashMap<Key, Bucket>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    let mut written = Vec::new();
    for (place, range) in ranges.ranges.iter().enumerate() {
        let text = |end: Option<f64>| match (end, &ranges.dates) {
            (None, _) => "*".to_owned(),
            (Some(number), None) => format!("{number:?}"),
            (Some(ms), Some((format, zone))) => format.write(ms as i64 * NANOS_PER_MILLI, *zone),
        };
        let key = range.key.clone().unwrap_or_else(|| format!("{}-{}", text(range.from), text(range.to)));
        let mut head = head([("key", key.into())]);
        for (name, end) in [("from", range.from), ("to", range.to)] {
            if let Some(number) = end {
                head.insert(name.to_owned(), number_json(number));
                if ranges.dates.is_some() {
                    head.insert(format!("{name}_as_string"), text(end).into());
                }
            }
        }
        written.push(one(subs, buckets.remove(&Key::Place(place)), head, writing)?);
    }
    Ok(finish(subs, written, ranges.keyed))
}

fn write_terms(
    subs: &[Aggregation],
    terms: &Terms,
    buckets: HashMap<Key, Bucket>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    let mut all: Vec<(Key, Bucket)> =
        buckets.into_iter().filter(|(_, bucket)| bucket.docs >= terms.min_doc_count).collect();
    let total: u64 = all.iter().map(|(_, bucket)| bucket.docs).sum();
    all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let by_path = terms.order.iter().any(|order| matches!(order.by, OrderBy::Path(_)));
    if !by_path {
        for order in terms.order.iter().rev() {
            all.sort_by(|(a_key, a), (b_key, b)| {
                let found = if order.by == OrderBy::Count { a.docs.cmp(&b.docs) } else { a_key.cmp(b_key) };
                if order.ascending { found } else { found.reverse() }
            });
        }
        all.truncate(terms.size);
    }
    let is_time = terms.sources.first().is_some_and(|source| source.is_time);
    let mut written = Vec::with_capacity(all.len());
    for (key, bucket) in all {
        let mut head = head([("key", key.json())]);
        match &key {
            Key::Int(ms) if is_time => {
                let text = DateFormat::default().write(ms.saturating_mul(NANOS_PER_MILLI), Zone::utc());
                head.insert("key_as_string".into(), text.into());
            }
            Key::Bool(_) | Key::Many(_) => {
                head.insert("key_as_string".into(), key.text().into());
            }
            _ => {}
        }
        written.push(one(subs, Some(bucket), head, writing)?);
    }
    if by_path {
        sort_buckets(&mut written, &terms.order);
        written.truncate(terms.size);
    }
    let shown: u64 = written.iter().filter_map(|bucket| bucket["doc_count"].as_u64()).sum();
    let mut value = finish(subs, written, false);
    value["doc_count_error_upper_bound"] = 0.into();
    value["sum_other_doc_count"] = (total - shown).into();
    Ok(value)
}

fn write_filters(
    subs: &[Aggregation],
    filters: &Filters,
    mut buckets: HashMap<Key, Bucket>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    if filters.is_one {
        return one(subs, buckets.remove(&Key::Place(0)), Map::new(), writing);
    }
    let count = filters.filters.len() + usize::from(filters.other.is_some());
    let mut written = Vec::with_capacity(count);
    for place in 0..count {
        written.push(one(subs, buckets.remove(&Key::Place(place)), Map::new(), writing)?);
    }
    let Some(names) = &filters.names else { return Ok(json!({ "buckets": written })) };
    let names = names.iter().chain(&filters.other).cloned();
    Ok(json!({ "buckets": names.zip(written).collect::<Map<_, _>>() }))
}

fn write_composite(
    subs: &[Aggregation],
    composite: &Composite,
    buckets: HashMap<Key, Bucket>,
    writing: &mut Writing<'_>,
) -> Result<Value, SearchError> {
    let mut all: Vec<(Key, Bucket)> = buckets.into_iter().collect();
    all.sort_unstable_by(|(a, _), (b, _)| composite.compare_keys(a, b));
    all.truncate(composite.size);
    let mut written = Vec::with_capacity(all.len());
    for (key, bucket) in all {
        let Key::Many(parts) = &key else { continue };
        let parts = composite.sources.iter().zip(parts).map(|(source, part)| {
            let value = match (&source.by, part) {
                (CompositeBy::Dates(dates, true), Key::Int(ms)) => {
                    dates.format.write(ms.saturating_mul(NANOS_PER_MILLI), dates.zone).into()
                }
                (CompositeBy::Numbers(..), Key::Int(number)) => number_json(*number as f64),
                (_, Key::Bool(flag)) => (*flag).into(),
                _ => part.json(),
            };
            (source.name.clone(), value)
        });
        let key: Map<String, Value> = parts.collect();
        written.push(one(subs, Some(bucket), head([("key", key.into())]), writing)?);
    }
    let last = written.last().map(|bucket| bucket["key"].clone());
    let mut value = finish(subs, written, false);
    if let Some(last) = last {
        value["after_key"] = last;
    }
    Ok(value)
}

fn write_metric(metric: &Metric, state: State, writing: &Writing<'_>) -> Value {
    match (metric, state) {
        (Metric::One("count", _), State::Stats(stats)) => json!({ "value": stats.count }),
        (Metric::One(name, source), State::Stats(stats)) => {
            let mut value = value_json(stats.get(name));
            if let Some(ms) = stats.get(name).filter(|_| source.is_time && *name != "sum") {
                value["value_as_string"] = date_text(ms).into();
            }
            value
        }
        (Metric::Stats(source), State::Stats(stats)) => {
            let names = ["count", "min", "max", "avg", "sum"];
            stats_json(source, &names, |name| stats.get(name), stats.count)
        }
        (Metric::ExtendedStats(source, sigma), State::Stats(stats)) => {
            let names = [
                "count",
                "min",
                "max",
                "avg",
                "sum",
                "sum_of_squares",
                "variance",
                "variance_population",
                "variance_sampling",
                "std_deviation",
                "std_deviation_population",
                "std_deviation_sampling",
            ];
            let mut value = stats_json(source, &names, |name| stats.get(name), stats.count);
            let mut bounds = Map::new();
            for (suffix, deviation) in [
                ("", "std_deviation"),
                ("_population", "std_deviation_population"),
                ("_sampling", "std_deviation_sampling"),
            ] {
                let away = stats.get(deviation).zip(stats.get("avg")).map(|(deviation, avg)| (avg, sigma * deviation));
                let number = |number: Option<f64>| number.map_or(Value::Null, number_json);
                bounds.insert(format!("upper{suffix}"), number(away.map(|(avg, away)| avg + away)));
                bounds.insert(format!("lower{suffix}"), number(away.map(|(avg, away)| avg - away)));
            }
            value["std_deviation_bounds"] = bounds.into();
            value
        }
        (Metric::Percentiles { percents, keyed, .. }, State::Quantiles(mut quantiles)) => {
            quantiles.sort();
            values_json(percents, *keyed, |percent| quantiles.get(percent))
        }
        (Metric::PercentileRanks { values, keyed, .. }, State::Quantiles(mut quantiles)) => {
            quantiles.sort();
            values_json(values, *keyed, |value| quantiles.rank(value))
        }
        (Metric::Cardinality(_), State::Distinct(distinct)) => json!({ "value": distinct.count() }),
        (Metric::TopMetrics { metrics, .. }, State::Top(top)) => {
            let names: Vec<&String> = metrics.iter().map(|(name, _)| name).collect();
            let row = |row: TopRow| {
                let values: Map<String, Value> =
                    names.iter().map(|name| (*name).clone()).zip(row.values.iter().map(Key::json)).collect();
                json!({ "sort": [row.key.json()], "metrics": values })
            };
            json!({ "top": top.rows.into_iter().map(row).collect::<Vec<_>>() })
        }
        (Metric::TopHits(hits), State::Top(top)) => write_hits(top, hits.from, &hits.body, writing),
        _ => Value::Null,
    }
}

fn write_hits(top: TopRows, from: usize, body: &Value, writing: &Writing<'_>) -> Value {
    let hits = top.rows.iter().skip(from).filter_map(|row| {
        let mut hit = (writing.hit)(row.row.as_ref()?, body);
        hit["sort"] = json!([row.key.json()]);
        Some(hit)
    });
    let hits: Vec<Value> = hits.collect();
    json!({ "hits": { "total": { "value": top.docs, "relation": "eq" }, "max_score": null, "hits": hits } })
}

fn stats_json(source: &Source, names: &[&str], get: impl Fn(&str) -> Option<f64>, count: u64) -> Value {
    let mut all: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), get(name).map_or(Value::Null, number_json))).collect();
    all.insert("count".into(), count.into());
    if source.is_time {
        let texts = ["min", "max", "avg"]
            .iter()
            .filter_map(|name| Some((format!("{name}_as_string"), date_text(get(name)?).into())));
        all.extend(texts.collect::<Vec<_>>());
    }
    all.into()
}

fn values_json(wanted: &[f64], keyed: bool, get: impl Fn(f64) -> Option<f64>) -> Value {
    let value = |number: &f64| get(*number).map_or(Value::Null, number_json);
    if keyed {
        return json!({ "values": wanted.iter().map(|number| (format!("{number:?}"), value(number))).collect::<Map<_, _>>() });
    }
    let list = wanted.iter().map(|number| json!({ "key": number, "value": value(number) }));
    json!({ "values": list.collect::<Vec<_>>() })
}

fn date_text(ms: f64) -> String {
    DateFormat::default().write((ms * NANOS_PER_MILLI as f64) as i64, Zone::utc())
}
