//! Which fields log records have.
//!
//! A key may be one of very many, so they are counted in a sample: of each segment some of its pages, evenly spread, which is over all its
//! services, for that is how rows stand.

use std::collections::HashMap;
use std::ops::ControlFlow;

use vitrine_observe_columns::{Columns, Data, Kind};
use vitrine_observe_model::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES, logs};
use vitrine_observe_model::{
    Attribute, LogField, LogFieldInfo, LogKind, LogQuery, Value, attribute_key, json_attributes, json_value,
};

use super::Selection;
use super::visit::Visitor;
use crate::Signal;
use crate::column_engine::manifest::SegmentInfo;
use crate::column_engine::read::Reader;
use crate::engine::{QueryError, Tenant};

/// Records that are looked at, at least; what comes in one go with the last is looked at, too.
const SAMPLE_ROWS: usize = 1 << 17;
/// Fields that are told apart. A sender chooses their names freely: what comes later is left out.
const MAX_FIELDS: usize = 64 << 10;

/// Fields and how often they were met.
#[derive(Default)]
struct Fields(HashMap<LogField, LogFieldInfo>);

fn kind(value: &Value) -> LogKind {
    match value {
        Value::String(_) => LogKind::Text,
        Value::Int(_) => LogKind::Int,
        Value::Double(_) => LogKind::Double,
        Value::Bool(_) => LogKind::Bool,
        Value::Empty | Value::Bytes(_) | Value::Array(_) | Value::Map(_) => LogKind::Json,
    }
}

impl Fields {
    fn add(&mut self, field: LogField, kind: LogKind, records: u64) {
        if records == 0 || self.0.len() >= MAX_FIELDS && !self.0.contains_key(&field) {
            return;
        }
        let new = || LogFieldInfo { field: field.clone(), kinds: Vec::new(), records: 0 };
        let info = self.0.entry(field.clone()).or_insert_with(new);
        info.records += records;
        if !info.kinds.contains(&kind) {
            info.kinds.push(kind);
        }
    }

    fn add_rows(&mut self, columns: &Columns) {
        let given = |data: &Data| (0..columns.rows).filter(|row| !data.is_null(*row)).count() as u64;
        for (field, kind) in [
            (LogField::Time, LogKind::Time),
            (LogField::ObservedTime, LogKind::Time),
            (LogField::SeverityText, LogKind::Text),
            (LogField::Service, LogKind::Text),
            (LogField::Body, LogKind::Text),
            (LogField::EventName, LogKind::Text),
            (LogField::TraceId, LogKind::Text),
            (LogField::SpanId, LogKind::Text),
            (LogField::ScopeName, LogKind::Text),
            (LogField::ScopeVersion, LogKind::Text),
        ] {
            let records = field.column().and_then(|name| columns.column(name)).map_or(0, |column| given(&column.data));
            self.add(field, kind, records);
        }
        if let Data::Int(severities) = &columns.flat[logs::SEVERITY].data {
            let records = severities.iter().filter(|severity| **severity > 0).count();
            self.add(LogField::Severity, LogKind::Int, records as u64);
        }
        for column in columns.attributes() {
            let kind = match column.kind {
                Kind::Int => LogKind::Int,
                Kind::Double => LogKind::Double,
                Kind::Bool => LogKind::Bool,
                _ => LogKind::Text,
            };
            if let Some(key) = attribute_key(column) {
                self.add(LogField::Attribute(key.to_owned()), kind, given(&column.data));
            }
        }
        self.add_rare(columns);
        self.add_objects(columns, logs::RESOURCE, LogField::Resource);
        self.add_objects(columns, logs::SCOPE_ATTRIBUTES, LogField::Scope);
    }

    /// The rare attributes; each key and value is read once.
    fn add_rare(&mut self, columns: &Columns) {
        let rare = &columns.lists[ATTRIBUTES].children;
        let (Data::Text(keys), Data::Text(values)) = (&rare[ATTRIBUTE_KEY].data, &rare[ATTRIBUTE_VALUE].data) else {
            return;
        };
        let mut kinds: HashMap<u32, LogKind> = HashMap::new();
        let mut counts: HashMap<(u32, LogKind), u64> = HashMap::new();
        for (element, key) in keys.codes.iter().enumerate() {
            let value = || values.get(element).map_or(LogKind::Json, |json| kind(&json_value(json)));
            let kind = *kinds.entry(values.codes[element]).or_insert_with(value);
            *counts.entry((*key, kind)).or_default() += 1;
        }
        for ((key, kind), records) in counts {
            self.add(LogField::Attribute(keys.dictionary.text(key).to_owned()), kind, records);
        }
    }

    /// The keys of objects in typed JSON, each of which is read once.
    fn add_objects(&mut self, columns: &Columns, place: usize, field: fn(String) -> LogField) {
        let Data::Text(texts) = &columns.flat[place].data else { return };
        let mut counts: HashMap<u32, u64> = HashMap::new();
        texts.codes.iter().for_each(|code| *counts.entry(*code).or_default() += 1);
        for (code, records) in counts.into_iter().filter(|(code, _)| (*code as usize) < texts.dictionary.len()) {
            for Attribute { key, value } in json_attributes(texts.dictionary.text(code)) {
                self.add(field(key), kind(&value), records);
            }
        }
    }

    fn most_frequent(self, most: usize) -> Vec<LogFieldInfo> {
        let mut found: Vec<LogFieldInfo> = self.0.into_values().collect();
        found.iter_mut().for_each(|info| info.kinds.sort_unstable());
        found.sort_unstable_by(|a, b| b.records.cmp(&a.records).then_with(|| a.field.cmp(&b.field)));
        found.truncate(most);
        found
    }
}

impl Reader {
    pub(crate) fn log_fields(
        &self,
        tenant: &Tenant,
        query: &LogQuery,
        most: usize,
    ) -> Result<Vec<LogFieldInfo>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Logs) else { return Ok(Vec::new()) };
        let asked = Selection::new(&query.filter, query.start_ns, query.end_ns);
        let visitor = Visitor { names: None, is_spread: true, budget: self.query_budget() };
        let mut fields = Fields::default();
        let touched = |info: &SegmentInfo| asked.touches(info.min_time, info.max_time);
        let segments = snapshot.segments.iter().filter(|handle| touched(&handle.info));
        let segments: Vec<_> = segments.collect();
        let share = SAMPLE_ROWS / (segments.len() + 1);
        let mut seen = 0;
        let mut count = |seen: &mut usize, columns: &Columns| {
            fields.add_rows(columns);
            *seen += columns.rows;
            if *seen >= share { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        for memtable in &snapshot.memtables {
            if visitor.memtable(memtable, &asked, &mut |columns| count(&mut seen, columns)).is_break() {
                break;
            }
        }
        for handle in segments {
            let mut seen = 0;
            // Whether it was broken off does not matter.
            let _ = self.visit_segment(&table, handle, &asked, &visitor, &mut |columns| count(&mut seen, columns))?;
        }
        Ok(fields.most_frequent(most))
    }
}
