//! How long something took: counts in buckets, and spans that stand for them.

/// Most classic buckets, with the one beyond all bounds.
pub(super) const BUCKETS: usize = 15;
/// Buckets of a native histogram for each doubling.
const BUCKETS_A_DOUBLING: f64 = 8.0;
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
    let guess = (seconds.log2() * BUCKETS_A_DOUBLING).ceil();
    // Rounding may be off by one beside a bound.
    let bound = |index: f64| (index / BUCKETS_A_DOUBLING).exp2();
    let index = if seconds <= bound(guess - 1.0) {
        guess - 1.0
    } else if seconds > bound(guess) {
        guess + 1.0
    } else {
        guess
    };
    (index as i32).clamp(FIRST_NATIVE, LAST_NATIVE)
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
            (1e-9, -160),
            (1e9, 128),
            (f64::INFINITY, 128),
        ];
        for (seconds, bucket) in cases {
            assert_eq!(native_bucket(seconds), bucket, "{seconds}");
        }
    }
}
