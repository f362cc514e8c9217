//! Heads and files, merged and deleted from, against a plain map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, any, prop, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};
use vitrine_observe_series::{
    Bucket, Budget, Description, Exemplar, FileInput, Filter, Head, Histogram, Labels, MatchOp, Matcher, MetadataEntry,
    MetricType, Queryable, STALE, Select, SeriesFile, SeriesId, Snapshot, Tombstones, TooManySeries, Value, Values,
    WriteOptions, merge,
};

const SERIES: usize = 8;
const MOST_SERIES: usize = 1_000;

fn budget() -> Arc<Budget> {
    Budget::new(64 << 20, 1_000_000, Duration::from_secs(60))
}

/// One step of what happens to a tenant.
#[derive(Debug, Clone)]
enum Step {
    /// A request: series, times and values.
    Write(Vec<(usize, i64, u8)>),
    /// All series at one time, as a scrape has them.
    Scrape(i64, u8),
    /// What is in memory becomes a file.
    Seal,
    /// Files become one, from this one on, so many.
    Merge(usize, usize),
    /// A series loses a range.
    Delete(usize, i64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let sample = (0..SERIES, -20i64..200, any::<u8>());
    prop_oneof![
        3 => prop::collection::vec(sample, 1..20).prop_map(Step::Write),
        6 => (0i64..200, any::<u8>()).prop_map(|(time, value)| Step::Scrape(time, value)),
        2 => Just(Step::Seal),
        1 => (0usize..4, 2usize..4).prop_map(|(first, count)| Step::Merge(first, count)),
        1 => (0..SERIES, 0i64..150, 0i64..60).prop_map(|(series, from, length)| Step::Delete(series, from, from + length)),
    ]
}

fn labels(series: usize) -> Labels {
    let (job, shard) = (["api", "web", ""][series % 3], (series / 3).to_string());
    Labels::of([
        ("__name__", if series.is_multiple_of(2) { "up" } else { "requests" }),
        ("job", job),
        ("shard", &shard),
    ])
}

fn identity(series: usize) -> String {
    format!("series {series}")
}

/// A value of few different ones: decimals, integers, odd doubles, stale markers, histograms.
fn value(code: u8) -> Value {
    match code % 16 {
        0 => Value::Float(STALE),
        1 => Value::Float(f64::NAN.to_bits()),
        2 => Value::Float((1.0f64 / 3.0).to_bits()),
        3 | 4 => Value::Histogram(Arc::new(Histogram {
            schema: 2,
            zero_threshold: 1e-128,
            count: f64::from(code),
            sum: f64::from(code) * 1.5,
            positive: vec![Bucket { index: i32::from(code % 5), count: f64::from(code) }],
            ..Histogram::default()
        })),
        _ => Value::Float((f64::from(code) / 10.0).to_bits()),
    }
}

/// It depends on the value only: samples with one value are one.
fn start(code: u8) -> i64 {
    let code = if code % 16 < 3 { code % 16 } else { code };
    if code % 4 == 0 { 0 } else { -i64::from(code) }
}

/// A tenant, and what it should hold.
struct Tenant {
    files: Vec<FileInput>,
    head: Arc<Head>,
    model: BTreeMap<(usize, i64), u8>,
}

impl Tenant {
    fn new() -> Self {
        Self { files: Vec::new(), head: Head::new(MOST_SERIES), model: BTreeMap::new() }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.files.clone(), vec![self.head.clone()])
    }

    fn write(&mut self, samples: &[(usize, i64, u8)]) {
        let mut batch = self.head.batch();
        for (number, time, code) in samples {
            let describe = || Ok(Description::new(MetricType::Gauge, (*number % 2) as u64, labels(*number)));
            let series = batch.series::<TooManySeries>(identity(*number).as_bytes(), describe).expect("there is room");
            match value(*code) {
                Value::Float(bits) => batch.float(series, *time, bits, start(*code)),
                Value::Histogram(it) => batch.histogram(series, *time, it, start(*code)).expect("a histogram"),
            }
            self.model.insert((*number, *time), *code);
        }
        self.head.apply(&batch);
    }

    fn seal(&mut self) {
        let mut file = Vec::new();
        let written = self.head.write(&WriteOptions { zstd_level: 0 }, &mut file).expect("written");
        assert_eq!(written.samples, self.head.status().samples);
        self.head = self.head.successor();
        if written.samples > 0 {
            self.files.push(input(file));
        }
    }

    fn merge(&mut self, first: usize, count: usize) {
        let end = (first + count).min(self.files.len());
        if first + 1 >= end {
            return;
        }
        let mut file = Vec::new();
        let chosen: Vec<FileInput> = self.files[first..end].to_vec();
        let written = merge(&chosen, i64::MIN, &WriteOptions::default(), &mut file).expect("merged");
        let merged = (written.samples > 0).then(|| input(file));
        self.files.splice(first..end, merged);
    }

    fn delete(&mut self, series: usize, from: i64, until: i64) {
        self.seal();
        let deleted = Tombstones::new([(SeriesId::of(identity(series).as_bytes()), from, until)]);
        for file in &mut self.files {
            // Those that were there before are no less deleted.
            if !file.deleted.is_empty() {
                let mut merged = Vec::new();
                merge(std::slice::from_ref(file), i64::MIN, &WriteOptions::default(), &mut merged).expect("merged");
                *file = input(merged);
            }
            file.deleted = Arc::new(deleted.clone());
        }
        self.model.retain(|(number, time), _| *number != series || !(from..=until).contains(time));
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Write(samples) => self.write(&samples),
            Step::Scrape(time, code) => {
                let samples: Vec<_> =
                    (0..SERIES).map(|series| (series, time, code.wrapping_mul(series as u8))).collect();
                self.write(&samples);
            }
            Step::Seal => self.seal(),
            Step::Merge(first, count) => self.merge(first, count),
            Step::Delete(series, from, until) => self.delete(series, from, until),
        }
    }

    fn check(&self, (after, until): (i64, i64)) {
        let select = Select { matchers: vec![], after_ms: after, until_ms: until };
        let mut selection = self.snapshot().select(&select, &budget()).expect("selected");
        let mut found: BTreeMap<(String, i64), (String, i64)> = BTreeMap::new();
        while let Some(block) = selection.next_block().expect("read") {
            for samples in block {
                let labels = selection.series()[samples.series].labels.to_string();
                assert!(samples.times.is_sorted_by(|one, other| one < other), "{:?}", samples.times);
                let values = texts(&samples.values);
                assert_eq!(values.len(), samples.times.len());
                for (at, time) in samples.times.iter().enumerate() {
                    let start = samples.starts.as_ref().map_or(0, |starts| starts[at]);
                    found.insert((labels.clone(), *time), (values[at].clone(), start));
                }
            }
        }
        let expected = self.model.iter().filter(|((_, time), _)| *time > after && *time <= until);
        let expected: BTreeMap<_, _> = expected
            .map(|((series, time), code)| ((labels(*series).to_string(), *time), (text(&value(*code)), start(*code))))
            .collect();
        let different = |(key, value): (&(String, i64), &(String, i64))| {
            (found.get(key) != Some(value)).then(|| (key.clone(), value.clone(), found.get(key).cloned()))
        };
        assert_eq!(expected.iter().find_map(different), None);
        assert_eq!(found.len(), expected.len());
    }
}

fn input(file: Vec<u8>) -> FileInput {
    let file = SeriesFile::open(Arc::new(Bytes::from(file))).expect("a file");
    file.verify().expect("it is whole");
    FileInput { file, deleted: Arc::default() }
}

/// A value to the bit.
fn text(value: &Value) -> String {
    match value {
        Value::Float(bits) => format!("{bits:x}"),
        Value::Histogram(it) => format!("{it:?}"),
    }
}

fn texts(values: &Values) -> Vec<String> {
    match values {
        Values::Floats(bits) => bits.iter().map(|bits| text(&Value::Float(*bits))).collect(),
        Values::Histograms(all) => all.iter().map(|it| text(&Value::Histogram(it.clone()))).collect(),
        Values::Mixed(all) => all.iter().map(text).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_is_lost_and_nothing_comes_back(
        steps in prop::collection::vec(step(), 1..40),
        range in (-30i64..200, -30i64..200),
    ) {
        let mut tenant = Tenant::new();
        for step in steps {
            tenant.take(step);
        }
        tenant.check((i64::MIN, i64::MAX));
        tenant.check(range);
    }

    #[test]
    fn conditions_choose_what_a_look_at_each_series_chooses(
        series in prop::collection::btree_set(0..SERIES * 3, 1..20),
        seals in prop::collection::vec(any::<bool>(), 20),
        conditions in prop::collection::vec(
            (0usize..4, 0usize..4, proptest::sample::select(vec!["", "api", "a.*", "up|requests", ".+", ".*", "web|", "[0-2]", "7"])),
            0..4,
        ),
    ) {
        let mut tenant = Tenant::new();
        for (number, seal) in series.iter().zip(seals) {
            tenant.write(&[(*number, *number as i64, 9)]);
            if seal {
                tenant.seal();
            }
        }
        let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
        let names = ["__name__", "job", "shard", "absent"];
        let matchers: Vec<Matcher> = conditions
            .iter()
            .map(|(name, op, value)| Matcher::new(names[*name], ops[*op], value).expect("a pattern"))
            .collect();
        let chosen: Vec<Labels> = series
            .iter()
            .map(|number| labels(*number))
            .filter(|labels| matchers.iter().all(|matcher| matcher.accepts(labels)))
            .collect();
        let mut expected: Vec<String> = chosen.iter().map(Labels::to_string).collect();
        expected.sort();
        expected.dedup();
        let snapshot = tenant.snapshot();
        let select = Select { matchers: matchers.clone(), after_ms: -1, until_ms: 1_000 };
        let selection = snapshot.select(&select, &budget()).expect("selected");
        let mut found: Vec<String> = selection.series().iter().map(|info| info.labels.to_string()).collect();
        found.sort();
        assert_eq!(found, expected);
        let filter = Filter { matchers: vec![matchers], start_ms: 0, end_ms: 1_000 };
        let known: BTreeSet<&str> = chosen.iter().flat_map(|labels| labels.iter().map(|label| &*label.name)).collect();
        assert_eq!(snapshot.label_names(&filter, &budget()).expect("names"), Vec::from_iter(known));
        let known: BTreeSet<&str> = chosen.iter().filter_map(|labels| labels.get("shard")).collect();
        assert_eq!(snapshot.label_values("shard", &filter, &budget()).expect("values"), Vec::from_iter(known));
    }
}

#[test]
fn files_keep_exemplars_metadata_and_what_is_not_expired() {
    let mut tenant = Tenant::new();
    for round in 0..3i64 {
        tenant.write(&[(0, 100 + round, 9), (1, round, 10)]);
        let mut batch = tenant.head.batch();
        let series = batch.series::<TooManySeries>(identity(0).as_bytes(), || unreachable!("it is known"));
        let labels = Labels::of([("trace_id", "1")]);
        let exemplar = Exemplar { labels, value: 1.0, time_ms: 100 + round % 2 };
        batch.exemplar(series.expect("it is known"), exemplar);
        batch.metadata(MetadataEntry {
            metric: "up".into(),
            kind: MetricType::Gauge,
            help: format!("said {}", round % 2),
            unit: String::new(),
        });
        tenant.head.apply(&batch);
        tenant.seal();
    }
    let mut file = Vec::new();
    let written = merge(&tenant.files, 50, &WriteOptions::default(), &mut file).expect("merged");
    assert_eq!((written.series, written.samples, written.exemplars), (1, 3, 2));
    assert_eq!((written.min_ms, written.max_ms, written.bytes), (100, 102, file.len() as u64));
    let snapshot = Snapshot::new(vec![input(file)], vec![]);
    let filter = Filter { matchers: vec![vec![]], start_ms: 0, end_ms: 1_000 };
    let exemplars = snapshot.exemplars(&filter, &budget()).expect("exemplars");
    assert_eq!(exemplars.iter().map(|it| it.exemplars.len()).collect::<Vec<usize>>(), [2]);
    assert_eq!(snapshot.metadata(Some("up")).expect("metadata").len(), 2);
    // What is gone is not told of any more.
    let all = Filter { end_ms: 1_000, ..Filter::default() };
    assert_eq!(snapshot.label_values("__name__", &all, &budget()).expect("values"), ["up"]);
}

#[test]
fn many_series_and_samples_go_through_merges() {
    const MANY: usize = 1_300;
    let write = |head: &Head, step: i64| {
        let mut batch = head.batch();
        for number in 0..MANY {
            let name = number.to_string();
            let labels = Labels::of([("__name__", "m"), ("n", &*name)]);
            let describe = || Ok(Description::new(MetricType::Counter, (number % 3) as u64, labels.clone()));
            let series = batch.series::<TooManySeries>(name.as_bytes(), describe).expect("there is room");
            // Some come later, some end, some miss one.
            if number % 7 == 0 && step < 400 || number % 11 == 0 && step > 900 || number % 13 == 0 && step == 77 {
                continue;
            }
            batch.float(series, step * 15_000 + (number % 3) as i64, ((number as i64 * step) as f64).to_bits(), 0);
        }
        head.apply(&batch).added
    };
    let mut head = Head::new(MANY);
    let (mut files, mut samples) = (Vec::new(), 0);
    for step in 0..1_200 {
        samples += write(&head, step);
        if step % 100 == 99 {
            let mut file = Vec::new();
            head.write(&WriteOptions { zstd_level: 0 }, &mut file).expect("written");
            files.push(input(file));
            head = head.successor();
        }
    }
    let mut file = Vec::new();
    let written = merge(&files, i64::MIN, &WriteOptions::default(), &mut file).expect("merged");
    assert_eq!((written.samples, written.series), (samples, MANY as u64));
    assert!(written.bytes - written.name_bytes < samples / 20, "{written:?}");
    let snapshot = Snapshot::new(vec![input(file)], vec![]);
    let range = (300 * 15_000, 1_000 * 15_000);
    let select = Select { matchers: vec![], after_ms: range.0, until_ms: range.1 };
    let mut selection = snapshot.select(&select, &budget()).expect("selected");
    let (mut blocks, mut count, mut clocks) = (0, 0u64, BTreeSet::new());
    while let Some(block) = selection.next_block().expect("read") {
        blocks += 1;
        for samples in block {
            let labels = &selection.series()[samples.series].labels;
            let number: i64 = labels.get("n").and_then(|n| n.parse().ok()).expect("a number");
            let Values::Floats(bits) = &samples.values else { panic!("floats expected") };
            for (time, bits) in samples.times.iter().zip(&**bits) {
                assert_eq!(f64::from_bits(*bits), (number * (time / 15_000)) as f64);
            }
            count += samples.times.len() as u64;
            clocks.insert(samples.times.as_ptr() as usize);
        }
    }
    let expected = (0..MANY)
        .flat_map(|number| (301..=1_000).map(move |step| (number, step)))
        .filter(|(number, step)| number % 3 == 0 || *step < 1_000)
        .filter(|(number, step)| !(number % 7 == 0 && *step < 400 || number % 11 == 0 && *step > 900))
        .count();
    // A sample at the first step is a few milliseconds later on two of three clocks, and the last one beyond the end.
    assert_eq!(count, (expected + (0..MANY).filter(|n| n % 3 != 0 && n % 7 != 0).count()) as u64);
    assert!(blocks >= MANY / 256 && clocks.len() <= blocks * 12, "{blocks} blocks, {} clocks", clocks.len());
}
