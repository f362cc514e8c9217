//! A number that is exact whether it was sent whole or not.
//!
//! A metric's value is a whole number of 64 bits or a floating point number, as its sender chose. Neither kind holds the other, and SQL has
//! no type that holds both. Here such a number is the nearest floating point number and what that lacks, in 128 bits that are in the order
//! of the numbers: so they are compared, sorted, grouped, joined and searched for the least and the greatest as they are, by whatever
//! DataFusion has for 128 bits. Each number has one form: 2 and 2.0 are the same.
//!
//! Its type is a decimal that no statement can name. [`crate::exact`] puts it where no digit may be lost.

use arrow_schema::DataType;
use datafusion::scalar::ScalarValue;

pub(crate) const PRECISION: u8 = 38;
pub(crate) const SCALE: i8 = -38;
/// The type of such numbers. SQL has no decimals of a negative scale.
pub(crate) const NUMBER: DataType = DataType::Decimal128(PRECISION, SCALE);
/// What whole numbers become that are added, or longer than 64 bits: digits for all of them.
pub(crate) const WHOLE: DataType = DataType::Decimal128(PRECISION, 0);
/// Bits of what the floating point number lacks; above them is that number.
const LOW_BITS: u32 = 64;
/// Turns a signed number into an unsigned one that is in the same order, and back.
const SIGN: u64 = 1 << 63;
/// Whole numbers below this, and above its negative, are taken apart without loss.
const MAX_WHOLE: f64 = (1_i128 << 120) as f64;

/// A whole number. What has more than 116 bits is rounded.
pub(crate) fn of_whole(whole: i128) -> i128 {
    let nearest = whole as f64;
    form(nearest, i64::try_from(whole.wrapping_sub(nearest as i128)).unwrap_or(0))
}

/// A floating point number.
pub(crate) fn of_real(real: f64) -> i128 {
    form(real, 0)
}

fn form(nearest: f64, lacks: i64) -> i128 {
    i128::from(ordered(nearest.to_bits().cast_signed())) << LOW_BITS | i128::from(lacks.cast_unsigned() ^ SIGN)
}

/// The bits of a floating point number as a number in the same order, as `f64::total_cmp` has it; and back.
fn ordered(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

fn lacks(number: i128) -> i64 {
    ((number as u64) ^ SIGN).cast_signed()
}

/// The nearest floating point number.
pub(crate) fn real(number: i128) -> f64 {
    f64::from_bits(ordered((number >> LOW_BITS) as i64).cast_unsigned())
}

/// The number, if it is whole.
pub(crate) fn whole(number: i128) -> Option<i128> {
    let nearest = real(number);
    (nearest.abs() < MAX_WHOLE && nearest.fract() == 0.0).then(|| nearest as i128 + i128::from(lacks(number)))
}

/// The number, if it is whole and no floating point number is the same.
pub(crate) fn beyond_real(number: i128) -> Option<i128> {
    if lacks(number) == 0 { None } else { whole(number) }
}

/// As a constant.
pub(crate) fn scalar(number: Option<i128>) -> ScalarValue {
    ScalarValue::Decimal128(number, PRECISION, SCALE)
}

#[cfg(test)]
mod tests {
    use super::{beyond_real, of_real, of_whole, real, whole};

    const ODD: i128 = 9_007_199_254_740_993;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, -1, ODD, -ODD, i128::from(i64::MAX), i128::from(i64::MIN), i128::from(u64::MAX), 1 << 100]
        {
            for number in [number - 1, number, number + 1] {
                assert_eq!(whole(of_whole(number)), Some(number));
                assert_eq!(beyond_real(of_whole(number)).is_some(), number as f64 as i128 != number, "{number}");
            }
        }
        for number in [0.0, 0.5, -0.5, 1e300, -1e-300, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 1e18] {
            assert_eq!(real(of_real(number)), number);
            assert_eq!(beyond_real(of_real(number)), None);
        }
        assert!(real(of_real(f64::NAN)).is_nan());
        assert_eq!(of_real(2.0), of_whole(2), "one form");
    }

    #[test]
    fn they_are_in_order() {
        let sorted = [
            of_real(f64::NEG_INFINITY),
            of_real(-1e300),
            of_whole(i128::from(i64::MIN)),
            of_whole(-ODD),
            of_whole(1 - ODD),
            of_real(-0.5),
            of_whole(0),
            of_real(0.5),
            of_whole(1),
            of_whole(ODD - 2),
            of_whole(ODD - 1),
            of_whole(ODD),
            of_whole(ODD + 1),
            of_whole(i128::from(i64::MAX) - 1),
            of_whole(i128::from(i64::MAX)),
            of_real(9.3e18),
            of_real(f64::INFINITY),
            of_real(f64::NAN),
        ];
        assert!(sorted.is_sorted_by(|one, other| one < other));
    }
}
