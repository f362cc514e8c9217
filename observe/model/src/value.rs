//! Typed attribute values, as queries see them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use vitrine_observe_columns::double_text;

/// A value with the type that its sender gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Sent without a value.
    Empty,
    /// Text.
    String(String),
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number; NaN and the infinities included.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values in order.
    Map(Vec<Attribute>),
}

/// A named value.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// The name.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl Value {
    /// Bytes of memory that it takes beside itself, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Empty | Self::Bool(_) | Self::Int(_) | Self::Double(_) => 0,
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Array(items) => items.iter().map(|item| size_of::<Self>() + item.bytes()).sum(),
            Self::Map(entries) => entries.iter().map(Attribute::bytes).sum(),
        }
    }

    /// The value as one text, as OpenTelemetry spells values of any type: arrays and maps as JSON, bytes as base64.
    pub fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::String(text) => text.clone(),
            Self::Double(number) => double_text(*number),
            Self::Bytes(bytes) => STANDARD.encode(bytes),
            other => other.json().to_string(),
        }
    }

    /// The value as JSON. Bytes become base64; numbers that JSON cannot hold become text.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Empty => serde_json::Value::Null,
            Self::String(text) => text.as_str().into(),
            Self::Bool(flag) => (*flag).into(),
            Self::Int(number) => (*number).into(),
            Self::Double(number) => serde_json::Number::from_f64(*number)
                .map_or_else(|| double_text(*number).into(), serde_json::Value::Number),
            Self::Bytes(bytes) => STANDARD.encode(bytes).into(),
            Self::Array(items) => items.iter().map(Self::json).collect(),
            Self::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.value.json())).collect(),
        }
    }
}

impl Attribute {
    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value.bytes()
    }
}
