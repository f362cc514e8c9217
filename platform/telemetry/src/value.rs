//! Attribute values, and their OTLP form.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};

use crate::metrics::Label;

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
