//! A record is put together from what the flags service says and from what was seen; what did not come about is no cause.

use std::collections::BTreeMap;

use vitrine_flags_range::alerts::Rule;
use vitrine_flags_range::judge::{HitReported, Reported, Seen, record};
use vitrine_flags_range::layouts::Topology;
use vitrine_flags_range::record::{BlindCheck, Environment, Need, Verdict, Windows};
use vitrine_flags_range::rows::{SpanRow, Window, kind};
use vitrine_flags_range::{Campaign, Control, Oracle, Plan, Telemetry};
use vitrine_platform_faults::At;

const S: i64 = 1_000_000_000;

/// An answer of `GET /api/v1/faults/{id}`, with more in it than is read.
const SAID: &str = r#"{"state": "ended", "effect": "every call fails", "id": 3, "who": "open", "why": "x", "committedNs": 30000000000,
    "ended": {"atNs": 60000000000, "by": "ttl", "who": null, "why": null},
    "processes": {"i-1": {"sites": [{"at": "callee", "service": "payments"}], "armedNs": 30000000001, "clearedNs": 60000000005,
                  "ended": "ttl", "eligible": 40, "hit": 30, "askedNs": 2000000, "gotNs": 3000000, "hitsNothing": false, "lost": false}},
    "firstHitNs": 31000000000, "lastHitNs": 59000000000, "hitsBySite": {"callee payments": 30}, "exemplars": [], "overflow": 0}"#;

fn plan() -> Plan {
    let document = br#"{"version": 1, "seed": 3, "load": {"rps": 1}, "warm_s": 0, "baseline_s": 30, "recovery_s": 30, "list": [
        {"what": {"error": {"code": "INTERNAL"}}, "where": {"at": "callee", "service": ["payments"]}, "timing": {"ttl_s": 30}, "remedy": "roll back"}]}"#;
    Plan::new(&Campaign::from_json(document).expect("a campaign")).expect("a plan")
}

/// Two calls a second; those of every second after the 31st fail.
fn telemetry() -> Telemetry {
    let span = |n: i64, id: u64, parent: u64, service: &str| SpanRow {
        time_ns: n * S / 2,
        duration_ns: 3_000_000,
        trace_id: n as u128 + 1,
        span_id: id,
        parent_span_id: parent,
        service: service.to_owned(),
        name: "Authorize".to_owned(),
        kind: kind::SERVER.to_owned(),
        is_error: (62..120).contains(&n) && n % 2 == 0,
        attributes: BTreeMap::new(),
        link: None,
    };
    let spans = (0..180).flat_map(|n| [span(n, 1, 0, "gateway"), span(n, 2, 1, "payments")]);
    Telemetry { spans: spans.collect(), ..Telemetry::default() }
}

fn windows() -> Windows {
    let window = |from: i64, to: i64| Window { from_ns: from * S, to_ns: to * S };
    Windows { baseline: window(0, 30), during: window(30, 60), after: window(65, 90) }
}

#[test]
fn the_truth_is_what_was_hit_and_seen() {
    let plan = plan();
    let incident = plan.incidents().next().expect("one");
    let reported: Reported = serde_json::from_str(SAID).expect("what the service says");
    let hits: Vec<HitReported> = (62..120)
        .step_by(2)
        .map(|n| HitReported { trace_id: format!("{:032x}", n + 1), span_id: "2".to_owned(), at_ns: n * S / 2 })
        .collect();
    let (telemetry, topology) =
        (telemetry(), Topology { calls: vec![("gateway".to_owned(), "payments".to_owned())], events: Vec::new() });
    let fault = incident.fault.as_ref().expect("it is faulted");
    let oracle = Oracle::of(At::Callee, "error").expect("there is one");
    let seen = |need: Need| {
        oracle.required.iter().map(move |check| check.judge(need, fault, [Some(0.0), Some(0.6), Some(0.0)]))
    };
    let rules = [Rule {
        name: "CallsFail".to_owned(),
        query: "rate(rpc_server_call_duration_seconds_count{error_type!=\"\"}[1m]) > 0.1".to_owned(),
        for_s: 15.0,
        kind: "alerting".to_owned(),
    }];
    let make = |reported: Option<&Reported>, hits: &[HitReported]| {
        record(Seen {
            campaign: "c",
            seed: 3,
            run: "r",
            incident,
            reported,
            hits,
            telemetry: &telemetry,
            figures: seen(Need::Required).collect(),
            topology: &topology,
            windows: windows(),
            environment: Environment::default(),
            in_process: vec!["payments".to_owned()],
            rules: &rules,
            alerts_fired: vec!["ShopCallsFail payments".to_owned()],
            blind: BlindCheck { searched_bytes: 9, hits: 0 },
        })
    };
    let came = make(Some(&reported), &hits);
    assert!(came.visible && came.is_gradable() && came.control == Control::None, "{came:?}");
    assert_eq!(
        (came.root_causes[0].service.as_str(), came.kind.as_deref(), came.ended_by.as_str()),
        ("payments", Some("error"), "ttl")
    );
    assert_eq!((came.hits.eligible, came.hits.hit, came.hits.got_ms), (40, 30, 3.0));
    assert_eq!(came.times_ns.effect, Some(31 * S), "the first hit call that failed");
    assert_eq!((came.times_ns.armed.len(), came.times_ns.cleared), (1, Some(60_000_000_005)));
    assert!(
        came.propagation.edges.iter().any(|edge| edge.from == "payments" && edge.to == "gateway"),
        "{:?}",
        came.propagation
    );
    assert_eq!((came.propagation.surface.as_slice(), came.unpredicted.len()), (["gateway".to_owned()].as_slice(), 0));
    assert_eq!(came.trivial.most_errors, Some(2), "the gateway fails as often, and comes first");
    assert_eq!((came.exemplars.hit.len(), came.remedy.action.as_str()), (29, "roll back"));
    assert!(came.oracle.iter().all(|figure| figure.verdict == Verdict::Seen));
    // The gateway's calls are no requests from outside here.
    assert_eq!(came.alerts_expected, ["CallsFail gateway", "CallsFail payments"]);
    assert_eq!((came.alerts_fired.len(), came.blind.searched_bytes, came.collateral), (1, 9, 0));
    assert_eq!(came, serde_json::from_str(&serde_json::to_string(&came).expect("JSON")).expect("a record"));

    // Armed and not hit: it is kept, labelled, and no cause.
    let missed = Reported { first_hit_ns: None, processes: BTreeMap::new(), ..reported };
    for not in [make(Some(&missed), &[]), make(None, &[])] {
        assert!(
            !not.visible && !not.is_gradable() && not.root_causes.is_empty() && not.propagation.nodes.is_empty(),
            "{not:?}"
        );
    }
}

#[test]
fn telemetry_is_read_as_it_was_written() {
    let all = telemetry();
    assert_eq!(all, serde_json::from_slice(&serde_json::to_vec(&all).expect("JSON")).expect("telemetry"));
}
