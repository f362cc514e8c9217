//! Whole numbers in as many bits as most of them need; those that need more are patched.
//!
//! Each 32 numbers are a block: a byte with the width, with [`PATCHED`] if some need more; the lowest bits of all, as many as the
//! width. Of a patched block there follow how many are patched, how many more bits they need, the place of each as a byte, and the upper
//! bits of each. Bits fill bytes from the lowest on. After Zukowski and others, "Super-Scalar RAM-CPU Cache Compression" (2006).

use crate::chunk::bytes::{read_byte, read_bytes};
use crate::error::FileError;

/// Numbers of a block.
const BLOCK: usize = 32;
/// Says that some numbers need more bits than the width.
const PATCHED: u8 = 0x80;
/// What a patched block costs beside its patches, in bits.
const PATCHED_BITS: usize = 16;
/// What a patch costs beside its upper bits.
const PLACE_BITS: usize = 8;
/// Most bytes that are read at once, beside those of the numbers.
const SLACK: usize = 16;

/// How a block is written.
#[derive(Clone, Copy)]
struct Plan {
    width: usize,
    /// Bits of the greatest number.
    widest: usize,
    patches: usize,
    bits: usize,
}

fn width_of(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()) as usize
}

fn low_bits(number: u64, width: usize) -> u64 {
    if width == 64 { number } else { number & ((1 << width) - 1) }
}

fn plan(block: &[u64]) -> Plan {
    let mut counts = [0usize; 65];
    for number in block {
        counts[width_of(*number)] += 1;
    }
    let widest = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let mut best = Plan { width: widest, widest, patches: 0, bits: widest * block.len() };
    let mut patches = 0;
    for width in (0..widest).rev() {
        patches += counts[width + 1];
        let bits = width * block.len() + PATCHED_BITS + patches * (PLACE_BITS + widest - width);
        if bits < best.bits {
            best = Plan { width, widest, patches, bits };
        }
    }
    best
}

/// Bytes that [`write`] takes, about.
pub(crate) fn cost(numbers: &[u64]) -> usize {
    numbers.chunks(BLOCK).map(|block| 1 + plan(block).bits.div_ceil(8)).sum()
}

/// Writes numbers.
pub(crate) fn write(numbers: &[u64], out: &mut Vec<u8>) {
    for block in numbers.chunks(BLOCK) {
        let plan = plan(block);
        out.push(plan.width as u8 | if plan.patches > 0 { PATCHED } else { 0 });
        pack(block.iter().map(|number| low_bits(*number, plan.width)), plan.width, out);
        if plan.patches == 0 {
            continue;
        }
        let patched = |(_, number): &(usize, &u64)| width_of(**number) > plan.width;
        out.extend([plan.patches as u8, (plan.widest - plan.width) as u8]);
        out.extend(block.iter().enumerate().filter(patched).map(|(place, _)| place as u8));
        let upper = block.iter().enumerate().filter(patched).map(|(_, number)| number >> plan.width);
        pack(upper, plan.widest - plan.width, out);
    }
}

fn pack(numbers: impl Iterator<Item = u64>, width: usize, out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0u128, 0);
    for number in numbers {
        held |= u128::from(number) << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
}

/// Reads as many numbers as there is room for.
pub(crate) fn read(bytes: &mut &[u8], out: &mut [u64]) -> Result<(), FileError> {
    for block in out.chunks_mut(BLOCK) {
        let head = read_byte(bytes)?;
        let width = usize::from(head & !PATCHED);
        unpack(bytes, width, block)?;
        if head & PATCHED == 0 {
            continue;
        }
        let (patches, more) = (usize::from(read_byte(bytes)?), usize::from(read_byte(bytes)?));
        if patches > block.len() || width + more > 64 || more == 0 {
            return Err(FileError::Damaged("more patches than numbers, or too wide ones"));
        }
        let places = read_bytes(bytes, patches)?;
        let mut upper = [0; BLOCK];
        unpack(bytes, more, &mut upper[..patches])?;
        for (place, upper) in places.iter().zip(upper) {
            let number = block.get_mut(usize::from(*place)).ok_or(FileError::Damaged("a patch outside its block"))?;
            *number |= upper << width;
        }
    }
    Ok(())
}

fn unpack(bytes: &mut &[u8], width: usize, out: &mut [u64]) -> Result<(), FileError> {
    if width == 0 {
        out.fill(0);
        return Ok(());
    }
    if width > 64 {
        return Err(FileError::Damaged("numbers of more than 64 bits"));
    }
    let length = (out.len() * width).div_ceil(8);
    // Each number is read with seven bytes behind its first one at least: where there are none, with room behind.
    if let Some(with_room) = bytes.get(..length + SLACK) {
        *bytes = &bytes[length..];
        unpack_from(with_room, width, out);
    } else {
        let mut buffer = [0u8; BLOCK * 8 + SLACK];
        buffer[..length].copy_from_slice(read_bytes(bytes, length)?);
        unpack_from(&buffer, width, out);
    }
    Ok(())
}

/// Reads numbers of bytes that go on for [`SLACK`] bytes behind them.
fn unpack_from(packed: &[u8], width: usize, out: &mut [u64]) {
    if width <= 56 {
        let mask = (1u64 << width) - 1;
        for (at, number) in out.iter_mut().enumerate() {
            let bit = at * width;
            let word = packed[bit / 8..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            *number = word >> (bit % 8) & mask;
        }
    } else {
        for (at, number) in out.iter_mut().enumerate() {
            let bit = at * width;
            let word = packed[bit / 8..].first_chunk().map_or(0, |word| u128::from_le_bytes(*word));
            *number = low_bits((word >> (bit % 8)) as u64, width);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use proptest::strategy::Strategy;

    use super::{cost, read, write};

    proptest! {
        #[test]
        fn what_was_packed_is_read(
            numbers in prop::collection::vec((any::<u64>(), 0u32..64).prop_map(|(n, shift)| n >> shift), 0..100),
            narrow in 0u32..64,
        ) {
            let narrowed: Vec<u64> = numbers.iter().map(|number| number >> narrow).collect();
            for numbers in [numbers, narrowed] {
                let mut bytes = Vec::new();
                write(&numbers, &mut bytes);
                assert!(bytes.len() <= cost(&numbers) + numbers.len().div_ceil(32));
                let (mut rest, mut found) = (&bytes[..], vec![0; numbers.len()]);
                read(&mut rest, &mut found).expect("it was written");
                assert_eq!((found, rest), (numbers.clone(), &[][..]));
                for cut in 0..bytes.len() {
                    assert!(read(&mut &bytes[..cut], &mut vec![0; numbers.len()]).is_err());
                }
                // The same with other bytes behind.
                bytes.extend([0xff; 40]);
                let (mut rest, mut found) = (&bytes[..], vec![0; numbers.len()]);
                read(&mut rest, &mut found).expect("it was written");
                assert_eq!((found, rest), (numbers, &[0xff; 40][..]));
            }
        }
    }
}
