//! Faults with ranges in place of numbers, and choices in place of values.

use serde_json::{Map, Number, Value};
use vitrine_platform_faults::Fault;

use crate::chance::Chance;
use crate::wrong::{Wrong, refused};

/// Deepest nesting of a template: a fault has five levels.
const MAX_DEPTH: usize = 16;
/// Most values of a choice.
const MAX_CHOICES: usize = 256;
/// What a whole template may be.
const A_FAULT: &str =
    "a fault as docs/guide/faults.md has it, with ranges {lo, hi, log} for numbers and {one_of} for values";

/// How what is open in a template is decided.
enum Decide<'a> {
    /// The least of ranges, the first of choices.
    Least,
    /// The greatest, and the last.
    Greatest,
    /// The least, and the one at this place, or the last.
    Nth(usize),
    /// By chance.
    Draw(&'a mut Chance),
}

/// A range of numbers.
struct Range {
    lo: f64,
    hi: f64,
    is_log: bool,
    is_whole: bool,
}

/// Takes down what is wrong with a template: both ends of its ranges, and each of its choices, must be of faults that may be.
pub(crate) fn check(all: &mut Vec<Wrong>, place: &str, template: &Value) {
    let others = (1..most_choices(template, 0)).map(Decide::Nth);
    for mut decide in [Decide::Least, Decide::Greatest].into_iter().chain(others) {
        match decided(template, &mut decide, place, 0).and_then(|value| fault(value, place)) {
            Ok(fault) => refused(all, place, &fault),
            Err(wrong) => {
                all.push(wrong);
                return;
            }
        }
    }
}

/// How many values the longest choice has.
fn most_choices(value: &Value, depth: usize) -> usize {
    let within: Vec<&Value> = match value {
        _ if depth > MAX_DEPTH => Vec::new(),
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let own = value.get("one_of").and_then(Value::as_array).map_or(0, Vec::len).min(MAX_CHOICES);
    within.into_iter().map(|inner| most_choices(inner, depth + 1)).fold(own, usize::max)
}

/// Draws a fault.
///
/// # Errors
///
/// What is wrong with the template; nothing, if it was checked.
pub(crate) fn draw(template: &Value, chance: &mut Chance) -> Result<Fault, Wrong> {
    fault(decided(template, &mut Decide::Draw(chance), "template", 0)?, "template")
}

fn fault(value: Value, place: &str) -> Result<Fault, Wrong> {
    Fault::from_json(value.to_string().as_bytes()).map_err(|refusal| {
        let place = format!("{place}.{}", refusal.place);
        Wrong::new(place.trim_end_matches('.'), refusal.message, A_FAULT)
    })
}

fn decided(value: &Value, decide: &mut Decide<'_>, place: &str, depth: usize) -> Result<Value, Wrong> {
    if depth > MAX_DEPTH {
        return Err(Wrong::new(place, format!("it is nested deeper than {MAX_DEPTH}"), A_FAULT));
    }
    Ok(match value {
        Value::Object(members) if members.contains_key("lo") || members.contains_key("hi") => {
            ranged(&Range::read(members, place)?, decide)
        }
        Value::Object(members) if members.contains_key("one_of") => {
            let choice = chosen(members, decide, place)?;
            decided(choice, decide, place, depth + 1)?
        }
        Value::Object(members) => {
            let each = |(name, member): (&String, &Value)| {
                let at = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                Ok((name.clone(), decided(member, decide, &at, depth + 1)?))
            };
            Value::Object(members.iter().map(each).collect::<Result<Map<_, _>, Wrong>>()?)
        }
        Value::Array(items) => {
            let each = |(at, item): (usize, &Value)| decided(item, decide, &format!("{place}[{at}]"), depth + 1);
            Value::Array(items.iter().enumerate().map(each).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

impl Range {
    fn read(members: &Map<String, Value>, place: &str) -> Result<Self, Wrong> {
        let unknown = members.keys().find(|name| !["lo", "hi", "log"].contains(&name.as_str()));
        if let Some(name) = unknown {
            return Err(Wrong::new(format!("{place}.{name}"), "unknown member of a range", "lo, hi and log"));
        }
        let number = |name: &str| {
            let found = members.get(name).and_then(Value::as_f64).filter(|n| n.is_finite());
            found.ok_or_else(|| Wrong::new(format!("{place}.{name}"), "no number", "a number at each end of a range"))
        };
        let (lo, hi) = (number("lo")?, number("hi")?);
        let is_log = match members.get("log") {
            None => false,
            Some(Value::Bool(is_log)) => *is_log,
            Some(_) => return Err(Wrong::new(format!("{place}.log"), "neither true nor false", "true or false")),
        };
        if lo > hi {
            return Err(Wrong::new(place, format!("{lo} is above {hi}"), "lo at most hi"));
        }
        if is_log && lo <= 0.0 {
            return Err(Wrong::new(
                format!("{place}.lo"),
                format!("{lo} has no logarithm"),
                "above 0 where log is true",
            ));
        }
        let is_whole = |name: &str| members.get(name).is_some_and(|n| n.is_i64() || n.is_u64());
        Ok(Self { lo, hi, is_log, is_whole: is_whole("lo") && is_whole("hi") })
    }
}

/// Whole where both ends are.
fn ranged(range: &Range, decide: &mut Decide<'_>) -> Value {
    let (lo, hi) = (range.lo, range.hi);
    let drawn = match decide {
        Decide::Least | Decide::Nth(_) => lo,
        Decide::Greatest => hi,
        // Each whole number as often as the others: the ends reach half a step further.
        Decide::Draw(chance) => {
            let unit = chance.unit();
            let (from, to) = if range.is_whole { (lo - 0.5, hi + 0.5) } else { (lo, hi) };
            let n = if range.is_log { (lo.ln() + unit * (hi.ln() - lo.ln())).exp() } else { from + unit * (to - from) };
            n.clamp(lo, hi)
        }
    };
    if range.is_whole {
        return Value::Number(Number::from(drawn.round() as i64));
    }
    Number::from_f64(drawn).map_or(Value::Null, Value::Number)
}

fn chosen<'a>(members: &'a Map<String, Value>, decide: &mut Decide<'_>, place: &str) -> Result<&'a Value, Wrong> {
    let expected = format!("{{\"one_of\": […]}} with 1 to {MAX_CHOICES} values, and nothing beside it");
    let Some(Value::Array(choices)) = members.get("one_of").filter(|_| members.len() == 1) else {
        return Err(Wrong::new(place, "no choice", expected));
    };
    if choices.is_empty() || choices.len() > MAX_CHOICES {
        return Err(Wrong::new(format!("{place}.one_of"), format!("there are {} values", choices.len()), expected));
    }
    let at = match decide {
        Decide::Least => 0,
        Decide::Greatest => choices.len() - 1,
        Decide::Nth(at) => (*at).min(choices.len() - 1),
        Decide::Draw(chance) => chance.below(choices.len()),
    };
    Ok(&choices[at])
}
