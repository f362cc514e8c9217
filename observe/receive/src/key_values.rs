//! Writes `KeyValue`s of OTLP, each in the list of a number.

use crate::protobuf::Writer;

/// One whose value (the fields of an `AnyValue`) is written by the caller.
pub(crate) fn key_value(writer: &mut Writer, number: u32, key: &str, value: impl FnOnce(&mut Writer)) {
    let entry = writer.open(number);
    writer.text(1, key);
    let any = writer.open(2);
    value(writer);
    writer.close(any);
    writer.close(entry);
}

/// One with a text.
pub(crate) fn key_text(writer: &mut Writer, number: u32, key: &str, text: &str) {
    key_value(writer, number, key, |writer| writer.text(1, text));
}

/// One that is true.
pub(crate) fn key_true(writer: &mut Writer, number: u32, key: &str) {
    key_value(writer, number, key, |writer| writer.varint(2, 1));
}

/// One with a whole number.
pub(crate) fn key_int(writer: &mut Writer, number: u32, key: &str, value: u64) {
    key_value(writer, number, key, |writer| writer.varint(3, value));
}
