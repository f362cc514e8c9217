//! What hosts send: series shaped as a node exporter's, the same every time.

use std::collections::HashMap;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use vitrine_kit::varint;

/// Series of a host that never change: 78 of 100, as node exporters have them.
const CONSTANTS: usize = 1_418;
/// Of a thousand series, so many are replaced by others within a day.
const REPLACED_A_DAY: u32 = 50;
/// Hours of a day.
const DAY_HOURS: u32 = 24;
/// Bounds of the histogram's buckets.
const BOUNDS: [&str; 12] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];

/// Which message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Remote write 1.0.
    V1,
    /// Remote write 2.0.
    V2,
}

/// One host, and where its series stand.
#[derive(Clone)]
pub(super) struct Host {
    series: Vec<Series>,
    /// The table of texts of a message of version 2.0.
    symbols: Arc<[u8]>,
    rng: SmallRng,
}

/// One series of a host.
#[derive(Clone)]
struct Series {
    labels: Labels,
    /// From which step on it is another series, if that comes.
    replaced: Option<(usize, Labels)>,
    kind: Kind,
    value: f64,
}

/// Labels in both forms.
#[derive(Clone)]
struct Labels {
    v1: Arc<[u8]>,
    v2: Arc<[u8]>,
}

#[derive(Clone, Copy)]
enum Kind {
    Constant,
    /// Grows by up to this much, in hundredths.
    Counter(u32),
    /// Moves up and down.
    Gauge,
}

impl Host {
    /// A host that sends so many steps of so many hours together.
    pub fn new(number: usize, steps: usize, hours: u32) -> Self {
        let mut rng = SmallRng::seed_from_u64(number as u64);
        let mut symbols = Symbols::default();
        symbols.place("");
        let series = all(&format!("host-{number}:9100"))
            .into_iter()
            .map(|(pairs, kind, value)| {
                let is_replaced = rng.random_range(0..1_000) < REPLACED_A_DAY * hours / DAY_HOURS;
                let replaced = is_replaced.then(|| {
                    let mut other = pairs.clone();
                    other.push(("run".to_owned(), format!("{:08x}", rng.random::<u32>())));
                    (rng.random_range(0..steps.max(1)), encode(other, &mut symbols))
                });
                Series { labels: encode(pairs, &mut symbols), replaced, kind, value }
            })
            .collect();
        Self { series, symbols: symbols.encoded.into(), rng }
    }

    /// Series at any one time.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Series at all times.
    pub fn all(&self) -> usize {
        self.series.iter().map(|series| 1 + usize::from(series.replaced.is_some())).sum()
    }

    /// A request with samples of these times, in milliseconds, of which the first is that of this step, in snappy.
    pub fn request(&mut self, version: Version, first_step: usize, times_ms: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        if version == Version::V2 {
            out.extend_from_slice(&self.symbols);
        }
        let mut message = Vec::new();
        for series in &mut self.series {
            if let Some((_, labels)) = series.replaced.take_if(|(step, _)| *step <= first_step) {
                series.labels = labels;
            }
            message.clear();
            message.extend_from_slice(if version == Version::V1 { &series.labels.v1 } else { &series.labels.v2 });
            for time in times_ms {
                series.advance(&mut self.rng);
                sample(&mut message, *time, series.value);
            }
            field(&mut out, if version == Version::V1 { 1 } else { 5 }, &message);
        }
        pack(&out)
    }
}

/// By snappy.
pub(super) fn pack(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("a request is far smaller than what snappy can hold")
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

type Described = (Vec<(String, String)>, Kind, f64);

/// All series of a host.
fn all(instance: &str) -> Vec<Described> {
    let mut all = Vec::new();
    let mut add = |name: &str, kind: Kind, value: f64, labels: &[(&str, &str)]| {
        let own = [("__name__", name), ("instance", instance), ("job", "node")];
        let pairs = own.iter().chain(labels).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        all.push((pairs.collect(), kind, value));
    };
    for cpu in 0..16 {
        for mode in ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"] {
            let most = if mode == "idle" { 1_500 } else { 80 };
            add("node_cpu_seconds_total", Kind::Counter(most), 0.0, &[("cpu", &cpu.to_string()), ("mode", mode)]);
        }
    }
    for field in ["Free", "Available", "Cached", "Buffers", "Active", "Inactive", "Dirty", "Slab"] {
        add(&format!("node_memory_{field}_bytes"), Kind::Gauge, 4e9, &[]);
    }
    for device in ["eth0", "eth1", "eth2", "eth3", "docker0", "lo"] {
        for column in ["receive_bytes", "receive_packets", "transmit_bytes", "transmit_packets"] {
            let name = format!("node_network_{column}_total");
            add(&name, Kind::Counter(9_000_000), 0.0, &[("device", device)]);
        }
    }
    for handler in 0..20 {
        let handler = format!("/api/v1/resource-{handler}");
        for (place, le) in BOUNDS.iter().enumerate() {
            let most = 100 * (place as u32 + 1);
            add("http_request_duration_seconds_bucket", Kind::Counter(most), 0.0, &[("handler", &handler), ("le", le)]);
        }
    }
    for constant in 0..CONSTANTS {
        let name = format!("node_constant_{}", constant / 10);
        add(&name, Kind::Constant, constant as f64, &[("part", &(constant % 10).to_string())]);
    }
    all
}

/// Texts, each once.
#[derive(Default)]
struct Symbols {
    places: HashMap<String, u64>,
    encoded: Vec<u8>,
}

impl Symbols {
    fn place(&mut self, text: &str) -> u64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.places.len() as u64;
        self.places.insert(text.to_owned(), place);
        field(&mut self.encoded, 4, text.as_bytes());
        place
    }
}

fn encode(mut pairs: Vec<(String, String)>, symbols: &mut Symbols) -> Labels {
    pairs.sort_unstable();
    let (mut v1, mut places) = (Vec::new(), Vec::new());
    for (name, value) in &pairs {
        label(&mut v1, name, value);
        varint::write(&mut places, symbols.place(name));
        varint::write(&mut places, symbols.place(value));
    }
    let mut v2 = Vec::new();
    field(&mut v2, 1, &places);
    Labels { v1: v1.into(), v2: v2.into() }
}

/// Adds a label of version 1.0.
pub(super) fn label(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut label = Vec::new();
    field(&mut label, 1, name.as_bytes());
    field(&mut label, 2, value.as_bytes());
    field(out, 1, &label);
}

/// Adds a sample to a series, in which both versions have it alike.
pub(super) fn sample(out: &mut Vec<u8>, time_ms: i64, value: f64) {
    out.push(2 << 3 | 2);
    let length_at = out.len();
    out.push(0);
    out.push(1 << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
    out.push(2 << 3);
    varint::write(out, time_ms as u64);
    // At most 20, which is one byte.
    out[length_at] = (out.len() - length_at - 1) as u8;
}

/// Adds a field with a length.
pub(super) fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
