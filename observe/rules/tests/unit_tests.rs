//! Tests of rules pass and fail as promtool's do.

use vitrine_observe_rules::RuleFile;
use vitrine_observe_rules::unit_test::{TestFile, TestResult};

const RULES: &str = "
groups:
- name: rules
  rules:
  - {record: 'job:up:sum', expr: 'sum by (job) (up)'}
  - alert: InstanceDown
    expr: up == 0
    for: 5m
    labels: {severity: page, cluster: '{{ $externalLabels.cluster }}'}
    annotations:
      summary: 'Instance {{ $labels.instance }} down, {{ query \"count(up)\" | first | value }} there'
  - {alert: Absent, expr: absent(never), keep_firing_for: 2m}
- name: later
  rules:
  - {record: 'jobs', expr: 'count(job:up:sum)'}
";

fn run(text: &str) -> Vec<TestResult> {
    let rules = RuleFile::parse(RULES).expect("no mistakes");
    TestFile::parse(text).expect("no mistakes").run(&[("rules.yml".to_owned(), rules)], &|_| true)
}

const TEST: &str = "
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- name: down
  interval: 1m
  external_labels: {cluster: c1}
  input_series:
  - series: 'up{job=\"api\", instance=\"a\"}'
    values: '1 1 0x20'
  - series: 'up{job=\"api\", instance=\"b\"}'
    values: '1x20'
  - series: 'h'
    values: '{{schema:0 count:2 sum:3 buckets:[1 1]}}x10'
  alert_rule_test:
  - {eval_time: 6m, alertname: InstanceDown}
  - eval_time: 7m30s
    alertname: InstanceDown
    exp_alerts:
    - exp_labels: {severity: page, cluster: c1, job: api, instance: a}
      exp_annotations: {summary: 'Instance a down, 2 there'}
  promql_expr_test:
  - expr: job:up:sum
    eval_time: 4m
    exp_samples: [{labels: 'job:up:sum{job=\"api\"}', value: 1}]
  - expr: jobs
    eval_time: 4m
    exp_samples: [{labels: 'jobs', value: 1}]
  - expr: h
    eval_time: 5m
    exp_samples: [{labels: 'h', histogram: '{{schema:0 count:2 sum:3 counter_reset_hint:not_reset buckets:[1 1]}}'}]
  - expr: ALERTS{alertname=\"InstanceDown\"}
    eval_time: 3m
    exp_samples:
    - labels: 'ALERTS{alertname=\"InstanceDown\", alertstate=\"pending\", cluster=\"c1\", instance=\"a\", job=\"api\", severity=\"page\"}'
      value: 1
  - {expr: time(), eval_time: 90s, exp_samples: [{value: 90}]}
";

#[test]
fn what_is_expected_passes() {
    let results = run(TEST);
    assert_eq!(results, [TestResult { name: "down".to_owned(), failures: Vec::new() }]);
    let started = TEST
        .replace("  interval: 1m\n  external", "  interval: 1m\n  start_timestamp: 2024-01-01T00:00:00Z\n  external");
    let results = run(&started.replace("exp_samples: [{value: 90}]", "exp_samples: [{value: 1704067290}]"));
    assert_eq!(results[0].failures, [""; 0]);
}

#[test]
fn what_is_not_fails_and_says_why() {
    for (from, to, message) in [
        (
            "a down, 2 there",
            "a up",
            "alertname: InstanceDown, time: 7m30s, \n        exp:[\n            0:\n              Labels:{",
        ),
        ("eval_time: 7m30s", "eval_time: 6m30s", "got:[]"),
        ("value: 90", "value: 91", "expr: \"time()\", time: 1m30s,\n        exp: {} 9.1E+01\n        got: {} 9E+01"),
        ("expr: jobs", "expr: 'jobs('", "err: 1:6: parse error"),
        ("'1x20'", "'1xx'", "up{job=\"api\", instance=\"b\"} 1xx: "),
        (
            "schema:0 count:2 sum:3 counter_reset_hint:not_reset buckets:[1 1]}}'}]",
            "schema:0 count:3}}'}]",
            "{__name__=\"h\"} {{count:3}}",
        ),
        ("labels: 'jobs'", "labels: 'jobs{'", "labels \"jobs{\": "),
        ("eval_time: 90s", "eval_time: 9y", "a test has at most 1000000"),
    ] {
        assert!(TEST.contains(from), "{from}");
        let results = run(&TEST.replacen(from, to, 1));
        let failures = results[0].failures.join("\n");
        assert!(failures.contains(message), "{from} -> {to}: {failures}");
    }
}

#[test]
fn mistakes_in_the_file_are_all_told() {
    let text = "
rule_files: [a.yml]
evaluation_interval: often
group_eval_order: [a, b, a]
tests:
- intervall: 1m
  start_timestamp: yesterday
  alert_rule_test: [{eval_time: 5m}]
  promql_expr_test: [{expr: up, exp_samples: [{value: many}]}]
";
    let mistakes = TestFile::parse(text).expect_err("mistakes");
    let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.location.line).collect();
    assert_eq!(lines, [3, 4, 6, 7, 8, 9], "{mistakes:#?}");
}

#[test]
fn a_rule_that_fails_ends_the_test() {
    let rules = RuleFile::parse("groups: [{name: g, rules: [{record: r, expr: 'a + on () b'}]}]").expect("no mistakes");
    let text = "
tests:
- input_series:
  - {series: 'a{x=\"1\"}', values: '1'}
  - {series: 'b{x=\"1\"}', values: '1'}
  - {series: 'b{x=\"2\"}', values: '1'}
  promql_expr_test: [{expr: r, eval_time: 1m}]
";
    let results = TestFile::parse(text).expect("no mistakes").run(&[("r".to_owned(), rules)], &|_| true);
    assert!(
        results[0].failures[0].starts_with("    rule: r, time: 0s, err: found duplicate series for the match group"),
        "{results:?}"
    );
    assert_eq!(results[0].name, "unnamed#0");
}
