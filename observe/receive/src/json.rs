//! OTLP's JSON, rewritten as protobuf while it is parsed: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.
//!
//! One visitor follows the tables of fields; nothing is built in between. As the specification has it: ids are
//! hexadecimal digits, 64-bit integers are text or numbers, unknown fields are ignored, and so are names in snake_case.
//! It forbids names of enums; they are taken nevertheless, as the OpenTelemetry Collector does. As in protobuf's JSON,
//! `null` stands for a field that is not there, and bytes are base64 in either alphabet, padded or not.
//!
//! Refused are, beside what does not fit its field: a field given twice, two fields of a `oneof`, `null` in a list, and
//! more than 127 levels of nesting.

mod state;
mod tables;
pub(crate) mod value;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use vitrine_observe_store::Signal;

use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::response::request_name;
use tables::{Field, Kind, Message, request};
use value::{base64, double, hex, integer_of_double, integer_of_text};

pub(crate) use state::{State, Step};

/// Rewrites an export request.
pub(crate) fn transcode(budget: &Budget, signal: Signal, json: &[u8]) -> Result<Buffer, Error> {
    let mut state = State::new(budget);
    let mut parser = serde_json::Deserializer::from_slice(json);
    let fields = Fields { message: request(signal), state: &mut state };
    let outcome = parser.deserialize_any(fields).and_then(|()| parser.end());
    state.finish(outcome, request_name(signal))
}

/// An object: the fields of a message, without its tag and length.
struct Fields<'a> {
    message: &'static Message,
    state: &'a mut State,
}

/// The name of a field; none if it is unknown.
struct Name(&'static Message);

/// What stands at a field.
struct FieldValue<'a> {
    field: &'static Field,
    state: &'a mut State,
}

/// One value: a field's, or one of its list.
struct One<'a> {
    field: &'static Field,
    /// Whether it stands among numbers that share one tag.
    packed: bool,
    state: &'a mut State,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { message, state } = self;
        // Bits of fields by their places, and of oneofs from the other end.
        let mut seen = 0u64;
        while let Some(place) = map.next_key_seed(Name(message))? {
            let Some((place, field)) = place else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            state.enter(Step::Field(field.name));
            let is_given = map.next_value_seed(FieldValue { field, state })?;
            let bit = field.one_of.map_or(1 << place, |choice| 1 << (63 - choice));
            if is_given && seen & bit != 0 {
                return Err(A::Error::custom(match field.one_of {
                    Some(_) => "expected only one of the fields that exclude each other",
                    None => "expected each field once",
                }));
            }
            seen |= if is_given { bit } else { 0 };
            state.leave();
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<(usize, &'static Field)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<(usize, &'static Field)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().enumerate().find(|(_, field)| field.name == name))
    }
}

impl<'de> DeserializeSeed<'de> for FieldValue<'_> {
    /// Whether there is one.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if self.field.many {
            deserializer.deserialize_any(self)
        } else {
            deserializer.deserialize_any(One { field: self.field, packed: false, state: self.state })
        }
    }
}

impl<'de> Visitor<'de> for FieldValue<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let Self { field, state } = self;
        let packed = field.kind.is_number().then(|| state.writer.open(field.number));
        for place in 0.. {
            state.enter(Step::Item(place));
            let is_there = seq.next_element_seed(One { field, packed: packed.is_some(), state })?;
            state.leave();
            if is_there.is_none() {
                break;
            }
        }
        if let Some(open) = packed {
            state.writer.close(open);
        }
        Ok(true)
    }
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl One<'_> {
    fn integer<E: serde::de::Error>(self, value: i128) -> Result<bool, E> {
        let Self { field, packed, state } = self;
        let writer = &mut state.writer;
        let (number, wrong) = (field.number, || E::custom(format!("{value}: expected {}", field.kind)));
        let unsigned = || u64::try_from(value).map_err(|_| wrong());
        let signed = || i64::try_from(value).map_err(|_| wrong());
        let small = || i32::try_from(value).map_err(|_| wrong());
        match field.kind {
            // The nearest double, as a parser of JSON that knows only doubles would have it.
            Kind::Double => return Self { field, packed, state }.double(value as f64),
            Kind::Uint32 => writer.varint(number, u32::try_from(value).map_err(|_| wrong())?.into()),
            Kind::Fixed32 => writer.fixed32(number, u32::try_from(value).map_err(|_| wrong())?),
            Kind::Sint32 => {
                let value = small()?;
                writer.varint(number, u64::from((value << 1 ^ value >> 31) as u32));
            }
            Kind::Int64 => writer.varint(number, signed()? as u64),
            Kind::Uint64 if packed => writer.raw_varint(unsigned()?),
            Kind::Uint64 => writer.varint(number, unsigned()?),
            Kind::Fixed64 if packed => writer.raw_fixed64(unsigned()?),
            Kind::Fixed64 => writer.fixed64(number, unsigned()?),
            Kind::Sfixed64 => writer.fixed64(number, signed()? as u64),
            Kind::Enum(_) => writer.varint(number, i64::from(small()?) as u64),
            Kind::Id | Kind::Bytes | Kind::Text | Kind::Bool | Kind::Message(_) => return Err(wrong()),
        }
        state.reserve_written()?;
        Ok(true)
    }

    fn double<E: serde::de::Error>(self, value: f64) -> Result<bool, E> {
        if self.packed {
            self.state.writer.raw_fixed64(value.to_bits());
        } else {
            self.state.writer.fixed64(self.field.number, value.to_bits());
        }
        self.state.reserve_written()?;
        Ok(true)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    /// Whether there is one: `null` stands for none.
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.field.kind)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<bool, E> {
        if self.field.many { Err(E::custom(format!("null: expected {}", self.field.kind))) } else { Ok(false) }
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<bool, E> {
        match self.field.kind {
            Kind::Bool => self.state.writer.varint(self.field.number, value.into()),
            kind => return Err(E::custom(format!("{value}: expected {kind}"))),
        }
        Ok(true)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<bool, E> {
        self.integer(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<bool, E> {
        self.integer(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<bool, E> {
        match self.field.kind {
            Kind::Double => self.double(value),
            kind => match integer_of_double(value) {
                Some(value) => self.integer(value),
                None => Err(E::custom(format!("{value}: expected {kind}"))),
            },
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
        let (number, kind) = (self.field.number, self.field.kind);
        let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &kind.to_string().as_str());
        let writer = &mut self.state.writer;
        match kind {
            Kind::Text => writer.text(number, text),
            Kind::Id => writer.bytes_field(number, &hex(text).ok_or_else(wrong)?),
            Kind::Bytes => writer.bytes_field(number, &base64(text).ok_or_else(wrong)?),
            Kind::Double => return self.double(double(text).ok_or_else(wrong)?),
            Kind::Enum(names) => match names.iter().position(|name| *name == text) {
                Some(value) => writer.varint(number, value as u64),
                None => return Err(wrong()),
            },
            Kind::Bool | Kind::Message(_) => return Err(wrong()),
            _ => return self.integer(integer_of_text(text).ok_or_else(wrong)?),
        }
        self.state.reserve_written()?;
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        let Kind::Message(message) = self.field.kind else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        let open = self.state.writer.open(self.field.number);
        Fields { message, state: self.state }.visit_map(map)?;
        self.state.writer.close(open);
        self.state.reserve_written()?;
        Ok(true)
    }
}

impl Kind {
    /// Whether lists of it are packed.
    fn is_number(self) -> bool {
        !matches!(self, Self::Id | Self::Bytes | Self::Text | Self::Message(_))
    }
}

/// What is expected, in words.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "an even number of hexadecimal digits",
            Self::Bytes => "base64",
            Self::Text => "a string",
            Self::Bool => "true or false",
            Self::Double => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
            Self::Uint32 | Self::Fixed32 => "an integer from 0 to 4294967295",
            Self::Sint32 => "an integer of 32 bits",
            Self::Int64 | Self::Sfixed64 => "an integer of 64 bits, as number or string",
            Self::Uint64 | Self::Fixed64 => "an integer of 64 bits from 0 on, as number or string",
            Self::Enum(_) => "an enum's value as an integer of 32 bits, or its name",
            Self::Message(_) => "an object",
        })
    }
}
