//! OTLP's spans, written as they are sent.
//!
//! A span becomes bytes the moment it ends, behind the others of its service. As messages of the generated types it would be two dozen
//! small pieces of memory, kept until the next export: thousands of spans wait, and what they had was cold when it was touched again.
//!
//! Source: `opentelemetry/proto/trace/v1/trace.proto`, `common/v1/common.proto`; the numbers are the fields'.

use vitrine_kit::varint;

use crate::value::{Text, Value};

/// Protobuf's wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;
/// Bytes of a double, and of a time.
const EIGHT: u64 = 8;

fn tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint::write(out, u64::from(field << 3 | wire_type));
}

/// How many bytes a number takes.
fn varint_len(number: u64) -> u64 {
    // Seven bits a byte, and one byte for nothing.
    u64::from((number | 1).ilog2() / 7 + 1)
}

/// How many bytes a field below 16 takes that holds so many.
fn field_len(bytes: u64) -> u64 {
    1 + varint_len(bytes) + bytes
}

/// A field of bytes, of a text, or of a message that consists of these parts.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, parts: &[&[u8]]) {
    tag(out, field, BYTES);
    varint::write(out, parts.iter().map(|part| part.len() as u64).sum());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// A whole number; none is written for 0, as protobuf has it.
pub(crate) fn number(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        tag(out, field, VARINT);
        varint::write(out, number);
    }
}

/// A time in nanoseconds since 1970.
pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, number: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Flags.
pub(crate) fn fixed32(out: &mut Vec<u8>, field: u32, number: u32) {
    tag(out, field, FIXED32);
    out.extend_from_slice(&number.to_le_bytes());
}

/// A `KeyValue`.
pub(crate) fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &Value) {
    let len = match value {
        Value::Str(text) => field_len(text.as_str().len() as u64),
        Value::Int(number) => 1 + varint_len(number.cast_unsigned()),
        Value::Float(_) => 1 + EIGHT,
        Value::Bool(_) => 2,
    };
    tag(out, field, BYTES);
    varint::write(out, field_len(key.len() as u64) + field_len(len));
    bytes(out, 1, &[key.as_bytes()]);
    tag(out, 2, BYTES);
    varint::write(out, len);
    // An `AnyValue`: one of several, so that it is written also where it is 0.
    match value {
        Value::Str(text) => bytes(out, 1, &[text.as_str().as_bytes()]),
        Value::Bool(is_true) => {
            tag(out, 2, VARINT);
            out.push(u8::from(*is_true));
        }
        Value::Int(number) => {
            tag(out, 3, VARINT);
            varint::write(out, number.cast_unsigned());
        }
        Value::Float(number) => fixed64(out, 4, number.to_bits()),
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

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::{attribute, varint_len};
    use crate::value::{Value, attribute as otlp};

    #[test]
    fn numbers_are_as_long_as_they_are_written() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
            let mut written = Vec::new();
            vitrine_kit::varint::write(&mut written, number);
            assert_eq!(varint_len(number), written.len() as u64, "{number}");
        }
    }

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
                attribute(&mut written, 9, key, &value);
                let read = Span::decode(written.as_slice()).expect("a span");
                assert_eq!(read, Span { attributes: vec![otlp(key, value.clone())], ..Span::default() });
            }
        }
    }
}
