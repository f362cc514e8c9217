//! Campaigns are read with clear errors, and plans are drawn of their seed alone.

use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::json;
use vitrine_flags_range::{Campaign, Control, Plan};

fn campaign(seed: u64, incidents: u32) -> Campaign {
    let document = json!({
        "version": 1, "seed": seed, "load": {"rps": 40, "journeys": {"browse": 3, "buy_one": 1}},
        "warm_s": 10, "baseline_s": 20, "gap_s": 5, "recovery_s": 20, "blind": true,
        "draw": {
            "incidents": incidents, "overlap": 0.2, "noop": 0.1, "twin": 0.25, "order": "shuffle",
            "of": [
                {"weight": 2, "template": {
                    "what": {"delay": {"ms": {"lo": 50, "hi": 2000, "log": true}, "jitter_ms": {"lo": 1, "hi": 20}, "dist": "uniform"}},
                    "where": {"at": "caller", "service": [{"one_of": ["payments", "carts", "currency"]}]},
                    "share": {"rate": {"lo": 0.1, "hi": 1.0}},
                    "timing": {"ttl_s": {"lo": 30, "hi": 60}}}},
                {"template": {
                    "what": {"error": {"code": {"one_of": ["UNAVAILABLE", "INTERNAL"]}}},
                    "where": {"at": "callee", "service": ["payments"], "method": ["Authorize"]},
                    "timing": {"ttl_s": 30}}},
                {"template": {
                    "what": {"cpu": {"cores": {"lo": 0.5, "hi": 2}}},
                    "where": {"at": "process", "service": ["checkout"]}, "scope": "process",
                    "timing": {"ttl_s": 45, "ramp_s": 10}}},
                {"template": {
                    "what": {"surge": {"factor": {"lo": 2, "hi": 8}}},
                    "where": {"at": "load", "service": ["load"]}, "timing": {"ttl_s": 30}}},
            ],
        },
    });
    Campaign::from_json(document.to_string().as_bytes()).expect("a campaign")
}

#[test]
fn the_plan_of_a_seed_is_the_golden_one() {
    let plan = serde_json::to_string_pretty(&Plan::new(&campaign(42, 12)).expect("a plan")).expect("JSON") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/plan.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &plan).expect("written");
    }
    let golden = std::fs::read_to_string(path).expect("the golden file");
    assert!(plan == golden, "the plan has changed; if that is meant: UPDATE=1\n{plan}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_seed_is_the_same_plan_and_keeps_the_rules(seed in any::<u64>(), incidents in 1_u32..60) {
        let campaign = campaign(seed, incidents);
        let plan = Plan::new(&campaign).expect("a plan");
        assert_eq!(plan, Plan::new(&campaign).expect("a plan"));
        // What is written is read as it was.
        let text = serde_json::to_string(&plan).expect("JSON");
        assert_eq!(plan, serde_json::from_str(&text).expect("a plan"));

        let count = |control| plan.incidents().filter(|incident| incident.control == control).count();
        let noops = (f64::from(incidents) * 0.1).round() as usize;
        assert_eq!(count(Control::Noop), noops);
        assert_eq!(count(Control::None), incidents as usize - noops);
        let mut now = campaign.warm_s;
        for slot in &plan.slots {
            assert_eq!(slot.baseline_s, now);
            now = slot.end_s;
            for incident in &slot.incidents {
                assert!(incident.from_s >= slot.baseline_s + campaign.baseline_s);
                assert!(incident.to_s + campaign.gap_s <= slot.recovery_s);
                assert_eq!(incident.fault.is_none(), incident.control == Control::Twin);
                assert_eq!(incident.overlaps.len(), slot.incidents.len() - 1);
                let why = incident.fault.as_ref().map_or(incident.canary.as_str(), |fault| &fault.why);
                assert_eq!(why, incident.canary);
            }
            // A twin has the same people as its incident, and is as long.
            for twin in slot.incidents.iter().filter(|i| i.control == Control::Twin) {
                let of = twin.twin_of.as_ref().expect("it says whose twin it is");
                let other = plan.slots.iter().find(|s| s.incidents.iter().any(|i| i.id == *of)).expect("it is there");
                assert_eq!(other.load_seed, slot.load_seed);
                assert_eq!(other.end_s - other.baseline_s, slot.end_s - slot.baseline_s);
            }
        }
        // Parts have each slot once, as it is, and each twin beside its incident.
        let parts: Vec<Plan> = (1..=3).map(|nth| plan.part(nth, 3)).collect();
        assert_eq!(parts.iter().map(|part| part.incidents().count()).sum::<usize>(), plan.incidents().count());
        for part in &parts {
            let mut now = campaign.warm_s;
            for slot in &part.slots {
                assert_eq!(slot.baseline_s, now);
                now = slot.end_s;
                for one in &slot.incidents {
                    let whole = plan.incidents().find(|other| other.id == one.id).expect("it is of the plan");
                    assert_eq!((&whole.fault, whole.to_s - whole.from_s), (&one.fault, one.to_s - one.from_s));
                    assert!(one.twin_of.as_ref().is_none_or(|of| part.incidents().any(|other| other.id == *of)));
                }
            }
        }
        assert_eq!(plan.part(1, 1), plan);
        let mut ids: Vec<&String> = plan.incidents().map(|incident| &incident.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), plan.incidents().count());
    }
}

#[test]
fn other_seeds_are_other_plans() {
    assert_ne!(Plan::new(&campaign(1, 12)).expect("a plan"), Plan::new(&campaign(2, 12)).expect("a plan"));
}

#[test]
fn an_overlap_begins_while_the_other_one_goes_on() {
    let plan = Plan::new(&campaign(42, 60)).expect("a plan");
    let pairs: Vec<_> = plan.slots.iter().filter(|slot| slot.incidents.len() == 2).collect();
    assert!(pairs.len() >= 8, "{}", pairs.len());
    for slot in pairs {
        let [first, second] = &slot.incidents[..] else { panic!("two") };
        assert!(second.from_s >= first.from_s && second.from_s < first.to_s);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let draw = |inner: &str| format!(r#"{{"version": 1, "seed": 1, "load": {{"rps": 1}}, "draw": {inner}}}"#);
    let template = |template: &str| draw(&format!(r#"{{"incidents": 1, "of": [{{"template": {template}}}]}}"#));
    let delay = |ms: &str, rest: &str| {
        template(&format!(
            r#"{{"what": {{"delay": {{"ms": {ms}}}}}, "where": {{"at": "callee", "service": ["carts"]}}{rest}}}"#
        ))
    };
    let ttl = r#", "timing": {"ttl_s": 9}"#;
    let deep = format!(r#"{}1{}"#, "[".repeat(100), "]".repeat(100));
    let cases = [
        ("".to_owned(), "", "EOF"),
        ("{}".to_owned(), "", "missing field `version`"),
        (r#"{"version": 2, "seed": 1, "load": {"rps": 1}}"#.to_owned(), "version", "version 2 is unknown"),
        (r#"{"version": 1, "seed": 1, "load": {"rps": 1}}"#.to_owned(), "", "no incident is named"),
        (r#"{"version": 1, "seed": -1, "load": {"rps": 1}}"#.to_owned(), "seed", "invalid value"),
        (r#"{"version": 1, "seed": 1, "load": {"rps": 0}, "list": []}"#.to_owned(), "load.rps", "0 is out of range"),
        (
            r#"{"version": 1, "seed": 1, "load": {"rps": 1, "journeys": {"fly": 1}}, "list": []}"#.to_owned(),
            "load.journeys.fly",
            "unknown journey",
        ),
        (r#"{"version": 1, "seed": 1, "load": {"rps": 1}, "list": []}"#.to_owned(), "list", "there are 0 faults"),
        (
            r#"{"version": 1, "seed": 1, "load": {"rps": 1}, "baseline_s": 0, "list": []}"#.to_owned(),
            "baseline_s",
            "0 is out of range",
        ),
        (r#"{"version": 1, "seed": 1, "load": {"rps": 1}, "more": 1}"#.to_owned(), "more", "unknown field"),
        (draw(r#"{"incidents": 1, "of": []}"#), "draw.of", "there are 0 templates"),
        (draw(r#"{"incidents": 1, "overlap": 2, "of": []}"#), "draw.overlap", "2 is out of range"),
        (draw(r#"{"incidents": 99999999, "of": []}"#), "draw.incidents", "99999999 is out of range"),
        (delay(r#"{"lo": 9, "hi": 1}"#, ttl), "draw.of[0].template.what.delay.ms", "9 is above 1"),
        (
            delay(r#"{"lo": 0, "hi": 1, "log": true}"#, ttl),
            "draw.of[0].template.what.delay.ms.lo",
            "0 has no logarithm",
        ),
        (
            delay(r#"{"lo": 1, "hi": 2, "step": 1}"#, ttl),
            "draw.of[0].template.what.delay.ms.step",
            "unknown member of a range",
        ),
        (delay(r#"{"lo": 1}"#, ttl), "draw.of[0].template.what.delay.ms.hi", "no number"),
        (delay(r#"{"lo": 1, "hi": 99999999}"#, ttl), "draw.of[0].template.what.delay.ms", "99999999 is out of range"),
        (delay(r#"{"one_of": []}"#, ttl), "draw.of[0].template.what.delay.ms.one_of", "there are 0 values"),
        (delay(r#"{"one_of": [1, -5, 2]}"#, ttl), "draw.of[0].template.what.delay.ms", "invalid value"),
        (delay("1", ""), "draw.of[0].template", "missing field `timing`"),
        (delay(&deep, ttl), "draw.of[0].template.what.delay.ms", "nested deeper"),
    ];
    for (document, place, message) in cases {
        let wrong = Campaign::from_json(document.as_bytes()).expect_err(&document);
        assert!(
            wrong
                .iter()
                .any(|one| one.place.starts_with(place) && one.message.contains(message) && !one.expected.is_empty()),
            "{document}\n{place}: {message}\n{wrong:?}"
        );
    }
}
