//! Pairs of spans become edges, and what is left becomes something, too.

use std::collections::BTreeMap;

use super::super::edges::EdgeTotal;
use super::super::ledger::LedgerKey;
use super::{Edge, MAX_WAITING, ServiceGraph, Side, WAIT_MS};

/// Sides as a test's table has them.
#[derive(Clone, Copy)]
enum Role {
    Client,
    Server,
    Producer,
    Consumer,
}

use Role::{Client, Consumer, Producer, Server};

fn side(role: Role, service: &str, call: u64) -> Side {
    let is_caller = matches!(role, Client | Producer);
    Side {
        trace: 1,
        call,
        span: if is_caller { call } else { call + 1000 },
        is_caller,
        is_root: !is_caller && call == 0,
        is_messaging: matches!(role, Producer | Consumer),
        failed: false,
        service: service.into(),
        peer: None,
        database: None,
        seconds: if is_caller { 0.3 } else { 0.2 },
        start_ns: if is_caller { 0 } else { 400_000_000 },
        end_ns: if is_caller { 300_000_000 } else { 600_000_000 },
        weight: 1.0,
        since_ms: 0,
        labels: None,
    }
}

fn peer(side: Side, name: &str) -> Side {
    Side { peer: Some(name.into()), ..side }
}

/// Edges as text: `client -> server (connection) requests/failed/unpaired/dropped, client's and server's durations`.
fn shown(graph: &ServiceGraph) -> Vec<String> {
    let line = |(edge, total): (&Edge, &EdgeTotal)| {
        let EdgeTotal { requests, failed, unpaired, dropped, client, server, messaging, .. } = total;
        let messaging = messaging.as_ref().map(|waited| format!(" waited {:.1}", waited.seconds)).unwrap_or_default();
        format!(
            "{}->{} ({}) {requests}/{failed}/{unpaired}/{dropped} {:.1}x{} {:.1}x{}{messaging}",
            edge.client,
            edge.server,
            edge.connection.name(),
            client.seconds,
            client.count,
            server.seconds,
            server.count,
        )
    };
    let mut lines: Vec<String> = graph.edges.iter().map(line).collect();
    lines.sort();
    lines
}

fn graph_of(sides: impl IntoIterator<Item = Side>) -> ServiceGraph {
    let mut graph = ServiceGraph::new(0);
    sides.into_iter().for_each(|side| graph.add(side));
    graph.expire(WAIT_MS);
    graph
}

/// What it is, sides, and the edges that they become in whatever order they come.
type Case = (&'static str, Vec<Side>, Vec<&'static str>);

/// Sides of which both are known, or that need no other one.
fn pairs() -> Vec<Case> {
    let failed = |side: Side| Side { failed: true, ..side };
    let asking = |side: Side, name: &str| Side { database: Some(name.into()), ..side };
    vec![
        ("a call", vec![side(Client, "a", 1), side(Server, "b", 1)], vec!["a->b () 1/0/0/0 0.3x1 0.2x1"]),
        ("by itself", vec![side(Client, "a", 1), side(Server, "a", 1)], vec!["a->a () 1/0/0/0 0.3x1 0.2x1"]),
        (
            "a circle",
            vec![side(Client, "a", 1), side(Server, "b", 1), side(Client, "b", 2), side(Server, "a", 2)],
            vec!["a->b () 1/0/0/0 0.3x1 0.2x1", "b->a () 1/0/0/0 0.3x1 0.2x1"],
        ),
        (
            "failed as the client sees it",
            vec![failed(side(Client, "a", 1)), side(Server, "b", 1)],
            vec!["a->b () 1/1/0/0 0.3x1 0.2x1"],
        ),
        (
            "failed as the server sees it",
            vec![side(Client, "a", 1), failed(side(Server, "b", 1))],
            vec!["a->b () 1/1/0/0 0.3x1 0.2x1"],
        ),
        (
            "a message",
            vec![side(Producer, "a", 1), side(Consumer, "b", 1)],
            vec!["a->b (messaging_system) 1/0/0/0 0.3x1 0.2x1 waited 0.1"],
        ),
        (
            "a message that a client sent",
            vec![side(Client, "a", 1), side(Consumer, "b", 1)],
            vec!["a->b (messaging_system) 1/0/0/0 0.3x1 0.2x1 waited 0.1"],
        ),
        (
            "clocks that disagree",
            vec![side(Producer, "a", 1), Side { start_ns: 1, ..side(Consumer, "b", 1) }],
            vec!["a->b (messaging_system) 1/0/0/0 0.3x1 0.2x1"],
        ),
        (
            "a database",
            vec![failed(asking(peer(side(Client, "a", 1), "postgresql"), "orders"))],
            vec!["a->orders (database) 1/1/0/0 0.3x1 0.3x1"],
        ),
        (
            "a database with spans of its own",
            vec![asking(side(Client, "a", 1), "orders"), side(Server, "b", 1)],
            vec!["->b () 0/0/1/0 0.0x0 0.0x0", "a->orders (database) 1/0/0/0 0.3x1 0.3x1"],
        ),
    ]
}

/// Sides that may stay alone.
fn others() -> Vec<Case> {
    let failed = |side: Side| Side { failed: true, ..side };
    let weighing = |side: Side, weight| Side { weight, ..side };
    vec![
        (
            "someone without spans",
            vec![peer(side(Client, "a", 1), "bank")],
            vec!["a->bank (virtual_node) 1/0/0/0 0.3x1 0.3x1"],
        ),
        (
            "someone with spans is called by them",
            vec![peer(side(Client, "a", 1), "the bank"), side(Server, "bank", 1)],
            vec!["a->bank () 1/0/0/0 0.3x1 0.2x1"],
        ),
        ("no one known", vec![side(Client, "a", 1)], vec!["a-> () 0/0/1/0 0.0x0 0.0x0"]),
        ("by no one known", vec![side(Server, "b", 1)], vec!["->b () 0/0/1/0 0.0x0 0.0x0"]),
        ("by someone known", vec![peer(side(Server, "b", 1), "c")], vec!["c->b (virtual_node) 1/0/0/0 0.0x0 0.2x1"]),
        ("a user", vec![side(Server, "b", 0)], vec!["user->b (virtual_node) 1/0/0/0 0.0x0 0.2x1"]),
        (
            "two users in one trace",
            vec![side(Server, "b", 0), failed(side(Server, "b", 0))],
            vec!["user->b (virtual_node) 2/1/0/0 0.0x0 0.4x2"],
        ),
        (
            "a user with a name",
            vec![peer(side(Server, "b", 0), "app")],
            vec!["app->b (virtual_node) 1/0/0/0 0.0x0 0.2x1"],
        ),
        (
            "two consumers of one message",
            vec![side(Producer, "a", 1), side(Consumer, "b", 1), side(Consumer, "b", 1)],
            vec![
                "->b (messaging_system) 0/0/1/0 0.0x0 0.0x0",
                "a->b (messaging_system) 1/0/0/0 0.3x1 0.2x1 waited 0.1",
            ],
        ),
        (
            "clients and servers of one id",
            vec![side(Client, "a", 1), side(Client, "a", 1), side(Server, "b", 1), side(Server, "b", 1)],
            // As many pairs as there are, in whatever order they come.
            vec![],
        ),
        (
            "sampled, by one more than by the other",
            vec![weighing(side(Client, "a", 1), 4.0), weighing(side(Server, "b", 1), 2.0)],
            vec!["a->b () 4/0/0/0 1.2x4 0.8x4"],
        ),
        (
            "other traces",
            vec![side(Client, "a", 1), Side { trace: 2, ..side(Server, "b", 1) }],
            vec!["->b () 0/0/1/0 0.0x0 0.0x0", "a-> () 0/0/1/0 0.0x0 0.0x0"],
        ),
    ]
}

#[test]
fn pairs_of_spans_are_edges() {
    for (what, sides, expected) in pairs().into_iter().chain(others()) {
        let orders = [sides.clone(), sides.iter().rev().cloned().collect()];
        for order in orders {
            let found = shown(&graph_of(order));
            if expected.is_empty() {
                let pairs = found.iter().filter(|line| line.starts_with("a->b"));
                assert_eq!(pairs.count(), 1, "{what}: {found:?}");
            } else {
                assert_eq!(found, expected, "{what}");
            }
        }
    }
}

#[test]
fn the_other_side_may_take_its_time() {
    let mut graph = ServiceGraph::new(0);
    let late = |since_ms| Side { since_ms, ..side(Server, "b", 1) };
    graph.add(side(Client, "a", 1));
    graph.expire(WAIT_MS - 1);
    graph.add(late(WAIT_MS - 1));
    assert_eq!(shown(&graph), ["a->b () 1/0/0/0 0.3x1 0.2x1"], "just in time");
    graph.add(side(Client, "a", 1));
    graph.expire(WAIT_MS);
    graph.add(late(WAIT_MS));
    graph.expire(2 * WAIT_MS);
    let expected = ["->b () 0/0/1/0 0.0x0 0.0x0", "a-> () 0/0/1/0 0.0x0 0.0x0", "a->b () 1/0/0/0 0.3x1 0.2x1"];
    assert_eq!(shown(&graph), expected, "too late");
    assert_eq!(graph.waiting().len(), 0);
}

#[test]
fn not_more_wait_than_there_is_room_for() {
    let mut graph = ServiceGraph::new(0);
    for call in 1..=MAX_WAITING as u64 {
        graph.add(side(Client, "a", call));
    }
    graph.add(side(Client, "late", 1 << 40));
    assert_eq!(shown(&graph), ["late-> () 0/0/0/1 0.0x0 0.0x0"]);
    // Who is answered makes room, and so do those that have waited long enough.
    graph.add(side(Server, "b", 1));
    graph.add(side(Client, "c", 1 << 40));
    assert_eq!(graph.waiting().len(), MAX_WAITING);
    graph.add(Side { since_ms: WAIT_MS, ..side(Client, "d", 1 << 41) });
    assert_eq!(graph.waiting().len(), 1);
    let expected = [
        format!("a-> () 0/0/{}/0 0.0x0 0.0x0", MAX_WAITING - 1),
        "a->b () 1/0/0/0 0.3x1 0.2x1".to_owned(),
        "c-> () 0/0/1/0 0.0x0 0.0x0".to_owned(),
        "late-> () 0/0/0/1 0.0x0 0.0x0".to_owned(),
    ];
    assert_eq!(shown(&graph), expected);
}

#[test]
fn ten_thousand_services_are_counted_and_more_are_one() {
    let mut graph = ServiceGraph::new(0);
    for number in 0..30_000_u64 {
        graph.add(side(Client, &format!("s{number}"), number + 1));
        graph.add(side(Server, &format!("s{}", number + 1), number + 1));
    }
    assert_eq!(graph.edges.iter().map(|(_, total)| total.requests).sum::<f64>(), 30_000.0);
    assert_eq!(graph.edges.iter().len(), 2 * Edge::MOST + 1);
    assert_eq!(graph.waiting().len(), 0);
    // One that calls very many leaves the others room.
    let mut graph = ServiceGraph::new(0);
    for number in 1..=3000 {
        graph.add(side(Client, "crawler", number));
        graph.add(side(Server, &format!("s{number}"), number));
    }
    graph.add(side(Client, "a", 1));
    graph.add(side(Server, "b", 1));
    assert_eq!(graph.edges.iter().len(), Edge::MOST_OF_GROUP + 2);
    let of: BTreeMap<&str, f64> = graph.edges.iter().map(|(edge, total)| (&*edge.server, total.requests)).collect();
    assert_eq!((of["…other"], of["b"]), (2000.0, 1.0));
}

#[test]
fn edges_have_labels_of_both_sides() {
    let zone = |side: Side, zone: &str| Side { labels: Some([zone.into()].into()), ..side };
    let mut graph = ServiceGraph::new(1);
    graph.add(zone(side(Client, "a", 1), "east"));
    graph.add(zone(side(Server, "b", 1), "west"));
    graph.add(zone(side(Server, "b", 0), "west"));
    let mut found: Vec<Vec<String>> =
        graph.edges.iter().map(|(edge, _)| edge.labels.iter().map(ToString::to_string).collect()).collect();
    found.sort();
    assert_eq!(found, [["", "west"], ["east", "west"]]);
    // With other labels, what is counted begins anew; what waits has none.
    graph.add(zone(side(Client, "a", 2), "east"));
    let mut graph = graph.relabelled(2);
    graph.add(Side { labels: Some(["1".into(), "2".into()].into()), ..side(Server, "b", 2) });
    let labels: Vec<Vec<String>> =
        graph.edges.iter().map(|(edge, _)| edge.labels.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(labels, [["", "", "1", "2"]]);
}
