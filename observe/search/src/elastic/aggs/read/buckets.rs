//! Aggregations that make buckets.

use serde_json::Value;

use super::{AggregationReader, order};
use crate::elastic::aggs::types::{
    By, Composite, CompositeBy, CompositeSource, Dates, Filters, Numbers, Order, OrderBy, RangeBucket, Ranges, Step,
    TermSet, Terms,
};
use crate::elastic::aggs::values::Key;
use crate::elastic::dates::{DateFormat, NANOS_PER_MILLI, Unit, Zone, fixed_interval};
use crate::elastic::error::{SearchError, shown};
use crate::elastic::json::{Object, list, number, scalar_text};
use crate::elastic::leaves::moment_of;
use crate::elastic::patterns::lucene;

/// Buckets of terms when nothing says how many.
const DEFAULT_TERMS: usize = 10;
/// Most buckets that one aggregation of terms may show.
const MAX_TERMS: usize = 65_536;
/// Most ranges, filters and fields of one aggregation.
const MAX_PARTS: usize = 1_024;
/// Buckets of an `auto_date_histogram` when nothing says how many.
const DEFAULT_AUTO: usize = 10;

fn zone(object: &Object<'_>) -> Result<Zone, SearchError> {
    Ok(object.text("time_zone")?.map(|zone| Zone::parse(&zone)).transpose()?.unwrap_or(Zone::utc()))
}

fn format(object: &Object<'_>) -> Result<DateFormat, SearchError> {
    Ok(object.text("format")?.map(|format| DateFormat::parse(&format)).transpose()?.unwrap_or_default())
}

/// Reads the length of buckets out of the keys that say it.
fn step(object: &Object<'_>) -> Result<Step, SearchError> {
    let fixed = |text: &str| fixed_interval(text).map(Step::Fixed);
    let calendar = |text: &str| Unit::of_interval(text).map(Step::Calendar);
    let (key, text) = ["fixed_interval", "calendar_interval", "interval"]
        .iter()
        .find_map(|key| Some((*key, scalar_text(object.get(key)?)?)))
        .ok_or_else(|| SearchError::parsing("[date_histogram] needs [fixed_interval] or [calendar_interval]"))?;
    let found = match key {
        "fixed_interval" => fixed(&text),
        "calendar_interval" => calendar(&text),
        // Before version 7 one key meant both: a number of milliseconds, a unit, or several of a fixed one.
        _ => text
            .parse::<i64>()
            .ok()
            .filter(|ms| *ms > 0)
            .map(|ms| Step::Fixed(ms.saturating_mul(NANOS_PER_MILLI)))
            .or_else(|| calendar(&text))
            .or_else(|| fixed(&text)),
    };
    let expected =
        if key == "calendar_interval" { "a unit such as day or 1M" } else { "a length such as 500ms, 30s, 5m or 1d" };
    found.ok_or_else(|| object.wrong(key, &text.clone().into(), expected))
}

/// Reads an offset such as `+6h` or `-30m`.
fn offset(object: &Object<'_>) -> Result<i64, SearchError> {
    let Some(text) = object.text("offset")? else { return Ok(0) };
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let ms = || rest.parse::<i64>().ok().and_then(|ms| ms.checked_mul(NANOS_PER_MILLI));
    let found = if rest == "0" { Some(0) } else { ms().or_else(|| fixed_interval(rest)) };
    found.map(|ns| sign * ns).ok_or_else(|| object.wrong("offset", &text.clone().into(), "a length such as +6h"))
}

/// Reads bounds of dates.
fn date_bounds(
    reader: &AggregationReader<'_>,
    object: &Object<'_>,
    key: &str,
    dates: &DateFormat,
    zone: Zone,
) -> Result<Option<(i64, i64)>, SearchError> {
    let Some(bounds) = object.get(key) else { return Ok(None) };
    let bounds = Object::new(key, bounds)?;
    let end = |value: &Value| {
        // Numbers are milliseconds, whatever the format.
        let ms = value.as_i64().and_then(|ms| ms.checked_mul(NANOS_PER_MILLI)).map(|ns| ns..ns);
        let read = || moment_of(value, dates, zone, reader.now_ns);
        ms.map_or_else(|| read().or_else(|_| moment_of(value, &DateFormat::default(), zone, reader.now_ns)), Ok)
    };
    let min = bounds.get("min").map(|value| Ok::<_, SearchError>(end(value)?.start)).transpose()?;
    let max = bounds.get("max").map(|value| Ok::<_, SearchError>(end(value)?.start)).transpose()?;
    Ok(Some((min.unwrap_or(i64::MAX), max.unwrap_or(i64::MIN))))
}

pub(super) fn date_histogram(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("date_histogram", options)?;
    object.only(&[
        "field",
        "fixed_interval",
        "calendar_interval",
        "interval",
        "time_zone",
        "offset",
        "format",
        "min_doc_count",
        "missing",
        "extended_bounds",
        "hard_bounds",
        "keyed",
        "order",
        "script",
    ])?;
    let (zone, format) = (zone(&object)?, format(&object)?);
    Ok(By::Dates(Dates {
        source: reader.source_of(&object)?,
        step: step(&object)?,
        offset_ns: offset(&object)?,
        min_doc_count: object.count("min_doc_count")?.unwrap_or(0) as u64,
        extended: date_bounds(reader, &object, "extended_bounds", &format, zone)?,
        hard: date_bounds(reader, &object, "hard_bounds", &format, zone)?,
        keyed: object.flag("keyed")?.unwrap_or(false),
        order: order(&object)?,
        zone,
        format,
    }))
}

pub(super) fn auto_date_histogram(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("auto_date_histogram", options)?;
    object.only(&["field", "buckets", "time_zone", "format", "minimum_interval", "missing", "script"])?;
    let source = reader.source_of(&object)?;
    if !source.is_time {
        return Err(SearchError::illegal(
            "[auto_date_histogram] is made of the time of records; expected @timestamp as [field]",
        ));
    }
    let buckets = object.count("buckets")?.unwrap_or(DEFAULT_AUTO).clamp(1, MAX_PARTS);
    Ok(By::Dates(Dates {
        source,
        step: Step::Auto(buckets),
        zone: zone(&object)?,
        offset_ns: 0,
        format: format(&object)?,
        min_doc_count: 0,
        extended: None,
        hard: None,
        keyed: false,
        order: Vec::new(),
    }))
}

fn positive(object: &Object<'_>, key: &str) -> Result<f64, SearchError> {
    let value = object.need(key)?;
    number(value).filter(|number| *number > 0.0).ok_or_else(|| object.wrong(key, value, "a number above 0"))
}

pub(super) fn histogram(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("histogram", options)?;
    object.only(&[
        "field",
        "interval",
        "offset",
        "min_doc_count",
        "extended_bounds",
        "hard_bounds",
        "keyed",
        "order",
        "missing",
        "format",
        "script",
    ])?;
    let bounds = |key| {
        let Some(bounds) = object.get(key) else { return Ok::<_, SearchError>(None) };
        let bounds = Object::new(key, bounds)?;
        Ok(Some((bounds.number("min")?.unwrap_or(f64::INFINITY), bounds.number("max")?.unwrap_or(f64::NEG_INFINITY))))
    };
    Ok(By::Numbers(Numbers {
        source: reader.source_of(&object)?,
        interval: positive(&object, "interval")?,
        offset: object.number("offset")?.unwrap_or(0.0),
        min_doc_count: object.count("min_doc_count")?.unwrap_or(0) as u64,
        extended: bounds("extended_bounds")?,
        hard: bounds("hard_bounds")?,
        keyed: object.flag("keyed")?.unwrap_or(false),
        order: order(&object)?,
    }))
}

fn parts<'a>(object: &Object<'a>, key: &str) -> Result<&'a [Value], SearchError> {
    let all = list(object.need(key)?);
    if all.len() > MAX_PARTS {
        return Err(SearchError::illegal(format!("{} of [{key}]; expected {MAX_PARTS} at most", all.len())));
    }
    Ok(all)
}

pub(super) fn ranges(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("range", options)?;
    object.only(&["field", "ranges", "keyed", "missing", "format", "script"])?;
    read_ranges(reader, &object, None)
}

pub(super) fn date_ranges(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("date_range", options)?;
    object.only(&["field", "ranges", "keyed", "missing", "format", "time_zone", "script"])?;
    let dates = (format(&object)?, zone(&object)?);
    read_ranges(reader, &object, Some(dates))
}

fn read_ranges(
    reader: &mut AggregationReader<'_>,
    object: &Object<'_>,
    dates: Option<(DateFormat, Zone)>,
) -> Result<By, SearchError> {
    let mut ranges = Vec::new();
    for range in parts(object, "ranges")? {
        let part = Object::new("ranges", range)?;
        part.only(&["key", "from", "to"])?;
        let end = |key| match (&dates, part.get(key)) {
            (_, None) => Ok(None),
            (None, Some(_)) => part.number(key),
            (Some((format, zone)), Some(value)) => {
                let ns = moment_of(value, format, *zone, reader.now_ns)?.start;
                Ok(Some((ns / NANOS_PER_MILLI) as f64))
            }
        };
        ranges.push(RangeBucket { key: part.text("key")?, from: end("from")?, to: end("to")? });
    }
    let low = |range: &RangeBucket| range.from.unwrap_or(f64::NEG_INFINITY);
    let high = |range: &RangeBucket| range.to.unwrap_or(f64::INFINITY);
    ranges.sort_by(|a, b| low(a).total_cmp(&low(b)).then(high(a).total_cmp(&high(b))));
    let keyed = object.flag("keyed")?.unwrap_or(false);
    Ok(By::Ranges(Ranges { source: reader.source_of(object)?, ranges, dates, keyed }))
}

fn term_set(object: &Object<'_>, key: &str) -> Result<Option<TermSet>, SearchError> {
    match object.get(key) {
        None => Ok(None),
        Some(Value::String(pattern)) => Ok(Some(TermSet::Pattern(lucene(pattern, false)?))),
        Some(Value::Array(values)) => Ok(Some(TermSet::Exactly(values.iter().filter_map(scalar_text).collect()))),
        Some(value) => Err(object.wrong(key, value, "a pattern or a list of values")),
    }
}

fn shown_terms(object: &Object<'_>) -> Result<(usize, u64, Vec<Order>), SearchError> {
    let size = object.count("size")?.unwrap_or(DEFAULT_TERMS);
    if size == 0 || size > MAX_TERMS {
        // Kibana and Grafana once wrote 0 for all of them.
        let message = format!("[size] of terms is {size}; expected a number above 0, and {MAX_TERMS} at most");
        return Err(SearchError::illegal(message));
    }
    let mut order = order(object)?;
    if order.is_empty() {
        order.push(Order { by: OrderBy::Count, ascending: false });
    }
    Ok((size, object.count("min_doc_count")?.unwrap_or(1) as u64, order))
}

pub(super) fn terms(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("terms", options)?;
    object.only(&[
        "field",
        "size",
        "shard_size",
        "min_doc_count",
        "shard_min_doc_count",
        "order",
        "missing",
        "include",
        "exclude",
        "show_term_doc_count_error",
        "execution_hint",
        "collect_mode",
        "value_type",
        "format",
        "script",
    ])?;
    let (size, min_doc_count, order) = shown_terms(&object)?;
    Ok(By::Terms(Terms {
        sources: vec![reader.source_of(&object)?],
        is_multi: false,
        size,
        min_doc_count,
        order,
        include: term_set(&object, "include")?,
        exclude: term_set(&object, "exclude")?,
    }))
}

pub(super) fn multi_terms(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("multi_terms", options)?;
    object.only(&[
        "terms",
        "size",
        "shard_size",
        "min_doc_count",
        "order",
        "collect_mode",
        "show_term_doc_count_error",
    ])?;
    let (size, min_doc_count, order) = shown_terms(&object)?;
    let mut sources = Vec::new();
    for part in parts(&object, "terms")? {
        sources.push(reader.source_of(&Object::new("terms", part)?)?);
    }
    Ok(By::Terms(Terms { sources, is_multi: true, size, min_doc_count, order, include: None, exclude: None }))
}

pub(super) fn filter(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    reader.needs_rows = true;
    Ok(By::Filters(Filters { names: None, filters: vec![(reader.query)(options)?], other: None, is_one: true }))
}

pub(super) fn filters(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("filters", options)?;
    object.only(&["filters", "other_bucket", "other_bucket_key"])?;
    reader.needs_rows = true;
    let filters = object.need("filters")?;
    let mut other = object.text("other_bucket_key")?;
    if object.flag("other_bucket")?.unwrap_or(false) && other.is_none() {
        other = Some("_other_".into());
    }
    let (names, queries): (Option<Vec<String>>, Vec<&Value>) = match filters {
        Value::Object(map) => (Some(map.keys().cloned().collect()), map.values().collect()),
        _ => (None, parts(&object, "filters")?.iter().collect()),
    };
    if queries.len() > MAX_PARTS {
        return Err(SearchError::illegal(format!("{} of [filters]; expected {MAX_PARTS} at most", queries.len())));
    }
    let filters = queries.into_iter().map(|query| (reader.query)(query)).collect::<Result<_, _>>()?;
    Ok(By::Filters(Filters { names, filters, other, is_one: false }))
}

pub(super) fn composite(reader: &mut AggregationReader<'_>, options: &Value) -> Result<By, SearchError> {
    let object = Object::new("composite", options)?;
    object.only(&["sources", "size", "after"])?;
    let mut sources = Vec::new();
    for part in parts(&object, "sources")? {
        let (name, body) = Object::new("sources", part)?.one_but(&[])?;
        let (kind, options) = Object::new(name, body)?.one_but(&[])?;
        let options = Object::new(kind, options)?;
        let ascending = match options.text("order")?.as_deref() {
            None | Some("asc") => true,
            Some("desc") => false,
            Some(other) => return Err(options.wrong("order", &other.into(), "asc or desc")),
        };
        let source = reader.source_of(&options)?;
        let by = match kind {
            "terms" => CompositeBy::Terms(source),
            "histogram" => CompositeBy::Numbers(source, positive(&options, "interval")?),
            "date_histogram" => {
                let has_format = options.get("format").is_some();
                let dates = Dates {
                    source,
                    step: step(&options)?,
                    zone: zone(&options)?,
                    offset_ns: offset(&options)?,
                    format: format(&options)?,
                    min_doc_count: 1,
                    extended: None,
                    hard: None,
                    keyed: false,
                    order: Vec::new(),
                };
                CompositeBy::Dates(Box::new(dates), has_format)
            }
            _ => return Err(SearchError::parsing(format!("[composite] does not support [{}]", shown(kind)))),
        };
        let missing_bucket = options.flag("missing_bucket")?.unwrap_or(false);
        sources.push(CompositeSource { name: name.to_owned(), by, ascending, missing_bucket });
    }
    let after = object.get("after").map(|after| after_key(reader, &sources, after)).transpose()?;
    Ok(By::Composite(Composite {
        sources,
        size: object.count("size")?.unwrap_or(DEFAULT_TERMS).clamp(1, MAX_TERMS),
        after,
    }))
}

/// The key that an answer ended with.
fn after_key(
    reader: &AggregationReader<'_>,
    sources: &[CompositeSource],
    after: &Value,
) -> Result<Vec<Key>, SearchError> {
    let object = Object::new("after", after)?;
    let read = |source: &CompositeSource| {
        let value = after.get(&source.name).unwrap_or(&Value::Null);
        let key = match &source.by {
            CompositeBy::Dates(dates, true) => {
                let ns = moment_of(value, &dates.format, dates.zone, reader.now_ns)?.start;
                Some(Key::Int(ns.div_euclid(NANOS_PER_MILLI)))
            }
            CompositeBy::Numbers(..) => number(value).map(Key::number),
            _ => Key::of(value),
        };
        key.ok_or_else(|| object.wrong(&source.name, value, "a value of this source"))
    };
    sources.iter().map(read).collect()
}
