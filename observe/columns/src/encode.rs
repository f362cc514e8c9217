//! Values as bytes of Parquet pages.
//!
//! Formats: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use vitrine_kit::varint;

/// A run shorter than this is packed instead.
const MIN_RUN: usize = 16;
/// Values that are packed together.
const GROUP: usize = 8;
/// Values of a block of `DELTA_BINARY_PACKED`.
const BLOCK: usize = 128;
/// Parts of a block, each with a width of its own.
const MINIBLOCKS: usize = 4;
/// Values of such a part.
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// Bits that a code of a dictionary of so many texts needs. Widths of 5 to 7 are widened to 8: whole bytes compress
/// better, and are read faster.
pub(crate) fn code_width(entries: usize) -> u32 {
    match usize::BITS - entries.saturating_sub(1).leading_zeros() {
        0 => 1,
        5..8 => 8,
        width => width,
    }
}

/// Small numbers of either sign as small unsigned ones.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The hybrid of runs and packed groups, without a length before it.
pub(crate) fn hybrid(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let (mut at, mut packed) = (0, 0);
    while at < values.len() {
        if let Some(end) = run(values, at) {
            groups(out, &values[packed..at], width);
            varint::write(out, ((end - at) as u64) << 1);
            out.extend_from_slice(&values[at].to_le_bytes()[..width.div_ceil(8) as usize]);
            (at, packed) = (end, end);
        } else {
            at = (at + GROUP).min(values.len());
        }
    }
    groups(out, &values[packed..], width);
}

/// Where a run that begins here ends, if it is long enough.
fn run(values: &[u32], at: usize) -> Option<usize> {
    let rest = &values[at..];
    let value = *rest.first()?;
    // Most places are no run: two looks tell.
    if rest.len() < MIN_RUN || rest[1] != value || rest[MIN_RUN - 1] != value {
        return None;
    }
    let length = rest.iter().take_while(|other| **other == value).count();
    (length >= MIN_RUN).then_some(at + length)
}

/// One stretch of packed groups; the last group is filled up with zeros.
fn groups(out: &mut Vec<u8>, values: &[u32], width: u32) {
    if values.is_empty() {
        return;
    }
    let count = values.len().div_ceil(GROUP);
    varint::write(out, (count as u64) << 1 | 1);
    let end = out.len() + count * width as usize;
    if width == 8 {
        out.extend(values.iter().map(|value| *value as u8));
    } else {
        pack(out, values, width);
    }
    out.resize(end, 0);
}

/// Values next to each other in so many bits each, the lowest first.
fn pack(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let (mut bits, mut filled) = (0u64, 0);
    for value in values {
        bits |= u64::from(*value) << filled;
        filled += width;
        if filled >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            filled -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// Repetition or definition levels: their length, then the hybrid.
pub(crate) fn levels(out: &mut Vec<u8>, levels: &[u32], width: u32) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    hybrid(out, levels, width);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// `BYTE_STREAM_SPLIT`: all first bytes, all second bytes, and so on.
pub(crate) fn split_bytes(out: &mut Vec<u8>, values: &[u64]) {
    if values.is_empty() {
        return;
    }
    let start = out.len();
    out.resize(start + values.len() * 8, 0);
    for (place, plane) in out[start..].chunks_exact_mut(values.len()).enumerate() {
        for (byte, value) in plane.iter_mut().zip(values) {
            *byte = (value >> (8 * place)) as u8;
        }
    }
}

/// `PLAIN` booleans: a bit each.
pub(crate) fn bits(out: &mut Vec<u8>, values: &[u8]) {
    out.extend(
        values
            .chunks(8)
            .map(|eight| eight.iter().enumerate().fold(0, |byte, (place, value)| byte | (value & 1) << place)),
    );
}

/// `DELTA_BINARY_PACKED` of 64-bit numbers.
pub(crate) fn deltas(out: &mut Vec<u8>, values: &[i64]) {
    varint::write(out, BLOCK as u64);
    varint::write(out, MINIBLOCKS as u64);
    varint::write(out, values.len() as u64);
    varint::write(out, zigzag(values.first().copied().unwrap_or(0)));
    let mut differences = Vec::with_capacity(BLOCK);
    let mut before = values.iter();
    let mut rest = values.get(1..).unwrap_or_default();
    while !rest.is_empty() {
        let (block, more) = rest.split_at(rest.len().min(BLOCK));
        differences.clear();
        differences.extend(block.iter().zip(&mut before).map(|(value, before)| value.wrapping_sub(*before)));
        delta_block(out, &differences);
        rest = more;
    }
}

fn delta_block(out: &mut Vec<u8>, differences: &[i64]) {
    let least = differences.iter().copied().min().unwrap_or(0);
    varint::write(out, zigzag(least));
    let widths = out.len();
    out.extend_from_slice(&[0; MINIBLOCKS]);
    for (part, values) in differences.chunks(MINIBLOCK).enumerate() {
        let above = |value: &i64| value.wrapping_sub(least) as u64;
        let width = u64::BITS - values.iter().fold(0, |all, value| all | above(value)).leading_zeros();
        out[widths + part] = width as u8;
        let end = out.len() + MINIBLOCK * width as usize / 8;
        let (mut bits, mut filled) = (0u128, 0);
        for value in values {
            bits |= u128::from(above(value)) << filled;
            filled += width;
            if filled >= 64 {
                out.extend_from_slice(&(bits as u64).to_le_bytes());
                bits >>= 64;
                filled -= 64;
            }
        }
        out.extend_from_slice(&bits.to_le_bytes()[..filled.div_ceil(8) as usize]);
        out.resize(end, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{code_width, deltas, hybrid, split_bytes};

    #[test]
    fn widths_are_those_of_the_highest_code() {
        let widths: Vec<u32> = [0, 1, 2, 3, 16, 17, 128, 256, 257, 65_536].map(code_width).to_vec();
        assert_eq!(widths, [1, 1, 1, 2, 4, 8, 8, 8, 9, 16]);
    }

    #[test]
    fn runs_and_groups_are_as_the_format_says() {
        let mut out = Vec::new();
        hybrid(&mut out, &[[3u32; 20].as_slice(), &[1, 2, 3]].concat(), 2);
        assert_eq!(out, [20 << 1, 3, 1 << 1 | 1, 0b11_10_01, 0]);
        out.clear();
        hybrid(&mut out, &[0, 1, 2, 3, 4, 5, 6, 7], 3);
        assert_eq!(out, [3, 0b1000_1000, 0b1100_0110, 0b1111_1010], "the example in the format's text");
    }

    #[test]
    fn deltas_are_as_the_format_says() {
        let mut out = Vec::new();
        deltas(&mut out, &[7, 5, 3, 1, 2, 3, 4, 5]);
        let head = [128, 1, 4, 8, 14, 3, 2, 0, 0, 0];
        assert_eq!(out[..10], head, "the second example in the format's text");
        assert_eq!(out[10..], [0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn bytes_are_split_by_place() {
        let mut out = Vec::new();
        split_bytes(&mut out, &[0x0102, 0x0304]);
        assert_eq!(out[..4], [2, 4, 1, 3]);
    }
}
