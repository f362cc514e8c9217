//! A document as a tree: of JSON, or of whatever else consists of named values. Texts are not copied where they stand as they are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::key_values::key_value;
use crate::protobuf::Writer;

/// Values of one document: some 14 MB.
pub(crate) const MAX_VALUES: usize = 250_000;
/// The deepest that arrays and maps of one attribute may be nested, as the table of log records keeps them.
const MAX_KEPT_DEPTH: u32 = 32;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number that is none of 64 bits with a sign.
    Unsigned(u64),
    Double(f64),
    Text(Cow<'a, str>),
    /// JSON has none; others have.
    Bytes(Cow<'a, [u8]>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// Named values in the order in which they were sent, a name as often as it was sent.
pub(crate) type Object<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

impl<'a> Value<'a> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether an attribute keeps it as it is.
    pub(crate) fn is_kept(&self) -> bool {
        self.fits(0)
    }

    fn fits(&self, depth: u32) -> bool {
        match self {
            Self::Unsigned(_) => false,
            Self::List(items) => depth < MAX_KEPT_DEPTH && items.iter().all(|item| item.fits(depth + 1)),
            Self::Object(entries) => depth < MAX_KEPT_DEPTH && entries.iter().all(|(_, value)| value.fits(depth + 1)),
            _ => true,
        }
    }

    /// Writes the fields of an `AnyValue`.
    pub(crate) fn write(&self, writer: &mut Writer) {
        match self {
            Self::Null => {}
            Self::Bool(flag) => writer.varint(2, u64::from(*flag)),
            Self::Int(number) => writer.varint(3, *number as u64),
            Self::Unsigned(number) => writer.fixed64(4, (*number as f64).to_bits()),
            Self::Double(number) => writer.fixed64(4, number.to_bits()),
            Self::Text(text) => writer.text(1, text),
            Self::Bytes(bytes) => writer.bytes_field(7, bytes),
            Self::List(items) => {
                let list = writer.open(5);
                for item in items {
                    let any = writer.open(1);
                    item.write(writer);
                    writer.close(any);
                }
                writer.close(list);
            }
            Self::Object(entries) => {
                let map = writer.open(6);
                for (key, value) in entries {
                    key_value(writer, 1, key, |writer| value.write(writer));
                }
                writer.close(map);
            }
        }
    }
}

/// Reads a document that is one object of JSON.
pub(crate) fn read(text: &str) -> Result<Object<'_>, serde_json::Error> {
    read_of(text, MAX_VALUES)
}

/// The same, of at most so many values.
pub(crate) fn read_of(text: &str, most: usize) -> Result<Object<'_>, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let mut left = most;
    let document = Tree { left: &mut left }.deserialize(&mut parser)?;
    parser.end()?;
    match document {
        Value::Object(object) => Ok(object),
        _ => Err(serde_json::Error::custom("expected an object")),
    }
}

/// Reads any value, and counts.
struct Tree<'c> {
    left: &'c mut usize,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| D::Error::custom("more values than may stand together"))?;
        deserializer.deserialize_any(self)
    }
}

/// A name that is not copied where it stands as it is.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or(Value::Unsigned(number), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Double(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Tree { left: self.left })? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            entries.push((name, map.next_value_seed(Tree { left: self.left })?));
        }
        Ok(Value::Object(entries))
    }
}
