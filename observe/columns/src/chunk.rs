//! Column chunks: a column's pages one after another, with what the footer says of them.
//!
//! Pages of all columns end at the same rows, and carry the format's checksums. A page is compressed with zstd, but for columns of ids of 8 bytes that are
//! never absent: these are chance, and can be read without decompression.

use std::ops::Range;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type as Physical, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;
use vitrine_observe_text::TextIndexWriter;

use crate::encode;
use crate::error::Error;
use crate::header::{MAX_HEADER_BYTES, PageHeader, PageKind};
use crate::write::WriteOptions;

/// How values belong to rows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// One for each of so many rows.
    Flat(usize),
    /// Row `r` has the values from `offsets[r]` to before `offsets[r + 1]`.
    List(&'a [u32]),
}

/// The least and the greatest of some values, as Parquet's statistics have them.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// No value is less.
    pub(crate) least: Vec<u8>,
    /// No value is greater.
    pub(crate) greatest: Vec<u8>,
    /// Whether there are such values, or these only bound them.
    pub(crate) exact: bool,
}

/// A column's values in the order of the file, and how they become bytes.
pub(crate) trait Values {
    /// A value.
    type Value: Copy;
    /// How they become bytes.
    const ENCODING: Encoding;
    /// The value at a place.
    fn at(&self, place: usize) -> Self::Value;
    /// Whether it stands for none.
    fn is_null(value: Self::Value) -> bool;
    /// Appends them.
    fn encode(&self, out: &mut Vec<u8>, values: &[Self::Value]) -> Result<(), Error>;
    /// The least and the greatest, if these are known.
    fn extremes(&self, values: &[Self::Value]) -> Option<(Self::Value, Self::Value)>;
    /// Both, as bytes, if there are such.
    fn bounds(&self, least: Self::Value, greatest: Self::Value) -> Option<Bounds>;
}

/// A dictionary page to be.
#[derive(Debug)]
pub(crate) struct Entries {
    /// The entries in `PLAIN`.
    pub(crate) plain: Vec<u8>,
    /// How many there are.
    pub(crate) count: usize,
    /// Whether they are in order of their bytes, or values.
    pub(crate) sorted: bool,
}

/// A column chunk, complete.
pub(crate) struct Chunk {
    /// Its pages.
    pub(crate) bytes: Bytes,
    /// What the footer says of it; offsets count from the beginning of the bytes.
    pub(crate) close: ColumnCloseResult,
}

/// Makes column chunks, one after another.
pub(crate) struct Chunks {
    compressor: zstd::bulk::Compressor<'static>,
    level: ZstdLevel,
    pub(crate) page_rows: usize,
    /// The index of texts, if the table has one.
    pub(crate) text_index: Option<TextIndexWriter>,
    plain: Vec<u8>,
    stored: Vec<u8>,
    repetitions: Vec<u32>,
    definitions: Vec<u32>,
}

/// The chunk being made.
struct ChunkInProgress {
    bytes: Vec<u8>,
    compressed: bool,
    plain_bytes: usize,
    dictionary: bool,
    data_offset: Option<usize>,
    column_index: ColumnIndexBuilder,
    offset_index: OffsetIndexBuilder,
    entries: usize,
    nulls: usize,
}

/// What may be absent from a column.
#[derive(Clone, Copy)]
struct Nesting {
    /// The highest definition level.
    optional: i16,
    /// Whether each row has a list of values.
    list: bool,
}

impl Nesting {
    /// Whether a value may be absent, and not only a list be empty.
    fn has_absent_values(self) -> bool {
        self.optional > i16::from(self.list)
    }
}

impl ChunkInProgress {
    fn new(descriptor: &ColumnDescPtr) -> Self {
        let ids = descriptor.physical_type() == Physical::FIXED_LEN_BYTE_ARRAY && descriptor.type_length() == 8;
        Self {
            bytes: Vec::new(),
            compressed: !ids || descriptor.max_def_level() > 0,
            plain_bytes: 0,
            dictionary: false,
            data_offset: None,
            column_index: ColumnIndexBuilder::new(descriptor.physical_type()),
            offset_index: OffsetIndexBuilder::new(),
            entries: 0,
            nulls: 0,
        }
    }

    /// Notes a page of values that begins at `offset` and has just been put.
    fn count(&mut self, offset: usize, rows: usize, entries: usize, nulls: usize) {
        self.data_offset.get_or_insert(offset);
        self.entries += entries;
        self.nulls += nulls;
        self.offset_index.append_row_count(rows as i64);
        // `put` refuses what would not fit here.
        self.offset_index.append_offset_and_size(offset as i64, (self.bytes.len() - offset) as i32);
    }
}

impl Chunks {
    /// Makes chunks so.
    pub(crate) fn new(options: &WriteOptions) -> Result<Self, Error> {
        let level = ZstdLevel::try_new(options.zstd_level)
            .map_err(|cause| Error::Parquet { what: "compress at this level", cause })?;
        let compressor = zstd::bulk::Compressor::new(options.zstd_level)
            .map_err(|cause| Error::Io { what: "make a compressor", cause })?;
        let page_rows = options.page_rows;
        if page_rows == 0 || i32::try_from(page_rows).is_err() {
            return Err(Error::Refused(format!("pages of {page_rows} rows: expected 1 to {}", i32::MAX)));
        }
        Ok(Self {
            compressor,
            level,
            page_rows,
            text_index: None,
            plain: Vec::new(),
            stored: Vec::new(),
            repetitions: Vec::new(),
            definitions: Vec::new(),
        })
    }

    /// A chunk of these values.
    pub(crate) fn chunk<V: Values>(
        &mut self,
        descriptor: ColumnDescPtr,
        shape: Shape<'_>,
        values: &V,
        dictionary: Option<&Entries>,
        bloom_filter: Option<Sbbf>,
    ) -> Result<Chunk, Error> {
        let rows = match shape {
            Shape::Flat(rows) => rows,
            Shape::List(offsets) => offsets.len().saturating_sub(1),
        };
        let levels = Nesting { optional: descriptor.max_def_level(), list: descriptor.max_rep_level() > 0 };
        let mut making = ChunkInProgress::new(&descriptor);
        if let Some(entries) = dictionary {
            self.plain.clear();
            self.plain.extend_from_slice(&entries.plain);
            self.put(&mut making, PageKind::Dictionary { sorted: entries.sorted }, Encoding::PLAIN, entries.count)?;
            making.dictionary = true;
        }
        let mut present: Vec<V::Value> = Vec::with_capacity(self.page_rows.min(rows));
        let mut extremes: Option<(V::Value, V::Value)> = None;
        for first in (0..rows).step_by(self.page_rows) {
            let rows = first..rows.min(first + self.page_rows);
            self.take_apart(shape, levels, rows.clone(), values, &mut present);
            self.plain.clear();
            if levels.list {
                encode::levels(&mut self.plain, &self.repetitions, 1);
            }
            if levels.optional > 0 {
                encode::levels(&mut self.plain, &self.definitions, if levels.optional > 1 { 2 } else { 1 });
            }
            values.encode(&mut self.plain, &present)?;
            let count = if levels.optional > 0 { self.definitions.len() } else { present.len() };
            let offset = making.bytes.len();
            self.put(&mut making, PageKind::Data, V::ENCODING, count)?;

            let nulls = count - present.len();
            making.count(offset, rows.len(), count, nulls);
            let page = values.extremes(&present);
            match page.and_then(|(least, greatest)| values.bounds(least, greatest)) {
                Some(Bounds { least, greatest, .. }) => {
                    making.column_index.append(false, least, greatest, nulls as i64);
                }
                None if present.is_empty() => {
                    making.column_index.append(true, Vec::new(), Vec::new(), nulls as i64);
                }
                None => making.column_index.to_invalid(),
            }
            let both: Vec<V::Value> = [page, extremes].into_iter().flatten().flat_map(<[V::Value; 2]>::from).collect();
            extremes = values.extremes(&both);
        }
        let bounds = extremes.and_then(|(least, greatest)| values.bounds(least, greatest));
        self.finish(descriptor, making, rows, V::ENCODING, bounds, bloom_filter)
    }

    /// Puts the values of some rows that are there into `present`, and how they lie into `repetitions` and `definitions`, as Dremel has it.
    fn take_apart<V: Values>(
        &mut self,
        shape: Shape<'_>,
        levels: Nesting,
        rows: Range<usize>,
        values: &V,
        present: &mut Vec<V::Value>,
    ) {
        present.clear();
        self.repetitions.clear();
        self.definitions.clear();
        let absent = levels.has_absent_values();
        match shape {
            Shape::Flat(_) if !absent => present.extend(rows.map(|row| values.at(row))),
            Shape::Flat(_) => {
                for value in rows.map(|row| values.at(row)) {
                    let null = V::is_null(value);
                    self.definitions.push(u32::from(!null));
                    if !null {
                        present.push(value);
                    }
                }
            }
            Shape::List(offsets) => {
                for row in rows {
                    let elements = offsets[row] as usize..offsets[row + 1] as usize;
                    if elements.is_empty() {
                        self.repetitions.push(0);
                        self.definitions.push(0);
                    }
                    for element in elements.clone() {
                        let value = values.at(element);
                        let null = absent && V::is_null(value);
                        self.repetitions.push(u32::from(element > elements.start));
                        self.definitions.push(levels.optional as u32 - u32::from(null));
                        if !null {
                            present.push(value);
                        }
                    }
                }
            }
        }
    }

    /// Compresses what is in `plain` and appends it as a page.
    fn put(
        &mut self,
        making: &mut ChunkInProgress,
        kind: PageKind,
        encoding: Encoding,
        values: usize,
    ) -> Result<(), Error> {
        let uncompressed = self.plain.len();
        let stored = if making.compressed {
            self.stored.clear();
            self.stored.reserve(zstd::zstd_safe::compress_bound(uncompressed));
            self.compressor
                .compress_to_buffer(&self.plain, &mut self.stored)
                .map_err(|cause| Error::Io { what: "compress a page", cause })?;
            &self.stored
        } else {
            &self.plain
        };
        let compressed = stored.len();
        if [uncompressed, compressed + MAX_HEADER_BYTES, values].iter().any(|number| i32::try_from(*number).is_err()) {
            return Err(Error::TooLarge(format!("a page of {values} values in {uncompressed} bytes")));
        }
        let start = making.bytes.len();
        let crc = crc32fast::hash(stored);
        PageHeader { kind, uncompressed, compressed, crc, values, encoding }.write(&mut making.bytes);
        making.plain_bytes += making.bytes.len() - start + uncompressed;
        making.bytes.extend_from_slice(stored);
        Ok(())
    }

    fn finish(
        &self,
        descriptor: ColumnDescPtr,
        making: ChunkInProgress,
        rows: usize,
        encoding: Encoding,
        bounds: Option<Bounds>,
        bloom_filter: Option<Sbbf>,
    ) -> Result<Chunk, Error> {
        let failed = |cause| Error::Parquet { what: "describe a column", cause };
        let compression = if making.compressed { Compression::ZSTD(self.level) } else { Compression::UNCOMPRESSED };
        let mut encodings = vec![Encoding::RLE, encoding];
        if making.dictionary {
            encodings.push(Encoding::PLAIN);
        }
        let metadata = ColumnChunkMetaData::builder(descriptor.clone())
            .set_compression(compression)
            .set_encodings(encodings)
            .set_num_values(making.entries as i64)
            .set_total_compressed_size(making.bytes.len() as i64)
            .set_total_uncompressed_size(making.plain_bytes as i64)
            .set_dictionary_page_offset(making.dictionary.then_some(0))
            .set_data_page_offset(making.data_offset.unwrap_or(0) as i64)
            .set_statistics(statistics(descriptor.physical_type(), bounds, making.nulls as u64))
            .build()
            .map_err(failed)?;
        let column_index = match making.column_index.valid() {
            true => Some(making.column_index.build().map_err(failed)?).filter(tells_apart),
            false => None,
        };
        let close = ColumnCloseResult {
            bytes_written: making.bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter,
            column_index,
            offset_index: Some(making.offset_index.build()),
        };
        Ok(Chunk { bytes: making.bytes.into(), close })
    }
}

/// Whether bounds of pages are worth their bytes. Those of texts and ids are if some neighbouring pages have no value in common;
/// those of numbers always, because the greatest alone tells that there is none as great.
fn tells_apart(index: &ColumnIndexMetaData) -> bool {
    let (ColumnIndexMetaData::BYTE_ARRAY(pages) | ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(pages)) = index else {
        return true;
    };
    let bounds = |page| pages.min_value(page).zip(pages.max_value(page));
    (1..pages.num_pages() as usize).any(|page| match (bounds(page - 1), bounds(page)) {
        (Some((least, greatest)), Some((next_least, next_greatest))) => greatest < next_least || next_greatest < least,
        (None, None) => false,
        _ => true,
    })
}

/// A chunk's statistics.
fn statistics(physical: Physical, bounds: Option<Bounds>, nulls: u64) -> Statistics {
    let exact = bounds.as_ref().is_some_and(|bounds| bounds.exact);
    let (least, greatest) = bounds.map(|bounds| (bounds.least, bounds.greatest)).unzip();
    let eight = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| bytes.try_into().ok());
    let flag = |bytes: Option<Vec<u8>>| bytes.map(|bytes| bytes == [1]);
    match physical {
        Physical::BOOLEAN => Statistics::boolean(flag(least), flag(greatest), None, Some(nulls), false),
        Physical::INT64 => {
            let [least, greatest] = [least, greatest].map(|bytes| eight(bytes).map(i64::from_le_bytes));
            Statistics::int64(least, greatest, None, Some(nulls), false)
        }
        Physical::DOUBLE => {
            let [least, greatest] = [least, greatest].map(|bytes| eight(bytes).map(f64::from_le_bytes));
            Statistics::double(least, greatest, None, Some(nulls), false)
        }
        Physical::FIXED_LEN_BYTE_ARRAY => {
            let [least, greatest] = [least, greatest].map(|bytes| bytes.map(FixedLenByteArray::from));
            Statistics::fixed_len_byte_array(least, greatest, None, Some(nulls), false)
        }
        _ => {
            let [least, greatest] = [least, greatest].map(|bytes| bytes.map(ByteArray::from));
            let values = ValueStatistics::new(least, greatest, None, Some(nulls), false);
            Statistics::ByteArray(values.with_min_is_exact(exact).with_max_is_exact(exact))
        }
    }
}
