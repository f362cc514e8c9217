//! Native histograms, which both versions write in the same way.

use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram};

use super::series::ReadHistogram;
use crate::rejected::{Refusal, Rejected};
use crate::wire::{Fault, Reader, fields, fixed64, length, varint};

const HISTOGRAM: u64 = fields(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
const SPAN: u64 = fields(&[1, 2]);
/// The finest schema; finer ones are merged down to it.
const MAX_SCHEMA: i32 = 8;
/// The finest that may become one.
const MAX_RESERVED_SCHEMA: i32 = 52;

/// A histogram as it was sent.
#[derive(Default)]
struct Sent {
    count: f64,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    zero_count: f64,
    is_float: bool,
    negative: Side,
    positive: Side,
    reset: u64,
    time_ms: i64,
    start_ms: i64,
    custom_bounds: Vec<f64>,
}

/// Buckets of one side.
#[derive(Default)]
struct Side {
    /// How far each run of buckets is from the one before, and how many it has.
    spans: Vec<(i32, u32)>,
    /// Counts as differences to the one before.
    deltas: Vec<i64>,
    /// Counts as they are, of a histogram of doubles.
    counts: Vec<f64>,
}

/// Reads a `Histogram`.
pub(super) fn read(message: &[u8]) -> Result<Result<ReadHistogram, Rejected>, Fault> {
    const COUNT_INT: u32 = varint(1);
    const COUNT_FLOAT: u32 = fixed64(2);
    const SUM: u32 = fixed64(3);
    const SCHEMA: u32 = varint(4);
    const ZERO_THRESHOLD: u32 = fixed64(5);
    const ZERO_INT: u32 = varint(6);
    const ZERO_FLOAT: u32 = fixed64(7);
    const NEGATIVE_SPANS: u32 = length(8);
    const POSITIVE_SPANS: u32 = length(11);
    const RESET: u32 = varint(14);
    const TIME: u32 = varint(15);
    const CUSTOM: u32 = length(16);
    const ONE_CUSTOM: u32 = fixed64(16);
    const START: u32 = varint(17);
    let mut sent = Sent::default();
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            COUNT_INT => sent.count = reader.varint()? as f64,
            COUNT_FLOAT => (sent.count, sent.is_float) = (reader.double()?, true),
            SUM => sent.sum = reader.double()?,
            SCHEMA => sent.schema = reader.zigzag32()?,
            ZERO_THRESHOLD => sent.zero_threshold = reader.double()?,
            ZERO_INT => sent.zero_count = reader.varint()? as f64,
            ZERO_FLOAT => sent.zero_count = reader.double()?,
            NEGATIVE_SPANS => sent.negative.spans.push(span(reader.bytes()?)?),
            POSITIVE_SPANS => sent.positive.spans.push(span(reader.bytes()?)?),
            RESET => sent.reset = reader.varint()?,
            TIME => sent.time_ms = reader.varint()? as i64,
            CUSTOM => doubles(reader.bytes()?, &reader, &mut sent.custom_bounds)?,
            ONE_CUSTOM => sent.custom_bounds.push(reader.double()?),
            START => sent.start_ms = reader.varint()? as i64,
            _ if sent.negative.read(key, 9, &mut reader)? || sent.positive.read(key, 12, &mut reader)? => {}
            _ => reader.skip(key, HISTOGRAM)?,
        }
    }
    Ok(sent.histogram())
}

impl Side {
    /// Reads its deltas, which have this number, or its counts, which have the next. Says whether it was one of these.
    fn read(&mut self, key: u32, deltas: u32, reader: &mut Reader<'_>) -> Result<bool, Fault> {
        if key == length(deltas) {
            let mut numbers = Reader::new(reader.bytes()?);
            while !numbers.rest().is_empty() {
                self.deltas.push(zigzag(numbers.varint()?));
            }
        } else if key == varint(deltas) {
            self.deltas.push(zigzag(reader.varint()?));
        } else if key == length(deltas + 1) {
            let numbers = reader.bytes()?;
            doubles(numbers, reader, &mut self.counts)?;
        } else if key == fixed64(deltas + 1) {
            self.counts.push(reader.double()?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Its buckets, each as many times as wide as two to the power of `finer`; those of no count are left out.
    fn buckets(&self, is_float: bool, finer: u32) -> Result<Vec<Bucket>, Rejected> {
        let sent = if is_float { self.counts.len() } else { self.deltas.len() };
        let told: u64 = self.spans.iter().map(|(_, length)| u64::from(*length)).sum();
        if told != sent as u64 {
            return Err(refused(format!("spans of {told} buckets and {sent} counts"), "a count for each bucket"));
        }
        let mut buckets: Vec<Bucket> = Vec::with_capacity(sent);
        let (mut index, mut place, mut count) = (0i64, 0, 0i64);
        for (offset, length) in &self.spans {
            index += i64::from(*offset);
            for _ in 0..*length {
                let value = if is_float {
                    self.counts[place]
                } else {
                    count = count.wrapping_add(self.deltas[place]);
                    count as f64
                };
                if value < 0.0 {
                    return Err(refused(format!("a bucket that counts {value}"), "counts that are not negative"));
                }
                let merged = if finer == 0 { index } else { ((index - 1) >> finer.min(63)) + 1 };
                let merged =
                    i32::try_from(merged).map_err(|_| refused(format!("a bucket at {merged}"), "places of 32 bits"))?;
                match buckets.last_mut() {
                    Some(last) if last.index == merged => last.count += value,
                    _ if value == 0.0 => {}
                    _ => buckets.push(Bucket { index: merged, count: value }),
                }
                (index, place) = (index + 1, place + 1);
            }
        }
        Ok(buckets)
    }
}

impl Sent {
    fn histogram(self) -> Result<ReadHistogram, Rejected> {
        let is_reserved = (MAX_SCHEMA + 1..=MAX_RESERVED_SCHEMA).contains(&self.schema);
        let finer = if is_reserved { self.schema - MAX_SCHEMA } else { 0 };
        let schema = i8::try_from(self.schema - finer)
            .map_err(|_| refused(format!("schema {}", self.schema), "-4 to 8, or -53"))?;
        let positive = self.positive.buckets(self.is_float, finer.unsigned_abs())?;
        let negative = self.negative.buckets(self.is_float, finer.unsigned_abs())?;
        let has_zero = self.zero_count != 0.0 || self.zero_threshold != 0.0;
        if schema == CUSTOM_BUCKETS && (!negative.is_empty() || has_zero) {
            return Err(refused(
                "custom bounds beside negative or zero buckets".to_owned(),
                "positive buckets only with schema -53",
            ));
        }
        let counted: f64 = positive.iter().chain(&negative).map(|bucket| bucket.count).sum::<f64>() + self.zero_count;
        // What no one could sort into a bucket is in the count only, and makes the sum NaN.
        let fits = if self.sum.is_nan() { counted <= self.count } else { counted == self.count };
        if !self.is_float && !fits && self.sum.to_bits() != vitrine_observe_series::STALE {
            let problem = format!("{counted} in buckets and a count of {}", self.count);
            return Err(refused(problem, "a count that is the sum of all buckets"));
        }
        let reset = match self.reset {
            1 => CounterReset::Yes,
            2 => CounterReset::No,
            3 => CounterReset::Gauge,
            _ => CounterReset::Unknown,
        };
        let histogram = Histogram {
            schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            positive,
            negative,
            custom_bounds: self.custom_bounds.into(),
            reset,
        };
        Ok(ReadHistogram { histogram, time_ms: self.time_ms, start_ms: self.start_ms })
    }
}

fn span(message: &[u8]) -> Result<(i32, u32), Fault> {
    const OFFSET: u32 = varint(1);
    const LENGTH: u32 = varint(2);
    let (mut offset, mut count) = (0, 0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            OFFSET => offset = reader.zigzag32()?,
            LENGTH => count = reader.varint()? as u32,
            _ => reader.skip(key, SPAN)?,
        }
    }
    Ok((offset, count))
}

fn doubles(numbers: &[u8], after: &Reader<'_>, out: &mut Vec<f64>) -> Result<(), Fault> {
    let (numbers, rest) = numbers.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(after.fault("packed numbers of which one is cut off"));
    }
    out.extend(numbers.iter().map(|number| f64::from_le_bytes(*number)));
    Ok(())
}

fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn refused(problem: String, expected: &'static str) -> Rejected {
    Rejected { field: "histograms", problem, expected, refusal: Refusal::Invalid }
}
