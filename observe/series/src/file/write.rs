//! Writes a file, series by series.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::chunk::{self, encode};
use crate::error::FileError;
use crate::file::blocks::BlockWriter;
use crate::file::clocks::{ClockKey, ClockWriter, Cut};
use crate::file::directory::{ChunkEntry, Group};
use crate::file::footer::Footer;
use crate::file::labels::{self, Postings};
use crate::file::names::{NamedSeries, write_identity};
use crate::file::{BLOCK_SERIES, MAGIC, PAGE_SERIES, WriteOptions, Written, exemplars, symbols};
use crate::part::Joined;
use crate::{Exemplar, Histogram, MetadataEntry, Value, Values};

/// Bytes of a page, after which it ends.
const PAGE_BYTES: usize = 64 << 10;

/// A series to be written.
pub(crate) struct SeriesData<'a> {
    pub named: NamedSeries,
    pub identity: &'a [u8],
    /// The clock that it has, if it has one.
    pub clock: Option<ClockKey>,
    pub samples: Joined,
    pub exemplars: &'a [Exemplar],
}

/// A file that is being written.
pub(crate) struct FileWriter<W> {
    out: BlockWriter<W>,
    footer: Footer,
    clocks: ClockWriter,
    /// By number, in order.
    symbols: Vec<Arc<str>>,
    used_symbols: RoaringBitmap,
    postings: Postings,
    names: Vec<u8>,
    identities: Vec<u8>,
    directory: Vec<u8>,
    exemplars: Vec<u8>,
    /// Chunks of the series that are not in a page yet.
    waiting: Vec<Vec<(ChunkEntry, Vec<u8>)>>,
    in_block: usize,
}

impl<W: Write> FileWriter<W> {
    /// A file whose labels are of these texts, which are in order and each there once; others may be among them.
    pub(crate) fn new(out: W, options: &WriteOptions, symbols: Vec<Arc<str>>) -> Result<Self, FileError> {
        let mut out = BlockWriter::new(out, options.zstd_level);
        out.raw(MAGIC)?;
        Ok(Self {
            out,
            footer: Footer::default(),
            clocks: ClockWriter::new(),
            symbols,
            used_symbols: RoaringBitmap::new(),
            postings: Postings::new(),
            names: Vec::new(),
            identities: Vec::new(),
            directory: Vec::new(),
            exemplars: Vec::new(),
            waiting: Vec::new(),
            in_block: 0,
        })
    }

    /// Adds a clock, before the first series.
    pub(crate) fn clock(&mut self, key: ClockKey, times: &[i64]) -> Result<(), FileError> {
        self.clocks.add(key, times, &mut self.out)
    }

    /// Adds a series. They come in [their order](NamedSeries::order).
    pub(crate) fn push(&mut self, series: &SeriesData<'_>) -> Result<(), FileError> {
        self.name(series)?;
        let Joined { times, values, starts } = &series.samples;
        let mut chunks = Vec::new();
        for cut in self.clocks.cut(series.clock, times, &mut self.out)? {
            let starts = starts.as_deref();
            match values {
                Values::Floats(values) => chunks.push(pack(&cut, times, chunk::Values::Floats(values), starts)),
                Values::Histograms(values) => chunks.push(pack(&cut, times, chunk::Values::Histograms(values), starts)),
                Values::Mixed(values) => pack_mixed(&cut, times, values, starts, &mut chunks),
            }
        }
        if let (Some(first), Some(last)) = (times.first(), times.last()) {
            let footer = &mut self.footer;
            let (min, max) = if footer.samples == 0 { (*first, *last) } else { (footer.min_ms, footer.max_ms) };
            (footer.min_ms, footer.max_ms) = (min.min(*first), max.max(*last));
            footer.samples += times.len() as u64;
        }
        self.waiting.push(chunks);
        if !series.exemplars.is_empty() {
            exemplars::write(self.in_block, series.exemplars, &mut self.exemplars);
            self.footer.exemplars += series.exemplars.len() as u64;
        }
        self.in_block += 1;
        self.footer.series += 1;
        if self.waiting.len() == PAGE_SERIES {
            self.flush_pages()?;
        }
        if self.in_block == BLOCK_SERIES {
            self.flush_block()?;
        }
        Ok(())
    }

    fn name(&mut self, series: &SeriesData<'_>) -> Result<(), FileError> {
        let views = self.footer.views + series.named.views.len() as u64;
        if views > u64::from(u32::MAX) {
            return Err(FileError::TooLarge("series"));
        }
        if self.in_block == 0 {
            // With the number of the first view, or series, of what is to follow.
            self.footer.names.push((self.footer.views, Default::default()));
            self.footer.identities.push((self.footer.series, Default::default()));
            self.footer.directories.push((self.footer.series, Default::default()));
        }
        for (view, number) in series.named.views.iter().zip(self.footer.views as u32..) {
            for (name, value) in &view.labels {
                self.used_symbols.extend([*name, *value]);
                self.postings.entry((*name, *value)).or_default().insert(number);
            }
        }
        self.footer.views = views;
        series.named.write(&mut self.names);
        write_identity(series.identity, &mut self.identities);
        Ok(())
    }

    /// Writes what waits into pages.
    fn flush_pages(&mut self) -> Result<(), FileError> {
        let mut group =
            Group { counts: self.waiting.iter().map(|chunks| chunks.len() as u32).collect(), ..Group::default() };
        let deepest = self.waiting.iter().map(Vec::len).max().unwrap_or(0);
        for depth in 0..deepest {
            let (mut page, mut chunks) = (Vec::new(), 0);
            for (entry, bytes) in self.waiting.iter().filter_map(|series| series.get(depth)) {
                if chunks > 0 && page.len() + bytes.len() > PAGE_BYTES {
                    group.pages.push((self.out.page(&page)?, chunks));
                    page.clear();
                    chunks = 0;
                }
                page.extend(bytes);
                group.entries.push(*entry);
                chunks += 1;
            }
            group.pages.push((self.out.page(&page)?, chunks));
        }
        group.write(&mut self.directory);
        self.waiting.clear();
        Ok(())
    }

    fn flush_block(&mut self) -> Result<(), FileError> {
        if self.in_block == 0 {
            return Ok(());
        }
        if !self.waiting.is_empty() {
            self.flush_pages()?;
        }
        let first_series = self.footer.series - self.in_block as u64;
        let directory = self.out.block(&self.directory)?;
        let (names, identities) = (self.out.block(&self.names)?, self.out.block(&self.identities)?);
        self.footer.name_bytes += names.stored() + identities.stored();
        let blocks = [
            (&mut self.footer.names, names),
            (&mut self.footer.identities, identities),
            (&mut self.footer.directories, directory),
        ];
        for (blocks, place) in blocks {
            if let Some(last) = blocks.last_mut() {
                last.1 = place;
            }
        }
        if !self.exemplars.is_empty() {
            self.footer.exemplar_blocks.push((first_series, self.out.block(&self.exemplars)?));
        }
        for block in [&mut self.names, &mut self.identities, &mut self.directory, &mut self.exemplars] {
            block.clear();
        }
        self.in_block = 0;
        Ok(())
    }

    /// Ends the file, with what is known of metrics.
    pub(crate) fn finish(mut self, metadata: &BTreeSet<MetadataEntry>) -> Result<Written, FileError> {
        self.flush_block()?;
        let Self { mut out, mut footer, clocks, symbols, used_symbols, postings, .. } = self;
        footer.clocks = clocks.finish(&mut out)?;
        let begin = out.offset();
        let used = used_symbols.iter().map(|number| (number, &*symbols[number as usize]));
        (footer.symbols, footer.symbol_index) = symbols::write(used, &mut out)?;
        footer.label_index = labels::write(&postings, &mut out)?;
        footer.name_bytes += out.offset() - begin;
        footer.metadata = out.block(&super::metadata::write(metadata))?;
        let bytes = footer.write();
        let place = out.offset();
        let length = u32::try_from(bytes.len()).map_err(|_| FileError::TooLarge("its footer"))?;
        out.raw(&bytes)?;
        out.raw(&place.to_le_bytes())?;
        out.raw(&length.to_le_bytes())?;
        out.raw(&crc32fast::hash(&bytes).to_le_bytes())?;
        out.raw(MAGIC)?;
        let Footer { name_bytes, series, samples, exemplars, min_ms, max_ms, .. } = footer;
        Ok(Written { bytes: out.finish()?, name_bytes, series, samples, exemplars, min_ms, max_ms })
    }
}

fn pack(cut: &Cut, times: &[i64], values: chunk::Values<'_>, starts: Option<&[i64]>) -> (ChunkEntry, Vec<u8>) {
    let range = cut.samples.clone();
    let values = match values {
        chunk::Values::Floats(values) => chunk::Values::Floats(&values[range.clone()]),
        chunk::Values::Histograms(values) => chunk::Values::Histograms(&values[range.clone()]),
    };
    let mut bytes = Vec::new();
    encode(&cut.gaps, &times[range.clone()], values, starts.map(|starts| &starts[range]), &mut bytes);
    let (piece, first, span) = (cut.piece, cut.first, cut.span);
    (ChunkEntry { piece, first, span, length: bytes.len() as u32 }, bytes)
}

/// Packs samples of both kinds: each run of one kind is a chunk.
fn pack_mixed(
    cut: &Cut,
    times: &[i64],
    values: &[Value],
    starts: Option<&[i64]>,
    chunks: &mut Vec<(ChunkEntry, Vec<u8>)>,
) {
    // The place of each sample.
    let places: Vec<u32> = (0..cut.span).filter(|place| cut.gaps.binary_search(place).is_err()).collect();
    let is_float = |at: usize| matches!(values[at], Value::Float(_));
    let mut begin = cut.samples.start;
    while begin < cut.samples.end {
        let end = (begin..cut.samples.end).find(|at| is_float(*at) != is_float(begin)).unwrap_or(cut.samples.end);
        let place = |at: usize| places[at - cut.samples.start];
        let (first, last) = (place(begin), place(end - 1));
        let gaps = cut.gaps.iter().filter(|gap| (first..last).contains(*gap)).map(|gap| gap - first).collect();
        // Values of the other kind are not read.
        let floats: Vec<u64> = values[begin..end].iter().filter_map(Value::float).collect();
        let histograms: Vec<Arc<Histogram>> = values[begin..end].iter().filter_map(Value::histogram).collect();
        let run =
            Cut { piece: cut.piece, first: cut.first + first, span: last - first + 1, gaps, samples: 0..end - begin };
        let values =
            if is_float(begin) { chunk::Values::Floats(&floats) } else { chunk::Values::Histograms(&histograms) };
        chunks.push(pack(&run, &times[begin..end], values, starts.map(|starts| &starts[begin..end])));
        begin = end;
    }
}

/// Texts of a table of texts, in order, each once.
pub(crate) fn in_order(mut texts: Vec<Arc<str>>) -> Vec<Arc<str>> {
    texts.sort_unstable();
    texts.dedup();
    texts
}
