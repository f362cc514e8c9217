//! The functions that every Go template has. `and` and `or` are with what runs the tree, because they do not evaluate all arguments.

use std::cmp::Ordering;

use vitrine_kit::percent;

use super::format;
use super::value::{ListKind, Value};

/// Writes a template by name: only where a set of functions has it.
pub(super) const TMPL: &str = "tmpl";

const NAMES: &[&str] = &[
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "eq", "ne", "lt", "le", "gt", "ge",
    "html", "js", "urlquery", "call",
];

/// Whether it is one of them.
pub(super) fn is_builtin(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls one; none where the name is none of theirs.
pub(super) fn call(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    Some(match name {
        "not" => expect(name, args, 1).map(|()| Value::Bool(!args[0].is_true())),
        "len" => expect(name, args, 1).and_then(|()| len(&args[0])),
        "index" => index(args),
        "slice" => slice(args),
        "print" => Ok(Value::text(&format::print(args))),
        "println" => Ok(Value::text(&format::println(args))),
        "printf" => arg_text(args, 0).and_then(|text| Ok(Value::text(&format::printf(text, &args[1..])?))),
        "eq" => equal_to_any(args),
        "ne" => expect(name, args, 2).and_then(|()| Ok(Value::Bool(!equal(&args[0], &args[1])?))),
        "lt" => ordered(name, args, Ordering::is_lt),
        "le" => ordered(name, args, Ordering::is_le),
        "gt" => ordered(name, args, Ordering::is_gt),
        "ge" => ordered(name, args, Ordering::is_ge),
        "html" => Ok(Value::text(&escape_html(&joined(args)))),
        "js" => Ok(Value::text(&escape_js(&joined(args)))),
        "urlquery" => Ok(Value::text(&escape_query(&joined(args)))),
        "call" => Err("no value here is a function".to_owned()),
        _ => return None,
    })
}

/// An error where there are not so many arguments.
pub(super) fn expect(name: &str, args: &[Value], count: usize) -> Result<(), String> {
    if args.len() == count {
        return Ok(());
    }
    Err(format!("wrong number of args for {name}: want {count} got {}", args.len()))
}

/// An argument that must be a text.
pub(super) fn arg_text(args: &[Value], at: usize) -> Result<&str, String> {
    match args.get(at) {
        Some(Value::Text(text) | Value::Html(text)) => Ok(text),
        Some(other) => Err(format!("wrong type for value; expected string; got {}", other.type_name())),
        None => Err(format!("wrong number of args: want at least {} got {}", at + 1, args.len())),
    }
}

/// Arguments as `print` puts them together; a single text as it is.
fn joined(args: &[Value]) -> String {
    match args {
        [Value::Text(text) | Value::Html(text)] => text.to_string(),
        _ => format::print(args),
    }
}

fn len(value: &Value) -> Result<Value, String> {
    let len = match value {
        Value::Text(text) | Value::Html(text) => text.len(),
        Value::List(_, values) => values.len(),
        Value::Map(_, entries) => entries.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX)))
}

fn position(index: &Value, len: usize) -> Result<usize, String> {
    match index {
        Value::Int(at) => match usize::try_from(*at) {
            Ok(place) if place < len => Ok(place),
            _ => Err(format!("index out of range: {at}")),
        },
        Value::Nil => Err("cannot index slice/array with nil".to_owned()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name())),
    }
}

fn index(args: &[Value]) -> Result<Value, String> {
    let (first, indexes) = args.split_first().ok_or("wrong number of args for index: want at least 1 got 0")?;
    let mut value = first.clone();
    for index in indexes {
        value = match &value {
            Value::List(_, values) => values[position(index, values.len())?].clone(),
            Value::Map(kind, entries) => match index {
                Value::Text(key) => match entries.get(key) {
                    Some(found) => found.clone(),
                    None if *kind == super::value::MapKind::Any => Value::Nil,
                    None => Value::text(""),
                },
                other => return Err(format!("value has type {}; should be string", other.type_name())),
            },
            Value::Text(text) => {
                let at = position(index, text.len())?;
                Value::Int(i64::from(text.as_bytes()[at]))
            }
            Value::Nil => return Err("index of untyped nil".to_owned()),
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

fn slice(args: &[Value]) -> Result<Value, String> {
    let (first, bounds) = args.split_first().ok_or("wrong number of args for slice: want at least 1 got 0")?;
    if bounds.len() > 3 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let len = match first {
        Value::Text(text) => text.len(),
        Value::List(_, values) => values.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let bound = |at: usize, default: usize| bounds.get(at).map_or(Ok(default), |bound| position(bound, len + 1));
    let (from, to) = (bound(0, 0)?, bound(1, len)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    match first {
        Value::Text(text) => {
            let part = String::from_utf8_lossy(&text.as_bytes()[from..to]);
            Ok(Value::text(&part))
        }
        Value::List(kind, values) => Ok(Value::List(*kind, values[from..to].into())),
        _ => Ok(Value::Nil),
    }
}

/// Whether two values are the same; an error where Go does not compare them.
fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a) | Value::Html(a), Value::Text(b) | Value::Html(b)) => Ok(a == b),
        (Value::Duration(a), Value::Duration(b)) => Ok(a == b),
        (Value::Duration(a), Value::Int(b)) | (Value::Int(b), Value::Duration(a)) => Ok(a.nanos == *b),
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (Value::List(..) | Value::Map(..), _) | (_, Value::List(..) | Value::Map(..)) => {
            let of = if matches!(a, Value::List(..) | Value::Map(..)) { a } else { b };
            Err(format!("non-comparable type {of}: {}", of.type_name()))
        }
        _ => Err("incompatible types for comparison".to_owned()),
    }
}

fn equal_to_any(args: &[Value]) -> Result<Value, String> {
    let Some((first, others)) = args.split_first() else {
        return Err("wrong number of args for eq: want at least 1 got 0".to_owned());
    };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn ordered(name: &str, args: &[Value], is: fn(Ordering) -> bool) -> Result<Value, String> {
    expect(name, args, 2)?;
    let ordering = match (&args[0], &args[1]) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Int(b)) => Some(a.nanos.cmp(b)),
        (Value::Int(a), Value::Duration(b)) => Some(a.cmp(&b.nanos)),
        (Value::Int(_) | Value::Float(_) | Value::Text(_), Value::Int(_) | Value::Float(_) | Value::Text(_)) => {
            return Err("incompatible types for comparison".to_owned());
        }
        _ => return Err("invalid type for comparison".to_owned()),
    };
    Ok(Value::Bool(ordering.is_some_and(is)))
}

/// As Go's `template.HTMLEscapeString`.
pub(super) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '\0' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// As Go's `template.JSEscapeString`.
fn escape_js(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' => escaped.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c < ' ' => escaped.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// As Go's `url.QueryEscape`: a blank is `+`.
pub(super) fn escape_query(text: &str) -> String {
    percent::encode(text).replace("%20", "+")
}

/// A list of any kind.
pub(super) fn arg_list(args: &[Value], at: usize) -> Result<(ListKind, &[Value]), String> {
    match args.get(at) {
        Some(Value::List(kind, values)) => Ok((*kind, values)),
        Some(other) => Err(format!("wrong type for value; expected a list; got {}", other.type_name())),
        None => Err(format!("wrong number of args: want at least {} got {}", at + 1, args.len())),
    }
}
