//! Seeded data: counters with resets, gauges with odd values, series that end, classic and native histograms.

use std::sync::Arc;

use vitrine_observe_promql::testing::MemorySeries;
use vitrine_observe_series::{Bucket, CounterReset, Histogram, Labels, STALE, Value};

/// When the data begins, in milliseconds since 1970: a whole minute, and not a whole hour.
pub(crate) const START_MS: i64 = 1_600_000_020_000;

/// When it ends.
pub(crate) const END_MS: i64 = START_MS + 2 * 3_600_000;

/// Between two samples.
const INTERVAL_MS: i64 = 15_000;

/// Between two samples of histograms.
const HISTOGRAM_INTERVAL_MS: i64 = 60_000;

/// Bounds of classic histograms.
const BOUNDS: [&str; 6] = ["0.05", "0.1", "0.5", "1", "5", "+Inf"];

/// A series with its samples in order of time.
#[derive(Debug)]
pub(crate) struct Written {
    pub labels: Labels,
    pub samples: Vec<(i64, Value)>,
}

/// Numbers that look random and are the same in every run (Knuth's multiplier).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn up_to(&mut self, most: f64) -> f64 {
        (self.next() * most).floor()
    }
}

fn floats(labels: &[(&str, &str)], mut value: impl FnMut(i64) -> Option<u64>) -> Written {
    let mut samples = Vec::new();
    for step in 0..=(END_MS - START_MS) / INTERVAL_MS {
        if let Some(bits) = value(step) {
            samples.push((START_MS + step * INTERVAL_MS, Value::Float(bits)));
        }
    }
    Written { labels: Labels::of(labels.iter().copied()), samples }
}

/// Counters: some start anew, one has gaps, one jitters, one begins late.
fn counters(dice: &mut Dice, all: &mut Vec<Written>) {
    for (index, (job, instance)) in
        [("api", "a"), ("api", "b"), ("web", "a"), ("web", "b"), ("batch", "c")].into_iter().enumerate()
    {
        for code in ["200", "404", "500"] {
            let mut total = dice.up_to(50.0);
            let labels = [("__name__", "requests_total"), ("job", job), ("instance", instance), ("code", code)];
            let mut written = floats(&labels, |step| {
                total += dice.up_to(if code == "200" { 20.0 } else { 2.0 });
                if (step + index as i64 * 37) % 190 == 189 {
                    total = dice.up_to(3.0);
                }
                let gap = index == 1 && (100..130).contains(&step);
                (!gap).then_some(total.to_bits())
            });
            if index == 3 {
                for (time, _) in &mut written.samples {
                    *time += dice.up_to(14.0) as i64;
                }
            }
            all.push(written);
        }
    }
    let labels = [("__name__", "uploads_total"), ("instance", "a")];
    all.push(floats(&labels, |step| (step >= 150).then_some((step as f64 * 3.0).to_bits())));
}

/// Gauges: with numbers that are none, infinite and negative ones, and one that ends and comes back.
fn gauges(dice: &mut Dice, all: &mut Vec<Written>) {
    for (index, instance) in ["a", "b", "c", "d"].into_iter().enumerate() {
        for name in ["temperature", "load"] {
            let labels =
                [("__name__", name), ("instance", instance), ("room", if index < 2 { "east" } else { "west" })];
            all.push(floats(&labels, |step| {
                let value = (dice.next() - 0.3) * 100.0;
                match (index, step) {
                    (1, 200..210) => Some(f64::NAN.to_bits()),
                    (2, 300..303) => Some(f64::INFINITY.to_bits()),
                    (2, 303..305) => Some(f64::NEG_INFINITY.to_bits()),
                    (3, 240) => Some(STALE),
                    (3, 241..280) => None,
                    _ => Some(value.to_bits()),
                }
            }));
        }
        let up = [("__name__", "up"), ("job", if index < 2 { "api" } else { "web" }), ("instance", instance)];
        all.push(floats(&up, |step| Some(f64::from(u8::from((step + index as i64) % 23 != 0)).to_bits())));
    }
    for (instance, version, region) in [("a", "1.9", "north"), ("b", "1.10", "north"), ("c", "2.0", "south")] {
        for (job, name) in [("api", "target_info"), ("web", "target_info"), ("api", "build_info")] {
            let labels =
                [("__name__", name), ("job", job), ("instance", instance), ("version", version), ("region", region)];
            all.push(floats(&labels, |_| Some(1_f64.to_bits())));
        }
    }
}

/// A classic histogram whose buckets are series.
fn classic(dice: &mut Dice, all: &mut Vec<Written>) {
    for instance in ["a", "b"] {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let mut counts = [0.0; BOUNDS.len()];
        for step in 0..=(END_MS - START_MS) / INTERVAL_MS {
            if step == 222 {
                counts = [0.0; BOUNDS.len()];
            }
            let mut below = 0.0;
            for count in &mut counts {
                below += dice.up_to(4.0);
                *count += below;
            }
            columns.push(counts.to_vec());
        }
        for (place, bound) in BOUNDS.iter().enumerate() {
            let labels = [("__name__", "duration_seconds_bucket"), ("instance", instance), ("le", *bound)];
            all.push(floats(&labels, |step| Some(columns[step as usize][place].to_bits())));
        }
        let labels = [("__name__", "duration_seconds_count"), ("instance", instance)];
        all.push(floats(&labels, |step| columns[step as usize].last().map(|count| count.to_bits())));
    }
}

fn histograms(labels: &[(&str, &str)], mut value: impl FnMut(i64) -> Option<Histogram>) -> Written {
    let mut samples = Vec::new();
    for step in 0..=(END_MS - START_MS) / HISTOGRAM_INTERVAL_MS {
        if let Some(histogram) = value(step) {
            samples.push((START_MS + step * HISTOGRAM_INTERVAL_MS, Value::Histogram(Arc::new(histogram))));
        }
    }
    Written { labels: Labels::of(labels.iter().copied()), samples }
}

/// A histogram that counts on, and starts anew sometimes.
fn growing(dice: &mut Dice, schema: i8, indexes: &[i32], labels: &[(&str, &str)], gauge: bool) -> Written {
    let custom: Arc<[f64]> = if schema == -53 { [0.1, 0.5, 1.0, 2.5].into() } else { Arc::from([]) };
    // So much that nobody extrapolates below zero: newer Prometheus does not, and 3.5 does.
    let mut counts = vec![2000.0; indexes.len()];
    let (mut zero, mut sum) = (0.0, 0.0);
    histograms(labels, |step| {
        if gauge || step % 47 == 46 {
            counts.fill(1000.0);
            (zero, sum) = (0.0, 0.0);
        }
        for count in &mut counts {
            *count += dice.up_to(5.0) + 1.0;
        }
        let exponential = schema != -53;
        if exponential {
            zero += dice.up_to(2.0);
        }
        sum += dice.up_to(100.0) + 1.0;
        let buckets: Vec<Bucket> =
            indexes.iter().zip(&counts).map(|(index, count)| Bucket { index: *index, count: *count }).collect();
        let negative = if schema == 1 { vec![Bucket { index: 2, count: counts[0] }] } else { Vec::new() };
        let count = buckets.iter().chain(&negative).map(|bucket| bucket.count).sum::<f64>() + zero;
        Some(Histogram {
            schema,
            zero_threshold: if exponential { 0.001 } else { 0.0 },
            zero_count: zero,
            count,
            sum,
            positive: buckets,
            negative,
            custom_bounds: custom.clone(),
            reset: if gauge { CounterReset::Gauge } else { CounterReset::Unknown },
        })
    })
}

/// All series.
pub(crate) fn series() -> Vec<Written> {
    let mut dice = Dice(42);
    let mut all = Vec::new();
    counters(&mut dice, &mut all);
    gauges(&mut dice, &mut all);
    classic(&mut dice, &mut all);
    for (instance, schema) in [("a", 0), ("b", 1), ("c", 3)] {
        let labels = [("__name__", "latency_seconds"), ("instance", instance)];
        all.push(growing(&mut dice, schema, &[-2, 0, 1, 4], &labels, false));
    }
    for instance in ["a", "b"] {
        let labels = [("__name__", "custom_seconds"), ("instance", instance)];
        all.push(growing(&mut dice, -53, &[0, 1, 2, 4], &labels, false));
        let labels = [("__name__", "size_bytes"), ("instance", instance)];
        all.push(growing(&mut dice, 2, &[3, 4, 5], &labels, true));
    }
    // Floats first, then histograms.
    let labels = [("__name__", "mixed"), ("instance", "a")];
    let mut mixed = growing(&mut dice, 0, &[1, 2], &labels, false);
    for (place, (_, value)) in mixed.samples.iter_mut().enumerate().filter(|(place, _)| place % 40 < 20) {
        *value = Value::Float((place as f64).to_bits());
    }
    all.push(mixed);
    // In order, because Prometheus takes series in the order in which they first came: it decides between equal values.
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all
}

/// The same in memory.
pub(crate) fn in_memory(all: &[Written]) -> MemorySeries {
    let mut memory = MemorySeries::default();
    for written in all {
        for (time, value) in &written.samples {
            memory.append(&written.labels, *time, 0, value.clone());
        }
    }
    memory
}
