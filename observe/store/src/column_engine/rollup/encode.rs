//! A rollup as bytes.
//!
//! Eight bytes that say what it is, then numbers as in LEB128 (signed ones with the sign in the lowest bit) and texts
//! with their length in front, and at the end the CRC-32 of all before, little endian. In this order: the coarseness;
//! all texts; the operations (service, name, kind); the figures by operation, status and time (operation, status, time
//! since the entry before, count, duration, buckets as pairs of distance and count); the calls by parent, child and time
//! (parent, child, time since the entry before, calls, errors; signed, because calls may be taken back). Version 1 had
//! calls without a sign, and no errors.

use super::{BUCKETS, Call, Count, Name, RedTotals, Rollup, RollupKey, STEPS};

/// What it is, with a version.
const MAGIC: &[u8; 8] = b"vtr-red\x02";
/// What an earlier release wrote.
const MAGIC_1: &[u8; 8] = b"vtr-red\x01";
/// Bytes of the checksum.
pub(super) const CRC_BYTES: usize = 4;
/// Bits of a byte that belong to the number.
const BITS: u32 = 7;

pub(super) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 1 << BITS {
        bytes.push(number as u8 | 1 << BITS);
        number >>= BITS;
    }
    bytes.push(number as u8);
}

pub(super) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

/// Bytes that are being read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..u64::BITS).step_by(BITS as usize) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & !(1 << BITS)).checked_shl(shift)?;
            if byte < 1 << BITS {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    /// How many entries follow. Each takes at least a byte.
    pub(super) fn count(&mut self) -> Option<usize> {
        self.small().filter(|count| *count <= self.0.len())
    }
}

impl Rollup {
    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        put(&mut bytes, self.coarseness as u64);
        put(&mut bytes, self.texts.len() as u64);
        for text in self.texts.iter() {
            put(&mut bytes, text.len() as u64);
            bytes.extend_from_slice(text);
        }
        put(&mut bytes, self.operations.len() as u64);
        for name in &self.operations {
            put(&mut bytes, name.service.into());
            put(&mut bytes, name.name.into());
            put(&mut bytes, name.kind.into());
        }
        let mut totals: Vec<_> = self.totals.iter().collect();
        totals.sort_unstable_by_key(|(cell, _)| **cell);
        put(&mut bytes, totals.len() as u64);
        let mut before = 0i64;
        for (cell, totals) in totals {
            put(&mut bytes, cell.operation.into());
            put(&mut bytes, cell.status.into());
            put_signed(&mut bytes, cell.step.wrapping_sub(before));
            before = cell.step;
            put(&mut bytes, totals.count);
            put(&mut bytes, totals.duration_ns);
            put(&mut bytes, totals.buckets.len() as u64);
            let mut last = 0;
            for (bucket, count) in &totals.buckets {
                put(&mut bytes, (bucket - last).into());
                put(&mut bytes, (*count).into());
                last = *bucket;
            }
        }
        let mut calls: Vec<_> = self.calls.iter().collect();
        calls.sort_unstable_by_key(|(call, _)| **call);
        put(&mut bytes, calls.len() as u64);
        let mut before = 0i64;
        for (call, count) in calls {
            put(&mut bytes, call.parent.into());
            put(&mut bytes, call.child.into());
            put_signed(&mut bytes, call.step.wrapping_sub(before));
            before = call.step;
            put_signed(&mut bytes, count.calls);
            put_signed(&mut bytes, count.errors);
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// From bytes; none if they are damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<CRC_BYTES>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let is_first = body.starts_with(MAGIC_1);
        let mut reader = Reader(body.strip_prefix(if is_first { MAGIC_1 } else { MAGIC })?);
        let coarseness = reader.small().filter(|coarseness| *coarseness < STEPS.len())?;
        let mut rollup = Self { coarseness, ..Self::default() };
        for code in 0..reader.count()? {
            let length = reader.count()?;
            if rollup.texts.intern(reader.take(length)?) as usize != code {
                return None;
            }
        }
        let texts = rollup.texts.len();
        let known = |code: u32| Some(code).filter(|code| (*code as usize) < texts);
        for number in 0..reader.count()? {
            let (service, name) = (known(reader.small()?)?, known(reader.small()?)?);
            let name = Name { service, name, kind: reader.small()? };
            rollup.operations.push(name);
            rollup.numbers.insert(name, u32::try_from(number).ok()?);
            *rollup.services.entry(service).or_default() += 1;
        }
        let mut before = 0i64;
        for _ in 0..reader.count()? {
            let operation = reader.small().filter(|number: &u32| (*number as usize) < rollup.operations.len())?;
            let status = reader.small()?;
            before = before.wrapping_add(reader.signed()?);
            let mut totals =
                RedTotals { count: reader.number()?, duration_ns: reader.number()?, ..RedTotals::default() };
            let mut bucket = 0u8;
            for _ in 0..reader.count()? {
                bucket = bucket.checked_add(reader.small()?).filter(|bucket| usize::from(*bucket) < BUCKETS)?;
                totals.buckets.push((bucket, reader.small()?));
            }
            rollup.totals.insert(RollupKey { operation, status, step: before }, totals);
        }
        let mut before = 0i64;
        for _ in 0..reader.count()? {
            let (parent, child) = (known(reader.small()?)?, known(reader.small()?)?);
            before = before.wrapping_add(reader.signed()?);
            let count = if is_first {
                Count { calls: i64::try_from(reader.number()?).ok()?, errors: 0 }
            } else {
                Count { calls: reader.signed()?, errors: reader.signed()? }
            };
            rollup.calls.insert(Call { parent, child, step: before }, count);
        }
        for service in rollup.calls.keys().flat_map(|call| [call.parent, call.child]) {
            rollup.services.entry(service).or_default();
        }
        reader.0.is_empty().then_some(rollup)
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Count, MAGIC_1, Rollup, put, put_signed};

    /// A rollup with one call, as the first version has it.
    fn first_version(calls: u64) -> Vec<u8> {
        let mut bytes = MAGIC_1.to_vec();
        put(&mut bytes, 0);
        put(&mut bytes, 2);
        for name in [b"a", b"b"] {
            put(&mut bytes, 1);
            bytes.extend_from_slice(name);
        }
        // No operations, no figures, and a call.
        [0, 0, 1, 0, 1].into_iter().for_each(|number| put(&mut bytes, number));
        put_signed(&mut bytes, 30_000_000);
        put(&mut bytes, calls);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn the_first_version_is_read_and_written_as_the_second() {
        let read = Rollup::decode(&first_version(300)).expect("it can be read");
        let call = Call { parent: 0, child: 1, step: 30_000_000 };
        assert_eq!(read.calls[&call], Count { calls: 300, errors: 0 });
        let again = Rollup::decode(&read.encode()).expect("it can be read");
        assert_eq!(again.calls, read.calls);
        assert!(Rollup::decode(&first_version(u64::MAX)).is_none(), "more calls than there can be");
    }

    #[test]
    fn calls_that_are_taken_back_keep_their_sign() {
        let mut rollup = Rollup::default();
        rollup.call(b"a", b"b", 7, Count { calls: -2, errors: -1 });
        let again = Rollup::decode(&rollup.encode()).expect("it can be read");
        assert_eq!(again.calls, rollup.calls);
    }
}
