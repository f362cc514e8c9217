//! How histograms change over a range, after Prometheus's `histogramRate`.

use vitrine_observe_series::{CounterReset, Histogram};

use super::reset::{is_start_reset, note_overlap};
use super::window::{Histograms, RangeCall};
use crate::annotations::{Annotations, Combining, Note};
use crate::histogram::{
    Combined, IncompatibleSchemas, add, compact, is_reset, reduce_resolution, subtract, uses_custom_buckets,
};

/// What was said of a sum or a difference is told; returns whether there is one.
fn noted(
    combined: Result<Combined, IncompatibleSchemas>,
    combining: Combining,
    call: &RangeCall<'_>,
    notes: &mut Annotations,
) -> bool {
    match combined {
        Ok(Combined { bounds_reconciled: true, .. }) => {
            notes.add(Note::MismatchedCustomBuckets(combining), call.span);
            true
        }
        Ok(_) => true,
        Err(IncompatibleSchemas) => {
            notes.add(mixed_schemas(call), call.span);
            false
        }
    }
}

/// Adds a histogram and says what is worth a remark. Returns whether that was possible.
pub fn add_noted(sum: &mut Histogram, other: &Histogram, call: &RangeCall<'_>, notes: &mut Annotations) -> bool {
    noted(add(sum, other), Combining::Addition, call, notes)
}

/// Subtracts a histogram and says what is worth a remark. Returns whether that was possible.
pub fn subtract_noted(rest: &mut Histogram, other: &Histogram, call: &RangeCall<'_>, notes: &mut Annotations) -> bool {
    noted(subtract(rest, other), Combining::Subtraction, call, notes)
}

/// Exponential and custom buckets together.
pub fn mixed_schemas(call: &RangeCall<'_>) -> Note {
    Note::MixedExponentialCustomHistograms { metric: call.metric.to_owned() }
}

/// A gauge histogram where a counter is expected.
pub fn not_counter(call: &RangeCall<'_>) -> Note {
    Note::NativeHistogramNotCounter { metric: call.metric.to_owned() }
}

/// A counter histogram where a gauge is expected.
pub fn not_gauge(call: &RangeCall<'_>) -> Note {
    Note::NativeHistogramNotGauge { metric: call.metric.to_owned() }
}

/// The difference between the last histogram and the first, of which there are two or more, plus what was lost by resets of a counter.
pub fn histogram_increase(
    is_counter: bool,
    call: &RangeCall<'_>,
    histograms: &Histograms<'_>,
    notes: &mut Annotations,
) -> Option<Histogram> {
    let values = &histograms.values;
    let (first, second, last) = (&*values[0], &*values[1], &*values[values.len() - 1]);
    let is_gauge = |histogram: &Histogram| histogram.reset == CounterReset::Gauge;
    // Where buckets prove to be of both kinds, Prometheus says only that.
    let mut own = Annotations::default();
    if is_counter && (is_gauge(first) || is_gauge(last)) {
        own.add(not_counter(call), call.span);
    }
    let reset_at_once =
        is_counter && (is_start_reset(&histograms.times, &histograms.starts, 1) || is_reset(second, first));
    // What was before a reset does not matter, nor which buckets it had.
    let nothing =
        Histogram { schema: second.schema, custom_bounds: second.custom_bounds.clone(), ..Histogram::default() };
    let base = if reset_at_once { &nothing } else { first };
    let custom = uses_custom_buckets(base);
    if uses_custom_buckets(last) != custom {
        own.add(mixed_schemas(call), call.span);
        notes.merge(own);
        return None;
    }
    let mut schema = last.schema.min(base.schema);
    if is_counter {
        for histogram in &values[1..values.len() - 1] {
            if is_gauge(histogram) {
                own.add(not_counter(call), call.span);
            }
            schema = schema.min(histogram.schema);
            if uses_custom_buckets(histogram) != custom {
                notes.add(mixed_schemas(call), call.span);
                return None;
            }
        }
    }
    let mut result = last.clone();
    reduce_resolution(&mut result, schema);
    if !subtract_noted(&mut result, base, call, &mut own) {
        notes.add(mixed_schemas(call), call.span);
        return None;
    }
    if is_counter {
        note_overlap(&histograms.times, &histograms.starts, call, &mut own);
        let mut before = base;
        for (place, now) in values.iter().enumerate().skip(1) {
            let reset = is_start_reset(&histograms.times, &histograms.starts, place) || is_reset(now, before);
            if reset && !add_noted(&mut result, before, call, &mut own) {
                notes.add(mixed_schemas(call), call.span);
                return None;
            }
            before = now;
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        own.add(not_gauge(call), call.span);
    }
    notes.merge(own);
    result.reset = CounterReset::Gauge;
    compact(&mut result);
    Some(result)
}
