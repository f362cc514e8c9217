//! Totals as a record of the log.
//!
//! A byte with the version; the position before which spans are counted and the time, 8 bytes each; how many series; and for each the
//! service, the name, kind, status, whether it has ended, when it began and when something was last counted, the count, the seconds, the
//! spans without a duration, native buckets, classic buckets, and exemplars. Numbers are LEB128, signed ones with the sign in the lowest
//! bit, doubles 8 bytes little endian, texts and lists begin with their length.

use std::collections::BTreeMap;

use vitrine_kit::varint;
use vitrine_observe_log::Position;

use super::SpanTotals;
use super::totals::{Key, SpanExemplar, Total, Totals};

/// The version of this form.
const VERSION: u8 = 1;

pub(super) fn encode(written: &SpanTotals) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&u64::from(written.before).to_le_bytes());
    out.extend_from_slice(&written.time_ms.to_le_bytes());
    varint::write(&mut out, written.totals.series.len() as u64);
    for (key, total) in &written.totals.series {
        for text in [&key.service, &key.name] {
            varint::write(&mut out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&[key.kind, key.status, u8::from(total.ended)]);
        out.extend_from_slice(&total.began_ms.to_le_bytes());
        out.extend_from_slice(&total.last_ms.to_le_bytes());
        [total.count, total.seconds, total.zero].iter().for_each(|number| double(&mut out, *number));
        varint::write(&mut out, total.native.len() as u64);
        for (bucket, count) in &total.native {
            signed(&mut out, *bucket);
            double(&mut out, *count);
        }
        total.classic.iter().for_each(|count| double(&mut out, *count));
        varint::write(&mut out, total.exemplars.len() as u64);
        for (bucket, exemplar) in &total.exemplars {
            signed(&mut out, *bucket);
            out.extend_from_slice(&exemplar.trace.to_le_bytes());
            out.extend_from_slice(&exemplar.span.to_le_bytes());
            double(&mut out, exemplar.seconds);
            out.extend_from_slice(&exemplar.time_ms.to_le_bytes());
        }
    }
    out
}

fn double(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(&number.to_bits().to_le_bytes());
}

fn signed(out: &mut Vec<u8>, number: i32) {
    let number = i64::from(number);
    varint::write(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Bytes that are being read. Nothing is allocated for lengths that are only claimed.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        varint::read(&mut self.0).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn time(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    fn double(&mut self) -> Option<f64> {
        self.bytes().map(u64::from_le_bytes).map(f64::from_bits)
    }

    fn signed(&mut self) -> Option<i32> {
        let number = self.number()?;
        i32::try_from((number >> 1) as i64 ^ -((number & 1) as i64)).ok()
    }

    fn series(&mut self) -> Option<(Key, Total)> {
        let (service, name) = (self.text()?.into(), self.text()?.into());
        let [kind, status, ended] = self.bytes()?;
        let mut total = Total { began_ms: self.time()?, last_ms: self.time()?, ended: ended != 0, ..Total::default() };
        (total.count, total.seconds, total.zero) = (self.double()?, self.double()?, self.double()?);
        for _ in 0..self.number()? {
            total.native.insert(self.signed()?, self.double()?);
        }
        for count in &mut total.classic {
            *count = self.double()?;
        }
        let mut exemplars = BTreeMap::new();
        for _ in 0..self.number()? {
            let bucket = self.signed()?;
            let (trace, span) = (u128::from_le_bytes(self.bytes()?), u64::from_le_bytes(self.bytes()?));
            exemplars.insert(bucket, SpanExemplar { trace, span, seconds: self.double()?, time_ms: self.time()? });
        }
        Some((Key { service, name, kind, status }, Total { exemplars, ..total }))
    }
}

/// None if it is damaged, or of a version that is not known.
pub(super) fn decode(bytes: &[u8]) -> Option<SpanTotals> {
    let mut reader = Reader(bytes);
    if reader.bytes::<1>()? != [VERSION] {
        return None;
    }
    let before = Position::from(u64::from_le_bytes(reader.bytes()?));
    let time_ms = reader.time()?;
    let mut totals = Totals::default();
    for _ in 0..reader.number()? {
        let (key, total) = reader.series()?;
        totals.add(key, &total);
    }
    reader.0.is_empty().then_some(SpanTotals { before, time_ms, totals })
}

#[cfg(test)]
mod tests {
    use super::super::SpanTotals;
    use super::super::totals::{Key, SpanExemplar, Total, Totals};
    use super::{Position, decode, encode};

    fn written() -> SpanTotals {
        let exemplar = SpanExemplar { trace: 7, span: 9, seconds: 0.25, time_ms: 1_000 };
        let total = Total {
            began_ms: 5,
            last_ms: 1_000,
            ended: true,
            count: 3.0,
            seconds: 0.75,
            zero: 1.0,
            native: [(-16, 2.0)].into(),
            exemplars: [(-16, exemplar), (i32::MIN, exemplar)].into(),
            ..Total::default()
        };
        let mut totals = Totals::default();
        totals.add(Key { service: "shop".into(), name: "GET /".into(), kind: 2, status: 2 }, &total);
        totals.add(Key { service: "shop".into(), name: "".into(), kind: 0, status: 0 }, &Total::default());
        SpanTotals { before: Position::from(77), time_ms: 15_000, totals }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = encode(&written());
        assert_eq!(decode(&bytes), Some(written()));
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "cut off at {length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode(&longer), None);
        let claims_much = [&bytes[..17], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat();
        assert_eq!(decode(&claims_much), None);
    }
}
