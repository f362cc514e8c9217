//! Functions over ranges of numbers that need not look at each sample once for each step: all steps of a series in one pass. The values
//! are to the bit those that the function has for each window alone.

use std::collections::VecDeque;

use crate::functions::{Change, Coverage};
use crate::run::cells::Cells;

/// Values of which a reset is looked for together.
const TOGETHER: usize = 64;

/// How a function goes over all windows of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnePass {
    /// `rate`, `increase`, `delta`.
    Change(Change),
    /// `min_over_time`, `max_over_time`.
    Extreme { greatest: bool },
    /// `last_over_time`.
    Last,
    /// `count_over_time`.
    Count,
}

impl OnePass {
    /// That of a function; none if it has to be given each window.
    pub fn of(function: &str) -> Option<Self> {
        Some(match function {
            "rate" => Self::Change(Change::Rate),
            "increase" => Self::Change(Change::Increase),
            "delta" => Self::Change(Change::Delta),
            "min_over_time" => Self::Extreme { greatest: false },
            "max_over_time" => Self::Extreme { greatest: true },
            "last_over_time" => Self::Last,
            "count_over_time" => Self::Count,
            _ => return None,
        })
    }

    /// The values of a series in all windows. `places` are the windows, `coverages` where their samples lie, which changes need.
    pub fn cells(self, bits: &[u64], places: &[(usize, usize)], coverages: Option<&Coverages>) -> Cells {
        if let (Self::Change(change), Some(coverages)) = (self, coverages) {
            return changes(change, bits, places, coverages);
        }
        let mut cells = Cells::absent(places.len());
        match self {
            Self::Change(_) => {}
            Self::Extreme { greatest } => extremes(greatest, bits, places, &mut cells),
            Self::Last => filled(places, &mut cells, |_, to| f64::from_bits(bits[to - 1])),
            Self::Count => filled(places, &mut cells, |from, to| (to - from) as f64),
        }
        cells
    }
}

fn filled(places: &[(usize, usize)], cells: &mut Cells, value: impl Fn(usize, usize) -> f64) {
    for (step, &(from, to)) in places.iter().enumerate().filter(|(_, (from, to))| from < to) {
        cells.set_float(step, value(from, to));
    }
}

/// Where the samples of all windows lie.
pub(super) struct Coverages {
    /// Of windows with two samples at least; and the usual factor, divided.
    of_steps: Vec<Option<(Coverage, f64)>>,
    divisor: f64,
    /// Whether all have.
    is_complete: bool,
}

impl Coverages {
    /// For a change in windows of so many seconds.
    pub fn new(change: Change, range_seconds: f64, of_steps: impl Iterator<Item = Option<Coverage>>) -> Self {
        let divisor = if change == Change::Rate { range_seconds } else { 1.0 };
        let divided = |coverage: Coverage| (coverage, coverage.usual_factor() / divisor);
        let of_steps: Vec<_> = of_steps.map(|coverage| coverage.map(divided)).collect();
        let is_complete = of_steps.iter().all(Option::is_some);
        Self { of_steps, divisor, is_complete }
    }
}

/// Finds where a counter was reset once, and not once for each window.
fn changes(change: Change, bits: &[u64], places: &[(usize, usize)], coverages: &Coverages) -> Cells {
    let is_counter = change.is_counter();
    let value = |place: usize| f64::from_bits(bits[place]);
    let resets = if is_counter { resets(bits) } else { Vec::new() };
    let mut next = 0;
    let mut of_window = |(from, to): (usize, usize), (coverage, usual): &(Coverage, f64)| {
        let first = value(from);
        let mut result = value(to - 1) - first;
        // Windows only move on.
        while resets.get(next).is_some_and(|place| *place <= from) {
            next += 1;
        }
        for place in resets[next..].iter().take_while(|place| **place < to) {
            result += value(place - 1);
        }
        if Coverage::may_reach_zero(is_counter, first, result) {
            result * (coverage.factor(is_counter, first, result) / coverages.divisor)
        } else {
            result * usual
        }
    };
    let steps = places.iter().zip(&coverages.of_steps);
    if coverages.is_complete {
        let mut floats = Vec::with_capacity(places.len());
        floats.extend(steps.filter_map(|(place, coverage)| Some(of_window(*place, coverage.as_ref()?))));
        return Cells::floats(floats);
    }
    let mut cells = Cells::absent(places.len());
    for (step, (place, coverage)) in steps.enumerate() {
        if let Some(coverage) = coverage {
            cells.set_float(step, of_window(*place, coverage));
        }
    }
    cells
}

/// Places of values that are less than those before them. There are hardly any: many are looked at together.
fn resets(bits: &[u64]) -> Vec<usize> {
    let mut places = Vec::new();
    for begin in (1..bits.len()).step_by(TOGETHER) {
        let end = (begin + TOGETHER).min(bits.len());
        let is_less = |before: &u64, value: &u64| f64::from_bits(*value) < f64::from_bits(*before);
        let pairs = || bits[begin - 1..end - 1].iter().zip(&bits[begin..end]);
        if pairs().fold(false, |any, (before, value)| any | is_less(before, value)) {
            places.extend(pairs().zip(begin..).filter(|((before, value), _)| is_less(before, value)).map(|(_, at)| at));
        }
    }
    places
}

/// Keeps those values only that may become the greatest, or the least, of a later window: a queue in which they fall, or rise.
fn extremes(greatest: bool, bits: &[u64], places: &[(usize, usize)], cells: &mut Cells) {
    let value = |place: usize| f64::from_bits(bits[place]);
    let better = |a: f64, b: f64| if greatest { a > b } else { a < b };
    let mut queue: VecDeque<usize> = VecDeque::new();
    let mut seen = 0;
    for (step, &(from, to)) in places.iter().enumerate() {
        for place in seen.max(from)..to {
            let new = value(place);
            if !new.is_nan() {
                while queue.back().is_some_and(|last| better(new, value(*last))) {
                    queue.pop_back();
                }
                queue.push_back(place);
            }
        }
        seen = seen.max(to);
        while queue.front().is_some_and(|first| *first < from) {
            queue.pop_front();
        }
        if from < to {
            // What is no number counts only where nothing else is.
            cells.set_float(step, queue.front().map_or(value(from), |place| value(*place)));
        }
    }
}
