//! Series that are made of spans: counted once each, whatever happened.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_assert_eq, prop_oneof, proptest};
use vitrine_kit::clock::Clock;
use vitrine_observe_store::series::{Budget, Filter, Labels, MatchOp, Matcher, Select, Value, Values, is_stale};
use vitrine_observe_store::{ColumnEngine, Options, Series, SpanMetricNames, SpanMetrics, Tenant};

use crate::support::{BEGIN_MS, BEGIN_NS, Sent, open, options, send};

pub fn budget() -> std::sync::Arc<Budget> {
    Budget::new(64 << 20, 10_000_000, Duration::from_secs(60))
}

fn counting(folder: &Path, names: SpanMetricNames) -> Options {
    Options { span_metrics: Some(SpanMetrics { names, ..SpanMetrics::default() }), ..options(folder) }
}

/// Each series of this name with its times since the clock's beginning and values.
pub fn series(engine: &ColumnEngine, name: &str) -> Vec<(Labels, Vec<(i64, Value)>)> {
    let matcher = Matcher::new("__name__", MatchOp::Equal, name).expect("a sound matcher");
    let select = Select { matchers: vec![matcher], after_ms: i64::MIN, until_ms: i64::MAX };
    let mut selection = engine.series(&Tenant::default()).select(&select, &budget()).expect("it can be asked");
    let labels: Vec<Labels> = selection.series().iter().map(|info| info.labels.clone()).collect();
    let mut found = Vec::new();
    while let Some(block) = selection.next_block().expect("it can be read") {
        for read in block {
            let values: Vec<Value> = match &read.values {
                Values::Floats(bits) => bits.iter().map(|bits| Value::Float(*bits)).collect(),
                Values::Histograms(all) => all.iter().cloned().map(Value::Histogram).collect(),
                Values::Mixed(all) => all.to_vec(),
            };
            let times = read.times.iter().map(|time| time - BEGIN_MS);
            found.push((labels[read.series].clone(), times.zip(values).collect()));
        }
    }
    found
}

/// The latest values of a series of doubles, by a label.
pub fn latest(engine: &ColumnEngine, name: &str, by: &str) -> BTreeMap<String, f64> {
    let mut latest = BTreeMap::new();
    for (labels, samples) in series(engine, name) {
        if let Some((_, Value::Float(bits))) = samples.last() {
            *latest.entry(labels.get(by).unwrap_or_default().to_owned()).or_default() += f64::from_bits(*bits);
        }
    }
    latest
}

/// How many spans are counted, all series together. A sample is written first.
pub fn counted(engine: &ColumnEngine) -> f64 {
    engine.write_span_metrics().expect("written");
    latest(engine, "traces_spanmetrics_calls_total", "none").values().sum()
}

fn span(number: u64, service: &str, seconds: f64, failed: bool) -> Sent {
    let duration = (seconds * 1e9) as u64;
    Sent { service: service.to_owned(), name: "GET /".to_owned(), duration, failed, ..Sent::new(1, number) }
}

#[test]
fn spans_become_counters_and_histograms() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, clock) = open(counting(folder.path(), SpanMetricNames::Tempo));
    engine.write_span_metrics().expect("nothing to be written");
    send(&engine, &[span(1, "shop", 0.001, false), span(2, "shop", 0.003, true), span(3, "shop", 20.0, false)]);
    clock.advance(Duration::from_secs(15));
    engine.write_span_metrics().expect("written");
    let calls = series(&engine, "traces_spanmetrics_calls_total");
    let shown: Vec<String> = calls.iter().map(|(labels, _)| labels.to_string()).collect();
    let named = |status: &str| {
        format!(
            "{{__name__=\"traces_spanmetrics_calls_total\", service=\"shop\", span_kind=\"SPAN_KIND_SERVER\", \
             span_name=\"GET /\", status_code=\"{status}\"}}"
        )
    };
    assert_eq!(shown, [named("STATUS_CODE_ERROR"), named("STATUS_CODE_UNSET")]);
    assert_eq!(calls[1].1, [(15_000, Value::Float(2_f64.to_bits()))]);
    let buckets = latest(&engine, "traces_spanmetrics_latency_bucket", "le");
    let of = |le: &str| buckets.get(le).copied();
    let (lowest, second, highest, all) = (of("0.002"), of("0.004"), of("16.384"), of("+Inf"));
    assert_eq!((lowest, second, highest, all), (Some(1.0), Some(2.0), Some(2.0), Some(3.0)));
    assert_eq!(latest(&engine, "traces_spanmetrics_latency_count", "none").values().sum::<f64>(), 3.0);
    let sum: f64 = latest(&engine, "traces_spanmetrics_latency_sum", "none").values().sum();
    assert!((sum - 20.004).abs() < 1e-9, "{sum}");
    let native = series(&engine, "traces_spanmetrics_latency");
    let Some((_, Value::Histogram(histogram))) = native.last().and_then(|(_, samples)| samples.last()) else {
        panic!("a histogram was expected: {native:?}")
    };
    assert_eq!((histogram.schema, histogram.count, histogram.positive.len()), (3, 2.0, 2));
    let latency = Matcher::new("__name__", MatchOp::Equal, "traces_spanmetrics_latency").expect("a sound matcher");
    let filter = Filter { matchers: vec![vec![latency]], start_ms: i64::MIN, end_ms: i64::MAX };
    let exemplars = engine.series(&Tenant::default()).exemplars(&filter, &budget()).expect("read");
    let spans: Vec<&str> = exemplars
        .iter()
        .flat_map(|series| &series.exemplars)
        .filter_map(|exemplar| exemplar.labels.get("span_id"))
        .collect();
    assert!(spans.contains(&"0000000000000002"), "the only failed one: {exemplars:?}");
}

#[test]
fn names_of_the_connector_are_in_milliseconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _clock) = open(counting(folder.path(), SpanMetricNames::Both));
    send(&engine, &[span(1, "shop", 0.003, false)]);
    engine.write_span_metrics().expect("written");
    let service = |name: &str, label: &str| latest(&engine, name, label);
    assert_eq!(service("traces_spanmetrics_calls_total", "service")["shop"], 1.0);
    assert_eq!(service("traces_span_metrics_calls_total", "service_name")["shop"], 1.0);
    let buckets = service("traces_span_metrics_duration_milliseconds_bucket", "le");
    assert_eq!((buckets["2"], buckets["4"], buckets["16384"], buckets["+Inf"]), (0.0, 1.0, 1.0, 1.0));
    assert_eq!(service("traces_span_metrics_duration_milliseconds_sum", "service_name")["shop"], 3.0);
}

#[test]
fn operations_without_spans_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, clock) = open(counting(folder.path(), SpanMetricNames::Tempo));
    send(&engine, &[span(1, "early", 0.003, false)]);
    engine.write_span_metrics().expect("written");
    clock.advance(Duration::from_secs(16 * 60));
    send(&engine, &[Sent { start: BEGIN_NS + 1, ..span(2, "late", 0.003, false) }]);
    engine.write_span_metrics().expect("written");
    clock.advance(Duration::from_secs(15));
    engine.write_span_metrics().expect("written");
    for (labels, samples) in series(&engine, "traces_spanmetrics_calls_total") {
        let Some((_, Value::Float(last))) = samples.last() else { panic!("doubles only") };
        let is_early = labels.get("service") == Some("early");
        assert_eq!((samples.len(), is_stale(*last)), (2, is_early), "{labels} {samples:?}");
    }
    // It begins anew.
    send(&engine, &[span(3, "early", 0.003, false)]);
    engine.write_span_metrics().expect("written");
    assert_eq!(latest(&engine, "traces_spanmetrics_calls_total", "service")["early"], 1.0);
}

#[test]
fn nothing_is_made_where_nothing_is_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _clock) = open(options(folder.path()));
    send(&engine, &[span(1, "shop", 0.003, false)]);
    assert_eq!(counted(&engine), 0.0);
}

/// What happens to an engine.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many spans come.
    Send(u64),
    /// Series get a sample.
    Write,
    /// Rows become a segment, and the log is cut.
    Seal,
    /// The process ends without warning.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..90).prop_map(Step::Send),
        2 => Just(Step::Write),
        1 => Just(Step::Seal),
        2 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn each_span_counts_once(steps in prop::collection::vec(step(), 1..14)) {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, hand) = Clock::manual(BEGIN_MS);
        let open = || {
            let options = counting(folder.path(), SpanMetricNames::Tempo);
            ColumnEngine::open(options, clock.clone()).expect("opens")
        };
        let mut engine = Some(open());
        let mut sent = 0;
        for step in steps {
            hand.advance(Duration::from_secs(5));
            let current = engine.as_ref().expect("it is open between steps");
            match step {
                Step::Send(count) => {
                    let spans: Vec<Sent> = (sent..sent + count).map(|number| Sent::new(3, number + 1)).collect();
                    send(current, &spans);
                    sent += count;
                }
                Step::Write => current.write_span_metrics().expect("written"),
                Step::Seal => current.seal().expect("sealed"),
                Step::Crash => {
                    drop(engine.take());
                    engine = Some(open());
                }
            }
        }
        hand.advance(Duration::from_secs(5));
        let engine = engine.expect("it is open");
        prop_assert_eq!(counted(&engine), sent as f64);
    }
}
