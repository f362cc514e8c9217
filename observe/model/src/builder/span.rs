//! Spans.

use vitrine_observe_columns::NULL_INT;

use super::{Appended, Table, id8, id16};
use crate::attributes::NO_SLOT;
use crate::cells::{
    clamp, end_row, fill_zeros, push_id8, push_id16, push_int, push_text, put_id8, put_id16, put_int, put_positive,
    put_some_text, put_text,
};
use crate::definitions::spans;
use crate::json::Object;
use crate::rejected::{Refusal, Rejected};
use crate::wire::{Fault, Reader, fields, fixed32, fixed64, length, varint};

const SPAN: u64 = fields(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const STATUS: u64 = fields(&[2, 3]);
const EVENT: u64 = fields(&[1, 2, 3, 4]);
const LINK: u64 = fields(&[1, 2, 3, 4, 5, 6]);

/// What is known of a span before its row is put.
struct Span<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    message: &'a [u8],
    start: u64,
    end: u64,
    kind: u64,
    status: u64,
    flags: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

impl Table {
    /// Adds a `Span`, or refuses it.
    pub(super) fn span(&mut self, message: &[u8], appended: &mut Appended) -> Result<(), Fault> {
        const TRACE_ID: u32 = length(1);
        const SPAN_ID: u32 = length(2);
        const TRACE_STATE: u32 = length(3);
        const PARENT: u32 = length(4);
        const NAME: u32 = length(5);
        const KIND: u32 = varint(6);
        const START: u32 = fixed64(7);
        const END: u32 = fixed64(8);
        const ATTRIBUTE: u32 = length(9);
        const DROPPED_ATTRIBUTES: u32 = varint(10);
        const EVENT: u32 = length(11);
        const DROPPED_EVENTS: u32 = varint(12);
        const LINK: u32 = length(13);
        const DROPPED_LINKS: u32 = varint(14);
        const STATUS: u32 = length(15);
        const FLAGS: u32 = fixed32(16);
        let none = &message[..0];
        let mut span = Span {
            trace_id: none,
            span_id: none,
            parent_span_id: none,
            trace_state: none,
            name: none,
            message: none,
            start: 0,
            end: 0,
            kind: 0,
            status: 0,
            flags: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        };
        let mut lost_links = 0u32;
        let mut before = NO_SLOT;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => before = self.attributes.append(&mut self.columns, reader.bytes()?, before)?,
                TRACE_ID => span.trace_id = reader.bytes()?,
                SPAN_ID => span.span_id = reader.bytes()?,
                PARENT => span.parent_span_id = reader.bytes()?,
                NAME => span.name = reader.bytes()?,
                KIND => span.kind = reader.varint()?,
                START => span.start = reader.fixed64()?,
                END => span.end = reader.fixed64()?,
                STATUS => status(reader.bytes()?, &mut span)?,
                EVENT => self.event(reader.bytes()?)?,
                LINK => lost_links += u32::from(!self.link(reader.bytes()?)?),
                TRACE_STATE => span.trace_state = reader.bytes()?,
                FLAGS => span.flags = reader.fixed32()?,
                DROPPED_ATTRIBUTES => span.dropped_attributes = reader.varint()? as u32,
                DROPPED_EVENTS => span.dropped_events = reader.varint()? as u32,
                DROPPED_LINKS => span.dropped_links = reader.varint()? as u32,
                _ => reader.skip(key, SPAN)?,
            }
        }
        span.dropped_links = span.dropped_links.saturating_add(lost_links);
        match self.put_span(&span) {
            Ok(()) => self.take(message, appended),
            Err(reason) => {
                self.columns.truncate(self.columns.rows);
                appended.refuse(reason);
            }
        }
        Ok(())
    }

    fn take(&mut self, message: &[u8], appended: &mut Appended) {
        self.sizes.push(u32::try_from(message.len()).unwrap_or(u32::MAX));
        appended.taken += 1;
    }

    #[inline]
    fn put_span(&mut self, span: &Span<'_>) -> Result<(), Rejected> {
        let (trace_id, span_id) = (id16(span.trace_id), id8(span.span_id));
        if trace_id == 0 {
            return Err(malformed("traceId", span.trace_id, "16 bytes, not all zero"));
        }
        if span_id == 0 {
            return Err(malformed("spanId", span.span_id, "8 bytes, not all zero"));
        }
        if !matches!(span.parent_span_id.len(), 0 | 8) {
            return Err(malformed("parentSpanId", span.parent_span_id, "8 bytes, or none"));
        }
        let columns = &mut self.columns;
        put_id16(columns, spans::TRACE_ID, trace_id);
        put_id8(columns, spans::SPAN_ID, span_id);
        put_id8(columns, spans::PARENT_SPAN_ID, id8(span.parent_span_id));
        let (start, end) = match (clamp(span.start), clamp(span.end)) {
            (0, 0) => (self.arrival, self.arrival),
            // What is known of one end is the best that is known of the other.
            (0, end) => (end, end),
            (start, 0) => (start, start),
            known => known,
        };
        put_int(columns, spans::START, start);
        // Neither is less than zero, so that the difference always fits.
        put_int(columns, spans::DURATION, end - start);
        fill_zeros(columns, (spans::EVENTS, spans::EVENT_TIME), start);
        put_text(columns, spans::NAME, span.name);
        put_int(columns, spans::KIND, small(span.kind));
        put_int(columns, spans::STATUS, small(span.status));
        put_some_text(columns, spans::STATUS_MESSAGE, span.message);
        put_some_text(columns, spans::TRACE_STATE, span.trace_state);
        put_positive(columns, spans::FLAGS, i64::from(span.flags));
        put_positive(columns, spans::DROPPED_ATTRIBUTES, i64::from(span.dropped_attributes));
        put_positive(columns, spans::DROPPED_EVENTS, i64::from(span.dropped_events));
        put_positive(columns, spans::DROPPED_LINKS, i64::from(span.dropped_links));
        end_row(columns);
        Ok(())
    }

    fn event(&mut self, message: &[u8]) -> Result<(), Fault> {
        const TIME: u32 = fixed64(1);
        const NAME: u32 = length(2);
        const ATTRIBUTE: u32 = length(3);
        const DROPPED: u32 = varint(4);
        let (mut time, mut name, mut dropped) = (0, &message[..0], 0);
        self.text.clear();
        let mut object = Object::begin(0, &mut self.text);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                TIME => time = reader.fixed64()?,
                NAME => name = reader.bytes()?,
                ATTRIBUTE => object.entry(reader.bytes()?, &mut self.text)?,
                DROPPED => dropped = reader.varint()? as u32,
                _ => reader.skip(key, EVENT)?,
            }
        }
        let some = !object.is_empty();
        object.end(&mut self.text);
        let columns = &mut self.columns;
        push_int(columns, (spans::EVENTS, spans::EVENT_TIME), clamp(time));
        push_text(columns, (spans::EVENTS, spans::EVENT_NAME), Some(name));
        push_text(columns, (spans::EVENTS, spans::EVENT_ATTRIBUTES), some.then_some(self.text.as_slice()));
        push_int(columns, (spans::EVENTS, spans::EVENT_DROPPED_ATTRIBUTES), positive(dropped));
        Ok(())
    }

    /// Adds a link, unless an id of it is malformed.
    fn link(&mut self, message: &[u8]) -> Result<bool, Fault> {
        const TRACE_ID: u32 = length(1);
        const SPAN_ID: u32 = length(2);
        const TRACE_STATE: u32 = length(3);
        const ATTRIBUTE: u32 = length(4);
        const DROPPED: u32 = varint(5);
        const FLAGS: u32 = fixed32(6);
        let none = &message[..0];
        let (mut trace_id, mut span_id, mut trace_state, mut dropped, mut flags) = (none, none, none, 0, 0);
        self.text.clear();
        let mut object = Object::begin(0, &mut self.text);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                TRACE_ID => trace_id = reader.bytes()?,
                SPAN_ID => span_id = reader.bytes()?,
                TRACE_STATE => trace_state = reader.bytes()?,
                ATTRIBUTE => object.entry(reader.bytes()?, &mut self.text)?,
                DROPPED => dropped = reader.varint()? as u32,
                FLAGS => flags = reader.fixed32()?,
                _ => reader.skip(key, LINK)?,
            }
        }
        let some = !object.is_empty();
        object.end(&mut self.text);
        let (trace_id, span_id) = (id16(trace_id), id8(span_id));
        if trace_id == 0 || span_id == 0 {
            return Ok(false);
        }
        let columns = &mut self.columns;
        push_id16(columns, (spans::LINKS, spans::LINK_TRACE_ID), trace_id);
        push_id8(columns, (spans::LINKS, spans::LINK_SPAN_ID), span_id);
        let state = (!trace_state.is_empty()).then_some(trace_state);
        push_text(columns, (spans::LINKS, spans::LINK_TRACE_STATE), state);
        push_text(columns, (spans::LINKS, spans::LINK_ATTRIBUTES), some.then_some(self.text.as_slice()));
        push_int(columns, (spans::LINKS, spans::LINK_FLAGS), positive(flags));
        push_int(columns, (spans::LINKS, spans::LINK_DROPPED_ATTRIBUTES), positive(dropped));
        Ok(true)
    }
}

fn status<'a>(message: &'a [u8], span: &mut Span<'a>) -> Result<(), Fault> {
    const MESSAGE: u32 = length(2);
    const CODE: u32 = varint(3);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            MESSAGE => span.message = reader.bytes()?,
            CODE => span.status = reader.varint()?,
            _ => reader.skip(key, STATUS)?,
        }
    }
    Ok(())
}

/// An enumeration's number; 0, which means unspecified, for one that no version of OTLP has come near.
#[inline]
pub(super) fn small(number: u64) -> i64 {
    u8::try_from(number as i32).map_or(0, i64::from)
}

/// A number in a list's field; none for 0.
pub(super) fn positive(number: u32) -> i64 {
    if number == 0 { NULL_INT } else { i64::from(number) }
}

#[cold]
fn malformed(field: &'static str, found: &[u8], expected: &'static str) -> Rejected {
    let problem = match found.len() {
        0 => "missing".to_owned(),
        _ if found.iter().all(|byte| *byte == 0) => "all zero".to_owned(),
        length => format!("{length} bytes"),
    };
    Rejected { field, problem, expected, refusal: Refusal::Invalid }
}
