//! What `fractional` hashes: MurmurHash3 (x86, 32 bits, seed 0), and deterministic CBOR (RFC 8949, section 4.2.1).

use crate::value::Value;

/// MurmurHash3_x86_32 with seed 0, as Austin Appleby published it.
pub fn murmur3(bytes: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let mix = |word: u32| word.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = 0_u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        hash = (hash ^ mix(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        hash ^= mix(word);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the length counts modulo 2^32, by definition")]
    let length = bytes.len() as u32;
    hash ^= length;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// Two to the 63rd and to the 64th: whole doubles between minus the one and the other are integers in CBOR.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// Appends a value as deterministic CBOR: shortest forms, members sorted by their encoded names. Whole numbers in [−2^63, 2^64) are
/// integers and −0 is 0, so that a language without integers and one with them agree.
pub fn cbor(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Number(number) => cbor_number(*number, out),
        Value::Text(text) => cbor_text(text, out),
        Value::Json(_) | Value::List(_) | Value::Map(_) => match (value.items(), value.names()) {
            (Some(items), _) => {
                head(4, items.len() as u64, out);
                for item in items.iter() {
                    cbor(&item, out);
                }
            }
            (None, Some(mut names)) => {
                // Encoded texts are ordered by their length first.
                names.sort_unstable_by_key(|name| (name.len(), *name));
                head(5, names.len() as u64, out);
                for name in names {
                    cbor_text(name, out);
                    cbor(&value.child(name), out);
                }
            }
            (None, None) => out.push(0xf6),
        },
    }
}

/// Appends a text as CBOR.
pub fn cbor_text(text: &str, out: &mut Vec<u8>) {
    head(3, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// A head of a major type: its argument in the shortest form.
#[expect(clippy::cast_possible_truncation, reason = "each arm has looked at the size")]
pub(crate) fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..24 => out.push(major | argument as u8),
        24..0x100 => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number within the type's range")]
fn cbor_number(number: f64, out: &mut Vec<u8>) {
    if number.fract() == 0.0 && (-TWO_63..TWO_64).contains(&number) {
        return if number >= 0.0 {
            head(0, number as u64, out);
        } else {
            // The argument of a negative integer n is −1−n.
            head(1, (-1 - number as i64) as u64, out);
        };
    }
    let single = number as f32;
    if number.is_nan() {
        out.extend_from_slice(&[0xf9, 0x7e, 0x00]);
    } else if f64::from(single) != number {
        out.push(0xfb);
        out.extend_from_slice(&number.to_be_bytes());
    } else if let Some(half) = half(single) {
        out.push(0xf9);
        out.extend_from_slice(&half.to_be_bytes());
    } else {
        out.push(0xfa);
        out.extend_from_slice(&single.to_be_bytes());
    }
}

/// The half-precision form of a single, if it has one that is exact.
fn half(single: f32) -> Option<u16> {
    let bits = single.to_bits();
    let sign = u16::try_from((bits >> 16) & 0x8000).ok()?;
    let exponent = i32::try_from((bits >> 23) & 0xff).ok()? - 127;
    let fraction = bits & 0x7f_ffff;
    match exponent {
        128 => (fraction == 0).then_some(sign | 0x7c00),
        -14..=15 if fraction & 0x1fff == 0 => {
            let exponent = u16::try_from(exponent + 15).ok()? << 10;
            Some(sign | exponent | u16::try_from(fraction >> 13).ok()?)
        }
        // Subnormal: the fraction with its hidden bit, moved to units of 2^-24.
        -24..=-15 => {
            let whole = fraction | 0x80_0000;
            let shift = u32::try_from(-exponent - 1).ok()?;
            (whole & ((1 << shift) - 1) == 0).then(|| sign | u16::try_from(whole >> shift).unwrap_or(0))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{cbor, murmur3};
    use crate::value::Value;

    #[test]
    fn murmur3_is_the_published_one() {
        // Vectors of the reference implementation with seed 0.
        for (text, hash) in [("", 0), ("a", 0x3c25_69b2), ("test", 0xba6b_d213), ("Hello, world!", 0xc036_3e43)] {
            assert_eq!(murmur3(text.as_bytes()), hash, "{text}");
        }
        assert_eq!(murmur3(b"The quick brown fox jumps over the lazy dog"), 0x2e4f_f723);
    }

    #[test]
    fn numbers_are_written_in_the_shortest_form() {
        // Appendix A of RFC 8949, whole floats as integers.
        let cases: [(f64, &[u8]); 16] = [
            (0.0, &[0x00]),
            (-0.0, &[0x00]),
            (23.0, &[0x17]),
            (24.0, &[0x18, 24]),
            (1000.0, &[0x19, 0x03, 0xe8]),
            (-1.0, &[0x20]),
            (-1000.0, &[0x39, 0x03, 0xe7]),
            (18_446_744_073_709_549_568.0, &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0x00]),
            (1.1, &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
            (1.5, &[0xf9, 0x3e, 0x00]),
            (5.960_464_477_539_063e-8, &[0xf9, 0x00, 0x01]),
            (0.000_061_035_156_25, &[0xf9, 0x04, 0x00]),
            (-4.1, &[0xfb, 0xc0, 0x10, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66]),
            (3.402_823_466_385_288_6e38, &[0xfa, 0x7f, 0x7f, 0xff, 0xff]),
            (f64::INFINITY, &[0xf9, 0x7c, 0x00]),
            (f64::NAN, &[0xf9, 0x7e, 0x00]),
        ];
        for (number, bytes) in cases {
            let mut out = Vec::new();
            cbor(&Value::Number(number), &mut out);
            assert_eq!(out, bytes, "{number}");
        }
    }
}
