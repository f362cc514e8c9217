//! What templates compute with: the values of Go that rule and notification templates can meet.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use vitrine_observe_promql::{Point, go_float, histogram};

use super::time::{GoDuration, GoTime};

/// How deep values may be nested.
const MAX_DEPTH: usize = 64;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `nil`, or what is not there.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A double.
    Float(f64),
    /// A text.
    Text(Arc<str>),
    /// A text that is HTML already.
    Html(Arc<str>),
    /// An instant in a time zone.
    Time(GoTime),
    /// A length of time.
    Duration(GoDuration),
    /// A list.
    List(ListKind, Arc<[Value]>),
    /// A map from texts.
    Map(MapKind, Arc<BTreeMap<Arc<str>, Value>>),
    /// Named fields.
    Struct(Arc<Struct>),
}

/// What a list is in Go, which decides what can be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// `[]any`.
    Plain,
    /// `template.Strings`: has `Join`.
    Strings,
    /// `template.Pairs`: has `Names`, `Values`.
    Pairs,
    /// `template.Alerts`: has `Firing`, `Resolved`.
    Alerts,
    /// `template.queryResult`: what `query` returns.
    QueryResult,
}

/// What a map is in Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// `map[string]interface {}`: what is missing is nothing.
    Any,
    /// `map[string]string`: what is missing is an empty text.
    Texts,
    /// `template.KV`: such a map with `SortedPairs`, `Remove`, `Names`, `Values`.
    Kv,
}

/// Fields by name, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    /// Its type in Go, for messages: `template.Data`.
    pub type_name: &'static str,
    /// Whether Go has a pointer to it, and shows `&` before it.
    pub is_pointer: bool,
    /// Its fields.
    pub fields: Vec<(&'static str, Value)>,
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A list of any values.
    pub fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(ListKind::Plain, values.into_iter().collect())
    }

    /// A list of texts.
    pub fn strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(ListKind::Strings, texts.into_iter().map(Self::text).collect())
    }

    /// A map of texts: [`MapKind::Texts`] for rules, [`MapKind::Kv`] for notifications.
    pub fn texts<'a>(kind: MapKind, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::Map(kind, Arc::new(entries.into_iter().map(|(name, value)| (name.into(), Self::text(value))).collect()))
    }

    /// Named fields of a Go type.
    pub fn fields(type_name: &'static str, fields: Vec<(&'static str, Self)>) -> Self {
        Self::Struct(Arc::new(Struct { type_name, is_pointer: false, fields }))
    }

    /// The value of a sample: a number, or a histogram as Prometheus writes it.
    pub fn of_point(point: &Point) -> Self {
        match point {
            Point::Float(value) => Self::Float(*value),
            Point::Histogram(histogram) => Self::text(&histogram::display(histogram)),
        }
    }

    /// Its type in Go.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Html(_) => "template.HTML",
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::List(ListKind::Plain, _) => "[]interface {}",
            Self::List(ListKind::Strings, _) => "template.Strings",
            Self::List(ListKind::Pairs, _) => "template.Pairs",
            Self::List(ListKind::Alerts, _) => "template.Alerts",
            Self::List(ListKind::QueryResult, _) => "template.queryResult",
            Self::Map(MapKind::Any, _) => "map[string]interface {}",
            Self::Map(MapKind::Texts, _) => "map[string]string",
            Self::Map(MapKind::Kv, _) => "template.KV",
            Self::Struct(of) => of.type_name,
        }
    }

    /// Whether `if` takes it for true: not zero, not empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) | Self::Html(text) => !text.is_empty(),
            Self::Duration(duration) => duration.nanos != 0,
            Self::List(_, values) => !values.is_empty(),
            Self::Map(_, entries) => !entries.is_empty(),
            Self::Time(_) | Self::Struct(_) => true,
        }
    }

    /// About how many bytes it takes to write it, with all that is in it as often as it is there. None where it would be more than `most`, or
    /// where it is nested deeper than [`MAX_DEPTH`]: lists can hold one list many times.
    pub(super) fn weight(&self, most: usize) -> Option<usize> {
        let mut left = most;
        self.weigh(&mut left, MAX_DEPTH)?;
        Some(most - left)
    }

    fn weigh(&self, left: &mut usize, depth: usize) -> Option<()> {
        const NODE: usize = 32;
        let depth = depth.checked_sub(1)?;
        let text = match self {
            Self::Text(text) | Self::Html(text) => text.len(),
            _ => 0,
        };
        *left = left.checked_sub(NODE + text)?;
        match self {
            Self::List(_, values) => values.iter().try_for_each(|value| value.weigh(left, depth)),
            Self::Map(_, entries) => entries.iter().try_for_each(|(key, value)| {
                *left = left.checked_sub(key.len())?;
                value.weigh(left, depth)
            }),
            Self::Struct(of) => of.fields.iter().try_for_each(|(_, value)| value.weigh(left, depth)),
            _ => Some(()),
        }
    }

    /// As it stands inside another value: nothing is `<nil>` there.
    fn nested(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self, Self::Nil) { f.write_str("<nil>") } else { fmt::Display::fmt(self, f) }
    }
}

impl fmt::Display for Value {
    /// As Go's `%v`; nothing is `<no value>`, as templates write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("<no value>"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&go_float(*value)),
            Self::Text(text) | Self::Html(text) => f.write_str(text),
            Self::Time(time) => write!(f, "{time}"),
            Self::Duration(duration) => write!(f, "{duration}"),
            Self::List(ListKind::Pairs, values) => write_pairs(f, values),
            Self::List(_, values) => {
                f.write_char('[')?;
                for (at, value) in values.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { " " })?;
                    value.nested(f)?;
                }
                f.write_char(']')
            }
            Self::Map(MapKind::Kv, entries) => write_pairs(f, &sorted_pairs(entries)),
            Self::Map(_, entries) => {
                f.write_str("map[")?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}:", if at == 0 { "" } else { " " })?;
                    value.nested(f)?;
                }
                f.write_char(']')
            }
            Self::Struct(of) => {
                f.write_str(if of.is_pointer { "&{" } else { "{" })?;
                for (at, (_, value)) in of.fields.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { " " })?;
                    value.nested(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

/// The field of a struct.
pub(super) fn field<'a>(of: &'a Struct, name: &str) -> Option<&'a Value> {
    of.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
}

/// A name and a text as Alertmanager pairs them.
fn pair(name: &Arc<str>, value: &Value) -> Value {
    Value::fields("template.Pair", vec![("Name", Value::Text(name.clone())), ("Value", value.clone())])
}

/// Pairs in order of their names, the alert's name first.
pub(super) fn sorted_pairs(entries: &BTreeMap<Arc<str>, Value>) -> Vec<Value> {
    const ALERT_NAME: &str = "alertname";
    let first = entries.get_key_value(ALERT_NAME).into_iter();
    let others = entries.iter().filter(|(name, _)| &***name != ALERT_NAME);
    first.chain(others).map(|(name, value)| pair(name, value)).collect()
}

/// One field of each of a list of structs.
pub(super) fn each_field(values: &[Value], name: &str) -> Vec<Value> {
    let fields = values.iter().map(|value| match value {
        Value::Struct(of) => field(of, name).cloned().unwrap_or(Value::Nil),
        _ => Value::Nil,
    });
    fields.collect()
}

fn write_pairs(f: &mut fmt::Formatter<'_>, pairs: &[Value]) -> fmt::Result {
    for (at, (name, value)) in each_field(pairs, "Name").iter().zip(each_field(pairs, "Value")).enumerate() {
        write!(f, "{}{name}={value}", if at == 0 { "" } else { ", " })?;
    }
    Ok(())
}
