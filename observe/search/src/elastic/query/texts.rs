//! Queries of words.

use serde_json::Value;
use vitrine_observe_model::LogFilter;
use vitrine_observe_text::{fold, words};

use super::compound::{at_least, minimum_should_match};
use super::one_field;
use crate::elastic::dates::Zone;
use crate::elastic::error::{SearchError, shown};
use crate::elastic::fields::{Target, any_of, nothing};
use crate::elastic::json::{Object, names, scalar_text};
use crate::elastic::leaves::{TextLeaf, Whole};
use crate::elastic::lowering::{Lowering, named, targets};
use crate::elastic::query_string::MAX_DISTANCE;

/// Longest words that `AUTO` wants exactly, and with one change.
const AUTO_EXACT: usize = 2;
const AUTO_ONE: usize = 5;
/// Words that may stand between those of a phrase, at most.
const MAX_SLOP: usize = 1_000;

/// How the words of a text must be there.
struct Matching {
    text: String,
    all: bool,
    minimum: Option<String>,
    fuzziness: Option<String>,
    none_is_all: bool,
}

fn read(object: Option<&Object<'_>>, value: &Value, what: &str) -> Result<Matching, SearchError> {
    let text = scalar_text(value).ok_or_else(|| SearchError::parsing(format!("[{what}] needs a text")))?;
    let mut matching = Matching { text, all: false, minimum: None, fuzziness: None, none_is_all: false };
    let Some(object) = object else { return Ok(matching) };
    let operator = object.text("operator")?.unwrap_or_default();
    matching.all = match operator.to_ascii_lowercase().as_str() {
        "" | "or" => false,
        "and" => true,
        _ => return Err(object.wrong("operator", &operator.into(), "and, or or")),
    };
    matching.minimum = object.text("minimum_should_match")?;
    matching.fuzziness = object.text("fuzziness")?;
    matching.none_is_all = object.text("zero_terms_query")?.as_deref() == Some("all");
    Ok(matching)
}

/// The words of a text in fields: each may be in another.
fn in_fields(lowering: &mut Lowering<'_>, fields: &[Target], matching: &Matching) -> Result<LogFilter, SearchError> {
    if let [target] = fields
        && target.is_time()
    {
        return lowering.word(fields, &matching.text, Zone::utc());
    }
    let all: Vec<&str> = words(&matching.text).map(|word| &matching.text[word]).collect();
    if all.is_empty() {
        let is_blank = matching.text.trim().is_empty();
        if is_blank {
            return Ok(if matching.none_is_all { LogFilter::everything() } else { nothing() });
        }
        return lowering.text(fields, &TextLeaf::phrase(&matching.text, 0, false));
    }
    let mut filters = Vec::new();
    for word in &all {
        let filter = lowering.optional(|lowering| match &matching.fuzziness {
            Some(fuzzy) => {
                let distance = fuzziness(fuzzy, word)?;
                lowering.text(fields, &TextLeaf::fuzzy(&fold(word), distance))
            }
            None => lowering.word(fields, word, Zone::utc()),
        });
        filters.push(filter?);
    }
    let least = match &matching.minimum {
        _ if matching.all => all.len(),
        Some(minimum) => minimum_should_match(minimum, all.len())?.max(1),
        None => 1,
    };
    let found = at_least(filters, least)?;
    if all.len() == 1 && all[0].len() == matching.text.len() {
        return Ok(found);
    }
    // A field that is searched as a whole holds the whole text.
    let whole = TextLeaf { whole: Some(Whole::Equal(matching.text.clone())), words: None };
    let whole = fields.iter().map(|target| whole.on(target));
    Ok(any_of([found].into_iter().chain(whole).collect()))
}

pub(super) fn match_query(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let (field, value, options) = one_field("match", "query", body)?;
    if let Some(options) = &options {
        // `type` is what versions before 6 called a phrase.
        options.only(&[
            "query",
            "operator",
            "minimum_should_match",
            "fuzziness",
            "prefix_length",
            "max_expansions",
            "fuzzy_transpositions",
            "fuzzy_rewrite",
            "lenient",
            "zero_terms_query",
            "analyzer",
            "auto_generate_synonyms_phrase_query",
            "boost",
            "_name",
        ])?;
    }
    let matching = read(options.as_ref(), value, "match")?;
    let target = named(lowering.mappings, field);
    in_fields(lowering, &[target], &matching)
}

pub(super) fn match_phrase(lowering: &mut Lowering<'_>, name: &str, body: &Value) -> Result<LogFilter, SearchError> {
    let (field, value, options) = one_field(name, "query", body)?;
    let mut slop = 0;
    if let Some(options) = options {
        options.only(&["query", "slop", "analyzer", "zero_terms_query", "max_expansions", "boost", "_name"])?;
        slop = options.count("slop")?.unwrap_or(0).min(MAX_SLOP);
    }
    let text =
        scalar_text(value).ok_or_else(|| SearchError::parsing(format!("[{name}.{}] needs a text", shown(field))))?;
    let target = named(lowering.mappings, field);
    if target.is_time() {
        return lowering.word(&[target], &text, Zone::utc());
    }
    lowering.text(&[target], &TextLeaf::phrase(&text, slop, name == "match_phrase_prefix"))
}

pub(super) fn match_bool_prefix(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let (field, value, options) = one_field("match_bool_prefix", "query", body)?;
    if let Some(options) = &options {
        options.only(&["query", "operator", "minimum_should_match", "analyzer", "boost", "_name"])?;
    }
    let matching = read(options.as_ref(), value, "match_bool_prefix")?;
    let target = [named(lowering.mappings, field)];
    bool_prefix(lowering, &target, &matching)
}

fn bool_prefix(lowering: &mut Lowering<'_>, fields: &[Target], matching: &Matching) -> Result<LogFilter, SearchError> {
    let all: Vec<String> = words(&matching.text).map(|word| fold(&matching.text[word]).into_owned()).collect();
    let Some((last, before)) = all.split_last() else { return Ok(nothing()) };
    let filters = lowering.optional(|lowering| {
        let mut filters =
            before.iter().map(|word| lowering.word(fields, word, Zone::utc())).collect::<Result<Vec<_>, _>>()?;
        filters.push(lowering.text(fields, &TextLeaf::prefix(last, false)?)?);
        Ok::<_, SearchError>(filters)
    });
    let least = match &matching.minimum {
        _ if matching.all => all.len(),
        Some(minimum) => minimum_should_match(minimum, all.len())?.max(1),
        None => 1,
    };
    at_least(filters?, least)
}

pub(super) fn multi_match(lowering: &mut Lowering<'_>, body: &Value) -> Result<LogFilter, SearchError> {
    let object = Object::new("multi_match", body)?;
    object.only(&[
        "query",
        "fields",
        "type",
        "operator",
        "minimum_should_match",
        "fuzziness",
        "slop",
        "lenient",
        "zero_terms_query",
        "tie_breaker",
        "prefix_length",
        "max_expansions",
        "analyzer",
        "auto_generate_synonyms_phrase_query",
        "boost",
        "_name",
    ])?;
    let fields = targets(lowering.mappings, &object.get("fields").map(names).unwrap_or_default())?;
    let matching = read(Some(&object), object.need("query")?, "multi_match")?;
    let slop = object.count("slop")?.unwrap_or(0).min(MAX_SLOP);
    let kind = object.text("type")?.unwrap_or_default();
    match kind.as_str() {
        // All words in one field.
        "" | "best_fields" | "most_fields" => {
            let filters = lowering.optional(|lowering| {
                fields
                    .iter()
                    .map(|field| in_fields(lowering, std::slice::from_ref(field), &matching))
                    .collect::<Result<Vec<_>, _>>()
            });
            Ok(any_of(filters?))
        }
        "cross_fields" => in_fields(lowering, &fields, &matching),
        "phrase" => lowering.text(&fields, &TextLeaf::phrase(&matching.text, slop, false)),
        "phrase_prefix" => lowering.text(&fields, &TextLeaf::phrase(&matching.text, slop, true)),
        "bool_prefix" => bool_prefix(lowering, &fields, &matching),
        _ => Err(object.wrong(
            "type",
            &kind.into(),
            "best_fields, most_fields, cross_fields, phrase, phrase_prefix or bool_prefix",
        )),
    }
}

/// Changes that a word may have when nothing says how many.
pub(super) fn auto_distance(word: &str) -> usize {
    match word.chars().count() {
        0..=AUTO_EXACT => 0,
        length if length <= AUTO_ONE => 1,
        _ => MAX_DISTANCE,
    }
}

/// Reads `AUTO`, `AUTO:3,6`, or a number.
pub(super) fn fuzziness(text: &str, word: &str) -> Result<usize, SearchError> {
    let wrong =
        || SearchError::illegal(format!("fuzziness is [{}]; expected AUTO, AUTO:3,6, or 0, 1 or 2", shown(text)));
    if let Some(rest) = text.strip_prefix("AUTO") {
        let Some(bounds) = rest.strip_prefix(':') else {
            return if rest.is_empty() { Ok(auto_distance(word)) } else { Err(wrong()) };
        };
        let (low, high) = bounds.split_once(',').ok_or_else(wrong)?;
        let (low, high): (usize, usize) = (low.parse().map_err(|_| wrong())?, high.parse().map_err(|_| wrong())?);
        let length = word.chars().count();
        return Ok(usize::from(length >= low) + usize::from(length >= high.max(low)));
    }
    let distance = text.parse::<f64>().ok().filter(|distance| *distance >= 0.0 && *distance <= MAX_DISTANCE as f64);
    distance.map(|distance| distance as usize).ok_or_else(wrong)
}
