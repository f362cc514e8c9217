//! Chunks are read back by a small reader of the format, written from its description.

use std::sync::Arc;

use proptest::prelude::{any, prop, prop_assert_eq, prop_oneof, proptest};
use vitrine_observe_series::{Bucket, CounterReset, Histogram, STALE, Value};

use super::{Chunk, FLOAT_HISTOGRAM, VARBITS, XOR, pack};

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bits(&mut self, count: u32) -> u64 {
        let mut number = 0;
        for _ in 0..count {
            let byte = self.data[self.at / 8];
            number = number << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        number
    }

    fn uvarint(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.bits(8);
            number |= (byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    /// Ones up to the first zero, at most so many.
    fn ones(&mut self, most: usize) -> usize {
        (0..most).take_while(|_| self.bits(1) == 1).count()
    }

    fn signed(&mut self, bits: u32) -> i64 {
        let number = self.bits(bits);
        if bits == 64 || number <= 1 << (bits - 1) { number as i64 } else { number as i64 - (1 << bits) }
    }

    fn varbit(&mut self) -> i64 {
        match self.ones(8) {
            0 => 0,
            ones => self.signed(VARBITS.get(ones - 1).map_or(64, |(.., bits)| *bits)),
        }
    }

    fn varbit_unsigned(&mut self) -> u64 {
        match self.ones(8) {
            0 => 0,
            ones => self.bits(VARBITS.get(ones - 1).map_or(64, |(.., bits)| *bits)),
        }
    }

    fn time(&mut self) -> i64 {
        let bits = [0, 14, 17, 20, 64][self.ones(4)];
        if bits == 0 { 0 } else { self.signed(bits) }
    }

    fn xor(&mut self, (last, window): &mut (u64, (u32, u32))) -> u64 {
        if self.bits(1) == 1 {
            if self.bits(1) == 1 {
                let leading = self.bits(5) as u32;
                let significant = match self.bits(6) as u32 {
                    0 => 64,
                    some => some,
                };
                *window = (leading, 64 - leading - significant);
            }
            let (leading, trailing) = *window;
            *last ^= self.bits(64 - leading - trailing) << trailing;
        }
        *last
    }
}

fn floats(chunk: &Chunk) -> Vec<(i64, Value)> {
    let mut reader = Reader { data: &chunk.data, at: 0 };
    let count = reader.bits(16);
    let (mut time, mut delta, mut last) = (0, 0, (0, (0, 0)));
    (0..count)
        .map(|place| {
            match place {
                0 => {
                    let zigzag = reader.uvarint();
                    time = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                    last.0 = reader.bits(64);
                }
                1 => delta = reader.uvarint() as i64,
                _ => delta += reader.time(),
            }
            if place > 0 {
                time += delta;
                reader.xor(&mut last);
            }
            (time, Value::Float(last.0))
        })
        .collect()
}

fn histograms(chunk: &Chunk) -> Vec<(i64, Value)> {
    let mut reader = Reader { data: &chunk.data, at: 0 };
    let (count, flags) = (reader.bits(16), reader.bits(8));
    let reset = if flags == 0b1100_0000 { CounterReset::Gauge } else { CounterReset::Unknown };
    let zero_threshold = if reader.bits(8) == 0 { 0.0 } else { f64::from_bits(reader.bits(64)) };
    let schema = reader.varbit() as i8;
    let mut side = || {
        let mut indexes = Vec::new();
        let mut next = 0;
        for _ in 0..reader.varbit_unsigned() {
            let length = reader.varbit_unsigned() as i64;
            next += reader.varbit();
            indexes.extend((next..next + length).map(|index| index as i32));
            next += length;
        }
        indexes
    };
    let (positive, negative) = (side(), side());
    let mut bounds = Vec::new();
    if schema == -53 {
        for _ in 0..reader.varbit_unsigned() {
            assert_eq!(reader.bits(1), 0);
            bounds.push(f64::from_bits(reader.bits(64)));
        }
    }
    let (mut time, mut delta) = (0, 0);
    let mut numbers = vec![(0, (0, 0)); 3 + positive.len() + negative.len()];
    let sample = |place| {
        if place == 0 {
            time = reader.varbit();
            numbers.iter_mut().for_each(|number| number.0 = reader.bits(64));
        } else {
            delta += reader.varbit();
            time += delta;
            numbers.iter_mut().for_each(|number| {
                reader.xor(number);
            });
        }
        let number = |place: usize| f64::from_bits(numbers[place].0);
        let buckets = |indexes: &[i32], from: usize| {
            (from..).zip(indexes).map(|(place, index)| Bucket { index: *index, count: number(place) }).collect()
        };
        let histogram = Histogram {
            schema,
            zero_threshold,
            zero_count: number(1),
            count: number(0),
            sum: number(2),
            positive: buckets(&positive, 3),
            negative: buckets(&negative, 3 + positive.len()),
            custom_bounds: bounds.clone().into(),
            reset,
        };
        (time, Value::Histogram(Arc::new(histogram)))
    };
    (0..count).map(sample).collect()
}

fn unpack(chunks: &[Chunk]) -> Vec<(i64, Value)> {
    let each = |chunk: &Chunk| {
        let samples = match chunk.encoding {
            XOR => floats(chunk),
            FLOAT_HISTOGRAM => histograms(chunk),
            other => panic!("encoding {other}"),
        };
        let times = (samples[0].0, samples[samples.len() - 1].0);
        assert_eq!(times, (chunk.first_ms, chunk.last_ms));
        samples
    };
    chunks.iter().flat_map(each).collect()
}

fn histogram(count: f64, indexes: &[i32]) -> Histogram {
    let buckets = indexes.iter().map(|index| Bucket { index: *index, count }).collect();
    Histogram { schema: 3, count, sum: count * 1.5, positive: buckets, ..Histogram::default() }
}

proptest! {
    #[test]
    fn doubles_come_back_to_the_bit(
        first in -1_000_000_000_000_i64..4_000_000_000_000,
        steps in prop::collection::vec((prop_oneof![1_i64..20, 14_990_i64..15_010, 1_i64..10_000_000_000], any::<u64>(), any::<bool>()), 1..300),
    ) {
        let (mut time, mut last) = (first, 0);
        let samples: Vec<(i64, Value)> = steps.into_iter().map(|(step, bits, is_near)| {
            time += step;
            last = if is_near { last ^ (bits & 0xFF00) } else { bits };
            (time, Value::Float(last))
        }).collect();
        let chunks = pack(samples.iter().cloned());
        prop_assert_eq!(chunks.len(), samples.len().div_ceil(120));
        prop_assert_eq!(unpack(&chunks), samples);
    }

    #[test]
    fn histograms_come_back(
        steps in prop::collection::vec((1_i64..100_000, 0_u32..1000, prop::collection::btree_set(-2000_i32..2000, 0..9), any::<bool>()), 1..40),
    ) {
        let (mut time, mut count, mut layout) = (0, 0.0, Vec::new());
        let samples: Vec<(i64, Value)> = steps.into_iter().map(|(step, more, indexes, is_same)| {
            time += step;
            count += f64::from(more);
            if !is_same {
                layout = indexes.into_iter().collect();
            }
            (time, Value::Histogram(Arc::new(histogram(count, &layout))))
        }).collect();
        prop_assert_eq!(unpack(&pack(samples.iter().cloned())), samples);
    }
}

#[test]
fn a_chunk_ends_where_its_reader_could_be_wrong() {
    let at = |time, histogram: Histogram| (time, Value::Histogram(Arc::new(histogram)));
    let gauge = |count| Histogram { reset: CounterReset::Gauge, ..histogram(count, &[1]) };
    let ended = Histogram { sum: f64::from_bits(STALE), ..histogram(9.0, &[1]) };
    let custom = Histogram { schema: -53, custom_bounds: [0.5, 1.0].into(), ..histogram(9.0, &[0, 2]) };
    let negative =
        Histogram { negative: vec![Bucket { index: -7, count: 2.0 }], zero_threshold: 0.001, ..histogram(9.0, &[1]) };
    for (samples, wanted) in [
        (vec![at(1, histogram(1.0, &[1])), at(2, histogram(2.0, &[1])), at(3, histogram(2.0, &[1]))], 1),
        // It counts from the beginning again.
        (vec![at(1, histogram(2.0, &[1])), at(2, histogram(1.0, &[1]))], 2),
        (vec![at(1, gauge(2.0)), at(2, gauge(1.0))], 1),
        (vec![at(1, histogram(1.0, &[1])), at(2, histogram(1.0, &[2]))], 2),
        (vec![at(1, histogram(1.0, &[1])), (2, Value::Float(STALE)), (3, Value::Float(0)), at(4, gauge(1.0))], 3),
        (vec![at(1, custom), at(2, negative)], 2),
    ] {
        let chunks = pack(samples.iter().cloned());
        assert_eq!((chunks.len(), unpack(&chunks)), (wanted, samples));
    }
    let chunks = pack([at(1, histogram(9.0, &[1])), at(2, ended)].into_iter());
    let [_, end] = &chunks[..] else { panic!("{chunks:?}") };
    let (time, Value::Histogram(end)) = &histograms(end)[0] else { panic!("a histogram") };
    assert_eq!((*time, end.sum.to_bits(), end.positive.len(), end.schema), (2, STALE, 0, 0));
    assert!(pack(std::iter::empty()).is_empty());
}
