//! Documents as hits of a search show them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vitrine_observe_model::elastic::is_like;
use vitrine_observe_model::{FoundLog, LogRow, elastic};

use super::dates::{DateFormat, Zone};
use super::error::SearchError;
use super::fields::TIME_FIELD;
use super::highlight::Highlight;
use super::hit_id;
use super::indices::index_of;
use super::json::{Object, list, names};
use super::lowering::Mark;

/// Most patterns of fields of one request.
const MAX_PATTERNS: usize = 1_000;

/// What of documents is shown.
pub(crate) struct HitOptions {
    source: Option<SourceFilter>,
    fields: Vec<(String, Option<DateFormat>)>,
    highlight: Option<Highlight>,
    version: bool,
    sequence: bool,
}

/// Which part of a document.
#[derive(Default)]
struct SourceFilter {
    includes: Vec<String>,
    excludes: Vec<String>,
}

impl HitOptions {
    /// Reads what a search or a `top_hits` says.
    pub(crate) fn read(body: &Value) -> Result<Self, SearchError> {
        let object = Object::new("search", body)?;
        let mut fields = Vec::new();
        for key in ["fields", "docvalue_fields"] {
            for field in object.get(key).map_or(&[][..], list) {
                let (name, format) = match field {
                    Value::String(name) => (name.clone(), None),
                    other => {
                        let field = Object::new(key, other)?;
                        // Doc values of before version 7 had a format that said to use the mapping's.
                        let format = field.text("format")?.filter(|format| format != "use_field_mapping");
                        (field.need_text("field")?, format.map(|format| DateFormat::parse(&format)).transpose()?)
                    }
                };
                fields.push((name, format));
            }
        }
        if fields.len() > MAX_PATTERNS {
            return Err(SearchError::illegal(format!("{} of [fields]; expected {MAX_PATTERNS} at most", fields.len())));
        }
        Ok(Self {
            source: SourceFilter::read(body.get("_source"))?,
            fields,
            highlight: object.get("highlight").map(Highlight::read).transpose()?,
            version: object.flag("version")?.unwrap_or(false),
            sequence: object.flag("seq_no_primary_term")?.unwrap_or(false),
        })
    }

    /// Writes a hit.
    pub(crate) fn write(&self, found: &FoundLog, marks: &[Mark]) -> Value {
        let row = &found.row;
        let mut hit = json!({ "_index": index_of(row), "_id": id_of(found), "_score": null });
        if self.version {
            hit["_version"] = 1.into();
        }
        if self.sequence {
            hit["_seq_no"] = 0.into();
            hit["_primary_term"] = 1.into();
        }
        let document = elastic::source(row);
        if !self.fields.is_empty() || self.highlight.is_some() {
            let flat = flat(&document);
            if !self.fields.is_empty() {
                hit["fields"] = self.shown_fields(&flat, row).into();
            }
            let highlights = self.highlight.as_ref().map(|highlight| highlight.of(&flat, marks));
            if let Some(highlights) = highlights.filter(|found| !found.is_empty()) {
                hit["highlight"] = highlights.into();
            }
        }
        if let Some(filter) = &self.source {
            hit["_source"] = filter.apply(document).into();
        }
        hit
    }

    fn shown_fields(&self, flat: &BTreeMap<String, Vec<Value>>, row: &LogRow) -> Map<String, Value> {
        let mut shown = Map::new();
        let time_ns = i64::try_from(row.time_ns).unwrap_or(i64::MAX);
        for (pattern, format) in &self.fields {
            if is_like(pattern, TIME_FIELD) {
                let text = format.clone().unwrap_or_default().write(time_ns, Zone::utc());
                // What is asked for twice has the first format.
                shown.entry(TIME_FIELD).or_insert_with(|| json!([text]));
            }
            let (name, suffix) = match pattern.strip_suffix(".keyword") {
                Some(name) => (name, ".keyword"),
                None => (pattern.as_str(), ""),
            };
            for (key, values) in flat.iter().filter(|(key, _)| *key != TIME_FIELD && is_like(name, key)) {
                shown.insert(format!("{key}{suffix}"), values.clone().into());
            }
        }
        shown
    }
}

/// The id of a document.
pub(crate) fn id_of(found: &FoundLog) -> String {
    elastic::id(&found.row).map_or_else(|| hit_id::of(found.cursor), str::to_owned)
}

impl SourceFilter {
    /// Reads `_source`: whether it is shown, and which parts.
    fn read(value: Option<&Value>) -> Result<Option<Self>, SearchError> {
        let Some(value) = value else { return Ok(Some(Self::default())) };
        Ok(match value {
            Value::Bool(false) => None,
            Value::Bool(true) | Value::Null => Some(Self::default()),
            Value::String(text) if text == "false" => None,
            Value::String(text) if text == "true" => Some(Self::default()),
            Value::Object(_) => {
                let object = Object::new("_source", value)?;
                object.only(&["includes", "include", "excludes", "exclude"])?;
                let of = |key, old| object.get(key).or(object.get(old)).map(names).unwrap_or_default();
                Some(Self { includes: of("includes", "include"), excludes: of("excludes", "exclude") })
            }
            other => Some(Self { includes: names(other), excludes: Vec::new() }),
        })
    }

    fn apply(&self, document: Map<String, Value>) -> Map<String, Value> {
        if self.includes.is_empty() && self.excludes.is_empty() {
            return document;
        }
        self.part(document, "", self.includes.is_empty())
    }

    fn part(&self, object: Map<String, Value>, before: &str, is_included: bool) -> Map<String, Value> {
        let mut shown = Map::new();
        for (key, value) in object {
            let path = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
            let is_one_of = |patterns: &[String]| patterns.iter().any(|pattern| is_like(pattern, &path));
            if is_one_of(&self.excludes) {
                continue;
            }
            let is_included = is_included || is_one_of(&self.includes);
            match value {
                Value::Object(inner) => {
                    let was_empty = inner.is_empty();
                    let inner = self.part(inner, &path, is_included);
                    if !inner.is_empty() || was_empty && is_included {
                        shown.insert(key, inner.into());
                    }
                }
                Value::Array(items) if items.iter().any(Value::is_object) => {
                    let items = items.into_iter().filter_map(|item| match item {
                        Value::Object(inner) => Some(self.part(inner, &path, is_included))
                            .filter(|inner| !inner.is_empty())
                            .map(Value::from),
                        other => is_included.then_some(other),
                    });
                    let items: Vec<Value> = items.collect();
                    if !items.is_empty() {
                        shown.insert(key, items.into());
                    }
                }
                other if is_included => {
                    shown.insert(key, other);
                }
                _ => {}
            }
        }
        shown
    }
}

/// The values of a document by their dotted paths, lists and lists of objects as values of one path.
fn flat(document: &Map<String, Value>) -> BTreeMap<String, Vec<Value>> {
    let mut all = BTreeMap::new();
    for (key, value) in document {
        add(key, value, &mut all);
    }
    all
}

fn add(path: &str, value: &Value, all: &mut BTreeMap<String, Vec<Value>>) {
    match value {
        Value::Object(inner) => inner.iter().for_each(|(key, value)| add(&format!("{path}.{key}"), value, all)),
        Value::Array(items) => items.iter().for_each(|item| add(path, item, all)),
        Value::Null => {}
        value => all.entry(path.to_owned()).or_default().push(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{SourceFilter, flat};

    fn object(value: Value) -> serde_json::Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    /// Rules: Elasticsearch's reference, "Source filtering".
    #[test]
    fn sources_are_cut_to_what_is_asked_for() {
        let document = json!({ "a": { "b": 1, "c": { "d": 2 } }, "e.f": 3, "g": [{ "h": 4 }, { "i": 5 }] });
        for (filter, expected) in [
            (json!(true), document.clone()),
            (json!("a"), json!({ "a": { "b": 1, "c": { "d": 2 } } })),
            (json!(["a.c.*", "e.f"]), json!({ "a": { "c": { "d": 2 } }, "e.f": 3 })),
            (json!({ "excludes": ["a.c", "g"] }), json!({ "a": { "b": 1 }, "e.f": 3 })),
            (
                json!({ "includes": "*", "excludes": "*.h" }),
                json!({ "a": { "b": 1, "c": { "d": 2 } }, "e.f": 3, "g": [{ "i": 5 }] }),
            ),
        ] {
            let read = SourceFilter::read(Some(&filter)).expect("read").expect("shown");
            assert_eq!(Value::from(read.apply(object(document.clone()))), expected, "{filter}");
        }
        assert!(SourceFilter::read(Some(&json!(false))).expect("read").is_none());
        let flat = flat(&object(document));
        assert_eq!(flat["g.h"], [json!(4)]);
    }
}
