//! What was deleted, and is still in files.

use std::collections::HashMap;

use crate::part::{Column, Part};
use crate::{Exemplar, SeriesId};

/// Ranges of time that were deleted of series, of a file that was written before. They are gone when the file is merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tombstones(HashMap<SeriesId, Vec<(i64, i64)>>);

impl Tombstones {
    /// Of series, with the first and the last millisecond since 1970 that was deleted.
    pub fn new(deleted: impl IntoIterator<Item = (SeriesId, i64, i64)>) -> Self {
        let mut ranges: HashMap<SeriesId, Vec<(i64, i64)>> = HashMap::new();
        for (id, first_ms, last_ms) in deleted {
            ranges.entry(id).or_default().push((first_ms, last_ms));
        }
        Self(ranges)
    }

    /// Whether nothing was deleted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, id: SeriesId) -> &[(i64, i64)] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Takes out of parts what was deleted.
    pub(crate) fn apply(&self, id: SeriesId, parts: Vec<Part>) -> Vec<Part> {
        let ranges = self.of(id);
        if ranges.is_empty() {
            return parts;
        }
        parts.into_iter().filter_map(|part| without(part, ranges)).collect()
    }

    /// Takes out of exemplars what was deleted.
    pub(crate) fn apply_to(&self, id: SeriesId, exemplars: &mut Vec<Exemplar>) {
        let ranges = self.of(id);
        exemplars.retain(|exemplar| !is_in(ranges, exemplar.time_ms));
    }
}

fn is_in(ranges: &[(i64, i64)], time_ms: i64) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&time_ms))
}

/// None if nothing is left.
fn without(part: Part, ranges: &[(i64, i64)]) -> Option<Part> {
    let left: Vec<usize> = (0..part.times.len()).filter(|at| !is_in(ranges, part.times[*at])).collect();
    if left.len() == part.times.len() {
        return Some(part);
    }
    let Part { times, values, starts, .. } = part;
    let values = match values {
        Column::Floats(values) => Column::Floats(left.iter().map(|at| values[*at]).collect()),
        Column::Histograms(values) => Column::Histograms(left.iter().map(|at| values[*at].clone()).collect()),
    };
    let starts = starts.map(|starts| left.iter().map(|at| starts[*at]).collect());
    let times = left.iter().map(|at| times[*at]).collect();
    (!left.is_empty()).then_some(Part { key: None, times, values, starts })
}
