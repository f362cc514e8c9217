//! Points of histograms.

use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram, Temporality};

use super::metric::{Metric, Shape};
use super::point::{COUNT, PointHeader, START, SUM, TIME, Taken};
use super::resource::ScopeOfResource;
use super::{Decoder, histogram_or_stale};
use crate::metrics::identity::{Beside, Part};
use crate::rejected::{Refusal, Rejected};
use crate::wire::{Fault, Reader, fields, fixed64, length, varint};

const EXPLICIT: u64 = fields(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
const EXPONENTIAL: u64 = fields(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
const BUCKETS: u64 = fields(&[1, 2]);
const EXPLICIT_ATTRIBUTE: u32 = length(9);
const EXPLICIT_EXEMPLAR: u32 = length(8);
const EXPLICIT_MIN: u32 = fixed64(11);
const EXPLICIT_MAX: u32 = fixed64(12);
const COUNTS: u32 = length(6);
const ONE_COUNT: u32 = fixed64(6);
const BOUNDS: u32 = length(7);
const ONE_BOUND: u32 = fixed64(7);
const FLAGS: u32 = varint(10);
const EXPONENTIAL_ATTRIBUTE: u32 = length(1);
const SCALE: u32 = varint(6);
const ZERO_COUNT: u32 = fixed64(7);
const POSITIVE: u32 = length(8);
const NEGATIVE: u32 = length(9);
const EXPONENTIAL_EXEMPLAR: u32 = length(11);
const EXPONENTIAL_MIN: u32 = fixed64(12);
const EXPONENTIAL_MAX: u32 = fixed64(13);
const THRESHOLD: u32 = fixed64(14);
const OFFSET: u32 = varint(1);
const ONE_BUCKET: u32 = varint(2);
const PACKED_BUCKETS: u32 = length(2);
/// The coarsest scale that there is.
const MIN_SCALE: i32 = -4;
/// The finest; a finer one is merged down to it.
const MAX_SCALE: i32 = 8;
/// How far from zero values count as zero, where the sender does not say.
pub(crate) const ZERO_THRESHOLD: f64 = 1e-128;

/// One side of an exponential histogram, as it was sent.
#[derive(Default)]
struct Side {
    offset: i32,
    counts: Vec<u64>,
}

/// The least and the greatest value that a histogram counts, where the sender says.
#[derive(Debug, Clone, Copy, Default)]
struct Extremes {
    least: Option<f64>,
    greatest: Option<f64>,
}

impl Decoder<'_, '_> {
    /// A `HistogramDataPoint`.
    pub(super) fn explicit(
        &mut self,
        metric: &Metric<'_>,
        message: &[u8],
        scope: &ScopeOfResource<'_>,
    ) -> Result<Taken, Fault> {
        let mut point = PointHeader::default();
        let (mut count, mut sum, mut counts, mut bounds) = (0, None, Vec::new(), Vec::new());
        let mut extremes = Extremes::default();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                EXPLICIT_ATTRIBUTE => point.attributes.push(reader.bytes()?),
                START => point.start_ns = reader.fixed64()?,
                TIME => point.time_ns = reader.fixed64()?,
                COUNT => count = reader.fixed64()?,
                SUM => sum = Some(reader.double()?),
                COUNTS => packed(reader.bytes()?, &reader, |bits| counts.push(bits))?,
                ONE_COUNT => counts.push(reader.fixed64()?),
                BOUNDS => packed(reader.bytes()?, &reader, |bits| bounds.push(f64::from_bits(bits)))?,
                ONE_BOUND => bounds.push(reader.double()?),
                EXPLICIT_EXEMPLAR => point.exemplars.read(reader.bytes()?)?,
                FLAGS => point.flags = reader.varint()? as u32,
                EXPLICIT_MIN => extremes.least = Some(reader.double()?),
                EXPLICIT_MAX => extremes.greatest = Some(reader.double()?),
                _ => reader.skip(key, EXPLICIT)?,
            }
        }
        Ok(self.add_explicit(metric, scope, &point, (count, sum, extremes), (&counts, bounds)))
    }

    fn add_explicit(
        &mut self,
        metric: &Metric<'_>,
        scope: &ScopeOfResource<'_>,
        point: &PointHeader<'_>,
        (count, sum, extremes): (u64, Option<f64>, Extremes),
        (counts, mut bounds): (&[u64], Vec<f64>),
    ) -> Taken {
        if counts.is_empty() {
            bounds.clear();
        } else if counts.len() != bounds.len() + 1 {
            let problem = format!("{} counts for {} bounds", counts.len(), bounds.len());
            let expected = "one more count than explicitBounds, or no counts";
            return Err(Rejected { field: "bucketCounts", problem, expected, refusal: Refusal::Invalid });
        }
        let (time_ms, start_ms) = point.times(self.bounds_ms())?;
        if bounds[..] != self.bounds[..] {
            self.bounds = bounds.into();
        }
        let bounds = self.bounds.clone();
        let shape = Shape::Explicit { bounds: &bounds, has_sum: sum.is_some() };
        let series = self.series(metric, scope, &point.attributes, shape)?;
        let filled = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let bucket = |(index, count): (usize, &u64)| Bucket { index: index as i32, count: *count as f64 };
        let positive = match counts.is_empty() && count > 0 {
            true => vec![Bucket { index: 0, count: count as f64 }],
            false => filled.map(bucket).collect(),
        };
        let histogram = Histogram {
            schema: CUSTOM_BUCKETS,
            count: count as f64,
            sum: sum.unwrap_or_default(),
            positive,
            custom_bounds: bounds,
            reset: reset(metric),
            ..Histogram::default()
        };
        self.batch.histogram(series, time_ms, histogram_or_stale(histogram, point.flags), start_ms)?;
        self.written.histograms += 1;
        self.extremes(scope, point, time_ms, extremes);
        self.exemplars(series, time_ms, &point.exemplars)?;
        Ok(time_ms)
    }

    /// Keeps the least and the greatest value, for which histograms have no place, in series beside.
    fn extremes(&mut self, scope: &ScopeOfResource<'_>, point: &PointHeader<'_>, time_ms: i64, extremes: Extremes) {
        for (which, value) in [(Beside::Least, extremes.least), (Beside::Greatest, extremes.greatest)] {
            if let Some(value) = value.filter(|_| point.has_value()) {
                self.add_beside(scope, which, time_ms, value);
            }
        }
    }

    /// An `ExponentialHistogramDataPoint`.
    pub(super) fn exponential(
        &mut self,
        metric: &Metric<'_>,
        message: &[u8],
        scope: &ScopeOfResource<'_>,
    ) -> Result<Taken, Fault> {
        let mut point = PointHeader::default();
        let mut histogram = Histogram { zero_threshold: ZERO_THRESHOLD, ..Histogram::default() };
        let (mut scale, mut positive, mut negative) = (0, Side::default(), Side::default());
        let mut extremes = Extremes::default();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                EXPONENTIAL_ATTRIBUTE => point.attributes.push(reader.bytes()?),
                START => point.start_ns = reader.fixed64()?,
                TIME => point.time_ns = reader.fixed64()?,
                COUNT => histogram.count = reader.fixed64()? as f64,
                SUM => histogram.sum = reader.double()?,
                SCALE => scale = reader.zigzag32()?,
                ZERO_COUNT => histogram.zero_count = reader.fixed64()? as f64,
                POSITIVE => positive.read(reader.bytes()?)?,
                NEGATIVE => negative.read(reader.bytes()?)?,
                FLAGS => point.flags = reader.varint()? as u32,
                EXPONENTIAL_EXEMPLAR => point.exemplars.read(reader.bytes()?)?,
                EXPONENTIAL_MIN => extremes.least = Some(reader.double()?),
                EXPONENTIAL_MAX => extremes.greatest = Some(reader.double()?),
                THRESHOLD => {
                    let threshold = reader.double()?;
                    histogram.zero_threshold = if threshold > 0.0 { threshold } else { ZERO_THRESHOLD };
                }
                _ => reader.skip(key, EXPONENTIAL)?,
            }
        }
        let taken = self.times_and_scale(&point, scale).and_then(|(time_ms, start_ms)| {
            let finer = u32::try_from(scale - MAX_SCALE).unwrap_or(0);
            histogram.schema = scale.min(MAX_SCALE) as i8;
            (histogram.positive, histogram.negative) = (positive.buckets(finer), negative.buckets(finer));
            histogram.reset = reset(metric);
            let series = self.series(metric, scope, &point.attributes, Shape::Part(Part::Whole))?;
            self.batch.histogram(series, time_ms, histogram_or_stale(histogram, point.flags), start_ms)?;
            self.written.histograms += 1;
            self.extremes(scope, &point, time_ms, extremes);
            self.exemplars(series, time_ms, &point.exemplars)?;
            Ok(time_ms)
        });
        Ok(taken)
    }

    fn times_and_scale(&self, point: &PointHeader<'_>, scale: i32) -> Result<(i64, i64), Rejected> {
        if scale < MIN_SCALE {
            return Err(Rejected {
                field: "scale",
                problem: scale.to_string(),
                expected: "at least -4, which has buckets up to 65536 times as wide as those of scale 0",
                refusal: Refusal::Invalid,
            });
        }
        point.times(self.bounds_ms())
    }
}

impl Side {
    fn read(&mut self, message: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                OFFSET => self.offset = reader.zigzag32()?,
                ONE_BUCKET => self.counts.push(reader.varint()?),
                PACKED_BUCKETS => {
                    let mut counts = Reader::new(reader.bytes()?);
                    while !counts.rest().is_empty() {
                        self.counts.push(counts.varint()?);
                    }
                }
                _ => reader.skip(key, BUCKETS)?,
            }
        }
        Ok(())
    }

    /// As Prometheus counts them, where bucket `i` ends at the `i`th bound and not at the next; each as many times as wide as two to
    /// the power of `finer`.
    fn buckets(&self, finer: u32) -> Vec<Bucket> {
        let mut buckets: Vec<Bucket> = Vec::new();
        for (place, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let index = i64::from(self.offset) + place as i64;
            let index = (index >> finer.min(63)) + 1;
            // Beyond, bounds are no doubles.
            let index = index.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
            match buckets.last_mut() {
                Some(last) if last.index == index => last.count += *count as f64,
                _ => buckets.push(Bucket { index, count: *count as f64 }),
            }
        }
        buckets
    }
}

/// What is known of resets: deltas have none.
fn reset(metric: &Metric<'_>) -> CounterReset {
    match metric.temporality {
        Temporality::Delta => CounterReset::Gauge,
        Temporality::Cumulative => CounterReset::Unknown,
    }
}

/// Packed numbers of 8 bytes, as their bits.
fn packed(numbers: &[u8], after: &Reader<'_>, mut add: impl FnMut(u64)) -> Result<(), Fault> {
    let (numbers, rest) = numbers.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(after.fault("packed numbers of which one is cut off"));
    }
    numbers.iter().for_each(|number| add(u64::from_le_bytes(*number)));
    Ok(())
}
