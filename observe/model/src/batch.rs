//! What the three kinds of column builders and batches have in common.

use arrow_array::builder::{BinaryDictionaryBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;

/// Columns that still grow. `Default` is an empty builder.
pub trait OpenBatch: Default {
    /// What it is frozen into.
    type Batch: Batch;
    /// Rows so far.
    fn rows(&self) -> usize;
    /// Bytes so far, about as many as the frozen batch will take.
    fn bytes(&self) -> usize;
    /// A frozen copy, exactly sized. The builder stays as it is.
    fn freeze(&self) -> Self::Batch;
}

/// Frozen columns.
pub trait Batch {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Bytes of memory held.
    fn bytes(&self) -> usize;
}

/// Why one span, record or point was not taken. It says which field and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; expected {expected}")]
pub struct Rejected {
    /// The field at fault, in OTLP's JSON spelling.
    pub field: &'static str,
    /// What was found.
    pub problem: String,
    /// What would have been taken.
    pub expected: &'static str,
}

/// Bytes that one dictionary entry costs besides its text.
const DICTIONARY_ENTRY_BYTES: usize = 8;

/// A dictionary-encoded text column that knows how much its dictionary holds.
#[derive(Default)]
pub(crate) struct Texts {
    pub(crate) column: StringDictionaryBuilder<Int32Type>,
    known: i32,
}

impl Texts {
    /// Appends, and returns how many bytes the dictionary grew by.
    pub(crate) fn append(&mut self, text: &str) -> usize {
        let key = self.column.append(text).expect("a batch has far fewer rows than an i32 can count");
        grown(&mut self.known, key, text.len())
    }
}

/// A dictionary-encoded column of bytes that knows how much its dictionary holds.
#[derive(Default)]
pub(crate) struct Blobs {
    pub(crate) column: BinaryDictionaryBuilder<Int32Type>,
    known: i32,
}

impl Blobs {
    /// Appends, and returns how many bytes the dictionary grew by.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> usize {
        let key = self.column.append(bytes).expect("a batch has far fewer rows than an i32 can count");
        grown(&mut self.known, key, bytes.len())
    }
}

fn grown(known: &mut i32, key: i32, len: usize) -> usize {
    if key < *known {
        return 0;
    }
    *known = key + 1;
    len + DICTIONARY_ENTRY_BYTES
}
