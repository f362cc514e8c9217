//! Decoding into a head, and asking it.

use std::sync::Arc;
use std::time::Duration;

use vitrine_observe_model::Malformed;
use vitrine_observe_model::metrics::{
    RemoteWrite, RemoteWriteError, SeriesLimits, Taking, Translation, Written, decode_otlp, decode_remote_write,
};
use vitrine_observe_series::{
    Budget, ExemplarSeries, Filter, Head, MatchOp, Matcher, MetadataEntry, Queryable, Select, SeriesInfo, Snapshot,
    Temporality, Value, Values,
};

/// When requests of the tests arrive, in milliseconds since 1970.
pub const NOW_MS: i64 = 1_800_000_000_000;
/// The same in nanoseconds.
pub const NOW_NS: u64 = NOW_MS as u64 * 1_000_000;

/// Samples of one series: time, start and value.
pub type Samples = Vec<(i64, i64, Value)>;

/// Series of one tenant.
pub struct Store {
    pub head: Arc<Head>,
    pub translation: Translation,
    pub limits: SeriesLimits,
    pub new_series: u64,
}

impl Store {
    pub fn new() -> Self {
        Self {
            head: Head::new(10_000),
            translation: Translation::default(),
            limits: SeriesLimits::default(),
            new_series: u64::MAX,
        }
    }

    fn taking(&self) -> Taking<'_> {
        let Self { translation, limits, new_series, .. } = self;
        Taking { translation, limits, arrival_ns: NOW_NS, oldest_ms: i64::MIN, new_series: *new_series, is_full: false }
    }

    pub fn otlp(&self, request: &[u8]) -> Result<Written, Malformed> {
        let mut batch = self.head.batch();
        let written = decode_otlp(request, &mut self.taking(), &mut batch)?;
        self.head.apply(&batch);
        Ok(written)
    }

    pub fn remote_write(&self, request: &RemoteWrite) -> Result<Written, RemoteWriteError> {
        let mut batch = self.head.batch();
        let written = decode_remote_write(request, &mut self.taking(), &mut batch)?;
        self.head.apply(&batch);
        Ok(written)
    }

    /// All series, by their labels as PromQL writes them.
    pub fn all(&self) -> Vec<(String, SeriesInfo, Samples)> {
        let select = Select { matchers: Vec::new(), after_ms: i64::MIN, until_ms: i64::MAX };
        let mut selection = self.snapshot().select(&select, &budget()).expect("it can be asked");
        let series = selection.series().to_vec();
        let mut found: Vec<_> =
            series.into_iter().map(|info| (info.labels.to_string(), info, Samples::new())).collect();
        while let Some(block) = selection.next_block().expect("it can be read") {
            for read in block {
                let values: Vec<Value> = match read.values {
                    Values::Floats(bits) => bits.iter().map(|bits| Value::Float(*bits)).collect(),
                    Values::Histograms(all) => all.iter().cloned().map(Value::Histogram).collect(),
                    Values::Mixed(all) => all.to_vec(),
                };
                let start = |place| read.starts.as_ref().map_or(0, |starts| starts[place]);
                let samples =
                    values.into_iter().enumerate().map(|(place, value)| (read.times[place], start(place), value));
                found[read.series].2.extend(samples);
            }
        }
        found
    }

    /// The samples of the only series of these labels.
    pub fn samples(&self, labels: &str) -> Samples {
        let all = self.all();
        let found = all.iter().find(|(found, ..)| found == labels);
        let known = || all.iter().map(|(labels, ..)| labels.as_str()).collect::<Vec<_>>().join("\n");
        found.unwrap_or_else(|| panic!("no {labels} among\n{}", known())).2.clone()
    }

    /// The only value of the only series of these labels, which is a double.
    pub fn float(&self, labels: &str) -> f64 {
        match &self.samples(labels)[..] {
            [(_, _, Value::Float(bits))] => f64::from_bits(*bits),
            other => panic!("{other:?}"),
        }
    }

    /// Labels of all series.
    pub fn labels(&self) -> Vec<String> {
        self.all().into_iter().map(|(labels, ..)| labels).collect()
    }

    pub fn temporality(&self, labels: &str) -> Temporality {
        self.all().into_iter().find(|(found, ..)| found == labels).expect("there is such a series").1.temporality
    }

    pub fn exemplars(&self, metric: &str) -> Vec<ExemplarSeries> {
        let matcher = Matcher::new("__name__", MatchOp::Equal, metric).expect("a sound matcher");
        let filter = Filter { matchers: vec![vec![matcher]], start_ms: i64::MIN, end_ms: i64::MAX };
        self.snapshot().exemplars(&filter, &budget()).expect("it can be asked")
    }

    pub fn metadata(&self, metric: &str) -> Vec<MetadataEntry> {
        self.snapshot().metadata(Some(metric)).expect("it can be asked")
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(Vec::new(), vec![self.head.clone()])
    }
}

fn budget() -> Arc<Budget> {
    Budget::new(64 << 20, 1_000_000, Duration::from_secs(60))
}
