//! Samples as requests of remote write 1.0: protobuf, packed as snappy does, without saving any bytes.

use vitrine_observe_series::{CounterReset, Histogram, STALE, Value};

use crate::data::{END_MS, START_MS, Written};

/// The time that one request covers, in milliseconds: a head of Prometheus takes samples in about their order only.
const SLICE_MS: i64 = 300_000;

/// Bytes in one literal of snappy.
const LITERAL: usize = 60_000;

#[derive(Default)]
struct Message(Vec<u8>);

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

impl Message {
    fn varint(mut self, field: u64, value: u64) -> Self {
        varint(&mut self.0, field << 3);
        varint(&mut self.0, value);
        self
    }

    fn double(mut self, field: u64, value: f64) -> Self {
        varint(&mut self.0, field << 3 | 1);
        self.0.extend(value.to_bits().to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        varint(&mut self.0, field << 3 | 2);
        varint(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }
}

fn doubles(values: impl Iterator<Item = f64>) -> Vec<u8> {
    values.flat_map(|value| value.to_bits().to_le_bytes()).collect()
}

/// Buckets as one span each, of length one.
fn buckets(message: Message, spans: u64, counts: u64, buckets: &[vitrine_observe_series::Bucket]) -> Message {
    let mut message = message;
    let mut next = 0;
    for bucket in buckets {
        let offset = bucket.index - next;
        next = bucket.index + 1;
        message = message.bytes(spans, &Message::default().varint(1, zigzag(offset.into())).varint(2, 1).0);
    }
    message.bytes(counts, &doubles(buckets.iter().map(|bucket| bucket.count)))
}

fn histogram(time_ms: i64, histogram: &Histogram) -> Message {
    let hint = match histogram.reset {
        CounterReset::Unknown => 0,
        CounterReset::Yes => 1,
        CounterReset::No => 2,
        CounterReset::Gauge => 3,
    };
    let mut message = Message::default()
        .double(2, histogram.count)
        .double(3, histogram.sum)
        .varint(4, zigzag(histogram.schema.into()))
        .double(5, histogram.zero_threshold)
        .double(7, histogram.zero_count);
    message = buckets(message, 8, 10, &histogram.negative);
    message = buckets(message, 11, 13, &histogram.positive);
    message = message.varint(14, hint).varint(15, time_ms as u64);
    if histogram.custom_bounds.is_empty() {
        return message;
    }
    message.bytes(16, &doubles(histogram.custom_bounds.iter().copied()))
}

fn series(written: &Written, from_ms: i64) -> Option<Message> {
    let mut message = Message::default();
    for label in written.labels.iter() {
        let pair = Message::default().bytes(1, label.name.as_bytes()).bytes(2, label.value.as_bytes());
        message = message.bytes(1, &pair.0);
    }
    let within = written.samples.iter().filter(|(time, _)| (from_ms..from_ms + SLICE_MS).contains(time));
    let mut any = false;
    for (time, value) in within {
        any = true;
        message = match value {
            // Bits as they are: the marker of an end is a certain one of all that are no number.
            Value::Float(bits) => {
                let mut sample = Message::default();
                varint(&mut sample.0, 1 << 3 | 1);
                sample.0.extend(bits.to_le_bytes());
                message.bytes(2, &sample.varint(2, *time as u64).0)
            }
            Value::Histogram(value) => message.bytes(4, &histogram(*time, value).0),
        };
    }
    any.then_some(message)
}

/// A block of snappy that holds literals only.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() + 16);
    varint(&mut block, bytes.len() as u64);
    for literal in bytes.chunks(LITERAL) {
        let length = (literal.len() - 1) as u16;
        // 61 says that two bytes with the length follow.
        block.push(61 << 2);
        block.extend(length.to_le_bytes());
        block.extend_from_slice(literal);
    }
    block
}

/// All samples, slice by slice.
pub(crate) fn requests(all: &[Written]) -> Vec<Vec<u8>> {
    debug_assert!(f64::from_bits(STALE).is_nan());
    let slices = (START_MS..=END_MS).step_by(SLICE_MS as usize);
    slices
        .map(|from_ms| {
            let request = all.iter().filter_map(|written| series(written, from_ms));
            packed(&request.fold(Message::default(), |request, series| request.bytes(1, &series.0)).0)
        })
        .collect()
}
