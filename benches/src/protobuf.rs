//! Protobuf as it is on the wire, as far as OTLP is written here.

use vitrine_kit::varint;

/// A field of bytes: a text, or a message.
pub(crate) fn message(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A field of a whole number.
pub(crate) fn number(out: &mut Vec<u8>, field: u8, number: u64) {
    out.push(field << 3);
    varint::write(out, number);
}

/// A field of 64 bits.
pub(crate) fn fixed(out: &mut Vec<u8>, field: u8, number: u64) {
    out.push(field << 3 | 1);
    out.extend_from_slice(&number.to_le_bytes());
}

fn attribute(out: &mut Vec<u8>, field: u8, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    let (mut any, mut entry) = (Vec::with_capacity(64), Vec::with_capacity(96));
    value(&mut any);
    message(&mut entry, 1, key.as_bytes());
    message(&mut entry, 2, &any);
    message(out, field, &entry);
}

/// A `KeyValue` with a text.
pub(crate) fn text(out: &mut Vec<u8>, field: u8, key: &str, value: &str) {
    attribute(out, field, key, |any| message(any, 1, value.as_bytes()));
}

/// A `KeyValue` with a whole number.
pub(crate) fn int(out: &mut Vec<u8>, field: u8, key: &str, value: u64) {
    attribute(out, field, key, |any| number(any, 3, value));
}
