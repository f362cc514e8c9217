//! Exemplars.

use vitrine_observe_series::{Exemplar, Label, Labels, SeriesNumber};

use super::resource::pairs;
use super::{Decoder, milliseconds};
use crate::rejected::Rejected;
use crate::wire::{Fault, Reader, fields, fixed64, length};

const EXEMPLAR: u64 = fields(&[2, 3, 4, 5, 6, 7]);
const TIME: u32 = fixed64(2);
const DOUBLE: u32 = fixed64(3);
const SPAN: u32 = length(4);
const TRACE: u32 = length(5);
const INT: u32 = fixed64(6);
const ATTRIBUTE: u32 = length(7);
/// Most exemplars of one point.
const MAX_EXEMPLARS: usize = 1000;
/// Most characters of an exemplar's labels: with more, its attributes are left out, as OpenMetrics and Prometheus have it.
const MAX_LABEL_CHARS: usize = 128;
/// The label that names the trace.
const TRACE_ID: &str = "trace_id";
/// The label that names the span.
const SPAN_ID: &str = "span_id";

/// Exemplars of one point, as they were read.
#[derive(Default)]
pub(super) struct Exemplars<'a>(Vec<Read<'a>>);

#[derive(Default)]
struct Read<'a> {
    time_ns: u64,
    value: f64,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    attributes: Vec<&'a [u8]>,
}

impl<'a> Exemplars<'a> {
    /// Reads an `Exemplar`.
    pub(super) fn read(&mut self, message: &'a [u8]) -> Result<(), Fault> {
        let mut found = Read::default();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                TIME => found.time_ns = reader.fixed64()?,
                DOUBLE => found.value = reader.double()?,
                SPAN => found.span_id = reader.bytes()?,
                TRACE => found.trace_id = reader.bytes()?,
                INT => found.value = reader.fixed64()? as i64 as f64,
                ATTRIBUTE => found.attributes.push(reader.bytes()?),
                _ => reader.skip(key, EXEMPLAR)?,
            }
        }
        if self.0.len() < MAX_EXEMPLARS {
            self.0.push(found);
        }
        Ok(())
    }
}

impl Decoder<'_, '_> {
    /// Adds the exemplars of a point of this time.
    pub(super) fn exemplars(
        &mut self,
        series: SeriesNumber,
        time_ms: i64,
        exemplars: &Exemplars<'_>,
    ) -> Result<(), Rejected> {
        for read in &exemplars.0 {
            let time_ms = if read.time_ns == 0 { time_ms } else { milliseconds(read.time_ns) };
            let exemplar = Exemplar { labels: read.labels()?, value: read.value, time_ms };
            self.batch.exemplar(series, exemplar);
            self.written.exemplars += 1;
        }
        Ok(())
    }
}

impl Read<'_> {
    fn labels(&self) -> Result<Labels, Rejected> {
        let is_given = |id: &&[u8]| id.iter().any(|byte| *byte != 0);
        let ids = [(TRACE_ID, self.trace_id), (SPAN_ID, self.span_id)];
        let mut labels: Vec<(String, String)> = ids
            .into_iter()
            .filter(|(_, id)| is_given(id))
            .map(|(name, id)| (name.to_owned(), hex::encode(id)))
            .collect();
        let attributes = pairs(&self.attributes)?;
        let all = labels.iter().chain(&attributes);
        let chars: usize = all.map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if chars <= MAX_LABEL_CHARS {
            labels.extend(attributes);
        }
        Ok(Labels::new(labels.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() })))
    }
}
