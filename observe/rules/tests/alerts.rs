//! What becomes of alerts, and what is kept, sent and said to have ended: facts of Prometheus's rules, and what we keep across a restart.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::{prop_assert, prop_assert_eq, proptest};
use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::{Point, Sample};
use vitrine_observe_rules::status::{AlertState, Health};
use vitrine_observe_rules::{Effects, Group, Remains, RuleFile, Settings, Source};
use vitrine_observe_series::Labels;

/// What the metric of each name is at the moment.
#[derive(Default)]
struct Script(RefCell<BTreeMap<String, Result<Vec<Sample>, String>>>);

impl Script {
    fn set(&self, metric: &str, series: &[(&str, f64)]) {
        let samples = series.iter().map(|(instance, value)| Sample {
            labels: Labels::of([("__name__", metric), ("instance", *instance)]),
            time_ms: 0,
            value: Point::Float(*value),
        });
        self.0.borrow_mut().insert(metric.to_owned(), Ok(samples.collect()));
    }

    fn fail(&self, metric: &str) {
        self.0.borrow_mut().insert(metric.to_owned(), Err("it is broken".to_owned()));
    }
}

impl Source for Script {
    fn evaluate(&self, expr: &Expr, _: i64) -> Result<Vec<Sample>, String> {
        self.0.borrow().get(&expr.selectors()[0].name).cloned().unwrap_or_else(|| Ok(Vec::new()))
    }

    fn sql(&self, statement: &str, _: i64) -> Result<Vec<Sample>, String> {
        self.0.borrow().get(statement).cloned().unwrap_or_else(|| Err(statement.to_owned()))
    }
}

fn group(text: &str) -> Group {
    let file = RuleFile::parse(text).expect("no mistakes");
    Group::new("f.yml", &file.groups[0], &Settings::default())
}

const ALERT: &str = "
groups:
- name: g
  rules:
  - alert: A
    expr: m
    for: 2m
    keep_firing_for: 3m
    labels: {team: x}
    annotations: {at: '{{ $labels.instance }} {{ $value }}'}
";

const MINUTE: i64 = 60_000;

fn evaluate(group: &mut Group, source: &Script, minute: i64) -> Vec<Effects> {
    let mut effects = Vec::new();
    group.evaluate(minute * MINUTE, &Settings::default(), source, &mut |of_rules| {
        effects.extend_from_slice(of_rules);
        Ok(())
    });
    effects
}

fn states(group: &Group) -> Vec<(String, &'static str)> {
    let status = group.status();
    let alerts = status.rules.iter().flat_map(|rule| rule.alerting.iter().flat_map(|of| &of.alerts));
    alerts.map(|alert| (alert.labels.get("instance").unwrap_or_default().to_owned(), alert.state.name())).collect()
}

fn sent(effects: &[Effects]) -> Vec<(String, &'static str, i64)> {
    let alerts = effects.iter().flat_map(|effect| &effect.alerts);
    alerts
        .map(|alert| {
            (
                alert.labels.get("instance").unwrap_or_default().to_owned(),
                alert.state.name(),
                alert.valid_until_ms / MINUTE,
            )
        })
        .collect()
}

fn shown(samples: &[Sample]) -> Vec<String> {
    samples.iter().map(|sample| format!("{} {:?}", sample.labels, sample.value)).collect()
}

#[test]
fn an_alert_is_pending_firing_kept_and_resolved() {
    let (mut group, source) = (group(ALERT), Script::default());
    assert_eq!(group.status().rules[0].alerting.as_ref().map(|of| of.state), Some(AlertState::Unknown));
    source.set("m", &[("a", 1.0)]);
    let effects = evaluate(&mut group, &source, 0);
    assert_eq!(states(&group), [("a".to_owned(), "pending")]);
    assert_eq!(
        shown(&effects[0].samples),
        [
            "{__name__=\"ALERTS\", alertname=\"A\", alertstate=\"pending\", instance=\"a\", team=\"x\"} Float(1.0)",
            "{__name__=\"ALERTS_FOR_STATE\", alertname=\"A\", instance=\"a\", team=\"x\"} Float(0.0)",
        ]
    );
    assert_eq!(effects[0].transitions.len(), 1);
    assert!(sent(&effects).is_empty(), "pending alerts are not sent");
    let effects = evaluate(&mut group, &source, 1);
    assert!(effects[0].transitions.is_empty(), "nothing is to be saved where nothing changed");
    source.set("m", &[("a", 7.0), ("b", 1.0)]);
    let effects = evaluate(&mut group, &source, 2);
    assert_eq!(states(&group), [("a".to_owned(), "firing"), ("b".to_owned(), "pending")]);
    assert_eq!(sent(&effects), [("a".to_owned(), "firing", 6)]);
    assert_eq!(effects[0].alerts[0].annotations.get("at"), Some("a 7"));
    let ended: Vec<&str> = effects[0].ended.iter().filter_map(|labels| labels.get("alertstate")).collect();
    assert_eq!(ended, ["pending"], "the pending series of the firing alert has ended");
    // A minute is not more than the resend delay.
    assert_eq!(sent(&evaluate(&mut group, &source, 3)), []);
    source.set("m", &[]);
    assert_eq!(sent(&evaluate(&mut group, &source, 4)), [("a".to_owned(), "firing", 8)]);
    assert_eq!(states(&group), [("a".to_owned(), "firing")], "pending b is forgotten at once");
    assert_eq!(
        group.status().rules[0].alerting.as_ref().expect("an alert").alerts[0].keep_firing_since_ms,
        Some(4 * MINUTE)
    );
    evaluate(&mut group, &source, 6);
    assert_eq!(states(&group), [("a".to_owned(), "firing")]);
    let effects = evaluate(&mut group, &source, 7);
    assert_eq!(states(&group), []);
    assert_eq!(sent(&effects), [("a".to_owned(), "inactive", 11)]);
    assert_eq!(effects[0].alerts[0].resolved_at_ms, Some(7 * MINUTE));
    // It is sent as resolved for a quarter of an hour, and then it is gone.
    let resent: Vec<i64> = (8..40).filter(|minute| !sent(&evaluate(&mut group, &source, *minute)).is_empty()).collect();
    assert_eq!(resent, [9, 11, 13, 15, 17, 19, 21]);
    assert_eq!(group.saved().rules, []);
}

#[test]
fn rows_of_a_statement_are_alerts() {
    let text = "
groups:
- name: g
  type: sql
  rules:
  - {alert: A, expr: SELECT service AS instance FROM spans, for: 2m, annotations: {at: '{{ $labels.instance }} {{ $value }}'}}
  - {record: r, type: prometheus, expr: m}
  - {record: s, sql: SELECT $time}
";
    let (mut group, source) = (group(text), Script::default());
    source.set("SELECT service AS instance FROM spans", &[("a", 3.0)]);
    evaluate(&mut group, &source, 0);
    assert_eq!(states(&group), [("a".to_owned(), "pending")]);
    let effects = evaluate(&mut group, &source, 2);
    assert_eq!(
        (states(&group), sent(&effects)),
        (vec![("a".to_owned(), "firing")], vec![("a".to_owned(), "firing", 6)])
    );
    let status = group.status();
    assert_eq!(status.rules[0].query, "SELECT service AS instance FROM spans");
    assert_eq!(status.rules[2].last_error, "SELECT TIMESTAMP '1970-01-01T00:02:00.000Z'");
}

#[test]
fn raising_for_takes_a_firing_alert_back() {
    let (mut old, source) = (group(ALERT), Script::default());
    source.set("m", &[("a", 1.0)]);
    evaluate(&mut old, &source, 0);
    evaluate(&mut old, &source, 2);
    assert_eq!(states(&old), [("a".to_owned(), "firing")]);
    let mut raised = group(&ALERT.replace("for: 2m", "for: 5m"));
    raised.adopt(&mut old);
    evaluate(&mut raised, &source, 3);
    assert_eq!(states(&raised), [("a".to_owned(), "pending")]);
    evaluate(&mut raised, &source, 5);
    assert_eq!(states(&raised), [("a".to_owned(), "firing")]);
}

#[test]
fn failures_change_nothing_and_are_told() {
    let (mut group, source) = (group(ALERT), Script::default());
    source.set("m", &[("a", 1.0)]);
    evaluate(&mut group, &source, 0);
    source.fail("m");
    assert!(evaluate(&mut group, &source, 1).is_empty());
    assert_eq!(states(&group), [("a".to_owned(), "pending")]);
    let status = group.status();
    assert_eq!((status.rules[0].health, status.rules[0].last_error.as_str()), (Health::Err, "it is broken"));
    assert_eq!(status.rules[0].history.len(), 2);
    source.set("m", &[("a", 1.0), ("a", 2.0)]);
    evaluate(&mut group, &source, 2);
    assert_eq!(
        group.status().rules[0].last_error,
        "vector contains metrics with the same labelset after applying alert labels"
    );
    assert_eq!(states(&group), [("a".to_owned(), "pending")]);
}

#[test]
fn beyond_the_limit_all_alerts_are_gone() {
    let (mut group, source) = (group(&ALERT.replace("  rules:", "  limit: 1\n  rules:")), Script::default());
    source.set("m", &[("a", 1.0)]);
    evaluate(&mut group, &source, 0);
    source.set("m", &[("a", 1.0), ("b", 1.0)]);
    assert!(evaluate(&mut group, &source, 1).is_empty(), "no samples, no stale markers");
    assert_eq!(group.status().rules[0].last_error, "exceeded limit of 1 with 2 alerts");
    assert_eq!(states(&group), []);
}

#[test]
fn recording_rules_keep_and_end_series() {
    let text = "
groups:
- name: g
  limit: 2
  query_offset: 30s
  rules:
  - {record: r, expr: m, labels: {team: x, instance: ''}}
  - {record: s, expr: n}
";
    let (mut group, source) = (group(text), Script::default());
    source.set("m", &[("a", 1.5)]);
    source.set("n", &[("a", 1.0), ("b", 2.0)]);
    let effects = evaluate(&mut group, &source, 1);
    assert_eq!(shown(&effects[0].samples), ["{__name__=\"r\", team=\"x\"} Float(1.5)"]);
    source.set("n", &[("b", 2.0)]);
    let effects = evaluate(&mut group, &source, 2);
    assert_eq!(
        effects[1].ended.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["{__name__=\"s\", instance=\"a\"}"]
    );
    assert_eq!(effects[1].ended_at_ms, 2 * MINUTE - 30_000);
    source.set("m", &[("a", 1.0), ("b", 1.0)]);
    source.set("n", &[("a", 1.0), ("b", 2.0), ("c", 3.0)]);
    evaluate(&mut group, &source, 3);
    let errors: Vec<String> = group.status().rules.iter().map(|rule| rule.last_error.clone()).collect();
    assert_eq!(
        errors,
        [
            "vector contains metrics with the same labelset after applying rule labels",
            "exceeded limit of 2 with 3 series",
        ]
    );
}

#[test]
fn series_of_rules_that_are_gone_end() {
    let text = "
groups:
- name: g
  rules:
  - {record: r, expr: m}
  - {record: s, expr: m}
";
    let (mut old, source) = (group(text), Script::default());
    source.set("m", &[("a", 1.0)]);
    evaluate(&mut old, &source, 1);
    let mut new = group(&text.replace("record: s", "record: t"));
    new.adopt(&mut old);
    let mut fails = true;
    let mut ended = Vec::new();
    for minute in [2, 3, 4] {
        new.evaluate(minute * MINUTE, &Settings::default(), &source, &mut |of_rules| {
            if of_rules.iter().all(|effects| effects.samples.is_empty()) && std::mem::take(&mut fails) {
                return Err("the store is full".to_owned());
            }
            for effects in of_rules {
                let at = effects.ended_at_ms / MINUTE;
                ended.extend(effects.ended.iter().map(|labels| (labels.metric().to_owned(), at)));
            }
            Ok(())
        });
    }
    assert_eq!(ended, [("s".to_owned(), 3)], "what could not be written is written with the next evaluation, once");
    let gone = |remains: &Remains| -> Vec<String> {
        let ended = remains.effects(0).into_iter().flat_map(|effects| effects.ended);
        ended.map(|labels| labels.metric().to_owned()).collect()
    };
    let mut remains = new.take_remains();
    assert_eq!(gone(&remains), ["r", "t"]);
    let mut other = group("groups: [{name: other, rules: [{record: t, expr: m}]}]");
    evaluate(&mut other, &source, 5);
    remains.leave_to(&other);
    assert_eq!(gone(&remains), ["r"], "another group has taken it over");
}

#[test]
fn alerts_of_rules_that_are_gone_end() {
    let (mut old, source) = (group(ALERT), Script::default());
    source.set("m", &[("a", 1.0)]);
    evaluate(&mut old, &source, 0);
    evaluate(&mut old, &source, 2);
    assert_eq!(states(&old), [("a".to_owned(), "firing")]);
    let saved = old.saved();
    let other = ALERT.replace("alert: A", "alert: B");
    assert_ne!(other, ALERT);
    for restarted in [false, true] {
        let mut new = group(&other);
        if restarted {
            new.restore(&saved, 2 * MINUTE, 3 * MINUTE);
        } else {
            assert!(!old.is_same(&new) && old.is_same(&group(ALERT)));
            new.adopt(&mut old);
        }
        let effects = evaluate(&mut new, &source, 4);
        let ended: Vec<_> = effects.iter().flat_map(|effects| &effects.alerts).collect();
        assert_eq!(ended.len(), 1, "{restarted}");
        assert_eq!((ended[0].labels.get("alertname"), ended[0].resolved_at_ms), (Some("A"), Some(4 * MINUTE)));
        assert!(evaluate(&mut new, &source, 5).iter().all(|effects| effects.alerts.is_empty()), "it is told once");
    }
}

#[test]
fn groups_are_evaluated_on_a_grid_and_what_is_late_is_skipped() {
    let mut group = group(ALERT);
    let slot = group.slot_before(10_000_000);
    assert!(slot <= 10_000_000 && slot > 10_000_000 - MINUTE);
    assert_eq!(group.slot_before(10_000_000 + MINUTE), slot + MINUTE);
    assert_eq!(group.due(slot, slot + MINUTE - 1), None);
    let due = group.due(slot, slot + MINUTE).expect("it is time");
    assert_eq!((due.at_ms, due.missed), (slot + MINUTE, 0));
    let due = group.due(slot, slot + 4 * MINUTE + 5).expect("it is late");
    assert_eq!((due.at_ms, due.missed, group.status().missed), (slot + 4 * MINUTE, 3, 3));
}

proptest! {
    /// A restart at any moment, with the state that was saved when it last had to be, changes nothing but what the time down must change.
    #[test]
    fn a_restart_changes_nothing(there in proptest::collection::vec(proptest::bool::weighted(0.7), 1..30), restart in 0..30usize, down in 0..20i64) {
        let source = Script::default();
        let (mut steady, mut restarted) = (group(ALERT), group(ALERT));
        let mut saved = None;
        let mut late = 0;
        for (minute, there) in there.iter().enumerate() {
            source.set("m", if *there { &[("a", 1.0)] } else { &[] });
            if minute == restart && let Some(saved) = &saved {
                let last = (minute as i64 - 1) * MINUTE;
                restarted = group(ALERT);
                restarted.restore(saved, last, last + down * MINUTE);
                late = down;
            }
            let minute = minute as i64;
            evaluate(&mut steady, &source, minute);
            let effects = evaluate(&mut restarted, &source, minute + late);
            if effects.iter().any(|effect| effect.is_changed) {
                let json = serde_json::to_string(&restarted.saved()).expect("JSON");
                saved = Some(serde_json::from_str(&json).expect("the same"));
            }
            prop_assert_eq!(states(&steady), states(&restarted));
        }
        prop_assert!(restarted.saved().rules.len() <= 1);
    }
}
