//! Samples packed as Prometheus packs them: chunks `XOR` for doubles and `FLOAT_HISTOGRAM` for histograms.
//!
//! The source is prometheus/prometheus `tsdb/docs/format/chunks.md` with `tsdb/chunkenc/{xor,float_histogram,varbit}.go`. Where the
//! format leaves a choice, the plain one is taken: zero thresholds and custom bounds are written as whole doubles.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram, STALE, Value};

/// Samples of one chunk, as many as Prometheus has in one.
const CHUNK_SAMPLES: usize = 120;
/// Chunk encodings by their numbers.
const XOR: u64 = 1;
const FLOAT_HISTOGRAM: u64 = 3;
/// Flags of a chunk of histograms: nothing is known of a reset before it, or it has none, being of gauges.
const UNKNOWN_RESET: u8 = 0b0000_0000;
const GAUGE: u8 = 0b1100_0000;
/// A threshold of zero, and one that is written as a double.
const NO_THRESHOLD: u64 = 0;
const PLAIN_THRESHOLD: u64 = 0xFF;
/// Most leading zeros that a difference can tell.
const MAX_LEADING: u32 = 31;

/// Samples in a row, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// `XOR` or `FLOAT_HISTOGRAM`.
    pub(super) encoding: u64,
    /// Time of the first sample, in milliseconds since 1970.
    pub(super) first_ms: i64,
    /// Time of the last sample.
    pub(super) last_ms: i64,
    pub(super) data: Vec<u8>,
}

/// Packs samples whose times rise. A chunk ends when it is full, where doubles and histograms meet, and where histograms have another layout
/// or start anew: within a chunk readers take for granted that a counter did not.
pub(super) fn pack(samples: impl Iterator<Item = (i64, Value)>) -> Vec<Chunk> {
    let (mut chunks, mut open): (Vec<Chunk>, Option<Packing>) = (Vec::new(), None);
    for (time_ms, value) in samples {
        let packing = match open.take() {
            Some(packing) if packing.takes(&value) => packing,
            full => {
                chunks.extend(full.map(Packing::end));
                Packing::of(&value)
            }
        };
        open = Some(packing.with(time_ms, &value));
    }
    chunks.extend(open.map(Packing::end));
    chunks
}

/// A chunk to which samples are added.
struct Packing {
    bits: Bits,
    samples: u16,
    first_ms: i64,
    last_ms: i64,
    delta: i64,
    /// The last histogram, if it is a chunk of those.
    last: Option<Arc<Histogram>>,
    /// The last of each number that is written as a difference.
    numbers: Vec<Xor>,
}

impl Packing {
    fn of(value: &Value) -> Self {
        let last = value.histogram().map(|histogram| layout_of(&histogram));
        let mut bits = Bits::default();
        bits.write(0, 16);
        if let Some(histogram) = &last {
            let flags = if histogram.reset == CounterReset::Gauge { GAUGE } else { UNKNOWN_RESET };
            bits.write(flags.into(), 8);
            write_layout(&mut bits, histogram);
        }
        Self { bits, samples: 0, first_ms: 0, last_ms: 0, delta: 0, last, numbers: Vec::new() }
    }

    /// Whether the chunk may have this sample as its next.
    fn takes(&self, value: &Value) -> bool {
        let fits = match (value, &self.last) {
            (Value::Float(_), None) => true,
            (Value::Histogram(next), Some(last)) => follows(last, next),
            _ => false,
        };
        fits && usize::from(self.samples) < CHUNK_SAMPLES
    }

    fn with(mut self, time_ms: i64, value: &Value) -> Self {
        let numbers = match value {
            Value::Float(bits) => vec![*bits],
            Value::Histogram(histogram) => numbers_of(&layout_of(histogram)),
        };
        let delta = time_ms.wrapping_sub(self.last_ms);
        match (self.samples, value) {
            (0, Value::Float(_)) => self.bits.varint(time_ms),
            (0, Value::Histogram(_)) => self.bits.varbit(time_ms),
            (1, Value::Float(_)) => self.bits.uvarint(delta as u64),
            (_, Value::Float(_)) => self.bits.time(delta.wrapping_sub(self.delta)),
            (_, Value::Histogram(_)) => self.bits.varbit(delta.wrapping_sub(self.delta)),
        }
        if self.samples == 0 {
            numbers.iter().for_each(|number| self.bits.write(*number, 64));
            self.numbers = numbers.into_iter().map(Xor::new).collect();
            self.first_ms = time_ms;
        } else {
            self.numbers.iter_mut().zip(numbers).for_each(|(last, number)| last.write(&mut self.bits, number));
            self.delta = delta;
        }
        if let Value::Histogram(histogram) = value {
            self.last = Some(layout_of(histogram));
        }
        self.last_ms = time_ms;
        self.samples += 1;
        self
    }

    fn end(self) -> Chunk {
        let Self { mut bits, samples, first_ms, last_ms, last, .. } = self;
        bits.bytes[..2].copy_from_slice(&samples.to_be_bytes());
        Chunk { encoding: if last.is_some() { FLOAT_HISTOGRAM } else { XOR }, first_ms, last_ms, data: bits.bytes }
    }
}

/// A histogram as it is written: one that says that the series has ended has nothing else.
fn layout_of(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    if histogram.sum.to_bits() != STALE {
        return histogram.clone();
    }
    Arc::new(Histogram { sum: f64::from_bits(STALE), ..Histogram::default() })
}

/// Whether a histogram may stand behind another in one chunk.
fn follows(last: &Histogram, next: &Histogram) -> bool {
    let is_ended = |histogram: &Histogram| histogram.sum.to_bits() == STALE;
    let indexes = |buckets: &'_ [Bucket]| buckets.iter().map(|bucket| bucket.index).collect::<Vec<_>>();
    let sides = |histogram: &Histogram| (indexes(&histogram.positive), indexes(&histogram.negative));
    let bounds = |histogram: &Histogram| histogram.custom_bounds.iter().map(|b| b.to_bits()).collect::<Vec<_>>();
    let is_gauge = |histogram: &Histogram| histogram.reset == CounterReset::Gauge;
    let is_same_layout = !is_ended(last)
        && !is_ended(next)
        && last.schema == next.schema
        && last.zero_threshold.to_bits() == next.zero_threshold.to_bits()
        && sides(last) == sides(next)
        && bounds(last) == bounds(next)
        && is_gauge(last) == is_gauge(next);
    let counts = |histogram: &Histogram| {
        let buckets = histogram.positive.iter().chain(&histogram.negative).map(|bucket| bucket.count);
        [histogram.count, histogram.zero_count].into_iter().chain(buckets).collect::<Vec<_>>()
    };
    let rises = || counts(last).iter().zip(counts(next)).all(|(last, next)| next >= *last);
    is_same_layout && (is_gauge(next) || (next.reset != CounterReset::Yes && rises()))
}

fn write_layout(bits: &mut Bits, histogram: &Histogram) {
    if histogram.zero_threshold == 0.0 {
        bits.write(NO_THRESHOLD, 8);
    } else {
        bits.write(PLAIN_THRESHOLD, 8);
        bits.write(histogram.zero_threshold.to_bits(), 64);
    }
    bits.varbit(histogram.schema.into());
    for side in [&histogram.positive, &histogram.negative] {
        let spans: Vec<&[Bucket]> = side.chunk_by(|a, b| i64::from(a.index) + 1 == i64::from(b.index)).collect();
        bits.varbit_unsigned(spans.len() as u64);
        let mut next = 0;
        for span in spans {
            let first = i64::from(span[0].index);
            bits.varbit_unsigned(span.len() as u64);
            bits.varbit(first - next);
            next = first + span.len() as i64;
        }
    }
    if histogram.schema == CUSTOM_BUCKETS {
        bits.varbit_unsigned(histogram.custom_bounds.len() as u64);
        for bound in histogram.custom_bounds.iter() {
            bits.write(0, 1);
            bits.write(bound.to_bits(), 64);
        }
    }
}

fn numbers_of(histogram: &Histogram) -> Vec<u64> {
    let buckets = histogram.positive.iter().chain(&histogram.negative).map(|bucket| bucket.count);
    [histogram.count, histogram.zero_count, histogram.sum].into_iter().chain(buckets).map(f64::to_bits).collect()
}

/// A number of which the next one is written as a difference.
struct Xor {
    last: u64,
    /// Zero bits before and behind what was written last; none at the beginning.
    window: Option<(u32, u32)>,
}

impl Xor {
    fn new(last: u64) -> Self {
        Self { last, window: None }
    }

    fn write(&mut self, bits: &mut Bits, number: u64) {
        let difference = number ^ std::mem::replace(&mut self.last, number);
        if difference == 0 {
            return bits.write(0, 1);
        }
        let (leading, trailing) = (difference.leading_zeros().min(MAX_LEADING), difference.trailing_zeros());
        if let Some((before, behind)) = self.window.filter(|(before, behind)| leading >= *before && trailing >= *behind)
        {
            bits.write(0b10, 2);
            return bits.write(difference >> behind, 64 - before - behind);
        }
        self.window = Some((leading, trailing));
        let significant = 64 - leading - trailing;
        bits.write(0b11, 2);
        bits.write(leading.into(), 5);
        // 64 is written as 0, which cannot be otherwise.
        bits.write(significant.into(), 6);
        bits.write(difference >> trailing, significant);
    }
}

/// Bits, the highest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are not used.
    free: u32,
}

impl Bits {
    /// Writes the lowest bits of a number.
    fn write(&mut self, number: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let part = (number >> (left - taken)) & ((1 << taken) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part << (self.free - taken)) as u8;
            }
            self.free -= taken;
            left -= taken;
        }
    }

    /// As Go's `PutUvarint`.
    fn uvarint(&mut self, number: u64) {
        let mut bytes = Vec::new();
        vitrine_kit::varint::write(&mut bytes, number);
        bytes.iter().for_each(|byte| self.write((*byte).into(), 8));
    }

    /// As Go's `PutVarint`.
    fn varint(&mut self, number: i64) {
        self.uvarint((number << 1 ^ number >> 63) as u64);
    }

    /// A difference of differences of times, as chunks of doubles have it.
    fn time(&mut self, number: i64) {
        match number {
            0 => self.write(0, 1),
            _ if is_within(number, 14) => self.prefixed(0b10, 2, number, 14),
            _ if is_within(number, 17) => self.prefixed(0b110, 3, number, 17),
            _ if is_within(number, 20) => self.prefixed(0b1110, 4, number, 20),
            _ => self.prefixed(0b1111, 4, number, 64),
        }
    }

    fn varbit(&mut self, number: i64) {
        match VARBITS.into_iter().find(|(.., bits)| is_within(number, *bits)) {
            _ if number == 0 => self.write(0, 1),
            Some((prefix, length, bits)) => self.prefixed(prefix, length, number, bits),
            None => self.prefixed(0xFF, 8, number, 64),
        }
    }

    fn varbit_unsigned(&mut self, number: u64) {
        match VARBITS.into_iter().find(|(.., bits)| number >> bits == 0) {
            _ if number == 0 => self.write(0, 1),
            Some((prefix, length, bits)) => self.prefixed(prefix, length, number as i64, bits),
            None => self.prefixed(0xFF, 8, number as i64, 64),
        }
    }

    fn prefixed(&mut self, prefix: u64, length: u32, number: i64, bits: u32) {
        self.write(prefix, length);
        self.write(number as u64, bits);
    }
}

/// What stands before numbers of so many bits: the prefix, its length, and the bits.
const VARBITS: [(u64, u32, u32); 7] = [
    (0b10, 2, 3),
    (0b110, 3, 6),
    (0b1110, 4, 9),
    (0b11110, 5, 12),
    (0b11_1110, 6, 18),
    (0b111_1110, 7, 25),
    (0b1111_1110, 8, 56),
];

/// Whether a number fits: of the greatest number of so many bits there is one more than of the smallest.
fn is_within(number: i64, bits: u32) -> bool {
    -((1 << (bits - 1)) - 1) <= number && number <= 1 << (bits - 1)
}
