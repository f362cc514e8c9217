//! Messages of the Forward protocol, in all their modes.

use std::borrow::Cow;

use super::msgpack::{Malformed, Reader, Token};
use crate::document::time;
use crate::document::value::{Object, Value};

/// The type of the ext that is an `EventTime`: seconds and nanoseconds, 4 bytes each.
const EVENT_TIME: i8 = 0;
/// Longest id of a chunk: its acknowledgement has to fit into the 512 bytes that senders read at a time.
const MAX_CHUNK_BYTES: usize = 480;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// What a message says, in pieces of it.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub tag: &'a [u8],
    pub entries: Entries<'a>,
    pub options: Options<'a>,
}

/// Where the records are.
#[derive(Debug)]
pub(super) enum Entries<'a> {
    /// A time and a record.
    One(Reader<'a>),
    /// So many pairs of time and record, one after the other.
    List(u64, Reader<'a>),
    /// The same in bytes of their own, perhaps compressed.
    Packed(&'a [u8]),
}

/// What is asked of a message.
#[derive(Debug, Default)]
pub(super) struct Options<'a> {
    /// Wants an acknowledgement: the id, as MessagePack.
    pub chunk: Option<&'a [u8]>,
    /// Fluent Bit's metrics and traces, which are no records.
    pub is_other_signal: bool,
}

/// One record.
pub(super) struct Entry<'a> {
    /// None means now.
    pub time_ns: Option<u64>,
    pub record: Object<'a>,
}

impl<'a> Message<'a> {
    /// Reads a message that is there whole; none if it says nothing.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader::new(bytes);
        let length = match reader.token()? {
            // A heartbeat.
            Token::Nil => return Ok(None),
            Token::Array(length) if length >= 2 => length,
            _ => return Err(Malformed::Unexpected("expected an array of tag and records")),
        };
        let (Token::Str(tag) | Token::Bin(tag)) = reader.token()? else {
            return Err(Malformed::Unexpected("expected a text as tag"));
        };
        let (entries, taken) = match reader.peek()? {
            Token::Str(packed) | Token::Bin(packed) => {
                reader.skip()?;
                (Entries::Packed(packed), 2)
            }
            Token::Array(count) if holds_entries(reader)? => {
                let mut all = Reader::new(reader.skip()?);
                all.token()?;
                (Entries::List(count, all), 2)
            }
            _ if length < 3 => return Err(Malformed::Unexpected("expected a record after the time")),
            _ => {
                let one = reader;
                reader.skip()?;
                reader.skip()?;
                (Entries::One(one), 3)
            }
        };
        let options = if length > taken { options(reader)? } else { Options::default() };
        Ok(Some(Self { tag, entries, options }))
    }
}

/// Whether an array holds pairs, and is not itself a time with its metadata.
fn holds_entries(mut reader: Reader<'_>) -> Result<bool, Malformed> {
    Ok(matches!(reader.token()?, Token::Array(0)) || matches!(reader.peek()?, Token::Array(_)))
}

fn options(mut reader: Reader<'_>) -> Result<Options<'_>, Malformed> {
    let mut options = Options::default();
    let entries = match reader.token()? {
        Token::Map(entries) => entries,
        // Docker sends it.
        Token::Nil => 0,
        _ => return Err(Malformed::Unexpected("expected a map as options")),
    };
    for _ in 0..entries {
        let key = reader.token()?;
        let value = reader.peek()?;
        let bytes = reader.skip()?;
        match (key, value) {
            (Token::Str(b"chunk") | Token::Bin(b"chunk"), Token::Str(id) | Token::Bin(id)) => {
                if id.len() > MAX_CHUNK_BYTES {
                    return Err(Malformed::LongId(MAX_CHUNK_BYTES));
                }
                options.chunk = Some(bytes);
            }
            (Token::Str(b"fluent_signal") | Token::Bin(b"fluent_signal"), signal) => {
                options.is_other_signal = signal != Token::Int(0);
            }
            (Token::Str(_) | Token::Bin(_), _) => {}
            _ => return Err(Malformed::Unexpected("expected texts as keys of options")),
        }
    }
    Ok(options)
}

/// Takes one entry off bytes of entries. The error is of the entry alone; the outer one says that the bytes cannot be read on.
pub(super) fn next_entry<'a>(reader: &mut Reader<'a>) -> Result<Result<Entry<'a>, Malformed>, Malformed> {
    Ok(entry(Reader::new(reader.skip()?)))
}

fn entry(mut reader: Reader<'_>) -> Result<Entry<'_>, Malformed> {
    match reader.token()? {
        Token::Array(length) if length >= 2 => pair(reader),
        _ => Err(Malformed::Unexpected("expected an array of time and record")),
    }
}

/// Reads a time and a record.
pub(super) fn pair(mut reader: Reader<'_>) -> Result<Entry<'_>, Malformed> {
    let (time_ns, metadata) = match reader.peek()? {
        // Fluent Bit's, since 2.1.
        Token::Array(length) if length >= 1 => {
            let mut stamp = Reader::new(reader.skip()?);
            stamp.token()?;
            let time_ns = event_time(&mut stamp)?;
            (time_ns, if length > 1 { stamp.object()? } else { Object::new() })
        }
        _ => (event_time(&mut reader)?, Object::new()),
    };
    let mut record = reader.object()?;
    if !metadata.is_empty() {
        record.push((Cow::Borrowed("fluent.metadata"), Value::Object(metadata)));
    }
    Ok(Entry { time_ns, record })
}

fn event_time(reader: &mut Reader<'_>) -> Result<Option<u64>, Malformed> {
    let lifted = |value: &Value<'_>| time::of(value).map(|(time_ns, _)| time_ns);
    Ok(match reader.token()? {
        Token::Nil => None,
        // Seconds; where they cannot be, what others count.
        Token::Int(number) => lifted(&Value::Int(number)),
        Token::Double(number) => lifted(&Value::Double(number)),
        Token::Ext(EVENT_TIME, bytes) => {
            let bytes =
                <[u8; 8]>::try_from(bytes).map_err(|_| Malformed::Unexpected("expected an EventTime of 8 bytes"))?;
            let stamp = u64::from_be_bytes(bytes);
            let (seconds, nanos) = (stamp >> 32, stamp & u64::from(u32::MAX));
            Some(seconds * NANOS_PER_SECOND + nanos).filter(|time_ns| *time_ns > 0)
        }
        _ => return Err(Malformed::Unexpected("expected a number or an EventTime as time")),
    })
}
