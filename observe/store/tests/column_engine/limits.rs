//! Tenants, retention, memory and the disk.

use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use vitrine_observe_store::model::Table;
use vitrine_observe_store::{
    Accepted, ColumnEngine, Options, QueryError, Reports, Scan, Scans, Services, Signal, Tenant, TraceQuery, Traces,
    WriteError,
};

use crate::support::gate::Gate;
use crate::support::{BEGIN_NS, Sent, all, id, metric_request, open, options, request, send, trace, write};

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).expect("a tenant")
}

/// Bytes of all files below a folder.
fn on_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let bytes = entries.map(|entry| match entry.metadata().expect("a file") {
        found if found.is_dir() => on_disk(&entry.path()),
        found => found.len(),
    });
    bytes.sum()
}

#[test]
fn tenants_are_kept_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let few = Options { max_tenants: 2, ..options(folder.path()) };
    let (engine, _) = open(few.clone());
    let (a, b) = (tenant("a"), tenant("b"));
    for (tenant, span) in [(&a, 1), (&b, 2), (&a, 3)] {
        write(&engine, tenant, Signal::Traces, request(&[Sent::new(1, span)])).expect("taken");
    }
    let check = |engine: &ColumnEngine| {
        assert_eq!(trace(engine, &a, 1), [Sent::new(1, 1), Sent::new(1, 3)]);
        assert_eq!(trace(engine, &b, 1), [Sent::new(1, 2)]);
        assert_eq!(engine.services(&b).expect("read"), ["service 2"]);
        assert_eq!(engine.tenants(), [a.clone(), b.clone()]);
        let third = write(engine, &tenant("c"), Signal::Traces, request(&[Sent::new(1, 4)]));
        assert_eq!(third, Err(WriteError::Tenants { most: 2 }));
        assert_eq!(engine.services(&tenant("c")).expect("read"), [""; 0]);
    };
    check(&engine);
    engine.seal().expect("sealed");
    check(&engine);
    drop(engine);
    let (engine, _) = open(few);
    check(&engine);
    let folders = std::fs::read_dir(folder.path().join("segments")).expect("a folder").count();
    assert_eq!(folders, 2);
}

#[test]
fn what_becomes_a_segment_slowly_stays_as_long_as_everything_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = Gate::new(&folder.path().join("segments"));
    let hour = Options {
        retention: Some(Duration::from_secs(3600)),
        segments: Some(gate.clone()),
        seal_rows: 50,
        ..options(folder.path())
    };
    let (engine, manual) = open(hour);
    gate.shut();
    let sent: Vec<Sent> = (1..=50).map(|span| Sent::new(1, span)).collect();
    send(&engine, &sent);
    gate.wait_for_a_file();
    manual.advance(Duration::from_secs(4000));
    assert_eq!(engine.expire().expect("expired"), 0);
    gate.open();
    // Waits for the one that is being written.
    engine.seal().expect("sealed");
    let status = engine.status().traces;
    assert_eq!((status.segments, status.memory_rows), (1, 0));
    assert_eq!(engine.expire().expect("expired"), 0);
    assert_eq!(all(&engine), sent);
    manual.advance(Duration::from_secs(3601));
    engine.expire().expect("expired");
    assert_eq!(all(&engine), []);
}

#[test]
fn what_is_too_old_frees_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let hour = Options { retention: Some(Duration::from_secs(3600)), ..options(folder.path()) };
    let (engine, manual) = open(hour.clone());
    let old: Vec<Sent> = (1..=50).map(|span| Sent::new(1, span)).collect();
    send(&engine, &old);
    engine.seal().expect("sealed");
    manual.advance(Duration::from_secs(3000));
    // One that pretends to come from the future leaves when it was here long enough.
    send(&engine, &[Sent { start: BEGIN_NS + (1 << 55), ..Sent::new(2, 60) }]);
    engine.seal().expect("sealed");
    let segments = folder.path().join("segments");
    let before = on_disk(&segments);
    manual.advance(Duration::from_secs(1000));
    engine.expire().expect("expired");
    assert_eq!(all(&engine).len(), 1);
    assert_eq!(engine.services(&Tenant::default()).expect("read").len(), 1);
    assert!(on_disk(&segments) < before * 2 / 3);
    manual.advance(Duration::from_secs(3000));
    engine.expire().expect("expired");
    assert_eq!(on_disk(&segments), 0);
    assert_eq!(all(&engine), []);
    assert_eq!(engine.status().traces.evicted, 51);
    drop(engine);
    let (engine, _) = open(hour);
    assert_eq!(all(&engine), []);
}

#[test]
fn what_is_too_much_frees_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let most = 40_000;
    let small = Options { max_bytes: Some(most), fan_in: 100, ..options(folder.path()) };
    let (engine, _) = open(small);
    for round in 0..30u64 {
        let spans: Vec<Sent> = (1..=20).map(|span| Sent::new(round as u8, round * 100 + span)).collect();
        send(&engine, &spans);
        engine.seal().expect("sealed");
        engine.expire().expect("expired");
        assert!(on_disk(&folder.path().join("segments")) <= most);
    }
    let found = all(&engine);
    assert!(found.iter().any(|span| span.trace == 29) && found.iter().all(|span| span.trace > 0));
}

#[test]
fn a_reader_finishes_what_it_began() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, manual) = open(Options { retention: Some(Duration::from_secs(60)), ..options(folder.path()) });
    for round in 0..5u64 {
        let spans: Vec<Sent> = (1..=20).map(|span| Sent::new(round as u8, round * 100 + span)).collect();
        send(&engine, &spans);
        engine.seal().expect("sealed");
    }
    let mut batches = engine.scan(&Tenant::default(), Table::Spans, &Scan::default()).expect("read");
    let mut rows = batches.next().expect("a batch").expect("read").num_rows();
    manual.advance(Duration::from_secs(3600));
    engine.expire().expect("expired");
    assert_eq!(all(&engine), []);
    rows += batches.map(|batch| batch.expect("read").num_rows()).sum::<usize>();
    assert_eq!(rows, 100);
    assert_eq!(on_disk(&folder.path().join("segments")), 0);
}

#[test]
fn memory_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let bounded = Options {
        memory_bytes: 2 << 20,
        seal_bytes: 1 << 20,
        seal_rows: 1 << 20,
        max_bytes: None,
        ..options(folder.path())
    };
    let (engine, _) = open(bounded.clone());
    let (mut taken, mut busy) = (0u64, 0);
    for round in 0..2000u64 {
        let spans: Vec<Sent> = (1..=100).map(|span| Sent::new((round % 200) as u8, round * 100 + span)).collect();
        match write(&engine, &Tenant::default(), Signal::Traces, request(&spans)) {
            Ok(accepted) => taken += accepted.taken,
            Err(WriteError::Busy { .. }) => {
                busy += 1;
                engine.seal().expect("sealed");
            }
            Err(error) => panic!("{error}"),
        }
        let status = engine.status();
        // One request may go beyond.
        assert!(status.memory_bytes < 3 << 20, "{status:?}");
    }
    assert!(taken > 1000, "{taken} taken, busy {busy} times");
    assert_eq!(engine.status().traces.rows, taken);
    drop(engine);
    // So is the memory of starting again.
    let (engine, _) = open(bounded);
    assert_eq!(engine.status().traces.rows, taken);
}

#[test]
fn a_trace_of_a_million_spans_is_taken_and_read_in_part() {
    const ROUNDS: u64 = 100;
    const SPANS: u64 = 10_000;
    let folder = tempfile::tempdir().expect("a folder");
    let bounded = Options {
        memory_bytes: 32 << 20,
        seal_bytes: 8 << 20,
        seal_rows: 1 << 16,
        fan_in: 8,
        ..options(folder.path())
    };
    let (engine, _) = open(bounded);
    let tenant = Tenant::default();
    for round in 0..ROUNDS {
        let child = |span: u64| Sent { parent: 1, ..Sent::new(1, span) };
        let spans: Vec<Sent> = (1..=SPANS).map(|span| child(round * SPANS + span)).collect();
        let request = request(&spans);
        while let Err(error) = write(&engine, &tenant, Signal::Traces, request.clone()) {
            assert!(matches!(error, WriteError::Busy { .. }), "{error}");
            std::thread::yield_now();
        }
    }
    let check = || {
        assert_eq!(engine.status().traces.rows, ROUNDS * SPANS);
        let found = engine.trace(&tenant, id(1), 20_000).expect("read").expect("it is there");
        assert_eq!((found.spans.len(), found.truncated), (20_000, true));
        // More than a query may have is said, and not cut off unseen.
        let all = engine.trace(&tenant, id(1), usize::MAX);
        assert!(matches!(all, Err(QueryError::TooMuch { .. })), "{:?}", all.map(|trace| trace.map(|t| t.spans.len())));
        let newest = TraceQuery { limit: 1, ..TraceQuery::default() };
        let found = engine.search(&tenant, &newest).expect("found");
        assert!(found.iter().all(|trace| trace.truncated && trace.id == id(1)), "one trace, in part");
        assert_eq!(found.len(), 1);
    };
    check();
    engine.seal().expect("sealed");
    engine.merge().expect("merged");
    check();
}

#[test]
fn queries_end_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(Options { query_time: Duration::ZERO, ..options(folder.path()) });
    send(&engine, &[Sent::new(1, 1)]);
    engine.seal().expect("sealed");
    let (tenant, query) = (Tenant::default(), TraceQuery { limit: 1, ..TraceQuery::default() });
    let late = QueryError::TooLong { most: Duration::ZERO };
    assert_eq!(engine.search(&tenant, &query), Err(late.clone()));
    assert_eq!(engine.trace(&tenant, id(1), 1), Err(late.clone()));
    assert_eq!(engine.services(&tenant), Err(late.clone()));
    assert_eq!(engine.attribute_values(&tenant, "user.id", 1), Err(late.clone()));
    let mut batches = engine.scan(&tenant, Table::Spans, &Scan::default()).expect("a scan");
    assert_eq!(batches.next().expect("an item").map(|batch| batch.num_rows()), Err(late));
    assert!(batches.next().is_none());
}

#[test]
fn queries_stay_within_their_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(Options { query_memory_bytes: 20_000, seal_rows: 1 << 20, ..options(folder.path()) });
    let spans: Vec<Sent> = (1..=2000).map(|span| Sent::new(1, span)).collect();
    send(&engine, &spans);
    for _ in 0..2 {
        let tenant = Tenant::default();
        assert_eq!(engine.trace(&tenant, id(1), 5000), Err(QueryError::TooMuch { bytes: 20_000 }));
        let query = TraceQuery { limit: 1, ..TraceQuery::default() };
        assert_eq!(engine.search(&tenant, &query), Err(QueryError::TooMuch { bytes: 20_000 }));
        assert!(engine.trace(&tenant, id(1), 10).expect("read").is_some_and(|trace| trace.truncated));
        engine.seal().expect("sealed");
    }
}

#[test]
fn the_log_is_cut_behind_segments_and_a_quiet_table_does_not_hold_it_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(Options { log_bytes: 64 << 10, seal_rows: 1 << 20, ..options(folder.path()) });
    let tenant = Tenant::default();
    write(&engine, &tenant, Signal::Metrics, metric_request("quiet", "rows", BEGIN_NS, 1)).expect("taken");
    let begun = Instant::now();
    let mut sent = Vec::new();
    for number in 1..=2000u64 {
        let span = Sent::new((number % 50) as u8, number);
        loop {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", engine.status());
            match write(&engine, &tenant, Signal::Traces, request(std::slice::from_ref(&span))) {
                Ok(_) => break,
                Err(WriteError::Disk { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        sent.push(span);
    }
    sent.sort();
    assert_eq!(all(&engine), sent);
    let status = engine.status();
    assert!(status.log.bytes <= 64 << 10, "{status:?}");
    assert_eq!((status.metrics.rows, status.metrics.segment_rows), (1, 1), "the quiet table had to become a segment");
}

#[test]
fn rows_become_segments_by_themselves() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, manual) = open(options(folder.path()));
    for round in 0..10u64 {
        let spans: Vec<Sent> = (1..=70).map(|span| Sent::new(round as u8, round * 100 + span)).collect();
        send(&engine, &spans);
    }
    let come = |what: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", engine.status());
            std::thread::yield_now();
        }
    };
    come(&|| engine.status().traces.segment_rows == 700);
    come(&|| engine.status().traces.segments < 10);
    send(&engine, &[Sent::new(99, 5)]);
    manual.advance(Duration::from_secs(601));
    come(&|| engine.status().traces.memory_rows == 0);
    assert_eq!(all(&engine).len(), 701);
    assert_eq!(engine.status().traces.taken, 701);
}

#[test]
fn figures_stay_in_memory_while_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = Gate::new(&folder.path().join("segments"));
    let apart = Options { fan_in: 1000, segments: Some(gate.clone()), ..options(folder.path()) };
    let (engine, _) = open(apart.clone());
    for round in 0..5u64 {
        let spans: Vec<Sent> = (1..=20).map(|span| Sent::new(round as u8, round * 100 + span)).collect();
        send(&engine, &spans);
        engine.seal().expect("sealed");
    }
    let tenant = Tenant::default();
    let services = ["service 0", "service 1", "service 2"];
    gate.opened(".rollup");
    for read in [5, 0, 0] {
        assert_eq!(engine.services(&tenant).expect("read"), services);
        assert_eq!(gate.opened(".rollup"), read);
    }
    assert_eq!(engine.operations(&tenant, "service 1").expect("read").len(), 5);
    assert_eq!(engine.dependencies(&tenant, 0, u64::MAX).expect("read"), []);
    assert_eq!(gate.opened(".rollup"), 0);
    assert!(engine.status().cached_bytes > 0);
    drop(engine);
    // Half of the memory is for what is cached: less than any of it takes.
    let (engine, _) = open(Options { seal_bytes: 1, memory_bytes: 2, ..apart });
    gate.opened(".rollup");
    for _ in 0..3 {
        assert_eq!(engine.services(&tenant).expect("read"), services);
        assert_eq!((gate.opened(".rollup"), engine.status().cached_bytes), (5, 0));
    }
}

#[test]
fn as_many_tenants_as_there_may_be_come_at_once() {
    const MOST: usize = 3;
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(Options { max_tenants: MOST, ..options(folder.path()) });
    let start = Barrier::new(8);
    let outcomes: Vec<Result<Accepted, WriteError>> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let (engine, start) = (&engine, &start);
            scope.spawn(move || {
                start.wait();
                write(engine, &tenant(&format!("t{number}")), Signal::Traces, request(&[Sent::new(1, 1)]))
            })
        };
        let writers: Vec<_> = (0..8).map(one).collect();
        writers.into_iter().map(|writer| writer.join().expect("no panic")).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), MOST);
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(refused.into_iter().all(|error| *error == WriteError::Tenants { most: MOST }));
    assert_eq!(engine.tenants().len(), MOST);
}
