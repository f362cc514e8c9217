//! Records folded into buckets and numbers.

use std::cmp::Ordering;
use std::collections::HashMap;

use vitrine_observe_model::LogRow;

use super::MAX_BUCKETS;
use super::metrics::{Distinct, Quantiles, Stats};
use super::types::{Aggregation, By, Composite, CompositeBy, CompositeSource, Dates, Kind, Metric, Step, TermSet};
use super::values::{Document, Key, Source};
use crate::elastic::dates::{NANOS_PER_SECOND, Zone};
use crate::elastic::error::SearchError;

/// Bytes that one search's aggregations may hold.
const MAX_BYTES: usize = 64 << 20;
/// What a record that is held is taken to need.
const ROW_BYTES: usize = 2 << 10;
/// Buckets of a `composite` beyond those it shows, before the last ones are dropped.
const COMPOSITE_SPARE: usize = 1_024;

/// What a fold may hold yet.
pub(crate) struct Budget {
    buckets: usize,
    bytes: usize,
}

/// One bucket.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) docs: u64,
    pub(crate) subs: Vec<State>,
}

/// What an aggregation has gathered within one bucket.
pub(crate) enum State {
    Buckets(HashMap<Key, Bucket>),
    Stats(Stats),
    Quantiles(Box<Quantiles>),
    Distinct(Box<Distinct>),
    Top(TopRows),
    /// Made of others when all is written.
    None,
}

/// The first records by a value.
#[derive(Default)]
pub(crate) struct TopRows {
    pub(crate) docs: u64,
    pub(crate) rows: Vec<TopRow>,
}

pub(crate) struct TopRow {
    pub(crate) key: Key,
    /// The record, or only values of it.
    pub(crate) row: Option<LogRow>,
    pub(crate) values: Vec<Key>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { buckets: MAX_BUCKETS, bytes: MAX_BYTES }
    }
}

impl Budget {
    pub(crate) fn bucket(&mut self, bytes: usize) -> Result<(), SearchError> {
        self.buckets = self.buckets.checked_sub(1).ok_or(SearchError::TooManyBuckets { most: MAX_BUCKETS })?;
        self.bytes(size_of::<(Key, Bucket)>() + bytes)
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), SearchError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(SearchError::TooMuch { bytes: MAX_BYTES })?;
        Ok(())
    }
}

impl State {
    /// What an aggregation has gathered before it has seen anything.
    pub(crate) fn new(aggregation: &Aggregation) -> Self {
        match &aggregation.kind {
            Kind::Buckets(_) => Self::Buckets(HashMap::new()),
            Kind::Metric(Metric::One(..) | Metric::Stats(_) | Metric::ExtendedStats(..)) => {
                Self::Stats(Stats::default())
            }
            Kind::Metric(Metric::Percentiles { .. } | Metric::PercentileRanks { .. }) => {
                Self::Quantiles(Box::default())
            }
            Kind::Metric(Metric::Cardinality(_)) => Self::Distinct(Box::default()),
            Kind::Metric(Metric::TopMetrics { .. } | Metric::TopHits(_)) => Self::Top(TopRows::default()),
            Kind::Pipeline(_) => Self::None,
        }
    }
}

impl Bucket {
    pub(crate) fn new(subs: &[Aggregation]) -> Self {
        Self { docs: 0, subs: subs.iter().map(State::new).collect() }
    }
}

/// Adds a record to aggregations.
pub(crate) fn collect(
    all: &[Aggregation],
    states: &mut [State],
    document: &dyn Document,
    budget: &mut Budget,
) -> Result<(), SearchError> {
    for (aggregation, state) in all.iter().zip(states) {
        match (&aggregation.kind, state) {
            (Kind::Buckets(by), State::Buckets(buckets)) => {
                let keys = keys(by, document);
                for key in keys {
                    if !buckets.contains_key(&key) {
                        budget.bucket(key.bytes() + aggregation.subs.len() * size_of::<State>())?;
                        buckets.insert(key.clone(), Bucket::new(&aggregation.subs));
                    }
                    let Some(bucket) = buckets.get_mut(&key) else { continue };
                    bucket.docs += 1;
                    collect(&aggregation.subs, &mut bucket.subs, document, budget)?;
                }
                if let By::Composite(composite) = by {
                    prune(composite, buckets, budget);
                }
            }
            (Kind::Metric(metric), state) => add(metric, state, document, budget)?,
            _ => {}
        }
    }
    Ok(())
}

fn add(metric: &Metric, state: &mut State, document: &dyn Document, budget: &mut Budget) -> Result<(), SearchError> {
    match (metric, state) {
        // Whatever there is is counted, numbers or not.
        (Metric::One("count", source), State::Stats(stats)) => source.each(document, &mut |_| stats.count += 1),
        (Metric::One(_, source) | Metric::Stats(source) | Metric::ExtendedStats(source, _), State::Stats(stats)) => {
            source.numbers(document, &mut |number| stats.add(number));
        }
        (Metric::Percentiles { source, .. } | Metric::PercentileRanks { source, .. }, State::Quantiles(quantiles)) => {
            let mut bytes = 0;
            source.numbers(document, &mut |number| bytes += quantiles.add(number));
            budget.bytes(bytes)?;
        }
        (Metric::Cardinality(source), State::Distinct(distinct)) => {
            let mut bytes = 0;
            source.keys(document, &mut |key| bytes += distinct.add(&key));
            budget.bytes(bytes)?;
        }
        (Metric::TopMetrics { metrics, sort, size }, State::Top(top)) => {
            let values = || metrics.iter().map(|(_, source)| first(source, document)).collect();
            top.offer(sort, *size, document, |key| TopRow { key, row: None, values: values() }, budget)?;
        }
        (Metric::TopHits(hits), State::Top(top)) => {
            let make = |key| TopRow { key, row: document.row().cloned(), values: Vec::new() };
            top.offer(&hits.sort, hits.from + hits.size, document, make, budget)?;
        }
        _ => {}
    }
    Ok(())
}

fn first(source: &Source, document: &dyn Document) -> Key {
    let mut found = Key::Null;
    source.keys(document, &mut |key| {
        if found == Key::Null {
            found = key;
        }
    });
    found
}

impl TopRows {
    fn offer(
        &mut self,
        (source, ascending): &(Source, bool),
        most: usize,
        document: &dyn Document,
        make: impl FnOnce(Key) -> TopRow,
        budget: &mut Budget,
    ) -> Result<(), SearchError> {
        self.docs += 1;
        let key = first(source, document);
        // What has no value comes last, either way.
        let before = |a: &Key, b: &Key| match (a, b) {
            (Key::Null, _) => false,
            (_, Key::Null) => true,
            _ => {
                if *ascending {
                    a < b
                } else {
                    a > b
                }
            }
        };
        let place = self.rows.partition_point(|row| !before(&key, &row.key));
        if place >= most {
            return Ok(());
        }
        if self.rows.len() == most {
            self.rows.pop();
        } else {
            budget.bytes(ROW_BYTES)?;
        }
        self.rows.insert(place, make(key));
        Ok(())
    }
}

/// The buckets that a record falls into, each once.
fn keys(by: &By, document: &dyn Document) -> Vec<Key> {
    let mut keys = Vec::new();
    match by {
        By::Dates(dates) => dates.source.moments(document, &mut |ns| {
            let within = |(min, max): (i64, i64)| ns >= min && ns <= max;
            if dates.hard.is_none_or(within) {
                keys.extend(dates.start_of(ns).map(Key::Int));
            }
        }),
        By::Numbers(numbers) => numbers.source.numbers(document, &mut |number| {
            if numbers.hard.is_none_or(|(min, max)| number >= min && number <= max) {
                keys.push(Key::Int(((number - numbers.offset) / numbers.interval).floor() as i64));
            }
        }),
        By::Ranges(ranges) => {
            let mut visit = |number: f64| {
                let within = ranges.ranges.iter().enumerate().filter(|(_, range)| {
                    range.from.is_none_or(|from| number >= from) && range.to.is_none_or(|to| number < to)
                });
                keys.extend(within.map(|(place, _)| Key::Place(place)));
            };
            match &ranges.dates {
                Some(_) => ranges.source.moments(document, &mut |ns| visit(ns as f64 / 1e6)),
                None => ranges.source.numbers(document, &mut visit),
            }
        }
        By::Terms(terms) if terms.is_multi => {
            let lists: Vec<Vec<Key>> = terms.sources.iter().map(|source| all_keys(source, document)).collect();
            keys = product(&lists).into_iter().map(Key::Many).collect();
        }
        By::Terms(terms) => {
            keys = terms.sources.first().map(|source| all_keys(source, document)).unwrap_or_default();
            keys.retain(|key| {
                terms.include.as_ref().is_none_or(|set| set.has(key))
                    && !terms.exclude.as_ref().is_some_and(|set| set.has(key))
            });
        }
        By::Filters(filters) => {
            if let Some(row) = document.row() {
                let met = filters.filters.iter().enumerate().filter(|(_, filter)| filter.meets(row));
                keys.extend(met.map(|(place, _)| Key::Place(place)));
                if keys.is_empty() && filters.other.is_some() {
                    keys.push(Key::Place(filters.filters.len()));
                }
            }
        }
        By::Missing(source) => {
            let mut is_there = false;
            source.each(document, &mut |_| is_there = true);
            keys.extend((!is_there).then_some(Key::Place(0)));
        }
        By::Composite(composite) => keys = composite_keys(composite, document),
        By::All => keys.push(Key::Place(0)),
    }
    if keys.len() > 1 {
        keys.sort_unstable();
        keys.dedup();
    }
    keys
}

fn all_keys(source: &Source, document: &dyn Document) -> Vec<Key> {
    let mut keys = Vec::new();
    source.keys(document, &mut |key| keys.push(key));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Every way to take one of each list; as many as there may be buckets.
fn product(lists: &[Vec<Key>]) -> Vec<Vec<Key>> {
    let mut all = vec![Vec::new()];
    for list in lists {
        all = all
            .iter()
            .flat_map(|before: &Vec<Key>| list.iter().map(move |key| before.iter().chain([key]).cloned().collect()))
            .take(MAX_BUCKETS)
            .collect();
    }
    all
}

impl TermSet {
    fn has(&self, key: &Key) -> bool {
        let text = key.text();
        match self {
            Self::Pattern(regex) => regex.is_match(&text),
            Self::Exactly(values) => values.contains(&text),
        }
    }
}

impl Dates {
    /// When the bucket begins that a moment is in.
    pub(crate) fn start_of(&self, ns: i64) -> Option<i64> {
        let ns = ns.checked_sub(self.offset_ns)?;
        let start = match self.step {
            Step::Calendar(unit) => self.zone.floor(ns, unit)?,
            Step::Fixed(step) => {
                let offset = i64::from(match self.zone {
                    Zone::Fixed(offset) => offset.local_minus_utc(),
                    named => named.offset_at(ns),
                });
                let offset = offset * NANOS_PER_SECOND;
                ns.checked_add(offset)?.div_euclid(step).checked_mul(step)?.checked_sub(offset)?
            }
            Step::Auto(_) => return None,
        };
        start.checked_add(self.offset_ns)
    }

    /// When the bucket behind one begins.
    pub(crate) fn next(&self, start: i64) -> Option<i64> {
        match self.step {
            Step::Fixed(step) => start.checked_add(step),
            Step::Calendar(unit) => self.zone.add(start - self.offset_ns, 1, unit)?.checked_add(self.offset_ns),
            Step::Auto(_) => None,
        }
    }
}

fn composite_keys(composite: &Composite, document: &dyn Document) -> Vec<Key> {
    let of = |source: &CompositeSource| {
        let mut keys = match &source.by {
            CompositeBy::Terms(source) => all_keys(source, document),
            CompositeBy::Numbers(source, interval) => {
                let mut keys = Vec::new();
                source.numbers(document, &mut |number| keys.push(Key::number((number / interval).floor() * interval)));
                keys
            }
            CompositeBy::Dates(dates, _) => {
                let mut keys = Vec::new();
                dates.source.moments(document, &mut |ns| {
                    keys.extend(dates.start_of(ns).map(|start| Key::Int(start.div_euclid(NANOS_PER_SECOND / 1_000))));
                });
                keys
            }
        };
        if keys.is_empty() && source.missing_bucket {
            keys.push(Key::Null);
        }
        keys
    };
    let lists: Vec<Vec<Key>> = composite.sources.iter().map(of).collect();
    let mut all = product(&lists);
    if let Some(after) = &composite.after {
        all.retain(|key| composite.compare(key, after) == Ordering::Greater);
    }
    all.into_iter().map(Key::Many).collect()
}

impl Composite {
    pub(crate) fn compare(&self, a: &[Key], b: &[Key]) -> Ordering {
        let parts = self.sources.iter().zip(a.iter().zip(b));
        parts
            .map(|(source, (a, b))| if source.ascending { a.cmp(b) } else { b.cmp(a) })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    pub(crate) fn compare_keys(&self, a: &Key, b: &Key) -> Ordering {
        match (a, b) {
            (Key::Many(a), Key::Many(b)) => self.compare(a, b),
            _ => a.cmp(b),
        }
    }
}

/// Drops the buckets that come after those that will be shown.
fn prune(composite: &Composite, buckets: &mut HashMap<Key, Bucket>, budget: &mut Budget) {
    if buckets.len() < 2 * composite.size + COMPOSITE_SPARE {
        return;
    }
    let mut keys: Vec<Key> = buckets.keys().cloned().collect();
    keys.sort_unstable_by(|a, b| composite.compare_keys(a, b));
    for key in keys.drain(composite.size..) {
        buckets.remove(&key);
        budget.buckets += 1;
        budget.bytes += size_of::<(Key, Bucket)>() + key.bytes();
    }
}
