//! Series at instants.

use vitrine_observe_series::{Select, Selection, SeriesSamples, Value, Values, is_stale};

use crate::plan::Selector;

use super::by_times::ByTimes;
use super::cells::{Cells, Row};
use super::grid::Grid;
use super::stats::stats_only;
use super::{Done, Run, Sink};

/// Says that no sample is meant.
const NONE: u32 = u32::MAX;

/// What is taken of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Its value.
    Value,
    /// Its time, in seconds.
    Time,
    /// Its time, in seconds, if it is a number; histograms are taken as they are.
    TimeOfFloat,
    /// The time at which its total began, in seconds; 0 where it is not known.
    Start,
}

/// Which sample each step looks at. Series that share their times share it.
pub(super) struct Lookups {
    places: Vec<u32>,
    /// Whether each step has one.
    is_complete: bool,
}

impl Lookups {
    /// Places of the last samples that are not later than a step's instant, and later than the lookback before it.
    fn of(times: &[i64], selector: &Selector, grid: &Grid, lookback_ms: i64) -> Self {
        let mut places = Vec::with_capacity(grid.count);
        let mut behind = 0;
        for time in grid.times() {
            let instant = selector.instant(time);
            while times.get(behind).is_some_and(|t| *t <= instant) {
                behind += 1;
            }
            let found = behind.checked_sub(1).filter(|i| times[*i] > instant.saturating_sub(lookback_ms));
            places.push(found.and_then(|i| u32::try_from(i).ok()).unwrap_or(NONE));
        }
        let is_complete = !places.contains(&NONE);
        Self { places, is_complete }
    }
}

impl Run<'_> {
    /// Series that a selector names, with their samples in a range that is open on the left. An error where what becomes of them cannot be
    /// kept, before a sample is read.
    pub(super) fn open(&self, selector: &Selector, after_ms: i64, until_ms: i64) -> Done<Box<dyn Selection>> {
        let select = Select { matchers: selector.matchers.clone(), after_ms, until_ms };
        let selection = self.source.select(&select, self.budget)?;
        self.check_expected(selection.series())?;
        Ok(selection)
    }

    /// Gives each series to `take`, with its place in the selection.
    pub(super) fn each_series(
        &self,
        selection: &mut dyn Selection,
        mut take: impl FnMut(&dyn Selection, &SeriesSamples) -> Done,
    ) -> Done {
        while let Some(block) = selection.next_block()? {
            self.budget.check()?;
            for series in &block {
                take(&*selection, series)?;
            }
        }
        Ok(())
    }

    /// Series at each step.
    pub(super) fn select(&self, selector: &Selector, grid: &Grid, take: Take, sink: &mut Sink<'_>) -> Done {
        let lookback_ms = self.options.lookback_ms;
        let after_ms = selector.instant(grid.start_ms).saturating_sub(lookback_ms);
        let mut selection = self.open(selector, after_ms, selector.instant(grid.last_ms()))?;
        let _memory = self.reserve_steps(1, grid)?;
        let mut known = ByTimes::new(grid.count);
        self.each_series(&mut *selection, |selection, series| {
            let lookups = known.get(&series.times, || Lookups::of(&series.times, selector, grid, lookback_ms));
            let cells = match stats_only(selector, series) {
                Some(series) => looked_up(&series, lookups, take),
                None => looked_up(series, lookups, take),
            };
            if !cells.any() {
                return Ok(());
            }
            sink(Row { labels: selection.series()[series.series].labels.clone(), drop_name: false, cells })
        })
    }
}

/// The values at these places; none where the series has ended.
fn looked_up(series: &SeriesSamples, lookups: &Lookups, take: Take) -> Cells {
    let places = &lookups.places;
    if let (Values::Floats(bits), Take::Value, true) = (&series.values, take, lookups.is_complete) {
        let mut any_stale = false;
        let value = |place: &u32| {
            let bits = bits[*place as usize];
            any_stale |= is_stale(bits);
            f64::from_bits(bits)
        };
        let floats = places.iter().map(value).collect();
        if !any_stale {
            return Cells::floats(floats);
        }
    }
    let mut cells = Cells::absent(places.len());
    if let (Values::Floats(bits), Take::Value) = (&series.values, take) {
        for (step, place) in places.iter().enumerate().filter(|(_, place)| **place != NONE) {
            let bits = bits[*place as usize];
            if !is_stale(bits) {
                cells.set_float(step, f64::from_bits(bits));
            }
        }
        return cells;
    }
    for (step, place) in places.iter().enumerate().filter(|(_, place)| **place != NONE) {
        let place = *place as usize;
        let histogram = match &series.values {
            Values::Floats(bits) => Err(bits[place]),
            Values::Histograms(histograms) => Ok(&histograms[place]),
            Values::Mixed(values) => match &values[place] {
                Value::Float(bits) => Err(*bits),
                Value::Histogram(histogram) => Ok(histogram),
            },
        };
        let stale = match histogram {
            Ok(histogram) => is_stale(histogram.sum.to_bits()),
            Err(bits) => is_stale(bits),
        };
        if stale {
            continue;
        }
        let seconds = |ms: i64| ms as f64 / 1000.0;
        match (take, histogram) {
            (Take::Value | Take::TimeOfFloat, Ok(histogram)) => cells.set_histogram(step, histogram.clone()),
            (Take::Value, Err(bits)) => cells.set_float(step, f64::from_bits(bits)),
            (Take::Time | Take::TimeOfFloat, _) => cells.set_float(step, seconds(series.times[place])),
            (Take::Start, _) => {
                let start = series.starts.as_ref().map_or(0, |starts| starts[place]);
                cells.set_float(step, seconds(start));
            }
        }
    }
    cells
}
