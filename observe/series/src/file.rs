//! Files of series: names and samples of a tenant's series over some time, written once.
//!
//! A file begins with [`MAGIC`] and ends with the place, the length and the CRC-32 of its footer, and [`MAGIC`] again. Between them are
//! blocks, each with a CRC-32 beside its place wherever it is named, and compressed by zstd where that saves a tenth. The footer
//! names them ([`Footer`]). Series stand in the order of their labels, so that series that are asked for together are read together.
//! Numbers are little endian, or LEB128 as in [chunks](crate::chunk).

mod blocks;
mod clocks;
mod directory;
mod exemplars;
mod footer;
mod labels;
mod metadata;
mod names;
mod read;
mod source;
mod symbols;
mod write;

pub(crate) use clocks::{ClockBlock, ClockKey};
pub(crate) use names::{NamedSeries, NamedView, read_identities};
pub(crate) use read::FileReader;
pub use read::SeriesFile;
pub use source::FileInput;
pub(crate) use symbols::Texts;
pub(crate) use write::{FileWriter, SeriesData, in_order};

/// Begins and ends a file, with the version of its form.
const MAGIC: &[u8; 8] = b"VITSERS1";
/// Series of a block of names, of chunks, or of exemplars.
pub(crate) const BLOCK_SERIES: usize = 512;
/// Series whose chunks stand together in pages.
const PAGE_SERIES: usize = 64;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// How hard blocks are compressed, 1 to 22; 0 leaves pages of samples as they are, and compresses names at level 1.
    pub zstd_level: i32,
}

impl Default for WriteOptions {
    /// For what stays.
    fn default() -> Self {
        Self { zstd_level: 3 }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Length of the file.
    pub bytes: u64,
    /// Of these, what is spent on names: labels, identities and their index.
    pub name_bytes: u64,
    /// Series.
    pub series: u64,
    /// Samples. A file without any need not be kept, unless it has exemplars.
    pub samples: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// The earliest sample, in milliseconds since 1970; meaningless if there is none.
    pub min_ms: i64,
    /// The latest sample.
    pub max_ms: i64,
}
