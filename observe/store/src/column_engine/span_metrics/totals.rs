//! What is counted.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use vitrine_observe_columns::{Columns, NULL_CODE, Texts};

/// Most series of operations of a tenant; what comes later counts as [`OTHER`].
const MAX_SERIES: usize = 20_000;
/// Most operations of a service, with kinds and statuses; what comes later counts as [`OTHER`].
const MAX_OF_SERVICE: usize = 1000;
/// What an operation is called that is one too many.
pub(super) const OTHER: &str = "…other";
/// Longest name, in bytes; the rest is cut off.
const MAX_NAME_BYTES: usize = 1024;
/// Bounds of classic buckets, in seconds: Tempo's.
pub(super) const CLASSIC: [f64; 14] =
    [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384];
/// Buckets of a native histogram for each doubling.
const BUCKETS_A_DOUBLING: f64 = 8.0;
/// The key of tracestate under which samplers say how many spans one stands for.
const SAMPLING: &str = "ot=";
/// Hexadecimal digits of a sampling threshold.
const THRESHOLD_DIGITS: usize = 14;
/// Nanoseconds in a second.
const SECOND_NS: f64 = 1e9;

/// An operation with a status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub service: Arc<str>,
    pub name: Arc<str>,
    pub kind: u8,
    pub status: u8,
}

/// What was counted of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Total {
    /// When the first span was counted, in milliseconds since 1970.
    pub began_ms: i64,
    /// When the last one was.
    pub last_ms: i64,
    /// Whether no more are expected: this is the last that is told of it.
    pub ended: bool,
    pub count: f64,
    pub seconds: f64,
    /// Spans that took no time at all.
    pub zero: f64,
    /// Buckets of a native histogram of schema 3 that count something, by index.
    pub native: BTreeMap<i32, f64>,
    /// Those of [`CLASSIC`] and beyond, each by itself.
    pub classic: [f64; CLASSIC.len() + 1],
    /// The newest span in each native bucket since totals were last written.
    pub exemplars: BTreeMap<i32, SpanExemplar>,
}

/// A span that stands for others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SpanExemplar {
    pub trace: u128,
    pub span: u64,
    pub seconds: f64,
    /// When it ended, in milliseconds since 1970.
    pub time_ms: i64,
}

/// Totals by operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Totals {
    pub series: BTreeMap<Key, Total>,
    of_services: HashMap<Arc<str>, usize>,
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
    index as i32
}

/// How many spans one stands for, by the sampling threshold in its tracestate (`ot=th:c`): of 2^56 random numbers as many are refused.
fn weight(state: Option<&str>) -> f64 {
    let threshold = state.and_then(|state| {
        let ours = state.split(',').find_map(|entry| entry.trim().strip_prefix(SAMPLING))?;
        let digits = ours.split(';').find_map(|part| part.strip_prefix("th:"))?;
        let fine = (1..=THRESHOLD_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u64::from_str_radix(&format!("{digits:0<THRESHOLD_DIGITS$}"), 16).ok().filter(|_| fine)
    });
    let all = (1_u64 << 56) as f64;
    threshold.map_or(1.0, |threshold| all / (all - threshold as f64))
}

fn text(texts: &Texts, row: usize) -> &str {
    texts.get(row).unwrap_or_default()
}

fn cut(name: &str) -> Arc<str> {
    name[..name.floor_char_boundary(MAX_NAME_BYTES)].into()
}

/// The columns of spans that are counted.
struct Spans<'a> {
    traces: &'a [u128],
    ids: &'a [u64],
    starts: &'a [i64],
    durations: &'a [i64],
    services: &'a Texts,
    names: &'a Texts,
    kinds: &'a [i64],
    statuses: &'a [i64],
    states: Option<&'a Texts>,
}

impl<'a> Spans<'a> {
    /// None if they are no spans.
    fn of(columns: &'a Columns) -> Option<Self> {
        Some(Self {
            traces: columns.ids16("trace_id")?,
            ids: columns.ids8("span_id")?,
            starts: columns.ints("start")?,
            durations: columns.ints("duration")?,
            services: columns.texts("service")?,
            names: columns.texts("name")?,
            kinds: columns.ints("kind")?,
            statuses: columns.ints("status")?,
            states: columns.texts("trace_state"),
        })
    }

    /// Counts a row.
    fn count(&self, row: usize, into: &mut Total) {
        const NANOS_PER_MILLI: i64 = 1_000_000;
        let seconds = self.durations[row].max(0) as f64 / SECOND_NS;
        let state = self.states.filter(|states| states.codes[row] != NULL_CODE).and_then(|states| states.get(row));
        let weight = weight(state);
        into.count += weight;
        into.seconds += seconds * weight;
        into.classic[CLASSIC.partition_point(|bound| *bound < seconds)] += weight;
        let bucket = if seconds > 0.0 { native_bucket(seconds) } else { i32::MIN };
        if bucket == i32::MIN {
            into.zero += weight;
        } else {
            *into.native.entry(bucket).or_default() += weight;
        }
        let time_ms = self.starts[row].saturating_add(self.durations[row].max(0)) / NANOS_PER_MILLI;
        let exemplar = SpanExemplar { trace: self.traces[row], span: self.ids[row], seconds, time_ms };
        let newest = into.exemplars.entry(bucket).or_insert(exemplar);
        if newest.time_ms <= time_ms {
            *newest = exemplar;
        }
    }
}

impl Totals {
    /// Of these rows, if they are spans.
    pub(super) fn of(columns: &Columns, rows: Range<usize>, now_ms: i64) -> Self {
        let mut totals = Self::default();
        let Some(spans) = Spans::of(columns) else { return totals };
        let mut local: HashMap<(u32, u32, u8, u8), (usize, Total)> = HashMap::new();
        let byte = |values: &[i64], row: usize| u8::try_from(values[row]).unwrap_or(0);
        for row in rows {
            let codes = (spans.services.codes[row], spans.names.codes[row]);
            let key = (codes.0, codes.1, byte(spans.kinds, row), byte(spans.statuses, row));
            let new = || (row, Total { began_ms: now_ms, last_ms: now_ms, ..Total::default() });
            spans.count(row, &mut local.entry(key).or_insert_with(new).1);
        }
        for ((.., kind, status), (row, total)) in local {
            let (service, name) = (cut(text(spans.services, row)), cut(text(spans.names, row)));
            totals.add(Key { service, name, kind, status }, &total);
        }
        totals
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Adds to an operation's total; to that of the others if there are too many.
    pub(super) fn add(&mut self, key: Key, total: &Total) {
        let key = if self.series.contains_key(&key) || !self.is_full(&key.service) {
            key
        } else {
            let service = if self.series.len() < 2 * MAX_SERIES { key.service } else { OTHER.into() };
            Key { service, name: OTHER.into(), ..key }
        };
        if let Some(known) = self.series.get_mut(&key) {
            known.unite(total);
        } else {
            *self.of_services.entry(key.service.clone()).or_default() += 1;
            self.series.insert(key, total.clone());
        }
    }

    fn is_full(&self, service: &Arc<str>) -> bool {
        self.series.len() >= MAX_SERIES || self.of_services.get(service).is_some_and(|count| *count >= MAX_OF_SERVICE)
    }

    /// Adds other totals.
    pub(super) fn unite(&mut self, other: &Self) {
        for (key, total) in &other.series {
            self.add(key.clone(), total);
        }
    }

    /// The same, with those as ended of which nothing was counted since this time.
    pub(super) fn ending_before(&self, time_ms: i64) -> Self {
        let mut totals = self.clone();
        totals.series.values_mut().for_each(|total| total.ended = total.last_ms < time_ms);
        totals
    }

    /// Without those that have ended.
    pub(super) fn without_ended(mut self) -> Self {
        self.series.retain(|_, total| !total.ended);
        self.recount();
        self
    }

    /// Leaves out what ended in these totals, unless something was counted since.
    pub(super) fn forget_ended(&mut self, written: &Self) {
        let ended: Vec<(&Key, f64)> =
            written.series.iter().filter(|(_, total)| total.ended).map(|(key, total)| (key, total.count)).collect();
        if ended.is_empty() {
            return;
        }
        for (key, count) in ended {
            match self.series.get_mut(key) {
                Some(total) if total.count == count => {
                    self.series.remove(key);
                }
                Some(total) => total.ended = false,
                None => {}
            }
        }
        self.recount();
    }

    fn recount(&mut self) {
        self.of_services.clear();
        for key in self.series.keys() {
            *self.of_services.entry(key.service.clone()).or_default() += 1;
        }
    }

    /// Exemplars are told once.
    pub(super) fn end_exemplars(&mut self) {
        self.series.values_mut().for_each(|total| total.exemplars.clear());
    }
}

impl Total {
    fn unite(&mut self, other: &Self) {
        self.began_ms = self.began_ms.min(other.began_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.count += other.count;
        self.seconds += other.seconds;
        self.zero += other.zero;
        for (bucket, count) in &other.native {
            *self.native.entry(*bucket).or_default() += count;
        }
        self.classic.iter_mut().zip(other.classic).for_each(|(own, other)| *own += other);
        for (bucket, exemplar) in &other.exemplars {
            let newest = self.exemplars.entry(*bucket).or_insert(*exemplar);
            if newest.time_ms <= exemplar.time_ms {
                *newest = *exemplar;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, MAX_OF_SERVICE, OTHER, Total, Totals, native_bucket, weight};

    #[test]
    fn durations_have_buckets_of_schema_3() {
        for (seconds, bucket) in [(1.0, 0), (1.000_000_001, 1), (2.0, 8), (0.5, -8), (1e-9, -239), (3600.0, 95)] {
            assert_eq!(native_bucket(seconds), bucket, "{seconds}");
        }
    }

    #[test]
    fn sampled_spans_stand_for_more() {
        let cases = [
            (None, 1.0),
            (Some("ot=th:8"), 2.0),
            (Some("a=b, ot=rv:1;th:c"), 4.0),
            (Some("ot=th:0"), 1.0),
            (Some("ot=th:xyz"), 1.0),
            (Some("ot=th:fffffffffffffff"), 1.0),
            (Some(""), 1.0),
        ];
        for (state, expected) in cases {
            assert_eq!(weight(state), expected, "{state:?}");
        }
    }

    #[test]
    fn too_many_operations_are_one() {
        let mut totals = Totals::default();
        let one = Total { count: 1.0, ..Total::default() };
        for number in 0..MAX_OF_SERVICE + 10 {
            let name = number.to_string().into();
            totals.add(Key { service: "shop".into(), name, kind: 1, status: 0 }, &one);
        }
        totals.add(Key { service: "other".into(), name: "fine".into(), kind: 1, status: 0 }, &one);
        let other = Key { service: "shop".into(), name: OTHER.into(), kind: 1, status: 0 };
        assert_eq!(totals.series[&other].count, 10.0);
        assert_eq!(totals.series.len(), MAX_OF_SERVICE + 2);
    }
}
