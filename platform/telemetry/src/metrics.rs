//! Counters and histograms with exemplars, kept per service and handed out as OTLP.
//!
//! A point is found by its attributes; a service holds at most [`MAX_POINTS`] points per instrument, what is
//! beyond goes into one point marked `otel.metric.overflow`, as the OpenTelemetry specification says.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHasher;

use crate::context::Context;
use crate::observations::{Observation, Source, collect};
use crate::time::now_unix_nano;
use crate::value::{Value, attribute};

/// Most attribute sets of one instrument.
pub const MAX_POINTS: usize = 1000;
/// OTLP's AGGREGATION_TEMPORALITY_CUMULATIVE.
const CUMULATIVE: i32 = 2;

/// Bucket bounds for durations in seconds, fine enough to read a p99 of an in-process call.
pub const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

type Attributes<'a> = &'a [(&'static str, &'a str)];

/// The value of an attribute while it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Label<'a> {
    Text(&'a str),
    Int(i64),
}

impl From<Label<'_>> for Value {
    fn from(label: Label<'_>) -> Self {
        match label {
            Label::Text(text) => text.to_owned().into(),
            Label::Int(number) => number.into(),
        }
    }
}

fn texts<'a>(attributes: Attributes<'a>) -> impl Iterator<Item = (&'static str, Label<'a>)> + Clone {
    attributes.iter().map(|(key, value)| (*key, Label::Text(value)))
}

/// The instruments of one service.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    instruments: RwLock<Vec<Arc<Instrument>>>,
    sources: RwLock<Vec<Source>>,
}

#[derive(Debug)]
struct Instrument {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    bounds: Option<&'static [f64]>,
    started: u64,
    points: RwLock<Points>,
}

/// The points of an instrument.
#[derive(Debug, Default)]
struct Points {
    /// By the hash of their attributes; those of one hash are told apart by the attributes themselves.
    by_hash: HashMap<u64, Vec<Arc<Point>>, BuildHasherDefault<FxHasher>>,
    count: usize,
    /// Where everything goes that is beyond the bound.
    overflow: Option<Arc<Point>>,
}

impl Points {
    fn get<'a>(
        &self,
        hash: u64,
        labels: impl Iterator<Item = (&'static str, Label<'a>)> + Clone,
    ) -> Option<Arc<Point>> {
        self.by_hash.get(&hash)?.iter().find(|point| point.is(labels.clone())).cloned()
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Point>> {
        self.by_hash.values().flatten().chain(&self.overflow)
    }
}

#[derive(Debug)]
struct Point {
    attributes: Vec<(&'static str, Value)>,
    sums: Mutex<Sums>,
}

impl Point {
    fn is<'a>(&self, labels: impl Iterator<Item = (&'static str, Label<'a>)>) -> bool {
        let known = self.attributes.iter().map(|(key, value)| (*key, value.label()));
        known.eq(labels.map(|(key, label)| (key, Some(label))))
    }

    fn to_otlp(&self) -> Vec<KeyValue> {
        self.attributes.iter().map(|(key, value)| attribute(key, value.clone())).collect()
    }
}

#[derive(Debug)]
struct Sums {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    buckets: Vec<u64>,
    exemplars: Vec<Option<Exemplar>>,
}

#[derive(Clone, Copy, Debug)]
struct Exemplar {
    value: f64,
    time: u64,
    trace_id: u128,
    span_id: u64,
}

/// Counts up.
#[derive(Clone, Debug)]
pub struct Counter(Arc<Instrument>);

/// Notes values, in seconds, in buckets.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Instrument>);

impl Counter {
    /// Adds to the point of these attributes.
    pub fn add(&self, by: u64, attributes: Attributes<'_>) {
        // Above 2^53 a float would lose ones; such a counter does not occur in a process's life.
        self.0.record(by as f64, texts(attributes));
    }
}

impl Histogram {
    /// Notes a value at the point of these attributes.
    pub fn record(&self, value: f64, attributes: Attributes<'_>) {
        self.record_labels(value, texts(attributes));
    }

    /// The same, without the attributes that are none.
    pub fn record_some(&self, value: f64, attributes: &[Option<(&'static str, &str)>]) {
        self.record_labels(value, attributes.iter().flatten().map(|(key, value)| (*key, Label::Text(value))));
    }

    /// The same with whole numbers among the values of attributes.
    pub(crate) fn record_labels<'a>(
        &self,
        value: f64,
        labels: impl Iterator<Item = (&'static str, Label<'a>)> + Clone,
    ) {
        if value.is_finite() {
            self.0.record(value, labels);
        }
    }

    /// Adds up all points; those that have the attribute `error` count as errors.
    pub(crate) fn service_stats(&self, error: &str) -> ServiceStats {
        let mut total = ServiceStats { buckets: vec![0; SECONDS.len() + 1], ..ServiceStats::default() };
        for point in self.0.points.read().iter() {
            let sums = point.sums.lock();
            total.count += sums.count;
            if point.attributes.iter().any(|(key, _)| *key == error) {
                total.errors += sums.count;
            }
            for (sum, n) in total.buckets.iter_mut().zip(&sums.buckets) {
                *sum += n;
            }
        }
        total
    }
}

/// Calls that a service answered since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// All of them.
    pub count: u64,
    /// Those that failed by the service's fault.
    pub errors: u64,
    /// How many took how long; the bounds are [`SECONDS`].
    pub buckets: Vec<u64>,
}

impl ServiceStats {
    /// What happened since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        let buckets = self.buckets.iter().enumerate();
        Self {
            count: self.count.saturating_sub(earlier.count),
            errors: self.errors.saturating_sub(earlier.errors),
            buckets: buckets.map(|(i, n)| n.saturating_sub(earlier.buckets.get(i).copied().unwrap_or(0))).collect(),
        }
    }

    /// The duration in seconds below which this share of the calls stayed, interpolated within its bucket.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total: u64 = self.buckets.iter().sum();
        if total == 0 {
            return None;
        }
        let rank = share * total as f64;
        let mut below = 0.0;
        for (i, n) in self.buckets.iter().enumerate() {
            let n = *n as f64;
            if below + n >= rank && n > 0.0 {
                let low = if i == 0 { 0.0 } else { SECONDS[i - 1] };
                let high = SECONDS.get(i).copied().unwrap_or(low);
                return Some(low + (high - low) * ((rank - below) / n).clamp(0.0, 1.0));
            }
            below += n;
        }
        SECONDS.last().copied()
    }
}

impl Registry {
    pub(crate) fn counter(&self, name: &'static str, unit: &'static str, description: &'static str) -> Counter {
        Counter(self.instrument(name, unit, description, None))
    }

    pub(crate) fn histogram(&self, name: &'static str, unit: &'static str, description: &'static str) -> Histogram {
        Histogram(self.instrument(name, unit, description, Some(SECONDS)))
    }

    fn instrument(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        bounds: Option<&'static [f64]>,
    ) -> Arc<Instrument> {
        let mut all = self.instruments.write();
        if let Some(known) = all.iter().find(|i| i.name == name) {
            return known.clone();
        }
        let started = now_unix_nano();
        let made = Arc::new(Instrument { name, unit, description, bounds, started, points: RwLock::default() });
        all.push(made.clone());
        made
    }

    /// Everything as OTLP metrics, cumulative.
    pub(crate) fn collect(&self) -> Vec<otlp::Metric> {
        let now = now_unix_nano();
        let mut all: Vec<_> = self.instruments.read().iter().filter_map(|i| i.collect(now)).collect();
        all.extend(collect(&self.sources.read(), now));
        all
    }

    pub(crate) fn read_from(&self, read: Box<dyn Fn() -> Vec<Observation> + Send + Sync>) {
        self.sources.write().push(Source { started: now_unix_nano(), read });
    }
}

impl Instrument {
    fn record<'a>(&self, value: f64, labels: impl Iterator<Item = (&'static str, Label<'a>)> + Clone) {
        let point = self.point(labels);
        let exemplar = Context::with_current(|c| (c.sampled, c.trace_id, c.span_id))
            .filter(|(sampled, ..)| *sampled)
            .map(|(_, trace_id, span_id)| Exemplar { value, time: now_unix_nano(), trace_id, span_id });
        let mut sums = point.sums.lock();
        sums.count += 1;
        sums.sum += value;
        sums.min = sums.min.min(value);
        sums.max = sums.max.max(value);
        let bucket = match self.bounds {
            // OTLP: a bucket's upper bound belongs to it.
            Some(bounds) => bounds.partition_point(|bound| *bound < value),
            None => 0,
        };
        sums.buckets[bucket] += 1;
        if exemplar.is_some() {
            sums.exemplars[bucket] = exemplar;
        }
    }

    fn point<'a>(&self, labels: impl Iterator<Item = (&'static str, Label<'a>)> + Clone) -> Arc<Point> {
        // Quick, and good enough: a caller that makes attributes collide gets a longer list, of at most so many points
        // as there may be.
        let mut hasher = FxHasher::default();
        labels.clone().for_each(|label| label.hash(&mut hasher));
        let hash = hasher.finish();
        if let Some(point) = self.points.read().get(hash, labels.clone()) {
            return point;
        }
        let mut points = self.points.write();
        // Another caller may have made it meanwhile.
        if let Some(point) = points.get(hash, labels.clone()) {
            return point;
        }
        if points.count >= MAX_POINTS {
            let overflow = || self.new_point(vec![("otel.metric.overflow", true.into())]);
            return points.overflow.get_or_insert_with(overflow).clone();
        }
        let point = self.new_point(labels.map(|(key, label)| (key, label.into())).collect());
        points.count += 1;
        points.by_hash.entry(hash).or_default().push(point.clone());
        point
    }

    fn new_point(&self, attributes: Vec<(&'static str, Value)>) -> Arc<Point> {
        let buckets = self.bounds.map_or(1, |b| b.len() + 1);
        let sums = Sums {
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            buckets: vec![0; buckets],
            exemplars: vec![None; buckets],
        };
        Arc::new(Point { attributes, sums: Mutex::new(sums) })
    }

    fn collect(&self, now: u64) -> Option<otlp::Metric> {
        let points = self.points.read();
        if points.count == 0 {
            return None;
        }
        let data = match self.bounds {
            Some(bounds) => otlp::metric::Data::Histogram(otlp::Histogram {
                data_points: points.iter().map(|p| histogram_point(p, bounds, self.started, now)).collect(),
                aggregation_temporality: CUMULATIVE,
            }),
            None => otlp::metric::Data::Sum(otlp::Sum {
                data_points: points.iter().map(|p| sum_point(p, self.started, now)).collect(),
                aggregation_temporality: CUMULATIVE,
                is_monotonic: true,
            }),
        };
        Some(otlp::Metric {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            unit: self.unit.to_owned(),
            data: Some(data),
            ..otlp::Metric::default()
        })
    }
}

fn histogram_point(point: &Point, bounds: &[f64], started: u64, now: u64) -> otlp::HistogramDataPoint {
    let sums = point.sums.lock();
    otlp::HistogramDataPoint {
        attributes: point.to_otlp(),
        start_time_unix_nano: started,
        time_unix_nano: now,
        count: sums.count,
        sum: Some(sums.sum),
        bucket_counts: sums.buckets.clone(),
        explicit_bounds: bounds.to_vec(),
        exemplars: exemplars(&sums),
        min: Some(sums.min),
        max: Some(sums.max),
        ..otlp::HistogramDataPoint::default()
    }
}

fn sum_point(point: &Point, started: u64, now: u64) -> otlp::NumberDataPoint {
    let sums = point.sums.lock();
    otlp::NumberDataPoint {
        attributes: point.to_otlp(),
        start_time_unix_nano: started,
        time_unix_nano: now,
        exemplars: exemplars(&sums),
        // Counters add whole numbers only.
        value: Some(otlp::number_data_point::Value::AsInt(sums.sum as i64)),
        ..otlp::NumberDataPoint::default()
    }
}

fn exemplars(sums: &Sums) -> Vec<otlp::Exemplar> {
    let known = sums.exemplars.iter().flatten();
    known
        .map(|e| otlp::Exemplar {
            time_unix_nano: e.time,
            span_id: e.span_id.to_be_bytes().to_vec(),
            trace_id: e.trace_id.to_be_bytes().to_vec(),
            value: Some(otlp::exemplar::Value::AsDouble(e.value)),
            ..otlp::Exemplar::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Label, MAX_POINTS, Registry, SECONDS, ServiceStats, otlp};

    #[test]
    fn values_fall_into_their_buckets() {
        let registry = Registry::default();
        let histogram = registry.histogram("h", "s", "");
        for value in [0.000_05, 0.000_06, 0.004, 20.0, f64::NAN] {
            histogram.record(value, &[("k", "v")]);
        }
        let service_stats = histogram.service_stats("k");
        assert_eq!((service_stats.count, service_stats.errors), (4, 4));
        let filled: Vec<usize> = (0..service_stats.buckets.len()).filter(|i| service_stats.buckets[*i] > 0).collect();
        assert_eq!(filled, [0, 1, 6, SECONDS.len()]);
    }

    #[test]
    fn quantiles_interpolate() {
        let mut service_stats = ServiceStats { count: 100, errors: 0, buckets: vec![0; SECONDS.len() + 1] };
        assert_eq!(service_stats.quantile(0.99), None);
        service_stats.buckets[4] = 100;
        let p50 = service_stats.quantile(0.5).expect("not empty");
        assert!((p50 - 0.000_75).abs() < 1e-9, "{p50}");
    }

    #[test]
    fn a_point_is_found_by_its_attributes() {
        let registry = Registry::default();
        let histogram = registry.histogram("h", "s", "");
        let record = |labels: &[(&'static str, Label<'_>)]| histogram.record_labels(1.0, labels.iter().copied());
        for _ in 0..2 {
            record(&[("a", Label::Text("1")), ("b", Label::Text("2"))]);
            record(&[("a", Label::Int(1)), ("b", Label::Text("2"))]);
            record(&[("a", Label::Text("1"))]);
        }
        // As if all of them had one hash.
        let mut points = histogram.0.points.write();
        let all: Vec<_> = points.by_hash.drain().flat_map(|(_, same)| same).collect();
        assert_eq!(all.iter().map(|point| point.sums.lock().count).collect::<Vec<_>>(), [2, 2, 2]);
        points.by_hash.insert(7, all);
        let found = points.get(7, [("a", Label::Int(1)), ("b", Label::Text("2"))].into_iter()).expect("one of three");
        assert!(found.is([("a", Label::Int(1)), ("b", Label::Text("2"))].into_iter()), "{found:?}");
        assert!(points.get(7, [("a", Label::Int(2))].into_iter()).is_none());
    }

    #[test]
    fn attribute_sets_are_bounded() {
        let registry = Registry::default();
        let counter = registry.counter("c", "{x}", "");
        for i in 0..MAX_POINTS + 10 {
            counter.add(1, &[("i", &i.to_string())]);
        }
        let Some(otlp::metric::Data::Sum(sum)) = registry.collect().remove(0).data else { panic!("a sum") };
        assert_eq!(sum.data_points.len(), MAX_POINTS + 1);
    }
}
