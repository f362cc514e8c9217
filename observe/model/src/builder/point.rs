//! Metric points.

use super::Table;
use super::metric::{Metric, PointHeader};
use crate::attributes::NO_SLOT;
use crate::cells::{clamp, push_double, push_int, put_double, put_int};
use crate::definitions::metrics;
use crate::rejected::Rejected;
use crate::series::hash;
use crate::wire::{Fault, Reader, fields, fixed64, length, varint};
use vitrine_observe_columns::NULL_INT;

const NUMBER: u64 = fields(&[2, 3, 4, 5, 6, 7, 8]);
const HISTOGRAM: u64 = fields(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
const EXPONENTIAL: u64 = fields(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
const BUCKETS: u64 = fields(&[1, 2]);
const SUMMARY: u64 = fields(&[2, 3, 4, 5, 6, 7, 8]);
const QUANTILE: u64 = fields(&[1, 2]);
/// These fields have the same numbers in points of all kinds.
const START: u32 = fixed64(2);
const TIME: u32 = fixed64(3);
const COUNT: u32 = fixed64(4);
const SUM: u32 = fixed64(5);

/// A value of a gauge or a sum.
enum Number {
    Int(i64),
    Double(f64),
}

impl Table {
    /// Adds a `NumberDataPoint`.
    pub(super) fn number(&mut self, metric: &Metric<'_>, message: &[u8]) -> Result<(), Fault> {
        const DOUBLE: u32 = fixed64(4);
        const EXEMPLAR: u32 = length(5);
        const INT: u32 = fixed64(6);
        const ATTRIBUTE: u32 = length(7);
        const FLAGS: u32 = varint(8);
        let mut shared = PointHeader::of(metric);
        let mut value = None;
        let mut before = NO_SLOT;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => before = self.point_attribute(reader.bytes()?, before, &mut shared)?,
                START => shared.start = reader.fixed64()?,
                TIME => shared.time = reader.fixed64()?,
                DOUBLE => value = Some(Number::Double(reader.double()?)),
                INT => value = Some(Number::Int(reader.fixed64()? as i64)),
                EXEMPLAR => self.exemplar(reader.bytes()?)?,
                FLAGS => shared.flags = reader.varint()? as u32,
                _ => reader.skip(key, NUMBER)?,
            }
        }
        match value {
            // The one number that stands for none has an exact double.
            Some(Number::Int(NULL_INT)) => put_double(&mut self.columns, metrics::VALUE_DOUBLE, Some(NULL_INT as f64)),
            Some(Number::Int(value)) => put_int(&mut self.columns, metrics::VALUE_INT, value),
            Some(Number::Double(value)) => put_double(&mut self.columns, metrics::VALUE_DOUBLE, Some(value)),
            None => {}
        }
        self.end_point(metric, &shared);
        Ok(())
    }

    /// Adds a `HistogramDataPoint`, or refuses it.
    pub(super) fn histogram(&mut self, metric: &Metric<'_>, message: &[u8]) -> Result<Result<(), Rejected>, Fault> {
        const COUNTS: u32 = length(6);
        const ONE_COUNT: u32 = fixed64(6);
        const BOUNDS: u32 = length(7);
        const ONE_BOUND: u32 = fixed64(7);
        const EXEMPLAR: u32 = length(8);
        const ATTRIBUTE: u32 = length(9);
        const FLAGS: u32 = varint(10);
        const MIN: u32 = fixed64(11);
        const MAX: u32 = fixed64(12);
        let mut shared = PointHeader::of(metric);
        let (mut count, mut sum, mut min, mut max) = (0, None, None, None);
        let (mut counts, mut bounds) = (0, 0);
        let mut before = NO_SLOT;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => before = self.point_attribute(reader.bytes()?, before, &mut shared)?,
                START => shared.start = reader.fixed64()?,
                TIME => shared.time = reader.fixed64()?,
                COUNT => count = reader.fixed64()?,
                SUM => sum = Some(reader.double()?),
                COUNTS => counts += self.packed(metrics::COUNTS, reader.bytes()?, &reader)?,
                ONE_COUNT => {
                    push_int(&mut self.columns, (metrics::COUNTS, 0), clamp(reader.fixed64()?));
                    counts += 1;
                }
                BOUNDS => bounds += self.packed(metrics::BOUNDS, reader.bytes()?, &reader)?,
                ONE_BOUND => {
                    push_double(&mut self.columns, (metrics::BOUNDS, 0), Some(reader.double()?));
                    bounds += 1;
                }
                EXEMPLAR => self.exemplar(reader.bytes()?)?,
                FLAGS => shared.flags = reader.varint()? as u32,
                MIN => min = Some(reader.double()?),
                MAX => max = Some(reader.double()?),
                _ => reader.skip(key, HISTOGRAM)?,
            }
        }
        if counts != bounds + 1 && counts != 0 {
            let problem = format!("{counts} counts for {bounds} bounds");
            let expected = "one more count than explicitBounds, or no counts";
            return Ok(Err(Rejected { field: "bucketCounts", problem, expected }));
        }
        self.put_summed(count, sum, min, max);
        self.end_point(metric, &shared);
        Ok(Ok(()))
    }

    /// Adds an `ExponentialHistogramDataPoint`.
    pub(super) fn exponential(&mut self, metric: &Metric<'_>, message: &[u8]) -> Result<(), Fault> {
        const ATTRIBUTE: u32 = length(1);
        const SCALE: u32 = varint(6);
        const ZERO_COUNT: u32 = fixed64(7);
        const POSITIVE: u32 = length(8);
        const NEGATIVE: u32 = length(9);
        const FLAGS: u32 = varint(10);
        const EXEMPLAR: u32 = length(11);
        const MIN: u32 = fixed64(12);
        const MAX: u32 = fixed64(13);
        const ZERO_THRESHOLD: u32 = fixed64(14);
        let mut shared = PointHeader::of(metric);
        let (mut count, mut sum, mut min, mut max) = (0, None, None, None);
        let (mut scale, mut zero_count, mut zero_threshold, mut positive, mut negative) = (0, 0, 0.0, 0, 0);
        let mut before = NO_SLOT;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => before = self.point_attribute(reader.bytes()?, before, &mut shared)?,
                START => shared.start = reader.fixed64()?,
                TIME => shared.time = reader.fixed64()?,
                COUNT => count = reader.fixed64()?,
                SUM => sum = Some(reader.double()?),
                SCALE => scale = reader.zigzag32()?,
                ZERO_COUNT => zero_count = reader.fixed64()?,
                POSITIVE => self.buckets(metrics::COUNTS, reader.bytes()?, &mut positive)?,
                NEGATIVE => self.buckets(metrics::NEGATIVE_COUNTS, reader.bytes()?, &mut negative)?,
                FLAGS => shared.flags = reader.varint()? as u32,
                EXEMPLAR => self.exemplar(reader.bytes()?)?,
                MIN => min = Some(reader.double()?),
                MAX => max = Some(reader.double()?),
                ZERO_THRESHOLD => zero_threshold = reader.double()?,
                _ => reader.skip(key, EXPONENTIAL)?,
            }
        }
        self.put_summed(count, sum, min, max);
        let columns = &mut self.columns;
        put_int(columns, metrics::SCALE, i64::from(scale));
        put_int(columns, metrics::ZERO_COUNT, clamp(zero_count));
        put_double(columns, metrics::ZERO_THRESHOLD, Some(zero_threshold));
        put_int(columns, metrics::POSITIVE_OFFSET, i64::from(positive));
        put_int(columns, metrics::NEGATIVE_OFFSET, i64::from(negative));
        self.end_point(metric, &shared);
        Ok(())
    }

    /// Adds a `SummaryDataPoint`.
    pub(super) fn summary(&mut self, metric: &Metric<'_>, message: &[u8]) -> Result<(), Fault> {
        const QUANTILES: u32 = length(6);
        const ATTRIBUTE: u32 = length(7);
        const FLAGS: u32 = varint(8);
        let mut shared = PointHeader::of(metric);
        let (mut count, mut sum) = (0, 0.0);
        let mut before = NO_SLOT;
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                ATTRIBUTE => before = self.point_attribute(reader.bytes()?, before, &mut shared)?,
                START => shared.start = reader.fixed64()?,
                TIME => shared.time = reader.fixed64()?,
                COUNT => count = reader.fixed64()?,
                SUM => sum = reader.double()?,
                QUANTILES => self.quantile(reader.bytes()?)?,
                FLAGS => shared.flags = reader.varint()? as u32,
                _ => reader.skip(key, SUMMARY)?,
            }
        }
        self.put_summed(count, Some(sum), None, None);
        self.end_point(metric, &shared);
        Ok(())
    }

    fn point_attribute(&mut self, entry: &[u8], before: u8, shared: &mut PointHeader) -> Result<u8, Fault> {
        shared.series = shared.series.wrapping_add(hash(entry).rotate_left(5));
        self.attributes.append(&mut self.columns, entry, before)
    }

    fn put_summed(&mut self, count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) {
        put_int(&mut self.columns, metrics::COUNT, clamp(count));
        put_double(&mut self.columns, metrics::SUM, sum);
        put_double(&mut self.columns, metrics::MIN, min);
        put_double(&mut self.columns, metrics::MAX, max);
    }

    /// Adds packed numbers of 8 bytes to a list, and returns how many.
    fn packed(&mut self, list: usize, numbers: &[u8], after: &Reader<'_>) -> Result<usize, Fault> {
        let (numbers, rest) = numbers.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(after.fault("packed numbers of which one is cut off"));
        }
        for number in numbers {
            match list {
                metrics::COUNTS => push_int(&mut self.columns, (list, 0), clamp(u64::from_le_bytes(*number))),
                _ => push_double(&mut self.columns, (list, 0), Some(f64::from_le_bytes(*number))),
            }
        }
        Ok(numbers.len())
    }

    fn buckets(&mut self, list: usize, message: &[u8], offset: &mut i32) -> Result<(), Fault> {
        const OFFSET: u32 = varint(1);
        const ONE_COUNT: u32 = varint(2);
        const COUNTS: u32 = length(2);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                OFFSET => *offset = reader.zigzag32()?,
                ONE_COUNT => push_int(&mut self.columns, (list, 0), clamp(reader.varint()?)),
                COUNTS => {
                    let mut counts = Reader::new(reader.bytes()?);
                    while !counts.rest().is_empty() {
                        push_int(&mut self.columns, (list, 0), clamp(counts.varint()?));
                    }
                }
                _ => reader.skip(key, BUCKETS)?,
            }
        }
        Ok(())
    }

    fn quantile(&mut self, message: &[u8]) -> Result<(), Fault> {
        const QUANTILE_FIELD: u32 = fixed64(1);
        const VALUE: u32 = fixed64(2);
        let (mut quantile, mut value) = (0.0, 0.0);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                QUANTILE_FIELD => quantile = reader.double()?,
                VALUE => value = reader.double()?,
                _ => reader.skip(key, QUANTILE)?,
            }
        }
        push_double(&mut self.columns, (metrics::QUANTILES, 0), Some(quantile));
        push_double(&mut self.columns, (metrics::QUANTILES, 1), Some(value));
        Ok(())
    }
}

impl PointHeader {
    fn of(metric: &Metric<'_>) -> Self {
        Self { series: metric.series, time: 0, start: 0, flags: 0 }
    }
}
