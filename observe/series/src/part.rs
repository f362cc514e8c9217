//! Samples of one series from one place, and how those of several places become one.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::{Histogram, Value, Values};

/// A head or a file, by its place in what is asked: later ones were written later.
pub(crate) type SourceNumber = u32;

/// Times that several series may share: a part of a clock of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TimesKey {
    pub source: SourceNumber,
    pub clock: u32,
    pub first: u32,
    pub end: u32,
}

/// Times that were read, so that series with the same times share them.
#[derive(Debug, Default)]
pub(crate) struct TimesCache {
    single: HashMap<TimesKey, Arc<[i64]>, FxBuildHasher>,
    joined: HashMap<Vec<TimesKey>, Arc<[i64]>, FxBuildHasher>,
    bytes: usize,
}

/// What an entry of the cache takes beside its times.
const ENTRY_BYTES: usize = size_of::<TimesKey>() + 2 * size_of::<Arc<[i64]>>();

/// Values in order of time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    Floats(Vec<u64>),
    Histograms(Vec<Arc<Histogram>>),
}

/// Samples of one series from one place, with times that rise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// Which times they are, if others may have the same.
    pub key: Option<TimesKey>,
    pub times: Arc<[i64]>,
    pub values: Column,
    pub starts: Option<Vec<i64>>,
}

/// All samples of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Joined {
    pub times: Arc<[i64]>,
    pub values: Values,
    pub starts: Option<Arc<[i64]>>,
}

impl TimesCache {
    /// The times of a key, which are read if they were not yet.
    pub(crate) fn get(&mut self, key: TimesKey, read: impl FnOnce() -> Arc<[i64]>) -> Arc<[i64]> {
        let Ok(times) = self.try_get(key, || Ok::<_, std::convert::Infallible>(read()));
        times
    }

    /// The same, where reading may fail.
    pub(crate) fn try_get<E>(
        &mut self,
        key: TimesKey,
        read: impl FnOnce() -> Result<Arc<[i64]>, E>,
    ) -> Result<Arc<[i64]>, E> {
        if let Some(times) = self.single.get(&key) {
            return Ok(times.clone());
        }
        let times = read()?;
        self.bytes += size_of_val(&*times) + ENTRY_BYTES;
        self.single.insert(key, times.clone());
        Ok(times)
    }

    /// Times of parts that follow each other.
    fn join(&mut self, parts: &[Part]) -> Arc<[i64]> {
        let joined = || parts.iter().flat_map(|part| part.times.iter().copied()).collect();
        let Some(keys) = parts.iter().map(|part| part.key).collect::<Option<Vec<TimesKey>>>() else { return joined() };
        if let Some(times) = self.joined.get(&keys) {
            return times.clone();
        }
        let times: Arc<[i64]> = joined();
        self.bytes += size_of_val(&*times) + (keys.len() + 1) * ENTRY_BYTES;
        self.joined.insert(keys, times.clone());
        times
    }

    /// Memory that the times take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Column {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Histograms(values) => values.len(),
        }
    }

    fn value(&self, at: usize) -> Value {
        match self {
            Self::Floats(values) => Value::Float(values[at]),
            Self::Histograms(values) => Value::Histogram(values[at].clone()),
        }
    }
}

impl Part {
    fn start(&self, at: usize) -> i64 {
        self.starts.as_ref().map_or(0, |starts| starts[at])
    }
}

/// Makes one of several parts. Of samples with one time that of the last part counts.
pub(crate) fn join(mut parts: Vec<Part>, times: &mut TimesCache) -> Joined {
    parts.retain(|part| !part.times.is_empty());
    let follows = |pair: &[Part]| match (pair[0].times.last(), pair[1].times.first()) {
        (Some(last), Some(first)) => last < first,
        _ => true,
    };
    if !parts.windows(2).all(follows) {
        return overlay(&parts);
    }
    let joined_times = match &parts[..] {
        [] => Arc::new([]),
        [part] => part.times.clone(),
        parts => times.join(parts),
    };
    let starts = starts(&parts);
    Joined { times: joined_times, values: values(parts), starts }
}

fn values(mut parts: Vec<Part>) -> Values {
    if parts.iter().any(|part| matches!(part.values, Column::Histograms(_))) {
        return collect(parts.iter().flat_map(|part| (0..part.values.len()).map(|at| part.values.value(at))).collect());
    }
    let count: usize = parts.iter().map(|part| part.values.len()).sum();
    let mut floats = parts.iter_mut().map(|part| match &mut part.values {
        Column::Floats(values) => std::mem::take(values),
        Column::Histograms(_) => Vec::new(),
    });
    // Of a single part it is the list into which it was decoded.
    let mut all = floats.next().unwrap_or_default();
    all.reserve_exact(count - all.len());
    floats.for_each(|mut more| all.append(&mut more));
    Values::Floats(all.into())
}

/// The narrowest form of values.
fn collect(all: Vec<Value>) -> Values {
    if let Some(floats) = all.iter().map(Value::float).collect::<Option<Vec<u64>>>() {
        return Values::Floats(floats.into());
    }
    match all.iter().map(Value::histogram).collect::<Option<Vec<_>>>() {
        Some(histograms) => Values::Histograms(histograms.into()),
        None => Values::Mixed(all.into()),
    }
}

fn starts(parts: &[Part]) -> Option<Arc<[i64]>> {
    parts.iter().any(|part| part.starts.is_some()).then(|| {
        parts.iter().flat_map(|part| (0..part.times.len()).map(|at| part.start(at))).collect::<Vec<i64>>().into()
    })
}

/// Parts that overlap, in the order in which they take each other's place.
fn overlay(parts: &[Part]) -> Joined {
    let places = parts
        .iter()
        .enumerate()
        .flat_map(|(number, part)| part.times.iter().enumerate().map(move |(at, time)| (*time, number, at)));
    let mut places: Vec<(i64, usize, usize)> = places.collect();
    places.sort_unstable_by_key(|(time, number, _)| (*time, std::cmp::Reverse(*number)));
    places.dedup_by_key(|(time, _, _)| *time);
    let has_starts = parts.iter().any(|part| part.starts.is_some());
    let starts =
        has_starts.then(|| places.iter().map(|(_, number, at)| parts[*number].start(*at)).collect::<Vec<i64>>().into());
    Joined {
        times: places.iter().map(|(time, _, _)| *time).collect(),
        values: collect(places.iter().map(|(_, number, at)| parts[*number].values.value(*at)).collect()),
        starts,
    }
}
