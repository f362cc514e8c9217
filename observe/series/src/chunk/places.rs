//! A few of many places: as a list, or a bit for each.

use vitrine_kit::varint;

use crate::chunk::bytes::{read_bytes, read_length};
use crate::error::FileError;

/// Writes places that rise. A list costs about a byte for each, bits an eighth of one for each up to the last.
pub(crate) fn write_places(places: &[u32], out: &mut Vec<u8>) {
    let last = places.last().map_or(0, |last| *last as usize);
    let is_list = places.len() <= last / 8 + 1;
    varint::write(out, (places.len() as u64) << 1 | u64::from(!is_list));
    if is_list {
        let mut next = 0;
        for place in places {
            varint::write(out, u64::from(place - next));
            next = place + 1;
        }
        return;
    }
    let length = last / 8 + 1;
    varint::write(out, length as u64);
    let begin = out.len();
    out.resize(begin + length, 0);
    for place in places {
        out[begin + *place as usize / 8] |= 1 << (place % 8);
    }
}

/// Reads places below `most`.
pub(crate) fn read_places(bytes: &mut &[u8], most: usize) -> Result<Vec<u32>, FileError> {
    let wrong = FileError::Damaged("a place is outside, or places do not rise");
    let head = read_length(bytes, most.saturating_mul(2) + 1)?;
    let count = head >> 1;
    let mut places = Vec::with_capacity(count);
    if head & 1 == 0 {
        let mut next = 0usize;
        for _ in 0..count {
            let place = next + read_length(bytes, most)?;
            if place >= most {
                return Err(wrong);
            }
            places.push(place as u32);
            next = place + 1;
        }
        return Ok(places);
    }
    let length = read_length(bytes, most / 8 + 1)?;
    for (number, byte) in read_bytes(bytes, length)?.iter().enumerate() {
        places.extend((0..8).filter(|bit| byte >> bit & 1 == 1).map(|bit| (number * 8 + bit) as u32));
    }
    if places.len() != count || places.last().is_some_and(|last| *last as usize >= most) {
        return Err(wrong);
    }
    Ok(places)
}
