//! What there is: documents by their ids, fields, indices.

use serde_json::{Map, Value, json};
use vitrine_observe_model::elastic::is_like;
use vitrine_observe_model::elastic::{self, ID_ATTRIBUTE};
use vitrine_observe_model::{FoundLog, LogField, LogFieldInfo, LogFilter, LogKind, LogQuery};

use super::error::SearchError;
use super::fields::{TIME_FIELD, all_of, name_of};
use super::hit_id;
use super::hits::HitOptions;
use super::indices::{END_NS, IndexSet, index_of};
use super::json::{Object, list, scalar_text};
use super::query::lower;
use super::search::Searcher;

/// Most fields that are listed, the most frequent first.
const MAX_FIELDS: usize = 1_000;
/// Records of one nanosecond among which a document is looked for.
const MAX_SAME_TIME: usize = 8_192;
/// Documents of one `_mget`.
const MAX_DOCUMENTS: usize = 1_000;
/// Indices whose fields are told apart.
const MAX_MAPPED: usize = 100;

impl Searcher<'_> {
    /// Returns what a `_doc` says: the document, or that it was not found.
    pub fn document(&self, indices: &IndexSet, index: &str, id: &str, options: &Value) -> Result<Value, SearchError> {
        let options = HitOptions::read(options)?;
        let Some(found) = self.find(indices, id)? else {
            return Ok(json!({ "_index": index, "_id": id, "found": false }));
        };
        let hit = options.write(&found, &[]);
        let mut answer = json!({
            "_index": index_of(&found.row), "_id": id, "_version": 1, "_seq_no": 0, "_primary_term": 1, "found": true,
        });
        for key in ["_source", "fields"] {
            if let Some(value) = hit.get(key) {
                answer[key] = value.clone();
            }
        }
        Ok(answer)
    }

    fn find(&self, indices: &IndexSet, id: &str) -> Result<Option<FoundLog>, SearchError> {
        let mut query = LogQuery {
            filter: all_of(vec![indices.filter(), LogFilter::equal(LogField::Attribute(ID_ATTRIBUTE.to_owned()), id)]),
            start_ns: 0,
            end_ns: END_NS,
            newest_first: true,
            after: None,
            limit: 1,
        };
        let Some(cursor) = hit_id::read(id) else { return Ok(self.logs.logs(self.tenant, &query)?.into_iter().next()) };
        query.filter = indices.filter();
        (query.start_ns, query.end_ns, query.limit) = (cursor.time_ns, cursor.time_ns.saturating_add(1), MAX_SAME_TIME);
        let same_time = self.logs.logs(self.tenant, &query)?;
        Ok(same_time.into_iter().find(|found| found.cursor == cursor && elastic::id(&found.row).is_none()))
    }

    /// Returns what an `_mget` says of documents of an index, or of those that each names.
    pub fn documents(&self, index: &str, body: &Value) -> Result<Value, SearchError> {
        let object = Object::new("mget", body)?;
        object.only(&["docs", "ids"])?;
        let ids = object.get("ids").map_or(&[][..], list);
        let wanted = object.get("docs").map_or(&[][..], list).iter().chain(ids);
        if wanted.clone().count() > MAX_DOCUMENTS {
            return Err(SearchError::illegal(format!("more than {MAX_DOCUMENTS} documents in one request")));
        }
        let mut found = Vec::new();
        for wanted in wanted {
            let id = scalar_text(wanted.get("_id").unwrap_or(wanted))
                .ok_or_else(|| object.wrong("docs", wanted, "an object with _id"))?;
            let own = wanted.get("_index").and_then(Value::as_str).unwrap_or(index);
            let options = json!({ "_source": wanted.get("_source").unwrap_or(&Value::Null) });
            found.push(self.document(&IndexSet::parse(own, true, true)?, own, &id, &options)?);
        }
        Ok(json!({ "docs": found }))
    }

    fn fields(
        &self,
        indices: &IndexSet,
        query: Option<&Value>,
    ) -> Result<Vec<(String, Vec<&'static str>)>, SearchError> {
        let lowered = lower(query, self.mappings, self.now_ns)?;
        let query = LogQuery {
            filter: all_of(vec![indices.filter(), lowered.filter]),
            start_ns: lowered.start_ns,
            end_ns: lowered.end_ns,
            newest_first: true,
            after: None,
            limit: 0,
        };
        let found = self.logs.log_fields(self.tenant, &query, MAX_FIELDS)?;
        let mut all: Vec<(String, Vec<&'static str>)> = vec![(TIME_FIELD.to_owned(), vec!["date"])];
        for info in &found {
            let Some(name) = name_of(&info.field) else { continue };
            let place = all.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                all.push((name, Vec::new()));
                all.len() - 1
            });
            all[place].1.extend(kinds(info));
            if info.field == LogField::Body {
                all.push(("message.keyword".to_owned(), vec!["keyword"]));
            }
        }
        for (_, kinds) in &mut all {
            kinds.sort_unstable();
            kinds.dedup();
        }
        Ok(all)
    }

    /// Returns a `_field_caps` of the fields that meet one of these patterns.
    pub fn field_capabilities(
        &self,
        indices: &IndexSet,
        patterns: &[String],
        body: &Value,
    ) -> Result<Value, SearchError> {
        let names: Vec<String> =
            indices.list(self.logs, self.tenant, false)?.into_iter().map(|info| info.name).collect();
        let mut fields = Map::new();
        for (name, kinds) in self.fields(indices, body.get("index_filter"))? {
            if !patterns.iter().any(|pattern| is_like(pattern, &name)) {
                continue;
            }
            let each = kinds.into_iter().map(|kind| {
                let mut told = json!({ "type": kind, "metadata_field": false, "searchable": true, "aggregatable": kind != "text" });
                if kind == "date" {
                    told["time_series_dimension"] = false.into();
                }
                (kind.to_owned(), told)
            });
            fields.insert(name, each.collect::<Map<_, _>>().into());
        }
        for name in ["_id", "_index"] {
            if patterns.iter().any(|pattern| is_like(pattern, name)) {
                let kind = if name == "_id" { "_id" } else { "keyword" };
                let told = json!({ "type": kind, "metadata_field": true, "searchable": true, "aggregatable": name == "_index" });
                fields.insert(name.to_owned(), json!({ kind: told }));
            }
        }
        Ok(json!({ "indices": names, "fields": fields }))
    }

    /// Returns a `_mapping`.
    pub fn mapping(&self, indices: &IndexSet) -> Result<Value, SearchError> {
        let mut all = Map::new();
        for info in indices.list(self.logs, self.tenant, false)?.into_iter().take(MAX_MAPPED) {
            let mut properties = Map::new();
            for (name, kinds) in self.fields(&IndexSet::parse(&info.name, true, true)?, None)? {
                if let Some(kind) = kinds.first().filter(|_| !name.ends_with(".keyword")) {
                    put(&mut properties, &name, kind);
                }
            }
            all.insert(info.name, json!({ "mappings": { "properties": properties } }));
        }
        Ok(all.into())
    }
}

/// Elasticsearch's types of a field's values.
fn kinds(info: &LogFieldInfo) -> Vec<&'static str> {
    let of = |kind: &LogKind| match kind {
        LogKind::Text if info.field == LogField::Body => "text",
        LogKind::Text | LogKind::Json => "keyword",
        LogKind::Int => "long",
        LogKind::Double => "double",
        LogKind::Bool => "boolean",
        LogKind::Time => "date",
    };
    info.kinds.iter().map(of).collect()
}

/// Puts a field where its dotted name says; where a value and an object have one name, the first stays.
fn put(properties: &mut Map<String, Value>, name: &str, kind: &str) {
    match name.split_once('.') {
        None => {
            properties.entry(name).or_insert_with(|| json!({ "type": kind }));
        }
        Some((first, rest)) => {
            let inner = properties.entry(first).or_insert_with(|| json!({ "properties": {} }));
            if let Some(inner) = inner.get_mut("properties").and_then(Value::as_object_mut) {
                put(inner, rest, kind);
            }
        }
    }
}
