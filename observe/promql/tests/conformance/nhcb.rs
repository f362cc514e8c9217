//! Classic histograms as native ones with custom bounds, as `load_with_nhcb` stores them beside.

use std::collections::BTreeMap;
use std::sync::Arc;

use vitrine_observe_series::{Bucket, Histogram, Label, Labels, NAME};

#[derive(Default)]
struct Classic {
    /// Bounds and cumulative counts, in order of the bounds.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// What was loaded of classic histograms, by labels and time.
#[derive(Default)]
pub struct Classics(BTreeMap<Labels, BTreeMap<i64, Classic>>);

impl Classics {
    /// Notes a sample if it is one of a classic histogram.
    pub fn add(&mut self, labels: &Labels, time_ms: i64, value: f64) {
        let name = labels.metric();
        let Some((base, part)) =
            ["_bucket", "_sum", "_count"].iter().find_map(|part| Some((name.strip_suffix(part)?, *part)))
        else {
            return;
        };
        let bound = labels.get("le").and_then(|le| le.parse::<f64>().ok()).filter(|bound| !bound.is_nan());
        if part == "_bucket" && bound.is_none() {
            return;
        }
        let kept = labels.iter().filter(|label| &*label.name != "le" && &*label.name != NAME).cloned();
        let base = Labels::new(kept.chain([Label { name: NAME.into(), value: base.into() }]));
        let classic = self.0.entry(base).or_default().entry(time_ms).or_default();
        match (part, bound) {
            ("_bucket", Some(bound)) => {
                let place = classic.buckets.partition_point(|(other, _)| *other < bound);
                if classic.buckets.get(place).is_none_or(|(other, _)| *other != bound) {
                    classic.buckets.insert(place, (bound, value));
                }
            }
            ("_count", _) => classic.count = Some(value),
            _ => classic.sum = value,
        }
    }

    /// All histograms: labels, time, value.
    pub fn histograms(self) -> Result<Vec<(Labels, i64, Arc<Histogram>)>, String> {
        let mut histograms = Vec::new();
        for (labels, samples) in self.0 {
            for (time_ms, classic) in samples {
                let histogram = classic.native().map_err(|error| format!("{labels}: {error}"))?;
                histograms.push((labels.clone(), time_ms, Arc::new(histogram)));
            }
        }
        Ok(histograms)
    }
}

impl Classic {
    fn native(mut self) -> Result<Histogram, String> {
        let highest = self.buckets.last().map_or(0.0, |(_, count)| *count);
        let count = self.count.unwrap_or(highest);
        if self.buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut positive = Vec::new();
        let mut before = 0.0;
        for (index, (bound, cumulative)) in (0..).zip(&self.buckets) {
            if *cumulative < before {
                return Err(format!("count is not cumulative at le={bound}"));
            }
            if *cumulative != before {
                positive.push(Bucket { index, count: cumulative - before });
            }
            before = *cumulative;
        }
        if before != count {
            return Err(format!("count mismatch: {count} is not {before}"));
        }
        let custom_bounds = self.buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
        Ok(Histogram { schema: -53, count, sum: self.sum, positive, custom_bounds, ..Histogram::default() })
    }
}
