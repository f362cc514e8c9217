//! Writes protobuf's wire format: <https://protobuf.dev/programming-guides/encoding/>.

use vitrine_kit::varint;

use crate::budget::{Budget, Buffer};
use crate::error::Error;

/// Wire type of varints.
const VARINT: u32 = 0;
/// Wire type of 8 bytes.
const FIXED64: u32 = 1;
/// Wire type of texts, bytes, messages and packed numbers.
const LENGTH: u32 = 2;
/// Wire type of 4 bytes.
const FIXED32: u32 = 5;

/// A message that is being written.
pub(crate) struct Writer(Buffer);

/// A part with a length that is not known yet: where it begins.
#[must_use = "what is opened must be closed"]
pub(crate) struct Open(usize);

impl Writer {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self(budget.buffer())
    }

    /// Pays for what has been written; call it after each part of a size that the sender chose.
    pub(crate) fn reserve_written(&mut self) -> Result<(), Error> {
        self.0.reserve_written()
    }

    pub(crate) fn finish(mut self) -> Result<Buffer, Error> {
        self.0.reserve_written()?;
        Ok(self.0)
    }

    /// What has been written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Starts over.
    pub(crate) fn clear(&mut self) {
        self.0.bytes.clear();
    }

    /// Begins a message, or packed numbers.
    pub(crate) fn open(&mut self, number: u32) -> Open {
        self.tag(number, LENGTH);
        self.0.bytes.push(0);
        Open(self.0.bytes.len())
    }

    /// Ends it. One byte was left for the length; what is longer than that can tell moves up, which is cheaper than
    /// measuring everything beforehand.
    pub(crate) fn close(&mut self, Open(start): Open) {
        let bytes = &mut self.0.bytes;
        let end = bytes.len();
        varint::write(bytes, (end - start) as u64);
        // Its first byte has a place already, the others move before what they are the length of.
        let first = bytes.remove(end);
        bytes[start - 1] = first;
        let others = bytes.len() - end;
        bytes[start..].rotate_right(others);
    }

    /// A text, bytes, or a message that is there already.
    pub(crate) fn bytes_field(&mut self, number: u32, value: &[u8]) {
        self.tag(number, LENGTH);
        self.raw_varint(value.len() as u64);
        self.0.bytes.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, number: u32, value: &str) {
        self.bytes_field(number, value.as_bytes());
    }

    pub(crate) fn varint(&mut self, number: u32, value: u64) {
        self.tag(number, VARINT);
        self.raw_varint(value);
    }

    pub(crate) fn fixed64(&mut self, number: u32, value: u64) {
        self.tag(number, FIXED64);
        self.raw_fixed64(value);
    }

    pub(crate) fn fixed32(&mut self, number: u32, value: u32) {
        self.tag(number, FIXED32);
        self.0.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A varint without a tag, as packed numbers are.
    pub(crate) fn raw_varint(&mut self, value: u64) {
        varint::write(&mut self.0.bytes, value);
    }

    /// Fields that are written already.
    pub(crate) fn raw(&mut self, fields: &[u8]) {
        self.0.bytes.extend_from_slice(fields);
    }

    /// Eight bytes without a tag.
    pub(crate) fn raw_fixed64(&mut self, value: u64) {
        self.0.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn tag(&mut self, number: u32, wire_type: u32) {
        self.raw_varint(u64::from(number << 3 | wire_type));
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::Writer;
    use crate::budget::Budget;

    #[derive(Clone, PartialEq, Message)]
    struct Nested {
        #[prost(string, tag = "1")]
        text: String,
        #[prost(message, optional, boxed, tag = "2")]
        inner: Option<Box<Nested>>,
        #[prost(uint64, tag = "300")]
        number: u64,
    }

    #[test]
    fn lengths_of_every_size_are_as_prost_writes_them() {
        for length in [1, 126, 127, 128, 129, 16_000, 16_383, 16_384, 20_000, 2_097_151, 2_097_152] {
            let text = "x".repeat(length);
            let mut writer = Writer::new(&Budget::new(usize::MAX));
            let outer = writer.open(2);
            let inner = writer.open(2);
            writer.text(1, &text);
            writer.close(inner);
            writer.varint(300, u64::MAX);
            writer.close(outer);
            let nested = |text: &str, inner: Option<Nested>, number| Nested {
                text: text.into(),
                inner: inner.map(Box::new),
                number,
            };
            let expected = nested("", Some(nested("", Some(nested(&text, None, 0)), u64::MAX)), 0);
            assert_eq!(writer.bytes(), expected.encode_to_vec(), "{length}");
        }
    }
}
