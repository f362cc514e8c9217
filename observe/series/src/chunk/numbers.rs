//! Whole numbers in order of time: constants, steady ones, and such as change by little.

use vitrine_kit::varint;

use crate::chunk::bytes::{fold, read_byte, read_number, read_signed, unfold, write_signed};
use crate::chunk::packing;
use crate::error::FileError;

/// One number, again and again.
const CONSTANT: u8 = 0;
/// The first number, and what is added each time.
const STEADY: u8 = 1;
/// The least number, and the distance of each from it.
const OFFSETS: u8 = 2;
/// The first number, the least difference, and how much more each difference is: for counters.
const RISES: u8 = 3;
/// The first number, and each difference with its sign.
const DIFFERENCES: u8 = 4;
/// The first number, the first difference, and the difference of each other one from that before.
const BENDS: u8 = 5;

/// A way to write numbers: what is told first, and what is packed.
struct Form {
    tag: u8,
    first: Vec<i64>,
    /// What all of the packed numbers were divided by.
    unit: u64,
    packed: Vec<u64>,
}

impl Form {
    fn new(tag: u8, first: Vec<i64>, numbers: Vec<u64>, is_signed: bool) -> Self {
        let whole = |number: u64| if is_signed { unfold(number).unsigned_abs() } else { number };
        let unit = unit(numbers.iter().map(|number| whole(*number)));
        let divide = |number: u64| match is_signed {
            // The least number of all has no counterpart, but then nothing but a power of two divides it.
            true => fold((i128::from(unfold(number)) / i128::from(unit)) as i64),
            false => number / unit,
        };
        let packed = if unit == 1 { numbers } else { numbers.into_iter().map(divide).collect() };
        Self { tag, first, unit, packed }
    }

    fn cost(&self) -> usize {
        packing::cost(&self.packed)
    }
}

/// The greatest number that divides all; 1 if there is no other.
fn unit(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut unit = 0;
    for number in numbers {
        let (mut one, mut other) = (unit, number);
        while other != 0 {
            (one, other) = (other, one % other);
        }
        unit = one;
        if unit == 1 {
            break;
        }
    }
    unit.max(1)
}

/// Writes numbers, of which there is at least one, in the shortest of all forms.
pub(crate) fn write_numbers(numbers: &[i64], out: &mut Vec<u8>) {
    let Some(first) = numbers.first().copied() else { return };
    let differences: Vec<i64> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let step = differences.first().copied().unwrap_or(0);
    if differences.iter().all(|difference| *difference == step) {
        out.push(if step == 0 { CONSTANT } else { STEADY });
        write_signed(out, first);
        if step != 0 {
            write_signed(out, step);
        }
        return;
    }
    let least = numbers.iter().copied().min().unwrap_or(first);
    let least_step = differences.iter().copied().min().unwrap_or(step);
    let above = |numbers: &[i64], least: i64| numbers.iter().map(|number| number.wrapping_sub(least) as u64).collect();
    let bends = differences.windows(2).map(|pair| fold(pair[1].wrapping_sub(pair[0]))).collect();
    let forms = [
        Form::new(OFFSETS, vec![least], above(numbers, least), false),
        Form::new(RISES, vec![first, least_step], above(&differences, least_step), false),
        Form::new(DIFFERENCES, vec![first], differences.iter().copied().map(fold).collect(), true),
        Form::new(BENDS, vec![first, step], bends, true),
    ];
    let Some(form) = forms.into_iter().min_by_key(Form::cost) else { return };
    out.push(form.tag);
    form.first.iter().for_each(|number| write_signed(out, *number));
    varint::write(out, form.unit);
    packing::write(&form.packed, out);
}

/// Reads so many numbers, at least one, of which the caller knows that there is room for them.
pub(crate) fn read_numbers(bytes: &mut &[u8], count: usize) -> Result<Vec<i64>, FileError> {
    let mut numbers = vec![0; count];
    read_into(bytes, &mut numbers)?;
    Ok(numbers.into_iter().map(|number| number as i64).collect())
}

/// Reads as many numbers, at least one, as there is room for: by their bits. Returns whether all are the same because they were
/// written so.
pub(crate) fn read_into(bytes: &mut &[u8], out: &mut [u64]) -> Result<bool, FileError> {
    let tag = read_byte(bytes)?;
    let first = read_signed(bytes)? as u64;
    if tag == CONSTANT {
        out.fill(first);
        return Ok(true);
    }
    let step = if matches!(tag, STEADY | RISES | BENDS) { read_signed(bytes)? as u64 } else { 0 };
    let mut number = first;
    if tag == STEADY {
        for place in out {
            *place = number;
            number = number.wrapping_add(step);
        }
        return Ok(false);
    }
    let mut add = |difference: u64| {
        number = number.wrapping_add(difference);
        number
    };
    let unit = read_number(bytes)?;
    let told = match tag {
        OFFSETS => 0,
        RISES | DIFFERENCES => 1,
        BENDS => 2,
        _ => return Err(FileError::Damaged("numbers of an unknown form")),
    };
    let (begin, packed) = out.split_at_mut_checked(told).ok_or(FileError::Damaged("too few numbers"))?;
    packing::read(bytes, packed)?;
    let signed = |number: u64| (unfold(number) as u64).wrapping_mul(unit);
    match tag {
        OFFSETS => packed.iter_mut().for_each(|number| *number = first.wrapping_add(number.wrapping_mul(unit))),
        RISES => packed.iter_mut().for_each(|number| *number = add(step.wrapping_add(number.wrapping_mul(unit)))),
        DIFFERENCES => packed.iter_mut().for_each(|number| *number = add(signed(*number))),
        _ => {
            let mut difference = step;
            begin[1] = add(step);
            packed.iter_mut().for_each(|number| {
                difference = difference.wrapping_add(signed(*number));
                *number = add(difference);
            });
        }
    }
    if let Some(begin) = begin.first_mut() {
        *begin = first;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_oneof, proptest};
    use proptest::strategy::Strategy;

    use super::{read_numbers, write_numbers};

    fn check(numbers: &[i64]) -> usize {
        let mut bytes = Vec::new();
        write_numbers(numbers, &mut bytes);
        let mut rest = &bytes[..];
        assert_eq!(read_numbers(&mut rest, numbers.len()).expect("they were written"), numbers);
        assert!(rest.is_empty());
        bytes.len()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            numbers in prop::collection::vec(
                prop_oneof![any::<i64>(), -5i64..5, (0i64..9).prop_map(|n| n * 4096), proptest::sample::select(vec![i64::MIN, i64::MAX])],
                1..100,
            ),
        ) {
            check(&numbers);
            let mut sum = 0i64;
            check(&numbers.iter().map(|n| { sum = sum.wrapping_add(n.rem_euclid(100)); sum }).collect::<Vec<i64>>());
        }

        #[test]
        fn whatever_is_read_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100), count in 1usize..512) {
            if let Ok(numbers) = read_numbers(&mut &bytes[..], count) {
                assert_eq!(numbers.len(), count);
            }
        }
    }

    #[test]
    fn what_changes_by_little_takes_little() {
        let of = |number: fn(i64) -> i64| (0..512).map(number).collect::<Vec<i64>>();
        for (numbers, most) in [
            (of(|_| 1 << 40), 10),
            (of(|at| at * 15_000 + (1 << 40)), 12),
            (of(|at| at % 2), 84),
            (of(|at| (at % 2) << 20), 90),
            (of(|at| at * 1_000_000 + at % 4), 150),
            (of(|at| at * at), 150),
        ] {
            assert!(check(&numbers) <= most, "{}: at most {most}", check(&numbers));
        }
    }
}
