//! Reading from bytes that may be damaged.

use vitrine_kit::varint;

use crate::error::FileError;

const CUT_OFF: FileError = FileError::Damaged("it ends within a value");

pub(crate) fn read_byte(bytes: &mut &[u8]) -> Result<u8, FileError> {
    Ok(read_bytes(bytes, 1)?[0])
}

/// Takes so many bytes.
pub(crate) fn read_bytes<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], FileError> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(CUT_OFF)?;
    *bytes = rest;
    Ok(taken)
}

pub(crate) fn read_number(bytes: &mut &[u8]) -> Result<u64, FileError> {
    varint::read(bytes).map_err(|_| CUT_OFF)
}

/// A number of things of which there are at most `most`.
pub(crate) fn read_length(bytes: &mut &[u8], most: usize) -> Result<usize, FileError> {
    match usize::try_from(read_number(bytes)?) {
        Ok(length) if length <= most => Ok(length),
        _ => Err(FileError::Damaged("a count is greater than it can be")),
    }
}

/// A number with the sign in its lowest bit.
pub(crate) fn read_signed(bytes: &mut &[u8]) -> Result<i64, FileError> {
    read_number(bytes).map(unfold)
}

pub(crate) fn write_signed(out: &mut Vec<u8>, number: i64) {
    varint::write(out, fold(number));
}

/// Brings the sign into the lowest bit.
pub(crate) fn fold(number: i64) -> u64 {
    (number as u64) << 1 ^ (number >> 63) as u64
}

pub(crate) fn unfold(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
