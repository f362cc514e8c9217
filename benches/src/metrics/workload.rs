//! Samples as hosts send them: shaped as a node exporter's, the same every time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use vitrine_kit::varint;

/// Hosts.
const HOSTS: usize = 11;
/// Series of a host that never change: 78 of 100, as node exporters have them.
const CONSTANTS: usize = 700;
/// Seconds between two samples.
const STEP_S: i64 = 15;
/// Samples of each series in one request.
const STEPS_A_REQUEST: usize = 4;
/// Bounds of the histogram's buckets.
const BOUNDS: [&str; 12] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];

/// One series of a host.
#[derive(Clone)]
struct Series {
    labels: Arc<[u8]>,
    kind: Kind,
    value: f64,
}

#[derive(Clone, Copy)]
enum Kind {
    Constant,
    /// Grows by up to this much, in hundredths.
    Counter(u32),
    /// Moves up and down.
    Gauge,
}

/// Samples of all hosts over some time.
pub(super) struct Workload {
    steps: usize,
    end_s: i64,
    hosts: Vec<Vec<Series>>,
}

impl Workload {
    /// About so many samples, up to now.
    pub fn new(samples: usize) -> Self {
        let hosts: Vec<Vec<Series>> = (0..HOSTS).map(host).collect();
        let series: usize = hosts.iter().map(Vec::len).sum();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        Self { steps: (samples / series).max(STEPS_A_REQUEST), end_s: now / STEP_S * STEP_S, hosts }
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.hosts.iter().map(Vec::len).sum()
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.series() * (self.steps / STEPS_A_REQUEST * STEPS_A_REQUEST)
    }

    /// From when to when, in seconds since 1970.
    pub fn times(&self) -> (i64, i64) {
        (self.end_s - STEP_S * self.steps as i64, self.end_s)
    }

    /// The requests of one of several senders, which has some of the hosts, in rounds: one for each host. All senders have as many rounds.
    pub fn rounds(&self, sender: usize, senders: usize) -> impl Iterator<Item = Vec<Vec<u8>>> + Send + use<> {
        let mut hosts: Vec<Vec<Series>> = self.hosts.iter().skip(sender).step_by(senders).cloned().collect();
        let (start, rounds) = (self.times().0, self.steps / STEPS_A_REQUEST);
        let mut rng = SmallRng::seed_from_u64(sender as u64);
        (0..rounds).map(move |round| {
            let first = start + STEP_S * (round * STEPS_A_REQUEST) as i64;
            hosts.iter_mut().map(|host| request(host, first, &mut rng)).collect()
        })
    }
}

fn host(number: usize) -> Vec<Series> {
    let instance = format!("host-{number}:9100");
    let mut all = Vec::new();
    let mut add = |name: &str, kind: Kind, value: f64, labels: &[(&str, &str)]| {
        let mut pairs: Vec<(&str, &str)> = vec![("__name__", name), ("instance", &instance), ("job", "node")];
        pairs.extend(labels);
        pairs.sort_unstable();
        all.push(Series { labels: encode_labels(&pairs), kind, value });
    };
    for cpu in 0..8 {
        for mode in ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"] {
            let most = if mode == "idle" { 1_500 } else { 80 };
            add("node_cpu_seconds_total", Kind::Counter(most), 0.0, &[("cpu", &cpu.to_string()), ("mode", mode)]);
        }
    }
    for field in ["Free", "Available", "Cached", "Buffers", "Active", "Inactive", "Dirty", "Slab"] {
        add(&format!("node_memory_{field}_bytes"), Kind::Gauge, 4e9, &[]);
    }
    for device in ["eth0", "eth1", "docker0"] {
        for column in ["receive_bytes", "receive_packets", "transmit_bytes", "transmit_packets"] {
            let name = format!("node_network_{column}_total");
            add(&name, Kind::Counter(9_000_000), 0.0, &[("device", device)]);
        }
    }
    for handler in ["/", "/api", "/cart", "/order", "/pay"] {
        for (place, le) in BOUNDS.iter().enumerate() {
            let most = 100 * (place as u32 + 1);
            add("http_request_duration_seconds_bucket", Kind::Counter(most), 0.0, &[("handler", handler), ("le", le)]);
        }
    }
    for constant in 0..CONSTANTS {
        let name = format!("node_constant_{}", constant / 10);
        add(&name, Kind::Constant, constant as f64, &[("part", &(constant % 10).to_string())]);
    }
    all
}

fn encode_labels(pairs: &[(&str, &str)]) -> Arc<[u8]> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        let mut label = Vec::new();
        field(&mut label, 1, name.as_bytes());
        field(&mut label, 2, value.as_bytes());
        field(&mut out, 1, &label);
    }
    out.into()
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A `prometheus.WriteRequest` of a host from a time on, in snappy.
fn request(host: &mut [Series], first_s: i64, rng: &mut SmallRng) -> Vec<u8> {
    // All series of a scrape have one time, which is not exactly that of the grid.
    let times: Vec<i64> =
        (0..STEPS_A_REQUEST as i64).map(|step| (first_s + STEP_S * step) * 1_000 + rng.random_range(0..14)).collect();
    let mut out = Vec::new();
    let mut message = Vec::new();
    for series in host {
        message.clear();
        message.extend_from_slice(&series.labels);
        for time in &times {
            series.advance(rng);
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&series.value.to_le_bytes());
            sample.push(2 << 3);
            varint::write(&mut sample, *time as u64);
            field(&mut message, 2, &sample);
        }
        field(&mut out, 1, &message);
    }
    let packed = snap::raw::Encoder::new().compress_vec(&out);
    packed.expect("a request is far smaller than what snappy can hold")
}

impl Series {
    fn advance(&mut self, rng: &mut SmallRng) {
        match self.kind {
            Kind::Constant => {}
            Kind::Counter(most) => {
                let hundredths = (self.value * 100.0).round() + f64::from(rng.random_range(0..most));
                self.value = hundredths / 100.0;
            }
            Kind::Gauge => self.value += f64::from(rng.random_range(-2_000_i32..2_000)) * 4_096.0,
        }
    }
}
