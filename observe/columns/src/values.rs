//! Values of each kind as bytes of pages.

use std::ops::RangeInclusive;

use parquet::basic::Encoding;

use crate::chunk::{Bounds, Values};
use crate::column::{NULL_BOOL, NULL_CODE, NULL_DOUBLE, NULL_INT};
use crate::encode;
use crate::error::Error;

/// Longest bound of a text, in bytes, as in other writers of Parquet.
const MAX_BOUND_BYTES: usize = 64;

/// Texts by number.
pub(crate) trait Numbered {
    /// The text of a number.
    fn text(&self, number: u32) -> &[u8];
}

/// Values that stand elsewhere, and where each stands.
pub(crate) struct Gathered<'a, T> {
    /// The values.
    pub(crate) values: &'a [T],
    /// Which of them stands at each place in the file; without, all stand as they are.
    pub(crate) places: Option<&'a [u32]>,
}

impl<T: Copy> Gathered<'_, T> {
    /// The value at a place in the file.
    pub(crate) fn at(&self, place: usize) -> T {
        match self.places {
            Some(places) => self.values[places[place] as usize],
            None => self.values[place],
        }
    }
}

/// [`crate::Kind::Id16`] in `PLAIN`.
pub(crate) struct Ids16<'a>(pub(crate) Gathered<'a, u128>);
/// [`crate::Kind::Id8`] in `PLAIN`.
pub(crate) struct Ids8<'a>(pub(crate) Gathered<'a, u64>);
/// [`crate::Kind::Int`] and [`crate::Kind::Time`] in `BYTE_STREAM_SPLIT`.
pub(crate) struct Ints<'a>(pub(crate) Gathered<'a, i64>);
/// [`crate::Kind::Double`] in `BYTE_STREAM_SPLIT`.
pub(crate) struct Doubles<'a>(pub(crate) Gathered<'a, u64>);
/// [`crate::Kind::Bool`] in `PLAIN`.
pub(crate) struct Bools<'a>(pub(crate) Gathered<'a, u8>);

/// Codes of a dictionary in `RLE_DICTIONARY`.
pub(crate) struct Codes<'a, F> {
    /// The codes.
    pub(crate) codes: Gathered<'a, u32>,
    /// How many bits each takes.
    pub(crate) width: u32,
    /// Whether the least and greatest codes are of the least and greatest entries.
    pub(crate) sorted: bool,
    /// Both entries' bounds.
    pub(crate) bounds: F,
}

/// Texts in `DELTA_LENGTH_BYTE_ARRAY`.
pub(crate) struct PlainTexts<'a, T> {
    /// The texts' numbers.
    pub(crate) numbers: Gathered<'a, u32>,
    /// What the numbers mean.
    pub(crate) texts: &'a T,
}

impl Values for Ids16<'_> {
    type Value = u128;
    const ENCODING: Encoding = Encoding::PLAIN;

    fn at(&self, place: usize) -> u128 {
        self.0.at(place)
    }

    fn is_null(value: u128) -> bool {
        value == 0
    }

    fn encode(&self, out: &mut Vec<u8>, values: &[u128]) -> Result<(), Error> {
        values.iter().for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
        Ok(())
    }

    fn extremes(&self, values: &[u128]) -> Option<(u128, u128)> {
        extremes(values)
    }

    fn bounds(&self, least: u128, greatest: u128) -> Option<Bounds> {
        exact(least.to_be_bytes(), greatest.to_be_bytes())
    }
}

impl Values for Ids8<'_> {
    type Value = u64;
    const ENCODING: Encoding = Encoding::PLAIN;

    fn at(&self, place: usize) -> u64 {
        self.0.at(place)
    }

    fn is_null(value: u64) -> bool {
        value == 0
    }

    fn encode(&self, out: &mut Vec<u8>, values: &[u64]) -> Result<(), Error> {
        values.iter().for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
        Ok(())
    }

    fn extremes(&self, values: &[u64]) -> Option<(u64, u64)> {
        extremes(values)
    }

    fn bounds(&self, least: u64, greatest: u64) -> Option<Bounds> {
        exact(least.to_be_bytes(), greatest.to_be_bytes())
    }
}

impl Values for Ints<'_> {
    type Value = u64;
    const ENCODING: Encoding = Encoding::BYTE_STREAM_SPLIT;

    fn at(&self, place: usize) -> u64 {
        self.0.at(place) as u64
    }

    fn is_null(value: u64) -> bool {
        value as i64 == NULL_INT
    }

    fn encode(&self, out: &mut Vec<u8>, values: &[u64]) -> Result<(), Error> {
        encode::split_bytes(out, values);
        Ok(())
    }

    fn extremes(&self, values: &[u64]) -> Option<(u64, u64)> {
        let (least, greatest) = values.iter().fold((i64::MAX, i64::MIN), |(least, greatest), value| {
            (least.min(*value as i64), greatest.max(*value as i64))
        });
        (!values.is_empty()).then_some((least as u64, greatest as u64))
    }

    fn bounds(&self, least: u64, greatest: u64) -> Option<Bounds> {
        exact(least.to_le_bytes(), greatest.to_le_bytes())
    }
}

impl Values for Doubles<'_> {
    type Value = u64;
    const ENCODING: Encoding = Encoding::BYTE_STREAM_SPLIT;

    fn at(&self, place: usize) -> u64 {
        self.0.at(place)
    }

    fn is_null(value: u64) -> bool {
        value == NULL_DOUBLE
    }

    fn encode(&self, out: &mut Vec<u8>, values: &[u64]) -> Result<(), Error> {
        encode::split_bytes(out, values);
        Ok(())
    }

    fn extremes(&self, values: &[u64]) -> Option<(u64, u64)> {
        double_extremes(values.iter().copied())
    }

    fn bounds(&self, least: u64, greatest: u64) -> Option<Bounds> {
        double_bounds(least, greatest)
    }
}

impl Values for Bools<'_> {
    type Value = u8;
    const ENCODING: Encoding = Encoding::PLAIN;

    fn at(&self, place: usize) -> u8 {
        self.0.at(place)
    }

    fn is_null(value: u8) -> bool {
        value == NULL_BOOL
    }

    fn encode(&self, out: &mut Vec<u8>, values: &[u8]) -> Result<(), Error> {
        encode::bits(out, values);
        Ok(())
    }

    fn extremes(&self, values: &[u8]) -> Option<(u8, u8)> {
        // None, where there must be a value, is false.
        let all = |bit: u8| values.iter().all(|value| value & 1 == bit);
        (!values.is_empty()).then(|| (u8::from(all(1)), u8::from(!all(0))))
    }

    fn bounds(&self, least: u8, greatest: u8) -> Option<Bounds> {
        exact([least], [greatest])
    }
}

impl<F: Fn(RangeInclusive<u32>) -> Option<Bounds>> Values for Codes<'_, F> {
    type Value = u32;
    const ENCODING: Encoding = Encoding::RLE_DICTIONARY;

    fn at(&self, place: usize) -> u32 {
        self.codes.at(place)
    }

    fn is_null(value: u32) -> bool {
        value == NULL_CODE
    }

    fn encode(&self, out: &mut Vec<u8>, values: &[u32]) -> Result<(), Error> {
        out.push(self.width as u8);
        encode::hybrid(out, values, self.width);
        Ok(())
    }

    fn extremes(&self, values: &[u32]) -> Option<(u32, u32)> {
        if self.sorted { extremes(values) } else { None }
    }

    fn bounds(&self, least: u32, greatest: u32) -> Option<Bounds> {
        (self.bounds)(least..=greatest)
    }
}

impl<T: Numbered> Values for PlainTexts<'_, T> {
    type Value = u32;
    const ENCODING: Encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;

    fn at(&self, place: usize) -> u32 {
        self.numbers.at(place)
    }

    fn is_null(value: u32) -> bool {
        value == NULL_CODE
    }

    fn encode(&self, out: &mut Vec<u8>, values: &[u32]) -> Result<(), Error> {
        let texts = || values.iter().map(|number| self.texts.text(*number));
        let lengths: Vec<i64> = texts().map(|text| text.len() as i64).collect();
        encode::deltas(out, &lengths);
        texts().for_each(|text| out.extend_from_slice(text));
        Ok(())
    }

    fn extremes(&self, _: &[u32]) -> Option<(u32, u32)> {
        None
    }

    fn bounds(&self, least: u32, greatest: u32) -> Option<Bounds> {
        text_bounds(self.texts.text(least), self.texts.text(greatest))
    }
}

fn extremes<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    Some(values.iter().fold((first, first), |(least, greatest), value| (least.min(*value), greatest.max(*value))))
}

fn exact<const N: usize>(least: [u8; N], greatest: [u8; N]) -> Option<Bounds> {
    Some(Bounds { least: least.to_vec(), greatest: greatest.to_vec(), exact: true })
}

/// Bounds of whole numbers.
pub(crate) fn int_bounds(least: u64, greatest: u64) -> Option<Bounds> {
    exact(least.to_le_bytes(), greatest.to_le_bytes())
}

/// The least and the greatest of doubles as bits. What is not a number has no place in an order.
pub(crate) fn double_extremes(values: impl Iterator<Item = u64>) -> Option<(u64, u64)> {
    let numbers = values.map(f64::from_bits).filter(|value| !value.is_nan());
    let both = numbers.fold(None, |both: Option<(f64, f64)>, value| {
        let (least, greatest) = both.unwrap_or((value, value));
        Some((least.min(value), greatest.max(value)))
    });
    both.map(|(least, greatest)| (least.to_bits(), greatest.to_bits()))
}

/// Bounds of doubles as bits. Zeros have either sign: the format says so, because they are equal.
pub(crate) fn double_bounds(least: u64, greatest: u64) -> Option<Bounds> {
    let (least, greatest) = (f64::from_bits(least), f64::from_bits(greatest));
    let least = if least == 0.0 { -0.0 } else { least };
    let greatest = if greatest == 0.0 { 0.0 } else { greatest };
    exact(least.to_le_bytes(), greatest.to_le_bytes())
}

/// Bounds of texts, shortened where they are long. Nothing bounds a long text that begins with the last character only.
pub(crate) fn text_bounds(least: &[u8], greatest: &[u8]) -> Option<Bounds> {
    let short = |text: &[u8]| text.len() <= MAX_BOUND_BYTES;
    if short(least) && short(greatest) {
        return Some(Bounds { least: least.to_vec(), greatest: greatest.to_vec(), exact: true });
    }
    let upper = if short(greatest) { greatest.to_vec() } else { above(start(greatest))? };
    Some(Bounds { least: start(least).as_bytes().to_vec(), greatest: upper, exact: false })
}

/// The beginning of a text, in whole characters.
fn start(text: &[u8]) -> &str {
    let cut = &text[..text.len().min(MAX_BOUND_BYTES)];
    match std::str::from_utf8(cut) {
        Ok(whole) => whole,
        // What comes before the first byte that is wrong is right.
        Err(error) => std::str::from_utf8(&cut[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// A text that is greater than all that begin with this, if there is one.
fn above(start: &str) -> Option<Vec<u8>> {
    let kept = start.trim_end_matches(char::MAX);
    let last = kept.chars().next_back()?;
    let next = (last..=char::MAX).nth(1)?;
    let mut above = kept[..kept.len() - last.len_utf8()].to_owned();
    above.push(next);
    Some(above.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::{above, text_bounds};

    #[test]
    fn bounds_of_long_texts_hold_them() {
        let long = "ä".repeat(1000);
        let bounds = text_bounds(b"a", long.as_bytes()).expect("bounds");
        assert_eq!((bounds.least.as_slice(), bounds.exact), (b"a".as_slice(), false));
        assert!(bounds.greatest.as_slice() > long.as_bytes() && bounds.greatest.len() <= 64);
        assert!(std::str::from_utf8(&bounds.greatest).is_ok());
        assert_eq!(text_bounds(long.as_bytes(), b"z").expect("bounds").least, "ä".repeat(32).into_bytes());
        assert_eq!(above("a\u{D7FF}").as_deref(), Some("a\u{E000}".as_bytes()), "no surrogates");
        assert_eq!(above("a\u{10FFFF}").as_deref(), Some(b"b".as_slice()));
        assert_eq!(above("\u{10FFFF}"), None);
    }
}
