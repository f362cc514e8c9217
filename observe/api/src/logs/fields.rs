//! `/api/logs/fields`: which fields records have, and their most frequent values.

use std::collections::HashMap;
use std::ops::ControlFlow;

use axum::Json;
use serde_json::{Value, json};
use vitrine_observe_search::people::{Level, field_name};
use vitrine_observe_store::model::{LogField, LogFieldInfo, LogKind};
use vitrine_observe_store::{LogChunk, LogValue};

use super::question::{Question, limit};
use crate::error::Error;
use crate::params::Pairs;
use crate::queries::Reader;

/// Fields that are told.
const USUAL_FIELDS: usize = 30;
/// Most fields that are told.
const MAX_FIELDS: usize = 200;
/// Values of a field that are told.
const USUAL_VALUES: usize = 5;
/// Most values of a field that are told.
const MAX_VALUES: usize = 50;
/// Records whose values are counted.
const MAX_VISITED: usize = 100_000;
/// Distinct values of a field that are counted; of a field with more, the most frequent ones are not known.
const MAX_DISTINCT: usize = 2_000;
/// Longest value that is counted, in bytes.
const MAX_VALUE_BYTES: usize = 256;

/// Fields that every record may have, which are told first.
const KNOWN: [(LogField, LogKind); 5] = [
    (LogField::Service, LogKind::Text),
    (LogField::Severity, LogKind::Text),
    (LogField::SeverityText, LogKind::Text),
    (LogField::EventName, LogKind::Text),
    (LogField::ScopeName, LogKind::Text),
];

/// What was counted of a field.
#[derive(Default)]
struct Counted {
    /// Records that have it.
    records: u64,
    /// Its values; none once there were too many.
    values: Option<HashMap<String, u64>>,
}

/// Returns fields, the most frequent first, each with its most frequent values.
pub(super) fn fields(reader: &Reader, pairs: &Pairs) -> Result<Json<Value>, Error> {
    let question = Question::read(pairs, &["limit", "values"])?;
    let most = limit(pairs, "limit", USUAL_FIELDS, MAX_FIELDS)?;
    let most_values = limit(pairs, "values", USUAL_VALUES, MAX_VALUES)?;
    let mut infos: Vec<LogFieldInfo> =
        KNOWN.map(|(field, kind)| LogFieldInfo { field, kinds: vec![kind], records: 0 }).into();
    let others = reader.engine.log_fields(&reader.tenant, &question.all(), most)?.into_iter();
    infos.extend(others.filter(|info| KNOWN.iter().all(|(known, _)| *known != info.field)));
    let names: Vec<LogField> = infos.iter().map(|info| info.field.clone()).collect();
    let new = |field: &LogField| Counted { values: has_values(field).then(HashMap::new), ..Counted::default() };
    let mut counted: Vec<Counted> = names.iter().map(new).collect();
    let (mut visited, mut is_complete) = (0, true);
    let mut visit = |chunk: &LogChunk<'_>| {
        let rows = chunk.rows().min(MAX_VISITED - visited);
        for (place, counted) in counted.iter_mut().enumerate() {
            counted.add(chunk, place, rows, names[place] == LogField::Severity);
        }
        visited += rows;
        is_complete = rows == chunk.rows();
        if is_complete { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    reader.engine.visit_logs(&reader.tenant, &question.all(), &names, &mut visit)?;
    for (info, counted) in infos.iter_mut().zip(&counted) {
        info.records = info.records.max(counted.records);
    }
    let there = infos.iter().zip(counted).filter(|(info, _)| info.records > 0);
    let shown = there.map(|(info, counted)| shown(info, counted.values, most_values));
    Ok(Json(json!({ "fields": shown.collect::<Vec<_>>(), "visited": visited, "complete": is_complete })))
}

/// Whether a field has values of which some are frequent.
fn has_values(field: &LogField) -> bool {
    !matches!(
        field,
        LogField::Time | LogField::ObservedTime | LogField::Body | LogField::TraceId | LogField::SpanId | LogField::Any
    )
}

impl Counted {
    fn add(&mut self, chunk: &LogChunk<'_>, place: usize, rows: usize, is_severity: bool) {
        for value in (0..rows).filter_map(|row| chunk.value(place, row)) {
            self.records += 1;
            let Some(known) = &mut self.values else { continue };
            let text = match &value {
                LogValue::Int(number) if is_severity => level(*number),
                value => value.text(),
            };
            if let Some(count) = known.get_mut(&text) {
                *count += 1;
            } else if known.len() == MAX_DISTINCT || text.len() > MAX_VALUE_BYTES {
                self.values = None;
            } else {
                known.insert(text, 1);
            }
        }
    }
}

fn level(severity: i64) -> String {
    let level = u8::try_from(severity).ok().and_then(|severity| Level::of(severity, ""));
    level.map_or_else(|| severity.to_string(), |level| level.name().to_owned())
}

fn shown(info: &LogFieldInfo, values: Option<HashMap<String, u64>>, most: usize) -> Value {
    let kinds: Vec<&str> = info.kinds.iter().map(|kind| name(*kind)).collect();
    let mut field = json!({ "name": field_name(&info.field), "kinds": kinds, "records": info.records });
    if let Some(values) = values {
        let mut values: Vec<(String, u64)> = values.into_iter().collect();
        values.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
        let value = |(value, records): (String, u64)| json!({ "value": value, "records": records });
        field["distinct"] = values.len().into();
        field["values"] = values.into_iter().take(most).map(value).collect();
    }
    field
}

fn name(kind: LogKind) -> &'static str {
    match kind {
        LogKind::Text => "text",
        LogKind::Int => "int",
        LogKind::Double => "double",
        LogKind::Bool => "bool",
        LogKind::Time => "time",
        LogKind::Json => "json",
    }
}
