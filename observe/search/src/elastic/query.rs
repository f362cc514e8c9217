//! Elasticsearch's query DSL.
//!
//! Source: Elasticsearch's reference, "Query DSL". What is not known is refused: a filter that is ignored is a wrong answer. Weights are
//! taken and do not count, for records have no scores.

mod compound;
mod texts;

use serde_json::Value;
use vitrine_observe_model::{LogFilter, LogTest};

use super::dates::{DateFormat, Zone};
use super::error::{SearchError, shown};
use super::fields::{Mappings, any_of};
use super::hit_id;
use super::json::{Object, list, names};
use super::leaves::{RangeLeaf, TextLeaf, exists, term};
use super::lowering::{Lowered, Lowering, TextOptions, named, targets};
use super::query_string::{Features, parse_query_string, parse_simple};

/// Deepest nesting of queries, as Elasticsearch's `indices.query.bool.max_nested_depth`.
const MAX_DEPTH: usize = 30;
/// Most values of one `terms` or `ids`.
const MAX_TERMS: usize = 65_536;

/// Reads a query; everything if there is none.
pub(crate) fn lower(query: Option<&Value>, mappings: &Mappings, now_ns: i64) -> Result<Lowered, SearchError> {
    let mut lowering = Lowering::new(mappings, now_ns);
    let filter = match query {
        Some(query) => clause(&mut lowering, query, 0)?,
        None => LogFilter::everything(),
    };
    Ok(lowering.finish(filter))
}

/// One query: an object with its name as the one key.
fn clause(lowering: &mut Lowering<'_>, query: &Value, depth: usize) -> Result<LogFilter, SearchError> {
    if depth > MAX_DEPTH {
        return Err(SearchError::illegal(format!("queries nested more than {MAX_DEPTH} deep")));
    }
    let object = Object::new("query", query)?;
    let (name, body) = object.one_but(&[])?;
    match name {
        "match_all" => Ok(LogFilter::everything()),
        "match_none" => Ok(super::fields::nothing()),
        "bool" => compound::bool_query(lowering, body, depth, clause),
        "constant_score" => compound::wrapped(lowering, name, "filter", body, depth, clause),
        "nested" => compound::wrapped(lowering, name, "query", body, depth, clause),
        "function_score" | "script_score" if body["script"].is_null() => {
            compound::wrapped(lowering, name, "query", body, depth, clause)
        }
        "dis_max" => compound::dis_max(lowering, body, depth, clause),
        "boosting" => compound::wrapped(lowering, name, "positive", body, depth, clause),
        "term" => one_term(lowering, body),
        "terms" => terms(lowering, body),
        "match" => texts::match_query(lowering, body),
        "match_phrase" | "match_phrase_prefix" => texts::match_phrase(lowering, name, body),
        "match_bool_prefix" => texts::match_bool_prefix(lowering, body),
        "multi_match" | "combined_fields" => texts::multi_match(lowering, body),
        "query_string" => query_string(lowering, body),
        "simple_query_string" => simple_query_string(lowering, body),
        "prefix" | "wildcard" | "regexp" => pattern(lowering, name, body),
        "fuzzy" => fuzzy(lowering, body),
        "exists" => {
            let object = Object::new("exists", body)?;
            object.only(&["field", "boost", "_name"])?;
            lowering.spend(1)?;
            Ok(exists(&named(lowering.mappings, &object.need_text("field")?)))
        }
        "ids" => ids(lowering, body),
        "range" => range(lowering, body),
        _ => Err(SearchError::parsing(format!("unknown query [{}]", shown(name)))),
    }
}

/// A query of one field: `{"field": value}` or `{"field": {"value": value, ...}}`. Returns the field's name, the value, and the options.
fn one_field<'a>(
    what: &'a str,
    value_key: &str,
    body: &'a Value,
) -> Result<(&'a str, &'a Value, Option<Object<'a>>), SearchError> {
    let (field, value) = Object::new(what, body)?.one_but(&["boost", "_name"])?;
    if value.is_object() {
        let options = Object::new(what, value)?;
        return Ok((field, options.need(value_key)?, Some(options)));
    }
    Ok((field, value, None))
}

fn one_term(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let (field, value, options) = one_field("term", "value", body)?;
    let mut ignore_case = false;
    if let Some(options) = options {
        options.only(&["value", "boost", "case_insensitive", "_name"])?;
        ignore_case = options.flag("case_insensitive")?.unwrap_or(false);
    }
    equal(lowering, field, value, ignore_case)
}

/// Exactly this value.
fn equal(lowering: &mut Lowering<'_>, field: &str, value: &Value, ignore_case: bool) -> Result<LogFilter, SearchError> {
    let target = named(lowering.mappings, field);
    if let Some(text) = value.as_str().filter(|_| !target.is_time()) {
        return lowering.text(&[target], &TextLeaf::term(text, ignore_case)?);
    }
    lowering.spend(1)?;
    term(&target, value, ignore_case)
}

fn terms(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let (field, values) = Object::new("terms", body)?.one_but(&["boost", "_name"])?;
    let Some(values) = values.as_array() else {
        return Err(SearchError::parsing(format!("[terms.{}] needs a list of values", shown(field))));
    };
    if values.len() > MAX_TERMS {
        return Err(SearchError::illegal(format!("{} values in [terms]; expected {MAX_TERMS} at most", values.len())));
    }
    let filters = lowering.optional(|lowering| {
        values.iter().map(|value| equal(lowering, field, value, false)).collect::<Result<Vec<_>, _>>()
    });
    Ok(any_of(filters?))
}

fn pattern(lowering: &mut Lowering<'_>, name: &str, body: &Value) -> Result<LogFilter, SearchError> {
    let key = if name == "wildcard" && has_key(body, "wildcard") { "wildcard" } else { "value" };
    let (field, value, options) = one_field(name, key, body)?;
    let mut ignore_case = false;
    if let Some(options) = options {
        let known =
            ["value", "wildcard", "boost", "case_insensitive", "rewrite", "flags", "max_determinized_states", "_name"];
        options.only(&known)?;
        ignore_case = options.flag("case_insensitive")?.unwrap_or(false);
    }
    let text = super::json::scalar_text(value)
        .ok_or_else(|| SearchError::parsing(format!("[{name}.{}] needs a text", shown(field))))?;
    let target = named(lowering.mappings, field);
    let leaf = match name {
        "prefix" => TextLeaf::prefix(&text, ignore_case)?,
        "wildcard" => TextLeaf::wildcard(&text, ignore_case)?,
        _ => TextLeaf::regex(&text, ignore_case)?,
    };
    lowering.text(&[target], &leaf)
}

/// Whether the options of a query of one field have a key.
fn has_key(body: &Value, key: &str) -> bool {
    body.as_object().is_some_and(|fields| fields.values().any(|options| options.get(key).is_some()))
}

fn fuzzy(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let (field, value, options) = one_field("fuzzy", "value", body)?;
    let text = super::json::scalar_text(value)
        .ok_or_else(|| SearchError::parsing(format!("[fuzzy.{}] needs a text", shown(field))))?;
    let mut distance = texts::auto_distance(&text);
    if let Some(options) = options {
        options.only(&[
            "value",
            "fuzziness",
            "max_expansions",
            "prefix_length",
            "transpositions",
            "rewrite",
            "boost",
            "_name",
        ])?;
        if let Some(fuzziness) = options.text("fuzziness")? {
            distance = texts::fuzziness(&fuzziness, &text)?;
        }
    }
    let target = named(lowering.mappings, field);
    lowering.text(&[target], &TextLeaf::fuzzy(&text, distance))
}

/// Documents of these ids: those that were sent with an id, and those of a time.
fn ids(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let object = Object::new("ids", body)?;
    object.only(&["values", "boost", "type", "_name"])?;
    let values = list(object.need("values")?);
    if values.len() > MAX_TERMS {
        return Err(SearchError::illegal(format!("{} values in [ids]; expected {MAX_TERMS} at most", values.len())));
    }
    let filters = lowering.optional(|lowering| {
        values
            .iter()
            .map(|value| {
                lowering.spend(1)?;
                let id = super::json::scalar_text(value).ok_or_else(|| object.wrong("values", value, "a text"))?;
                Ok(hit_id::filter(&id))
            })
            .collect::<Result<Vec<_>, SearchError>>()
    });
    Ok(any_of(filters?))
}

fn range(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let (field, value) = Object::new("range", body)?.one_but(&["boost", "_name"])?;
    let object = Object::new("range", value)?;
    object.only(&[
        "gte",
        "gt",
        "lte",
        "lt",
        "from",
        "to",
        "include_lower",
        "include_upper",
        "format",
        "time_zone",
        "boost",
        "relation",
        "_name",
    ])?;
    let within = |key| Ok::<bool, SearchError>(object.flag(key)?.unwrap_or(true));
    let end = |closed: &str, open: &str, old: &str, old_within: bool| {
        let closed = object.get(closed).map(|value| (value, true));
        let open = object.get(open).map(|value| (value, false));
        closed.or(open).or(object.get(old).map(|value| (value, old_within)))
    };
    let low = end("gte", "gt", "from", within("include_lower")?);
    let high = end("lte", "lt", "to", within("include_upper")?);
    let format = object.text("format")?.map(|format| DateFormat::parse(&format)).transpose()?.unwrap_or_default();
    let zone = object.text("time_zone")?.map(|zone| Zone::parse(&zone)).transpose()?.unwrap_or(Zone::utc());
    let target = named(lowering.mappings, field);
    if target.is_any() {
        return Ok(LogFilter::Field(vitrine_observe_model::LogField::Any, LogTest::Exists));
    }
    lowering.range(&target, &RangeLeaf { low, high, format, zone })
}

/// What both kinds of query texts may say.
const TEXT_OPTIONS: &[&str] = &[
    "query",
    "fields",
    "default_operator",
    "lenient",
    "analyze_wildcard",
    "minimum_should_match",
    "boost",
    "_name",
    "analyzer",
    "auto_generate_synonyms_phrase_query",
    "fuzzy_max_expansions",
    "fuzzy_prefix_length",
    "fuzzy_transpositions",
    "quote_field_suffix",
];

fn text_options(lowering: &Lowering<'_>, object: &Object<'_>) -> Result<(TextOptions, bool), SearchError> {
    let mut fields = object.get("fields").map(names).unwrap_or_default();
    if fields.is_empty() {
        fields.extend(object.text("default_field")?);
    }
    let zone = object.text("time_zone")?.map(|zone| Zone::parse(&zone)).transpose()?.unwrap_or(Zone::utc());
    let options = TextOptions {
        targets: targets(lowering.mappings, &fields)?,
        zone,
        lenient: object.flag("lenient")?.unwrap_or(false),
    };
    let operator = object.text("default_operator")?.unwrap_or_default();
    match operator.to_ascii_lowercase().as_str() {
        "" | "or" => Ok((options, false)),
        "and" => Ok((options, true)),
        _ => Err(object.wrong("default_operator", &operator.into(), "and, or or")),
    }
}

fn query_string(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let object = Object::new("query_string", body)?;
    let more = [
        "default_field",
        "time_zone",
        "allow_leading_wildcard",
        "escape",
        "enable_position_increments",
        "max_determinized_states",
        "phrase_slop",
        "quote_analyzer",
        "rewrite",
        "tie_breaker",
        "type",
        "fuzziness",
    ];
    object.only(&[TEXT_OPTIONS, more.as_slice()].concat())?;
    let (options, default_and) = text_options(lowering, &object)?;
    let node = parse_query_string(&object.need_text("query")?, default_and)?;
    lowering.node(&node, &options)
}

fn simple_query_string(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let object = Object::new("simple_query_string", body)?;
    object.only(&[TEXT_OPTIONS, ["flags"].as_slice()].concat())?;
    let (options, default_and) = text_options(lowering, &object)?;
    let flags = object.text("flags")?.unwrap_or_default();
    let features = Features::parse(&flags)
        .ok_or_else(|| object.wrong("flags", &flags.clone().into(), "ALL, NONE, or names such as AND|OR|PREFIX"))?;
    lowering.node(&parse_simple(&object.need_text("query")?, default_and, features), &options)
}
