//! The index of labels: for each name its values, for each value the views that have it.
//!
//! Values of a name stand in order, in runs of up to [`RUN_VALUES`]: how many; how much greater the number of each text is than that
//! before; how long the set of views of each is. The sets follow each other in a block of their own, as Roaring bitmaps in their portable
//! form. The label index names the runs of each name: <https://github.com/RoaringBitmap/RoaringFormatSpec>.

use std::collections::BTreeMap;
use std::io::Write;

use roaring::RoaringBitmap;
use vitrine_kit::varint;

use crate::chunk::{read_bytes, read_length};
use crate::error::FileError;
use crate::file::blocks::{BlockRef, BlockWriter, Blocks, MAX_BLOCK_BYTES};

/// Values of a run.
const RUN_VALUES: usize = 1024;
/// Bytes of sets, after which a run ends.
const RUN_BYTES: usize = 64 << 10;

/// Views by name and value.
pub(crate) type Postings = BTreeMap<(u32, u32), RoaringBitmap>;

/// Values of a name.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// The number of the first value's text.
    pub first: u32,
    values: BlockRef,
    sets: BlockRef,
}

/// A name, and its values.
#[derive(Debug, Clone)]
pub(crate) struct LabelName {
    pub name: u32,
    pub runs: Vec<Run>,
}

/// Writes the index. Returns the block of names.
pub(crate) fn write<W: Write>(postings: &Postings, out: &mut BlockWriter<W>) -> Result<BlockRef, FileError> {
    let entries: Vec<(&(u32, u32), &RoaringBitmap)> = postings.iter().collect();
    let mut index = Vec::new();
    for of_name in entries.chunk_by(|one, other| one.0.0 == other.0.0) {
        let mut runs = Vec::new();
        let mut rest = of_name;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |(_, set): &&(&(u32, u32), &RoaringBitmap)| {
                bytes += set.serialized_size();
                bytes <= RUN_BYTES
            };
            let length = rest.iter().take(RUN_VALUES).take_while(fits).count().max(1);
            runs.push(write_run(&rest[..length], out)?);
            rest = &rest[length..];
        }
        varint::write(&mut index, u64::from(of_name[0].0.0));
        varint::write(&mut index, runs.len() as u64);
        for run in runs {
            varint::write(&mut index, u64::from(run.first));
            run.values.write(&mut index);
            run.sets.write(&mut index);
        }
    }
    out.block(&index)
}

fn write_run<W: Write>(entries: &[(&(u32, u32), &RoaringBitmap)], out: &mut BlockWriter<W>) -> Result<Run, FileError> {
    let first = entries[0].0.1;
    let (mut values, mut lengths, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    varint::write(&mut values, entries.len() as u64);
    let mut before = first;
    for ((_, value), set) in entries {
        varint::write(&mut values, u64::from(value - before));
        before = *value;
        varint::write(&mut lengths, set.serialized_size() as u64);
        set.serialize_into(&mut sets).map_err(FileError::io("write a set of views"))?;
    }
    values.append(&mut lengths);
    Ok(Run { first, values: out.block(&values)?, sets: out.block(&sets)? })
}

/// All names, in order.
pub(crate) fn read_index(mut bytes: &[u8]) -> Result<Vec<LabelName>, FileError> {
    let mut names = Vec::new();
    let bytes = &mut bytes;
    while !bytes.is_empty() {
        let name = read_length(bytes, u32::MAX as usize)? as u32;
        let mut runs = Vec::new();
        let most = bytes.len();
        for _ in 0..read_length(bytes, most)? {
            let first = read_length(bytes, u32::MAX as usize)? as u32;
            runs.push(Run { first, values: BlockRef::read(bytes)?, sets: BlockRef::read(bytes)? });
        }
        names.push(LabelName { name, runs });
    }
    Ok(names)
}

impl Run {
    /// The values, with where the set of each begins and how long it is.
    pub(crate) fn values(&self, blocks: &Blocks) -> Result<Vec<(u32, usize, usize)>, FileError> {
        let block = blocks.cached(self.values)?;
        let mut bytes = &block[..];
        let count = read_length(&mut bytes, RUN_VALUES)?;
        let (mut value, mut values) = (self.first, Vec::with_capacity(count));
        for _ in 0..count {
            let more = read_length(&mut bytes, u32::MAX as usize)? as u32;
            value = value.checked_add(more).ok_or(FileError::Damaged("a text's number is too great"))?;
            values.push((value, 0, 0));
        }
        let mut begin = 0;
        for (_, offset, length) in &mut values {
            *offset = begin;
            *length = read_length(&mut bytes, MAX_BLOCK_BYTES)?;
            begin += *length;
        }
        Ok(values)
    }

    /// Sets of the values that are accepted, as one. `most` is how many views there are.
    pub(crate) fn union(
        &self,
        blocks: &Blocks,
        most: u64,
        mut accepts: impl FnMut(u32) -> bool,
    ) -> Result<RoaringBitmap, FileError> {
        let mut union = RoaringBitmap::new();
        let chosen: Vec<_> = self.values(blocks)?.into_iter().filter(|(value, ..)| accepts(*value)).collect();
        if chosen.is_empty() {
            return Ok(union);
        }
        let sets = blocks.cached(self.sets)?;
        for (_, offset, length) in chosen {
            let mut bytes = sets.get(offset..).ok_or(FileError::Damaged("a set of views is missing"))?;
            let bytes = read_bytes(&mut bytes, length)?;
            let set = RoaringBitmap::deserialize_from(bytes)
                .map_err(|_| FileError::Damaged("a set of views that is none"))?;
            if set.max().is_some_and(|view| u64::from(view) >= most) {
                return Err(FileError::Damaged("a set names views that are not there"));
            }
            union |= set;
        }
        Ok(union)
    }
}
