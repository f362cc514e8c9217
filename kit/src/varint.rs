//! Unsigned LEB128: whole numbers seven bits at a time, the lowest first, as protobuf, Thrift and Parquet write them.

/// Most bytes of a number of 64 bits.
pub const MAX_BYTES: usize = 10;

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes end within it.
    CutOff,
    /// It has more than 64 bits.
    TooLong,
}

/// Writes a number, in as few bytes as it needs.
///
/// ```
/// use vitrine_kit::varint;
///
/// let mut bytes = Vec::new();
/// varint::write(&mut bytes, 300);
/// assert_eq!(bytes, [0xAC, 0x02]);
/// assert_eq!(varint::read(&mut &bytes[..]), Ok(300));
/// ```
#[inline]
pub fn write(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number from the beginning of `bytes`, which stay as they are when there is none. It may be padded with zeros, as long as it has
/// at most [`MAX_BYTES`].
///
/// # Errors
///
/// Why there is none.
#[inline(always)]
pub fn read(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    // Nearly all numbers have one byte or two.
    match **bytes {
        [low, ref rest @ ..] if low < 0x80 => {
            *bytes = rest;
            Ok(u64::from(low))
        }
        [low, high, ref rest @ ..] if high < 0x80 => {
            *bytes = rest;
            Ok(u64::from(low & 0x7F) | u64::from(high) << 7)
        }
        _ => read_long(bytes),
    }
}

#[inline(never)]
fn read_long(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for (place, byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        number |= u64::from(byte & 0x7F) << (7 * place);
        if *byte < 0x80 {
            // The last byte has room for one bit only.
            if place + 1 == MAX_BYTES && *byte > 1 {
                return Err(Malformed::TooLong);
            }
            *bytes = &bytes[place + 1..];
            return Ok(number);
        }
    }
    Err(if bytes.len() < MAX_BYTES { Malformed::CutOff } else { Malformed::TooLong })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{MAX_BYTES, Malformed, read, write};

    proptest! {
        #[test]
        fn what_was_written_is_read_and_no_more(number in any::<u64>(), shift in 0u32..64, after in any::<u8>()) {
            let number = number >> shift;
            let mut bytes = Vec::new();
            write(&mut bytes, number);
            assert!(bytes.len() <= MAX_BYTES);
            for cut in 0..bytes.len() {
                let mut rest = &bytes[..cut];
                assert_eq!((read(&mut rest), rest.len()), (Err(Malformed::CutOff), cut));
            }
            bytes.push(after);
            let mut rest = &bytes[..];
            assert_eq!((read(&mut rest), rest), (Ok(number), &[after][..]));
        }
    }

    #[test]
    fn long_numbers_are_read_or_refused() {
        let padded = |last: u8| [[0x80; MAX_BYTES - 1].as_slice(), &[last]].concat();
        for (bytes, expected) in [
            (padded(0), Ok(0)),
            (padded(1), Ok(1 << 63)),
            (padded(2), Err(Malformed::TooLong)),
            (padded(0x80), Err(Malformed::TooLong)),
            (vec![0xFF; 1000], Err(Malformed::TooLong)),
            (vec![0xFF; MAX_BYTES - 1], Err(Malformed::CutOff)),
            (vec![], Err(Malformed::CutOff)),
        ] {
            assert_eq!(read(&mut &bytes[..]), expected, "{bytes:x?}");
        }
    }
}
