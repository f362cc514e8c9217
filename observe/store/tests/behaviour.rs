//! The store stays within its bounds and finds what it holds.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use vitrine_observe_store::model::{SpanKind, TraceId};
use vitrine_observe_store::{Dependency, Limits, MAX_TRACE_SPANS, Operation, Store, TraceQuery};

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Proto::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

fn resource(service: &str) -> Option<Resource> {
    Some(Resource { attributes: vec![text("service.name", service), text("host.name", "h1")], ..Resource::default() })
}

fn trace_id(number: u64) -> TraceId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    TraceId(id)
}

/// A span of trace `trace`, with id `id`, that starts at `start` and takes 10 ns.
fn span(trace: u64, id: u64, parent: u64, start: u64) -> Span {
    Span {
        trace_id: trace_id(trace).0.to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { vec![] } else { parent.to_be_bytes().to_vec() },
        name: "op".into(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10,
        ..Span::default()
    }
}

fn add(store: &Store, service: &str, spans: Vec<Span>) {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let accepted = store.append_traces(vec![ResourceSpans {
        resource: resource(service),
        scope_spans,
        ..ResourceSpans::default()
    }]);
    assert_eq!(accepted.rejected, 0);
}

fn ids(store: &Store, query: &TraceQuery) -> Vec<TraceId> {
    store.search(query).into_iter().map(|trace| trace.id).collect()
}

fn small(bytes: usize, seal_rows: usize) -> Store {
    Store::new(Limits { bytes, seal_rows })
}

#[test]
fn a_span_is_found_as_soon_as_it_is_appended() {
    let store = small(1 << 20, 3);
    for number in 1..=10 {
        add(&store, "carts", vec![span(number, number, 0, number)]);
        assert_eq!(store.trace(trace_id(number)).expect("just appended").spans.len(), 1);
        assert_eq!(store.status().traces.rows, number);
    }
    assert_eq!(store.trace(trace_id(99)), None);
    assert_eq!(store.services(), ["carts"]);
}

#[test]
fn a_trace_is_put_together_over_batches_and_in_order() {
    let store = small(1 << 20, 2);
    for number in (1..=9).rev() {
        add(
            &store,
            if number % 2 == 0 { "a" } else { "b" },
            vec![span(1, number, 0, number * 100), span(2, number, 0, 5)],
        );
    }
    let starts: Vec<u64> = store.trace(trace_id(1)).expect("held").spans.iter().map(|span| span.start_ns).collect();
    assert_eq!(starts, (1..=9).map(|number| number * 100).collect::<Vec<_>>());
}

#[test]
fn a_span_sent_twice_is_shown_once() {
    let store = Store::default();
    add(&store, "a", vec![span(1, 1, 0, 1)]);
    add(&store, "a", vec![span(1, 1, 0, 1)]);
    assert_eq!(store.trace(trace_id(1)).expect("held").spans.len(), 1);
}

#[test]
fn the_oldest_leave_and_the_bound_holds_for_all_signals_together() {
    let limit = 256 << 10;
    let store = small(limit, 64);
    for number in 1..=4_000u64 {
        add(&store, "carts", vec![span(number, number, 0, number)]);
        if number % 2 == 0 {
            let record =
                LogRecord { time_unix_nano: number, trace_id: trace_id(number).0.to_vec(), ..LogRecord::default() };
            let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
            store.append_logs(vec![ResourceLogs {
                resource: resource("carts"),
                scope_logs,
                ..ResourceLogs::default()
            }]);
            store.append_metrics(vec![gauge("queue", number as i64)]);
        }
        let status = store.status();
        let held = status.traces.bytes + status.logs.bytes + status.metrics.bytes;
        assert!(held <= limit as u64, "{held} bytes after {number}");
    }
    let status = store.status();
    assert_eq!((status.traces.taken, status.logs.taken, status.metrics.taken), (4_000, 2_000, 2_000));
    for signal in [status.traces, status.logs, status.metrics] {
        assert!(signal.evicted > 0);
        assert_eq!(signal.rows + signal.evicted, signal.taken);
    }
    assert!(store.trace(trace_id(1)).is_none(), "the oldest left");
    assert!(store.trace(trace_id(4_000)).is_some(), "the newest stays");
    let rows: usize =
        store.span_batches().iter().map(|batch| vitrine_observe_store::model::Batch::rows(&**batch)).sum();
    assert_eq!(rows as u64, status.traces.rows);
}

fn gauge(name: &str, value: i64) -> metrics::ResourceMetrics {
    let point = metrics::NumberDataPoint {
        value: Some(metrics::number_data_point::Value::AsInt(value)),
        ..metrics::NumberDataPoint::default()
    };
    let data = Some(metrics::metric::Data::Gauge(metrics::Gauge { data_points: vec![point] }));
    let metric = metrics::Metric { name: name.into(), data, ..metrics::Metric::default() };
    let scope_metrics = vec![metrics::ScopeMetrics { metrics: vec![metric], ..metrics::ScopeMetrics::default() }];
    metrics::ResourceMetrics { resource: resource("carts"), scope_metrics, ..metrics::ResourceMetrics::default() }
}

#[test]
fn one_huge_request_stays_within_the_bound() {
    let limit = 128 << 10;
    let store = small(limit, 4096);
    add(&store, "carts", (1..=20_000).map(|number| span(number, number, 0, number)).collect());
    let status = store.status().traces;
    assert!(status.bytes <= limit as u64);
    assert_eq!((status.taken, status.rows + status.evicted), (20_000, 20_000));
}

#[test]
fn refused_spans_are_counted_and_the_others_taken() {
    let store = Store::default();
    let bad = Span { trace_id: vec![0; 16], ..span(1, 1, 0, 1) };
    let scope_spans =
        vec![ScopeSpans { spans: vec![span(1, 1, 0, 1), bad, span(1, 2, 1, 1)], ..ScopeSpans::default() }];
    let accepted = store.append_traces(vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }]);
    assert_eq!((accepted.taken, accepted.rejected), (2, 1));
    assert_eq!(accepted.reason.expect("a reason").to_string(), "traceId: all zero; expected 16 bytes, not all zero");
    assert_eq!(store.status().traces.rejected, 1);
}

#[test]
fn search_filters() {
    let store = small(1 << 20, 4);
    let tagged = Span {
        attributes: vec![
            text("http.method", "GET"),
            KeyValue {
                key: "items".into(),
                value: Some(AnyValue { value: Some(Proto::IntValue(3)) }),
                ..KeyValue::default()
            },
        ],
        events: vec![span::Event {
            name: "retry".into(),
            attributes: vec![text("why", "busy")],
            ..span::Event::default()
        }],
        status: Some(Status { code: 2, message: "no".into() }),
        ..span(3, 1, 0, 3_000)
    };
    add(
        &store,
        "carts",
        vec![span(1, 1, 0, 1_000), Span { name: "slow".into(), end_time_unix_nano: 2_500, ..span(2, 1, 0, 2_000) }],
    );
    add(&store, "carts", vec![tagged]);
    add(&store, "email", vec![span(4, 1, 0, 4_000), span(1, 2, 1, 5_000)]);
    let base = || TraceQuery { limit: 10, ..TraceQuery::default() };
    let tags = |tags: &[(&str, &str)]| TraceQuery {
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..base()
    };
    let cases: Vec<(&str, TraceQuery, &[u64])> = vec![
        ("all, newest first", base(), &[1, 4, 3, 2]),
        ("limit", TraceQuery { limit: 2, ..base() }, &[1, 4]),
        ("no limit, nothing", TraceQuery { limit: 0, ..base() }, &[]),
        ("service", TraceQuery { service: Some("carts".into()), ..base() }, &[3, 2, 1]),
        ("unknown service", TraceQuery { service: Some("none".into()), ..base() }, &[]),
        ("operation", TraceQuery { operation: Some("slow".into()), ..base() }, &[2]),
        (
            "service and operation of different spans",
            TraceQuery { service: Some("email".into()), operation: Some("slow".into()), ..base() },
            &[],
        ),
        ("from", TraceQuery { start_min_ns: Some(3_000), ..base() }, &[1, 4, 3]),
        ("until", TraceQuery { start_max_ns: Some(2_000), ..base() }, &[2, 1]),
        ("longer", TraceQuery { min_duration_ns: Some(500), ..base() }, &[2]),
        ("shorter", TraceQuery { max_duration_ns: Some(499), ..base() }, &[1, 4, 3]),
        ("text tag", tags(&[("http.method", "GET")]), &[3]),
        ("number tag", tags(&[("items", "3")]), &[3]),
        ("tags of one span", tags(&[("http.method", "GET"), ("why", "busy"), ("event", "retry")]), &[3]),
        ("tag with another value", tags(&[("http.method", "PUT")]), &[]),
        ("error", tags(&[("error", "true")]), &[3]),
        ("status", tags(&[("otel.status_code", "ERROR"), ("otel.status_description", "no")]), &[3]),
        ("kind and process", tags(&[("span.kind", "server"), ("host.name", "h1"), ("service.name", "email")]), &[1, 4]),
    ];
    for (name, query, expected) in cases {
        assert_eq!(ids(&store, &query), expected.iter().map(|id| trace_id(*id)).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_newest_are_found_whatever_the_order_of_arrival() {
    let store = small(4 << 20, 16);
    for number in 0..500u64 {
        let shuffled = number * 337 % 500 + 1;
        add(&store, "a", vec![span(shuffled, 1, 0, shuffled * 10)]);
    }
    let query = TraceQuery { limit: 7, ..TraceQuery::default() };
    assert_eq!(ids(&store, &query), (494..=500).rev().map(trace_id).collect::<Vec<_>>());
}

#[test]
fn operations_are_distinct_and_in_order() {
    let store = small(1 << 20, 2);
    for kind in [2, 3, 2, 2] {
        add(
            &store,
            "carts",
            vec![Span { kind, ..span(1, 1, 0, 1) }, Span { name: "a".into(), kind: 1, ..span(1, 2, 0, 1) }],
        );
    }
    let operation = |name: &str, kind| Operation { name: name.into(), kind };
    let expected =
        [operation("a", SpanKind::Internal), operation("op", SpanKind::Server), operation("op", SpanKind::Client)];
    assert_eq!(store.operations("carts"), expected);
    assert_eq!(store.operations("none"), []);
}

#[test]
fn dependencies_count_calls_between_services() {
    let store = small(1 << 20, 2);
    add(&store, "gateway", vec![span(1, 1, 0, 10), span(1, 2, 1, 11), span(2, 1, 0, 12)]);
    add(&store, "carts", vec![span(1, 3, 2, 13), span(1, 4, 2, 14), span(3, 9, 1, 15)]);
    let edge = Dependency { parent: "gateway".into(), child: "carts".into(), calls: 2 };
    assert_eq!(store.dependencies(0, u64::MAX), [edge]);
    assert_eq!(store.dependencies(0, 12), []);
}

#[test]
fn a_trace_of_too_many_spans_is_cut_and_says_so() {
    let store = Store::default();
    add(&store, "a", (1..=MAX_TRACE_SPANS as u64 + 1).map(|number| span(1, number, 0, number)).collect());
    let trace = store.trace(trace_id(1)).expect("held");
    assert_eq!((trace.spans.len(), trace.truncated), (MAX_TRACE_SPANS, true));
}

#[test]
fn readers_and_writers_do_not_wait_for_each_other_for_ever() {
    let store = small(64 << 10, 8);
    std::thread::scope(|scope| {
        for writer in 0..3u64 {
            let store = store.clone();
            scope.spawn(move || {
                (1..500).for_each(|number| add(&store, "a", vec![span(number + writer * 1_000, 1, 0, number)]))
            });
        }
        let store = store.clone();
        scope.spawn(move || {
            for _ in 0..200 {
                store.search(&TraceQuery { limit: 5, ..TraceQuery::default() });
                store.services();
            }
        });
    });
    let status = store.status().traces;
    assert_eq!((status.taken, status.rows + status.evicted), (1_497, 1_497));
}
