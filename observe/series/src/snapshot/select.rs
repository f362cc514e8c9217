//! Series that meet conditions, and their samples block by block.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::part::{Column, Joined, Part, SourceNumber, TimesCache, join};
use crate::source::{PartReader, Source, ViewInfo};
use crate::{
    Budget, Histogram, Label, Projection, QueryError, Reservation, STALE, Select, Selection, SeriesId, SeriesInfo,
    SeriesSamples, Values,
};

/// Series of a block.
const BLOCK_SERIES: usize = 256;
/// Bytes of a block, after which it ends.
const BLOCK_BYTES: usize = 8 << 20;
/// Times are kept for later series up to so many bytes; then they are read again.
const TIMES_BYTES: usize = 4 << 20;

/// Where a selected series has samples.
#[derive(Debug, Clone, Copy)]
struct Place {
    source: SourceNumber,
    series: u32,
    id: SeriesId,
    projection: Projection,
}

/// Series that were selected from several sources.
pub(crate) struct Selected {
    infos: Vec<SeriesInfo>,
    places: Vec<Vec<Place>>,
    readers: Vec<Option<Box<dyn PartReader>>>,
    range: (i64, i64),
    next: usize,
    times: TimesCache,
    budget: Arc<Budget>,
    /// Of the labels; of the block that was returned last.
    reservations: [Reservation; 2],
}

/// Finds series. Those of several sources are one by their id; different ones with the same labels are one to whoever asks.
pub(crate) fn select(
    sources: &[Arc<dyn Source>],
    select: &Select,
    budget: &Arc<Budget>,
) -> Result<Selected, QueryError> {
    let mut entries: Vec<(SeriesInfo, Vec<Place>)> = Vec::new();
    let mut known: HashMap<(SeriesId, Projection), usize> = HashMap::new();
    let mut reserved = Vec::new();
    // The newest labels of a series count.
    for (number, source) in sources.iter().enumerate().rev() {
        budget.check()?;
        if !source.overlaps(select.after_ms.saturating_add(1), select.until_ms) {
            continue;
        }
        let views = source.views(&source.resolve(&select.matchers)?)?;
        let (mut fresh, mut at) = (Vec::new(), Vec::new());
        for view in &views {
            let next = entries.len() + fresh.len();
            let entry = *known.entry((view.id, view.projection)).or_insert(next);
            if entry == next {
                fresh.push(*view);
            }
            at.push(entry);
        }
        let labels = source.labels(&fresh.iter().map(|view| view.view).collect::<Vec<u32>>())?;
        let bytes = labels.iter().map(|labels| labels.len() * size_of::<Label>()).sum::<usize>();
        reserved.push(budget.reserve(bytes + fresh.len() * size_of::<(SeriesInfo, Vec<Place>)>())?);
        entries.extend(
            fresh.iter().zip(labels).map(|(view, labels)| {
                (SeriesInfo { labels, kind: view.kind, temporality: view.temporality }, Vec::new())
            }),
        );
        for (view, entry) in views.iter().zip(at) {
            entries[entry].1.push(place(number, view));
        }
    }
    drop(known);
    entries.sort_by(|one, other| one.0.labels.cmp(&other.0.labels));
    entries.dedup_by(|later, earlier| {
        let is_same = later.0.labels == earlier.0.labels;
        if is_same {
            earlier.1.append(&mut later.1);
        }
        is_same
    });
    let mut wanted: Vec<Vec<u32>> = vec![Vec::new(); sources.len()];
    for (_, places) in &mut entries {
        places.sort_by_key(|place| place.source);
        places.iter().for_each(|place| wanted[place.source as usize].push(place.series));
    }
    let readers = sources.iter().zip(&wanted).enumerate().map(|(number, (source, series))| {
        (!series.is_empty()).then(|| source.clone().reader(number as SourceNumber, series))
    });
    let readers = readers.collect();
    let (infos, places): (Vec<SeriesInfo>, Vec<Vec<Place>>) = entries.into_iter().unzip();
    let bytes = infos.iter().map(|info| info.labels.len() * size_of::<Label>()).sum::<usize>();
    drop(reserved);
    let reservations = [
        budget.reserve(bytes + infos.len() * (size_of::<(SeriesInfo, Vec<Place>)>() + size_of::<Place>()))?,
        budget.reserve(0)?,
    ];
    let range = (select.after_ms, select.until_ms);
    let times = TimesCache::default();
    Ok(Selected { infos, places, readers, range, next: 0, times, budget: budget.clone(), reservations })
}

fn place(source: usize, view: &ViewInfo) -> Place {
    Place { source: source as SourceNumber, series: view.series, id: view.id, projection: view.projection }
}

impl Selected {
    fn samples(&mut self, number: usize) -> Result<Joined, QueryError> {
        let mut parts = Vec::new();
        for place in &self.places[number] {
            let reader = self.readers[place.source as usize].as_mut().expect("there is one for each place");
            let found = reader.parts((place.series, place.id), self.range, &mut self.times)?;
            parts.extend(found.into_iter().filter_map(|part| project(part, place.projection)));
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
        Values::Floats(values) => size_of_val(&**values),
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
        self.reservations[1] = self.budget.reserve(0)?;
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
        self.reservations[1] = self.budget.reserve(taken + self.times.bytes())?;
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}
