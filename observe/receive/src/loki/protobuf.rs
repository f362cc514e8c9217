//! `logproto.PushRequest`, read as it lies: a sender that lies about lengths gets an error, and no memory is taken for what it only says.
//!
//! | message | fields |
//! |---|---|
//! | `PushRequest` | 1 streams |
//! | `StreamAdapter` | 1 labels as text, 2 entries |
//! | `EntryAdapter` | 1 timestamp (1 seconds, 2 nanoseconds), 2 line, 3 metadata (1 name, 2 value) |

use std::borrow::Cow;

use vitrine_kit::varint;

use super::streams::{Stream, Streams};
use super::{PUSH, labels};
use crate::budget::{Budget, Buffer};
use crate::document::value::Value;
use crate::error::Error;

/// Metadata of one entry.
const MAX_METADATA: usize = 1_024;
/// Nanoseconds in a second.
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Rewrites a push.
pub(super) fn rewrite(budget: &Budget, now_ns: u64, message: &[u8]) -> Result<Buffer, Error> {
    let mut streams = Streams::new(budget, now_ns);
    each(message, |number, field| match (number, field) {
        (1, Field::Bytes(stream)) => read_stream(&mut streams, stream),
        _ => Ok(()),
    })?;
    streams.finish()
}

fn malformed(cause: impl Into<String>) -> Error {
    Error::Body { what: PUSH, cause: cause.into() }
}

/// The fields of a message, in order. Those that no one knows are passed over.
fn each<'a>(mut message: &'a [u8], mut visit: impl FnMut(u64, Field<'a>) -> Result<(), Error>) -> Result<(), Error> {
    let cut = || malformed("the protobuf is cut off, or is none");
    while !message.is_empty() {
        let key = varint::read(&mut message).map_err(|_| cut())?;
        let field = match key & 7 {
            0 => Field::Number(varint::read(&mut message).map_err(|_| cut())?),
            2 => {
                let length = varint::read(&mut message).map_err(|_| cut())?;
                let length = usize::try_from(length).ok().filter(|length| *length <= message.len()).ok_or_else(cut)?;
                let (bytes, rest) = message.split_at(length);
                message = rest;
                Field::Bytes(bytes)
            }
            wire_type @ (1 | 5) => {
                message = message.get(if wire_type == 1 { 8 } else { 4 }..).ok_or_else(cut)?;
                continue;
            }
            _ => return Err(cut()),
        };
        visit(key >> 3, field)?;
    }
    Ok(())
}

fn read_stream(streams: &mut Streams, message: &[u8]) -> Result<(), Error> {
    let mut text = None;
    // Labels stand before entries, but need not.
    each(message, |number, field| {
        if let (1, Field::Bytes(bytes)) = (number, field) {
            text = Some(bytes);
        }
        Ok(())
    })?;
    let text = String::from_utf8_lossy(text.unwrap_or(b"{}"));
    let labels = labels::read(&text).map_err(malformed)?;
    let stream = streams.stream(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    each(message, |number, field| match (number, field) {
        (2, Field::Bytes(entry)) => read_entry(streams, &stream, entry),
        _ => Ok(()),
    })
}

fn read_entry(streams: &mut Streams, stream: &Stream, message: &[u8]) -> Result<(), Error> {
    let (mut time_ns, mut line) = (0, Cow::Borrowed(""));
    let mut metadata = Vec::new();
    each(message, |number, field| {
        match (number, field) {
            (1, Field::Bytes(timestamp)) => time_ns = time(timestamp)?,
            (2, Field::Bytes(bytes)) => line = String::from_utf8_lossy(bytes),
            (3, Field::Bytes(_)) if metadata.len() == MAX_METADATA => {
                return Err(malformed(format!("an entry has more metadata than {MAX_METADATA}")));
            }
            (3, Field::Bytes(pair)) => {
                let (name, value) = name_and_value(pair)?;
                metadata.push((name, Value::Text(value)));
            }
            _ => {}
        }
        Ok(())
    })?;
    streams.entry(stream, time_ns, &line, &metadata)
}

fn time(message: &[u8]) -> Result<u64, Error> {
    let (mut seconds, mut nanos) = (0, 0);
    each(message, |number, field| {
        match (number, field) {
            (1, Field::Number(number)) => seconds = number,
            (2, Field::Number(number)) => nanos = number,
            _ => {}
        }
        Ok(())
    })?;
    // What is before 1970 is a number with its highest bit set, and no time here.
    let ns = i64::try_from(seconds).ok().and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(NANOS_PER_SECOND));
    Ok(ns.map_or(0, |ns| ns.saturating_add(nanos.min(NANOS_PER_SECOND - 1))))
}

fn name_and_value(message: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), Error> {
    let (mut name, mut value) = (Cow::Borrowed(""), Cow::Borrowed(""));
    each(message, |number, field| {
        match (number, field) {
            (1, Field::Bytes(bytes)) => name = String::from_utf8_lossy(bytes),
            (2, Field::Bytes(bytes)) => value = String::from_utf8_lossy(bytes),
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, value))
}
