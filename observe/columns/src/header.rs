//! Page headers: the part of Parquet's thrift that every page carries, with its checksum.
//!
//! The Parquet library neither writes checksums nor lets a single page be read; this is little enough to do here. Format:
//! `PageHeader` in <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>, in thrift's
//! compact protocol.

use parquet::basic::Encoding;
use vitrine_kit::varint;

use crate::encode::zigzag;
use crate::{Error, decode};

/// Most bytes of a header. Ours have about 25; other writers put statistics in.
pub(crate) const MAX_HEADER_BYTES: usize = 4096;
/// Most fields of a header, of all its structs together.
const MAX_FIELDS: usize = 64;

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const STRUCT: u8 = 12;

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// Values, after levels (Parquet's "data page V1").
    Data,
    /// The values that codes stand for.
    Dictionary {
        /// Whether they are in order.
        sorted: bool,
    },
}

/// What stands before a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageHeader {
    /// What it holds.
    pub kind: PageKind,
    /// Its bytes once decompressed.
    pub uncompressed: usize,
    /// Its bytes in the file, without the header.
    pub compressed: usize,
    /// CRC-32 of its bytes in the file. Pages without are refused.
    pub crc: u32,
    /// Its values, nulls included; of lists, its elements and empty lists.
    pub values: usize,
    /// How values are encoded. Levels are always [`Encoding::RLE`].
    pub encoding: Encoding,
}

impl PageHeader {
    /// Appends the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (page_type, place) = match self.kind {
            PageKind::Data => (0, 5),
            PageKind::Dictionary { .. } => (2, 7),
        };
        let mut last = 0;
        put_i32(out, &mut last, 1, page_type);
        put_i32(out, &mut last, 2, self.uncompressed as i32);
        put_i32(out, &mut last, 3, self.compressed as i32);
        put_i32(out, &mut last, 4, self.crc as i32);
        put_field(out, &mut last, place, STRUCT);
        let mut last = 0;
        put_i32(out, &mut last, 1, self.values as i32);
        put_i32(out, &mut last, 2, encoding_number(self.encoding));
        match self.kind {
            PageKind::Data => {
                put_i32(out, &mut last, 3, encoding_number(Encoding::RLE));
                put_i32(out, &mut last, 4, encoding_number(Encoding::RLE));
            }
            PageKind::Dictionary { sorted } => put_field(out, &mut last, 3, if sorted { TRUE } else { FALSE }),
        }
        out.extend([STOP, STOP]);
    }

    /// Reads the header that `bytes` begin with, and says how long it is.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), Error> {
        let mut thrift = Thrift { bytes: &bytes[..bytes.len().min(MAX_HEADER_BYTES)], at: 0, fields: 0 };
        match thrift.header() {
            Some(Ok(header)) => Ok((header, thrift.at)),
            Some(Err(what)) => Err(Error::Damaged(format!("a page header {what}"))),
            None => Err(Error::Damaged("a page header is cut off or malformed".into())),
        }
    }
}

fn encoding_number(encoding: Encoding) -> i32 {
    encoding as i32
}

fn encoding_of(number: i64) -> Option<Encoding> {
    [
        Encoding::PLAIN,
        Encoding::RLE,
        Encoding::DELTA_BINARY_PACKED,
        Encoding::DELTA_LENGTH_BYTE_ARRAY,
        Encoding::RLE_DICTIONARY,
        Encoding::BYTE_STREAM_SPLIT,
    ]
    .into_iter()
    .find(|encoding| i64::from(encoding_number(*encoding)) == number)
}

fn put_field(out: &mut Vec<u8>, last: &mut u8, field: u8, kind: u8) {
    out.push((field - *last) << 4 | kind);
    *last = field;
}

fn put_i32(out: &mut Vec<u8>, last: &mut u8, field: u8, value: i32) {
    put_field(out, last, field, I32);
    varint::write(out, zigzag(value.into()));
}

/// A reader of thrift's compact protocol, as far as page headers need it. None: cut off, or more than there may be.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
    fields: usize,
}

impl Thrift<'_> {
    fn header(&mut self) -> Option<Result<PageHeader, &'static str>> {
        let (mut page_type, mut uncompressed, mut compressed, mut crc) = (None, None, None, None);
        let (mut values, mut encoding, mut sorted, mut levels) = (None, None, false, true);
        let mut last = 0;
        while let Some((field, kind)) = self.field(&mut last)? {
            match (field, kind) {
                (1, I32) => page_type = Some(self.number()?),
                (2, I32) => uncompressed = Some(self.number()?),
                (3, I32) => compressed = Some(self.number()?),
                (4, I32) => crc = Some(self.number()?),
                (5 | 7, STRUCT) => {
                    let mut inner = 0;
                    while let Some((member, kind)) = self.field(&mut inner)? {
                        match (member, kind) {
                            (1, I32) => values = Some(self.number()?),
                            (2, I32) => encoding = encoding_of(self.number()?),
                            (3, TRUE | FALSE) => sorted = kind == TRUE,
                            (3 | 4, I32) => levels &= self.number()? == i64::from(encoding_number(Encoding::RLE)),
                            _ => self.skip(kind)?,
                        }
                    }
                }
                _ => self.skip(kind)?,
            }
        }
        let kind = match page_type {
            Some(0) => PageKind::Data,
            Some(2) => PageKind::Dictionary { sorted },
            _ => return Some(Err("is of neither a data page (version 1) nor a dictionary")),
        };
        let (Some(encoding), true) = (encoding, levels) else {
            return Some(Err("names an encoding that segments do not use"));
        };
        let Some(crc) = crc else {
            return Some(Err("has no checksum"));
        };
        let size = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok());
        let (Some(uncompressed), Some(compressed), Some(values)) = (size(uncompressed), size(compressed), size(values))
        else {
            return Some(Err("lacks a size"));
        };
        Some(Ok(PageHeader { kind, uncompressed, compressed, crc: crc as u32, values, encoding }))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut rest = self.bytes.get(self.at..)?;
        let value = varint::read(&mut rest).ok()?;
        self.at = self.bytes.len() - rest.len();
        Some(value)
    }

    fn number(&mut self) -> Option<i64> {
        self.unsigned().map(decode::zigzag)
    }

    /// The next field's number and type; none at the end of a struct.
    fn field(&mut self, last: &mut i64) -> Option<Option<(i64, u8)>> {
        let byte = self.byte()?;
        if byte == STOP {
            return Some(None);
        }
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return None;
        }
        *last = if byte >> 4 == 0 { self.number()? } else { last.checked_add(i64::from(byte >> 4))? };
        Some(Some((*last, byte & 15)))
    }

    /// Passes over a value: numbers, binaries, and structs of such, which is what statistics consist of.
    fn skip(&mut self, kind: u8) -> Option<()> {
        match kind {
            TRUE | FALSE => {}
            I8 => {
                self.byte()?;
            }
            I16 | I32 | I64 => {
                self.unsigned()?;
            }
            BINARY => {
                let length = usize::try_from(self.unsigned()?).ok()?;
                self.at = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind)?;
                }
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use parquet::basic::Encoding;

    use super::{PageHeader, PageKind};

    #[test]
    fn headers_are_read_as_they_were_written_and_cut_ones_refused() {
        let pages = [
            (PageKind::Data, Encoding::RLE_DICTIONARY, 8192),
            (PageKind::Data, Encoding::BYTE_STREAM_SPLIT, 1),
            (PageKind::Dictionary { sorted: true }, Encoding::PLAIN, 0),
            (PageKind::Dictionary { sorted: false }, Encoding::PLAIN, 1 << 30),
        ];
        for (kind, encoding, values) in pages {
            let header = PageHeader { kind, uncompressed: 1 << 30, compressed: 77, crc: 0xDEAD_BEEF, values, encoding };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            let length = bytes.len();
            bytes.extend([1, 2, 3]);
            assert_eq!(PageHeader::parse(&bytes).expect("valid"), (header, length));
            for cut in 0..length {
                assert!(PageHeader::parse(&bytes[..cut]).is_err(), "cut after {cut} bytes");
            }
        }
    }

    #[test]
    fn structs_within_structs_end() {
        assert!(PageHeader::parse(&[0xCC; 4000]).is_err());
    }
}
