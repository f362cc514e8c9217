//! What each operator does. Where JsonLogic's own text leaves something open, its JavaScript is followed.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Run, Scope};
use crate::context::Path;
use crate::rule::{Id, Node, Op};
use crate::value::Value;
use crate::version::{Comparison, Version};

impl<'a> Run<'a> {
    /// What `if` chooses: conditions and results in turn, then what else.
    pub(super) fn chosen(&self, args: &[Id], scope: Scope<'_, 'a>) -> Option<Id> {
        let mut rest = args;
        loop {
            match rest {
                [] => return None,
                [last] => return Some(*last),
                [condition, result, others @ ..] => {
                    if self.eval(*condition, scope).is_true() {
                        return Some(*result);
                    }
                    rest = others;
                }
            }
        }
    }

    /// `and` and `or`: the first value that decides, else the last one.
    pub(super) fn connect(&self, op: Op, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let mut last = Value::Null;
        for arg in args {
            last = self.eval(*arg, scope);
            if last.is_true() == (op == Op::Or) {
                break;
            }
        }
        last
    }

    /// Whether an attribute is a text, which is what most rules ask; none where that is not what is asked, or the attribute is no text.
    pub(super) fn same_text(&self, args: &[Id], scope: Scope<'_, 'a>) -> Option<bool> {
        let [left, right] = args else { return None };
        let (Node::Var { path, default: None }, Node::Text { text, .. }) =
            (self.rule.node(*left), self.rule.node(*right))
        else {
            return None;
        };
        match self.find(Path::new(self.rule.text(*path)), scope) {
            Value::Text(found) if self.pay(2) => Some(found == self.rule.text(*text)),
            _ => None,
        }
    }

    pub(super) fn equal(&self, op: Op, left: &Value<'a>, right: &Value<'a>) -> Value<'a> {
        if !self.pay(weight(left).min(weight(right))) {
            return Value::Null;
        }
        let same = match op {
            Op::Equal | Op::NotEqual => left.loosely_same(right),
            _ => left.same(right),
        };
        Value::Bool(same == matches!(op, Op::Equal | Op::StrictEqual))
    }

    /// `<` and its kin; of three arguments, the second is between the others.
    pub(super) fn ordered(&self, op: Op, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let mut left = self.arg(args, 0, scope);
        for n in 1..args.len().max(2) {
            let right = self.arg(args, n, scope);
            let order = left.order(&right);
            let holds = match op {
                Op::Less => order == Some(Ordering::Less),
                Op::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                Op::Greater => order == Some(Ordering::Greater),
                _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            };
            if !holds {
                return Value::Bool(false);
            }
            left = right;
        }
        Value::Bool(true)
    }

    pub(super) fn arithmetic(&self, op: Op, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let values = args.iter().map(|arg| self.eval(*arg, scope));
        let number = match op {
            Op::Max => values.map(|v| v.to_number()).fold(f64::NEG_INFINITY, larger),
            Op::Min => -values.map(|v| -v.to_number()).fold(f64::NEG_INFINITY, larger),
            Op::Add => values.map(|v| v.parse_float()).sum(),
            Op::Multiply if args.is_empty() => f64::NAN,
            Op::Multiply => values.map(|v| v.parse_float()).product(),
            _ => {
                let left = self.arg(args, 0, scope).to_number();
                let right = args.get(1).map(|right| self.eval(*right, scope).to_number());
                match (op, right) {
                    (Op::Subtract, None) => -left,
                    (Op::Subtract, Some(right)) => left - right,
                    (Op::Divide, Some(right)) => left / right,
                    (_, Some(right)) => left % right,
                    (_, None) => f64::NAN,
                }
            }
        };
        // What is no number in JSON is null, which a rule can ask for and a flag's default stands in for. And there is no −0.
        if number.is_finite() { Value::Number(number + 0.0) } else { Value::Null }
    }

    /// `map`, `filter`, `all`, `none`, `some`.
    pub(super) fn through(&self, op: Op, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let list = self.arg(args, 0, scope);
        let mut kept = Vec::new();
        let mut some = false;
        let mut all = true;
        let items = list.items();
        for item in items.iter().flat_map(|items| items.iter()) {
            if !self.pay(1) {
                return Value::Null;
            }
            let result = self.arg(args, 1, Scope::Item(&item));
            match op {
                Op::Map => kept.push(result),
                Op::Filter if result.is_true() => kept.push(item),
                Op::Filter => {}
                _ => {
                    some |= result.is_true();
                    all &= result.is_true();
                    if (op == Op::All && !all) || (op != Op::All && some) {
                        break;
                    }
                }
            }
        }
        match op {
            Op::Map | Op::Filter => self.list(kept),
            // Of nothing, nothing holds for all: JsonLogic's own choice.
            Op::All => Value::Bool(all && items.is_some_and(|items| items.len() > 0)),
            Op::None => Value::Bool(!some),
            _ => Value::Bool(some),
        }
    }

    pub(super) fn reduce(&self, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let list = self.arg(args, 0, scope);
        let mut accumulator = self.arg(args, 2, scope);
        for current in list.items().iter().flat_map(|items| items.iter()) {
            if !self.pay(1) {
                return Value::Null;
            }
            accumulator = self.arg(args, 1, Scope::Reduce { current: &current, accumulator: &accumulator });
        }
        accumulator
    }

    pub(super) fn merge(&self, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let mut merged = Vec::new();
        for arg in args {
            let value = self.eval(*arg, scope);
            match value.items() {
                Some(items) if self.pay(items.len()) => merged.extend(items.iter()),
                Some(_) => return Value::Null,
                None => merged.push(value),
            }
        }
        self.list(merged)
    }

    pub(super) fn is_in(&self, needle: &Value<'a>, hay: &Value<'a>) -> Value<'a> {
        if !self.pay(weight(hay)) {
            return Value::Null;
        }
        Value::Bool(match (hay, hay.items()) {
            (Value::Text(text), _) => text.contains(needle.to_text().as_ref()),
            (_, Some(items)) => items.iter().any(|item| {
                // An item is looked into only where the needle could be equal to it.
                self.pay(weight(&item).min(weight(needle))) && item.same(needle)
            }),
            _ => false,
        })
    }

    pub(super) fn cat(&self, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        if let [one] = args {
            let value = self.eval(*one, scope);
            return self.text_of(&value).map_or(Value::Null, |text| self.text(text));
        }
        let mut text = String::new();
        for arg in args {
            let value = self.eval(*arg, scope);
            match self.text_of(&value) {
                Some(part) if self.pay(part.len() / super::STEP_BYTES) => text.push_str(&part),
                _ => return Value::Null,
            }
        }
        Value::Text(Cow::Owned(text))
    }

    /// The text of a value; none when the steps are used up.
    pub(super) fn text_of(&self, value: &Value<'a>) -> Option<Cow<'a, str>> {
        self.pay(weight(value)).then(|| value.to_text())
    }

    pub(super) fn substr(&self, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let text = self.arg(args, 0, scope);
        let Some(text) = self.text_of(&text) else { return Value::Null };
        if !self.pay(text.len() / super::STEP_BYTES) {
            return Value::Null;
        }
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let start = whole(&self.arg(args, 1, scope));
        let start = if start < 0 { length.saturating_add(start).max(0) } else { start.min(length) };
        let end = match args.get(2).map(|end| whole(&self.eval(*end, scope))) {
            None => length,
            Some(count) if count < 0 => length.saturating_add(count),
            Some(count) => start.saturating_add(count).min(length),
        };
        let count = usize::try_from(end - start).unwrap_or(0);
        let part = text.chars().skip(usize::try_from(start).unwrap_or(0)).take(count).collect();
        self.text(Cow::Owned(part))
    }

    pub(super) fn missing(&self, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let first = self.arg(args, 0, scope);
        let mut missing = Vec::new();
        match first.items() {
            Some(names) => missing.extend(names.iter().filter(|name| self.is_missing(name, scope))),
            None => {
                for n in 0..args.len() {
                    let name = if n == 0 { first.clone() } else { self.arg(args, n, scope) };
                    if self.is_missing(&name, scope) {
                        missing.push(name);
                    }
                }
            }
        }
        self.list(missing)
    }

    pub(super) fn missing_some(&self, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let least = whole(&self.arg(args, 0, scope));
        let names = self.arg(args, 1, scope);
        let Some(names) = names.items() else { return self.list(Vec::new()) };
        let missing: Vec<Value<'a>> = names.iter().filter(|name| self.is_missing(name, scope)).collect();
        let present = names.len() - missing.len();
        let enough = i64::try_from(present).is_ok_and(|present| present >= least);
        self.list(if enough { Vec::new() } else { missing })
    }

    fn is_missing(&self, name: &Value<'a>, scope: Scope<'_, 'a>) -> bool {
        if !self.pay(1) {
            return true;
        }
        match self.find_named(&name.to_text(), scope) {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// `starts_with` and `ends_with`; null for what is no text.
    pub(super) fn ends(&self, op: Op, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let [text, part] = args else { return Value::Null };
        match (self.eval(*text, scope), self.eval(*part, scope)) {
            (Value::Text(text), Value::Text(part)) => Value::Bool(match op {
                Op::StartsWith => text.starts_with(part.as_ref()),
                _ => text.ends_with(part.as_ref()),
            }),
            _ => Value::Null,
        }
    }

    pub(super) fn sem_ver_of(&self, args: &[Id], scope: Scope<'_, 'a>) -> Value<'a> {
        let [left, operator, right] = args else { return Value::Null };
        let (left, operator, right) = (self.eval(*left, scope), self.eval(*operator, scope), self.eval(*right, scope));
        let Value::Text(operator) = operator else { return Value::Null };
        let Some(comparison) = Comparison::read(&operator) else { return Value::Null };
        let Some(right) = version_text(&right) else { return Value::Null };
        self.sem_ver(&left, |left| Some(comparison.holds(left, &Version::read(&right)?)))
    }

    /// Compares a value that is a version; null for what is none.
    pub(super) fn sem_ver(&self, left: &Value<'a>, holds: impl Fn(&Version) -> Option<bool>) -> Value<'a> {
        let holds = version_text(left).and_then(|text| Version::read(&text).and_then(|left| holds(&left)));
        holds.map_or(Value::Null, Value::Bool)
    }
}

/// Versions are texts, or numbers where the last part is left out.
fn version_text<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    matches!(value, Value::Text(_) | Value::Number(_)).then(|| value.to_text())
}

/// The larger number; not a number if one is not, as JavaScript has it.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a double saturates, and what is no number is 0")]
fn whole(value: &Value<'_>) -> i64 {
    value.to_number() as i64
}

/// What it costs to look at the whole of a value, in steps.
pub(super) fn weight(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len() / super::STEP_BYTES,
        Value::Json(_) | Value::List(_) => value.items().map_or_else(
            || value.names().map_or(1, |names| names.len()),
            |items| items.iter().map(|i| 1 + weight(&i)).sum(),
        ),
        _ => 0,
    }
}
