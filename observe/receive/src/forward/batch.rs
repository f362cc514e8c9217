//! Messages that have come become requests of OTLP.

use std::borrow::Cow;

use super::json;
use super::message::{Entries, Entry, Message, next_entry, pair};
use super::msgpack::{Malformed, Reader};
use super::partial::{Partials, Whole};
use crate::body::{MAX_BODY_BYTES, unpacked};
use crate::budget::{Budget, Buffer};
use crate::document::{About, Documents};
use crate::error::Error;
use crate::text::text_of;

/// Bytes of records that go into one request.
const REQUEST_BYTES: usize = 8 << 20;
/// Largest record, in bytes; a larger one is skipped.
const MAX_RECORD_BYTES: usize = 32 << 20;

/// Why a connection ends of which not everything was taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("a message cannot be read: {0}")]
    Malformed(#[from] Malformed),
    #[error("a message has more than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    #[error("records cannot be decompressed: {0}")]
    Decompress(std::io::Error),
    #[error("metrics and traces of Fluent Bit are not taken; expected records")]
    OtherSignal,
}

/// What some messages have become.
#[derive(Default)]
pub(super) struct Batch {
    pub requests: Vec<Buffer>,
    /// Messages in it. One that wants an acknowledgement is the last.
    pub messages: usize,
    /// The acknowledgement that it wants, once all is written.
    pub ack: Option<Vec<u8>>,
    /// Entries that were no records.
    pub skipped: u64,
    /// Why the message after them ends the connection.
    pub end: Option<End>,
}

/// How messages are read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub is_json: bool,
    pub now_ns: u64,
}

/// Reads messages, each of which ends at one of these places, up to one that wants an acknowledgement or cannot be read.
pub(super) fn translate(
    budget: &Budget,
    reading: Reading,
    bytes: &[u8],
    ends: &[usize],
    partials: &mut Partials,
) -> Result<Batch, Error> {
    let (mut batch, mut writing) = (Batch::default(), Writing::new(budget, reading.now_ns));
    let mut start = 0;
    for end in ends {
        let read = message(budget, reading, &bytes[start..*end], &mut writing, partials)?;
        start = *end;
        match read {
            Ok(ack) => {
                batch.messages += 1;
                batch.ack = ack;
            }
            Err(end) => batch.end = Some(end),
        }
        if batch.ack.is_some() || batch.end.is_some() {
            break;
        }
    }
    batch.skipped = writing.skipped;
    batch.requests = writing.finish()?;
    Ok(batch)
}

/// What is there of lines whose last part did not come.
pub(super) fn rest(budget: &Budget, now_ns: u64, partials: &mut Partials) -> Result<Vec<Buffer>, Error> {
    let mut writing = Writing::new(budget, now_ns);
    for whole in partials.drain() {
        writing.put(&whole)?;
    }
    writing.finish()
}

/// Reads one message; returns the acknowledgement that it wants. The outer error is of memory: what was read of the message stays in
/// `writing`, which is of no use then.
fn message(
    budget: &Budget,
    reading: Reading,
    bytes: &[u8],
    writing: &mut Writing<'_>,
    partials: &mut Partials,
) -> Result<Result<Option<Vec<u8>>, End>, Error> {
    let packed;
    let bytes = if reading.is_json {
        packed = match json::to_msgpack(bytes) {
            Ok(packed) => packed,
            Err(error) => return Ok(Err(error.into())),
        };
        &packed
    } else {
        bytes
    };
    let message = match Message::read(bytes) {
        Ok(Some(message)) => message,
        Ok(None) => return Ok(Ok(None)),
        Err(error) => return Ok(Err(error.into())),
    };
    if message.options.is_other_signal {
        return Ok(Err(End::OtherSignal));
    }
    let unpacked = match &message.entries {
        Entries::Packed(packed) => match unpacked(budget, packed) {
            Ok(unpacked) => unpacked,
            Err(Error::TooLarge) => return Ok(Err(End::TooLarge)),
            Err(Error::Decompress { cause, .. }) => return Ok(Err(End::Decompress(cause))),
            Err(error) => return Err(error),
        },
        _ => None,
    };
    let mut adding = Adding { tag: message.tag, partials, writing, joins: message.options.chunk.is_none() };
    match message.entries {
        Entries::One(one) => adding.add(one.rest().len(), pair(one))?,
        Entries::List(count, mut all) => {
            for _ in 0..count {
                if let Err(error) = adding.next(&mut all)? {
                    return Ok(Err(error.into()));
                }
            }
        }
        Entries::Packed(packed) => {
            let mut all = Reader::new(unpacked.as_ref().map_or(packed, |unpacked| &unpacked.bytes));
            // Nothing stays of a message that breaks off.
            if let Err(error) = are_whole(all) {
                return Ok(Err(error.into()));
            }
            while !all.is_empty() {
                if let Err(error) = adding.next(&mut all)? {
                    return Ok(Err(error.into()));
                }
            }
        }
    }
    let ack = message
        .options
        .chunk
        .map(|chunk| if reading.is_json { json::ack(chunk) } else { [b"\x81\xa3ack".as_slice(), chunk].concat() });
    Ok(Ok(ack))
}

fn are_whole(mut entries: Reader<'_>) -> Result<(), Malformed> {
    while !entries.is_empty() {
        entries.skip()?;
    }
    Ok(())
}

/// Adds entries of one message.
struct Adding<'a, 'w> {
    tag: &'a [u8],
    partials: &'a mut Partials,
    writing: &'a mut Writing<'w>,
    /// Whether lines in parts are joined.
    joins: bool,
}

impl Adding<'_, '_> {
    /// Takes the next entry off; the inner error says that there is none.
    fn next(&mut self, all: &mut Reader<'_>) -> Result<Result<(), Malformed>, Error> {
        let before = all.rest().len();
        match next_entry(all) {
            Ok(entry) => self.add(before - all.rest().len(), entry).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    fn add(&mut self, bytes: usize, entry: Result<Entry<'_>, Malformed>) -> Result<(), Error> {
        let Some(Entry { time_ns, record }) = entry.ok().filter(|_| bytes <= MAX_RECORD_BYTES) else {
            self.writing.skipped += 1;
            return Ok(());
        };
        let whole = Whole { tag: Cow::Borrowed(self.tag), time_ns, record };
        let whole = if self.joins { self.partials.join(whole) } else { Some(whole) };
        let Some(whole) = whole else { return Ok(()) };
        self.writing.bytes += bytes;
        self.writing.put(&whole)
    }
}

/// Requests that are being written.
struct Writing<'a> {
    budget: &'a Budget,
    now_ns: u64,
    documents: Documents,
    /// Of records in it.
    bytes: usize,
    is_empty: bool,
    finished: Vec<Buffer>,
    skipped: u64,
}

impl<'a> Writing<'a> {
    fn new(budget: &'a Budget, now_ns: u64) -> Self {
        let documents = Documents::new(budget, now_ns);
        Self { budget, now_ns, documents, bytes: 0, is_empty: true, finished: Vec::new(), skipped: 0 }
    }

    fn put(&mut self, whole: &Whole<'_>) -> Result<(), Error> {
        if self.bytes > REQUEST_BYTES {
            let documents = std::mem::replace(&mut self.documents, Documents::new(self.budget, self.now_ns));
            self.finished.push(documents.finish()?);
            self.bytes = 0;
        }
        self.is_empty = false;
        let tag = text_of(&whole.tag);
        let beside = [("fluent.tag", &*tag)];
        let about = About { beside: &beside, time_ns: whole.time_ns, ..About::default() };
        self.documents.put(about, &whole.record)
    }

    fn finish(mut self) -> Result<Vec<Buffer>, Error> {
        if !self.is_empty {
            self.finished.push(self.documents.finish()?);
        }
        Ok(self.finished)
    }
}
