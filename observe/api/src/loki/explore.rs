//! What is told of streams: labels, volumes, patterns and fields.

use serde_json::{Map, Value, json};
use vitrine_observe_logql::{Source, Volume, VolumeBy, parse_matchers};

use super::answer::{result, seconds, success};
use super::question::{LokiResult, Question, asking};
use crate::error::Error;

/// Lines that fields are looked for in where nobody says how many.
const FIELD_LINES: usize = 1_000;
/// Fields, and values of one, that are told where nobody says how many.
const FIELDS: usize = 1_000;
/// Labels whose values are counted.
const MAX_COUNTED_LABELS: usize = 50;
/// Volumes that are told where nobody says how many.
const VOLUMES: usize = 100;

/// `labels`
pub(super) fn labels(source: &Source<'_>, question: &Question) -> LokiResult {
    let names = source.label_names(question.streams_range()?, &question.matchers()?).map_err(asking)?;
    Ok(success(names))
}

/// `label/N/values`
pub(super) fn label_values(source: &Source<'_>, question: &Question) -> LokiResult {
    let (range, matchers) = (question.streams_range()?, question.matchers()?);
    Ok(success(source.label_values(range, &question.name, &matchers).map_err(asking)?))
}

/// `series`
pub(super) fn series(source: &Source<'_>, question: &Question) -> LokiResult {
    let wrong = |error: vitrine_observe_logql::ParseError| Error::Question(error.to_string());
    let sets = question.all("match").into_iter().map(parse_matchers).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let found = source.streams(question.streams_range()?, &sets).map_err(asking)?;
    let stream = |labels: &vitrine_observe_store::series::Labels| {
        labels.iter().map(|label| (label.name.to_string(), Value::from(&*label.value))).collect::<Map<String, Value>>()
    };
    Ok(success(found.iter().map(|labels| Value::from(stream(labels))).collect::<Value>()))
}

/// `index/stats`
pub(super) fn stats(source: &Source<'_>, question: &Question) -> LokiResult {
    let stats = source.stats(question.streams_range()?, &question.log()?).map_err(asking)?;
    // There are no chunks here; a stream has one at least.
    Ok(json!({ "streams": stats.streams, "chunks": stats.streams, "entries": stats.entries, "bytes": stats.bytes }))
}

fn volumes(source: &Source<'_>, question: &Question, step_ns: u64) -> Result<Vec<Volume>, Error> {
    let labels = question.get("targetLabels").split(',').map(str::trim).filter(|name| !name.is_empty());
    let labels: Vec<String> = labels.map(str::to_owned).collect();
    let by = match question.get("aggregateBy") {
        "" | "series" => VolumeBy::Series(labels),
        "labels" => VolumeBy::Labels(labels),
        other => return Err(Error::parameter("aggregateBy", format!("{other:?} found; expected series or labels"))),
    };
    question.query()?;
    let limit = question.number("limit", VOLUMES)?;
    source.volume(question.streams_range()?, &question.matchers()?, &by, step_ns, limit).map_err(asking)
}

fn metric(volume: &Volume) -> Map<String, Value> {
    volume.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
}

/// `index/volume`
pub(super) fn volume(source: &Source<'_>, question: &Question) -> LokiResult {
    let all = volumes(source, question, 0)?;
    let end = seconds(question.streams_range()?.end_ns);
    let of = |volume: &Volume| json!({ "metric": metric(volume), "value": [end, volume.total().to_string()] });
    Ok(result("vector", all.iter().map(of).collect(), all.len(), false))
}

/// `index/volume_range`
pub(super) fn volume_range(source: &Source<'_>, question: &Question) -> LokiResult {
    let steps = question.steps()?;
    let all = volumes(source, question, steps.step_ns)?;
    let of = |volume: &Volume| {
        let values = volume.bytes.iter().map(|(ns, bytes)| json!([seconds(*ns), bytes.to_string()]));
        json!({ "metric": metric(volume), "values": values.collect::<Vec<_>>() })
    };
    Ok(result("matrix", all.iter().map(of).collect(), all.len(), false))
}

/// `patterns`
pub(super) fn patterns(source: &Source<'_>, question: &Question) -> LokiResult {
    let range = question.range()?;
    let step_ns = question.steps()?.step_ns;
    let all = source.patterns(&question.log()?, range, step_ns).map_err(asking)?;
    let of = |pattern: &vitrine_observe_logql::Pattern| {
        let samples = pattern.samples.iter().map(|(ns, lines)| json!([ns / 1_000_000_000, lines]));
        json!({ "pattern": pattern.pattern, "samples": samples.collect::<Vec<_>>() })
    };
    Ok(success(all.iter().map(of).collect::<Value>()))
}

/// `detected_labels`
pub(super) fn detected_labels(source: &Source<'_>, question: &Question) -> LokiResult {
    let (range, matchers) = (question.range()?, question.matchers()?);
    let mut all = Vec::new();
    for name in source.label_names(range, &matchers).map_err(asking)?.into_iter().take(MAX_COUNTED_LABELS) {
        let cardinality = source.label_values(range, &name, &matchers).map_err(asking)?.len();
        all.push(json!({ "label": name, "cardinality": cardinality }));
    }
    Ok(json!({ "detectedLabels": all }))
}

/// `detected_fields`
pub(super) fn detected_fields(source: &Source<'_>, question: &Question) -> LokiResult {
    let (lines, limit) = (question.number("line_limit", FIELD_LINES)?, question.number("limit", FIELDS)?);
    let found = source.detected_fields(&question.log()?, question.range()?, lines, limit).map_err(asking)?;
    let of = |field: &vitrine_observe_logql::DetectedField| {
        let parsers = if field.parsers.is_empty() { Value::Null } else { json!(field.parsers) };
        json!({ "label": field.label, "type": field.kind.name(), "cardinality": field.cardinality, "parsers": parsers })
    };
    Ok(json!({ "fields": found.iter().map(of).collect::<Vec<_>>(), "limit": limit }))
}

/// `detected_field/N/values`
pub(super) fn detected_values(source: &Source<'_>, question: &Question) -> LokiResult {
    let (lines, limit) = (question.number("line_limit", FIELD_LINES)?, question.number("limit", FIELDS)?);
    let (log, range) = (question.log()?, question.range()?);
    let values = source.detected_values(&log, &question.name, range, lines, limit).map_err(asking)?;
    Ok(json!({ "values": values, "limit": limit }))
}
