//! OTLP's spans, written as they are sent.
//!
//! A span becomes bytes the moment it ends, behind the others of its service. As messages of the generated types it would be two dozen
//! small pieces of memory, kept until the next export: thousands of spans wait, and what they had was cold when it was touched again.
//!
//! Source: `opentelemetry/proto/trace/v1/trace.proto`, `common/v1/common.proto`; the numbers are the fields'.

use vitrine_kit::varint;

/// Protobuf's wire types.
pub(crate) const VARINT: u32 = 0;
const FIXED64: u32 = 1;
pub(crate) const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// The number of a field, and how long what follows is to be read.
pub(crate) fn tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint::write(out, u64::from(field << 3 | wire_type));
}

/// How many bytes a number takes.
pub(crate) fn varint_len(number: u64) -> u64 {
    // Seven bits a byte, and one byte for nothing.
    u64::from((number | 1).ilog2() / 7 + 1)
}

/// How many bytes a field below 16 takes that holds so many.
pub(crate) fn field_len(bytes: u64) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::varint_len;

    #[test]
    fn numbers_are_as_long_as_they_are_written() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
            let mut written = Vec::new();
            vitrine_kit::varint::write(&mut written, number);
            assert_eq!(varint_len(number), written.len() as u64, "{number}");
        }
    }
}
