//! Points of gauges, sums and summaries.

use vitrine_observe_series::{Description, MetricType, SeriesNumber, Temporality};

use super::exemplar::Exemplars;
use super::metric::{Metric, Shape};
use super::resource::ScopeOfResource;
use super::{Decoder, NO_RECORDED_VALUE, bits, milliseconds};
use crate::metrics::identity::{Beside, Part};
use crate::metrics::taking::check_time;
use crate::rejected::Rejected;
use crate::wire::{Fault, Reader, fields, fixed64, length, varint};

const NUMBER: u64 = fields(&[2, 3, 4, 5, 6, 7, 8]);
const SUMMARY: u64 = fields(&[2, 3, 4, 5, 6, 7, 8]);
const QUANTILE: u64 = fields(&[1, 2]);
const ATTRIBUTE: u32 = length(7);
const DOUBLE: u32 = fixed64(4);
const INT: u32 = fixed64(6);
const EXEMPLAR: u32 = length(5);
const FLAGS: u32 = varint(8);
const QUANTILES: u32 = length(6);
const QUANTILE_OF: u32 = fixed64(1);
const VALUE_OF: u32 = fixed64(2);
/// These fields have the same numbers in points of all kinds.
pub(super) const START: u32 = fixed64(2);
pub(super) const TIME: u32 = fixed64(3);
pub(super) const COUNT: u32 = fixed64(4);
pub(super) const SUM: u32 = fixed64(5);

/// From here on doubles skip whole numbers.
const MAX_EXACT: u64 = 1 << 53;

/// When a point is taken: its time, in milliseconds since 1970.
pub(super) type Taken = Result<i64, Rejected>;

/// What points of all kinds have.
#[derive(Default)]
pub(super) struct PointHeader<'a> {
    pub(super) attributes: Vec<&'a [u8]>,
    pub(super) exemplars: Exemplars<'a>,
    pub(super) time_ns: u64,
    pub(super) start_ns: u64,
    pub(super) flags: u32,
}

impl PointHeader<'_> {
    /// Whether a value was recorded.
    pub(super) fn has_value(&self) -> bool {
        self.flags & NO_RECORDED_VALUE == 0
    }

    /// When it was measured, and when its total began, in milliseconds since 1970.
    pub(super) fn times(&self, (arrival_ms, oldest_ms): (i64, i64)) -> Result<(i64, i64), Rejected> {
        let time_ms = if self.time_ns == 0 { arrival_ms } else { milliseconds(self.time_ns) };
        check_time(time_ms, arrival_ms, oldest_ms)?;
        Ok((time_ms, milliseconds(self.start_ns)))
    }
}

impl Decoder<'_, '_> {
    /// A `NumberDataPoint`.
    pub(super) fn number(
        &mut self,
        metric: &Metric<'_>,
        message: &[u8],
        scope: &ScopeOfResource<'_>,
    ) -> Result<Taken, Fault> {
        let mut point = PointHeader::default();
        // A point without a value is 0 for Prometheus.
        let (mut value, mut whole) = (0.0, 0);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => point.attributes.push(reader.bytes()?),
                START => point.start_ns = reader.fixed64()?,
                TIME => point.time_ns = reader.fixed64()?,
                DOUBLE => (value, whole) = (reader.double()?, 0),
                INT => {
                    whole = reader.fixed64()? as i64;
                    value = whole as f64;
                }
                EXEMPLAR => point.exemplars.read(reader.bytes()?)?,
                FLAGS => point.flags = reader.varint()? as u32,
                _ => reader.skip(key, NUMBER)?,
            }
        }
        let taken = point.times(self.bounds_ms()).and_then(|(time_ms, start_ms)| {
            let series = self.series(metric, scope, &point.attributes, Shape::Part(Part::Whole))?;
            self.float(series, time_ms, bits(value, point.flags), start_ms);
            // Also a rest of 0 is kept: a double beside it would not be known to be whole.
            if whole.unsigned_abs() >= MAX_EXACT && point.has_value() {
                let rest = i128::from(whole) - value as i128;
                self.add_beside(scope, Beside::Rest, time_ms, rest as f64);
            }
            self.exemplars(series, time_ms, &point.exemplars)?;
            Ok(time_ms)
        });
        Ok(taken)
    }

    /// A `SummaryDataPoint`: a series for its sum, its count, and each of its quantiles.
    pub(super) fn summary(
        &mut self,
        metric: &Metric<'_>,
        message: &[u8],
        scope: &ScopeOfResource<'_>,
    ) -> Result<Taken, Fault> {
        let mut point = PointHeader::default();
        let (mut count, mut sum, mut quantiles) = (0, 0.0, Vec::new());
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => point.attributes.push(reader.bytes()?),
                START => point.start_ns = reader.fixed64()?,
                TIME => point.time_ns = reader.fixed64()?,
                COUNT => count = reader.fixed64()?,
                SUM => sum = reader.double()?,
                QUANTILES => quantiles.push(quantile(reader.bytes()?)?),
                FLAGS => point.flags = reader.varint()? as u32,
                _ => reader.skip(key, SUMMARY)?,
            }
        }
        let parts = [(Part::Sum, sum), (Part::Count, count as f64)];
        let quantiles = quantiles.into_iter().map(|(quantile, value)| (Part::Quantile(quantile), value));
        let taken = point.times(self.bounds_ms()).and_then(|(time_ms, start_ms)| {
            for (part, value) in parts.into_iter().chain(quantiles) {
                let series = self.series(metric, scope, &point.attributes, Shape::Part(part))?;
                self.float(series, time_ms, bits(value, point.flags), start_ms);
            }
            Ok(time_ms)
        });
        Ok(taken)
    }

    /// Adds a value to a series beside that which was named last.
    pub(super) fn add_beside(&mut self, scope: &ScopeOfResource<'_>, which: Beside, time_ms: i64, value: f64) {
        let identity = which.of(&self.identity);
        let taking = &mut *self.taking;
        let (kind, temporality, clock) = (MetricType::Gauge, Temporality::Cumulative, scope.clock);
        let describe = || taking.admit(Description { kind, temporality, clock, views: Vec::new() });
        match self.batch.series(&identity, describe) {
            Ok(series) => self.batch.float(series, time_ms, value.to_bits(), 0),
            Err(reason) => self.written.refuse(0, reason),
        }
    }

    fn float(&mut self, series: SeriesNumber, time_ms: i64, bits: u64, start_ms: i64) {
        self.batch.float(series, time_ms, bits, start_ms);
        self.written.samples += 1;
    }
}

fn quantile(message: &[u8]) -> Result<(f64, f64), Fault> {
    let (mut quantile, mut value) = (0.0, 0.0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            QUANTILE_OF => quantile = reader.double()?,
            VALUE_OF => value = reader.double()?,
            _ => reader.skip(key, QUANTILE)?,
        }
    }
    Ok((quantile, value))
}
