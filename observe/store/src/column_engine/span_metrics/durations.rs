//! How long something took: counts in buckets, and spans that stand for them.

/// Most classic buckets, with the one beyond all bounds.
pub(super) const BUCKETS: usize = 15;
/// Upper bounds of the buckets of schema 3 between a half and one: 2^(n/8 - 1). The same as Prometheus's, so that what is counted
/// here and there lies in the same buckets.
const FRACTIONS: [f64; 8] = [
    0.5,
    0.545_253_866_332_628_8,
    0.594_603_557_501_360_5,
    0.648_419_777_325_504_8,
    0.707_106_781_186_547_5,
    0.771_105_412_703_970_4,
    0.840_896_415_253_714_4,
    0.917_004_043_204_671_1,
];
/// Where a double has its exponent, and what it is for a number between a half and one.
const EXPONENT_SHIFT: u32 = 52;
const HALF_EXPONENT: u64 = 1022;
/// The first native bucket, which has all that is shorter, too: a microsecond.
const FIRST_NATIVE: i32 = -160;
/// The last one, which has all that is longer, too: 18 hours.
const LAST_NATIVE: i32 = 128;

/// Durations of a number of spans.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Durations {
    pub count: f64,
    pub seconds: f64,
    /// Spans that took no time at all.
    pub zero: f64,
    /// Buckets of a native histogram of schema 3 that count something, in order: index and count.
    pub native: Vec<(i32, f64)>,
    /// Those of classic bounds and beyond, each by itself.
    pub classic: [f64; BUCKETS],
    /// The newest span in each classic bucket since exemplars were last told, by the bucket's place, in order.
    pub exemplars: Vec<(u8, SpanExemplar)>,
}

/// A span that stands for others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SpanExemplar {
    pub trace: u128,
    pub span: u64,
    pub seconds: f64,
    /// When it ended, in milliseconds since 1970.
    pub time_ms: i64,
}

/// The bucket of schema 3 in which so many seconds lie; more than 0.
fn native_bucket(seconds: f64) -> i32 {
    let bits = seconds.to_bits();
    let (exponent, digits) = (bits >> EXPONENT_SHIFT, bits & ((1 << EXPONENT_SHIFT) - 1));
    let fraction = f64::from_bits((HALF_EXPONENT << EXPONENT_SHIFT) | digits);
    let within = FRACTIONS.partition_point(|bound| *bound < fraction) as i32;
    let doublings = exponent as i32 - HALF_EXPONENT as i32 - 1;
    (doublings * FRACTIONS.len() as i32 + within).clamp(FIRST_NATIVE, LAST_NATIVE)
}

impl Durations {
    /// Counts a duration, that stands for so many. Classic buckets have these bounds.
    pub(super) fn observe(&mut self, bounds: &[f64], weight: f64, exemplar: SpanExemplar) {
        let seconds = exemplar.seconds;
        self.count += weight;
        self.seconds += seconds * weight;
        let place = bounds.partition_point(|bound| *bound < seconds);
        self.classic[place] += weight;
        if seconds > 0.0 {
            self.add_native(native_bucket(seconds), weight);
        } else {
            self.zero += weight;
        }
        self.offer(place as u8, exemplar);
    }

    fn add_native(&mut self, bucket: i32, count: f64) {
        match self.native.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => self.native[place].1 += count,
            Err(place) => self.native.insert(place, (bucket, count)),
        }
    }

    /// Takes a span for an exemplar, unless there is a newer one in its bucket.
    pub(super) fn offer(&mut self, bucket: u8, exemplar: SpanExemplar) {
        match self.exemplars.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) if self.exemplars[place].1.time_ms <= exemplar.time_ms => self.exemplars[place].1 = exemplar,
            Ok(_) => {}
            Err(place) => self.exemplars.insert(place, (bucket, exemplar)),
        }
    }

    /// Adds others.
    pub(super) fn unite(&mut self, other: &Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        self.zero += other.zero;
        other.native.iter().for_each(|(bucket, count)| self.add_native(*bucket, *count));
        self.classic.iter_mut().zip(other.classic).for_each(|(own, other)| *own += other);
        other.exemplars.iter().for_each(|(bucket, exemplar)| self.offer(*bucket, *exemplar));
    }
}

#[cfg(test)]
mod tests {
    use super::native_bucket;

    #[test]
    fn durations_have_buckets_of_schema_3() {
        let cases = [
            (1.0, 0),
            (1.000_000_001, 1),
            (2.0, 8),
            (0.5, -8),
            (3600.0, 95),
            (0.3, -13),
            (1.5 * f64::powf(2.0, -13.0), -99),
            (1e-9, -160),
            (f64::MIN_POSITIVE / 4.0, -160),
            (1e9, 128),
            (f64::INFINITY, 128),
        ];
        for (seconds, bucket) in cases {
            assert_eq!(native_bucket(seconds), bucket, "{seconds}");
        }
    }
}
