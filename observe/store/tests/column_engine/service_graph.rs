//! Series of who calls whom: each call counted once, whenever its sides come, and what else series of spans tell.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_assert_eq, prop_oneof, proptest};
use vitrine_kit::clock::Clock;
use vitrine_observe_store::series::{Filter, Labels, MatchOp, Matcher, Value};
use vitrine_observe_store::{ColumnEngine, Options, Series, Signal, SpanMetricNames, SpanMetrics, Tenant};

use crate::graph::{parse, send, text};
use crate::span_metrics::{budget, latest, series};
use crate::support::{BEGIN_MS, BEGIN_NS, open, options};

/// Longer than a side of a call waits.
const LONG: Duration = Duration::from_secs(11);

fn counting(folder: &Path, span_metrics: SpanMetrics) -> Options {
    Options { span_metrics: Some(span_metrics), ..options(folder) }
}

/// Opens an engine that makes series of spans, in this way.
fn opened(span_metrics: SpanMetrics) -> (tempfile::TempDir, ColumnEngine, vitrine_kit::clock::Manual) {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, clock) = open(counting(folder.path(), span_metrics));
    (folder, engine, clock)
}

/// The latest values of series of this name, by these labels.
fn by(engine: &ColumnEngine, name: &str, labels: &[&str]) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for (own, samples) in series(engine, name) {
        let key: Vec<&str> = labels.iter().map(|label| own.get(label).unwrap_or("-")).collect();
        if let Some((_, Value::Float(bits))) = samples.last() {
            *found.entry(key.join(" ")).or_default() += f64::from_bits(*bits);
        }
    }
    found
}

fn edges(engine: &ColumnEngine) -> BTreeMap<String, f64> {
    by(engine, "traces_service_graph_request_total", &["client", "server", "connection_type"])
}

/// Spans as words, and the edge that they make: client, server, connection.
const EDGES: &[(&[&str], &str)] = &[
    (&["1 - CLIENT a", "2 1 SERVER b"], "a b -"),
    (&["2 1 SERVER b", "1 - CLIENT a"], "a b -"),
    (&["1 - CLIENT a", "1 - SERVER b shared"], "a b -"),
    (&["1 - PRODUCER a messaging.system=kafka", "2 1 CONSUMER b messaging.system=kafka"], "a b messaging_system"),
    (&["1 - CLIENT a db.system=postgresql"], "a postgresql database"),
    (&["1 - CLIENT a db.system.name=postgresql"], "a postgresql database"),
    (&["1 - CLIENT a db.system.name=postgresql db.system=postgres"], "a postgres database"),
    (&["1 - CLIENT a db.system=postgresql db.name=orders"], "a orders database"),
    (&["1 - CLIENT a db.system=postgresql db.name=orders db.namespace=shop"], "a shop database"),
    (&["1 - CLIENT a db.name=orders network.peer.address=10.0.0.7"], "a 10.0.0.7 database"),
    (&["1 - CLIENT a db.name=orders network.peer.address=10.0.0.7 network.peer.port=5432"], "a 10.0.0.7:5432 database"),
    (&["1 - CLIENT a db.name=orders network.peer.address=10.0.0.7 server.address=pg"], "a pg database"),
    (&["1 - CLIENT a db.name=orders server.address=pg peer.service=store"], "a store database"),
    (&["1 - CLIENT a peer.service=bank"], "a bank virtual_node"),
    (&["1 - CLIENT a server.address=api.bank.example"], "a api.bank.example virtual_node"),
    (&["1 - PRODUCER a messaging.system=kafka"], "a kafka virtual_node"),
    (&["1 - SERVER b"], "user b virtual_node"),
    (&["1 - SERVER b peer.service=app"], "app b virtual_node"),
    (&["2 1 CONSUMER b messaging.system=kafka"], "kafka b virtual_node"),
];

#[test]
fn spans_become_edges_by_what_they_say() {
    for (spans, expected) in EDGES {
        let (_folder, engine, clock) = opened(SpanMetrics::default());
        for words in *spans {
            send(&engine, vec![parse(1, words)]);
        }
        engine.write_span_metrics().expect("written");
        clock.advance(LONG);
        engine.write_span_metrics().expect("written");
        assert_eq!(edges(&engine), [((*expected).to_owned(), 1.0)].into(), "{spans:?}");
        let alone = by(&engine, "traces_service_graph_unpaired_spans_total", &["client"]);
        assert!(alone.is_empty(), "{spans:?}: {alone:?}");
    }
}

#[test]
fn spans_that_tell_of_no_edge_are_told() {
    let (_folder, engine, clock) = opened(SpanMetrics::default());
    let spans =
        ["1 - CLIENT a", "3 2 SERVER b", "4 - INTERNAL c", "5 - CLIENT -", "6 - CLIENT d server.address=10.0.0.1"];
    spans.iter().for_each(|words| send(&engine, vec![parse(1, words)]));
    clock.advance(LONG);
    engine.write_span_metrics().expect("written");
    assert_eq!(edges(&engine), BTreeMap::new());
    let alone = by(&engine, "traces_service_graph_unpaired_spans_total", &["client", "server"]);
    assert_eq!(alone, [("a -".to_owned(), 1.0), ("- b".to_owned(), 1.0), ("d -".to_owned(), 1.0)].into());
}

#[test]
fn edges_have_counters_and_histograms() {
    let (_folder, engine, clock) = opened(SpanMetrics::default());
    let lasting = |words: &str, millis: u64| {
        let mut spans = parse(1, words);
        let span = &mut spans.scope_spans[0].spans[0];
        span.end_time_unix_nano = BEGIN_NS + millis * 1_000_000;
        spans
    };
    send(&engine, vec![lasting("1 - CLIENT a", 300), lasting("2 1 SERVER b failed", 250)]);
    send(&engine, vec![lasting("3 - CLIENT a", 90), lasting("4 3 SERVER b", 0)]);
    clock.advance(Duration::from_secs(15));
    engine.write_span_metrics().expect("written");
    let of = |name: &str, label: &str| latest(&engine, &format!("traces_service_graph_{name}"), label);
    assert_eq!((of("request_total", "client")["a"], of("request_failed_total", "server")["b"]), (2.0, 1.0));
    assert_eq!(of("connection_info", "server")["b"], 1.0);
    let buckets = of("request_client_seconds_bucket", "le");
    let bounds: Vec<&String> = buckets.keys().collect();
    assert_eq!(bounds, ["+Inf", "0.1", "0.2", "0.4", "0.8", "1.6", "12.8", "3.2", "6.4"]);
    assert_eq!((buckets["0.1"], buckets["0.2"], buckets["0.4"], buckets["+Inf"]), (1.0, 1.0, 2.0, 2.0));
    assert!((of("request_server_seconds_sum", "none")[""] - 0.25).abs() < 1e-9);
    assert_eq!(of("request_server_seconds_count", "none")[""], 2.0);
    assert!(of("request_messaging_system_seconds_count", "none").is_empty());
    let native = series(&engine, "traces_service_graph_request_server_seconds");
    let Some((_, Value::Histogram(histogram))) = native.last().and_then(|(_, samples)| samples.last()) else {
        panic!("a histogram was expected: {native:?}")
    };
    assert_eq!((histogram.schema, histogram.count, histogram.zero_count), (3, 2.0, 1.0));
    // An edge without calls ends.
    clock.advance(Duration::from_secs(16 * 60));
    engine.write_span_metrics().expect("written");
    assert!(of("request_total", "client")["a"].is_nan());
}

/// Exemplars of series of this name: time since the clock's beginning in seconds, and span.
fn exemplars(engine: &ColumnEngine, name: &str) -> Vec<(i64, String)> {
    let named = Matcher::new("__name__", MatchOp::Equal, name).expect("a sound matcher");
    let filter = Filter { matchers: vec![vec![named]], start_ms: i64::MIN, end_ms: i64::MAX };
    let found = engine.series(&Tenant::default()).exemplars(&filter, &budget()).expect("read");
    let of_series = found.iter().flat_map(|series| &series.exemplars);
    let mut all: Vec<(i64, String)> = of_series
        .map(|exemplar| {
            let span = exemplar.labels.get("span_id").expect("a span").trim_start_matches('0').to_owned();
            assert_eq!(exemplar.labels.get("trace_id").map(str::len), Some(32));
            ((exemplar.time_ms - BEGIN_MS) / 1000, span)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn the_newest_of_a_bucket_and_a_minute_is_an_exemplar() {
    let (_folder, engine, clock) = opened(SpanMetrics::default());
    let mut time = 0;
    for number in 1..=12_u64 {
        let mut spans = parse(1, &format!("{number} - SERVER b"));
        let span = &mut spans.scope_spans[0].spans[0];
        span.start_time_unix_nano = BEGIN_NS + time * 1_000_000_000;
        span.end_time_unix_nano = span.start_time_unix_nano + 3_000_000;
        send(&engine, vec![spans]);
        // Two in each interval, and four intervals in each minute.
        if number % 2 == 0 {
            engine.write_span_metrics().expect("written");
            clock.advance(Duration::from_secs(15));
            time += 15;
        }
    }
    for name in [
        "traces_spanmetrics_latency",
        "traces_spanmetrics_latency_bucket",
        "traces_service_graph_request_server_seconds",
        "traces_service_graph_request_server_seconds_bucket",
    ] {
        let expected = [(0, "2".to_owned()), (60, "a".to_owned())];
        assert_eq!(exemplars(&engine, name), expected, "{name}");
    }
}

#[test]
fn attributes_become_labels_where_that_is_set() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    let (_folder, engine, _clock) = opened(SpanMetrics {
        names: SpanMetricNames::Both,
        dimensions: keys(&["http.route", "zone", "retries"]),
        graph_dimensions: keys(&["service.version"]),
        status_message: true,
        instance: true,
        target_info: true,
        host_info: true,
        ..SpanMetrics::default()
    });
    let from = |words: &str, resource: &[(&str, &str)]| {
        let mut spans = parse(1, words);
        let own = spans.resource.as_mut().expect("a resource");
        own.attributes.extend(resource.iter().map(|(key, value)| text(key, value)));
        spans
    };
    let shop = [("service.namespace", "demo"), ("service.instance.id", "i1"), ("zone", "east"), ("host.id", "h1")];
    let client = from("1 - CLIENT shop zone=of.the.span http.route=/cart timeout", &shop);
    let server = from("2 1 SERVER bank http.route=/pay retries=3", &[("service.version", "7")]);
    send(&engine, vec![client, server]);
    engine.write_span_metrics().expect("written");
    let labels = ["service", "http_route", "zone", "retries", "status_message", "job", "instance"];
    let expected =
        [("bank /pay - 3 - bank -".to_owned(), 1.0), ("shop /cart east - timeout demo/shop i1".to_owned(), 1.0)];
    assert_eq!(by(&engine, "traces_spanmetrics_calls_total", &labels), expected.into());
    let calls = by(&engine, "traces_span_metrics_calls_total", &["service_name", "http_route"]);
    assert_eq!(calls, [("bank /pay".to_owned(), 1.0), ("shop /cart".to_owned(), 1.0)].into());
    let edges =
        by(&engine, "traces_service_graph_request_total", &["client_service_version", "server_service_version"]);
    assert_eq!(edges, [("- 7".to_owned(), 1.0)].into());
    for name in ["traces_target_info", "target_info"] {
        let targets = by(&engine, name, &["job", "instance", "zone", "host_id", "service_version"]);
        // What a resource tells besides who it is.
        let expected = [("demo/shop i1 east h1 -".to_owned(), 1.0), ("bank - - - 7".to_owned(), 1.0)];
        assert_eq!(targets, expected.into(), "{name}");
    }
    let hosts = by(&engine, "traces_host_info", &["grafana_host_id", "host_source"]);
    assert_eq!(hosts, [("h1 host.id".to_owned(), 1.0)].into());
}

#[test]
fn sizes_are_those_that_were_sent() {
    use prost::Message;
    let (_folder, engine, _clock) = opened(SpanMetrics::default());
    let spans = vec![parse(1, "1 - SERVER a"), parse(1, "2 - SERVER a some=attribute")];
    let bytes: usize = spans.iter().map(|spans| spans.scope_spans[0].spans[0].encoded_len()).sum();
    send(&engine, spans);
    engine.write_span_metrics().expect("written");
    assert_eq!(latest(&engine, "traces_spanmetrics_size_total", "service")["a"], bytes as f64);
    // A malformed request changes nothing.
    let request = bytes::Bytes::from_static(b"\x0a\x05\x12\x03\x12\x01\xff");
    crate::support::write(&engine, &Tenant::default(), Signal::Traces, request).expect_err("malformed");
    engine.write_span_metrics().expect("written");
    assert_eq!(latest(&engine, "traces_spanmetrics_size_total", "service")["a"], bytes as f64);
}

#[test]
fn with_other_labels_counters_begin_anew_and_nothing_counts_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |dimensions: &[&str]| {
        let dimensions: Vec<String> = dimensions.iter().map(|key| (*key).to_owned()).collect();
        let metrics = SpanMetrics { graph_dimensions: dimensions.clone(), dimensions, ..SpanMetrics::default() };
        open(counting(folder.path(), metrics))
    };
    let (engine, _) = with(&[]);
    send(&engine, vec![parse(1, "1 - SERVER a zone=east"), parse(1, "2 - CLIENT a zone=east")]);
    engine.write_span_metrics().expect("written");
    drop(engine);
    let (engine, clock) = with(&["zone"]);
    clock.advance(Duration::from_secs(5));
    send(&engine, vec![parse(1, "3 2 SERVER b zone=west"), parse(1, "4 - SERVER a zone=east")]);
    engine.write_span_metrics().expect("written");
    let calls = by(&engine, "traces_spanmetrics_calls_total", &["service", "zone", "span_kind"]);
    let expected = [
        ("a - SPAN_KIND_CLIENT", 1.0),
        ("a - SPAN_KIND_SERVER", 1.0),
        ("a east SPAN_KIND_SERVER", 1.0),
        ("b west SPAN_KIND_SERVER", 1.0),
    ];
    assert_eq!(calls, expected.map(|(labels, count)| (labels.to_owned(), count)).into());
    // What waited is paired, without labels of its own.
    let edges = by(&engine, "traces_service_graph_request_total", &["client", "server", "client_zone", "server_zone"]);
    let expected = [("a b - west", 1.0), ("user a - -", 1.0), ("user a - east", 1.0)];
    assert_eq!(edges, expected.map(|(labels, count)| (labels.to_owned(), count)).into());
}

#[test]
fn there_is_no_graph_where_none_is_wanted() {
    let (_folder, engine, _clock) = opened(SpanMetrics { graph: false, ..SpanMetrics::default() });
    send(&engine, vec![parse(1, "1 - CLIENT a"), parse(1, "2 1 SERVER b")]);
    engine.write_span_metrics().expect("written");
    assert_eq!(edges(&engine), BTreeMap::new());
    assert_eq!(latest(&engine, "traces_spanmetrics_calls_total", "service").len(), 2);
}

/// What happens to an engine.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The sides of a call that begin with these: of a client, of a server.
    Send(u8, bool, bool),
    /// Series get a sample.
    Write,
    /// Rows become a segment, and the log is cut.
    Seal,
    /// The process ends without warning, and a minute passes.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..12, prop::bool::ANY, prop::bool::ANY).prop_map(|(call, a, b)| Step::Send(call, a, b)),
        2 => Just(Step::Write),
        1 => Just(Step::Seal),
        2 => Just(Step::Crash),
    ]
}

fn sides(call: u8, number: u64, is_caller: bool) -> Vec<ResourceSpans> {
    let id = 2 * u64::from(call) + 1;
    let words = match is_caller {
        true => format!("{id} - CLIENT a number={number}"),
        false => format!("{} {id} SERVER b number={number}", id + 1),
    };
    vec![parse(1, &words)]
}

/// What waits of each call, as a reader of the rules would count.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<u8, bool>,
    pairs: f64,
    alone: f64,
}

impl Model {
    fn add(&mut self, call: u8, is_caller: bool) {
        match self.waiting.get(&call) {
            Some(other) if *other != is_caller => {
                self.waiting.remove(&call);
                self.pairs += 1.0;
            }
            Some(_) => self.alone += 1.0,
            None => drop(self.waiting.insert(call, is_caller)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn each_call_counts_once(steps in prop::collection::vec(step(), 1..24)) {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, hand) = Clock::manual(BEGIN_MS);
        let open = || {
            ColumnEngine::open(counting(folder.path(), SpanMetrics::default()), clock.clone()).expect("opens")
        };
        let mut engine = Some(open());
        let mut model = Model::default();
        for (number, step) in steps.into_iter().enumerate() {
            // So little that nothing waits too long.
            hand.advance(Duration::from_millis(10));
            let current = engine.as_ref().expect("it is open between steps");
            match step {
                Step::Send(call, first, second) => {
                    for is_caller in [first, second] {
                        send(current, sides(call, number as u64, is_caller));
                        model.add(call, is_caller);
                    }
                }
                Step::Write => current.write_span_metrics().expect("written"),
                Step::Seal => current.seal().expect("sealed"),
                Step::Crash => {
                    drop(engine.take());
                    // While no process is there, nothing waits too long.
                    hand.advance(Duration::from_secs(60));
                    engine = Some(open());
                }
            }
        }
        let engine = engine.expect("it is open");
        hand.advance(LONG);
        engine.write_span_metrics().expect("written");
        let pairs: f64 = latest(&engine, "traces_service_graph_request_total", "none").values().sum();
        let alone: f64 = latest(&engine, "traces_service_graph_unpaired_spans_total", "none").values().sum();
        prop_assert_eq!((pairs, alone), (model.pairs, model.alone + model.waiting.len() as f64));
    }
}

/// The labels of what cannot be told are not there at all.
#[test]
fn labels_without_a_value_are_left_out() {
    let (_folder, engine, _clock) = opened(SpanMetrics::default());
    send(&engine, vec![parse(1, "1 - CLIENT a"), parse(1, "2 1 SERVER b")]);
    engine.write_span_metrics().expect("written");
    let found: Vec<Labels> =
        series(&engine, "traces_service_graph_request_total").into_iter().map(|(labels, _)| labels).collect();
    let expected = [("__name__", "traces_service_graph_request_total"), ("client", "a"), ("server", "b")];
    assert_eq!(found, [Labels::of(expected)]);
}
