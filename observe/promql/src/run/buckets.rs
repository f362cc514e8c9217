//! Quantiles and fractions of histograms: whole ones, and classic ones whose buckets are series with `le`.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::Labels;

use crate::annotations::{Detail, Note};
use crate::ast::Span;
use crate::plan::Node;
use crate::quantile::{
    ClassicBucket, fraction_of_classic, fraction_of_histogram, is_invalid, of_classic, of_histogram,
};
use crate::text::go_float;

use super::cells::{Cell, Row};
use super::grid::Grid;
use super::labels::{keep, string, with, without_metadata_unless};
use super::merge::{Merger, RowSet};
use super::{Done, Run, SAME_LABELS, Sink, failed};

/// The label with a bucket's upper bound.
const LE: &str = "le";

/// A histogram at a step.
enum HistogramAt<'a> {
    Whole(&'a vitrine_observe_series::Histogram),
    /// Its buckets, by their bounds.
    Classic(&'a [ClassicBucket]),
}

/// Series that are a classic histogram's buckets, or a whole histogram, with the same labels but `le`.
#[derive(Default)]
struct BucketSet {
    /// Buckets: their row and upper bound.
    buckets: Vec<(usize, f64)>,
    /// Rows that may have whole histograms, and no `le`.
    whole: Vec<usize>,
}

impl Run<'_> {
    pub(super) fn quantile_of(&self, quantile: &Node, vector: &Node, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let quantiles = self.scalars(quantile, grid)?;
        for q in quantiles.iter().filter(|q| is_invalid(**q)) {
            self.note(Note::InvalidQuantile { got: (*q).into() }, quantile.span);
        }
        let place = vector.span;
        self.families(vector, grid, sink, &mut |step, labels, found, put| {
            put(labels, self.quantile_at(quantiles[step], found, labels, place, grid.time(step)))
        })
    }

    pub(super) fn quantiles_of(
        &self,
        vector: &Node,
        label: &Node,
        quantiles: &[Node],
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Done {
        let label = string(label)?;
        let mut all = Vec::with_capacity(quantiles.len());
        for quantile in quantiles {
            let values = self.scalars(quantile, grid)?;
            for q in values.iter().filter(|q| is_invalid(**q)) {
                self.note(Note::InvalidQuantile { got: (*q).into() }, quantile.span);
            }
            all.push(values);
        }
        let place = vector.span;
        self.families(vector, grid, sink, &mut |step, labels, found, put| {
            for values in &all {
                let value = self.quantile_at(values[step], found, labels, place, grid.time(step));
                put(&with(labels, label, &open_metrics_float(values[step])), value)?;
            }
            Ok(())
        })
    }

    pub(super) fn fraction_of(
        &self,
        (lower, upper): (&Node, &Node),
        vector: &Node,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Done {
        let (lower, upper) = (self.scalars(lower, grid)?, self.scalars(upper, grid)?);
        let place = vector.span;
        self.families(vector, grid, sink, &mut |step, labels, found, put| {
            let value = match found {
                HistogramAt::Whole(histogram) => {
                    let metric = self.told_metric(labels);
                    let notes = &mut self.notes.borrow_mut();
                    fraction_of_histogram(lower[step], upper[step], histogram, metric, place, notes)
                }
                HistogramAt::Classic(buckets) => fraction_of_classic(lower[step], upper[step], &mut buckets.to_vec()),
            };
            put(labels, value)
        })
    }

    /// A metric's name for remarks: names are known only where their dropping is delayed.
    fn told_metric<'l>(&self, labels: &'l Labels) -> &'l str {
        if self.options.delayed_names { labels.metric() } else { "" }
    }

    fn quantile_at(&self, quantile: f64, found: &HistogramAt<'_>, labels: &Labels, place: Span, time_ms: i64) -> f64 {
        let metric = self.told_metric(labels);
        match found {
            HistogramAt::Whole(histogram) => {
                of_histogram(quantile, histogram, metric, place, &mut self.notes.borrow_mut())
            }
            HistogramAt::Classic(buckets) => {
                let (value, forced) = of_classic(quantile, &mut buckets.to_vec());
                if let Some(forced) = forced {
                    let detail = Detail::Monotonicity {
                        min_ms: time_ms,
                        max_ms: time_ms,
                        min_bucket: forced.min_bucket,
                        max_bucket: forced.max_bucket,
                        max_diff: forced.max_diff,
                        times: 1,
                    };
                    self.note_with(Note::ForcedMonotonicity { metric: metric.to_owned() }, place, detail);
                }
                value
            }
        }
    }

    /// Finds the histograms of each step and puts what is made of them into rows.
    #[expect(clippy::type_complexity, reason = "what is made of a histogram, and where it is put")]
    fn families(
        &self,
        vector: &Node,
        grid: &Grid,
        sink: &mut Sink<'_>,
        make: &mut dyn FnMut(usize, &Labels, &HistogramAt<'_>, &mut dyn FnMut(&Labels, f64) -> Done) -> Done,
    ) -> Done {
        let held = self.collect(vector, grid)?;
        let (keys, families) = self.group_buckets(&held, vector.span);
        let mut merger = Merger::default();
        let mut buckets = Vec::new();
        // Steps of one histogram go into the same row.
        let mut last: Option<(Labels, usize)> = None;
        for (key, family) in keys.iter().zip(&families) {
            self.budget.check()?;
            for step in 0..grid.count {
                classic_buckets(&held.rows, family, step, &mut buckets);
                let mut put = |labels: &Labels, value: f64| {
                    let place = match &last {
                        Some((known, place)) if known == labels => *place,
                        _ => {
                            let shown = without_metadata_unless(labels, self.options.delayed_names);
                            let place = merger.place(self, &shown, true, grid.count)?;
                            last = Some((labels.clone(), place));
                            place
                        }
                    };
                    let row = &mut merger.held.rows[place];
                    if row.cells.is_present(step) {
                        return failed(SAME_LABELS);
                    }
                    row.cells.set_float(step, value);
                    Ok(())
                };
                let mut classic = !buckets.is_empty();
                for row in family.whole.iter().map(|place| &held.rows[*place]) {
                    let Some(Cell::Histogram(histogram)) = row.cells.get(step) else { continue };
                    if key_of(&row.labels) == *key && !buckets.is_empty() && row.labels.get(LE).is_none() {
                        let metric = self.told_metric(&row.labels).to_owned();
                        self.note(Note::MixedClassicNativeHistograms { metric }, vector.span);
                        classic = false;
                        continue;
                    }
                    make(step, &row.labels, &HistogramAt::Whole(histogram), &mut put)?;
                }
                if classic {
                    make(step, key, &HistogramAt::Classic(&buckets), &mut put)?;
                }
            }
        }
        merger.held.rows.into_iter().try_for_each(sink)
    }

    /// Rows by their labels but `le`. A number whose `le` is none is left out, with a remark.
    fn group_buckets(&self, held: &RowSet, place: Span) -> (Vec<Labels>, Vec<BucketSet>) {
        let mut places: HashMap<Labels, usize, FxBuildHasher> = HashMap::default();
        let (mut keys, mut families): (Vec<Labels>, Vec<BucketSet>) = (Vec::new(), Vec::new());
        for (index, row) in held.rows.iter().enumerate() {
            let key = key_of(&row.labels);
            let family = *places.entry(key.clone()).or_insert_with(|| {
                keys.push(key);
                families.push(BucketSet::default());
                families.len() - 1
            });
            if row.cells.has_histograms() {
                families[family].whole.push(index);
            }
            let has_float = row.cells.present().any(|(_, cell)| matches!(cell, Cell::Float(_)));
            if !has_float {
                continue;
            }
            let bound = row.labels.get(LE).unwrap_or_default();
            match go_parse_float(bound) {
                Some(upper) => families[family].buckets.push((index, upper)),
                None => {
                    let metric = self.told_metric(&row.labels).to_owned();
                    self.note(Note::BadBucketLabel { metric, label: bound.to_owned() }, place);
                }
            }
        }
        // Each step finds them in order. With a bound that is no number there is none.
        for family in families.iter_mut().filter(|family| family.buckets.iter().all(|(_, upper)| !upper.is_nan())) {
            family.buckets.sort_by(|a, b| a.1.total_cmp(&b.1));
        }
        (keys, families)
    }
}

/// What buckets of one histogram have in common.
fn key_of(labels: &Labels) -> Labels {
    keep(labels, |label| &*label.name != LE)
}

fn classic_buckets(rows: &[Row], family: &BucketSet, step: usize, buckets: &mut Vec<ClassicBucket>) {
    buckets.clear();
    buckets.extend(family.buckets.iter().filter_map(|(place, upper)| match rows[*place].cells.get(step) {
        Some(Cell::Float(count)) => Some(ClassicBucket { upper: *upper, count }),
        _ => None,
    }));
}

/// A number as Go's `strconv.ParseFloat` reads it, as far as senders write bounds.
fn go_parse_float(text: &str) -> Option<f64> {
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    match plain.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        "nan" => return if plain.len() == text.len() { Some(f64::NAN) } else { None },
        _ => {}
    }
    text.parse().ok()
}

/// As OpenMetrics writes numbers in labels: whole ones with a decimal, zero without a sign.
fn open_metrics_float(value: f64) -> String {
    let text = go_float(value + 0.0);
    if value.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}
