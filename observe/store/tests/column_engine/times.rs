//! Times that are unknown, of long ago, or to come.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::model::{SpanRow, Table};
use vitrine_observe_store::{
    ColumnEngine, Logs, Options, RedQuery, Reports, Scan, Scans, Services, Signal, Tenant, TraceQuery, Traces,
};
use vitrine_platform_log::{Log, Options as LogOptions};

use crate::support::{BEGIN_MS, BEGIN_NS, SECOND, Sent, id, log_request, metric_request, open, options, send, write};

/// How long rows are kept.
const RETENTION: Duration = Duration::from_secs(3600);

fn hour(folder: &Path) -> Options {
    Options { retention: Some(RETENTION), ..options(folder) }
}

/// A request with a span of these ends, and an event of no known time.
fn span_request(trace: u8, start: u64, end: u64) -> Bytes {
    let span = Span {
        trace_id: id(trace).0.to_vec(),
        span_id: 1u64.to_be_bytes().to_vec(),
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        events: vec![Event { name: "something".into(), ..Event::default() }],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

fn only_span(engine: &ColumnEngine, trace: u8) -> SpanRow {
    let found = engine.trace(&Tenant::default(), id(trace), 10).expect("read").expect("a trace");
    let [span] = &found.spans[..] else { panic!("one span: {found:?}") };
    span.clone()
}

fn count(engine: &ColumnEngine, table: Table, time_ns: (u64, u64)) -> usize {
    let scan = Scan { time_ns: Some(time_ns), ..Scan::default() };
    let batches = engine.scan(&Tenant::default(), table, &scan).expect("read");
    batches.map(|batch| batch.expect("a batch").num_rows()).sum()
}

/// Looks at what has been sent by [`what_has_no_time_has_that_of_its_arrival`].
fn check_unknown_times(engine: &ColumnEngine) {
    let known = BEGIN_NS - 5 * SECOND;
    for (trace, start, end) in [(1, BEGIN_NS, BEGIN_NS), (2, known, known), (3, known, known)] {
        let span = only_span(engine, trace);
        assert_eq!((span.start_ns, span.end_ns, span.events[0].time_ns), (start, end, start), "trace {trace}");
    }
    let at = |ns| TraceQuery { start_min_ns: Some(ns), start_max_ns: Some(ns), limit: 9, ..TraceQuery::default() };
    assert_eq!(engine.search(&Tenant::default(), &at(BEGIN_NS)).expect("read").len(), 1);
    assert_eq!(engine.search(&Tenant::default(), &at(known)).expect("read").len(), 2);
    let arrival = (BEGIN_NS, BEGIN_NS);
    assert_eq!((count(engine, Table::Logs, arrival), count(engine, Table::Metrics, arrival)), (1, 1));
    let logs = engine.logs_of(&Tenant::default(), id(1), 9).expect("read");
    assert_eq!((logs[0].time_ns, logs[0].observed_time_ns), (BEGIN_NS, 0));
    let query = RedQuery { start_ns: known, end_ns: BEGIN_NS + 60 * SECOND, step_ns: 1, ..RedQuery::default() };
    let counted: u64 = engine.red(&Tenant::default(), &query).expect("read").iter().map(|row| row.count).sum();
    assert_eq!(counted, 3);
}

#[test]
fn what_has_no_time_has_that_of_its_arrival() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(hour(folder.path()));
    let known = BEGIN_NS - 5 * SECOND;
    let requests = [
        (Signal::Traces, span_request(1, 0, 0)),
        (Signal::Traces, span_request(2, 0, known)),
        (Signal::Traces, span_request(3, known, 0)),
        (Signal::Logs, log_request("shop", 1, 0, "a line")),
        (Signal::Metrics, metric_request("shop", "queue", 0, 7)),
    ];
    for (signal, request) in requests {
        assert_eq!(write(&engine, &Tenant::default(), signal, request).expect("taken").taken, 1);
    }
    check_unknown_times(&engine);
    drop(engine);
    // Reading the log again gives the same, whenever that is.
    let (clock, manual) = Clock::manual(BEGIN_MS + 300_000);
    let engine = ColumnEngine::open(hour(folder.path()), clock).expect("opens");
    check_unknown_times(&engine);
    engine.seal().expect("sealed");
    manual.advance(RETENTION - Duration::from_secs(1));
    assert_eq!(engine.expire().expect("expired"), 0);
    check_unknown_times(&engine);
    manual.advance(Duration::from_secs(2));
    assert_eq!(engine.expire().expect("expired"), 3);
}

#[test]
fn rows_stay_as_long_whatever_their_times() {
    // Of 1970, by a clock in microseconds or in milliseconds, of today, and of as late as can be.
    for time in
        [1, BEGIN_NS / 1_000, BEGIN_NS / 1_000_000, BEGIN_NS - 365 * 86_400 * SECOND, BEGIN_NS, 1 << 62, u64::MAX]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, manual) = open(hour(folder.path()));
        let requests = [
            (Signal::Traces, span_request(1, time, time)),
            (Signal::Logs, log_request("shop", 1, time, "a line")),
            (Signal::Metrics, metric_request("shop", "queue", time, 7)),
        ];
        for (signal, request) in requests {
            let accepted = write(&engine, &Tenant::default(), signal, request).expect("taken");
            // Points are no older than what is kept, and hardly ahead.
            let is_kept = signal != Signal::Metrics || time == BEGIN_NS;
            assert_eq!((accepted.taken, accepted.rejected), (u64::from(is_kept), u64::from(!is_kept)));
        }
        let check = |engine: &ColumnEngine| {
            let time = time.min(i64::MAX as u64);
            assert_eq!(only_span(engine, 1).start_ns, time);
            let search = TraceQuery { start_min_ns: Some(time), limit: 1, ..TraceQuery::default() };
            assert_eq!(engine.search(&Tenant::default(), &search).expect("read").len(), 1);
            for table in [Table::Spans, Table::Logs] {
                assert_eq!(count(engine, table, (time, u64::MAX)), 1, "{table:?} at {time}");
            }
            assert_eq!(count(engine, Table::Metrics, (time, u64::MAX)), usize::from(time == BEGIN_NS));
            let red = RedQuery { start_ns: 0, end_ns: u64::MAX, step_ns: 60 * SECOND, service: None };
            assert_eq!(engine.red(&Tenant::default(), &red).expect("read").len(), 1);
        };
        check(&engine);
        engine.seal().expect("sealed");
        manual.advance(RETENTION - Duration::from_secs(1));
        assert_eq!(engine.expire().expect("expired"), 0, "{time}");
        check(&engine);
        manual.advance(Duration::from_secs(2));
        let kept = if time == BEGIN_NS { 3 } else { 2 };
        assert_eq!(engine.expire().expect("expired"), kept, "{time}");
    }
}

#[test]
fn late_rows_stay_when_they_are_merged_with_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, manual) = open(Options { fan_in: 2, ..hour(folder.path()) });
    send(&engine, &[Sent { start: 1, ..Sent::new(1, 1) }]);
    engine.seal().expect("sealed");
    manual.advance(Duration::from_secs(60));
    send(&engine, &[Sent::new(1, 2)]);
    engine.seal().expect("sealed");
    engine.merge().expect("merged");
    assert_eq!(engine.status().traces.segments, 1);
    manual.advance(RETENTION - Duration::from_secs(1));
    assert_eq!(engine.expire().expect("expired"), 0);
}

#[test]
fn logs_of_earlier_releases_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, _) = Log::open(folder.path().join("log"), LogOptions::default()).expect("opens");
    for (kind, request) in [(1, span_request(1, BEGIN_NS, 0)), (2, log_request("shop", 1, 0, "a line"))] {
        let front = Bytes::from_static(b"\x07default");
        log.append(kind, [front, request]).expect("taken").wait().expect("kept");
    }
    drop(log);
    let (engine, _) = open(options(folder.path()));
    assert_eq!(only_span(&engine, 1).start_ns, BEGIN_NS);
    assert_eq!(engine.logs_of(&Tenant::default(), id(1), 9).expect("read")[0].time_ns, BEGIN_NS);
    assert_eq!(engine.status().troubles, [""; 0]);
}
