//! Values while a rule is evaluated, borrowed from the rule and the context wherever they can be, and JavaScript's conversions, which are
//! what JsonLogic means by equal, less, true and text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::json::{self, Json, Kind};

/// A value. Only what a rule computes is owned; to copy one costs no more than a count.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Nothing, also where nothing was found.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list or a map that stands in a document.
    Json(&'a Json<'a>),
    /// A list that was computed: [`Value::list`].
    List(Arc<Computed<'a>>),
    /// A map that was given.
    Map(Arc<[(Cow<'a, str>, Value<'a>)]>),
}

/// A list that a rule made, and how deep lists are nested in it.
#[derive(Debug)]
pub struct Computed<'a> {
    depth: usize,
    items: Vec<Value<'a>>,
}

/// The item of a list whose number a name is.
pub(crate) fn item<'i, T>(items: &'i [T], name: &str) -> Option<&'i T> {
    items.get(name.parse::<usize>().ok()?)
}

impl<'a> From<&'a Json<'a>> for Value<'a> {
    fn from(json: &'a Json<'a>) -> Self {
        match &json.kind {
            Kind::Null => Self::Null,
            Kind::Bool(value) => Self::Bool(*value),
            Kind::Number(value, _) => Self::Number(*value),
            Kind::Text(text) => Self::Text(Cow::Borrowed(text)),
            Kind::List(_) | Kind::Map(_) => Self::Json(json),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// The items of a list.
pub(crate) enum Items<'v, 'a> {
    Json(&'a [Json<'a>]),
    List(&'v [Value<'a>]),
}

impl<'a> Items<'_, 'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::List(items) => items.len(),
        }
    }

    pub(crate) fn get(&self, n: usize) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(n).map(Value::from),
            Self::List(items) => items.get(n).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|n| self.get(n))
    }
}

impl<'a> Value<'a> {
    /// A list; none if lists would nest deeper than [`json::MAX_DEPTH`] in it, since to write and to drop it recurses.
    pub fn list(items: Vec<Value<'a>>) -> Option<Self> {
        let inner = items.iter().map(|item| if let Self::List(list) = item { list.depth } else { 0 }).max();
        let depth = inner.unwrap_or(0) + 1;
        (depth <= json::MAX_DEPTH).then(|| Self::List(Arc::new(Computed { depth, items })))
    }

    /// The items, if it is a list.
    pub(crate) fn items(&self) -> Option<Items<'_, 'a>> {
        match self {
            Self::Json(Json { kind: Kind::List(items), .. }) => Some(Items::Json(items)),
            Self::List(list) => Some(Items::List(&list.items)),
            _ => None,
        }
    }

    /// A member of a map or an item of a list.
    pub(crate) fn child(&self, name: &str) -> Value<'a> {
        match self {
            Self::Json(json) => match &json.kind {
                Kind::Map(_) => json.get(name).map_or(Self::Null, Value::from),
                Kind::List(items) => item(items, name).map_or(Self::Null, Value::from),
                _ => Self::Null,
            },
            Self::List(list) => item(&list.items, name).cloned().unwrap_or(Self::Null),
            Self::Map(members) => {
                members.iter().find(|(member, _)| member == name).map_or(Self::Null, |(_, value)| value.clone())
            }
            _ => Self::Null,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether JsonLogic takes it for true: an empty list is not, a text "0" is.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(value) => *value != 0.0 && !value.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Json(_) | Self::List(_) => self.items().is_none_or(|items| items.len() > 0),
            Self::Map(_) => true,
        }
    }

    /// JavaScript's `Number(value)`.
    pub(crate) fn to_number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Number(value) => *value,
            Self::Text(text) => text_to_number(text),
            Self::Map(_) => f64::NAN,
            Self::Json(_) | Self::List(_) => match self.items() {
                Some(_) => text_to_number(&self.to_text()),
                None => f64::NAN,
            },
        }
    }

    /// JavaScript's `parseFloat(value)`, which sums and products use.
    pub(crate) fn parse_float(&self) -> f64 {
        match self {
            Self::Number(value) => *value,
            Self::Text(text) => leading_number(text),
            Self::Json(_) | Self::List(_) => leading_number(&self.to_text()),
            _ => f64::NAN,
        }
    }

    /// JavaScript's text of it; null is the empty text, as when a list is joined.
    pub(crate) fn to_text(&self) -> Cow<'a, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Number(value) => Cow::Owned(number_text(*value)),
            Self::Text(text) => text.clone(),
            Self::Map(_) => Cow::Borrowed("[object Object]"),
            Self::Json(_) | Self::List(_) => match self.items() {
                None => Cow::Borrowed("[object Object]"),
                Some(items) => {
                    let texts: Vec<Cow<'_, str>> = items.iter().map(|item| item.to_text()).collect();
                    Cow::Owned(texts.join(","))
                }
            },
        }
    }

    /// `===`. Lists and maps are equal when their contents are, where JavaScript would compare identities, which a rule cannot know.
    pub(crate) fn same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            _ => match (self.items(), other.items()) {
                (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(&b)),
                (None, None) => self.same_map(other),
                _ => false,
            },
        }
    }

    fn same_map(&self, other: &Value<'_>) -> bool {
        let (Some(a), Some(b)) = (self.names(), other.names()) else { return false };
        a.len() == b.len() && a.iter().all(|name| b.contains(name) && self.child(name).same(&other.child(name)))
    }

    /// The names in a map, sorted; none if it is no map.
    pub(crate) fn names(&self) -> Option<Vec<&str>> {
        let mut names: Vec<&str> = match self {
            Self::Json(Json { kind: Kind::Map(members), .. }) => members.iter().map(|m| m.name.as_ref()).collect(),
            Self::Map(members) => members.iter().map(|(name, _)| name.as_ref()).collect(),
            _ => return None,
        };
        names.sort_unstable();
        names.dedup();
        Some(names)
    }

    /// `==`, with JavaScript's conversions.
    pub(crate) fn loosely_same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => self.is_null() && other.is_null(),
            (Value::Text(a), Value::Text(b)) => a == b,
            (
                Value::Bool(_) | Value::Number(_) | Value::Text(_),
                Value::Bool(_) | Value::Number(_) | Value::Text(_),
            ) => self.to_number() == other.to_number(),
            (Value::Text(text), list) | (list, Value::Text(text)) => list.to_text() == *text,
            (Value::Bool(_) | Value::Number(_), _) | (_, Value::Bool(_) | Value::Number(_)) => {
                self.to_number() == other.to_number()
            }
            _ => self.same(other),
        }
    }

    /// `<` and its kin: two texts by their characters, everything else as numbers; nothing where one is no number.
    pub(crate) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => Some(a.as_ref().cmp(b.as_ref())),
            _ => self.to_number().partial_cmp(&other.to_number()),
        }
    }

    /// Writes it as JSON; what is no JSON number becomes null.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => {
                let _ = write!(out, "{value}");
            }
            Self::Number(value) if value.is_finite() => out.push_str(&number_text(*value)),
            Self::Number(_) => out.push_str("null"),
            Self::Text(text) => json::write_text(text, out),
            Self::Json(json) => json.write(out),
            Self::List(list) => {
                out.push('[');
                for (n, item) in list.items.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (n, (name, value)) in members.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    json::write_text(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn text_to_number(text: &str) -> f64 {
    let text = text.trim();
    match text {
        "" => 0.0,
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust reads words here that JavaScript does not.
        _ if text.bytes().any(|byte| byte.is_ascii_alphabetic() && byte | 0x20 != b'e') => f64::NAN,
        _ => text.parse().unwrap_or(f64::NAN),
    }
}

/// The longest beginning of a text that is a number.
fn leading_number(text: &str) -> f64 {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(usize::from(matches!(bytes.first(), Some(b'+' | b'-'))));
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let from = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(from);
        if exponent > from {
            end = exponent;
        }
    }
    text[..end].trim_end_matches('.').parse().unwrap_or(f64::NAN)
}

/// ECMAScript's text of a number: digits without a point for whole ones, an exponent from 1e21 on and below 1e-6.
pub fn number_text(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    let size = value.abs();
    if (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}
