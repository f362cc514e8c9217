//! What is counted of operations.

use std::sync::Arc;

use super::durations::{Durations, SpanExemplar};
use super::ledger::{LedgerKey, LedgerTotal, Life, OTHER};
use super::{LabelValues, no_labels};

/// Longest name, in bytes; the rest is cut off.
const MAX_NAME_BYTES: usize = 1024;
/// Bounds of classic buckets, in seconds: Tempo's.
pub(super) const BOUNDS: [f64; 14] =
    [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384];
/// The key of tracestate under which samplers say how many spans one stands for.
const SAMPLING: &str = "ot=";
/// Hexadecimal digits of a sampling threshold.
const THRESHOLD_DIGITS: usize = 14;

/// An operation with a status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub service: Arc<str>,
    pub name: Arc<str>,
    /// OTLP's number.
    pub kind: u8,
    /// OTLP's number.
    pub status: u8,
    /// Values of the labels that the plan has besides.
    pub labels: LabelValues,
}

impl LedgerKey for Operation {
    const MOST: usize = 20_000;
    const MOST_OF_GROUP: usize = 1000;

    fn group(&self) -> &Arc<str> {
        &self.service
    }

    fn other(&self, keeps_group: bool) -> Self {
        let service = if keeps_group { self.service.clone() } else { OTHER.into() };
        Self { service, name: OTHER.into(), labels: no_labels(), ..*self }
    }

    fn bytes(&self) -> usize {
        self.service.len() + self.name.len() + self.labels.iter().map(|value| value.len()).sum::<usize>()
    }
}

/// What was counted of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct OperationTotal {
    pub(super) life: Life,
    pub(super) durations: Durations,
    /// Bytes of the spans as they were sent.
    pub(super) bytes: f64,
}

impl OperationTotal {
    /// Nothing yet.
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { life: Life { began_ms: now_ms, last_ms: now_ms, ended: false }, ..Self::default() }
    }

    /// Counts a span that stands for so many.
    pub(crate) fn count(&mut self, weight: f64, bytes: u32, exemplar: SpanExemplar) {
        self.durations.observe(&BOUNDS, weight, exemplar);
        self.bytes += f64::from(bytes);
    }
}

impl LedgerTotal for OperationTotal {
    fn life(&self) -> Life {
        self.life
    }

    fn life_mut(&mut self) -> &mut Life {
        &mut self.life
    }

    fn events(&self) -> f64 {
        self.durations.count
    }

    fn add(&mut self, other: &Self) {
        self.durations.unite(&other.durations);
        self.bytes += other.bytes;
    }

    fn end_exemplars(&mut self) {
        self.durations.exemplars.clear();
    }
}

/// How many spans one stands for, by the sampling threshold in its tracestate (`ot=th:c`): of 2^56 random numbers as many are refused.
pub(crate) fn weight(state: &str) -> f64 {
    let threshold = || {
        let ours = state.split(',').find_map(|entry| entry.trim().strip_prefix(SAMPLING))?;
        let digits = ours.split(';').find_map(|part| part.strip_prefix("th:"))?;
        let fine = (1..=THRESHOLD_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u64::from_str_radix(&format!("{digits:0<THRESHOLD_DIGITS$}"), 16).ok().filter(|_| fine)
    };
    let all = (1_u64 << 56) as f64;
    threshold().map_or(1.0, |threshold| all / (all - threshold as f64))
}

/// A name within its bound.
pub(crate) fn cut(name: &str) -> Arc<str> {
    name[..name.floor_char_boundary(MAX_NAME_BYTES)].into()
}

#[cfg(test)]
mod tests {
    use super::super::ledger::{Ledger, LedgerKey, OTHER};
    use super::super::no_labels;
    use super::{Operation, OperationTotal, SpanExemplar, weight};

    fn operation(service: &str, name: &str) -> Operation {
        Operation { service: service.into(), name: name.into(), kind: 1, status: 0, labels: no_labels() }
    }

    #[test]
    fn sampled_spans_stand_for_more() {
        let cases = [
            ("ot=th:8", 2.0),
            ("a=b, ot=rv:1;th:c", 4.0),
            ("ot=th:0", 1.0),
            ("ot=th:xyz", 1.0),
            ("ot=th:fffffffffffffff", 1.0),
            ("", 1.0),
        ];
        for (state, expected) in cases {
            assert_eq!(weight(state), expected, "{state:?}");
        }
    }

    #[test]
    fn too_many_operations_are_one() {
        let mut totals = Ledger::default();
        let mut one = OperationTotal::new(5);
        one.count(1.0, 10, SpanExemplar { trace: 1, span: 1, seconds: 1.0, time_ms: 1 });
        for number in 0..Operation::MOST_OF_GROUP + 10 {
            totals.add(operation("shop", &number.to_string()), &one);
        }
        totals.add(operation("other", "fine"), &one);
        let other = totals.iter().find(|(key, _)| &*key.name == OTHER).expect("there are too many");
        assert_eq!((&*other.0.service, other.1.durations.count, other.1.bytes), ("shop", 10.0, 100.0));
        assert_eq!(totals.iter().len(), Operation::MOST_OF_GROUP + 2);
        for number in 0..3 * Operation::MOST {
            totals.add(operation(&format!("service {number}"), "one of many"), &one);
        }
        assert_eq!(totals.iter().len(), 2 * Operation::MOST + 1, "one for all beyond the bounds");
    }
}
