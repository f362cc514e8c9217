//! What both versions have: series by their labels, and samples.

use std::sync::Arc;

use vitrine_observe_series::{
    Batch, Description, Exemplar, Histogram, Label, Labels, MetadataEntry, MetricType, PART_ENDINGS, SeriesNumber,
};

use crate::metrics::identity::{self, Origin};
use crate::metrics::taking::{Taking, Written, check_time, shown};
use crate::rejected::{Refusal, Rejected};
use crate::series::hash;

/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// Labels that say from where samples come: series that have the same have the same times as a rule.
const SOURCE: [&[u8]; 2] = [b"instance", b"job"];

/// A request that is being read.
pub(super) struct Decoder<'d, 't> {
    taking: &'d mut Taking<'t>,
    pub(super) batch: &'d mut Batch,
    pub(super) written: Written,
    arrival_ms: i64,
    identity: Vec<u8>,
}

/// Samples of one series, before it is known whether it is taken. One serves all series of a request, so that reading them makes no room
/// anew for each.
#[derive(Default)]
pub(super) struct ReadSeries<'a> {
    /// Names and values, in the order in which they were sent.
    pub(super) labels: Vec<(&'a [u8], &'a [u8])>,
    /// Whether a label without a value is a mistake.
    pub(super) is_strict: bool,
    pub(super) samples: Vec<ReadSample>,
    pub(super) histograms: Vec<Result<ReadHistogram, Rejected>>,
    pub(super) exemplars: Vec<Result<Exemplar, Rejected>>,
    pub(super) metadata: Option<ReadMetadata<'a>>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ReadSample {
    pub(super) bits: u64,
    pub(super) time_ms: i64,
    pub(super) start_ms: i64,
}

#[derive(Debug)]
pub(super) struct ReadHistogram {
    pub(super) histogram: Histogram,
    pub(super) time_ms: i64,
    pub(super) start_ms: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ReadMetadata<'a> {
    pub(super) kind: MetricType,
    pub(super) help: &'a [u8],
    pub(super) unit: &'a [u8],
}

impl<'d, 't> Decoder<'d, 't> {
    pub(super) fn new(taking: &'d mut Taking<'t>, batch: &'d mut Batch) -> Self {
        let arrival_ms = i64::try_from(taking.arrival_ns / NANOS_PER_MILLI).unwrap_or(i64::MAX);
        Self { taking, batch, written: Written::default(), arrival_ms, identity: Vec::new() }
    }

    /// Takes the samples of a series, or refuses them.
    pub(super) fn add(&mut self, read: &mut ReadSeries<'_>) {
        let count = read.count();
        let ReadSeries { labels, is_strict, samples, histograms, exemplars, metadata } = read;
        let series = match self.series(labels, *is_strict, *metadata) {
            Ok(series) => series,
            Err(reason) => return self.written.refuse(count, reason),
        };
        for ReadSample { bits, time_ms, start_ms } in samples {
            match check_time(*time_ms, self.arrival_ms, self.taking.oldest_ms) {
                Ok(()) => {
                    self.batch.float(series, *time_ms, *bits, *start_ms);
                    self.written.samples += 1;
                }
                Err(reason) => self.written.refuse(1, reason),
            }
        }
        for read in histograms.drain(..) {
            match read.and_then(|read| self.histogram(series, read)) {
                Ok(()) => self.written.histograms += 1,
                Err(reason) => self.written.refuse(1, reason),
            }
        }
        for read in exemplars.drain(..) {
            let checked = read.and_then(|exemplar| {
                check_time(exemplar.time_ms, self.arrival_ms, self.taking.oldest_ms).map(|()| exemplar)
            });
            match checked {
                Ok(exemplar) => {
                    self.batch.exemplar(series, exemplar);
                    self.written.exemplars += 1;
                }
                Err(reason) => self.written.refuse(1, reason),
            }
        }
    }

    fn histogram(&mut self, series: SeriesNumber, read: ReadHistogram) -> Result<(), Rejected> {
        let ReadHistogram { histogram, time_ms, start_ms } = read;
        check_time(time_ms, self.arrival_ms, self.taking.oldest_ms)?;
        Ok(self.batch.histogram(series, time_ms, Arc::new(histogram), start_ms)?)
    }

    fn series(
        &mut self,
        labels: &mut Vec<(&[u8], &[u8])>,
        is_strict: bool,
        metadata: Option<ReadMetadata<'_>>,
    ) -> Result<SeriesNumber, Rejected> {
        if !labels.is_sorted_by(|(a, _), (b, _)| a < b) {
            labels.sort_by_key(|(name, _)| *name);
            if let Some(pair) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(refused(format!("{} twice", text(pair[0].0)), "each label once"));
            }
        }
        if let Some((name, _)) = labels.iter().find(|(_, value)| value.is_empty()) {
            if is_strict {
                return Err(refused(format!("{} is empty", text(name)), "no labels without a value"));
            }
            labels.retain(|(_, value)| !value.is_empty());
        }
        identity::begin(&mut self.identity, Origin::Labels);
        for (name, value) in &*labels {
            identity::add(&mut self.identity, name);
            identity::add(&mut self.identity, value);
        }
        let taking = &mut *self.taking;
        let mut entry = None;
        let describe = || {
            let found = to_labels(labels)?;
            let source = labels.iter().filter(|(name, _)| SOURCE.contains(name));
            let clock = source.fold(0u64, |clock, (_, value)| clock.rotate_left(1).wrapping_add(hash(value)));
            let kind = metadata.map_or(MetricType::Unknown, |metadata| metadata.kind);
            entry = metadata.map(|metadata| metadata.entry(found.metric()));
            taking.admit(Description::new(kind, clock, found))
        };
        let series = self.batch.series(&self.identity, describe)?;
        if let Some(entry) = entry.flatten() {
            self.batch.metadata(entry);
        }
        Ok(series)
    }
}

impl ReadSeries<'_> {
    /// Makes it that of a series of which nothing is read yet.
    pub(super) fn clear(&mut self) {
        self.labels.clear();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.metadata = None;
    }

    /// Samples and exemplars.
    pub(super) fn count(&self) -> u64 {
        (self.samples.len() + self.histograms.len() + self.exemplars.len()) as u64
    }
}

impl ReadMetadata<'_> {
    /// What it says of the metric of a series; none if it says nothing.
    fn entry(&self, metric: &str) -> Option<MetadataEntry> {
        if self.kind == MetricType::Unknown && self.help.is_empty() && self.unit.is_empty() {
            return None;
        }
        let has_parts = matches!(self.kind, MetricType::Histogram | MetricType::GaugeHistogram | MetricType::Summary);
        let parts = if has_parts { &PART_ENDINGS[..] } else { &[] };
        let family = parts.iter().find_map(|part| metric.strip_suffix(part)).unwrap_or(metric);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Some(MetadataEntry { metric: family.to_owned(), kind: self.kind, help: text(self.help), unit: text(self.unit) })
    }
}

/// A metric's type by its number, which is the same in both versions.
pub(super) fn metric_type(number: u64) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}

/// Labels, if all of them can be such.
fn to_labels(pairs: &[(&[u8], &[u8])]) -> Result<Labels, Rejected> {
    let labels = labels_of(pairs)?;
    if labels.metric().is_empty() {
        return Err(refused(shown(&labels.to_string()), "a label __name__ in each series"));
    }
    Ok(labels)
}

/// Labels of a series or an exemplar: texts, and none without a name.
pub(super) fn labels_of(pairs: &[(&[u8], &[u8])]) -> Result<Labels, Rejected> {
    let utf8 = |bytes| {
        std::str::from_utf8(bytes).map_err(|_| refused(format!("{} is not UTF-8", text(bytes)), "texts in UTF-8"))
    };
    let mut labels = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        if name.is_empty() {
            return Err(refused(
                format!("one without a name, of the value {:?}", text(value)),
                "names that are not empty",
            ));
        }
        labels.push(Label { name: utf8(name)?.into(), value: utf8(value)?.into() });
    }
    Ok(Labels::new(labels))
}

pub(super) fn refused(problem: String, expected: &'static str) -> Rejected {
    Rejected { field: "labels", problem, expected, refusal: Refusal::Invalid }
}

fn text(bytes: &[u8]) -> String {
    shown(&String::from_utf8_lossy(bytes))
}
