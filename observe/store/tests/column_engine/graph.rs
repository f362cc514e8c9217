//! The service graph, by the rules of Zipkin's linker and of Jaeger, however spans arrive.
//!
//! The cases are those of openzipkin/zipkin `DependencyLinkerTest` but for the two named in [`SPANS`], and those of
//! OpenTelemetry's semantic conventions beside them.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert_eq, proptest};
use prost::Message;
use std::time::Duration;
use vitrine_observe_store::{ColumnEngine, Options, Services, Signal, Tenant};

use crate::support::{BEGIN_NS, SECOND, id, open, options, write};

/// Spans of a trace, and its calls: caller, called, how often, how many failed.
struct Case {
    what: &'static str,
    /// Id, parent's id (- for none), kind (- for none), service (- for none); then, in any order, `shared`, `failed`, and
    /// attributes such as `peer.service=x`.
    spans: &'static [&'static str],
    calls: &'static [(&'static str, &'static str, u64, u64)],
}

const SPANS: &[Case] = &[
    Case {
        what: "a whole trace",
        spans: &[
            "1 - SERVER web",
            "2 1 CLIENT web peer.service=app",
            "2 1 SERVER app peer.service=web shared",
            "3 2 CLIENT app peer.service=db failed",
        ],
        calls: &[("app", "db", 1, 1), ("web", "app", 1, 0)],
    },
    Case {
        what: "a shared id that the server does not tell of",
        spans: &["1 - SERVER web", "2 1 CLIENT web", "2 1 SERVER app", "3 2 CLIENT app db.system=mysql"],
        calls: &[("app", "mysql", 1, 0), ("web", "app", 1, 0)],
    },
    Case {
        what: "a shared server without its parent's id",
        spans: &["1 - SERVER arn", "2 1 CLIENT arn peer.service=link", "2 - SERVER link peer.service=arn shared"],
        calls: &[("arn", "link", 1, 0)],
    },
    Case {
        what: "a shared server whose client and parent's id are lost",
        spans: &["1 - SERVER web", "2 - SERVER app shared", "3 2 CLIENT app peer.service=db failed"],
        calls: &[("app", "db", 1, 1), ("web", "app", 1, 0)],
    },
    Case {
        what: "two servers that answer one client",
        spans: &["1 - CLIENT a", "1 - SERVER b shared", "1 - SERVER c shared", "2 1 CLIENT c peer.service=d"],
        calls: &[("a", "b", 1, 0), ("a", "c", 1, 0), ("c", "d", 1, 0)],
    },
    Case {
        what: "a consumer that names the broker",
        spans: &["1 - PRODUCER producer", "2 1 CONSUMER consumer peer.service=kafka"],
        calls: &[("kafka", "consumer", 1, 0)],
    },
    Case {
        what: "a producer that names the broker",
        spans: &["1 - PRODUCER producer messaging.system=kafka", "2 1 CONSUMER consumer"],
        calls: &[("producer", "kafka", 1, 0)],
    },
    Case {
        what: "both name it",
        spans: &["1 - PRODUCER producer messaging.system=kafka", "2 1 CONSUMER consumer messaging.system=kafka failed"],
        calls: &[("kafka", "consumer", 1, 1), ("producer", "kafka", 1, 0)],
    },
    Case {
        what: "one producer, two consumers",
        spans: &[
            "1 - PRODUCER a messaging.system=kafka",
            "2 1 CONSUMER b messaging.system=kafka",
            "3 1 CONSUMER c messaging.system=kafka",
        ],
        calls: &[("a", "kafka", 1, 0), ("kafka", "b", 1, 0), ("kafka", "c", 1, 0)],
    },
    Case {
        what: "a consumer by itself, such as one that only links to the producer",
        spans: &["1 - CONSUMER consumer messaging.system=kafka server.address=broker-7"],
        calls: &[("kafka", "consumer", 1, 0)],
    },
    Case {
        what: "nobody names a broker: as Jaeger, and not Zipkin, has it",
        spans: &["1 - PRODUCER producer", "2 1 CONSUMER consumer"],
        calls: &[("producer", "consumer", 1, 0)],
    },
    Case {
        what: "a client in the place of a producer: likewise",
        spans: &["1 - CLIENT client", "2 1 CONSUMER consumer"],
        calls: &[("client", "consumer", 1, 0)],
    },
    Case {
        what: "a server below a producer",
        spans: &["1 - PRODUCER producer", "2 1 SERVER server"],
        calls: &[("producer", "server", 1, 0)],
    },
    Case {
        what: "a server that shares a producer's id",
        spans: &["1 - PRODUCER producer peer.service=server", "1 - SERVER server shared"],
        calls: &[("producer", "server", 1, 0)],
    },
    Case {
        what: "a server alone that names its client",
        spans: &["1 - SERVER server peer.service=client"],
        calls: &[("client", "server", 1, 0)],
    },
    Case {
        what: "a client alone",
        spans: &["1 - CLIENT client peer.service=server shared"],
        calls: &[("client", "server", 1, 0)],
    },
    Case {
        what: "clients without a service",
        spans: &["1 - SERVER client", "2 1 CLIENT - peer.service=server", "3 1 CLIENT - peer.service=server"],
        calls: &[("client", "server", 2, 0)],
    },
    Case {
        what: "both sides, each in a span of its own",
        spans: &["1 - CLIENT client peer.service=other", "2 1 SERVER server"],
        calls: &[("client", "server", 1, 0)],
    },
    Case {
        what: "both sides failed",
        spans: &["1 - CLIENT client failed", "2 1 SERVER server failed"],
        calls: &[("client", "server", 1, 1)],
    },
    Case {
        what: "both sides of one id failed",
        spans: &["1 - CLIENT client failed", "1 - SERVER server shared failed"],
        calls: &[("client", "server", 1, 1)],
    },
    Case {
        what: "the client alone says that it failed",
        spans: &["1 - CLIENT web failed", "2 1 SERVER app"],
        calls: &[("web", "app", 1, 1)],
    },
    Case {
        what: "a client that tries twice",
        spans: &[
            "1 - CLIENT client peer.service=server",
            "2 1 SERVER server peer.service=client failed",
            "3 1 SERVER server",
        ],
        calls: &[("client", "server", 2, 1)],
    },
    Case {
        what: "local spans without a service in between",
        spans: &["1 - SERVER client", "2 1 - -", "3 2 CLIENT server failed", "4 2 CLIENT server"],
        calls: &[("client", "server", 2, 0)],
    },
    Case {
        what: "a server that is missing in between",
        spans: &[
            "1 - SERVER foo",
            "2 1 - -",
            "3 2 CLIENT bar peer.service=baz failed",
            "4 2 CLIENT bar peer.service=baz",
        ],
        calls: &[("bar", "baz", 2, 1), ("foo", "bar", 2, 0)],
    },
    Case { what: "a loop", spans: &["1 - SERVER a peer.service=a"], calls: &[("a", "a", 1, 0)] },
    Case { what: "a service that calls itself", spans: &["1 - CLIENT a", "2 1 SERVER a"], calls: &[("a", "a", 1, 0)] },
    Case {
        what: "spans without kinds",
        spans: &["1 - - client peer.service=web", "2 1 - web peer.service=app failed", "3 2 - app peer.service=db"],
        calls: &[("app", "db", 1, 0), ("client", "web", 1, 0), ("web", "app", 1, 1)],
    },
    Case {
        what: "one end alone",
        spans: &["1 - SERVER -", "2 - SERVER a", "3 - CLIENT b", "4 - CLIENT - peer.service=c"],
        calls: &[],
    },
    Case {
        what: "a parent that is missing",
        spans: &["2 1 SERVER a", "3 1 SERVER b", "4 2 SERVER c"],
        calls: &[("a", "c", 1, 0)],
    },
    Case {
        what: "databases by OpenTelemetry's conventions, of today and before",
        spans: &[
            "1 - SERVER a",
            "2 1 CLIENT a db.system.name=postgresql server.address=db-1",
            "3 1 CLIENT a db.system=mysql net.peer.name=db-2",
            "4 1 CLIENT a service.peer.name=ledger db.system=mysql",
        ],
        calls: &[("a", "ledger", 1, 0), ("a", "mysql", 1, 0), ("a", "postgresql", 1, 0)],
    },
    Case {
        what: "hosts without telemetry, by their names only",
        spans: &[
            "1 - CLIENT a server.address=api.example.com",
            "2 - CLIENT a server.address=10.0.0.7",
            "3 - CLIENT a server.address=::1",
            "4 - CLIENT a server.address=localhost net.peer.name=other",
            "5 - SERVER a server.address=a.example.com",
        ],
        calls: &[("a", "api.example.com", 1, 0), ("a", "other", 1, 0)],
    },
    Case {
        what: "a client within a client is one call",
        spans: &["1 - CLIENT a db.system=mysql", "2 1 INTERNAL a", "3 2 CLIENT a db.system=mysql"],
        calls: &[("a", "mysql", 1, 0)],
    },
    Case {
        what: "producers and consumers within each other are one call each",
        spans: &[
            "1 - PRODUCER a messaging.system=kafka",
            "2 1 PRODUCER a messaging.system=kafka",
            "3 2 CONSUMER b messaging.system=kafka",
            "4 3 INTERNAL b",
            "5 4 CONSUMER b messaging.system=kafka",
            "6 5 PRODUCER b messaging.system=nats",
            "7 5 PRODUCER b messaging.system=kafka",
        ],
        calls: &[("a", "kafka", 1, 0), ("b", "kafka", 1, 0), ("b", "nats", 1, 0), ("kafka", "b", 1, 0)],
    },
    Case {
        what: "work within a client answers nothing",
        spans: &["1 - CLIENT a db.system=mysql", "2 1 INTERNAL a"],
        calls: &[("a", "mysql", 1, 0)],
    },
    Case {
        what: "a span that is its own parent",
        spans: &["1 1 CLIENT a db.system=mysql"],
        calls: &[("a", "mysql", 1, 0)],
    },
    Case {
        what: "a root whose sides have one id, and do not say so",
        spans: &["1 - CLIENT a", "1 - SERVER b"],
        calls: &[("a", "b", 1, 0)],
    },
    Case { what: "a circle", spans: &["1 2 SERVER a", "2 1 SERVER b"], calls: &[("a", "b", 1, 0), ("b", "a", 1, 0)] },
];

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

/// A span out of the words of a [`Case`].
pub fn parse(trace: u8, words: &str) -> ResourceSpans {
    let mut words = words.split(' ');
    let mut next = || words.next().expect("a word");
    let (own, parent, kind, service) = (next(), next(), next(), next());
    let number = |digits: &str| digits.parse::<u64>().expect("a number").to_be_bytes().to_vec();
    let kinds = ["-", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    let mut span = Span {
        trace_id: id(trace).0.to_vec(),
        span_id: number(own),
        parent_span_id: if parent == "-" { Vec::new() } else { number(parent) },
        kind: kinds.iter().position(|known| *known == kind).expect("a kind") as i32,
        start_time_unix_nano: BEGIN_NS,
        end_time_unix_nano: BEGIN_NS + 1,
        ..Span::default()
    };
    for word in words {
        match word.split_once('=') {
            Some((key, value)) => span.attributes.push(text(key, value)),
            None if word == "shared" => span.attributes.push(attribute("zipkin.shared", Value::BoolValue(true))),
            None => span.status = Some(Status { code: 2, message: word.to_owned() }),
        }
    }
    let attributes = if service == "-" { Vec::new() } else { vec![text("service.name", service)] };
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

pub fn send(engine: &ColumnEngine, resource_spans: Vec<ResourceSpans>) {
    let request: Bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec().into();
    let accepted = write(engine, &Tenant::default(), Signal::Traces, request).expect("taken");
    assert_eq!(accepted.rejected, 0);
}

fn calls(engine: &ColumnEngine) -> Vec<(String, String, u64, u64)> {
    let edges = engine.dependencies(&Tenant::default(), BEGIN_NS, BEGIN_NS + SECOND).expect("read");
    edges.into_iter().map(|edge| (edge.parent, edge.child, edge.calls, edge.errors)).collect()
}

/// Holds the graph against what each of the cases expects, after its spans were sent in this way.
fn check(
    how: &str,
    opened: impl Fn() -> (tempfile::TempDir, ColumnEngine),
    send_all: impl Fn(&ColumnEngine, Vec<ResourceSpans>),
) {
    let mut wrong = Vec::new();
    for case in SPANS {
        let (_folder, engine) = opened();
        send_all(&engine, case.spans.iter().map(|words| parse(1, words)).collect());
        let found = calls(&engine);
        let expected =
            case.calls.iter().map(|(a, b, calls, errors)| ((*a).to_owned(), (*b).to_owned(), *calls, *errors));
        if found != expected.collect::<Vec<_>>() {
            wrong.push(format!("{}, {how}: {found:?}, expected {:?}", case.what, case.calls));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn fresh() -> (tempfile::TempDir, ColumnEngine) {
    let folder = tempfile::tempdir().expect("a folder");
    // Nothing is merged unless a test asks for it.
    let (engine, _) = open(Options { fan_in: 100, ..options(folder.path()) });
    (folder, engine)
}

#[test]
fn calls_are_told_from_spans_that_come_together() {
    check("in memory", fresh, send);
    check("in one segment", fresh, |engine, spans| {
        send(engine, spans);
        engine.seal().expect("sealed");
    });
}

#[test]
fn what_is_sent_twice_is_called_once() {
    let (_folder, engine) = fresh();
    for _ in 0..2 {
        send(&engine, vec![parse(1, "1 - CLIENT a db.system=mysql"), parse(1, "2 1 SERVER b")]);
        send(&engine, vec![parse(2, "1 - CLIENT a db.system=mysql")]);
    }
    let expected = [("a".to_owned(), "b".to_owned(), 1, 0), ("a".to_owned(), "mysql".to_owned(), 1, 0)];
    assert_eq!(calls(&engine), expected);
    engine.seal().expect("sealed");
    assert_eq!(calls(&engine), expected);
}

#[test]
fn calls_are_told_from_spans_that_come_one_by_one() {
    check("one by one in memory", fresh, |engine, spans| spans.into_iter().for_each(|span| send(engine, vec![span])));
    for backwards in [false, true] {
        let in_order = |mut spans: Vec<ResourceSpans>| {
            if backwards {
                spans.reverse();
            }
            spans
        };
        let how = if backwards { "backwards, " } else { "" };
        check(&format!("{how}each in a segment"), fresh, |engine, spans| {
            for span in in_order(spans) {
                send(engine, vec![span]);
                engine.seal().expect("sealed");
            }
        });
        check(&format!("{how}the last in memory"), fresh, |engine, spans| {
            for span in in_order(spans) {
                engine.seal().expect("sealed");
                send(engine, vec![span]);
            }
        });
    }
}

/// Any span of a small trace, as the words of a [`Case`].
fn any_span() -> impl Strategy<Value = String> {
    let kinds = ["-", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    let words = (1..6u64, 0..7u64, prop::sample::select(kinds.to_vec()), 0..4u8, 0..4u8, any::<bool>(), any::<bool>());
    words.prop_map(|(id, parent, kind, service, peer, shared, failed)| {
        let name = |number: u8| if number == 0 { "-".to_owned() } else { format!("s{number}") };
        let parent = if parent == 0 { "-".to_owned() } else { parent.to_string() };
        let mut span = format!("{id} {parent} {kind} {}", name(service));
        for (says, word) in
            [(peer > 0, format!("peer.service={}", name(peer))), (shared, "shared".into()), (failed, "failed".into())]
        {
            if says {
                span.push(' ');
                span.push_str(&word);
            }
        }
        span
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the spans of a trace are spread, their calls are those of the whole trace. Where one span lacks its parent
    /// from the beginning, earlier ones are always looked for; where none does, no span comes in pieces or twice.
    #[test]
    fn the_graph_is_that_of_whole_traces(
        mut spans in prop::collection::vec((any_span(), 0..5u8), 1..12),
        is_open in any::<bool>(),
    ) {
        let mut ids = std::collections::HashSet::new();
        spans.retain(|(words, _)| is_open || ids.insert(words.split(' ').next().map(str::to_owned)));
        let orphan = is_open.then_some("9 99 SERVER s9");
        let all = || orphan.into_iter().chain(spans.iter().map(|(words, _)| words.as_str()));
        let (_folder, whole) = fresh();
        send(&whole, all().map(|words| parse(1, words)).collect());
        let folder = tempfile::tempdir().expect("a folder");
        let few = Options { fan_in: 2, ..options(folder.path()) };
        let (mut engine, _) = open(few.clone());
        for (place, words) in all().enumerate() {
            send(&engine, vec![parse(1, words)]);
            match spans.get(place).map_or(0, |(_, then)| *then) {
                1 | 2 => engine.seal().expect("sealed"),
                3 => {
                    engine.seal().expect("sealed");
                    engine.merge().expect("merged");
                }
                4 => {
                    drop(engine);
                    engine = open(few.clone()).0;
                }
                _ => {}
            }
        }
        prop_assert_eq!(calls(&engine), calls(&whole));
    }
}

#[test]
fn merging_changes_no_count() {
    let opened = || {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, _) = open(Options { fan_in: 2, ..options(folder.path()) });
        (folder, engine)
    };
    check("merged", opened, |engine, spans| {
        for span in spans.into_iter().rev() {
            send(engine, vec![span]);
            engine.seal().expect("sealed");
            engine.merge().expect("merged");
        }
    });
}

#[test]
fn sides_of_a_call_find_each_other_over_a_restart_and_minutes() {
    let folder = tempfile::tempdir().expect("a folder");
    let few = Options { fan_in: 100, ..options(folder.path()) };
    let (engine, manual) = open(few.clone());
    // The called side first: its caller ends later, and is sent later.
    send(&engine, vec![parse(1, "2 1 SERVER app"), parse(2, "1 - SERVER app shared")]);
    send(&engine, vec![parse(3, "1 - CLIENT web peer.service=app")]);
    engine.seal().expect("sealed");
    assert_eq!(calls(&engine), [("web".into(), "app".into(), 1, 0)]);
    drop(engine);
    manual.advance(Duration::from_secs(900));
    let (clock, _) = vitrine_kit::clock::Clock::manual(crate::support::BEGIN_MS + 900_000);
    let engine = ColumnEngine::open(few, clock).expect("opens");
    send(&engine, vec![parse(1, "1 - CLIENT web peer.service=other"), parse(2, "1 - CLIENT web")]);
    send(&engine, vec![parse(3, "2 1 SERVER db")]);
    let expected = [("web".to_owned(), "app".to_owned(), 2, 0), ("web".to_owned(), "db".to_owned(), 1, 0)];
    assert_eq!(calls(&engine), expected);
    engine.seal().expect("sealed");
    assert_eq!(calls(&engine), expected);
}

#[test]
fn figures_that_are_lost_are_made_again() {
    let (folder, engine) = fresh();
    let case = &SPANS[0];
    send(&engine, case.spans.iter().map(|words| parse(1, words)).collect());
    engine.seal().expect("sealed");
    let before = calls(&engine);
    let spans = folder.path().join("segments/default/traces");
    for entry in std::fs::read_dir(spans).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rollup") {
            std::fs::write(&path, b"damaged").expect("written");
        }
    }
    assert_eq!(calls(&engine), before);
}
