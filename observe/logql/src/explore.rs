//! Which streams there are: labels, values, how many lines and how many bytes.

use std::collections::{BTreeMap, BTreeSet};

use vitrine_observe_model::{LogCount, LogCountQuery, LogField, LogFilter};
use vitrine_observe_series::{Label, Labels, Matcher};
use vitrine_observe_store::QueryError;

use crate::ast::LogExpr;
use crate::labels::LabelMap;
use crate::lower::{lower, streams};
use crate::metric::{label_fields, label_value};
use crate::source::{Error, MAX_SERIES, Source, TimeRange, too_many_series};

/// Values of a label that are told.
const MAX_VALUES: usize = 10_000;
/// Labels and steps whose volume is told apart.
const MAX_VOLUMES: usize = 100_000;

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Streams; not more than [`MAX_SERIES`] are counted.
    pub streams: u64,
    /// Lines.
    pub entries: u64,
    /// Bytes of lines.
    pub bytes: u64,
}

/// How volumes are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeBy {
    /// By the values of these labels; of those that the selector names, if there are none.
    Series(Vec<String>),
    /// By labels themselves: the bytes of lines that have them. Of all labels, if there are none.
    Labels(Vec<String>),
}

/// Bytes of lines of some labels, by the begin of each step in nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The labels.
    pub labels: Vec<(String, String)>,
    /// Bytes by step.
    pub bytes: BTreeMap<u64, u64>,
}

impl Volume {
    /// Bytes of all steps.
    pub fn total(&self) -> u64 {
        self.bytes.values().sum()
    }
}

impl Source<'_> {
    fn filter(&self, range: TimeRange, matchers: &[Matcher]) -> Result<LogFilter, Error> {
        if matchers.is_empty() {
            return Ok(LogFilter::everything());
        }
        Ok(LogFilter::All(streams(matchers, &self.label_map(range)?).map_err(Error::Question)?))
    }

    fn counts(
        &self,
        range: TimeRange,
        filter: LogFilter,
        by: Vec<LogField>,
        step_ns: u64,
        most: usize,
    ) -> Result<Vec<LogCount>, Error> {
        let TimeRange { start_ns, end_ns } = range;
        let query = LogCountQuery { filter, start_ns, end_ns, step_ns, origin_ns: start_ns, by, most, bytes: true };
        Ok(self.logs.log_counts(self.tenant, &query)?)
    }

    /// Names of labels that streams have, in order.
    pub fn label_names(&self, range: TimeRange, matchers: &[Matcher]) -> Result<Vec<String>, Error> {
        let filter = self.filter(range, matchers)?;
        let label_map = self.label_map_of(range, filter.clone())?;
        // The service is a label of all streams, also where none has one.
        let counts = self.counts(range, filter, vec![LogField::Service], 0, MAX_VALUES)?;
        let has_service = counts.iter().any(|count| count.by[0].as_deref().is_some_and(|name| !name.is_empty()));
        let names = label_map.streams().map(|(name, _)| name).filter(|name| *name != "service_name" || has_service);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    /// Values of a label of streams, in order.
    pub fn label_values(&self, range: TimeRange, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, Error> {
        let is_plain = LabelMap::is_plain(name) && matchers.iter().all(|matcher| LabelMap::is_plain(&matcher.name));
        let label_map = if is_plain { LabelMap::default() } else { self.label_map(range)? };
        let by = label_map.stream(name);
        if by.is_empty() {
            return Ok(Vec::new());
        }
        let filter = LogFilter::All(streams(matchers, &label_map).map_err(Error::Question)?);
        let counts = self.counts(range, filter, by, 0, MAX_VALUES)?;
        let values: BTreeSet<String> = counts.iter().map(|count| label_value(name, &count.by)).collect();
        Ok(values.into_iter().filter(|value| !value.is_empty()).collect())
    }

    /// The streams that meet all matchers of one of these sets, in order.
    pub fn streams(&self, range: TimeRange, sets: &[Vec<Matcher>]) -> Result<Vec<Labels>, Error> {
        let label_map = self.label_map(range)?;
        let set = |matchers: &Vec<Matcher>| Ok(LogFilter::All(streams(matchers, &label_map)?));
        let sets = sets.iter().map(set).collect::<Result<Vec<_>, String>>().map_err(Error::Question)?;
        let filter = if sets.is_empty() { LogFilter::everything() } else { LogFilter::Any(sets) };
        let counted = self.counted_streams(range, filter, &label_map).map_err(|error| match error {
            Error::Query(QueryError::TooManyCounts { .. }) => too_many_series(),
            error => error,
        })?;
        Ok(counted.into_keys().collect())
    }

    fn counted_streams(
        &self,
        range: TimeRange,
        filter: LogFilter,
        label_map: &LabelMap,
    ) -> Result<BTreeMap<Labels, Stats>, Error> {
        let by = label_map.streams().flat_map(|(_, fields)| fields).collect();
        let mut all: BTreeMap<Labels, Stats> = BTreeMap::new();
        for count in self.counts(range, filter, by, 0, MAX_SERIES)? {
            let mut place = 0;
            let labels = label_map.streams().map(|(name, fields)| {
                let values = &count.by[place..place + fields.len()];
                place += fields.len();
                Label { name: name.into(), value: label_value(name, values).into() }
            });
            let stats = all.entry(Labels::new(labels.collect::<Vec<_>>())).or_default();
            stats.entries += count.records;
            stats.bytes += count.bytes;
        }
        Ok(all)
    }

    /// How much there is of a query's lines.
    pub fn stats(&self, range: TimeRange, log: &LogExpr) -> Result<Stats, Error> {
        let label_map = self.label_map(range)?;
        let filter = lower(log, &label_map).map_err(Error::Question)?.filter;
        let (streams, counted): (u64, Vec<Stats>) = match self.counted_streams(range, filter.clone(), &label_map) {
            Ok(all) => (all.len() as u64, all.into_values().collect()),
            Err(Error::Query(QueryError::TooManyCounts { most })) => {
                let counts = self.counts(range, filter, Vec::new(), 0, 1)?;
                let stats = |count: LogCount| Stats { streams: 0, entries: count.records, bytes: count.bytes };
                (most as u64, counts.into_iter().map(stats).collect())
            }
            Err(error) => return Err(error),
        };
        let (entries, bytes) =
            (counted.iter().map(|stats| stats.entries).sum(), counted.iter().map(|stats| stats.bytes).sum());
        Ok(Stats { streams, entries, bytes })
    }

    /// Bytes of lines by labels, the most first, at most so many; by steps if they are longer than nothing.
    pub fn volume(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        by: &VolumeBy,
        step_ns: u64,
        limit: usize,
    ) -> Result<Vec<Volume>, Error> {
        let label_map = self.label_map(range)?;
        let filter = LogFilter::All(streams(matchers, &label_map).map_err(Error::Question)?);
        let mut all: BTreeMap<Vec<(String, String)>, Volume> = BTreeMap::new();
        let mut add = |labels: Vec<(String, String)>, count: &LogCount| {
            let volume = all.entry(labels.clone()).or_insert_with(|| Volume { labels, bytes: BTreeMap::new() });
            *volume.bytes.entry(count.start_ns).or_default() += count.bytes;
        };
        let labels_of = |names: &[String], count: &LogCount| {
            let mut place = 0;
            let labels = names.iter().map(|name| {
                let end = place + label_fields(name, &label_map).len();
                let value = label_value(name, &count.by[place..end]);
                place = end;
                (name.clone(), value)
            });
            labels.filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>()
        };
        match by {
            VolumeBy::Series(names) => {
                let named = matchers.iter().map(|matcher| matcher.name.clone());
                let mut names: Vec<String> = if names.is_empty() { named.collect() } else { names.clone() };
                names.sort();
                names.dedup();
                let fields = names.iter().flat_map(|name| label_fields(name, &label_map)).collect();
                for count in self.counts(range, filter, fields, step_ns, MAX_VOLUMES)? {
                    let labels = labels_of(&names, &count);
                    if !labels.is_empty() {
                        add(labels, &count);
                    }
                }
            }
            VolumeBy::Labels(names) => {
                let streams = label_map.streams().map(|(name, _)| name.to_owned());
                let names: Vec<String> = if names.is_empty() { streams.collect() } else { names.clone() };
                for name in names {
                    let fields = label_fields(&name, &label_map);
                    for count in self.counts(range, filter.clone(), fields, step_ns, MAX_VOLUMES)? {
                        if !labels_of(std::slice::from_ref(&name), &count).is_empty() {
                            add(vec![(name.clone(), String::new())], &count);
                        }
                    }
                }
            }
        }
        let mut all: Vec<Volume> = all.into_values().collect();
        all.sort_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.labels.cmp(&b.labels)));
        all.truncate(limit);
        Ok(all)
    }
}
