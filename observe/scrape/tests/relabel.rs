//! Rules that change labels, with the results that Prometheus has for them.

use vitrine_observe_scrape::relabel::{LabelMap, Rule, apply};
use vitrine_platform_config::yaml;

fn rules(text: &str) -> Result<Vec<Rule>, String> {
    let read = yaml::read(text, |root, reader| Some(Rule::read_list(reader, reader.list("rules", root))));
    read.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn labels(text: &str) -> LabelMap {
    text.split(' ').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

#[test]
fn rules_do_what_prometheus_does() {
    let cases = [
        (
            "a=foo b=bar c=baz",
            "[{source_labels: [a], regex: f(.*), target_label: d, replacement: 'ch${1}-ch${1}'}]",
            Some("a=foo b=bar c=baz d=choo-choo"),
        ),
        (
            "a=foo b=bar",
            "[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}, {source_labels: [c, a], regex: '(b).*b(.*)ba(.*)', target_label: d, replacement: '$1$2$2$3'}]",
            Some("a=boobam b=bar"),
        ),
        (
            "a=foo",
            "[{source_labels: [a], regex: .*o.*, action: drop}, {source_labels: [a], regex: f(.*), target_label: d, replacement: 'ch$1'}]",
            None,
        ),
        ("a=foo b=bar", "[{source_labels: [a], regex: .*o.*, action: drop}]", None),
        (
            "a=abc",
            "[{source_labels: [a], regex: .*(b).*, target_label: d, separator: ;, replacement: '$1', action: replace}]",
            Some("a=abc d=b"),
        ),
        ("a=foo", "[{source_labels: [a], regex: no-match, action: drop}]", Some("a=foo")),
        ("a=foo", "[{source_labels: [a], regex: f|o, action: drop}]", Some("a=foo")),
        ("a=foo", "[{source_labels: [a], regex: no-match, action: keep}]", None),
        ("a=foo", "[{source_labels: [a], regex: f.*, action: keep}]", Some("a=foo")),
        ("a=foo", "[{source_labels: [a], regex: f, target_label: b, replacement: bar}]", Some("a=foo")),
        (
            "a=foo b=bar c=baz",
            "[{source_labels: [c], target_label: d, separator: ;, action: hashmod, modulus: 1000}]",
            Some("a=foo b=bar c=baz d=976"),
        ),
        (
            "a=foo b1=bar b2=baz",
            "[{regex: (b.*), replacement: 'bar_${1}', action: labelmap}]",
            Some("a=foo b1=bar b2=baz bar_b1=bar bar_b2=baz"),
        ),
        (
            "a=foo __meta_my_bar=aaa __meta_my_baz=bbb __meta_other=ccc",
            "[{regex: __meta_(my.*), replacement: '${1}', action: labelmap}]",
            Some("a=foo __meta_my_bar=aaa __meta_my_baz=bbb __meta_other=ccc my_bar=aaa my_baz=bbb"),
        ),
        (
            "a=some-name-value",
            "[{source_labels: [a], regex: 'some-([^-]+)-([^,]+)', replacement: '${2}', target_label: '${1}'}]",
            Some("a=some-name-value name=value"),
        ),
        ("a=foo b1=bar b2=baz", "[{regex: (b.*), action: labeldrop}]", Some("a=foo")),
        ("a=foo b1=bar b2=baz", "[{regex: (b.*), action: labelkeep}]", Some("b1=bar b2=baz")),
        (
            "foo=bAr123Foo",
            "[{source_labels: [foo], action: uppercase, target_label: up}, {source_labels: [foo], action: lowercase, target_label: low}]",
            Some("foo=bAr123Foo low=bar123foo up=BAR123FOO"),
        ),
        (
            "__tmp_port=1234 __port1=1234 __port2=5678",
            "[{source_labels: [__tmp_port], action: keepequal, target_label: __port1}]",
            Some("__tmp_port=1234 __port1=1234 __port2=5678"),
        ),
        (
            "__tmp_port=1234 __port1=1234",
            "[{source_labels: [__tmp_port], action: dropequal, target_label: __port1}]",
            None,
        ),
        (
            "a=foo",
            "[{target_label: b, replacement: x}, {source_labels: [a], target_label: a, regex: foo, replacement: ''}]",
            Some("b=x"),
        ),
        ("a=line", "[{source_labels: [none], target_label: a}]", Some("")),
    ];
    for (given, text, expected) in cases {
        let rules = rules(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes}"));
        let mut found = labels(given);
        let is_kept = apply(&rules, &mut found);
        assert_eq!(is_kept.then_some(found), expected.map(labels), "{given} {text}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    for (text, expected) in [
        ("[{action: rename}]", "expected replace, keep"),
        ("[{source_labels: [a], regex: '('}]", "regex: "),
        ("[{source_labels: [a]}]", "relabel action replace requires 'target_label'"),
        (
            "[{source_labels: [a], action: hashmod, target_label: b}]",
            "relabel action hashmod requires a modulus above 0",
        ),
        (
            "[{action: labeldrop, regex: a, target_label: b}]",
            "relabel action labeldrop takes 'regex' and no other field",
        ),
        ("[{action: keepequal, source_labels: [a], target_label: b, regex: c}]", "relabel action keepequal takes"),
        ("[{source_label: [a], target_label: b}]", "did you mean \"source_labels\"?"),
    ] {
        let mistakes = rules(text).expect_err(text);
        assert!(mistakes.contains(expected), "{text}: {mistakes}");
    }
}
