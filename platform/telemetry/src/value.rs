//! Attribute values, and their OTLP form.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use vitrine_kit::varint;

use crate::metrics::Label;
use crate::wire;

/// A text, kept without a copy where that can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Part of the program.
    Static(&'static str),
    /// Said often: the name of a method, of a route.
    Shared(Arc<str>),
    /// Said once.
    Owned(String),
}

impl From<&'static str> for Text {
    fn from(v: &'static str) -> Self {
        Self::Static(v)
    }
}
impl From<Arc<str>> for Text {
    fn from(v: Arc<str>) -> Self {
        Self::Shared(v)
    }
}
impl From<String> for Text {
    fn from(v: String) -> Self {
        Self::Owned(v)
    }
}
impl From<Cow<'static, str>> for Text {
    fn from(v: Cow<'static, str>) -> Self {
        match v {
            Cow::Borrowed(v) => Self::Static(v),
            Cow::Owned(v) => Self::Owned(v),
        }
    }
}
impl From<Text> for String {
    fn from(v: Text) -> Self {
        match v {
            Text::Static(v) => v.to_owned(),
            Text::Shared(v) => (*v).to_owned(),
            Text::Owned(v) => v,
        }
    }
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
            Self::Owned(text) => text,
        }
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Str(Text),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
}

impl Value {
    /// The same as metrics look for it; none for what no metric has.
    pub(crate) fn label(&self) -> Option<Label<'_>> {
        match self {
            Self::Str(Text::Static(text)) => Some(Label::Text(text)),
            Self::Str(Text::Shared(text)) => Some(Label::Text(text)),
            Self::Str(Text::Owned(text)) => Some(Label::Text(text)),
            Self::Int(number) => Some(Label::Int(*number)),
            Self::Float(_) | Self::Bool(_) => None,
        }
    }
}

impl<T: Into<Text>> From<T> for Value {
    fn from(v: T) -> Self {
        Self::Str(v.into())
    }
}
impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}
impl From<u32> for Value {
    fn from(v: u32) -> Self {
        Self::Int(i64::from(v))
    }
}
impl From<u16> for Value {
    fn from(v: u16) -> Self {
        Self::Int(i64::from(v))
    }
}
impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Self::Int(i64::from(v))
    }
}
impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Float(v)
    }
}

/// One attribute as OTLP has it.
pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    let value = match value {
        Value::Str(v) => any_value::Value::StringValue(v.into()),
        Value::Int(v) => any_value::Value::IntValue(v),
        Value::Float(v) => any_value::Value::DoubleValue(v),
        Value::Bool(v) => any_value::Value::BoolValue(v),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Writes an attribute as a field of OTLP, a `KeyValue`.
pub(crate) fn write_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &Value) {
    let len = match value {
        Value::Str(text) => wire::field_len(text.as_str().len() as u64),
        Value::Int(number) => 1 + wire::varint_len(number.cast_unsigned()),
        Value::Float(_) => 1 + size_of::<f64>() as u64,
        Value::Bool(_) => 2,
    };
    wire::tag(out, field, wire::BYTES);
    varint::write(out, wire::field_len(key.len() as u64) + wire::field_len(len));
    wire::bytes(out, 1, &[key.as_bytes()]);
    wire::tag(out, 2, wire::BYTES);
    varint::write(out, len);
    // An `AnyValue`: one of several, so that it is written also where it is 0.
    match value {
        Value::Str(text) => wire::bytes(out, 1, &[text.as_str().as_bytes()]),
        Value::Bool(is_true) => {
            wire::tag(out, 2, wire::VARINT);
            out.push(u8::from(*is_true));
        }
        Value::Int(number) => {
            wire::tag(out, 3, wire::VARINT);
            varint::write(out, number.cast_unsigned());
        }
        Value::Float(number) => wire::fixed64(out, 4, number.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::{Value, attribute, write_attribute};

    #[test]
    fn attributes_are_read_as_they_were_set() {
        let long = "l".repeat(20_000);
        let key = "k".repeat(200);
        let values: Vec<Value> = vec![
            "".into(),
            "text".into(),
            long.into(),
            0_i64.into(),
            (-1_i64).into(),
            i64::MAX.into(),
            0.0.into(),
            f64::NEG_INFINITY.into(),
            true.into(),
            false.into(),
        ];
        for value in values {
            for key in ["", "key", &key] {
                let mut written = Vec::new();
                write_attribute(&mut written, 9, key, &value);
                let read = Span::decode(written.as_slice()).expect("a span");
                assert_eq!(read, Span { attributes: vec![attribute(key, value.clone())], ..Span::default() });
            }
        }
    }
}
