//! Series that meet conditions, and their samples block by block.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::part::{Column, Joined, Part, SourceNumber, TimesCache, join};
use crate::source::{PartReader, Source, ViewInfo};
use crate::{
    Budget, Histogram, Label, MetricType, Projection, QueryError, Reservation, STALE, Select, Selection, SeriesId,
    SeriesInfo, SeriesSamples, Temporality, Values,
};

/// Series of a block.
const BLOCK_SERIES: usize = 256;
/// Bytes of a block, after which it ends: so few that they are still in the processor's cache when they are looked at.
const BLOCK_BYTES: usize = 256 << 10;
/// Labels of a series that there is room made for before they are read.
const LABELS: usize = 8;
/// Times are kept for later series up to so many bytes; then they are read again.
const TIMES_BYTES: usize = 4 << 20;

/// Where a selected series has samples.
#[derive(Debug, Clone, Copy)]
struct Location {
    source: SourceNumber,
    series: u32,
    id: SeriesId,
    projection: Projection,
}

/// Series that were selected from several sources.
pub(crate) struct Selected {
    infos: Vec<SeriesInfo>,
    locations: Vec<Vec<Location>>,
    readers: Vec<Option<Box<dyn PartReader>>>,
    range: (i64, i64),
    next: usize,
    times: TimesCache,
    budget: Arc<Budget>,
    /// Of the block that was returned last.
    in_block: Reservation,
    /// Of the series.
    _entries: Vec<Reservation>,
}

/// A series that was found, and where.
type Entry = (SeriesInfo, Vec<Location>);

/// Finds series. Those of several sources are one by their id; different ones with the same labels are one to whoever asks.
pub(crate) fn select(
    sources: &[Arc<dyn Source>],
    select: &Select,
    budget: &Arc<Budget>,
) -> Result<Selected, QueryError> {
    let (mut entries, reserved) = entries(sources, select, budget)?;
    entries.sort_by(|one, other| one.0.labels.cmp(&other.0.labels));
    entries.dedup_by(|later, earlier| {
        let is_same = later.0.labels == earlier.0.labels;
        if is_same {
            earlier.1.append(&mut later.1);
        }
        is_same
    });
    let mut wanted: Vec<Vec<u32>> = vec![Vec::new(); sources.len()];
    for (_, locations) in &mut entries {
        locations.sort_by_key(|location| location.source);
        locations.iter().for_each(|location| wanted[location.source as usize].push(location.series));
    }
    let readers = sources.iter().zip(&wanted).enumerate().map(|(number, (source, series))| {
        (!series.is_empty()).then(|| source.clone().reader(number as SourceNumber, series))
    });
    let readers = readers.collect();
    let (infos, locations): (Vec<SeriesInfo>, Vec<Vec<Location>>) = entries.into_iter().unzip();
    let range = (select.after_ms, select.until_ms);
    let times = TimesCache::default();
    let in_block = budget.reserve(0)?;
    let budget = budget.clone();
    Ok(Selected { infos, locations, readers, range, next: 0, times, budget, in_block, _entries: reserved })
}

/// Each series once, with what memory it takes.
fn entries(
    sources: &[Arc<dyn Source>],
    select: &Select,
    budget: &Arc<Budget>,
) -> Result<(Vec<Entry>, Vec<Reservation>), QueryError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut known: HashMap<(SeriesId, Projection), usize> = HashMap::new();
    let mut reserved = Vec::new();
    // The newest labels of a series count.
    for (number, source) in sources.iter().enumerate().rev() {
        budget.check()?;
        if !source.overlaps(select.after_ms.saturating_add(1), select.until_ms) {
            continue;
        }
        let chosen = source.resolve(&select.matchers)?;
        // Before there is room made for them.
        reserved.push(budget.reserve(chosen.len() as usize * size_of::<Location>())?);
        let _infos = budget.reserve(chosen.len() as usize * size_of::<ViewInfo>())?;
        let views = source.views(&chosen)?;
        let (mut fresh, mut at) = (Vec::new(), Vec::new());
        for view in &views {
            let next = entries.len() + fresh.len();
            let entry = *known.entry((view.id, view.projection)).or_insert(next);
            if entry == next {
                fresh.push(view.view);
            }
            at.push((entry, view));
        }
        reserved.push(budget.reserve(fresh.len() * (size_of::<Entry>() + LABELS * size_of::<Label>()))?);
        budget.check()?;
        let labels = source.labels(&fresh)?;
        let more: usize = labels.iter().map(|labels| labels.len().saturating_sub(LABELS) * size_of::<Label>()).sum();
        reserved.push(budget.reserve(more)?);
        entries.extend(labels.into_iter().map(|labels| {
            (SeriesInfo { labels, kind: MetricType::Unknown, temporality: Temporality::Cumulative }, Vec::new())
        }));
        for (entry, view) in at {
            let (info, locations) = &mut entries[entry];
            if locations.is_empty() {
                (info.kind, info.temporality) = (view.kind, view.temporality);
            }
            let (source, projection) = (number as SourceNumber, view.projection);
            locations.push(Location { source, series: view.series, id: view.id, projection });
        }
    }
    Ok((entries, reserved))
}

impl Selected {
    fn samples(&mut self, number: usize) -> Result<Joined, QueryError> {
        let mut parts = Vec::new();
        for location in &self.locations[number] {
            let reader =
                self.readers[location.source as usize].as_mut().expect("there is one for each source that is named");
            let found = reader.parts((location.series, location.id), self.range, &mut self.times)?;
            parts.extend(found.into_iter().filter_map(|part| project(part, location.projection)));
        }
        Ok(join(parts, &mut self.times))
    }
}

/// What is shown of a part; none if that is nothing.
fn project(part: Part, projection: Projection) -> Option<Part> {
    let Part { key, times, values, starts } = part;
    let values = match (projection, values) {
        (Projection::Whole, values) => values,
        (_, Column::Floats(_)) => return None,
        (_, Column::Histograms(histograms)) => {
            let shown = |histogram: &Arc<Histogram>| projection.of(histogram).unwrap_or(STALE);
            Column::Floats(histograms.iter().map(shown).collect())
        }
    };
    Some(Part { key, times, values, starts })
}

/// Memory of what a block has of one series, without times that are shared.
fn bytes(joined: &Joined) -> usize {
    let values = match &joined.values {
        Values::Floats(values) => size_of_val(&values[..]),
        Values::Histograms(values) => values.iter().map(|histogram| histogram.bytes()).sum(),
        Values::Mixed(values) => values.len() * size_of::<Histogram>(),
    };
    values + joined.starts.as_ref().map_or(0, |starts| size_of_val(&**starts)) + size_of::<SeriesSamples>()
}

impl Selection for Selected {
    fn series(&self) -> &[SeriesInfo] {
        &self.infos
    }

    fn next_block(&mut self) -> Result<Option<Vec<SeriesSamples>>, QueryError> {
        self.in_block = self.budget.reserve(0)?;
        if self.times.bytes() > TIMES_BYTES {
            self.times = TimesCache::default();
        }
        let (mut block, mut taken) = (Vec::new(), 0);
        while self.next < self.infos.len() && block.len() < BLOCK_SERIES && taken < BLOCK_BYTES {
            self.budget.check()?;
            let series = self.next;
            self.next += 1;
            let joined = self.samples(series)?;
            if joined.times.is_empty() {
                continue;
            }
            self.budget.read_samples(joined.times.len() as u64)?;
            taken += bytes(&joined);
            let Joined { times, values, starts } = joined;
            block.push(SeriesSamples { series, times, values, starts });
        }
        self.in_block = self.budget.reserve(taken + self.times.bytes())?;
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}
