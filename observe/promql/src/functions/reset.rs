//! Resets that are known from the times at which totals began.

use super::window::RangeCall;
use crate::annotations::{Annotations, Detail, Note};

/// Whether the total of a sample began behind the sample before it, which is a reset. `starts` may be empty; a start of 0, or one that is
/// not before its own sample, says nothing.
pub fn is_start_reset(times: &[i64], starts: &[i64], place: usize) -> bool {
    let Some(before) = place.checked_sub(1) else { return false };
    let (Some(&start), Some(&start_before)) = (starts.get(place), starts.get(before)) else { return false };
    let (time, time_before) = (times[place], times[before]);
    if start == 0 || start >= time || start < time_before {
        return false;
    }
    if start > time_before {
        return true;
    }
    // It began at the sample before: points are differences, unless that one's start is not known or no sensible one.
    start_before <= time_before && start_before != 0 && start_before != time_before
}

/// Says so, once, if a total began before the sample before it, but not where that one's began.
pub fn note_overlap(times: &[i64], starts: &[i64], call: &RangeCall<'_>, notes: &mut Annotations) {
    let overlaps = |place: usize| {
        let (start, start_before) = (starts[place], starts[place - 1]);
        start != 0 && start < times[place - 1] && start != start_before
    };
    if (1..starts.len().min(times.len())).any(overlaps) {
        notes.add_with(Note::StartTimeOverlap { metric: call.metric.to_owned() }, call.span, Detail::Times(1));
    }
}
