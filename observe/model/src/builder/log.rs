//! Log records.

use vitrine_observe_columns::Columns;
use vitrine_observe_text::template_id;

use super::{Appended, Table, id8, id16};
use crate::attributes::NO_SLOT;
use crate::builder::span::small;
use crate::cells::{clamp, end_row, put_id8, put_id16, put_int, put_positive, put_some_text, put_text, put_true};
use crate::definitions::logs;
use crate::json::{Any, any, encode};
use crate::rows::json_value;
use crate::wire::{Fault, Reader, fields, fixed32, fixed64, length, varint};

const LOG: u64 = fields(&[1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]);

impl Table {
    /// Adds a `LogRecord`. As OTLP asks, a malformed trace or span id means that the record belongs to no trace; every
    /// record is taken.
    pub(super) fn log(&mut self, message: &[u8], appended: &mut Appended) -> Result<(), Fault> {
        const TIME: u32 = fixed64(1);
        const SEVERITY: u32 = varint(2);
        const SEVERITY_TEXT: u32 = length(3);
        const BODY: u32 = length(5);
        const ATTRIBUTE: u32 = length(6);
        const DROPPED: u32 = varint(7);
        const FLAGS: u32 = fixed32(8);
        const TRACE_ID: u32 = length(9);
        const SPAN_ID: u32 = length(10);
        const OBSERVED_TIME: u32 = fixed64(11);
        const EVENT_NAME: u32 = length(12);
        let none = &message[..0];
        let (mut time, mut observed, mut severity, mut dropped, mut flags) = (0, 0, 0, 0, 0);
        let (mut severity_text, mut event_name, mut trace_id, mut span_id) = (none, none, none, none);
        let mut body = Any::Empty;
        let mut before = NO_SLOT;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => before = self.attributes.append(&mut self.columns, reader.bytes()?, before)?,
                TIME => time = reader.fixed64()?,
                OBSERVED_TIME => observed = reader.fixed64()?,
                SEVERITY => severity = reader.varint()?,
                SEVERITY_TEXT => severity_text = reader.bytes()?,
                BODY => body = any(reader.bytes()?)?,
                TRACE_ID => trace_id = reader.bytes()?,
                SPAN_ID => span_id = reader.bytes()?,
                FLAGS => flags = reader.fixed32()?,
                EVENT_NAME => event_name = reader.bytes()?,
                DROPPED => dropped = reader.varint()? as u32,
                _ => reader.skip(key, LOG)?,
            }
        }
        let columns = &mut self.columns;
        match body {
            Any::Empty => {}
            Any::Text(text) => {
                put_text(columns, logs::BODY, text);
                put_template(columns, std::str::from_utf8(text).unwrap_or_default(), &mut self.template);
            }
            other => {
                self.text.clear();
                encode(other, &mut self.text)?;
                put_text(columns, logs::BODY, &self.text);
                put_true(columns, logs::BODY_IS_JSON, true);
                let text = json_value(std::str::from_utf8(&self.text).unwrap_or_default()).text();
                put_template(columns, &text, &mut self.template);
            }
        }
        // As OTLP's data model asks; a record of which neither is known happened, as far as known, when it arrived.
        let known = [time, observed].into_iter().find(|time| *time != 0);
        put_int(columns, logs::TIME, known.map_or(self.arrival, clamp));
        put_positive(columns, logs::OBSERVED_TIME, clamp(observed));
        put_int(columns, logs::SEVERITY, small(severity));
        put_some_text(columns, logs::SEVERITY_TEXT, severity_text);
        put_some_text(columns, logs::EVENT_NAME, event_name);
        put_id16(columns, logs::TRACE_ID, id16(trace_id));
        put_id8(columns, logs::SPAN_ID, id8(span_id));
        put_positive(columns, logs::FLAGS, i64::from(flags));
        put_positive(columns, logs::DROPPED_ATTRIBUTES, i64::from(dropped));
        end_row(columns);
        appended.taken += 1;
        Ok(())
    }
}

fn put_template(columns: &mut Columns, message: &str, buffer: &mut String) {
    put_int(columns, logs::TEMPLATE, template_id(message, buffer));
}
