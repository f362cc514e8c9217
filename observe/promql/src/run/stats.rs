//! Histograms of which only the count and the sum are needed: their buckets are dropped as soon as they are read, and what they
//! say of counter resets is written down before (Prometheus's `HistogramStatsIterator`).

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Histogram, SeriesSamples, Value, Values, is_stale};

use crate::histogram::is_reset;
use crate::plan::Selector;

/// A series without buckets; none where they are needed, or where it has none.
pub(super) fn stats_only(selector: &Selector, series: &SeriesSamples) -> Option<SeriesSamples> {
    if !selector.stats_only {
        return None;
    }
    let mut reduction = Reduction { last: None };
    let values = match &series.values {
        Values::Floats(_) => return None,
        Values::Histograms(all) => Values::Histograms(all.iter().map(|one| reduction.reduce(one)).collect()),
        Values::Mixed(all) => Values::Mixed(
            all.iter()
                .map(|value| match value {
                    Value::Float(bits) => Value::Float(*bits),
                    Value::Histogram(histogram) => Value::Histogram(reduction.reduce(histogram)),
                })
                .collect(),
        ),
    };
    Some(SeriesSamples { values, ..series.clone() })
}

struct Reduction {
    /// The histogram before, with its buckets and what was found of a reset before it.
    last: Option<Histogram>,
}

impl Reduction {
    fn reduce(&mut self, histogram: &Histogram) -> Arc<Histogram> {
        let mut reset = histogram.reset;
        if !is_stale(histogram.sum.to_bits()) {
            if let (CounterReset::Unknown, Some(last)) = (reset, &self.last) {
                reset = if is_reset(histogram, last) { CounterReset::Yes } else { CounterReset::No };
            }
            self.last = Some(Histogram { reset, ..histogram.clone() });
        }
        Arc::new(Histogram {
            schema: histogram.schema,
            count: histogram.count,
            sum: histogram.sum,
            reset,
            ..Histogram::default()
        })
    }
}
