//! `/api/logs/counts`: how many records, by time and by fields.

use std::collections::BTreeMap;

use axum::Json;
use serde_json::{Map, Value, json};
use vitrine_kit::clock::rfc3339_ns;
use vitrine_observe_search::people::{Level, field_name, parse_field};
use vitrine_observe_store::model::{LogCountQuery, LogField};

use super::question::Question;
use crate::error::Error;
use crate::params::{self, Pairs};
use crate::queries::Reader;

/// Most steps and values that are counted apart.
const MAX_COUNTS: usize = 10_000;
/// Most fields by which records are counted apart.
const MAX_FIELDS: usize = 4;

/// Counts by the start of a step, in nanoseconds since 1970, and by values.
pub(crate) type Counts = BTreeMap<(u64, Vec<Option<String>>), Count>;

/// How many records of a step have the same values.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Count {
    /// Records.
    pub records: u64,
    /// Bytes of their messages.
    pub bytes: u64,
}

/// Returns counts, those of each step one after the other.
pub(super) fn counts(reader: &Reader, pairs: &Pairs) -> Result<Json<Value>, Error> {
    let question = Question::read(pairs, &["step", "by"])?;
    let step_ns = match params::duration(pairs, "step")? {
        Some(0) => return Err(Error::parameter("step", "0 found; expected a duration such as 10s or 5m")),
        step => step.unwrap_or(0),
    };
    let steps = (question.end_ns - question.start_ns).checked_div(step_ns).unwrap_or(0);
    if steps >= MAX_COUNTS as u64 {
        return Err(Error::parameter("step", format!("{steps} steps; expected longer ones, fewer than {MAX_COUNTS}")));
    }
    let by: Vec<LogField> = params::get_all(pairs, "by").map(parse_field).collect();
    if by.len() > MAX_FIELDS {
        return Err(Error::parameter("by", format!("{} fields found; expected {MAX_FIELDS} or fewer", by.len())));
    }
    let names: Vec<String> = by.iter().map(field_name).collect();
    let counted = counted(reader, &question, step_ns, by, true)?;
    let shown = counted.into_iter().map(|((start_ns, values), count)| {
        let values: Map<String, Value> = names.iter().cloned().zip(values.into_iter().map(Value::from)).collect();
        json!({ "time": rfc3339_ns(start_ns), "by": values, "records": count.records, "bytes": count.bytes })
    });
    Ok(Json(json!({
        "query": question.query.to_string(),
        "start": rfc3339_ns(question.start_ns),
        "end": rfc3339_ns(question.end_ns),
        "step_seconds": step_ns as f64 / 1e9,
        "counts": shown.collect::<Vec<_>>(),
    })))
}

/// Counts by step and by values; severities as levels.
fn counted(
    reader: &Reader,
    question: &Question,
    step_ns: u64,
    by: Vec<LogField>,
    bytes: bool,
) -> Result<Counts, Error> {
    let level = by.iter().position(|field| *field == LogField::Severity);
    let Question { start_ns, end_ns, .. } = *question;
    let filter = question.filter().clone();
    let origin_ns = start_ns - start_ns.checked_rem(step_ns).unwrap_or(0);
    let query = LogCountQuery { filter, start_ns, end_ns, step_ns, origin_ns, by, most: MAX_COUNTS, bytes };
    let mut counted = Counts::new();
    for mut count in reader.engine.log_counts(&reader.tenant, &query)? {
        if let Some(place) = level
            && let Some(value) = count.by.get_mut(place)
        {
            let severity = value.take().and_then(|number| number.parse().ok()).unwrap_or(0);
            *value = Level::of(severity, "").map(|level| level.name().to_owned());
        }
        let sum = counted.entry((count.start_ns, count.by)).or_default();
        sum.records += count.records;
        sum.bytes += count.bytes;
    }
    Ok(counted)
}
