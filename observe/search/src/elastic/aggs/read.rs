//! Aggregations of requests, read.

mod buckets;
mod metric;
mod pipelines;

use serde_json::Value;
use vitrine_observe_model::{LogField, LogFilter};

use super::types::{Aggregation, By, Kind, Order, OrderBy};
use super::values::Source;
use crate::elastic::error::{SearchError, shown};
use crate::elastic::fields::Mappings;
use crate::elastic::json::{Object, list};

/// Deepest nesting of aggregations.
const MAX_DEPTH: usize = 16;
/// Most aggregations of one search.
const MAX_AGGREGATIONS: usize = 500;

/// What is gathered while aggregations are read.
pub(crate) struct AggregationReader<'a> {
    pub(crate) mappings: &'a Mappings,
    pub(crate) now_ns: i64,
    /// Reads a query.
    pub(crate) query: &'a dyn Fn(&Value) -> Result<LogFilter, SearchError>,
    /// The fields whose values are needed.
    pub(crate) fields: Vec<LogField>,
    /// Whether whole records are needed.
    pub(crate) needs_rows: bool,
    count: usize,
}

impl<'a> AggregationReader<'a> {
    pub(crate) fn new(
        mappings: &'a Mappings,
        now_ns: i64,
        query: &'a dyn Fn(&Value) -> Result<LogFilter, SearchError>,
    ) -> Self {
        Self { mappings, now_ns, query, fields: Vec::new(), needs_rows: false, count: 0 }
    }

    /// Where the values of a field are.
    fn source(&mut self, name: &str, missing: Option<&Value>) -> Source {
        let target = self.mappings.target(name);
        let is_time = target.is_time();
        let mut place = |field: LogField| match self.fields.iter().position(|known| *known == field) {
            Some(place) => place,
            None => {
                self.fields.push(field);
                self.fields.len() - 1
            }
        };
        Source { fields: target.fields.into_iter().map(&mut place).collect(), is_time, missing: missing.cloned() }
    }

    /// The source that an aggregation's `field` and `missing` say.
    fn source_of(&mut self, object: &Object<'_>) -> Result<Source, SearchError> {
        if object.get("script").is_some() {
            return Err(SearchError::illegal("scripts of records are not run; expected [field]"));
        }
        Ok(self.source(&object.need_text("field")?, object.get("missing")))
    }
}

/// Reads the `aggs` of a search.
pub(crate) fn read_aggregations(
    reader: &mut AggregationReader<'_>,
    value: &Value,
) -> Result<Vec<Aggregation>, SearchError> {
    level(reader, value, 0)
}

fn level(reader: &mut AggregationReader<'_>, value: &Value, depth: usize) -> Result<Vec<Aggregation>, SearchError> {
    if depth > MAX_DEPTH {
        return Err(SearchError::illegal(format!("aggregations nested more than {MAX_DEPTH} deep")));
    }
    let mut all = Vec::new();
    for (name, body) in Object::new("aggs", value)?.iter() {
        reader.count += 1;
        if reader.count > MAX_AGGREGATIONS {
            return Err(SearchError::illegal(format!("more than {MAX_AGGREGATIONS} aggregations in one search")));
        }
        let object = Object::new(name, body)?;
        let (kind, options) = object.one_but(&["aggs", "aggregations", "meta"])?;
        let inner = object.get("aggs").or(object.get("aggregations"));
        let kind = read_kind(reader, kind, options)?;
        let subs = match (inner, &kind) {
            (None, _) => Vec::new(),
            (Some(inner), Kind::Buckets(_)) => level(reader, inner, depth + 1)?,
            (Some(_), _) => {
                return Err(SearchError::parsing(format!("[{}] cannot have aggregations within it", shown(name))));
            }
        };
        all.push(Aggregation { name: name.to_owned(), kind, subs, meta: object.get("meta").cloned() });
    }
    Ok(all)
}

fn read_kind(reader: &mut AggregationReader<'_>, kind: &str, options: &Value) -> Result<Kind, SearchError> {
    let buckets = match kind {
        "date_histogram" => buckets::date_histogram(reader, options)?,
        "auto_date_histogram" => buckets::auto_date_histogram(reader, options)?,
        "histogram" => buckets::histogram(reader, options)?,
        "range" => buckets::ranges(reader, options)?,
        "date_range" => buckets::date_ranges(reader, options)?,
        "terms" => buckets::terms(reader, options)?,
        "multi_terms" => buckets::multi_terms(reader, options)?,
        "filter" => buckets::filter(reader, options)?,
        "filters" => buckets::filters(reader, options)?,
        "composite" => buckets::composite(reader, options)?,
        "missing" => By::Missing(reader.source_of(&Object::new(kind, options)?)?),
        "sampler" | "diversified_sampler" | "random_sampler" | "nested" | "reverse_nested" => By::All,
        _ => {
            if let Some(metric) = metric::read(reader, kind, options)? {
                return Ok(Kind::Metric(metric));
            }
            if let Some(pipeline) = pipelines::read(kind, options)? {
                return Ok(Kind::Pipeline(pipeline));
            }
            return Err(SearchError::parsing(format!("unknown aggregation type [{}]", shown(kind))));
        }
    };
    Ok(Kind::Buckets(buckets))
}

/// Reads an order: `{"_count": "desc"}`, or a list of such.
fn order(object: &Object<'_>) -> Result<Vec<Order>, SearchError> {
    let Some(value) = object.get("order") else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for part in list(value) {
        for (key, direction) in Object::new("order", part)?.iter() {
            let by = match key {
                "_count" => OrderBy::Count,
                "_key" | "_term" | "_time" => OrderBy::Key,
                path => OrderBy::Path(path.to_owned()),
            };
            let ascending = match direction.as_str() {
                Some(text) if text.eq_ignore_ascii_case("asc") => true,
                Some(text) if text.eq_ignore_ascii_case("desc") => false,
                _ => return Err(object.wrong("order", direction, "asc or desc")),
            };
            all.push(Order { by, ascending });
        }
    }
    Ok(all)
}
