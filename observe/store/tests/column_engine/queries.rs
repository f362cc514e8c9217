//! Queries over rows in memory and in segments alike.

use std::collections::BTreeSet;

use vitrine_observe_store::model::{SpanKind, StatusCode, Table};
use vitrine_observe_store::{
    ColumnEngine, Dependency, Logs, Operation, RedQuery, Reports, Scan, Scans, Services, Signal, Tenant, TraceQuery,
    Traces,
};

use crate::support::{
    BEGIN_NS, SECOND, Sent, all, id, log_request, metric_request, open, options, request, send, trace, write,
};

/// Asks the same of rows in memory, in one segment, in several, and after opening again.
pub fn everywhere(spans: &[Sent], ask: impl Fn(&ColumnEngine)) {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    let (first, second) = spans.split_at(spans.len() / 2);
    send(&engine, spans);
    ask(&engine);
    drop(engine);
    let (engine, _) = open(options(folder.path()));
    ask(&engine);
    engine.seal().expect("sealed");
    ask(&engine);
    drop(engine);
    let (engine, _) = open(options(folder.path()));
    ask(&engine);
    drop(engine);

    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(vitrine_observe_store::Options { fan_in: 2, ..options(folder.path()) });
    send(&engine, first);
    engine.seal().expect("sealed");
    send(&engine, second);
    engine.seal().expect("sealed");
    engine.merge().expect("merged");
    assert_eq!(engine.status().traces.segments, 1);
    ask(&engine);
}

fn spans() -> Vec<Sent> {
    (1..=60).map(|span| Sent { parent: span / 2, ..Sent::new(0, span) }).collect()
}

#[test]
fn traces_services_and_operations() {
    let spans = spans();
    everywhere(&spans, |engine| {
        let tenant = Tenant::default();
        let mut expected = spans.clone();
        expected.sort();
        assert_eq!(all(engine), expected);
        assert_eq!(engine.services(&tenant).expect("read"), ["service 0", "service 1", "service 2"]);
        let operations = engine.operations(&tenant, "service 1").expect("read");
        assert_eq!(operations.len(), 5);
        assert!(operations.contains(&Operation { name: "operation 2".into(), kind: SpanKind::Server }));
        assert_eq!(engine.operations(&tenant, "nobody").expect("read"), []);
        let found = engine.trace(&tenant, id(0), 10).expect("read").expect("a trace");
        assert!(found.truncated && found.spans.len() == 10);
        assert_eq!(engine.trace(&tenant, id(99), 10).expect("read"), None);
    });
}

#[test]
fn the_service_graph() {
    let spans = spans();
    let mut expected = std::collections::BTreeMap::new();
    for span in &spans {
        if let Some(parent) = spans.iter().find(|other| other.span == span.parent)
            && parent.service != span.service
        {
            let (calls, errors): &mut (u64, u64) =
                expected.entry((parent.service.clone(), span.service.clone())).or_default();
            *calls += 1;
            *errors += u64::from(span.failed);
        }
    }
    let expected: Vec<Dependency> = expected
        .into_iter()
        .map(|((parent, child), (calls, errors))| Dependency { parent, child, calls, errors })
        .collect();
    everywhere(&spans, |engine| {
        let tenant = Tenant::default();
        assert_eq!(engine.dependencies(&tenant, BEGIN_NS, BEGIN_NS + 60 * SECOND).expect("read"), expected);
        assert_eq!(engine.dependencies(&tenant, 0, BEGIN_NS - 60 * SECOND).expect("read"), []);
    });
}

#[test]
fn rate_errors_and_durations() {
    let mut spans: Vec<Sent> = (1..=60).map(|span| Sent::new(1, span)).collect();
    for (place, span) in spans.iter_mut().enumerate() {
        span.start = BEGIN_NS + place as u64 * 10 * SECOND;
    }
    everywhere(&spans, |engine| {
        let query =
            RedQuery { service: None, start_ns: BEGIN_NS, end_ns: BEGIN_NS + 600 * SECOND, step_ns: 60 * SECOND };
        let rows = engine.red(&Tenant::default(), &query).expect("read");
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 60);
        assert_eq!(
            rows.iter().map(|row| row.duration_ns).sum::<u64>(),
            spans.iter().map(|span| span.duration).sum::<u64>()
        );
        assert!(rows.iter().all(|row| row.buckets.iter().map(|count| u64::from(*count)).sum::<u64>() == row.count));
        let failed = rows.iter().filter(|row| row.status == StatusCode::Error).map(|row| row.count).sum::<u64>();
        assert_eq!(failed, spans.iter().filter(|span| span.failed).count() as u64);
        let times: BTreeSet<u64> = rows.iter().map(|row| row.time_ns).collect();
        assert_eq!(times.len(), 10);
        let one = RedQuery { service: Some("service 1".into()), end_ns: BEGIN_NS + 120 * SECOND, ..query.clone() };
        let rows = engine.red(&Tenant::default(), &one).expect("read");
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 4);
        assert!(rows.iter().all(|row| row.service == "service 1"));
        // The step is rounded up to whole minutes.
        let whole = RedQuery { step_ns: 9 * 60 * SECOND + 1, ..query };
        let rows = engine.red(&Tenant::default(), &whole).expect("read");
        assert!(rows.iter().map(|row| row.time_ns).collect::<BTreeSet<_>>().len() <= 2);
    });
}

#[test]
fn searches() {
    let spans: Vec<Sent> = (1..=60).map(|span| Sent::new((span / 3) as u8, span)).collect();
    everywhere(&spans, |engine| {
        let search = |query: TraceQuery| -> Vec<u8> {
            let found = engine.search(&Tenant::default(), &query).expect("read");
            found.iter().map(|trace| trace.id.0[15]).collect()
        };
        let naive = |limit: usize, matches: &dyn Fn(&Sent) -> bool| -> Vec<u8> {
            let mut traces: Vec<u8> = Vec::new();
            for span in spans.iter().rev().filter(|span| matches(span)) {
                if !traces.contains(&span.trace) {
                    traces.push(span.trace);
                }
            }
            traces.truncate(limit);
            traces
        };
        let query = |limit| TraceQuery { limit, ..TraceQuery::default() };
        assert_eq!(search(query(5)), naive(5, &|_| true));
        assert_eq!(search(query(100)), naive(100, &|_| true));
        assert!(search(query(0)).is_empty());
        let service = TraceQuery { service: Some("service 2".into()), ..query(7) };
        assert_eq!(search(service), naive(7, &|span| span.service == "service 2"));
        let tagged = |key: &str, value: &str| TraceQuery { tags: vec![(key.into(), value.into())], ..query(20) };
        assert_eq!(search(tagged("user.id", "user 3")), naive(20, &|span| span.user == "user 3"));
        assert!(search(tagged("user.id", "user 99")).is_empty());
        assert_eq!(search(tagged("error", "true")), naive(20, &|span| span.failed));
        assert_eq!(search(tagged("span.kind", "server")), naive(20, &|_| true));
        assert_eq!(search(tagged("service.name", "service 1")), naive(20, &|span| span.service == "service 1"));
        let between = TraceQuery {
            start_min_ns: Some(spans[10].start),
            start_max_ns: Some(spans[20].start),
            min_duration_ns: Some(14_000),
            max_duration_ns: Some(19_000),
            ..query(20)
        };
        let inside = |span: &Sent| (14..=19).contains(&(span.duration / 1000)) && (11..=21).contains(&span.span);
        assert_eq!(search(between), naive(20, &inside));
        assert_eq!(
            engine.attribute_values(&Tenant::default(), "user.id", 3).expect("read"),
            ["user 0", "user 1", "user 10"]
        );
        assert_eq!(engine.attribute_values(&Tenant::default(), "nothing", 3).expect("read"), [""; 0]);
    });
}

#[test]
fn late_spans_find_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    for span in [50u64, 10, 40, 20, 30, 60, 5] {
        send(&engine, &[Sent::new(span as u8, span)]);
        engine.seal().expect("sealed");
    }
    let query = TraceQuery { limit: 4, ..TraceQuery::default() };
    let found = engine.search(&Tenant::default(), &query).expect("read");
    assert_eq!(found.iter().map(|trace| trace.id.0[15]).collect::<Vec<_>>(), [60, 50, 40, 30]);
    engine.merge().expect("merged");
    let found = engine.search(&Tenant::default(), &query).expect("read");
    assert_eq!(found.iter().map(|trace| trace.id.0[15]).collect::<Vec<_>>(), [60, 50, 40, 30]);
}

#[test]
fn what_is_sent_twice_is_shown_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    send(&engine, &[Sent::new(1, 1), Sent::new(1, 2)]);
    engine.seal().expect("sealed");
    send(&engine, &[Sent::new(1, 1), Sent::new(1, 2)]);
    assert_eq!(trace(&engine, &Tenant::default(), 1), [Sent::new(1, 1), Sent::new(1, 2)]);
}

#[test]
fn logs_and_metrics_are_kept_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = Tenant::default();
    let (engine, _) = open(options(folder.path()));
    for number in 0..10u64 {
        let logs = log_request("shop", (number % 2) as u8, BEGIN_NS + number, &format!("line {number}"));
        write(&engine, &tenant, Signal::Logs, logs).expect("taken");
        let metrics = metric_request("shop", "queue", BEGIN_NS + number * 1_000_000, number as i64);
        write(&engine, &tenant, Signal::Metrics, metrics).expect("taken");
        if number == 4 {
            engine.seal().expect("sealed");
        }
    }
    let rows = |engine: &ColumnEngine, table| -> usize {
        let batches = engine.scan(&tenant, table, &Scan::default()).expect("read");
        batches.map(|batch| batch.expect("a batch").num_rows()).sum()
    };
    for _ in 0..2 {
        assert_eq!((engine.status().logs.rows, engine.status().metrics.rows), (10, 10));
        for most in [100, usize::MAX] {
            let bodies = engine.logs_of(&tenant, id(1), most).expect("read");
            assert_eq!(bodies.iter().map(|row| row.time_ns - BEGIN_NS).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
        }
        assert_eq!(rows(&engine, Table::Logs), 10);
        assert_eq!(rows(&engine, Table::Metrics), 10);
        assert_eq!(rows(&engine, Table::Spans), 0);
        engine.seal().expect("sealed");
    }
    drop(engine);
    let (engine, _) = open(options(folder.path()));
    assert_eq!(rows(&engine, Table::Logs), 10);
    assert_eq!(rows(&engine, Table::Metrics), 10);
}

#[test]
fn scans() {
    let spans: Vec<Sent> = (1..=60).map(|span| Sent::new((span / 3) as u8, span)).collect();
    everywhere(&spans, |engine| {
        let tenant = Tenant::default();
        for table in Table::ALL {
            let places = 0..table.schema().fields().len();
            let projections = std::iter::once(None).chain(places.map(|place| Some(vec![place]))).chain([Some(vec![])]);
            for columns in projections {
                let scan = Scan { columns: columns.clone(), ..Scan::default() };
                let mut rows = 0;
                for batch in engine.scan(&tenant, table, &scan).expect("read") {
                    let batch = batch.expect("a batch");
                    rows += batch.num_rows();
                    let expected = match &columns {
                        Some(columns) => table.schema().project(columns).expect("a projection").into(),
                        None => table.schema(),
                    };
                    assert_eq!(batch.schema().fields(), expected.fields());
                }
                assert_eq!(rows, if table == Table::Spans { 60 } else { 0 }, "{table:?} {columns:?}");
            }
        }
        let count = |scan: Scan| -> usize {
            let batches = engine.scan(&tenant, Table::Spans, &scan).expect("read");
            batches.map(|batch| batch.expect("a batch").num_rows()).sum()
        };
        assert_eq!(count(Scan { trace: Some(id(5)), ..Scan::default() }), 3);
        let times = (spans[9].start, spans[19].start);
        assert_eq!(count(Scan { time_ns: Some(times), ..Scan::default() }), 11);
        // Where many rows of a page are wanted, all of it are read.
        assert!((20..=60).contains(&count(Scan { services: Some(vec!["service 1".into()]), ..Scan::default() })));
        assert_eq!(count(Scan { services: Some(vec!["nobody".into()]), ..Scan::default() }), 0);
    });
}

#[test]
fn malformed_requests_leave_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    let tenant = Tenant::default();
    let whole = request(&[Sent::new(1, 1)]);
    let cut = whole.slice(..whole.len() - 3);
    write(&engine, &tenant, Signal::Traces, cut.clone()).expect_err("refused");
    assert_eq!(engine.tenants(), []);
    send(&engine, &[Sent::new(1, 1)]);
    write(&engine, &tenant, Signal::Traces, cut).expect_err("refused");
    assert_eq!(trace(&engine, &tenant, 1), [Sent::new(1, 1)]);
    assert_eq!(write(&engine, &tenant, Signal::Traces, bytes::Bytes::new()).expect("taken").taken, 0);
}
