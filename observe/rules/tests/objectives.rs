//! Objectives become rules that tell how fast the budget burns.

use std::time::Duration;

use vitrine_observe_rules::unit_test::TestFile;
use vitrine_observe_rules::{RuleFile, Slo};

fn slo(good: &str, total: &str) -> Slo {
    let window = Duration::from_secs(30 * 86_400);
    Slo { name: "checkout".to_owned(), good: good.to_owned(), total: total.to_owned(), objective: 0.999, window }
}

/// A month in which 2 of 100 fail for a while, and everything before and after that is fine.
const TEST: &str = "
evaluation_interval: 1m
tests:
- name: a burst
  interval: 1m
  input_series:
  - {series: 'requests_total{code=\"200\"}', values: '0+100x600 60098+98x120 71860+100x600'}
  - {series: 'requests_total{code=\"500\"}', values: '0x600 2+2x120 242x600'}
  alert_rule_test:
  - {eval_time: 10h, alertname: SloBurnsFast}
  - eval_time: 11h30m
    alertname: SloBurnsFast
    exp_alerts:
    - exp_labels: {slo: checkout, severity: page}
      exp_annotations:
        summary: 'The error budget of checkout burns'
        description: '2% of events are not as promised; 0.1 % in 30d may not be.'
  - {eval_time: 13h, alertname: SloBurnsFast}
  promql_expr_test:
  - {expr: 'round(slo:error_ratio:rate1h{slo=\"checkout\"} * 1000)', eval_time: 11h30m, exp_samples: [{labels: '{slo=\"checkout\"}', value: 20}]}
  - {expr: 'slo:error_budget_left:ratio > 0.99', eval_time: 9h, exp_samples: [{labels: 'slo:error_budget_left:ratio{slo=\"checkout\"}', value: 1}]}
- name: nothing happens
  interval: 1m
  input_series:
  - {series: 'requests_total{code=\"200\"}', values: '5x100'}
  alert_rule_test: [{eval_time: 1h, alertname: SloBurnsFast}, {eval_time: 1h, alertname: SloBurnsSlowly}]
  promql_expr_test:
  - {expr: 'slo:error_ratio:rate1h', eval_time: 1h}
  - {expr: 'slo:error_budget_left:ratio', eval_time: 1h, exp_samples: [{labels: 'slo:error_budget_left:ratio{slo=\"checkout\"}', value: 1}]}
- name: nothing is good
  interval: 1m
  input_series:
  - {series: 'requests_total{code=\"500\"}', values: '0+5x100'}
  promql_expr_test: [{expr: 'slo:error_ratio:rate1h', eval_time: 1h, exp_samples: [{labels: 'slo:error_ratio:rate1h{slo=\"checkout\"}', value: 1}]}]
";

#[test]
fn fast_burns_page_and_end_and_no_traffic_is_no_burn() {
    let test = TestFile::parse(TEST).expect("no mistakes");
    for (good, total) in [
        ("requests_total{code=\"200\"}", "requests_total"),
        ("sum(rate(requests_total{code=\"200\"}[$window]))", "sum(rate(requests_total[$window]))"),
    ] {
        let groups = vec![slo(good, total).rules().expect("rules")];
        let results = test.run(&[("slo".to_owned(), RuleFile { groups })], &|_| true);
        for result in results {
            assert_eq!(result.failures, [""; 0], "{}", result.name);
        }
    }
}

#[test]
fn the_speeds_are_those_of_the_workbook() {
    let rules = slo("good_total", "all_total").rules().expect("rules");
    let alert = |name: &str| rules.rules.iter().find(|rule| rule.name() == name).map(|rule| rule.text.clone());
    assert_eq!(
        alert("SloBurnsFast").as_deref(),
        Some(
            "(slo:error_ratio:rate1h{slo=\"checkout\"} > 0.0144 and slo:error_ratio:rate5m{slo=\"checkout\"} > 0.0144) or \
             (slo:error_ratio:rate6h{slo=\"checkout\"} > 0.006 and slo:error_ratio:rate30m{slo=\"checkout\"} > 0.006)"
        )
    );
    assert!(alert("SloBurnsSlowly").expect("an alert").contains("rate3d{slo=\"checkout\"} > 0.001 "));
}

#[test]
fn what_is_no_objective_is_refused() {
    let right = slo("good_total", "all_total");
    for (wrong, message) in [
        (Slo { name: String::new(), ..right.clone() }, "name: expected a text"),
        (Slo { objective: 1.0, ..right.clone() }, "objective: expected a number between 0 and 1"),
        (Slo { objective: f64::NAN, ..right.clone() }, "objective: expected a number between 0 and 1"),
        (Slo { window: Duration::from_secs(60), ..right.clone() }, "window: expected at least 3d"),
        (Slo { good: "sum(".to_owned(), ..right.clone() }, "good: expected a counter, or an expression with $window"),
        (
            Slo { total: "rate(x[$window]".to_owned(), ..right },
            "total: expected a counter, or an expression with $window",
        ),
    ] {
        let error = wrong.rules().expect_err(message);
        assert!(error.starts_with(message), "{error}");
    }
}
