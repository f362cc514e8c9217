//! Typed attribute values, as queries see them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

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

fn double_text(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".into(),
        n if n == f64::INFINITY => "+Inf".into(),
        n if n == f64::NEG_INFINITY => "-Inf".into(),
        n => n.to_string(),
    }
}
