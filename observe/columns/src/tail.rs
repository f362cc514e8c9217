//! The checksum of a segment's tail: bloom filters, page indexes and footer.
//!
//! Pages carry checksums of their own; Parquet has none for what says where they are. So one stands in the footer's
//! key-value metadata, under [`TAIL_KEY`]: 16 hexadecimal digits for where the tail starts, then 8 for its CRC-32, taken
//! with zeros in place of these 24 digits. It is checked before anything is parsed, because Parquet's parser trusts
//! the sizes that it reads.

use std::io::{self, Write};

use parquet::file::metadata::KeyValue;

use crate::Error;

/// Where the checksum stands in the footer.
pub(crate) const TAIL_KEY: &str = "vitrine.tail";
/// Digits of where the tail starts.
const START_DIGITS: usize = 16;
/// Digits of where the tail starts and its checksum.
const DIGITS: usize = START_DIGITS + 8;
/// A Parquet file's last bytes: the footer's length and the magic.
pub(crate) const END_BYTES: usize = 8;
/// A Parquet file's first and last four bytes.
const MAGIC: &[u8] = b"PAR1";

/// Writes a segment: passes bytes on until the tail begins, which it keeps to fill in the checksum.
pub(crate) struct TailWriter<W> {
    inner: W,
    written: u64,
    tail: Option<Vec<u8>>,
}

impl<W: Write> TailWriter<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, written: 0, tail: None }
    }

    /// Says that all pages are written.
    pub fn begin(&mut self) {
        self.tail = Some(Vec::new());
    }

    /// The metadata that the footer must have.
    pub fn metadata() -> KeyValue {
        KeyValue::new(TAIL_KEY.to_owned(), "0".repeat(DIGITS))
    }

    /// Fills in the checksum and writes the tail. Returns the length of all that was written, and the checksum.
    pub fn finish(mut self) -> io::Result<(u64, u32)> {
        let mut tail = self.tail.take().unwrap_or_default();
        let place = digits(&tail).ok_or_else(|| io::Error::other("the footer has no place for its checksum"))?;
        let crc = crc32fast::hash(&tail);
        tail[place..place + DIGITS].copy_from_slice(format!("{:016x}{crc:08x}", self.written).as_bytes());
        self.inner.write_all(&tail)?;
        self.inner.flush()?;
        Ok((self.written + tail.len() as u64, crc))
    }
}

impl<W: Write> Write for TailWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tail) = &mut self.tail {
            tail.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Where the digits stand: after the last key, for what comes before is the schema, which may say anything.
fn digits(tail: &[u8]) -> Option<usize> {
    let key = tail.windows(TAIL_KEY.len()).rposition(|window| window == TAIL_KEY.as_bytes())?;
    // The value's field header and its length stand between.
    let place = key + TAIL_KEY.len() + 2;
    tail.get(place..place + DIGITS)?.iter().all(u8::is_ascii_hexdigit).then_some(place)
}

/// The length of the footer, by the file's last bytes.
pub(crate) fn footer_bytes(end: &[u8]) -> Result<usize, Error> {
    match end {
        [a, b, c, d, magic @ ..] if magic == MAGIC => Ok(u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        _ => Err(Error::Damaged("it does not end as a Parquet file does".into())),
    }
}

/// Where the tail starts, by the footer.
pub(crate) fn start(footer: &[u8]) -> Result<u64, Error> {
    let digits = digits(footer).and_then(|place| std::str::from_utf8(&footer[place..place + START_DIGITS]).ok());
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| Error::Damaged("the footer has no checksum".into()))
}

/// Returns the tail's checksum, if the tail is as it was written.
pub(crate) fn check(tail: &[u8]) -> Result<u32, Error> {
    let damaged = |what: &str| Error::Damaged(format!("the footer {what}"));
    let place = digits(tail).ok_or_else(|| damaged("has no checksum"))?;
    let expected = std::str::from_utf8(&tail[place + START_DIGITS..place + DIGITS])
        .ok()
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .ok_or_else(|| damaged("has no checksum"))?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&tail[..place]);
    crc.update(&[b'0'; DIGITS]);
    crc.update(&tail[place + DIGITS..]);
    if crc.finalize() == expected { Ok(expected) } else { Err(damaged("does not match its checksum")) }
}
