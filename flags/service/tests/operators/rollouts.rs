//! Roll-outs: share by share, guarded, held and taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};
use vitrine_flags_engine::{Attributes, Mode, Snapshot, Value as Known};
use vitrine_flags_service::{Action, RollOutState};

use crate::served::{Served, author, flag};

const HOUR: Duration = Duration::from_secs(3_600);
const CHECK: Duration = Duration::from_secs(15);
/// Subjects of whom the shares are counted.
const SUBJECTS: usize = 2_000;

async fn begin(served: &Served, key: &str, revision: u64, plan: &Value) -> (u16, Value) {
    served.ask("POST", &format!("/api/v1/flags/{key}/rollout?revision={revision}&why=go"), &[], &plan.to_string()).await
}

async fn act(served: &Served, id: u64, act: &str) -> (u16, Value) {
    served.ask("POST", &format!("/api/v1/rollouts/{id}/{act}?why=because"), &[], "").await
}

async fn state(served: &Served) -> (RollOutState, Option<f64>, Option<String>) {
    let roll_out = served.flags.roll_outs().await.expect("read").remove(0);
    (roll_out.state, roll_out.share().map(f64::from), roll_out.because)
}

/// Those who get a variant, of subjects that are numbered.
fn members(snapshot: &Snapshot, key: &str, variant: &str) -> BTreeSet<usize> {
    let gets = |n: &usize| {
        let name = format!("subject-{n}");
        let context = [("targetingKey", Known::from(name.as_str()))];
        let evaluation = snapshot.evaluate(key, &Attributes(&context), 0).expect("evaluated");
        evaluation.variant.is_some_and(|got| *got.name == *variant)
    };
    (0..SUBJECTS).filter(gets).collect()
}

#[tokio::test]
async fn shares_grow_at_their_times_and_keep_their_members() {
    let served = Served::empty().await;
    served.flags.set(author(), "f", &flag("off"), 0).await.expect("written");
    let plan = json!({"from": "off", "to": "on", "steps": [1, 12.5, 50, 100], "every": "1h"});
    let (status, body) = begin(&served, "f", 1, &plan).await;
    assert_eq!((status, &body["revision"]), (200, &json!(2)), "{body}");
    let mut before = members(&served.flags.current().snapshot, "f", "on");
    assert!((5..50).contains(&before.len()), "{}", before.len());
    let mut served = served;
    for (share, expected) in [(12.5, 200..300), (50.0, 900..1_100), (100.0, SUBJECTS..SUBJECTS + 1)] {
        served.turn().await.expect("a turn");
        assert_eq!(members(&served.flags.current().snapshot, "f", "on"), before, "before its time");
        served.hand.advance(HOUR);
        // A process that stood still for long makes one step, and then waits its whole time.
        served = served.again().await;
        served.turn().await.expect("a turn");
        served.turn().await.expect("a turn");
        let now = members(&served.flags.current().snapshot, "f", "on");
        assert!(now.is_superset(&before) && expected.contains(&now.len()), "{share}: {}", now.len());
        assert_eq!(state(&served).await.1, Some(share));
        before = now;
    }
    // At the end there is no rule any more, and the new variant is the default one.
    assert_eq!(state(&served).await.0, RollOutState::Done);
    assert_eq!(served.flags.current().stored("f").expect("there").definition, flag("on"));
    let actions: Vec<Action> = served.flags.history(None, 9).await.expect("history").iter().map(|e| e.action).collect();
    assert_eq!(actions, [Action::Step, Action::Step, Action::Step, Action::RollOut, Action::Set]);
    assert_eq!(served.flags.verify().await.expect("read").broken, None);
    assert_eq!(act(&served, 2, "revert").await.0, 200);
    assert_eq!(served.flags.current().stored("f").expect("there").definition, flag("off"));
}

#[tokio::test]
async fn whom_the_rule_gives_a_variant_keeps_it() {
    let served = Served::empty().await;
    let rule =
        r#""targeting": {"if": [{"==": [{"var": "country"}, "CH"]}, "off", {"==": [{"var": "country"}, "DE"]}, "on"]}"#;
    let definition = flag("off").replace("false},", &format!("false}}, {rule},"));
    served.flags.set(author(), "f", &definition, 0).await.expect("written");
    let plan = json!({"from": "off", "to": "on", "linear": 2, "every": "1h"});
    assert_eq!(begin(&served, "f", 1, &plan).await.0, 200);
    let current = served.flags.current();
    for (country, expected) in [("CH", 0..1), ("DE", 100..101), ("AT", 30..70)] {
        let gets = |n: &usize| {
            let name = format!("subject-{n}");
            let context = [("targetingKey", Known::from(name.as_str())), ("country", Known::from(country))];
            let evaluation = current.snapshot.evaluate("f", &Attributes(&context), 0).expect("evaluated");
            evaluation.variant.is_some_and(|got| &*got.name == "on")
        };
        let count = (0..100).filter(gets).count();
        assert!(expected.contains(&count), "{country}: {count}");
    }
    served.hand.advance(HOUR);
    served.turn().await.expect("a turn");
    let expected = definition.replace(r#""defaultVariant": "off""#, r#""defaultVariant": "on""#);
    assert_eq!(served.flags.current().stored("f").expect("there").definition, expected);
}

#[tokio::test]
async fn it_is_paused_resumed_and_reverted() {
    let served = Served::empty().await;
    served.flags.set(author(), "f", &flag("off"), 0).await.expect("written");
    let form = "revision=1&why=go&from=off&to=on&steps=10%2C+50%2C+100&every=1h&query=&language=promql&is=above&value=&for=&then=stop";
    assert!(served.page("/flags/f").await.contains("<option>on</option>"));
    assert_eq!(served.submit("/flags/f/rollout", form).await, 303);
    assert_eq!(served.submit("/planned/rollouts/2/pause", "why=lunch").await, 303);
    assert!(served.page("/planned").await.contains("paused"));
    served.hand.advance(3 * HOUR);
    served.turn().await.expect("a turn");
    assert_eq!(state(&served).await, (RollOutState::Paused, Some(10.0), None));
    assert_eq!(act(&served, 2, "pause").await.0, 400);
    assert_eq!(act(&served, 2, "resume").await.0, 200);
    served.turn().await.expect("a turn");
    assert_eq!(state(&served).await.1, Some(10.0), "a whole pause comes before the next step");
    served.hand.advance(HOUR);
    served.turn().await.expect("a turn");
    assert_eq!(state(&served).await, (RollOutState::Running, Some(50.0), None));
    assert_eq!(act(&served, 2, "revert").await.0, 200);
    assert_eq!(served.flags.current().stored("f").expect("there").definition, flag("off"));
    served.hand.advance(3 * HOUR);
    served.turn().await.expect("a turn");
    assert_eq!(state(&served).await.0, RollOutState::Reverted);
    assert_eq!(act(&served, 2, "resume").await.0, 400);
    assert_eq!(act(&served, 9, "resume").await.0, 404);
    assert_eq!(act(&served, 2, "explode").await.0, 400);
}

#[tokio::test]
async fn a_change_from_elsewhere_stops_it() {
    let served = Served::empty().await;
    served.flags.set(author(), "f", &flag("off"), 0).await.expect("written");
    let plan = json!({"from": "off", "to": "on", "steps": [10, 100], "every": "1h"});
    begin(&served, "f", 1, &plan).await;
    let (status, body) = begin(&served, "f", 2, &plan).await;
    assert!(
        status == 409 && body["detail"].as_str().is_some_and(|t| t.starts_with("roll-out 2 of \"f\" is running")),
        "{body}"
    );
    served.flags.set_state(author(), "f", false, 2).await.expect("switched");
    served.hand.advance(HOUR);
    served.turn().await.expect("a turn");
    let because = Some("the flag was changed by somebody else".to_owned());
    assert_eq!(state(&served).await, (RollOutState::Stopped, Some(10.0), because));
    assert_eq!((act(&served, 2, "resume").await.0, act(&served, 2, "revert").await.0), (409, 409));
    assert!(!served.flags.current().stored("f").expect("there").is_enabled());
}

#[tokio::test]
async fn a_guard_holds_stops_or_takes_back() {
    for (then, expected, share) in
        [("stop", RollOutState::Stopped, "fractional"), ("revert", RollOutState::Reverted, "STATIC")]
    {
        let served = Served::empty().await;
        served.flags.set(author(), "f", &flag("off"), 0).await.expect("written");
        let guard =
            json!({"language": "promql", "query": "errors", "is": "above", "value": 0.5, "for": "30s", "then": then});
        let plan = json!({"from": "off", "to": "on", "steps": [10, 50, 100], "every": "1h", "guard": guard});
        assert_eq!(begin(&served, "f", 1, &plan).await.0, 200);
        served.turn().await.expect("a turn");
        // Without an answer the next step waits, and says so once.
        *served.answers.0.lock() = Err("no route".to_owned());
        served.hand.advance(HOUR);
        for _ in 0..3 {
            served.turn().await.expect("a turn");
            served.hand.advance(CHECK);
        }
        let waits = "waits, because its guard cannot be asked: no route";
        assert_eq!(state(&served).await, (RollOutState::Running, Some(10.0), Some(waits.to_owned())));
        let holds = served.flags.history(None, 9).await.expect("history");
        assert_eq!(holds.iter().filter(|entry| entry.action == Action::Hold).count(), 1);
        // It is beyond for less than its time: nothing trips, and nothing moves.
        *served.answers.0.lock() = Ok(Some(0.6));
        served.turn().await.expect("a turn");
        served.hand.advance(CHECK);
        *served.answers.0.lock() = Ok(Some(0.5));
        served.turn().await.expect("a turn");
        assert_eq!(state(&served).await, (RollOutState::Running, Some(50.0), None));
        *served.answers.0.lock() = Ok(Some(0.75));
        for _ in 0..3 {
            served.hand.advance(CHECK);
            assert_eq!(state(&served).await.0, RollOutState::Running);
            served.turn().await.expect("a turn");
        }
        let because = Some("its guard tripped: 0.75 is above 0.5".to_owned());
        assert_eq!(state(&served).await, (expected, Some(50.0), because.clone()));
        let entry = served.flags.history(None, 1).await.expect("history").remove(0);
        assert_eq!((Some(entry.why), entry.who.as_str()), (because, "roll-out"));
        let definition = &served.flags.current().stored("f").expect("there").definition.clone();
        assert_eq!(definition.contains("fractional"), share == "fractional", "{definition}");
        assert_eq!(served.turn().await.expect("a turn"), None);
    }
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused() {
    let served = Served::empty().await;
    served.flags.set(author(), "f", &flag("off"), 0).await.expect("written");
    let plan = json!({"from": "off", "to": "on", "steps": [10, 100], "every": "1h"});
    let guard = json!({"language": "sql", "query": "select 1", "is": "above", "value": 1});
    let with = |name: &str, value: Value| {
        let mut plan = plan.clone();
        plan[name] = value;
        plan
    };
    for (plan, expected) in [
        (with("to", json!("off")), "to: another variant"),
        (with("to", json!("blue")), "to: a variant of the flag is expected"),
        (with("from", json!("on")), "to: another variant"),
        (with("steps", json!([])), "steps: 1 to 100 steps are expected"),
        (with("steps", json!([50, 10])), "steps: each is expected to be more"),
        (with("every", json!("0s")), "every: 1 s at least"),
        (with("linear", json!(5)), "linear: it stands instead of steps"),
        (
            with("guard", {
                let mut g = guard.clone();
                g["query"] = json!(" ");
                g
            }),
            "guard.query: a query",
        ),
    ] {
        let (status, body) = begin(&served, "f", 1, &plan).await;
        assert!(status == 400 && body["detail"].as_str().is_some_and(|t| t.starts_with(expected)), "{plan} {body}");
    }
    for plan in [
        with("steps", json!([0])),
        with("steps", json!([100.5])),
        with("steps", json!([1.234])),
        with("every", json!("soon")),
        with("evry", json!("1h")),
    ] {
        let (status, body) = begin(&served, "f", 1, &plan).await;
        assert_eq!(status, 400, "{plan} {body}");
    }
    served.flags.set_state(author(), "f", false, 1).await.expect("switched");
    let (_, body) = begin(&served, "f", 2, &plan).await;
    assert!(body["detail"].as_str().is_some_and(|t| t.starts_with("the flag is disabled")), "{body}");
    assert_eq!(served.flags.current().revision, 2);
}

proptest! {
    /// A bucket that comes first keeps its members as it grows under an equal total, in each way to draw.
    #[test]
    fn a_first_bucket_that_grows_keeps_its_members(
        algorithm in proptest::sample::select(vec!["v1", "v2", "v3"]),
        (small, large) in (1_u32..10_000).prop_flat_map(|large| (1..=large, proptest::strategy::Just(large))),
        salt in "[a-z]{1,8}",
    ) {
        let share = |part: u32| {
            let definitions = json!({"metadata": {"fractional": algorithm}, "flags": {&salt: {
                "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
                "targeting": {"fractional": [["on", part], ["off", 10_000 - part]]},
            }}});
            let snapshot = Snapshot::read(&definitions.to_string(), Mode::Strict).expect("a definition").read;
            members(&snapshot, &salt, "on")
        };
        let (before, after) = (share(small), share(large));
        prop_assert!(after.is_superset(&before));
        let expected = f64::from(large) / 10_000.0;
        let got = after.len() as f64 / SUBJECTS as f64;
        prop_assert_eq!((got - expected).abs() < 0.08, true, "{} of {}", got, expected);
    }
}
