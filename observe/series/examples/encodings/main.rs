//! What a day of metrics takes: encodings of values against each other, then whole files from the first seal to the last merge.
//!
//! `cargo run -p vitrine-observe-series --example encodings [HOSTS] [FILE]`; with a file, all chunks of values are written to it, each as its
//! length and its doubles, for other codecs to be tried on.

mod node;
mod xor;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use vitrine_observe_series::{
    Budget, Description, FileInput, Head, Labels, MatchOp, Matcher, MetricType, Queryable, Select, SeriesFile,
    Snapshot, TooManySeries, WriteOptions, merge, pack_floats, unpack_floats,
};

/// Samples of a chunk.
const CHUNK: usize = 512;
/// Series whose chunks are compressed together.
const PAGE: usize = 64;
/// Samples until a head becomes a file: ten minutes.
const SEAL: usize = 40;
/// Files that are merged into one.
const FAN_IN: usize = 16;
const ZSTD_LEVEL: i32 = 3;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let hosts: u64 = arguments.next().map_or(Ok(1), |hosts| hosts.parse())?;
    let out = &mut io::stdout();
    values(hosts, arguments.next(), out)?;
    files(hosts, out)
}

/// Chunks of values: each encoding, alone and under zstd in pages.
fn values(hosts: u64, dump: Option<String>, out: &mut impl Write) -> Result<(), Failure> {
    let mut chunks: Vec<Vec<u64>> = Vec::new();
    for mut series in (0..hosts).flat_map(node::host) {
        let all: Vec<u64> = (series.from..series.until).map(|_| series.next().to_bits()).collect();
        chunks.extend(all.chunks(CHUNK).map(<[u64]>::to_vec));
    }
    if let Some(path) = dump {
        let mut file = io::BufWriter::new(std::fs::File::create(path)?);
        for chunk in &chunks {
            file.write_all(&(chunk.len() as u32).to_le_bytes())?;
            chunk.iter().try_for_each(|bits| file.write_all(&bits.to_le_bytes()))?;
        }
        file.flush()?;
    }
    let samples: usize = chunks.iter().map(Vec::len).sum();
    writeln!(out, "{samples} samples in {} chunks", chunks.len())?;
    let pack = |values: &[u64]| pack_floats(values);
    let unpack = |bytes: &[u8], count| unpack_floats(bytes, count).expect("it was packed");
    one(out, "packed decimals", &chunks, samples, pack, unpack)?;
    one(out, "XOR", &chunks, samples, xor::write, xor::read)?;
    Ok(())
}

fn one(
    out: &mut impl Write,
    name: &str,
    chunks: &[Vec<u64>],
    samples: usize,
    write: impl Fn(&[u64]) -> Vec<u8>,
    read: impl Fn(&[u8], usize) -> Vec<u64>,
) -> Result<(), Failure> {
    let begin = Instant::now();
    let packed: Vec<Vec<u8>> = chunks.iter().map(|chunk| write(chunk)).collect();
    let (writing, begin) = (begin.elapsed(), Instant::now());
    for (packed, chunk) in packed.iter().zip(chunks) {
        assert!(read(packed, chunk.len()) == *chunk, "{name} lost something");
    }
    let reading = begin.elapsed();
    let bytes: usize = packed.iter().map(Vec::len).sum();
    let mut compressed = 0;
    for page in packed.chunks(PAGE) {
        compressed += zstd::bulk::compress(&page.concat(), ZSTD_LEVEL)?.len();
    }
    let each = |bytes: usize| bytes as f64 / samples as f64;
    let nanos = |time: Duration| time.as_nanos() as f64 / samples as f64;
    writeln!(
        out,
        "{name}: {:.3} bytes a sample, {:.3} under zstd; written in {:.1} ns, read in {:.1} ns",
        each(bytes),
        each(compressed),
        nanos(writing),
        nanos(reading),
    )?;
    Ok(())
}

/// A day of hosts through heads, files and merges.
fn files(hosts: u64, out: &mut impl Write) -> Result<(), Failure> {
    let mut nodes: Vec<Vec<node::NodeSeries>> = (0..hosts).map(node::host).collect();
    let most = hosts as usize * node::HOST_SERIES * 2;
    let mut head = Head::new(most);
    let mut levels: Vec<Vec<FileInput>> = vec![Vec::new(); 3];
    let (mut preparing, mut applying, mut sealing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut samples = 0;
    for sample in 0..node::DAY {
        for (host, series) in (0..).zip(&mut nodes) {
            let begin = Instant::now();
            let mut batch = head.batch();
            let time = node::time_ms(host, sample);
            for (number, series) in series.iter_mut().enumerate() {
                if sample < series.from || sample >= series.until {
                    continue;
                }
                let value = series.next();
                add(&mut batch, host, number, series, time, value)?;
            }
            preparing += begin.elapsed();
            let begin = Instant::now();
            samples += head.apply(&batch).added;
            applying += begin.elapsed();
        }
        if (sample + 1) % SEAL == 0 || sample + 1 == node::DAY {
            if sample + 1 == SEAL {
                memory(&head, out)?;
            }
            let begin = Instant::now();
            let mut file = Vec::new();
            let written = head.write(&WriteOptions { zstd_level: 0 }, &mut file)?;
            sealing += begin.elapsed();
            if sample + 1 == SEAL {
                writeln!(out, "sealed: {}", summary(&written))?;
            }
            head = head.successor();
            levels[0].push(input(file)?);
            let is_last = sample + 1 == node::DAY;
            for level in 0..2 {
                if levels[level].len() == FAN_IN || is_last && !levels[level].is_empty() {
                    let merged = merged(&levels[level], out)?;
                    levels[level].clear();
                    levels[level + 1].push(merged);
                }
            }
        }
    }
    let each = |time: Duration| time.as_nanos() as f64 / samples as f64;
    writeln!(
        out,
        "a sample: {:.0} ns until it is in a batch, {:.0} ns in the head, {:.0} ns to a file",
        each(preparing),
        each(applying),
        each(sealing)
    )?;
    let all: Vec<FileInput> = levels.into_iter().flatten().collect();
    let last = [merged(&all, out)?];
    queries(&last, out)
}

fn add(
    batch: &mut vitrine_observe_series::Batch,
    host: u64,
    number: usize,
    series: &node::NodeSeries,
    time: i64,
    value: f64,
) -> Result<(), Failure> {
    // As long as the identity of such a series is, and as quick to make.
    let mut identity = [0u8; 150];
    identity[..8].copy_from_slice(&host.to_le_bytes());
    identity[8..16].copy_from_slice(&(number as u64).to_le_bytes());
    let series = batch.series::<TooManySeries>(&identity, || {
        let instance = format!("host-{host:05}.example:9100");
        let labels = [
            ("__name__", &*series.name),
            ("device", &series.device),
            ("env", "production"),
            ("instance", &instance),
            ("job", "node"),
            ("region", "eu-central-1"),
        ];
        let kind = if series.is_counter { MetricType::Counter } else { MetricType::Gauge };
        Ok(Description::new(kind, host, Labels::of(labels)))
    })?;
    batch.float(series, time, value.to_bits(), 0);
    Ok(())
}

fn memory(head: &Head, out: &mut impl Write) -> Result<(), Failure> {
    let status = head.status();
    let (samples, names) = (status.bytes as u64 / status.series, head.table().bytes() as u64 / status.series);
    writeln!(out, "in memory after ten minutes: {} bytes a series, {names} of them for names", samples + names)?;
    Ok(())
}

fn input(file: Vec<u8>) -> Result<FileInput, Failure> {
    Ok(FileInput { file: SeriesFile::open(Arc::new(Bytes::from(file)))?, deleted: Arc::default() })
}

fn merged(inputs: &[FileInput], out: &mut impl Write) -> Result<FileInput, Failure> {
    let begin = Instant::now();
    let mut file = Vec::new();
    let written = merge(inputs, i64::MIN, &WriteOptions { zstd_level: ZSTD_LEVEL }, &mut file)?;
    let nanos = begin.elapsed().as_nanos() as f64 / written.samples as f64;
    writeln!(out, "{} merged in {nanos:.0} ns a sample: {}", inputs.len(), summary(&written))?;
    input(file)
}

fn summary(written: &vitrine_observe_series::Written) -> String {
    let samples = (written.bytes - written.name_bytes) as f64 / written.samples as f64;
    let names = written.name_bytes as f64 / written.series as f64;
    format!(
        "{} samples of {} series, {samples:.3} bytes a sample, {names:.1} bytes a series",
        written.samples, written.series
    )
}

/// How fast a day is read.
fn queries(files: &[FileInput], out: &mut impl Write) -> Result<(), Failure> {
    let snapshot = Snapshot::new(files.to_vec(), vec![]);
    let metric = |value: &str| vec![Matcher::new("__name__", MatchOp::Regex, value).expect("a pattern")];
    for (what, matchers, after_ms) in [
        ("all of the day", vec![], i64::MIN),
        ("all, the last hour", vec![], node::time_ms(0, node::DAY) - 3_600_000),
        ("one metric of the day", metric("node_cpu_1"), i64::MIN),
    ] {
        let begin = Instant::now();
        let budget = Budget::new(4 << 30, u64::MAX, Duration::from_secs(600));
        let mut selection = snapshot.select(&Select { matchers, after_ms, until_ms: i64::MAX }, &budget)?;
        let (found, mut samples) = (begin.elapsed(), 0usize);
        while let Some(block) = selection.next_block()? {
            samples += block.iter().map(|series| series.times.len()).sum::<usize>();
        }
        let nanos = (begin.elapsed() - found).as_nanos() as f64 / samples.max(1) as f64;
        let series = selection.series().len();
        writeln!(
            out,
            "{what}: {series} series found in {} us, {samples} samples read in {nanos:.1} ns each",
            found.as_micros()
        )?;
    }
    Ok(())
}
