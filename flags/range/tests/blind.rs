//! A blind set tells nothing of what was done.

use std::collections::BTreeMap;

use vitrine_flags_range::blind::metadata::{self, Metadata};
use vitrine_flags_range::blind::{LeakWords, Renumbered, search};
use vitrine_flags_range::rows::{LogRow, SpanRow, kind};
use vitrine_flags_range::{Campaign, Chance, Plan, Telemetry, Window};

fn plan() -> Plan {
    let document = br#"{"version": 1, "seed": 3, "load": {"rps": 1}, "list": [{"what": "refuse", "where": {"at": "caller", "service": ["carts"]}, "timing": {"ttl_s": 9}}]}"#;
    Plan::new(&Campaign::from_json(document).expect("a campaign")).expect("a plan")
}

fn telemetry() -> Telemetry {
    let span = |n: u64| SpanRow {
        time_ns: n as i64,
        trace_id: u128::from(n) << 64 | u128::from(n),
        span_id: n,
        parent_span_id: n - 1,
        service: "carts".to_owned(),
        name: "GetCart".to_owned(),
        kind: kind::SERVER.to_owned(),
        link: Some((5 << 64 | 5, 5)),
        ..SpanRow::default()
    };
    let log = LogRow {
        time_ns: 3,
        body: "cart is refused".to_owned(),
        trace_id: 3 << 64 | 3,
        span_id: 3,
        ..LogRow::default()
    };
    Telemetry { spans: (1..=9).map(span).collect(), logs: vec![log], points: Vec::new() }
}

#[test]
fn each_kind_of_leak_is_found_wherever_it_is() {
    let plan = plan();
    let incident = plan.incidents().next().expect("one");
    let words = LeakWords::of(plan.incidents(), &["f-20261128-1".to_owned()], "campaign-digest");
    let clean = search(&words, &telemetry());
    assert!(clean.hits == 0 && clean.bytes > 100, "{clean:?}");
    let leaks = [
        incident.id.clone(),
        incident.canary.to_uppercase(),
        "F-20261128-1".to_owned(),
        "paymentFailure".to_owned(),
        "fault.refuse".to_owned(),
        "campaign-digest".to_owned(),
    ];
    for leak in leaks {
        let text = format!("odd {leak}: it says");
        let mut places: Vec<(&str, Telemetry)> = Vec::new();
        let mut in_body = telemetry();
        in_body.logs[0].body = text.clone();
        places.push(("logs.body", in_body));
        let mut in_value = telemetry();
        in_value.spans[4].attributes = BTreeMap::from([("note".to_owned(), text.clone())]);
        places.push(("spans.attributes.note", in_value));
        let mut in_key = telemetry();
        in_key.logs[0].attributes = BTreeMap::from([(text.clone(), String::new())]);
        places.push(("logs.attributes.", in_key));
        for (place, telemetry) in places {
            let found = search(&words, &telemetry);
            assert!(found.hits >= 1 && found.leaks[0].place.starts_with(place), "{leak} in {place}: {found:?}");
        }
    }
}

#[test]
fn ids_are_other_ones_and_what_belongs_together_still_does() {
    let (before, mut after) = (telemetry(), telemetry());
    Renumbered::new(99).apply(&mut after);
    for (old, new) in before.spans.iter().zip(&after.spans) {
        assert!(
            old.trace_id != new.trace_id
                && old.span_id != new.span_id
                && (old.parent_span_id == 0) == (new.parent_span_id == 0)
        );
    }
    assert!(after.spans.windows(2).all(|two| two[1].parent_span_id == two[0].span_id));
    assert_eq!((after.logs[0].trace_id, after.logs[0].span_id), (after.spans[2].trace_id, after.spans[2].span_id));
    assert_eq!(after.spans[0].link, Some((after.spans[4].trace_id, after.spans[4].span_id)));
    let mut others = telemetry();
    Renumbered::new(98).apply(&mut others);
    assert_ne!(after.spans[0].trace_id, others.spans[0].trace_id);
}

#[test]
fn what_is_outside_of_the_windows_is_cut() {
    let cut = telemetry().cut(Window { from_ns: 3, to_ns: 6 });
    assert_eq!((cut.spans.len(), cut.logs.len()), (3, 1));
}

#[test]
fn metadata_that_tell_are_told_and_others_are_not() {
    let mut chance = Chance::new(5);
    let mut rows = |leak: f64| -> Vec<Metadata> {
        (0..60)
            .map(|n| {
                let is_faulted = n % 3 != 0;
                let size = 1_000.0 + 100.0 * chance.unit() + if is_faulted { leak } else { 0.0 };
                Metadata { features: vec![size, chance.unit(), 4.0], is_faulted }
            })
            .collect()
    };
    let (quiet, telling) = (rows(0.0), rows(150.0));
    let told = metadata::tell_apart(&telling, 1).expect("there are enough");
    assert!(told.leaks && told.accuracy > 0.95, "{told:?}");
    let told = metadata::tell_apart(&quiet, 1).expect("there are enough");
    assert!(!told.leaks && told.accuracy < 0.7, "{told:?}");
    assert_eq!(metadata::tell_apart(&quiet[..6], 1), None);
    let named = metadata::of(&telemetry(), &[10, 20], "3f", true);
    assert_eq!(named.features[..2], [2.0, 2.0]);
}
