//! Several files become one.
//!
//! Series by series, in the order in which they stand in all files: what is in memory is the index of the file that is written, the texts,
//! the times of clocks as they are packed, and one series of samples, however many samples there are.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::file::{
    BLOCK_SERIES, ClockBlock, ClockKey, FileReader, FileWriter, NamedSeries, SeriesData, Texts, in_order,
    read_identities,
};
use crate::part::{TimesCache, join};
use crate::{Exemplar, FileError, FileInput, WriteOptions, Written};

/// Times are kept for later series up to so many bytes.
const TIMES_BYTES: usize = 16 << 20;
/// Most files of one merge.
const MAX_INPUTS: usize = 1024;

/// Writes all series of files as one file, without what was deleted and what is earlier than `not_before_ms`. The files are in the order in
/// which they were written: of samples of one series and time the last one counts.
///
/// # Errors
///
/// A file cannot be read, or the new one not written.
pub fn merge(
    inputs: &[FileInput],
    not_before_ms: i64,
    options: &WriteOptions,
    out: impl Write,
) -> Result<Written, FileError> {
    if inputs.len() > MAX_INPUTS {
        return Err(FileError::TooLarge("so many files"));
    }
    let (texts, mut cursors) = open(inputs)?;
    let mut file = FileWriter::new(out, options, texts)?;
    add_clocks(inputs, not_before_ms, &mut file)?;
    let mut times = TimesCache::default();
    // Series are read after this time.
    let after_ms = not_before_ms.saturating_sub(1);
    while let Some(first) = cursors.iter().filter(|cursor| cursor.current().is_some()).min_by(|a, b| a.compare(b)) {
        let order = first.current().map(|series| (series.order().0.to_vec(), series.id));
        if times.bytes() > TIMES_BYTES {
            times = TimesCache::default();
        }
        let mut series = Collected::default();
        for cursor in &mut cursors {
            let is_it = |it: &NamedSeries| order.as_ref().is_some_and(|(labels, id)| it.order() == (labels, *id));
            if cursor.current().is_some_and(is_it) {
                cursor.take(after_ms, &mut times, &mut series)?;
            }
        }
        let Collected { named: Some(named), identity, clock, parts, mut exemplars } = series else { break };
        exemplars.retain(|exemplar| exemplar.time_ms >= not_before_ms);
        let samples = join(parts, &mut times);
        if !samples.times.is_empty() || !exemplars.is_empty() {
            file.push(&SeriesData { named, identity: &identity, clock, samples, exemplars: &exemplars })?;
        }
    }
    let mut metadata = BTreeSet::new();
    for input in inputs {
        metadata.extend(input.file.metadata()?);
    }
    file.finish(&metadata)
}

/// What several files have of one series.
#[derive(Default)]
struct Collected {
    /// As the last of them has it.
    named: Option<NamedSeries>,
    identity: Bytes,
    clock: Option<ClockKey>,
    parts: Vec<crate::part::Part>,
    exemplars: Vec<Exemplar>,
}

/// A place in a file.
struct Cursor<'a> {
    input: &'a FileInput,
    reader: FileReader,
    /// The new number of each text.
    numbers: HashMap<u32, u32, FxBuildHasher>,
    block: usize,
    names: Vec<NamedSeries>,
    identities: Vec<Bytes>,
    at: usize,
}

fn open(inputs: &[FileInput]) -> Result<(Vec<Arc<str>>, Vec<Cursor<'_>>), FileError> {
    let mut of_each = Vec::with_capacity(inputs.len());
    for input in inputs {
        of_each.push(Texts::all(&input.file.blocks, &input.file.footer)?);
    }
    let texts = in_order(of_each.iter().flatten().map(|(_, text)| text.clone()).collect());
    let mut cursors = Vec::with_capacity(inputs.len());
    for ((input, own), source) in inputs.iter().zip(of_each).zip(0..) {
        let mut numbers = HashMap::with_capacity_and_hasher(own.len(), FxBuildHasher);
        let mut rank = 0;
        for (number, text) in own {
            while texts.get(rank).is_some_and(|other| *other < text) {
                rank += 1;
            }
            numbers.insert(number, rank as u32);
        }
        let reader = FileReader::new(input.file.clone(), source);
        let mut cursor = Cursor { input, reader, numbers, block: 0, names: Vec::new(), identities: Vec::new(), at: 0 };
        cursor.load()?;
        cursors.push(cursor);
    }
    Ok((texts, cursors))
}

impl Cursor<'_> {
    fn current(&self) -> Option<&NamedSeries> {
        self.names.get(self.at)
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.current().map(NamedSeries::order).cmp(&other.current().map(NamedSeries::order))
    }

    /// Reads the names of the block.
    fn load(&mut self) -> Result<(), FileError> {
        let file = &self.input.file;
        (self.at, self.names, self.identities) = (0, Vec::new(), Vec::new());
        let Some((_, place)) = file.footer.identities.get(self.block) else { return Ok(()) };
        self.names = file.names(self.block)?;
        for labels in self.names.iter_mut().flat_map(|series| &mut series.views).map(|view| &mut view.labels) {
            for number in labels.iter_mut().flat_map(|(name, value)| [name, value]) {
                *number = *self.numbers.get(number).ok_or(FileError::Damaged("a text is missing"))?;
            }
        }
        let block = file.blocks.read(*place)?;
        self.identities = read_identities(&block)?.into_iter().map(|identity| block.slice_ref(identity)).collect();
        if self.identities.len() != self.names.len() {
            return Err(FileError::Damaged("an identity is missing"));
        }
        if !self.names.is_sorted_by(|one, other| one.order() <= other.order()) {
            return Err(FileError::Damaged("series are not in order"));
        }
        Ok(())
    }

    /// Takes the current series, and goes on to the next one.
    fn take(&mut self, after_ms: i64, times: &mut TimesCache, into: &mut Collected) -> Result<(), FileError> {
        let series = (self.block * BLOCK_SERIES + self.at) as u32;
        let named = self.names[self.at].clone();
        let parts = self.reader.read(series, (after_ms, i64::MAX), times)?;
        into.parts.extend(self.input.deleted.apply(named.id, parts));
        let mut exemplars = self.input.file.exemplars(series)?;
        self.input.deleted.apply_to(named.id, &mut exemplars);
        exemplars.retain(|exemplar| !into.exemplars.contains(exemplar));
        into.exemplars.append(&mut exemplars);
        into.clock = self.reader.clock_of(series)?.or(into.clock);
        into.identity = self.identities[self.at].clone();
        into.named = Some(named);
        self.at += 1;
        if self.at == self.names.len() {
            self.block += 1;
            self.load()?;
        }
        Ok(())
    }
}

/// Adds the clocks of all files, each with all times that one of them has of it.
pub(crate) fn add_clocks<W: Write>(
    inputs: &[FileInput],
    not_before_ms: i64,
    file: &mut FileWriter<W>,
) -> Result<(), FileError> {
    // Where the pieces of each clock are; one clock is decoded at a time.
    let mut places: BTreeMap<ClockKey, Vec<(usize, usize, usize)>> = BTreeMap::new();
    let read = |input: usize, block: usize| {
        let file = &inputs[input].file;
        ClockBlock::read(file.blocks.cached(file.footer.clocks[block].1)?)
    };
    for (input, FileInput { file, .. }) in inputs.iter().enumerate() {
        for block in 0..file.footer.clocks.len() {
            for (within, piece) in read(input, block)?.pieces().iter().enumerate() {
                if let Some(key) = piece.key.filter(|_| piece.max_ms >= not_before_ms) {
                    places.entry(key).or_default().push((input, block, within));
                }
            }
        }
    }
    for (key, pieces) in places {
        let mut times = Vec::new();
        for (input, block, within) in pieces {
            times.extend(read(input, block)?.times(within)?);
        }
        times.sort_unstable();
        times.dedup();
        times.retain(|time| *time >= not_before_ms);
        if !times.is_empty() {
            file.clock(key, &times)?;
        }
    }
    Ok(())
}
