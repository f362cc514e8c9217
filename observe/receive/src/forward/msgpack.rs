//! MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>): finding where a value ends while it comes, and reading it.
//!
//! A length that is declared is never believed before its bytes are there: nothing is allocated for it.

use std::borrow::Cow;

use crate::document::value::{MAX_VALUES, Object, Value};
use crate::text::text_of;

/// The deepest that values of a record may be nested.
const MAX_DEPTH: u32 = 32;
/// The deepest that values of a message may be nested, those that are skipped included.
const MAX_OPEN: usize = 1024;

/// Bytes that are no MessagePack, or a value that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the byte 0xc1 begins nothing in MessagePack")]
    Unused,
    #[error("the message ends within a value")]
    Ends,
    #[error("values are nested too deep: expected at most {MAX_OPEN} levels")]
    Deep,
    #[error("expected a record that is nested at most {MAX_DEPTH} levels deep")]
    DeepRecord,
    #[error("expected a record of at most {MAX_VALUES} values")]
    LargeRecord,
    #[error("expected an id of a chunk of at most {0} bytes")]
    LongId(usize),
    #[error("{0}")]
    Unexpected(&'static str),
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nil,
    Bool(bool),
    /// In the marker itself.
    Fix(i8),
    Unsigned,
    Signed,
    Float,
    Str,
    Bin,
    Ext,
    Array,
    Map,
}

/// A value's beginning.
#[derive(Debug, Clone, Copy)]
struct Header {
    kind: Kind,
    /// Bytes of the marker and the length.
    before: usize,
    /// Bytes after them, without values within.
    payload: usize,
    /// Values within: two for each entry of a map.
    children: u64,
}

/// Reads a header; none if it has not come whole.
fn header(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some(&marker) = bytes.first() else { return Ok(None) };
    let low = u64::from(marker & 0x0f);
    let plain = |kind, payload| Ok(Some(Header { kind, before: 1, payload, children: 0 }));
    // A length of so many bytes stands after the marker, and one more byte in an ext.
    let (kind, length_bytes) = match marker {
        0x00..=0x7f | 0xe0..=0xff => return plain(Kind::Fix(marker.cast_signed()), 0),
        0x80..=0x8f => return Ok(Some(Header { kind: Kind::Map, before: 1, payload: 0, children: low * 2 })),
        0x90..=0x9f => return Ok(Some(Header { kind: Kind::Array, before: 1, payload: 0, children: low })),
        0xa0..=0xbf => return plain(Kind::Str, usize::from(marker & 0x1f)),
        0xc0 => return plain(Kind::Nil, 0),
        0xc1 => return Err(Malformed::Unused),
        0xc2 | 0xc3 => return plain(Kind::Bool(marker == 0xc3), 0),
        0xca | 0xcb => return plain(Kind::Float, 4 << (marker - 0xca)),
        0xcc..=0xcf => return plain(Kind::Unsigned, 1 << (marker - 0xcc)),
        0xd0..=0xd3 => return plain(Kind::Signed, 1 << (marker - 0xd0)),
        0xd4..=0xd8 => return plain(Kind::Ext, 1 + (1 << (marker - 0xd4))),
        0xc4..=0xc6 => (Kind::Bin, 1 << (marker - 0xc4)),
        0xc7..=0xc9 => (Kind::Ext, 1 << (marker - 0xc7)),
        0xd9..=0xdb => (Kind::Str, 1 << (marker - 0xd9)),
        0xdc | 0xdd => (Kind::Array, 2 << (marker - 0xdc)),
        0xde | 0xdf => (Kind::Map, 2 << (marker - 0xde)),
    };
    let Some(length) = bytes.get(1..1 + length_bytes) else { return Ok(None) };
    let length = length.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    let before = 1 + length_bytes;
    Ok(Some(match kind {
        Kind::Array => Header { kind, before, payload: 0, children: length },
        Kind::Map => Header { kind, before, payload: 0, children: length * 2 },
        _ => {
            let payload = usize::try_from(length).unwrap_or(usize::MAX) + usize::from(kind == Kind::Ext);
            Header { kind, before, payload, children: 0 }
        }
    }))
}

/// Finds where a value ends, over as many pieces as it comes in, and looks at no byte twice.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Where the next value within begins; beyond the end while bytes of one are missing.
    place: usize,
    /// How many values are missing of each array and map that is open.
    open: Vec<u64>,
    has_begun: bool,
}

impl Scanner {
    /// How many bytes the value has, which are the first of these; none if it has not come whole. `bytes` are those of the last call
    /// and more.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        while !self.has_begun || !self.open.is_empty() {
            let rest = bytes.get(self.place..).unwrap_or_default();
            let Some(Header { before, payload, children, .. }) = header(rest)? else { return Ok(None) };
            self.has_begun = true;
            self.place = self.place.saturating_add(before).saturating_add(payload);
            if let Some(missing) = self.open.last_mut() {
                *missing -= 1;
            }
            if children > 0 {
                if self.open.len() == MAX_OPEN {
                    return Err(Malformed::Deep);
                }
                self.open.push(children);
            }
            while self.open.last() == Some(&0) {
                self.open.pop();
            }
        }
        Ok((self.place <= bytes.len()).then_some(self.place))
    }

    /// How many bytes are known to belong to the value so far.
    pub(super) fn known_bytes(&self) -> usize {
        self.place
    }
}

/// Reads values off a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

/// A value's beginning as it is read: what is within an array or a map follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// Beyond 63 bits.
    Unsigned(u64),
    Double(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    /// The type, and what it has.
    Ext(i8, &'a [u8]),
    Array(u64),
    /// Entries.
    Map(u64),
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next value's beginning, which stays.
    pub(super) fn peek(&self) -> Result<Token<'a>, Malformed> {
        let mut ahead = *self;
        ahead.token()
    }

    /// Takes the next value's beginning.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Malformed> {
        let Header { kind, before, payload, children } = header(self.bytes)?.ok_or(Malformed::Ends)?;
        let end = before.checked_add(payload).ok_or(Malformed::Ends)?;
        let payload = self.bytes.get(before..end).ok_or(Malformed::Ends)?;
        self.bytes = &self.bytes[end..];
        Ok(match kind {
            Kind::Nil => Token::Nil,
            Kind::Bool(flag) => Token::Bool(flag),
            Kind::Fix(number) => Token::Int(number.into()),
            Kind::Unsigned => {
                let number = unsigned(payload);
                i64::try_from(number).map_or(Token::Unsigned(number), Token::Int)
            }
            Kind::Signed => {
                let unused = 64 - 8 * payload.len();
                Token::Int((unsigned(payload) << unused).cast_signed() >> unused)
            }
            Kind::Float => Token::Double(match <[u8; 4]>::try_from(payload) {
                Ok(single) => f32::from_be_bytes(single).into(),
                Err(_) => f64::from_bits(unsigned(payload)),
            }),
            Kind::Str => Token::Str(payload),
            Kind::Bin => Token::Bin(payload),
            Kind::Ext => {
                let (kind, payload) = payload.split_first().ok_or(Malformed::Ends)?;
                Token::Ext(kind.cast_signed(), payload)
            }
            Kind::Array => Token::Array(children),
            Kind::Map => Token::Map(children / 2),
        })
    }

    /// Takes the next value whole, without looking at it.
    pub(super) fn skip(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = Scanner::default().scan(self.bytes)?.ok_or(Malformed::Ends)?;
        let (value, rest) = self.bytes.split_at(bytes);
        self.bytes = rest;
        Ok(value)
    }

    /// Reads a map as a document.
    pub(super) fn object(&mut self) -> Result<Object<'a>, Malformed> {
        let mut left = MAX_VALUES;
        match self.value(0, &mut left)? {
            Value::Object(object) => Ok(object),
            _ => Err(Malformed::Unexpected("expected a map as record")),
        }
    }

    fn value(&mut self, depth: u32, left: &mut usize) -> Result<Value<'a>, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed::DeepRecord);
        }
        *left = left.checked_sub(1).ok_or(Malformed::LargeRecord)?;
        Ok(match self.token()? {
            Token::Nil => Value::Null,
            Token::Bool(flag) => Value::Bool(flag),
            Token::Int(number) => Value::Int(number),
            Token::Unsigned(number) => Value::Unsigned(number),
            Token::Double(number) => Value::Double(number),
            Token::Str(text) => Value::Text(text_of(text)),
            Token::Bin(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(Cow::Borrowed(text)),
                Err(_) => Value::Bytes(Cow::Borrowed(bytes)),
            },
            Token::Ext(_, bytes) => Value::Text(Cow::Owned(hex::encode(bytes))),
            Token::Array(items) => {
                let mut list = Vec::new();
                for _ in 0..items {
                    list.push(self.value(depth + 1, left)?);
                }
                Value::List(list)
            }
            Token::Map(entries) => {
                let mut object = Vec::new();
                for _ in 0..entries {
                    let key = self.key()?;
                    object.push((key, self.value(depth + 1, left)?));
                }
                Value::Object(object)
            }
        })
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Malformed> {
        Ok(match self.token()? {
            Token::Str(text) | Token::Bin(text) => text_of(text),
            Token::Int(number) => number.to_string().into(),
            Token::Unsigned(number) => number.to_string().into(),
            Token::Double(number) => number.to_string().into(),
            Token::Bool(flag) => flag.to_string().into(),
            Token::Nil => "".into(),
            Token::Ext(..) | Token::Array(_) | Token::Map(_) => {
                return Err(Malformed::Unexpected("expected keys that are texts or numbers"));
            }
        })
    }
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Writes a text, or bytes that are said to be one.
pub(super) fn write_str(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 | length as u8),
        length @ 32..=0xff => out.extend_from_slice(&[0xd9, length as u8]),
        length => {
            out.push(0xdb);
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

/// Writes the head of an array or a map with so many items or entries.
fn write_head(out: &mut Vec<u8>, fix: u8, long: u8, count: usize) {
    if count <= 15 {
        out.push(fix | count as u8);
    } else {
        out.push(long);
        out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }
}

/// Writes a value of JSON.
pub(super) fn write_json(out: &mut Vec<u8>, value: &serde_json::Value) {
    match value {
        serde_json::Value::Null => out.push(0xc0),
        serde_json::Value::Bool(flag) => out.push(0xc2 | u8::from(*flag)),
        serde_json::Value::Number(number) => {
            if let Some(number) = number.as_i64() {
                out.push(0xd3);
                out.extend_from_slice(&number.to_be_bytes());
            } else if let Some(number) = number.as_u64() {
                out.push(0xcf);
                out.extend_from_slice(&number.to_be_bytes());
            } else {
                out.push(0xcb);
                out.extend_from_slice(&number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
            }
        }
        serde_json::Value::String(text) => write_str(out, text.as_bytes()),
        serde_json::Value::Array(items) => {
            write_head(out, 0x90, 0xdd, items.len());
            items.iter().for_each(|item| write_json(out, item));
        }
        serde_json::Value::Object(entries) => {
            write_head(out, 0x80, 0xdf, entries.len());
            for (key, value) in entries {
                write_str(out, key.as_bytes());
                write_json(out, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Malformed, Reader, Scanner, Token, write_json};

    #[test]
    fn numbers_of_every_size_are_read() {
        for (bytes, token) in [
            (b"\x7f".as_slice(), Token::Int(127)),
            (b"\xff", Token::Int(-1)),
            (b"\xcc\xff", Token::Int(255)),
            (b"\xcd\x01\x00", Token::Int(256)),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", Token::Unsigned(u64::MAX)),
            (b"\xd0\x80", Token::Int(-128)),
            (b"\xd1\xff\x00", Token::Int(-256)),
            (b"\xd3\x80\0\0\0\0\0\0\0", Token::Int(i64::MIN)),
            (b"\xca\x3f\xc0\0\0", Token::Double(1.5)),
            (b"\xcb\x3f\xf8\0\0\0\0\0\0", Token::Double(1.5)),
            (b"\xd7\0ABCDEFGH", Token::Ext(0, b"ABCDEFGH")),
            (b"\xc7\x02\xffAB", Token::Ext(-1, b"AB")),
            (b"\xdb\0\0\0\x02\xfe\xff", Token::Str(b"\xfe\xff")),
            (b"\xc4\x01x", Token::Bin(b"x")),
            (b"\xde\0\x10", Token::Map(16)),
            (b"\xdd\xff\xff\xff\xff", Token::Array(0xffff_ffff)),
        ] {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.token(), Ok(token), "{bytes:x?}");
            assert!(reader.is_empty());
        }
        assert_eq!(Reader::new(b"\xdb\xff\xff\xff\xffshort").token(), Err(Malformed::Ends));
        assert_eq!(Reader::new(b"\xc1").token(), Err(Malformed::Unused));
    }

    #[test]
    fn ends_are_found_however_it_comes() {
        let mut bytes = Vec::new();
        write_json(&mut bytes, &json!(["a", [1, 2.5, null, {}], {"b": [], "c": {"d": "x".repeat(300)}}, -5, u64::MAX]));
        let whole = bytes.len();
        bytes.extend_from_slice(b"\x93more");
        for first in 0..=bytes.len() {
            let mut scanner = Scanner::default();
            let early = scanner.scan(&bytes[..first]).expect("sound");
            assert_eq!(early, (first >= whole).then_some(whole), "{first}");
            assert_eq!(scanner.scan(&bytes), Ok(Some(whole)), "{first}");
        }
        assert_eq!(Scanner::default().scan(&[0x91; 2000]), Err(Malformed::Deep));
        assert_eq!(Scanner::default().scan(b"\x92\x01\xc1"), Err(Malformed::Unused));
    }
}
