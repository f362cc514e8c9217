//! Queries of queries.

use serde_json::Value;
use vitrine_observe_model::LogFilter;

use crate::elastic::error::SearchError;
use crate::elastic::fields::{all_of, any_of, not, nothing};
use crate::elastic::json::{Object, list};
use crate::elastic::lowering::Lowering;

/// Most combinations that "so many of these" may become.
const MAX_COMBINATIONS: usize = 1_024;

/// Reads one query that is nested so deep.
type Read = fn(&mut Lowering<'_>, &Value, usize) -> Result<LogFilter, SearchError>;

pub(super) fn bool_query(
    lowering: &mut Lowering<'_>,
    body: &Value,
    depth: usize,
    read: Read,
) -> Result<LogFilter, SearchError> {
    let object = Object::new("bool", body)?;
    let known =
        ["must", "filter", "must_not", "should", "minimum_should_match", "boost", "adjust_pure_negative", "_name"];
    object.only(&known)?;
    let of = |key| object.get(key).map_or(&[][..], list);
    let mut all = Vec::new();
    for query in of("must").iter().chain(of("filter")) {
        all.push(read(lowering, query, depth + 1)?);
    }
    for query in of("must_not") {
        all.push(not(lowering.negated(|lowering| read(lowering, query, depth + 1))?));
    }
    let should = of("should");
    let usual = usize::from(all.is_empty() || of("must").is_empty() && of("filter").is_empty());
    let least = match object.text("minimum_should_match")? {
        Some(text) => minimum_should_match(&text, should.len())?,
        None => usual.min(should.len()),
    };
    let filters = lowering.optional(|lowering| {
        should.iter().map(|query| read(lowering, query, depth + 1)).collect::<Result<Vec<_>, _>>()
    });
    let filters = filters?;
    if least > 0 {
        all.push(at_least(filters, least)?);
    }
    Ok(all_of(all))
}

/// A query around one other.
pub(super) fn wrapped(
    lowering: &mut Lowering<'_>,
    name: &str,
    key: &str,
    body: &Value,
    depth: usize,
    read: Read,
) -> Result<LogFilter, SearchError> {
    let object = Object::new(name, body)?;
    match object.get(key) {
        Some(query) => read(lowering, query, depth + 1),
        None if name == "function_score" => Ok(LogFilter::everything()),
        None => object.need(key).map(|_| nothing()),
    }
}

pub(super) fn dis_max(
    lowering: &mut Lowering<'_>,
    body: &Value,
    depth: usize,
    read: Read,
) -> Result<LogFilter, SearchError> {
    let object = Object::new("dis_max", body)?;
    object.only(&["queries", "tie_breaker", "boost", "_name"])?;
    let queries = list(object.need("queries")?);
    let filters = lowering.optional(|lowering| {
        queries.iter().map(|query| read(lowering, query, depth + 1)).collect::<Result<Vec<_>, _>>()
    });
    Ok(any_of(filters?))
}

/// How many of so many optional clauses must hold: `2`, `-1`, `75%`, `-25%`, or `3<90%` for more than three.
pub(super) fn minimum_should_match(text: &str, clauses: usize) -> Result<usize, SearchError> {
    let wrong = || {
        let expected = "expected a number such as 2 or -1, a percentage such as 75%, or a condition such as 3<90%";
        SearchError::illegal(format!("minimum_should_match is [{text}]; {expected}"))
    };
    let total = i64::try_from(clauses).unwrap_or(i64::MAX);
    let mut rule = None;
    for part in text.split_whitespace() {
        match part.split_once('<') {
            Some((bound, then)) => {
                let bound: i64 = bound.parse().map_err(|_| wrong())?;
                if total > bound {
                    rule = Some(then);
                } else if rule.is_none() {
                    rule = Some("100%");
                }
            }
            None => rule = Some(part),
        }
    }
    let rule = rule.ok_or_else(wrong)?;
    let number = match rule.strip_suffix('%') {
        Some(percent) => {
            let percent: i64 = percent.parse().map_err(|_| wrong())?;
            // Both ways rounded towards fewer that are meant.
            total.saturating_mul(percent.clamp(-100, 100)) / 100
        }
        None => rule.parse().map_err(|_| wrong())?,
    };
    let least = if number < 0 { total.saturating_add(number).max(0) } else { number };
    Ok(usize::try_from(least).unwrap_or(usize::MAX))
}

/// So many of these.
pub(super) fn at_least(filters: Vec<LogFilter>, least: usize) -> Result<LogFilter, SearchError> {
    if least == 0 {
        return Ok(LogFilter::everything());
    }
    if least > filters.len() {
        return Ok(nothing());
    }
    if least == filters.len() {
        return Ok(all_of(filters));
    }
    if least == 1 {
        return Ok(any_of(filters));
    }
    let combinations = (0..least).try_fold(1usize, |all, place| {
        Some(all.checked_mul(filters.len() - place)? / (place + 1)).filter(|all| *all <= MAX_COMBINATIONS)
    });
    if combinations.is_none() {
        let clauses = filters.len();
        return Err(SearchError::illegal(format!(
            "{least} of {clauses} clauses are more than {MAX_COMBINATIONS} combinations: ask for fewer"
        )));
    }
    let mut found = Vec::new();
    combine(&filters, least, &mut Vec::new(), &mut found);
    Ok(any_of(found))
}

fn combine(rest: &[LogFilter], least: usize, chosen: &mut Vec<LogFilter>, found: &mut Vec<LogFilter>) {
    if least == 0 {
        found.push(all_of(chosen.clone()));
        return;
    }
    for (place, filter) in rest.iter().enumerate().take_while(|(place, _)| place + least <= rest.len()) {
        chosen.push(filter.clone());
        combine(&rest[place + 1..], least - 1, chosen, found);
        chosen.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::minimum_should_match;

    /// Rules: Elasticsearch's reference, "minimum_should_match parameter".
    #[test]
    fn so_many_must_hold() {
        for (text, clauses, expected) in [
            ("2", 5, 2),
            ("-1", 5, 4),
            ("75%", 4, 3),
            ("75%", 5, 3),
            ("-25%", 4, 3),
            ("-25%", 5, 4),
            ("3<90%", 3, 3),
            ("3<90%", 10, 9),
            ("2<-25% 9<-3", 10, 7),
            ("7", 3, 7),
        ] {
            assert_eq!(minimum_should_match(text, clauses).expect("a rule"), expected, "{text} of {clauses}");
        }
        for wrong in ["", "many", "x<2", "%"] {
            assert!(minimum_should_match(wrong, 3).is_err(), "{wrong}");
        }
    }
}
