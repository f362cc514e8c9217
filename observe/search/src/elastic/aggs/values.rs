//! Values of records, as aggregations take them.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value, json};

use crate::elastic::dates::{DateFormat, NANOS_PER_MILLI, Zone};

/// Largest whole number that a floating point number holds exactly, and every smaller one.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// One value of a record.
#[derive(Debug, Clone)]
pub(crate) enum Cell<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Double(f64),
    Bool(bool),
    Json(Value),
}

/// A record, by the places of the fields that were asked for.
pub(crate) trait Document {
    /// The value of a field.
    fn value(&self, field: usize) -> Option<Cell<'_>>;
    /// The whole record, if all of it was read.
    fn row(&self) -> Option<&vitrine_observe_model::LogRow>;
}

/// Where an aggregation's values come from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Places of the fields; the first that has a value counts.
    pub(crate) fields: Vec<usize>,
    /// Whether it is the time of records, in nanoseconds.
    pub(crate) is_time: bool,
    /// Taken where there is no value.
    pub(crate) missing: Option<Value>,
}

/// What tells buckets apart, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// No value.
    Null,
    /// The how manieth of those that were asked for.
    Place(usize),
    Bool(bool),
    Int(i64),
    /// The bits of a number that is not whole.
    Double(u64),
    Text(String),
    Many(Vec<Key>),
}

impl Source {
    /// Hands over each value: of lists each element.
    pub(crate) fn each(&self, document: &dyn Document, visit: &mut dyn FnMut(Cell<'_>)) {
        match self.fields.iter().find_map(|field| document.value(*field)) {
            Some(Cell::Json(value)) => elements(&value, visit),
            Some(cell) => visit(cell),
            None => {
                if let Some(missing) = &self.missing {
                    elements(missing, visit);
                }
            }
        }
    }

    /// Hands over each number; times are milliseconds since 1970.
    pub(crate) fn numbers(&self, document: &dyn Document, visit: &mut dyn FnMut(f64)) {
        let is_time = self.is_time;
        self.each(document, &mut |cell| {
            let number = match cell {
                Cell::Int(ns) if is_time => ns.div_euclid(NANOS_PER_MILLI) as f64,
                Cell::Int(number) => number as f64,
                Cell::Double(number) => number,
                Cell::Bool(flag) => f64::from(u8::from(flag)),
                Cell::Text(_) | Cell::Json(_) => return,
            };
            if number.is_finite() {
                visit(number);
            }
        });
    }

    /// Hands over each moment, in nanoseconds since 1970: of the time itself, of milliseconds, and of texts that are dates.
    pub(crate) fn moments(&self, document: &dyn Document, visit: &mut dyn FnMut(i64)) {
        let is_time = self.is_time;
        self.each(document, &mut |cell| {
            let ns = match cell {
                Cell::Int(ns) if is_time => Some(ns),
                Cell::Int(ms) => ms.checked_mul(NANOS_PER_MILLI),
                Cell::Double(ms) => Some((ms * NANOS_PER_MILLI as f64) as i64),
                Cell::Text(text) => DateFormat::default().read(&text, Zone::utc()).map(|moment| moment.start),
                Cell::Bool(_) | Cell::Json(_) => None,
            };
            ns.into_iter().for_each(&mut *visit);
        });
    }

    /// Hands over what tells values apart.
    pub(crate) fn keys(&self, document: &dyn Document, visit: &mut dyn FnMut(Key)) {
        let is_time = self.is_time;
        self.each(document, &mut |cell| {
            let key = match cell {
                Cell::Int(ns) if is_time => Key::Int(ns.div_euclid(NANOS_PER_MILLI)),
                Cell::Int(number) => Key::Int(number),
                Cell::Double(number) => Key::number(number),
                Cell::Bool(flag) => Key::Bool(flag),
                Cell::Text(text) => Key::Text(text.into_owned()),
                Cell::Json(_) => return,
            };
            visit(key);
        });
    }
}

fn elements(value: &Value, visit: &mut dyn FnMut(Cell<'_>)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| elements(item, visit)),
        Value::String(text) => visit(Cell::Text(text.as_str().into())),
        Value::Bool(flag) => visit(Cell::Bool(*flag)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => visit(Cell::Int(number)),
            (None, Some(number)) => visit(Cell::Double(number)),
            (None, None) => {}
        },
        Value::Null | Value::Object(_) => {}
    }
}

impl Key {
    /// A number; a whole one is the same however it was sent.
    pub(crate) fn number(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() < MAX_EXACT {
            Self::Int(number as i64)
        } else {
            Self::Double(number.to_bits())
        }
    }

    /// A key of a request.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| number.as_f64().map(Self::number), |n| Some(Self::Int(n)))?
            }
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    fn as_number(&self) -> Option<f64> {
        match self {
            Self::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Self::Int(number) => Some(*number as f64),
            Self::Double(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// The key as JSON; a truth is 0 or 1.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Place(place) => (*place).into(),
            Self::Bool(flag) => u8::from(*flag).into(),
            Self::Int(number) => (*number).into(),
            Self::Double(bits) => number_json(f64::from_bits(*bits)),
            Self::Text(text) => text.as_str().into(),
            Self::Many(keys) => keys.iter().map(Self::json).collect(),
        }
    }

    /// The key as a text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Bool(flag) => flag.to_string(),
            Self::Text(text) => text.clone(),
            Self::Many(keys) => keys.iter().map(Self::text).collect::<Vec<_>>().join("|"),
            other => other.json().to_string(),
        }
    }

    /// Bytes that it holds beside itself.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Many(keys) => keys.iter().map(|key| size_of::<Self>() + key.bytes()).sum(),
            _ => 0,
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |key: &Self| match key {
            Self::Null => 0,
            Self::Place(_) => 1,
            Self::Bool(_) | Self::Int(_) | Self::Double(_) => 2,
            Self::Text(_) => 3,
            Self::Many(_) => 4,
        };
        match (self, other) {
            (Self::Place(a), Self::Place(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Many(a), Self::Many(b)) => a.cmp(b),
            _ => match (self.as_number(), other.as_number()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => rank(self).cmp(&rank(other)),
            },
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A number as JSON; null if it is none.
pub(crate) fn number_json(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// `{"value": number}`, null if there is none.
pub(crate) fn value_json(number: Option<f64>) -> Value {
    json!({ "value": number.map_or(Value::Null, number_json) })
}
