//! Rule files are read and checked as Prometheus does, and all mistakes are told.

use std::time::Duration;

use vitrine_observe_rules::{RuleFile, RuleKind};

#[test]
fn a_file_with_everything() {
    let text = "\
groups:
  - name: one
    interval: 15s
    query_offset: 30s
    limit: 10
    labels: {team: a, kept: x}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {team: b}
      - alert: Down
        expr: |
          up == 0
        for: 5m
        keep_firing_for: 1h
        labels: {severity: page}
        annotations: {summary: '{{ $labels.instance }} is down: {{ $value }}'}
  - name: two
    rules: []
";
    let file = RuleFile::parse(text).expect("no mistakes");
    assert_eq!((file.groups.len(), file.rules()), (2, 2));
    let one = &file.groups[0];
    assert_eq!(
        (one.interval, one.query_offset, one.limit),
        (Some(Duration::from_secs(15)), Some(Duration::from_secs(30)), 10)
    );
    assert_eq!(one.rules[0].kind, RuleKind::Record("job:up:sum".to_owned()));
    let RuleKind::Alert { hold, keep_firing_for, annotations, .. } = &one.rules[1].kind else { panic!("an alert") };
    assert_eq!((hold.as_secs(), keep_firing_for.as_secs(), annotations.len()), (300, 3_600, 1));
    for empty in ["", "# nothing", "groups:", "groups: []"] {
        assert_eq!(RuleFile::parse(empty).expect("no mistakes").groups, []);
    }
}

#[test]
fn ten_mistakes_are_all_told_with_their_lines() {
    let text = "\
groups:
  - name: g
    intervall: 1m
    rules:
      - record: a
        expr: sum(
      - alert: B
        record: b
        expr: up
      - expr: up
      - alert: C
        expr: ''
      - record: d{x=\"1\"}
        expr: up
        for: 5m
        annotations: {x: y}
      - alert: E
        expr: up
        for: soon
        labels: {__name__: x}
        annotations: {summary: '{{ $nope }}'}
  - name: g
    rules: 5
";
    let mistakes = RuleFile::parse(text).expect_err("mistakes");
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let expected = [
        ("3:5: ", "unknown field \"intervall\": did you mean \"interval\"?"),
        ("6:15: ", "group \"g\", rule 1, \"a\": could not parse expression: 1:5: parse error: "),
        ("8:17: ", "group \"g\", rule 2, \"B\": only one of 'record' and 'alert' must be set"),
        ("10:9: ", "group \"g\", rule 3, \"\": one of 'record' or 'alert' must be set"),
        ("12:15: ", "group \"g\", rule 4, \"C\": field 'expr' must be set in rule"),
        (
            "13:17: ",
            "group \"g\", rule 5, \"d{x=\\\"1\\\"}\": braces present in the recording rule name; should it be in expr?: d{x=\"1\"}",
        ),
        ("15:14: ", "group \"g\", rule 5, \"d{x=\\\"1\\\"}\": invalid field 'for' in recording rule"),
        ("16:22: ", "group \"g\", rule 5, \"d{x=\\\"1\\\"}\": invalid field 'annotations' in recording rule"),
        ("19:14: ", "for: expected a duration such as \"30s\" or \"1h30m\", not \"soon\""),
        ("20:17: ", "group \"g\", rule 6, \"E\": invalid label name: __name__"),
        (
            "21:22: ",
            "group \"g\", rule 6, \"E\": annotation \"summary\": template: __alert_E:1: undefined variable \"$nope\"",
        ),
        ("22:5: ", "groupname: \"g\" is repeated in the same file"),
        ("23:12: ", "rules: expected a list, not a text"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, (place, message)) in told.iter().zip(expected) {
        assert!(told.starts_with(place) && told.contains(message), "{told}\nexpected {place}{message}");
    }
}

#[test]
fn rules_that_are_there_twice_are_found() {
    let text = "\
groups:
  - name: g
    rules:
      - {record: a, expr: up}
      - {record: a, expr: down}
      - {record: a, expr: down, labels: {x: y}}
  - name: h
    labels: {x: y}
    rules:
      - {record: a, expr: down}
";
    let file = RuleFile::parse(text).expect("no mistakes");
    let twice: Vec<usize> = file.duplicates().iter().map(|rule| rule.location.line).collect();
    assert_eq!(twice, [5, 10]);
}

#[test]
fn rules_in_sql() {
    let mistakes = RuleFile::parse(
        "groups:
- name: g
  interval: 5s
  rules:
  - {alert: A, sql: SELECT 1}
  - {alert: B, sql: SELECT 1, expr: up}
  - {alert: C, type: xml, expr: up}
",
    )
    .expect_err("mistakes");
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "3:13: interval: expected at least 15s, because the group has rules in SQL",
            "6:21: group \"g\", rule 2, \"B\": only one of 'expr' and 'sql' must be set",
            "7:22: type: expected prometheus or sql, not \"xml\"",
        ]
    );
}
