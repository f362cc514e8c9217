//! Where trouble went, and what telemetry shows of it.

use std::collections::{BTreeMap, HashSet};

use vitrine_flags_range::oracle::{self, figures};
use vitrine_flags_range::propagation::{begun_in, read, unpredicted};
use vitrine_flags_range::record::{Need, Symptom, Verdict, Via, causes};
use vitrine_flags_range::rows::{SpanRow, Window, kind};
use vitrine_flags_range::{Oracle, names};
use vitrine_platform_faults::{At, Fault};

const CARTS: &str = "vitrine.carts.v1.CartsService/GetCart";
const ROUTE: &str = "GET /api/v1/cart";
const MS: i64 = 1_000_000;

fn span(trace_id: u128, ids: (u64, u64), of: (&str, &str, &str), duration_ns: i64, is_error: bool) -> SpanRow {
    let (service, name, kind) = (of.0.to_owned(), of.1.to_owned(), of.2.to_owned());
    let attributes = BTreeMap::from([("server.address".to_owned(), "carts".to_owned())]);
    SpanRow {
        time_ns: 1_000,
        duration_ns,
        trace_id,
        span_id: ids.0,
        parent_span_id: ids.1,
        service,
        name,
        kind,
        is_error,
        attributes,
        link: None,
    }
}

/// A request through the gateway to carts, whose order is handled by email.
fn trace(id: u128, carts: Option<i64>, fails: bool) -> Vec<SpanRow> {
    let took = carts.unwrap_or(2 * MS);
    let mut spans = vec![
        span(id, (1, 0), ("gateway", ROUTE, kind::SERVER), took + 2 * MS, fails),
        span(id, (2, 1), ("gateway", CARTS, kind::CLIENT), took + MS, fails),
        span(id, (4, 1), ("gateway", "vitrine.ads.v1.AdsService/GetAds", kind::CLIENT), MS, false),
        span(id, (5, 4), ("ads", "vitrine.ads.v1.AdsService/GetAds", kind::SERVER), MS, false),
    ];
    if carts.is_some() {
        spans.push(span(id, (3, 2), ("carts", CARTS, kind::SERVER), took, fails));
        let mut event = span(id + 1_000, (6, 0), ("email", "process carts.cart.changed", kind::CONSUMER), took, fails);
        event.link = Some((id, 3));
        spans.push(event);
    }
    spans
}

#[test]
fn trouble_goes_from_a_callee_to_its_callers_and_with_events() {
    let hit: HashSet<u128> = (1..=10).collect();
    let spans: Vec<SpanRow> =
        (1..=30).flat_map(|id| trace(id, Some(if id <= 10 { 102 * MS } else { 2 * MS }), false)).collect();
    let found = read(&spans, &[], &hit);
    let slow = |service: &str| {
        found.nodes.iter().any(|node| node.service == service && node.symptom == Symptom::Slow && node.size > 3.0)
    };
    assert!(slow("carts") && slow("gateway") && slow("email"), "{found:?}");
    assert!(!found.nodes.iter().any(|node| node.service == "ads"), "what is as it was is not on the path");
    let edge = |from: &str, to: &str, via: Via| {
        found.edges.iter().any(|edge| edge.from == from && edge.to == to && edge.via == via && edge.share == 1.0)
    };
    assert!(edge("carts", "gateway", Via::Call) && edge("carts", "email", Via::Event), "{:?}", found.edges);
    assert_eq!(found.surface, ["email", "gateway"]);

    let calls = [("gateway".to_owned(), "carts".to_owned())];
    let events = [("carts".to_owned(), "email".to_owned())];
    let from = ["carts".to_owned()];
    assert_eq!(unpredicted(&found, &from, &calls, &events), [""; 0]);
    assert_eq!(unpredicted(&found, &from, &calls, &[]), ["email"]);
}

#[test]
fn what_fails_and_what_is_not_reached_suffers() {
    let hit: HashSet<u128> = (1..=10).collect();
    let failing: Vec<SpanRow> = (1..=30).flat_map(|id| trace(id, Some(2 * MS), id <= 10)).collect();
    let found = read(&failing, &[], &hit);
    assert!(found.nodes.iter().all(|node| node.symptom == Symptom::Failing) && found.nodes.len() == 3, "{found:?}");

    let lost: Vec<SpanRow> = (1..=30).flat_map(|id| trace(id, (id > 10).then_some(2 * MS), id <= 10)).collect();
    let found = read(&lost, &[], &hit);
    let of = |service: &str| found.nodes.iter().find(|node| node.service == service).map(|node| node.symptom);
    assert_eq!((of("carts"), of("gateway"), of("ads")), (Some(Symptom::Missing), Some(Symptom::Failing), None));
    assert!(found.edges.iter().any(|edge| edge.from == "carts" && edge.to == "gateway"), "{:?}", found.edges);
}

#[test]
fn requests_of_another_kind_say_nothing_of_what_is_not_reached() {
    // Carts are slow for all who ask for one; others, which never do, pass and reach ads alone.
    let other = |id: u128| {
        vec![
            span(id, (1, 0), ("gateway", "GET /api/v1/ads", kind::SERVER), 2 * MS, false),
            span(id, (5, 1), ("ads", "vitrine.ads.v1.AdsService/GetAds", kind::SERVER), MS, false),
            span(id, (7, 1), ("auth", "vitrine.auth.v1.AuthService/GetToken", kind::SERVER), MS, false),
        ]
    };
    let hit: HashSet<u128> = (1..=10).collect();
    let slow = (1..=10).flat_map(|id| trace(id, Some(102 * MS), false));
    let during: Vec<SpanRow> = slow.chain((100..=150).flat_map(other)).collect();
    let before: Vec<SpanRow> = (201..=220).flat_map(|id| trace(id, Some(2 * MS), false)).collect();
    let found = read(&during, &before, &hit);
    let of = |service: &str| found.nodes.iter().find(|node| node.service == service).map(|node| node.symptom);
    // All were hit: what is usual is known of the time before.
    assert_eq!((of("carts"), of("gateway"), of("auth")), (Some(Symptom::Slow), Some(Symptom::Slow), None), "{found:?}");
    assert!(found.edges.iter().any(|edge| edge.from == "carts" && edge.to == "gateway"), "{:?}", found.edges);
    assert_eq!(read(&during, &[], &hit).nodes, [], "there is nothing to compare with");
    // Outside of traces: all that came meanwhile was hit.
    let found = read(&during, &before, &HashSet::new());
    assert!(found.nodes.iter().any(|node| node.service == "carts" && node.symptom == Symptom::Slow), "{found:?}");
}

#[test]
fn what_a_slow_request_reaches_after_the_window_is_of_the_window() {
    // The carts answer, and the event is handled, a while after the request came.
    let at = |spans: Vec<SpanRow>, ms: i64| -> Vec<SpanRow> {
        let later = |span: SpanRow| {
            let after = if span.service == "carts" || span.kind == kind::CONSUMER { 100 } else { 0 };
            SpanRow { time_ns: (ms + after) * MS, ..span }
        };
        spans.into_iter().map(later).collect()
    };
    let spans = [(1, 10), (2, 90), (3, 150)].map(|(id, ms)| at(trace(id, Some(MS), false), ms)).concat();
    let ids = |from: i64, to: i64| {
        let window = Window { from_ns: from * MS, to_ns: to * MS };
        let mut ids: Vec<u128> = begun_in(&spans, window).iter().map(|span| span.trace_id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(50, 120), [2, 2, 2, 2, 2, 1_002], "all of the request that came then, and of none before it");
    assert_eq!((ids(0, 50).len(), ids(0, 1_000).len()), (6, 18));
}

#[test]
fn odd_spans_hold_nothing_up() {
    // A circle of parents, a parent that is not there, a span that is its own parent, and nothing at all.
    let mut spans: Vec<SpanRow> = (1..20).flat_map(|id| trace(id, Some(90 * MS), true)).collect();
    for span in &mut spans {
        span.parent_span_id = if span.span_id == 1 { 3 } else { span.span_id };
    }
    let _ = read(&spans, &spans, &(1..5).collect());
    assert_eq!(read(&[], &[], &HashSet::new()), Default::default());
}

fn fault(what: &str, target: &str) -> Fault {
    let document =
        format!(r#"{{"what": {what}, "where": {target}, "share": {{"rate": 0.5}}, "timing": {{"ttl_s": 60}}}}"#);
    Fault::from_json(document.as_bytes()).expect("a fault")
}

#[test]
fn every_effect_at_every_place_has_an_oracle() {
    let any = fault(
        r#"{"delay": {"ms": 1}}"#,
        r#"{"at": "callee", "service": ["carts"], "method": ["Get'Cart", "Set*"], "topic": "a"}"#,
    );
    let window = Window { from_ns: 5_000_000_000, to_ns: 15_000_000_000 };
    let mut pairs = 0;
    for at in At::ALL {
        for effect in at.carries() {
            pairs += 1;
            let oracle = Oracle::of(at, effect).unwrap_or_else(|| panic!("{effect} at {} has no oracle", at.name()));
            assert!(!oracle.required.is_empty(), "{effect} at {}", at.name());
            for (_, check) in oracle.checks() {
                let sql = check.sql(&any, window);
                assert!(sql.starts_with("SELECT ") && !sql.contains('{') && !sql.contains('}'), "{sql}");
                assert_eq!(sql.matches('(').count(), sql.matches(')').count(), "{sql}");
                assert_eq!(sql.matches('\'').count() % 2, 0, "{sql}");
                assert!(sql.contains("15000000000"), "it is of the window: {sql}");
            }
        }
    }
    assert_eq!(Oracle::all().len(), pairs, "one for each");
    let sql = figures::filled(figures::SERVER_MS, &any, window);
    assert!(
        sql.contains("service IN ('carts')")
            && sql.contains("'Get''Cart'")
            && sql.contains("starts_with(split_part(name, '/', 2), 'Set')"),
        "{sql}"
    );
}

#[test]
fn a_figure_is_judged_by_its_band() {
    let delay = fault(r#"{"delay": {"ms": 100}}"#, r#"{"at": "callee", "service": ["carts"]}"#);
    let oracle = Oracle::of(At::Callee, "delay").expect("there is one");
    let check = oracle.required[0];
    // Half of the calls are hit: 50 ms more on average, and four fifths of that suffice.
    let cases = [
        ([Some(2.0), Some(52.0), Some(2.0)], Verdict::Seen),
        ([Some(2.0), Some(42.0), None], Verdict::Seen),
        ([Some(2.0), Some(41.0), Some(2.0)], Verdict::Unseen),
        ([Some(2.0), Some(52.0), Some(50.0)], Verdict::Lasting),
        ([Some(2.0), None, Some(2.0)], Verdict::Unknown),
    ];
    for (measured, verdict) in cases {
        assert_eq!(check.judge(Need::Required, &delay, measured).verdict, verdict, "{measured:?}");
    }
    let seen = check.judge(Need::Required, &delay, [Some(2.0), Some(52.0), Some(2.0)]);
    let unseen = check.judge(Need::Required, &delay, [Some(2.0), Some(2.0), Some(2.0)]);
    assert!(oracle::is_visible(std::slice::from_ref(&seen)) && !oracle::is_visible(&[seen, unseen]));
    assert!(!oracle::is_visible(&[]), "nothing was looked at");
    // What may go either way is back when it is near to what it was.
    let surge = fault(r#"{"surge": {"factor": 3}}"#, r#"{"at": "load", "service": ["load"]}"#);
    let people = Oracle::of(At::Load, "surge").expect("there is one").required[0];
    for (after, verdict) in [(60.0, Verdict::Seen), (160.0, Verdict::Seen), (250.0, Verdict::Lasting)] {
        let figure = people.judge(Need::Required, &surge, [Some(100.0), Some(300.0), Some(after)]);
        assert_eq!(figure.verdict, verdict, "{after}");
    }
    // A delay of nothing is never seen.
    let noop = fault(r#"{"delay": {"ms": 0}}"#, r#"{"at": "callee", "service": ["carts"]}"#);
    assert_eq!(check.judge(Need::Required, &noop, [Some(2.0), Some(2.0), Some(2.0)]).verdict, Verdict::Unseen);
}

#[test]
fn causes_name_either_end_of_a_network_and_all_of_a_process() {
    let network = fault(
        r#"{"delay": {"ms": 1}}"#,
        r#"{"at": "caller", "service": ["payments"], "from": ["checkout"], "method": ["Authorize"]}"#,
    );
    let (root, accepted) = causes(&network, &[]);
    assert_eq!(
        (root[0].service.as_str(), root[0].caller.as_deref(), root[0].method.as_deref()),
        ("payments", Some("checkout"), Some("Authorize"))
    );
    assert_eq!(accepted[0][0].service, "checkout");
    let process = fault(r#"{"cpu": {"cores": 1}}"#, r#"{"at": "process", "service": ["carts"]}"#);
    let (root, _) = causes(&process, &["carts".to_owned(), "ads".to_owned()]);
    assert_eq!(root.len(), 2);
    let names = names::elsewhere(&process);
    assert_eq!(
        (names.get("rcaeval").map(String::as_str), names.get("openrca2").map(String::as_str)),
        (Some("cpu"), Some("CPUStress"))
    );
}
