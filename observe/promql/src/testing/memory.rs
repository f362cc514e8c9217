//! Series in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use vitrine_observe_series::{
    Budget, ExemplarSeries, Filter, Histogram, Labels, Matcher, MetadataEntry, MetricType, QueryError, Queryable,
    Select, Selection, SeriesInfo, SeriesSamples, Stats, Temporality, Value, Values,
};

use crate::histogram::known_reset;

/// Series in one block of a selection.
const BLOCK_SERIES: usize = 64;

/// What one sample takes while it is selected, in bytes.
const SAMPLE_BYTES: usize = 24;

/// Series and their samples. Cheap to make, not made for many.
#[derive(Debug, Default, Clone)]
pub struct MemorySeries {
    series: BTreeMap<Labels, BTreeMap<i64, Stored>>,
}

#[derive(Debug, Clone)]
struct Stored {
    start_ms: i64,
    value: Value,
}

impl MemorySeries {
    /// Adds a sample at a time in milliseconds since 1970; one that is there at that time is replaced. `start_ms` is when
    /// its total began, 0 if that is not known.
    pub fn append(&mut self, labels: &Labels, time_ms: i64, start_ms: i64, value: Value) {
        let stored = Stored { start_ms, value };
        match self.series.get_mut(labels) {
            Some(samples) => {
                samples.insert(time_ms, stored);
            }
            None => {
                self.series.insert(labels.clone(), BTreeMap::from([(time_ms, stored)]));
            }
        }
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.series.clear();
    }

    fn accepted<'a>(&'a self, sets: &'a [Vec<Matcher>]) -> impl Iterator<Item = &'a Labels> {
        let fits = |labels: &Labels| sets.iter().any(|set| set.iter().all(|matcher| matcher.accepts(labels)));
        self.series.keys().filter(move |labels| sets.is_empty() || fits(labels))
    }
}

struct Selected {
    infos: Vec<SeriesInfo>,
    samples: std::vec::IntoIter<SeriesSamples>,
}

impl Selection for Selected {
    fn series(&self) -> &[SeriesInfo] {
        &self.infos
    }

    fn next_block(&mut self) -> Result<Option<Vec<SeriesSamples>>, QueryError> {
        let block: Vec<SeriesSamples> = self.samples.by_ref().take(BLOCK_SERIES).collect();
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}

impl Queryable for MemorySeries {
    fn select(&self, select: &Select, budget: &Arc<Budget>) -> Result<Box<dyn Selection>, QueryError> {
        let mut infos = Vec::new();
        let mut samples = Vec::new();
        // Series whose times are the same share them.
        let mut clocks: HashMap<Vec<i64>, Arc<[i64]>> = HashMap::new();
        for (labels, stored) in &self.series {
            if !select.matchers.iter().all(|matcher| matcher.accepts(labels)) {
                continue;
            }
            let number = infos.len();
            infos.push(SeriesInfo {
                labels: labels.clone(),
                kind: MetricType::Unknown,
                temporality: Temporality::Cumulative,
            });
            if select.after_ms >= select.until_ms {
                continue;
            }
            let (times, stored): (Vec<i64>, Vec<Stored>) =
                hinted(stored).filter(|(time, _)| *time > select.after_ms && *time <= select.until_ms).unzip();
            if times.is_empty() {
                continue;
            }
            let _held = budget.reserve(times.len().saturating_mul(SAMPLE_BYTES))?;
            budget.read_samples(times.len() as u64)?;
            let times = clocks.entry(times).or_insert_with_key(|times| times.as_slice().into()).clone();
            let starts: Vec<i64> = stored.iter().map(|stored| stored.start_ms).collect();
            let starts = starts.iter().any(|start| *start != 0).then(|| starts.into());
            samples.push(SeriesSamples { series: number, times, values: values(&stored), starts });
        }
        Ok(Box::new(Selected { infos, samples: samples.into_iter() }))
    }

    fn label_names(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        budget.check()?;
        let names: BTreeSet<&str> =
            self.accepted(&filter.matchers).flat_map(|labels| labels.iter().map(|label| &*label.name)).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn label_values(&self, name: &str, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        budget.check()?;
        let values: BTreeSet<&str> = self.accepted(&filter.matchers).filter_map(|labels| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    fn exemplars(&self, _: &Filter, budget: &Arc<Budget>) -> Result<Vec<ExemplarSeries>, QueryError> {
        budget.check()?;
        Ok(Vec::new())
    }

    fn metadata(&self, _: Option<&str>) -> Result<Vec<MetadataEntry>, QueryError> {
        Ok(Vec::new())
    }

    fn stats(&self, _: usize) -> Result<Stats, QueryError> {
        Ok(Stats { series: self.series.len() as u64, ..Stats::default() })
    }
}

/// Samples with what Prometheus's storage would say of counter resets between histograms.
fn hinted(samples: &BTreeMap<i64, Stored>) -> impl Iterator<Item = (i64, Stored)> {
    let mut before: Option<Arc<Histogram>> = None;
    samples.iter().map(move |(time, stored)| {
        let Value::Histogram(histogram) = &stored.value else {
            before = None;
            return (*time, stored.clone());
        };
        let reset = known_reset(histogram, before.as_deref());
        before = Some(histogram.clone());
        let value = Value::Histogram(Arc::new(Histogram { reset, ..(**histogram).clone() }));
        (*time, Stored { value, ..stored.clone() })
    })
}

fn values(stored: &[Stored]) -> Values {
    let floats: Option<Vec<u64>> = stored
        .iter()
        .map(|stored| match &stored.value {
            Value::Float(bits) => Some(*bits),
            Value::Histogram(_) => None,
        })
        .collect();
    if let Some(floats) = floats {
        return Values::Floats(floats.into());
    }
    let histograms: Option<Vec<_>> = stored
        .iter()
        .map(|stored| match &stored.value {
            Value::Histogram(histogram) => Some(histogram.clone()),
            Value::Float(_) => None,
        })
        .collect();
    match histograms {
        Some(histograms) => Values::Histograms(histograms.into()),
        None => Values::Mixed(stored.iter().map(|stored| stored.value.clone()).collect()),
    }
}
