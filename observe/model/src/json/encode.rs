//! From protobuf to text.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BYTES, DOUBLE, MAP, MAX_DEPTH, TOO_DEEP};
use crate::wire::{Fault, Reader, fields, fixed64, length, varint};

const ANY_VALUE: u64 = fields(&[1, 2, 3, 4, 5, 6, 7, 8]);
const VALUES: u64 = fields(&[1]);
const KEY_VALUE: u64 = fields(&[1, 2, 3]);
/// What is written into memory is written.
const NEVER_FAILS: &str = "a vector grows as needed";

/// An `AnyValue`, its insides still as on the wire.
#[derive(Clone, Copy)]
pub(crate) enum Any<'a> {
    Empty,
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    Array(&'a [u8]),
    Map(&'a [u8]),
    Bytes(&'a [u8]),
}

/// Reads an `AnyValue`. Of several values the last counts.
pub(crate) fn any(message: &[u8]) -> Result<Any<'_>, Fault> {
    let mut reader = Reader::new(message);
    let mut found = Any::Empty;
    while let Some(key) = reader.key()? {
        const TEXT: u32 = length(1);
        const BOOL: u32 = varint(2);
        const INT: u32 = varint(3);
        const DOUBLE: u32 = fixed64(4);
        const ARRAY: u32 = length(5);
        const MAP: u32 = length(6);
        const BYTES: u32 = length(7);
        const INDEX: u32 = varint(8);
        found = match key {
            TEXT => Any::Text(reader.bytes()?),
            BOOL => Any::Bool(reader.varint()? != 0),
            INT => Any::Int(reader.varint()? as i64),
            DOUBLE => Any::Double(reader.double()?),
            ARRAY => Any::Array(reader.bytes()?),
            MAP => Any::Map(reader.bytes()?),
            BYTES => Any::Bytes(reader.bytes()?),
            INDEX => {
                // A number into a table that only profiles carry: nothing here can say what it meant.
                reader.varint()?;
                Any::Empty
            }
            _ => {
                reader.skip(key, ANY_VALUE)?;
                found
            }
        };
    }
    Ok(found)
}

/// Reads a `KeyValue`: its key, and its value as on the wire.
pub(crate) fn key_value(message: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    const KEY: u32 = length(1);
    const VALUE: u32 = length(2);
    const INDEX: u32 = varint(3);
    let mut reader = Reader::new(message);
    let (mut name, mut value) = (&message[..0], &message[..0]);
    while let Some(key) = reader.key()? {
        match key {
            KEY => name = reader.bytes()?,
            VALUE => value = reader.bytes()?,
            INDEX => drop(reader.varint()?),
            _ => reader.skip(key, KEY_VALUE)?,
        }
    }
    Ok((name, value))
}

/// Writes a value as typed JSON.
pub(crate) fn encode(value: Any<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    write(value, 0, out)
}

fn write(value: Any<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), Fault> {
    match value {
        Any::Empty => out.extend_from_slice(b"null"),
        Any::Text(text) => write_text(text, out),
        Any::Bool(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
        Any::Int(number) => write!(out, "{number}").expect(NEVER_FAILS),
        Any::Double(number) => write_double(number, out),
        Any::Bytes(bytes) => write!(out, "{{\"{BYTES}\":\"{}\"}}", STANDARD.encode(bytes)).expect(NEVER_FAILS),
        Any::Array(_) | Any::Map(_) if depth == MAX_DEPTH => write_text(TOO_DEEP.as_bytes(), out),
        Any::Array(items) => {
            let mut reader = Reader::new(items);
            out.push(b'[');
            let mut first = true;
            while let Some(key) = reader.key()? {
                if key != length(1) {
                    reader.skip(key, VALUES)?;
                    continue;
                }
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                write(any(reader.bytes()?)?, depth + 1, out)?;
            }
            out.push(b']');
        }
        Any::Map(entries) => {
            let mut reader = Reader::new(entries);
            let mut object = Object::begin(depth + 1, out);
            while let Some(key) = reader.key()? {
                if key == length(1) {
                    object.entry(reader.bytes()?, out)?;
                } else {
                    reader.skip(key, VALUES)?;
                }
            }
            object.end_value(out);
        }
    }
    Ok(())
}

fn write_double(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        write!(out, "{number:?}").expect(NEVER_FAILS);
        return;
    }
    let name = match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    };
    write!(out, "{{\"{DOUBLE}\":\"{name}\"}}").expect(NEVER_FAILS);
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    serde_json::to_writer(out, &String::from_utf8_lossy(text)).expect(NEVER_FAILS);
}

/// An object that is being written, entry by entry.
pub(crate) struct Object {
    start: usize,
    depth: u32,
    entries: usize,
    ambiguous: bool,
}

impl Object {
    /// Begins an object at the end of `out`; its values have this depth.
    pub(crate) fn begin(depth: u32, out: &mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { start: out.len() - 1, depth, entries: 0, ambiguous: false }
    }

    /// Whether it has no entries.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Adds a `KeyValue`.
    pub(crate) fn entry(&mut self, entry: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let (key, value) = key_value(entry)?;
        self.key(key, out);
        write(any(value)?, self.depth, out)
    }

    /// Adds an entry of these values.
    pub(crate) fn add(&mut self, key: &str, value: Any<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.key(key.as_bytes(), out);
        write(value, self.depth, out)
    }

    fn key(&mut self, key: &[u8], out: &mut Vec<u8>) {
        if self.entries > 0 {
            out.push(b',');
        }
        self.ambiguous = self.entries == 0 && [BYTES, DOUBLE, MAP].iter().any(|name| name.as_bytes() == key);
        self.entries += 1;
        write_text(key, out);
        out.push(b':');
    }

    /// Ends an object that can be nothing but attributes.
    pub(crate) fn end(self, out: &mut Vec<u8>) {
        out.push(b'}');
    }

    /// Ends an object that stands where any value may stand.
    fn end_value(self, out: &mut Vec<u8>) {
        out.push(b'}');
        if self.entries == 1 && self.ambiguous {
            out.splice(self.start..self.start, format!("{{\"{MAP}\":").into_bytes());
            out.push(b'}');
        }
    }
}
