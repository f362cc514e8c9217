//! Segments, opened.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{ChunkReader, Length};
use vitrine_observe_text::{IndexError, IndexOwner, TextIndex};

use crate::page::{Bloom, Bounds, IntBounds, Leaf, PageRange, TextBounds};
use crate::schema::{self, Layout};
use crate::tail::{self, END_BYTES};
use crate::{Definition, Error, Kind, Source};

/// Bytes that are read at first, from the end: mostly the whole tail of a small segment.
const FIRST_READ: u64 = 64 << 10;
/// Most bytes of a tail. One of 4 million rows and 300 columns, all with bloom filters, has about 30 MiB.
const MAX_TAIL_BYTES: u64 = 128 << 20;
/// Bytes before the first page.
const MAGIC_BYTES: u64 = 4;

/// When the rows of a page were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimePage {
    /// The rows.
    pub rows: Range<usize>,
    /// The earliest, in nanoseconds since 1970; after the latest if no row has a time.
    pub min: i64,
    /// The latest.
    pub max: i64,
}

/// A column of a segment.
pub(crate) struct SegmentColumn {
    pub name: Arc<str>,
    pub kind: Kind,
    pub optional: bool,
    /// Its leaf.
    pub leaf: usize,
    /// Of [`Kind::Parent`], the leaf of distances.
    pub distance: Option<usize>,
}

pub(crate) struct SegmentInner {
    pub definition: &'static Definition,
    pub rows: usize,
    pub leaves: Vec<Leaf>,
    /// The definition's columns, then attributes.
    pub flat: Vec<SegmentColumn>,
    /// The leaves of the definition's lists.
    pub lists: Vec<Vec<usize>>,
    pub time_pages: Vec<TimePage>,
    pub page_starts: Arc<[u32]>,
    pub index: Option<crate::lookup::Index>,
    /// The checksum of its tail.
    pub checksum: u32,
    /// Bytes of the texts that are searched, if they have no dictionary; else none.
    pub searched_bytes: u64,
    pub text_index: OnceLock<TextIndex>,
}

/// An immutable file of rows. Cheap to clone; clones share what they cached.
#[derive(Clone)]
pub struct Segment(pub(crate) Arc<SegmentInner>);

impl Segment {
    /// Opens a segment: reads and checks its tail, and that it has what the definition says. `index` is the file beside
    /// it that finds ids; without it they are looked for in every page.
    ///
    /// Everything read later is checked too. What was changed since it was written is found out and told
    /// ([`Error::Damaged`]); it never panics and never asks for memory beyond the file's own measure. Only a tail that
    /// was forged together with its checksum is as safe as Parquet's own parser.
    pub fn open(definition: &'static Definition, source: Arc<dyn Source>, index: Option<Bytes>) -> Result<Self, Error> {
        let tail = read_tail(&*source)?;
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&tail)
            .map_err(|cause| Error::Parquet { what: "read the footer of a segment", cause })?;
        let mut inner = Opening { definition, source, tail: &tail, metadata: &metadata }.open()?;
        if let Some(bytes) = index {
            inner.index = Some(crate::lookup::Index::open(bytes, inner.rows, inner.page_starts.len() - 1)?);
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Has an index of its texts from now on: the file beside it that [`crate::Written::text_index`] was. Without it, texts are looked for in
    /// every page, and so they are where it turns out to be damaged.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not what was written for this segment, which is as it was.
    pub fn index_texts(&self, source: Arc<dyn Source>) -> Result<(), IndexError> {
        let owner = IndexOwner { checksum: self.0.checksum, rows: self.0.rows, pages: self.0.page_starts.len() - 1 };
        let index = TextIndex::open(owner, source.len(), move |offset, length| source.read(offset, length))?;
        // A second one would say the same.
        drop(self.0.text_index.set(index));
        Ok(())
    }

    /// What it was opened as.
    pub fn definition(&self) -> &'static Definition {
        self.0.definition
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.0.rows
    }

    /// Its flat columns: the definition's, then attributes. Name, kind, and whether a row may have none.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, Kind, bool)> {
        self.0.flat.iter().map(|column| (&column.name, column.kind, column.optional))
    }

    /// Its pages, in order of rows, with the times of [`Definition::time`]. All columns have pages of the same rows.
    pub fn time_pages(&self) -> &[TimePage] {
        &self.0.time_pages
    }

    /// Bytes of memory held: indexes, and whatever was cached.
    pub fn held_bytes(&self) -> usize {
        let index = self.0.index.as_ref().map_or(0, crate::lookup::Index::bytes);
        let text_index = self.0.text_index.get().map_or(0, TextIndex::held_bytes);
        index
            + text_index
            + size_of_val(&*self.0.time_pages)
            + self.0.leaves.iter().map(Leaf::held_bytes).sum::<usize>()
    }

    /// Drops what was cached. What uses it now keeps it until it is done.
    pub fn forget(&self) {
        for leaf in &self.0.leaves {
            leaf.cache.lock().take();
        }
    }

    /// The leaf of a column, if it is in the file.
    pub(crate) fn leaf_of(&self, name: &str) -> Option<usize> {
        let column = self.0.flat.iter().find(|column| &*column.name == name)?;
        (!self.0.leaves[column.leaf].is_absent()).then_some(column.leaf)
    }
}

/// The checked end of a file, as Parquet's reader wants it.
struct Tail {
    start: u64,
    bytes: Bytes,
    checksum: u32,
}

impl Length for Tail {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Tail {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let length = Length::len(self).saturating_sub(start);
        Ok(bytes::Buf::reader(self.get_bytes(start, length as usize)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let bytes = self.slice(start, length);
        bytes.ok_or_else(|| ParquetError::EOF(format!("{length} bytes at {start} are not in the tail")))
    }
}

impl Tail {
    fn slice(&self, start: u64, length: usize) -> Option<Bytes> {
        let start = usize::try_from(start.checked_sub(self.start)?).ok()?;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        Some(self.bytes.slice(start..end))
    }
}

/// Reads the tail and checks it, before anything in it is believed.
fn read_tail(source: &dyn Source) -> Result<Tail, Error> {
    let length = source.len();
    let read = |from: u64| {
        let bytes = source.read(from, (length - from) as usize);
        bytes.map_err(|cause| Error::Io { what: "read the tail of a segment", cause })
    };
    let damaged = |what: &str| Error::Damaged(format!("the footer {what}"));
    let mut from = length.saturating_sub(FIRST_READ);
    let mut bytes = read(from)?;
    let end = bytes.len().checked_sub(END_BYTES).ok_or_else(|| damaged("is cut off"))?;
    let footer_bytes = (tail::footer_bytes(&bytes[end..])? + END_BYTES) as u64;
    let footer = length.checked_sub(footer_bytes).filter(|start| *start >= MAGIC_BYTES);
    let footer =
        footer.filter(|_| footer_bytes <= MAX_TAIL_BYTES).ok_or_else(|| damaged("is not as long as it says"))?;
    if footer < from {
        from = footer;
        bytes = read(from)?;
    }
    let start = tail::start(&bytes[(footer - from) as usize..])?;
    if start < MAGIC_BYTES || start > footer || length - start > MAX_TAIL_BYTES {
        return Err(damaged("is not where it says"));
    }
    if start < from {
        bytes = read(start)?;
    } else {
        bytes = bytes.slice((start - from) as usize..);
    }
    let checksum = tail::check(&bytes)?;
    Ok(Tail { start, bytes, checksum })
}

struct Opening<'a> {
    definition: &'static Definition,
    source: Arc<dyn Source>,
    tail: &'a Tail,
    metadata: &'a ParquetMetaData,
}

impl Opening<'_> {
    fn open(&self) -> Result<SegmentInner, Error> {
        let [group] = self.metadata.row_groups() else {
            return Err(Error::Damaged(format!("{} row groups: expected one", self.metadata.num_row_groups())));
        };
        let rows =
            u32::try_from(group.num_rows()).map_err(|_| Error::Damaged("a number of rows that is none".into()))?;
        let definition = self.definition;
        let layout = Layout::of_file(definition, self.metadata.file_metadata().schema())?;
        let page_starts = self.page_starts(rows)?;
        let leaves = layout.leaves.iter().enumerate().map(|(leaf, schema)| self.leaf(leaf, schema, &page_starts));
        let mut leaves = leaves.collect::<Result<Vec<_>, _>>()?;
        let leaf = |place| layout.leaves.iter().position(|leaf| leaf.place == place);
        let flat = layout.flat.iter().enumerate().map(|(column, flat)| {
            let (name, kind, optional) = (flat.name.clone(), flat.kind, flat.optional);
            let distance = leaf(schema::LeafRole::Distance(column));
            let leaf = leaf(schema::LeafRole::Flat(column)).or_else(|| {
                leaves.push(Leaf::absent(flat, page_starts.clone(), self.source.clone())?);
                Some(leaves.len() - 1)
            });
            leaf.map(|leaf| SegmentColumn { name, kind, optional, leaf, distance })
        });
        let lists = definition.lists.iter().enumerate().map(|(list, fixed)| {
            let children = 0..fixed.children.len();
            children.map(|child| leaf(schema::LeafRole::Child { list, child })).collect::<Option<Vec<_>>>()
        });
        let incomplete = || Error::Damaged("its schema lacks columns".into());
        let flat = flat.collect::<Option<Vec<_>>>().ok_or_else(incomplete)?;
        let lists = lists.collect::<Option<Vec<_>>>().ok_or_else(incomplete)?;
        let time = &leaves[flat[definition.time].leaf];
        let time_pages = page_starts.windows(2).enumerate().map(|(page, ends)| {
            let bounds = match &time.bounds {
                Bounds::Int(pages) => pages.get(page),
                _ => None,
            };
            let (min, max) = bounds.map_or((i64::MIN, i64::MAX), |bounds| (bounds.min, bounds.max));
            TimePage { rows: ends[0] as usize..ends[1] as usize, min, max }
        });
        let time_pages = time_pages.collect();
        let plain =
            |at: usize| group.columns().get(flat[at].leaf).filter(|_| leaves[flat[at].leaf].dictionary.is_none());
        let searched = definition.searched.and_then(plain);
        Ok(SegmentInner {
            searched_bytes: searched.map_or(0, |chunk| u64::try_from(chunk.uncompressed_size()).unwrap_or(0)),
            definition,
            rows: rows as usize,
            leaves,
            flat,
            lists,
            time_pages,
            page_starts,
            index: None,
            checksum: self.tail.checksum,
            text_index: OnceLock::new(),
        })
    }

    /// Where pages start, by the first leaf, and the number of rows.
    fn page_starts(&self, rows: u32) -> Result<Arc<[u32]>, Error> {
        let mut starts = self.page_starts_of(0)?;
        starts.push(rows);
        let ascending = starts.windows(2).all(|ends| ends[0] < ends[1]);
        if starts[0] == 0 && ascending { Ok(starts.into()) } else { Err(Error::Damaged("pages of wrong rows".into())) }
    }

    fn page_starts_of(&self, leaf: usize) -> Result<Vec<u32>, Error> {
        let starts = self.locations(leaf)?.iter().map(|page| u32::try_from(page.first_row_index));
        starts.collect::<Result<_, _>>().map_err(|_| Error::Damaged("pages of wrong rows".into()))
    }

    fn locations(&self, leaf: usize) -> Result<&[parquet::file::page_index::offset_index::PageLocation], Error> {
        let index = self.metadata.offset_index().and_then(|index| index.first()).and_then(|group| group.get(leaf));
        match index {
            Some(index) => Ok(index.page_locations()),
            None => Err(Error::Damaged(format!("column chunk {leaf} has no page index"))),
        }
    }

    fn leaf(&self, leaf: usize, schema: &schema::Leaf, page_starts: &Arc<[u32]>) -> Result<Leaf, Error> {
        let chunk = match self.metadata.row_group(0).columns().get(leaf) {
            Some(chunk) => chunk,
            None => return Err(Error::Damaged(format!("column chunk {leaf} is missing"))),
        };
        let name = chunk.column_path().string();
        let in_list = matches!(schema.place, schema::LeafRole::Child { .. });
        let compressed = match chunk.compression() {
            Compression::UNCOMPRESSED => false,
            Compression::ZSTD(_) => true,
            other => return Err(Error::Damaged(format!("column {name} is compressed by {other}: expected zstd"))),
        };
        let starts = self.page_starts_of(leaf)?;
        if starts != page_starts[..page_starts.len() - 1] {
            return Err(Error::Damaged(format!("column {name} has other pages than the first")));
        }
        let pages = self.locations(leaf)?.iter().map(|page| self.place(page.offset, page.compressed_page_size.into()));
        let pages = pages.collect::<Result<Vec<_>, _>>()?;
        let dictionary = match (chunk.dictionary_page_offset(), pages.first()) {
            (Some(offset), Some(first)) => Some(self.place(offset, first.offset as i64 - offset)?),
            _ => None,
        };
        Ok(Leaf {
            name,
            kind: schema.kind,
            optional: schema.optional,
            is_empty: chunk.statistics().and_then(|all| all.null_count_opt()) == u64::try_from(chunk.num_values()).ok(),
            in_list,
            compressed,
            encoding: encoding(chunk)?,
            dictionary,
            bounds: if in_list { Bounds::Unknown } else { self.bounds(leaf, pages.len()) },
            pages,
            bloom: self.bloom(chunk)?,
            page_starts: page_starts.clone(),
            source: self.source.clone(),
            cache: Mutex::new(None),
        })
    }

    /// A place among the pages.
    fn place(&self, offset: i64, bytes: i64) -> Result<PageRange, Error> {
        let wrong = || Error::Damaged(format!("a page of {bytes} bytes at {offset}, where there are no pages"));
        let (offset, bytes) = (u64::try_from(offset).map_err(|_| wrong())?, u32::try_from(bytes).map_err(|_| wrong())?);
        let end = offset.checked_add(bytes.into()).filter(|end| offset >= MAGIC_BYTES && *end <= self.tail.start);
        end.map(|_| PageRange { offset, bytes }).ok_or_else(wrong)
    }

    fn bounds(&self, leaf: usize, pages: usize) -> Bounds {
        let index = self.metadata.column_index().and_then(|index| index.first()).and_then(|group| group.get(leaf));
        match index {
            Some(ColumnIndexMetaData::INT64(index)) if index.num_pages() == pages as u64 => {
                let bounds = |page| IntBounds {
                    min: index.min_value(page).copied().unwrap_or(i64::MAX),
                    max: index.max_value(page).copied().unwrap_or(i64::MIN),
                    nulls: index.null_count(page) != Some(0),
                };
                Bounds::Int((0..pages).map(bounds).collect())
            }
            Some(ColumnIndexMetaData::BYTE_ARRAY(index)) if index.num_pages() == pages as u64 => {
                let bounds =
                    |page| -> TextBounds { Some((index.min_value(page)?.into(), index.max_value(page)?.into())) };
                Bounds::Text((0..pages).map(bounds).collect())
            }
            _ => Bounds::Unknown,
        }
    }

    fn bloom(&self, chunk: &ColumnChunkMetaData) -> Result<Option<Bloom>, Error> {
        let (Some(offset), Some(bytes)) = (chunk.bloom_filter_offset(), chunk.bloom_filter_length()) else {
            return Ok(None);
        };
        let wrong = || Error::Damaged(format!("a bloom filter of {bytes} bytes at {offset}, which is not in the tail"));
        let (offset, bytes) = (u64::try_from(offset).map_err(|_| wrong())?, u32::try_from(bytes).map_err(|_| wrong())?);
        let filter = self.tail.slice(offset, bytes as usize).ok_or_else(wrong)?;
        Ok(Some(Bloom { place: PageRange { offset, bytes }, crc: crc32fast::hash(&filter) }))
    }
}

/// How a chunk's values are encoded: other than its levels ([`Encoding::RLE`]), and its dictionary ([`Encoding::PLAIN`]) if
/// it has one.
fn encoding(chunk: &ColumnChunkMetaData) -> Result<Encoding, Error> {
    let others = chunk.encodings().filter(|encoding| !matches!(encoding, Encoding::RLE | Encoding::PLAIN));
    match *others.collect::<Vec<_>>() {
        [] => Ok(Encoding::PLAIN),
        [encoding] => Ok(encoding),
        _ => Err(Error::Damaged(format!("column {} is encoded in more than one way", chunk.column_path()))),
    }
}
