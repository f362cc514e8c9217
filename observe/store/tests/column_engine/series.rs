//! Metric points as series: what is asked for, after whatever happened.

use std::time::Duration;

use vitrine_observe_store::model::metrics::{RemoteWrite, SeriesWrite, WriteCompression, WriteVersion, Written};
use vitrine_observe_store::series::{Budget, Labels, MatchOp, Matcher, MetricType, Select, Value, Values};
use vitrine_observe_store::{ColumnEngine, Options, Reports, Series, SeriesIngest, Signal, Tenant, WriteError};

use crate::support::{BEGIN_MS, BEGIN_NS, SECOND, metric_request, open, options, write};

/// Samples of a series, by their times since the clock's beginning.
pub type SeriesSamples = Vec<(String, Vec<(i64, f64)>)>;

pub fn series(name: &str, samples: &[(i64, f64)]) -> SeriesWrite {
    let samples = samples.iter().map(|(time, value)| (BEGIN_MS + time, 0, Value::Float(value.to_bits())));
    SeriesWrite {
        labels: Labels::of([("__name__", name), ("job", "j")]),
        kind: MetricType::Gauge,
        help: String::new(),
        unit: String::new(),
        samples: samples.collect(),
        exemplars: Vec::new(),
    }
}

pub fn send(engine: &ColumnEngine, tenant: &Tenant, all: &[SeriesWrite]) -> Result<Written, WriteError> {
    let receipt = engine.remote_write(tenant, RemoteWrite::of(all));
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(receipt)
}

/// All samples of series whose names begin so.
pub fn find(engine: &ColumnEngine, tenant: &Tenant, begins: &str) -> SeriesSamples {
    let matcher = Matcher::new("__name__", MatchOp::Regex, &format!("{begins}.*")).expect("a sound matcher");
    let select = Select { matchers: vec![matcher], after_ms: i64::MIN, until_ms: i64::MAX };
    let budget = Budget::new(64 << 20, 10_000_000, Duration::from_secs(60));
    let mut selection = engine.series(tenant).select(&select, &budget).expect("it can be asked");
    let names: Vec<String> = selection.series().iter().map(|info| info.labels.to_string()).collect();
    let mut found = SeriesSamples::new();
    while let Some(block) = selection.next_block().expect("it can be read") {
        for read in block {
            let Values::Floats(values) = &read.values else { panic!("doubles only") };
            let samples = read.times.iter().zip(values.iter());
            let samples = samples.map(|(time, bits)| (time - BEGIN_MS, f64::from_bits(*bits))).collect();
            found.push((names[read.series].clone(), samples));
        }
    }
    found
}

pub fn named(name: &str, samples: &[(i64, f64)]) -> SeriesSamples {
    vec![(format!("{{__name__=\"{name}\", job=\"j\"}}"), samples.to_vec())]
}

#[test]
fn samples_are_found_when_they_are_taken_and_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    {
        let (engine, _clock) = open(options(folder.path()));
        let written = send(&engine, &tenant, &[series("up", &[(0, 1.0), (15_000, 0.0)])]).expect("taken");
        assert_eq!((written.samples, written.refused.total()), (2, 0));
        assert_eq!(find(&engine, &tenant, "up"), named("up", &[(0, 1.0), (15_000, 0.0)]));
        assert_eq!(find(&engine, &Tenant::new("other").expect("a sound name"), "up"), SeriesSamples::new());
    }
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(find(&engine, &tenant, "up"), named("up", &[(0, 1.0), (15_000, 0.0)]));
    // The same once more, and a correction.
    send(&engine, &tenant, &[series("up", &[(0, 1.0), (15_000, 7.0), (-5000, 3.0)])]).expect("taken");
    assert_eq!(find(&engine, &tenant, "up"), named("up", &[(-5000, 3.0), (0, 1.0), (15_000, 7.0)]));
}

#[test]
fn otlp_becomes_series() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let expected = vec![("{__name__=\"heat\", job=\"j\"}".to_owned(), vec![(0, 21.0), (1000, 22.0)])];
    {
        let (engine, _clock) = open(options(folder.path()));
        for (time, value) in [(BEGIN_NS, 21), (BEGIN_NS + SECOND, 22)] {
            let accepted = write(&engine, &tenant, Signal::Metrics, metric_request("j", "heat", time, value));
            assert_eq!(accepted.expect("taken").taken, 1);
        }
        assert_eq!(find(&engine, &tenant, "heat"), expected);
    }
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(find(&engine, &tenant, "heat"), expected);
}

#[test]
fn what_nobody_can_read_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _clock) = open(options(folder.path()));
    let request =
        RemoteWrite { version: WriteVersion::V2, compression: WriteCompression::Snappy, body: vec![0xFF; 9].into() };
    let receipt = engine.remote_write(&Tenant::default(), request);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let error = runtime.block_on(receipt).expect_err("refused");
    assert!(matches!(&error, WriteError::Malformed(cause) if cause.contains("snappy")), "{error}");
    let nothing = send(&engine, &Tenant::default(), &[series("", &[(0, 1.0)])]).expect("answered");
    assert_eq!((nothing.samples, nothing.refused.total()), (0, 1));
    assert_eq!(engine.tenants(), [], "no one becomes a tenant so");
}

#[test]
fn limits_are_told_and_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let all: Vec<SeriesWrite> = (0..10).map(|n| series(&format!("m{n}"), &[(0, 1.0)])).collect();
    let (engine, _clock) = open(Options { max_series: 3, ..options(folder.path()) });
    let written = send(&engine, &tenant, &all).expect("taken in part");
    assert_eq!((written.samples, written.refused.total()), (3, 7));
    assert!(written.reasons[0].to_string().contains("3 active series, which is the limit"), "{:?}", written.reasons);
    assert_eq!(find(&engine, &tenant, "m").len(), 3);

    let folder = tempfile::tempdir().expect("a folder");
    let (engine, clock) = open(Options { new_series_a_second: 1, ..options(folder.path()) });
    let many: Vec<SeriesWrite> = (0..70).map(|n| series(&format!("m{n:02}"), &[(0, 1.0)])).collect();
    let written = send(&engine, &tenant, &many).expect("taken in part");
    assert_eq!((written.samples, written.refused.total()), (60, 10));
    clock.advance(Duration::from_secs(4));
    let written = send(&engine, &tenant, &many).expect("taken in part");
    assert_eq!((written.samples, written.refused.total()), (64, 6), "known ones come in always");
}

#[test]
fn samples_are_found_in_files_and_merged_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let mut expected = Vec::new();
    {
        let (engine, clock) = open(options(folder.path()));
        for round in 0..7i64 {
            let time = round * 15_000;
            send(&engine, &tenant, &[series("up", &[(time, round as f64)])]).expect("taken");
            // What came before is told otherwise.
            if round > 0 {
                send(&engine, &tenant, &[series("up", &[(time - 15_000, -1.0)])]).expect("taken");
            }
            engine.seal().expect("written");
            clock.advance(Duration::from_secs(15));
        }
        expected.extend((0..6).map(|round| (round * 15_000, -1.0)));
        expected.push((90_000, 6.0));
        assert_eq!(find(&engine, &tenant, "up"), named("up", &expected));
        // The engine may have begun by itself.
        engine.merge().expect("merged");
        assert_eq!(find(&engine, &tenant, "up"), named("up", &expected));
        assert!(files(folder.path()).len() < 5, "{:?}", files(folder.path()));
    }
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(find(&engine, &tenant, "up"), named("up", &expected));
    send(&engine, &tenant, &[series("up", &[(105_000, 7.0)])]).expect("taken");
    expected.push((105_000, 7.0));
    assert_eq!(find(&engine, &tenant, "up"), named("up", &expected), "a file and what is in memory are one series");
}

/// Files of series of all tenants, by their names.
fn files(folder: &std::path::Path) -> Vec<String> {
    let folder = folder.join("segments/default/series");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn a_damaged_file_is_put_aside_and_the_others_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    {
        let (engine, _clock) = open(options(folder.path()));
        for name in ["one", "two"] {
            send(&engine, &tenant, &[series(name, &[(0, 1.0)])]).expect("taken");
            engine.seal().expect("written");
        }
    }
    let first = folder.path().join("segments/default/series").join(&files(folder.path())[0]);
    let bytes = std::fs::read(&first).expect("a file");
    std::fs::write(&first, &bytes[..bytes.len() - 1]).expect("cut");
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(find(&engine, &tenant, ""), named("two", &[(0, 1.0)]));
    assert_eq!(engine.status().quarantined, 1);
    drop(engine);
    assert!(files(folder.path())[0].ends_with(".series.damaged"), "{:?}", files(folder.path()));
    let (engine, _clock) = open(options(folder.path()));
    assert_eq!(engine.status().quarantined, 1, "it is told again after a restart");
}

#[test]
fn files_leave_when_they_are_too_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let (engine, clock) = open(Options { retention: Some(Duration::from_secs(60)), ..options(folder.path()) });
    send(&engine, &tenant, &[series("old", &[(0, 1.0)])]).expect("taken");
    engine.seal().expect("written");
    clock.advance(Duration::from_secs(50));
    send(&engine, &tenant, &[series("new", &[(50_000, 1.0)])]).expect("taken");
    engine.seal().expect("written");
    clock.advance(Duration::from_secs(20));
    assert_eq!(engine.expire().expect("removed"), 1);
    assert_eq!(find(&engine, &tenant, ""), named("new", &[(50_000, 1.0)]));
    let late = send(&engine, &tenant, &[series("late", &[(0, 1.0)])]).expect("answered");
    assert_eq!((late.samples, late.refused.total()), (0, 1));
    assert!(late.reasons[0].to_string().contains("is older than what is kept"), "{:?}", late.reasons);
}
