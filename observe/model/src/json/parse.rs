//! From text to values.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{BYTES, DOUBLE, MAP};
use crate::{Attribute, Value};

/// A value out of typed JSON; the text itself when it is none.
pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| Value::String(text.to_owned()), Node::value)
}

/// Attributes out of one JSON object; none when it is no object.
pub(crate) fn parse_attributes(text: &str) -> Vec<Attribute> {
    match serde_json::from_str(text) {
        Ok(Node::Object(entries)) => attributes(entries),
        _ => Vec::new(),
    }
}

/// A value as it was written; what an object means depends on where it stands. Its keys are in order, as often as they were written.
enum Node {
    Plain(Value),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Where any value may stand.
    fn value(self) -> Value {
        match self {
            Self::Plain(value) => value,
            Self::Array(items) => Value::Array(items.into_iter().map(Self::value).collect()),
            Self::Object(mut entries) => {
                if let [(key, Self::Object(inner))] = entries.as_mut_slice()
                    && key == MAP
                {
                    return Value::Map(attributes(std::mem::take(inner)));
                }
                typed(attributes(entries))
            }
        }
    }
}

/// Where only a map may stand.
fn attributes(entries: Vec<(String, Node)>) -> Vec<Attribute> {
    entries.into_iter().map(|(key, node)| Attribute { key, value: node.value() }).collect()
}

/// The value that a map of one entry may stand for.
fn typed(entries: Vec<Attribute>) -> Value {
    let special = match entries.as_slice() {
        [Attribute { key, value: Value::String(text) }] => match (key.as_str(), text.as_str()) {
            (BYTES, text) => STANDARD.decode(text).ok().map(Value::Bytes),
            (DOUBLE, "NaN") => Some(Value::Double(f64::NAN)),
            (DOUBLE, "Infinity") => Some(Value::Double(f64::INFINITY)),
            (DOUBLE, "-Infinity") => Some(Value::Double(f64::NEG_INFINITY)),
            _ => None,
        },
        _ => None,
    };
    special.unwrap_or(Value::Map(entries))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

/// `serde_json::Value` is not used: it unites equal keys.
struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("typed JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Empty))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Plain(Value::Bool(flag)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Plain(Value::Int(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        self.visit_i64(i64::try_from(number).map_err(E::custom)?)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Plain(Value::Double(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Node, E> {
        Ok(Node::Plain(Value::String(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Object(entries))
    }
}
