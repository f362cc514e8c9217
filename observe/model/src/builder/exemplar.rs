//! Exemplars of metric points.

use vitrine_observe_columns::NULL_INT;

use super::{Table, id8, id16};
use crate::cells::{clamp, push_double, push_id8, push_id16, push_int, push_text};
use crate::definitions::metrics;
use crate::json::Object;
use crate::wire::{Fault, Reader, fields, fixed64, length};

const EXEMPLAR: u64 = fields(&[2, 3, 4, 5, 6, 7]);

impl Table {
    /// Adds an `Exemplar` to the point that is being added. Malformed ids count as none.
    pub(super) fn exemplar(&mut self, message: &[u8]) -> Result<(), Fault> {
        const TIME: u32 = fixed64(2);
        const DOUBLE: u32 = fixed64(3);
        const SPAN_ID: u32 = length(4);
        const TRACE_ID: u32 = length(5);
        const INT: u32 = fixed64(6);
        const ATTRIBUTE: u32 = length(7);
        let none = &message[..0];
        let (mut time, mut trace_id, mut span_id) = (0, none, none);
        let (mut int, mut double) = (NULL_INT, None);
        self.text.clear();
        let mut object = Object::begin(0, &mut self.text);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                TIME => time = reader.fixed64()?,
                DOUBLE => (int, double) = (NULL_INT, Some(reader.double()?)),
                INT => (int, double) = exact(reader.fixed64()? as i64),
                SPAN_ID => span_id = reader.bytes()?,
                TRACE_ID => trace_id = reader.bytes()?,
                ATTRIBUTE => object.entry(reader.bytes()?, &mut self.text)?,
                _ => reader.skip(key, EXEMPLAR)?,
            }
        }
        let some = !object.is_empty();
        object.end(&mut self.text);
        let columns = &mut self.columns;
        let field = |field| (metrics::EXEMPLARS, field);
        push_int(columns, field(metrics::EXEMPLAR_TIME), clamp(time));
        push_int(columns, field(metrics::EXEMPLAR_INT), int);
        push_double(columns, field(metrics::EXEMPLAR_DOUBLE), double);
        push_id16(columns, field(metrics::EXEMPLAR_TRACE_ID), id16(trace_id));
        push_id8(columns, field(metrics::EXEMPLAR_SPAN_ID), id8(span_id));
        push_text(columns, field(metrics::EXEMPLAR_ATTRIBUTES), some.then_some(self.text.as_slice()));
        Ok(())
    }
}

/// The one number that stands for none has an exact double.
fn exact(value: i64) -> (i64, Option<f64>) {
    if value == NULL_INT { (NULL_INT, Some(value as f64)) } else { (value, None) }
}
