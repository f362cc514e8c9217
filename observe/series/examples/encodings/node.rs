//! Series as node_exporter has them: most never change, counters rise, gauges wander, some hosts' devices come and go.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Milliseconds between two samples.
pub const INTERVAL_MS: i64 = 15_000;
/// Series of a host.
pub const HOST_SERIES: usize = 900;
/// Of 100 series, so many never change.
const CONSTANT: usize = 78;
/// Of 100 series, so many are replaced by others within a day.
const CHURN: usize = 5;
/// Samples of a day.
pub const DAY: usize = 86_400_000 / INTERVAL_MS as usize;

/// One series.
pub struct NodeSeries {
    /// The metric's name.
    pub name: String,
    /// The label that tells it from others of its name.
    pub device: String,
    /// Whether it only rises.
    pub is_counter: bool,
    /// From which sample of the day on it is there.
    pub from: usize,
    /// Up to which.
    pub until: usize,
    shape: Shape,
    random: SmallRng,
    now: f64,
}

/// How values go on.
#[derive(Clone, Copy)]
enum Shape {
    Constant,
    /// Whole numbers that rise by about this: bytes, packets, interrupts.
    Counter(f64),
    /// Seconds of a processor in hundredths.
    Seconds,
    /// Seconds as a sum of doubles.
    Durations,
    /// Bytes in pages.
    Pages,
    /// A load, in hundredths.
    Load,
    /// A measured value with all its digits.
    Measured,
}

impl NodeSeries {
    fn new(host: u64, number: usize, generation: usize) -> Self {
        let mut random = SmallRng::seed_from_u64(host << 32 | (number as u64) << 8 | generation as u64);
        let shape = match number % 100 {
            at if at < CONSTANT => Shape::Constant,
            at if at < 88 => Shape::Counter(10f64.powf(random.random_range(0.0..6.0))),
            at if at < 92 => Shape::Seconds,
            at if at < 93 => Shape::Durations,
            at if at < 97 => Shape::Pages,
            at if at < 99 => Shape::Load,
            _ => Shape::Measured,
        };
        let now = match shape {
            Shape::Constant => [0.0, 0.0, 1.0, f64::from(random.random_range(0u32..1 << 20)) * 4096.0][number % 4],
            Shape::Counter(_) => f64::from(random.random_range(0u32..u32::MAX)),
            Shape::Pages => f64::from(random.random_range(1u32..1 << 20)) * 4096.0,
            _ => f64::from(random.random_range(0u32..10_000_000)) / 100.0,
        };
        // The last ones of each hundred constants, and of the others: devices that come and go.
        let goes = number.is_multiple_of(100 / CHURN);
        let middle = DAY / 4 + (number * 7919) % (DAY / 2);
        let (from, until) = match (goes, generation) {
            (false, _) => (0, DAY),
            (true, 0) => (0, middle),
            (true, _) => (middle, DAY),
        };
        Self {
            name: format!("node_{}_{}", ["cpu", "disk", "memory", "network", "filesystem"][number % 5], number / 20),
            device: format!("dev{}-{generation}", number % 20),
            is_counter: matches!(shape, Shape::Counter(_) | Shape::Seconds | Shape::Durations),
            from,
            until,
            shape,
            random,
            now,
        }
    }

    /// The next value.
    pub fn next(&mut self) -> f64 {
        let random = &mut self.random;
        match self.shape {
            Shape::Constant => {}
            Shape::Counter(rate) => {
                let burst = if random.random_range(0..50) == 0 { 20.0 } else { 1.0 };
                self.now += (rate * burst * random.random_range(0.5..1.5)).round();
            }
            Shape::Seconds => self.now = ((self.now * 100.0).round() + f64::from(random.random_range(0..300))) / 100.0,
            Shape::Durations => self.now += random.random_range(0.0..0.01),
            Shape::Pages => self.now = (self.now + f64::from(random.random_range(-200i32..200)) * 4096.0).max(4096.0),
            Shape::Load => {
                self.now = ((self.now * 100.0).round() + f64::from(random.random_range(-5i32..6))).max(0.0) / 100.0;
            }
            Shape::Measured => self.now = (self.now + random.random_range(-1.0..1.0)).abs(),
        }
        self.now
    }
}

/// All series of a host, and those that take the place of some.
pub fn host(host: u64) -> Vec<NodeSeries> {
    let all = (0..HOST_SERIES).flat_map(|number| [NodeSeries::new(host, number, 0), NodeSeries::new(host, number, 1)]);
    all.filter(|series| series.from < series.until && !(series.from == 0 && series.device.ends_with("-1"))).collect()
}

/// The time of a sample of a host: up to 14 ms late, as pushed ones are.
pub fn time_ms(host: u64, sample: usize) -> i64 {
    let mut random = SmallRng::seed_from_u64(host << 40 | sample as u64);
    1_700_000_000_000 + sample as i64 * INTERVAL_MS + host as i64 * 37 + random.random_range(0i64..14)
}
