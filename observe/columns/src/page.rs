//! The leaf columns of a segment, page by page.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::basic::Encoding;
use zstd::zstd_safe::{self, DCtx};

use crate::column::{Data, NULL_BOOL, NULL_CODE, NULL_DOUBLE, NULL_INT};
use crate::decode::{self, Levels, Malformation};
use crate::distinct::{Distinct, DistinctTexts, PageTexts};
use crate::header::{MAX_HEADER_BYTES, PageHeader, PageKind};
use crate::schema::FlatColumn;
use crate::{Error, Kind, Source};

thread_local! {
    /// What decompresses, kept because making it costs more than a page.
    static ZSTD: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Where a page stands in the file, its header included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageRange {
    /// Its first byte.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u32,
}

/// The smallest and the largest number of a page. Without numbers the smallest is above the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntBounds {
    /// The smallest.
    pub min: i64,
    /// The largest.
    pub max: i64,
    /// Whether there may be nulls.
    pub nulls: bool,
}

/// At least and at most of a page's texts; none if it has no texts.
pub(crate) type TextBounds = Option<(Box<[u8]>, Box<[u8]>)>;

/// What is known of every page without reading it.
#[derive(Debug, Default)]
pub(crate) enum Bounds {
    /// Nothing.
    #[default]
    Unknown,
    /// Of whole numbers and times.
    Int(Vec<IntBounds>),
    /// Of texts, where that tells pages apart.
    Text(Vec<TextBounds>),
}

/// A Parquet bloom filter in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bloom {
    /// Where it stands.
    pub place: PageRange,
    /// Its CRC-32 when the segment was opened, which checked the whole tail.
    pub crc: u32,
}

/// One leaf column.
pub(crate) struct Leaf {
    /// Its path in the file.
    pub name: String,
    /// What its values are. Of [`Kind::Parent`], the id is [`Kind::Id8`] and the distance [`Kind::Int`].
    pub kind: Kind,
    /// Whether there may be nulls.
    pub optional: bool,
    /// Whether it is null in every row.
    pub is_empty: bool,
    /// Whether it is a field of a list's elements.
    pub in_list: bool,
    /// Whether its pages are compressed.
    pub compressed: bool,
    /// How its values are encoded, in all pages.
    pub encoding: Encoding,
    /// The page of distinct values.
    pub dictionary: Option<PageRange>,
    /// Its other pages.
    pub pages: Vec<PageRange>,
    /// What is known of them.
    pub bounds: Bounds,
    /// What tells that a text is not there.
    pub bloom: Option<Bloom>,
    /// The first row of every page, and the number of all rows. The same for all leaves.
    pub page_starts: Arc<[u32]>,
    /// Where pages are read from.
    pub source: Arc<dyn Source>,
    /// Distinct values once read.
    pub cache: Mutex<Option<Arc<Distinct>>>,
}

/// One page, decompressed, its levels read and its values not.
pub(crate) struct Page<'a> {
    leaf: &'a Leaf,
    number: usize,
    /// The rows it has values of.
    pub rows: Range<usize>,
    /// How many elements there are: the rows' own, if the column is flat.
    pub elements: usize,
    /// How many of them are not null.
    pub present: usize,
    encoding: Encoding,
    repetition: Option<Levels>,
    definition: Option<Levels>,
    body: Bytes,
}

impl Leaf {
    /// The leaf of an optional column that is not in the file: null in every row, without pages; none if it must be there.
    pub fn absent(column: &FlatColumn, page_starts: Arc<[u32]>, source: Arc<dyn Source>) -> Option<Self> {
        (column.optional && column.kind != Kind::Parent).then(|| Self {
            name: column.name.to_string(),
            kind: column.kind,
            optional: true,
            is_empty: true,
            in_list: false,
            compressed: false,
            encoding: Encoding::PLAIN,
            dictionary: None,
            pages: Vec::new(),
            bounds: Bounds::Unknown,
            bloom: None,
            page_starts,
            source,
            cache: Mutex::new(None),
        })
    }

    /// Whether it is of a column that is not in the file.
    pub fn is_absent(&self) -> bool {
        self.pages.is_empty()
    }

    /// Reads a page.
    pub fn page(&self, number: usize) -> Result<Page<'_>, Error> {
        let (header, body) = self.read_page(self.pages[number], number)?;
        let rows = self.page_starts[number] as usize..self.page_starts[number + 1] as usize;
        let in_page = |what| self.damaged(Some(number), what);
        if header.kind != PageKind::Data {
            return Err(in_page("is not a page of values"));
        }
        // Another encoding of equal length would give other values.
        if header.encoding != self.encoding {
            return Err(in_page("is encoded as no page of its column"));
        }
        let mut page = Page {
            leaf: self,
            number,
            elements: rows.len(),
            present: rows.len(),
            rows,
            encoding: header.encoding,
            repetition: None,
            definition: None,
            body: Bytes::new(),
        };
        let mut rest = &body[..];
        page.take_levels(&mut rest, header.values).map_err(in_page)?;
        page.body = body.slice(body.len() - rest.len()..);
        Ok(page)
    }

    /// The distinct values, kept from now on; none if values stand for themselves.
    pub fn distinct(&self) -> Result<Option<Arc<Distinct>>, Error> {
        if let Some(distinct) = &*self.cache.lock() {
            return Ok(Some(distinct.clone()));
        }
        let distinct = self.read_distinct()?.map(Arc::new);
        self.cache.lock().clone_from(&distinct);
        Ok(distinct)
    }

    /// The distinct values, not kept.
    pub fn read_distinct(&self) -> Result<Option<Distinct>, Error> {
        let Some(place) = self.dictionary else { return Ok(None) };
        let (header, body) = self.read_page(place, usize::MAX)?;
        let wrong = |what| self.damaged(None, what);
        if !matches!(header.kind, PageKind::Dictionary { .. }) || header.encoding != Encoding::PLAIN {
            return Err(wrong("is not a page of distinct values"));
        }
        let distinct = match self.kind {
            Kind::Int | Kind::Time => {
                let mut values = Vec::new();
                decode::plain(&body, header.values, i64::from_le_bytes, &mut values).map(|()| Distinct::Ints(values))
            }
            Kind::Double => {
                let mut values = Vec::new();
                decode::plain(&body, header.values, u64::from_le_bytes, &mut values).map(|()| Distinct::Doubles(values))
            }
            Kind::Text => DistinctTexts::new(body, header.values).map(Distinct::Texts),
            Kind::Id16 | Kind::Id8 | Kind::Parent | Kind::Bool => {
                Err("holds distinct values where there should be none")
            }
        };
        distinct.map(Some).map_err(wrong)
    }

    /// Bytes of memory held, what is cached included.
    pub fn held_bytes(&self) -> usize {
        let bounds = match &self.bounds {
            Bounds::Unknown => 0,
            Bounds::Int(pages) => size_of_val(&**pages),
            Bounds::Text(pages) => {
                let texts = pages.iter().flatten().map(|(low, high)| low.len() + high.len()).sum::<usize>();
                size_of_val(&**pages) + texts
            }
        };
        let cached = self.cache.lock().as_ref().map_or(0, |distinct| distinct.bytes());
        size_of::<Self>() + size_of_val(&*self.pages) + bounds + cached
    }

    /// Which page a row is in.
    pub fn page_of(&self, row: usize) -> usize {
        self.page_starts.partition_point(|start| *start as usize <= row) - 1
    }

    /// What tells that a text is not there.
    pub fn read_bloom(&self) -> Result<Option<parquet::bloom_filter::Sbbf>, Error> {
        let Some(Bloom { place, crc }) = self.bloom else { return Ok(None) };
        let bytes = self.read_at(place)?;
        if crc32fast::hash(&bytes) != crc {
            return Err(Error::Damaged(format!("the bloom filter of column {} has changed", self.name)));
        }
        let bloom = parquet::bloom_filter::Sbbf::from_bytes(&bytes);
        bloom.map(Some).map_err(|cause| Error::Parquet { what: "read a bloom filter", cause })
    }

    fn read_at(&self, place: PageRange) -> Result<Bytes, Error> {
        let bytes = self.source.read(place.offset, place.bytes as usize);
        bytes.map_err(|cause| Error::Io { what: "read a page of a segment", cause })
    }

    fn read_page(&self, place: PageRange, number: usize) -> Result<(PageHeader, Bytes), Error> {
        let bytes = self.read_at(place)?;
        let (header, length) = PageHeader::parse(&bytes[..bytes.len().min(MAX_HEADER_BYTES)])?;
        let stored = bytes.slice(length..);
        self.unpack(&header, stored).map(|body| (header, body)).map_err(|what| self.damaged(Some(number), what))
    }

    /// Checks and decompresses. The header has no checksum: so the sizes must agree with what has.
    fn unpack(&self, header: &PageHeader, stored: Bytes) -> Result<Bytes, Malformation> {
        if header.compressed != stored.len() {
            return Err("is not as long as the index says");
        }
        if crc32fast::hash(&stored) != header.crc {
            return Err("does not match its checksum");
        }
        if !self.compressed {
            return if header.uncompressed == stored.len() { Ok(stored) } else { Err("is not as long as it says") };
        }
        if zstd_safe::get_frame_content_size(&stored).ok().flatten() != Some(header.uncompressed as u64) {
            return Err("does not say how long it is");
        }
        let mut body = Vec::with_capacity(header.uncompressed);
        let length = ZSTD.with_borrow_mut(|zstd| zstd.decompress(&mut body, &stored));
        match length {
            Ok(length) if length == header.uncompressed => Ok(body.into()),
            _ => Err("cannot be decompressed"),
        }
    }

    fn damaged(&self, page: Option<usize>, what: Malformation) -> Error {
        match page.filter(|page| *page < self.pages.len()) {
            Some(page) => Error::Damaged(format!("page {page} of column {} {what}", self.name)),
            None => Error::Damaged(format!("the dictionary page of column {} {what}", self.name)),
        }
    }
}

impl Page<'_> {
    /// The level of a value that is there.
    fn top_level(&self) -> u32 {
        u32::from(self.leaf.in_list) + u32::from(self.leaf.optional)
    }

    fn take_levels(&mut self, rest: &mut &[u8], entries: usize) -> Result<(), Malformation> {
        if self.leaf.in_list {
            let levels = Levels::take(rest, 1, entries)?;
            let lists = entries - levels.at_least(1, entries);
            let starts = match &levels {
                Levels::All(level) => *level == 0,
                Levels::Each(levels) => levels.first() == Some(&0),
            };
            if lists != self.rows.len() || !starts {
                return Err("holds other than the lists it should");
            }
            self.repetition = Some(levels);
        } else if entries != self.rows.len() {
            return Err("holds other than the number of values it should");
        }
        if self.top_level() > 0 {
            let levels = Levels::take(rest, self.top_level(), entries)?;
            self.elements = if self.leaf.in_list { levels.at_least(1, entries) } else { entries };
            self.present = levels.at_least(self.top_level(), entries);
            self.definition = Some(levels);
        }
        Ok(())
    }

    /// Whether values are codes of the distinct values.
    pub fn is_coded(&self) -> bool {
        self.encoding == Encoding::RLE_DICTIONARY
    }

    /// Appends a code for each element, [`NULL_CODE`] for null; all others are below `distinct`.
    pub fn codes(&self, distinct: usize, out: &mut Vec<u32>) -> Result<(), Error> {
        self.fill(NULL_CODE, out, |bytes, count, out| {
            let Some((width, bytes)) = bytes.split_first() else {
                return if count == 0 { Ok(()) } else { Err("has no codes") };
            };
            let start = out.len();
            decode::hybrid(bytes, usize::from(*width), count, out)?;
            // Not `max()`, which goes one by one.
            let past = out[start..].iter().fold(0, |past, code| past.max(code.saturating_add(1)));
            if past as usize > distinct { Err("holds a code that stands for nothing") } else { Ok(()) }
        })
    }

    /// Appends a value for each element. `out` must be of the column's kind, and not of texts; `distinct` must be the
    /// column's.
    pub fn values(&self, distinct: Option<&Distinct>, out: &mut Data) -> Result<(), Error> {
        match (out, self.encoding) {
            (Data::Id16(out), Encoding::PLAIN) => {
                self.fill(0, out, |bytes, count, out| decode::plain(bytes, count, u128::from_be_bytes, out))
            }
            (Data::Id8(out), Encoding::PLAIN) => {
                self.fill(0, out, |bytes, count, out| decode::plain(bytes, count, u64::from_be_bytes, out))
            }
            (Data::Bool(out), Encoding::PLAIN) => self.fill(NULL_BOOL, out, decode::bools),
            (Data::Int(out), Encoding::PLAIN) => {
                self.fill(NULL_INT, out, |bytes, count, out| decode::plain(bytes, count, i64::from_le_bytes, out))
            }
            (Data::Double(out), Encoding::PLAIN) => {
                self.fill(NULL_DOUBLE, out, |bytes, count, out| decode::plain(bytes, count, u64::from_le_bytes, out))
            }
            (Data::Int(out), Encoding::BYTE_STREAM_SPLIT) => self.fill(NULL_INT, out, |bytes, count, out| {
                decode::byte_stream_split(bytes, count, i64::from_le_bytes, out)
            }),
            (Data::Double(out), Encoding::BYTE_STREAM_SPLIT) => self.fill(NULL_DOUBLE, out, |bytes, count, out| {
                decode::byte_stream_split(bytes, count, u64::from_le_bytes, out)
            }),
            (Data::Int(out), Encoding::RLE_DICTIONARY) => match distinct {
                Some(Distinct::Ints(values)) => self.looked_up(values, NULL_INT, out),
                _ => Err(self.damaged("has codes without a dictionary")),
            },
            (Data::Double(out), Encoding::RLE_DICTIONARY) => match distinct {
                Some(Distinct::Doubles(values)) => self.looked_up(values, NULL_DOUBLE, out),
                _ => Err(self.damaged("has codes without a dictionary")),
            },
            _ => Err(self.damaged("is encoded as no page of its kind")),
        }
    }

    /// Appends, for each element, whether it is not null.
    pub fn not_null(&self, out: &mut Vec<bool>) -> Result<(), Error> {
        self.fill(false, out, |_, count, out| {
            out.resize(out.len() + count, true);
            Ok(())
        })
    }

    /// Calls `each` with the text of every element, where texts stand for themselves.
    pub fn texts(&self, mut each: impl FnMut(Option<&[u8]>)) -> Result<(), Error> {
        let texts = self.plain_texts()?;
        (0..texts.len()).for_each(|element| each(texts.get(element)));
        Ok(())
    }

    /// The text of every element, where texts stand for themselves.
    pub fn plain_texts(&self) -> Result<PageTexts, Error> {
        let mut bytes = self.body.clone();
        let mut places = Vec::with_capacity(self.elements);
        self.fill(None, &mut places, |body, count, out| match self.encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                let (ends, texts) = decode::delta_length_texts(body, count)?;
                bytes = self.body.slice(self.body.len() - texts.len()..);
                let starts = std::iter::once(0).chain(ends.iter().copied());
                out.extend(starts.zip(ends.iter().copied()).map(Some));
                Ok(())
            }
            Encoding::PLAIN => {
                let starts = decode::plain_texts(body, count)?;
                out.extend(starts.windows(2).map(|ends| Some((ends[0] + 4, ends[1]))));
                Ok(())
            }
            _ => Err("is encoded as no page of its kind"),
        })?;
        Ok(PageTexts { bytes, places })
    }

    /// Appends, for each row, where its list ends: `base` and the elements of it and of all rows before it.
    pub fn list_ends(&self, base: u32, out: &mut Vec<u32>) -> Result<(), Error> {
        let element = |levels: &Option<Levels>, entry: usize| match levels {
            Some(Levels::All(level)) => *level > 0,
            Some(Levels::Each(levels)) => levels[entry] > 0,
            None => true,
        };
        let entries = match (&self.repetition, &self.definition) {
            (Some(Levels::Each(levels)), _) | (_, Some(Levels::Each(levels))) => levels.len(),
            _ => self.rows.len(),
        };
        let too_many = || self.damaged("holds more elements than there may be");
        let mut end = base;
        for entry in 0..entries {
            if entry > 0 && !element(&self.repetition, entry) {
                out.push(end);
            }
            end = end.checked_add(u32::from(element(&self.definition, entry))).ok_or_else(too_many)?;
        }
        if entries > 0 {
            out.push(end);
        }
        Ok(())
    }

    fn looked_up<T: Copy>(&self, values: &[T], null: T, out: &mut Vec<T>) -> Result<(), Error> {
        let mut codes = Vec::with_capacity(self.elements);
        self.codes(values.len(), &mut codes)?;
        out.extend(codes.iter().map(|code| values.get(*code as usize).copied().unwrap_or(null)));
        Ok(())
    }

    /// Appends what `decode` reads of the values, with nulls in between.
    fn fill<T: Copy>(
        &self,
        null: T,
        out: &mut Vec<T>,
        decode: impl FnOnce(&[u8], usize, &mut Vec<T>) -> Result<(), Malformation>,
    ) -> Result<(), Error> {
        let filled = match &self.definition {
            Some(Levels::Each(levels)) if self.present < self.elements || self.elements < levels.len() => {
                let mut present = Vec::with_capacity(self.present);
                let skip = u32::from(self.leaf.in_list);
                decode(&self.body, self.present, &mut present)
                    .and_then(|()| decode::spread(levels, self.top_level(), skip, &present, null, out))
            }
            _ if self.present == 0 => {
                out.resize(out.len() + self.elements, null);
                Ok(())
            }
            _ => decode(&self.body, self.present, out),
        };
        filled.map_err(|what| self.damaged(what))
    }

    fn damaged(&self, what: Malformation) -> Error {
        self.leaf.damaged(Some(self.number), what)
    }
}

#[cfg(test)]
mod tests;
