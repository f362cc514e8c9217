//! Samples of one series, packed: at most [`MAX_SAMPLES`], with the places of a clock that they have.
//!
//! A chunk is a byte of flags; its gaps if there are any; when its totals began if that is known; then its values. Whole numbers
//! are LEB128, with the sign in the lowest bit where there is one. Nothing is lost: what decodes to other bits is written otherwise.

mod bytes;
mod floats;
mod histograms;
mod numbers;
mod packing;
mod places;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::Histogram;
use crate::error::FileError;
use crate::part::Column;
pub(crate) use bytes::{read_byte, read_bytes, read_length, read_number, read_signed, write_signed};
pub(crate) use numbers::{read_numbers, write_numbers};
pub(crate) use places::{read_places, write_places};

/// Most samples of a chunk.
pub(crate) const MAX_SAMPLES: usize = 512;

/// There are histograms, not doubles.
const HISTOGRAMS: u8 = 1;
/// There are places without a sample.
const GAPS: u8 = 2;
/// It is known when totals began.
const STARTS: u8 = 4;
/// Each total but the first one begins when the one before ends.
const FOLLOWING: u8 = 8;

/// A chunk, decoded.
#[derive(Debug, PartialEq)]
pub(crate) struct Chunk {
    /// Places, from the first one on, without a sample.
    pub gaps: Vec<u32>,
    pub values: Column,
    pub starts: Starts,
}

/// When totals began.
#[derive(Debug, PartialEq)]
pub(crate) enum Starts {
    Unknown,
    Each(Vec<i64>),
    /// The first one then, each other one at the time of the sample before.
    Following(i64),
}

impl Starts {
    /// One for each sample; none if it is not known.
    pub(crate) fn resolve(self, times: &[i64]) -> Option<Vec<i64>> {
        match self {
            Self::Unknown => None,
            Self::Each(starts) => Some(starts),
            Self::Following(first) => {
                Some(std::iter::once(first).chain(times.iter().copied()).take(times.len()).collect())
            }
        }
    }
}

/// Writes a chunk. There are as many values, and starts, as times.
pub(crate) fn encode(gaps: &[u32], times: &[i64], values: Values<'_>, starts: Option<&[i64]>, out: &mut Vec<u8>) {
    let starts = starts.filter(|starts| starts.iter().any(|start| *start != 0));
    let follow = starts.is_some_and(|starts| starts.len() > 1 && starts[1..] == times[..times.len() - 1]);
    let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
    out.push(
        flag(HISTOGRAMS, matches!(values, Values::Histograms(_)))
            | flag(GAPS, !gaps.is_empty())
            | flag(STARTS, starts.is_some())
            | flag(FOLLOWING, follow),
    );
    if !gaps.is_empty() {
        write_places(gaps, out);
    }
    match starts {
        Some(starts) if follow => write_signed(out, starts[0]),
        Some(starts) => write_numbers(starts, out),
        None => {}
    }
    match values {
        Values::Floats(values) => floats::write(values, out),
        Values::Histograms(values) => histograms::write(values, out),
    }
}

/// Values to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values<'a> {
    Floats(&'a [u64]),
    Histograms(&'a [Arc<Histogram>]),
}

/// Reads a chunk of so many places.
pub(crate) fn decode(mut bytes: &[u8], span: usize) -> Result<Chunk, FileError> {
    let flags = read_byte(&mut bytes)?;
    let gaps = if flags & GAPS == 0 { Vec::new() } else { read_places(&mut bytes, span)? };
    let count = span.saturating_sub(gaps.len());
    if count == 0 || count > MAX_SAMPLES || flags > HISTOGRAMS | GAPS | STARTS | FOLLOWING {
        return Err(FileError::Damaged("a chunk without samples, or with too many"));
    }
    let starts = match (flags & STARTS, flags & FOLLOWING) {
        (0, 0) => Starts::Unknown,
        (0, _) => return Err(FileError::Damaged("starts that follow none")),
        (_, 0) => Starts::Each(read_numbers(&mut bytes, count)?),
        _ => Starts::Following(read_signed(&mut bytes)?),
    };
    let values = if flags & HISTOGRAMS == 0 {
        Column::Floats(floats::read(&mut bytes, count)?)
    } else {
        Column::Histograms(histograms::read(&mut bytes, count)?)
    };
    if !bytes.is_empty() {
        return Err(FileError::Damaged("a chunk is longer than its values"));
    }
    Ok(Chunk { gaps, values, starts })
}
