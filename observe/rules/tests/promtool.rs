//! Beside the real promtool: the same files get the same verdict. promtool 3.5 comes from Debian; where it cannot be had, this test fails and says so.

use std::path::Path;
use std::process::Command;

use vitrine_observe_rules::RuleFile;
use vitrine_observe_rules::unit_test::TestFile;

/// Rule files, and whether they are right.
const FILES: &[(&str, bool)] = &[
    ("", true),
    ("groups: []", true),
    ("groups: [{name: g, rules: [{record: a, expr: up}]}]", true),
    (
        "groups: [{name: g, interval: 1m, query_offset: 30s, limit: 3, labels: {a: b}, rules: [{alert: A, expr: up == 0, for: 1h30m, keep_firing_for: 5m}]}]",
        true,
    ),
    ("groups: [{name: g, rules: [{record: a, expr: up, labels: {x: 5}}]}]", true),
    ("groups: [{name: g, rules: [{record: 'utf8.name', expr: up}]}]", true),
    ("groups: [{name: g}, {name: g}]", false),
    ("groups: [{name: ''}]", false),
    ("groups: [{rules: []}]", false),
    ("groups: [{name: g, intervall: 1m}]", false),
    ("groups: [{name: g, interval: 1.5m}]", false),
    ("groups: [{name: g, interval: -1m}]", false),
    ("groups: [{name: g, limit: many}]", false),
    ("groups: [{name: g, rules: [{record: a, alert: B, expr: up}]}]", false),
    ("groups: [{name: g, rules: [{expr: up}]}]", false),
    ("groups: [{name: g, rules: [{record: a}]}]", false),
    ("groups: [{name: g, rules: [{record: a, expr: 'sum('}]}]", false),
    ("groups: [{name: g, rules: [{record: 'a{}', expr: up}]}]", false),
    ("groups: [{name: g, rules: [{record: a, expr: up, for: 5m}]}]", false),
    ("groups: [{name: g, rules: [{record: a, expr: up, annotations: {a: b}}]}]", false),
    ("groups: [{name: g, rules: [{alert: A, expr: up, labels: {__name__: b}}]}]", false),
    ("groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{ $x }}'}}]}]", false),
    ("groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{ nope 1 }}'}}]}]", false),
    (
        "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{ range query \"up\" }}{{ .Value | humanize }}{{ else }}-{{ end }}'}}]}]",
        true,
    ),
    ("groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{ if $value }}'}}]}]", false),
    ("groups: 5", false),
    ("groups: [{name: g, rules: [{record: a, record: b, expr: up}]}]", false),
    ("a: [", false),
];

const RULES: &str = "
groups:
- name: g
  rules:
  - {record: 'job:m:sum', expr: 'sum by (job) (m)'}
  - alert: High
    expr: job:m:sum > 5
    for: 2m
    keep_firing_for: 2m
    labels: {severity: '{{ if gt $value 10.0 }}page{{ else }}ticket{{ end }}'}
    annotations:
      text: '{{ $labels.job }} {{ $value | humanize }} {{ printf \"%.2f\" $value }} {{ $externalLabels.zone }} {{ len (query \"m\") }}'
      broken: '{{ query \"never\" | first | value }}'
  - {alert: Gone, expr: absent(m), labels: {x: y}}
";

/// A test file over these rules that passes; and what makes it fail.
const TEST: &str = "
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  external_labels: {zone: eu}
  input_series:
  - {series: 'm{job=\"a\", i=\"1\"}', values: '1+1x10 _x3 stale'}
  - {series: 'm{job=\"a\", i=\"2\"}', values: '0x2 5x8'}
  - {series: 'h', values: '{{schema:1 count:3 sum:5 buckets:[1 2]}}x3'}
  alert_rule_test:
  - {eval_time: 4m, alertname: High}
  - eval_time: 7m
    alertname: High
    exp_alerts:
    - exp_labels: {job: a, severity: page}
      exp_annotations:
        text: 'a 13 13.00 eu 2'
        broken: '<error expanding template: error executing template __alert_High: template: __alert_High:1:131: executing \"__alert_High\" at <first>: error calling first: first() called on vector with no elements>'
  - {eval_time: 30m, alertname: Gone, exp_alerts: [{exp_labels: {x: y}}]}
  promql_expr_test:
  - {expr: 'job:m:sum', eval_time: 5m, exp_samples: [{labels: 'job:m:sum{job=\"a\"}', value: 11}]}
  - {expr: 'rate(m{i=\"1\"}[5m]) * 60', eval_time: 10m, exp_samples: [{labels: '{job=\"a\", i=\"1\"}', value: 1}]}
  - {expr: 'h', eval_time: 0, exp_samples: [{labels: 'h', histogram: '{{schema:1 count:3 sum:5 buckets:[1 2]}}'}]}
  - {expr: 'm', eval_time: 17m}
  - {expr: 'count(ALERTS_FOR_STATE)', eval_time: 6m, exp_samples: [{labels: '{}', value: 1}]}
  - {expr: '1 / 0', eval_time: 1m, exp_samples: [{value: .inf}]}
";

const CHANGES: &[(&str, &str, bool)] = &[
    ("", "", true),
    ("eval_time: 7m\n", "eval_time: 7m59s\n", true),
    ("severity: page", "severity: ticket", false),
    ("a 13 13.00 eu 2", "a 13 13.00 us 2", false),
    ("zone: eu", "zone: us", false),
    ("{eval_time: 4m, alertname: High}", "{eval_time: 8m, alertname: High}", false),
    ("{eval_time: 4m, alertname: High}", "{eval_time: 4m}", false),
    ("value: 11}", "value: 12}", false),
    ("value: 11}", "valu: 11}", false),
    ("count:3 sum:5 buckets:[1 2]}}'}]", "count:3 sum:6 buckets:[1 2]}}'}]", false),
    ("{expr: 'm', eval_time: 17m}", "{expr: 'm', eval_time: 13m}", false),
    ("_x3 stale", "_x3 8", false),
    ("'0x2 5x8'", "'0x2 5y8'", false),
    ("rule_files: [rules.yml]", "rule_files: ['*.yml']", false),
    ("rule_files: [rules.yml]", "rule_files: [none.yml]", false),
    ("value: .inf", "value: -.inf", false),
    ("evaluation_interval: 1m", "evaluation_interval: 2m", false),
];

fn verdict(promtool: &Path, kind: &str, file: &Path) -> bool {
    let output = Command::new(promtool).args([kind, "rules"]).arg(file).output().expect("promtool runs");
    output.status.success()
}

/// What we say of a test file in a folder.
fn passes(folder: &Path, text: &str) -> bool {
    let Ok(test) = TestFile::parse(text) else { return false };
    let mut rules = Vec::new();
    for pattern in &test.rule_files {
        for path in vitrine_platform_config::glob(pattern, folder).expect("a pattern") {
            let Ok(file) = RuleFile::parse(&std::fs::read_to_string(&path).expect("a file")) else { return false };
            rules.push((path.display().to_string(), file));
        }
    }
    test.run(&rules, &|_| true).iter().all(|result| result.failures.is_empty())
}

#[test]
fn the_same_files_get_the_same_verdict() {
    let promtool = vitrine_tests_engines::promtool().expect("promtool from Debian");
    let folder = tempfile::tempdir().expect("a folder");
    for (text, is_right) in FILES {
        let file = folder.path().join("file.yml");
        std::fs::write(&file, text).expect("a file");
        assert_eq!(RuleFile::parse(text).is_ok(), *is_right, "{text}: {:?}", RuleFile::parse(text).err());
        assert_eq!(verdict(&promtool, "check", &file), *is_right, "promtool says otherwise of {text}");
        std::fs::remove_file(&file).expect("it is there");
    }
    std::fs::write(folder.path().join("rules.yml"), RULES).expect("a file");
    for (from, to, expected) in CHANGES {
        let text = TEST.replacen(from, to, 1);
        assert!(TEST.contains(from), "{from}");
        let file = folder.path().join("test.yml");
        std::fs::write(&file, &text).expect("a file");
        let theirs = verdict(&promtool, "test", &file);
        let ours = passes(folder.path(), &text);
        assert_eq!((ours, theirs), (*expected, *expected), "ours and promtool's, of {from:?} -> {to:?}");
    }
}
