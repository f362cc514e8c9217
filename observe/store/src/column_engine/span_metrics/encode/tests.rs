//! What is written is read.

use super::super::durations::SpanExemplar;
use super::super::edges::{Connection, Edge, EdgeTotal};
use super::super::ledger::Life;
use super::super::service_graph::ServiceGraph;
use super::super::targets::Seen;
use super::super::{Operation, OperationTotal, Side, SpanTotals, Target, Totals, no_labels};
use super::{Labels, Position, decode, decode_for_samples, encode};

fn exemplar(seconds: f64) -> SpanExemplar {
    SpanExemplar { trace: 7, span: 9, seconds, time_ms: 1_000 }
}

fn side() -> Side {
    Side {
        trace: 1,
        call: 2,
        span: 3,
        is_caller: true,
        is_root: false,
        is_messaging: true,
        failed: true,
        service: "shop".into(),
        peer: Some("bank".into()),
        database: None,
        seconds: 0.5,
        start_ns: 4,
        end_ns: 5,
        weight: 2.0,
        since_ms: 6,
        labels: Some(["blue".into()].into()),
    }
}

fn written() -> SpanTotals {
    let life = Life { began_ms: 5, last_ms: 1_000, ended: true };
    let mut operations = super::super::ledger::Ledger::default();
    let mut total = OperationTotal { life, ..OperationTotal::default() };
    [0.25, 0.0, 9.0].into_iter().for_each(|seconds| total.count(1.5, 100, exemplar(seconds)));
    let labels = ["late".into(), "".into()].into();
    operations.put(Operation { service: "shop".into(), name: "GET /".into(), kind: 2, status: 2, labels }, total);
    let nothing = Operation { service: "shop".into(), name: "".into(), kind: 0, status: 0, labels: no_labels() };
    operations.put(nothing, OperationTotal::default());
    let mut graph = ServiceGraph::new(1);
    let mut total = EdgeTotal { life, requests: 3.0, failed: 1.0, unpaired: 2.0, dropped: 4.0, ..EdgeTotal::default() };
    total.client.observe(&[0.1], 1.0, exemplar(0.2));
    total.messaging.get_or_insert_default().observe(&[0.1], 1.0, exemplar(0.05));
    let labels = ["blue".into(), "green".into()].into();
    let edge = Edge { client: "a".into(), server: "b".into(), connection: Connection::Virtual, labels };
    graph.edges.put(edge, total);
    graph.put_waiting(side());
    graph.put_waiting(Side { is_caller: false, peer: None, labels: None, trace: 9, ..side() });
    let mut targets = super::super::ledger::Ledger::default();
    targets.put(Target::host("host.id", "h1"), Seen { life, blocks: 2.0 });
    targets.put(Target { is_host: false, labels: Labels::of([("job", "shop")]) }, Seen::default());
    SpanTotals {
        before: Position::from(77),
        time_ms: 15_000,
        tells_exemplars: false,
        operation_labels: vec!["status_message".into(), "http_route".into()],
        edge_labels: vec!["client_zone".into(), "server_zone".into()],
        totals: Totals { operations, graph, targets },
    }
}

#[test]
fn what_is_written_is_read() {
    let bytes = encode(&written());
    assert_eq!(decode(&bytes), Some(written()));
    let told = decode_for_samples(&bytes).expect("samples are made of it");
    assert_eq!((told.totals.graph.waiting().len(), &told.totals.targets), (0, &written().totals.targets));
    for length in 0..bytes.len() {
        assert_eq!(decode(&bytes[..length]), None, "cut off at {length}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(decode(&longer), None);
    for place in 18..bytes.len() {
        // Nothing is made of what is only claimed.
        let claims_much = [&bytes[..place], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat();
        assert!(decode(&claims_much).is_none_or(|read| encode(&read).len() <= claims_much.len()), "{place}");
    }
}

/// A record of the version before, as it was written: an operation that lasted a quarter of a second, with an exemplar.
#[test]
fn the_version_before_is_read() {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&77_u64.to_le_bytes());
    bytes.extend_from_slice(&15_000_i64.to_le_bytes());
    bytes.push(1);
    bytes.extend_from_slice(b"\x04shop\x05GET /\x02\x02\x00");
    bytes.extend([5_i64, 1_000].into_iter().flat_map(i64::to_le_bytes));
    bytes.extend([3.0_f64, 0.75, 1.0].into_iter().flat_map(f64::to_le_bytes));
    bytes.extend_from_slice(&[1, 31]);
    bytes.extend_from_slice(&2.0_f64.to_le_bytes());
    bytes.extend([0.0_f64; 15].into_iter().flat_map(f64::to_le_bytes));
    bytes.extend_from_slice(&[1, 31]);
    bytes.extend_from_slice(&7_u128.to_le_bytes());
    bytes.extend_from_slice(&9_u64.to_le_bytes());
    bytes.extend_from_slice(&0.25_f64.to_le_bytes());
    bytes.extend_from_slice(&1_000_i64.to_le_bytes());
    let read = decode(&bytes).expect("it is read");
    let (operation, total) = read.totals.operations.iter().next().expect("one operation");
    assert_eq!((&*operation.service, &*operation.name, total.durations.count), ("shop", "GET /", 3.0));
    assert_eq!((total.durations.native.as_slice(), total.life.began_ms), (&[(-16, 2.0)][..], 5));
    assert_eq!(total.durations.exemplars, [(7, exemplar(0.25))]);
}
