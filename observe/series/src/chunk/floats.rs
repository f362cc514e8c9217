//! Doubles, by their bits.
//!
//! Most of what is measured was a decimal number with few digits: those are whole numbers of a power of ten, and divided by it come back
//! to the bit. What is none is an exception while there are few of them, stale markers above all. Else the bits themselves are the numbers.

use crate::STALE;
use crate::chunk::bytes::{read_byte, read_bytes, read_length};
use crate::chunk::numbers::{read_into as read_numbers_into, write_numbers};
use crate::chunk::places::{read_places, write_places};
use crate::error::FileError;

/// Bits as numbers.
const BITS: u8 = 0x80;
/// With exceptions.
const EXCEPTIONS: u8 = 0x40;
/// Most digits behind the point. Ten to this power is a double without an error.
const MAX_SCALE: usize = 18;
/// Whole numbers up to this are doubles without an error.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Powers of ten, which are exact.
const POWERS: [f64; MAX_SCALE + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
/// Of so many values one may be an exception.
const FEW: usize = 8;
/// Decimals of so many bytes, or of a byte a value, are not tried in another form.
const SHORT: usize = 10;
/// An exception that is a stale marker. Others are this plus one, with their bits.
const IS_STALE: u8 = 0;

/// The whole number that a value is at a scale; none if it is not that value's to the bit.
fn whole(value: f64, scale: usize) -> Option<i64> {
    let scaled = (value * POWERS[scale]).round();
    let most = if scale == 0 { i64::MAX as f64 } else { EXACT };
    if scaled.is_nan() || scaled.abs() >= most {
        return None;
    }
    let number = scaled as i64;
    (unscaled(number, scale) == value.to_bits()).then_some(number)
}

fn unscaled(number: i64, scale: usize) -> u64 {
    (number as f64 / POWERS[scale]).to_bits()
}

/// What [`unscaled`] makes of each. Numbers up to 2^51 become doubles by an addition and a subtraction, which processors do for several
/// at a time: added to the bits of 1.5 × 2^52 they are the lowest bits of that double.
fn unscale(numbers: &mut [u64], scale: usize) {
    const HALF: u64 = 1 << 51;
    const MIDDLE: f64 = 6_755_399_441_055_744.0;
    let are_small = numbers.iter().fold(0, |all, number| all | number.wrapping_add(HALF)) < 2 * HALF;
    let double = |number: u64| f64::from_bits(MIDDLE.to_bits().wrapping_add(number)) - MIDDLE;
    if !are_small {
        numbers.iter_mut().for_each(|number| *number = unscaled(*number as i64, scale));
    } else if scale == 0 {
        numbers.iter_mut().for_each(|number| *number = double(*number).to_bits());
    } else {
        let power = POWERS[scale];
        numbers.iter_mut().for_each(|number| *number = (double(*number) / power).to_bits());
    }
}

/// The scale that all values but a few share, with their numbers. An exception has the number of the value before.
fn decimal(values: &[u64]) -> Option<(usize, Vec<i64>, Vec<u32>)> {
    let most = values.len() / FEW + 1;
    let mut scale = 0;
    let mut failed = 0;
    for bits in values {
        let value = f64::from_bits(*bits);
        if whole(value, scale).is_some() {
            continue;
        }
        match (scale + 1..=MAX_SCALE).find(|finer| value.is_finite() && whole(value, *finer).is_some()) {
            Some(finer) => scale = finer,
            None => failed += 1,
        }
        if failed > most {
            return None;
        }
    }
    let mut numbers = Vec::with_capacity(values.len());
    let mut exceptions = Vec::new();
    for (place, bits) in values.iter().enumerate() {
        match whole(f64::from_bits(*bits), scale) {
            Some(number) => numbers.push(number),
            None => {
                exceptions.push(place as u32);
                numbers.push(numbers.last().copied().unwrap_or(0));
            }
        }
    }
    (exceptions.len() <= most && exceptions.len() < values.len()).then_some((scale, numbers, exceptions))
}

/// Writes values, of which there is at least one.
pub(crate) fn write(values: &[u64], out: &mut Vec<u8>) {
    let mut decimals = Vec::new();
    if let Some((scale, numbers, exceptions)) = decimal(values) {
        decimals.push(scale as u8 | if exceptions.is_empty() { 0 } else { EXCEPTIONS });
        if !exceptions.is_empty() {
            write_exceptions(&exceptions, values, &mut decimals);
        }
        write_numbers(&numbers, &mut decimals);
        if decimals.len() <= values.len().max(SHORT) {
            return out.append(&mut decimals);
        }
    }
    let mut bits = vec![BITS];
    write_numbers(&values.iter().map(|bits| *bits as i64).collect::<Vec<i64>>(), &mut bits);
    let is_shorter = decimals.is_empty() || bits.len() < decimals.len();
    out.append(if is_shorter { &mut bits } else { &mut decimals });
}

fn write_exceptions(exceptions: &[u32], values: &[u64], out: &mut Vec<u8>) {
    write_places(exceptions, out);
    for place in exceptions {
        match values[*place as usize] {
            STALE => out.push(IS_STALE),
            bits => {
                out.push(IS_STALE + 1);
                out.extend(bits.to_le_bytes());
            }
        }
    }
}

/// Reads so many values, at least one, of which the caller knows that there is room for them.
pub(crate) fn read(bytes: &mut &[u8], count: usize) -> Result<Vec<u64>, FileError> {
    let mut values = vec![0; count];
    read_into(bytes, &mut values)?;
    Ok(values)
}

/// Reads as many values, at least one, as there is room for.
pub(crate) fn read_into(bytes: &mut &[u8], values: &mut [u64]) -> Result<(), FileError> {
    let head = read_byte(bytes)?;
    if head == BITS {
        return read_numbers_into(bytes, values).map(drop);
    }
    let scale = usize::from(head & !EXCEPTIONS);
    if scale > MAX_SCALE {
        return Err(FileError::Damaged("values of an unknown form"));
    }
    let exceptions = if head & EXCEPTIONS == 0 { Vec::new() } else { read_places(bytes, values.len())? };
    let mut bits = Vec::with_capacity(exceptions.len());
    for _ in &exceptions {
        bits.push(match read_length(bytes, usize::from(IS_STALE) + 1)? {
            0 => STALE,
            _ => read_bytes(bytes, 8)?.first_chunk().map_or(0, |bits| u64::from_le_bytes(*bits)),
        });
    }
    if read_numbers_into(bytes, values)? {
        let value = values.first().map_or(0, |number| unscaled(*number as i64, scale));
        values.fill(value);
    } else {
        unscale(values, scale);
    }
    for (place, bits) in exceptions.into_iter().zip(bits) {
        values[place as usize] = bits;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_oneof, proptest};
    use proptest::strategy::{Just, Strategy};

    use super::{read, write};
    use crate::STALE;

    fn check(values: &[u64]) -> usize {
        let mut bytes = Vec::new();
        write(values, &mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(read(&mut rest, values.len()).expect("they were written"), values);
        assert!(rest.is_empty());
        bytes.len()
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(
            values in prop::collection::vec(
                prop_oneof![
                    any::<u64>(),
                    Just(STALE),
                    Just((-0.0f64).to_bits()),
                    any::<f64>().prop_map(f64::to_bits),
                    (any::<i64>(), 0i32..20).prop_map(|(n, scale)| (n as f64 / 10f64.powi(scale)).to_bits()),
                    (0i64..100_000, 0i32..6).prop_map(|(n, scale)| (n as f64 / 10f64.powi(scale)).to_bits()),
                ],
                1..100,
            ),
            mostly in 0i64..1000,
        ) {
            check(&values);
            let tame: Vec<u64> = values.iter().enumerate().map(|(at, bits)| {
                if at % 16 == 3 { *bits } else { ((mostly + at as i64) as f64 / 100.0).to_bits() }
            }).collect();
            check(&tame);
        }

        #[test]
        fn whatever_is_read_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100), count in 1usize..512) {
            if let Ok(values) = read(&mut &bytes[..], count) {
                assert_eq!(values.len(), count);
            }
        }
    }

    #[test]
    fn decimals_take_little() {
        let of = |value: fn(i32) -> f64| (0..512).map(|at| value(at).to_bits()).collect::<Vec<u64>>();
        for (values, most) in [
            (of(|_| 0.07), 6),
            (of(|_| f64::NAN), 16),
            (of(|at| f64::from(at) * 15.0), 8),
            (of(|at| f64::from(at % 7) / 100.0), 280),
            (of(|at| if at == 300 { f64::from_bits(STALE) } else { 8.5 }), 40),
        ] {
            assert!(check(&values) <= most, "{} bytes: at most {most}", check(&values));
        }
    }
}
