//! The footer: what there is in a file, and where.

use vitrine_kit::varint;

use crate::chunk::{read_length, read_number, read_signed, write_signed};
use crate::error::FileError;
use crate::file::BLOCK_SERIES;
use crate::file::blocks::BlockRef;

/// Most blocks of a section: those of 512 series each of as many series as there may be.
const MAX_BLOCKS: usize = u32::MAX as usize / BLOCK_SERIES + 1;
/// Least bytes of the reference to a block.
const REF_BYTES: usize = 7;

/// What there is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Footer {
    pub series: u64,
    pub views: u64,
    pub samples: u64,
    pub exemplars: u64,
    pub name_bytes: u64,
    pub min_ms: i64,
    pub max_ms: i64,
    /// Names of each 512 series, with the number of the first view.
    pub names: Vec<(u64, BlockRef)>,
    /// Identities of each 512 series.
    pub identities: Vec<(u64, BlockRef)>,
    /// Chunks of each 512 series, with the number of the first series.
    pub directories: Vec<(u64, BlockRef)>,
    /// Exemplars, with the number of the first series.
    pub exemplar_blocks: Vec<(u64, BlockRef)>,
    /// Clocks, with the number of the first one.
    pub clocks: Vec<(u64, BlockRef)>,
    /// Texts, with the number of the first one.
    pub symbols: Vec<(u64, BlockRef)>,
    /// One block: the first text of each block of texts.
    pub symbol_index: BlockRef,
    /// One block: names of labels, and where their values are.
    pub label_index: BlockRef,
    /// One block: what is known of metrics.
    pub metadata: BlockRef,
}

impl Footer {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [self.series, self.views, self.samples, self.exemplars, self.name_bytes] {
            varint::write(&mut out, number);
        }
        write_signed(&mut out, self.min_ms);
        write_signed(&mut out, self.max_ms);
        let Self { names, identities, directories, exemplar_blocks, clocks, symbols, .. } = self;
        for blocks in [names, identities, directories, exemplar_blocks, clocks, symbols] {
            varint::write(&mut out, blocks.len() as u64);
            for (first, place) in blocks {
                varint::write(&mut out, *first);
                place.write(&mut out);
            }
        }
        for place in [self.symbol_index, self.label_index, self.metadata] {
            place.write(&mut out);
        }
        out
    }

    pub(crate) fn read(mut bytes: &[u8]) -> Result<Self, FileError> {
        let bytes = &mut bytes;
        let mut footer = Self {
            series: read_number(bytes)?,
            views: read_number(bytes)?,
            samples: read_number(bytes)?,
            exemplars: read_number(bytes)?,
            name_bytes: read_number(bytes)?,
            min_ms: read_signed(bytes)?,
            max_ms: read_signed(bytes)?,
            ..Self::default()
        };
        if footer.series.max(footer.views) > u64::from(u32::MAX) {
            return Err(FileError::Damaged("it has more series than there can be"));
        }
        let Self { names, identities, directories, exemplar_blocks, clocks, symbols, .. } = &mut footer;
        for blocks in [names, identities, directories, exemplar_blocks, clocks, symbols] {
            let count = read_length(bytes, MAX_BLOCKS.min(bytes.len() / REF_BYTES))?;
            for _ in 0..count {
                blocks.push((read_number(bytes)?, BlockRef::read(bytes)?));
            }
            if !blocks.is_sorted_by_key(|(first, _)| *first) {
                return Err(FileError::Damaged("blocks are not in order"));
            }
        }
        footer.symbol_index = BlockRef::read(bytes)?;
        footer.label_index = BlockRef::read(bytes)?;
        footer.metadata = BlockRef::read(bytes)?;
        let blocks = (footer.series as usize).div_ceil(BLOCK_SERIES);
        if footer.names.iter().any(|(first, _)| *first > footer.views) {
            return Err(FileError::Damaged("views are missing"));
        }
        if [&footer.names, &footer.identities, &footer.directories].iter().any(|it| it.len() != blocks) {
            return Err(FileError::Damaged("blocks of series are missing"));
        }
        Ok(footer)
    }
}

/// The block in which a number is: the last one that begins with it or before.
pub(crate) fn block_of(blocks: &[(u64, BlockRef)], number: u64) -> Result<usize, FileError> {
    let after = blocks.partition_point(|(first, _)| *first <= number);
    after.checked_sub(1).ok_or(FileError::Damaged("a number is in no block"))
}
