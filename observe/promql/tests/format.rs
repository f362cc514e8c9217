//! Queries as text and as JSON: what is written is understood again as the same query.

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};
use vitrine_observe_promql::format::{duration_text, pretty};
use vitrine_observe_promql::json::to_json;
use vitrine_observe_promql::parse::parse_expr;

fn written(query: &str) -> String {
    parse_expr(query).unwrap_or_else(|error| panic!("{query}: {error}")).to_string()
}

#[test]
fn queries_are_written_as_prometheus_writes_them() {
    for (query, wanted) in [
        ("sum(up)by(job)", "sum by (job) (up)"),
        ("sum without() (up)", "sum without () (up)"),
        ("topk by (\"a b\",c) (5,up{b='2', a=\"1\"})", "topk by (\"a b\", c) (5, up{a=\"1\",b=\"2\"})"),
        ("a+on()group_left(b)c", "a + on () group_left (b) c"),
        ("a/ignoring(x)fill_left(1)fill_right(2e7)b", "a / ignoring (x) fill_left (1) fill_right (2e+07) b"),
        ("a >bool fill(-0.5) b", "a > bool fill (-0.5) b"),
        ("up offset 90m @ 1.5", "up @ 1.500 offset 1h30m"),
        ("up[60] offset -1w @ end()", "up[1m] @ end() offset -1w"),
        ("up[5m] smoothed", "up[5m] smoothed"),
        ("up[(5m)*2:step()]", "up[(5m) * 2:step()]"),
        ("up offset ((-step()))", "up offset (-step())"),
        ("max_over_time(rate(up[5m])[1h:] @ start())", "max_over_time(rate(up[5m])[1h:] @ start())"),
        ("{\"http.code\",\"a b\"=~'x'}", "{\"a b\"=~\"x\",__name__=\"http.code\"}"),
        ("info(up, {})", "info(up, {})"),
        ("-1h + +1e3 - -(2)", "-1h + 1000 - -(2)"),
        ("'it''s'", ""),
    ] {
        if wanted.is_empty() {
            assert!(parse_expr(query).is_err(), "{query}");
        } else {
            assert_eq!(written(query), wanted, "{query}");
        }
    }
}

#[test]
fn durations_are_written_with_the_largest_units_that_fit() {
    for (ms, wanted) in [
        (0, "0s"),
        (1, "1ms"),
        (60_000, "1m"),
        (604_800_000, "1w"),
        (691_200_000, "8d"),
        (31_536_061_001, "365d1m1s1ms"),
    ] {
        assert_eq!(duration_text(ms), wanted);
    }
}

#[test]
fn long_queries_are_broken_into_lines() {
    let query = "sum by (job) (rate(http_requests_total{handler=\"/api/v1/query\",code=~\"5..\"}[5m])) / \
                 ignoring (code) group_left () topk(3, -http_requests_total_of_some_length{handler=\"/api/v1/query_range\",code=\"200\"})";
    let wanted = "  sum by (job) (rate(http_requests_total{code=~\"5..\",handler=\"/api/v1/query\"}[5m]))
/ ignoring (code) group_left ()
  topk(3, -http_requests_total_of_some_length{code=\"200\",handler=\"/api/v1/query_range\"})";
    let pretty = |query: &str| pretty(&parse_expr(query).unwrap());
    assert_eq!(pretty(query), wanted);
    assert_eq!(pretty(&format!("abs(({query}))")).lines().next(), Some("abs("));
    assert_eq!(pretty("sum(up)"), "sum(up)");
    assert_eq!(pretty(&pretty(query)), wanted);
}

#[test]
fn trees_hold_all_of_a_query() {
    let shown = |query: &str| to_json(&parse_expr(query).unwrap());
    let rate = shown("rate(up{a!=\"b\"}[5m] @ end() offset -(1m))");
    assert_eq!(
        rate,
        json!({
            "type": "call",
            "func": { "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector" },
            "args": [{
                "type": "matrixSelector", "name": "up", "range": 300_000, "rangeExpr": null, "offset": 0,
                "offsetExpr": {
                    "type": "durationExpr", "op": "-", "lhs": null, "wrapped": false,
                    "rhs": {
                        "type": "durationExpr", "op": "+", "lhs": null, "wrapped": true,
                        "rhs": { "type": "numberLiteral", "val": "60", "duration": true },
                    },
                },
                "matchers": [
                    { "name": "a", "value": "b", "type": "!=" },
                    { "name": "__name__", "value": "up", "type": "=" },
                ],
                "timestamp": null, "startOrEnd": "end", "anchored": false, "smoothed": false,
            }],
        })
    );
    let joined = shown("-a * on (x) group_right (y) fill (0) topk(1, b)");
    assert_eq!(joined["lhs"]["op"], "-");
    assert_eq!(
        joined["matching"],
        json!({
            "card": "one-to-many", "labels": ["x"], "on": true, "include": ["y"],
            "fillValues": { "lhs": 0.0, "rhs": 0.0 },
        })
    );
    assert_eq!(joined["rhs"]["param"], json!({ "type": "numberLiteral", "val": "1" }));
    assert_eq!(shown("(a)[5m:1m] @ 1")["timestamp"], 1000);
    assert_eq!(shown("\"a\""), json!({ "type": "stringLiteral", "val": "a" }));
    assert_eq!(shown("1 + 2")["matching"], json!(null));
}

/// With conditions in order: they are written so.
fn ordered(mut tree: Value) -> Value {
    match &mut tree {
        Value::Object(fields) => {
            if let Some(Value::Array(matchers)) = fields.get_mut("matchers") {
                matchers.sort_by_key(Value::to_string);
            }
            fields.values_mut().for_each(|field| *field = ordered(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = ordered(item.take())),
        _ => {}
    }
    tree
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_:][a-z0-9_:]{0,5}", Just("sum".to_owned()), Just("step".to_owned()), Just("fill".to_owned())]
        .prop_filter("words that are no names", |name| {
            !["on", "bool", "inf", "nan", "atan2", "ignoring"].contains(&name.as_str())
        })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z]{0,4}"].prop_map(|text| {
        let clean: String = text.chars().filter(|c| *c != char::REPLACEMENT_CHARACTER).collect();
        vitrine_observe_promql::go_quote(&clean)
    })
}

fn duration() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (1_u32..100_000).prop_map(|seconds| seconds.to_string()),
        (1_i64..10_000_000_000).prop_map(duration_text),
        Just("step()".to_owned()),
        Just("range()".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), "[-+*^]", inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("max_of({a}, {b})")),
        ]
    })
    // Not every computed length is positive, and durations end where an i64 of nanoseconds does.
    .prop_map(|text| format!("(1s + {text})"))
}

fn selector() -> impl Strategy<Value = String> {
    let matcher = (name(), "=|!=", text()).prop_map(|(name, op, value)| format!("\"{name}\"{op}{value}"));
    let offset = prop_oneof![Just(String::new()), duration().prop_map(|duration| format!(" offset {duration}"))];
    let at = prop_oneof![Just(""), Just(" @ 1.5"), Just(" @ -10"), Just(" @ start()")];
    (name(), proptest::collection::vec(matcher, 0..3), at, offset)
        // Behind an offset in parentheses operators belong to the offset.
        .prop_map(|(name, matchers, at, offset)| match offset.as_str() {
            "" => format!("{name}{{{}}}{at}", matchers.join(",")),
            _ => format!("({name}{{{}}}{at}{offset})", matchers.join(",")),
        })
}

fn vector() -> impl Strategy<Value = String> {
    selector().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), "[-+*/%^]|>|==|<=|atan2|</", inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (inner.clone(), "and|or|unless", inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} on (x) {b}")),
            (inner.clone(), name(), inner.clone())
                .prop_map(|(a, label, b)| format!("{a} / ignoring (x) group_left (\"{label}\") fill_right (-1e7) {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            (inner.clone(), name()).prop_map(|(a, label)| format!("sum by (\"{label}\", y) ({a})")),
            inner.clone().prop_map(|a| format!("topk(2 + -1h, {a})")),
            (inner.clone(), text()).prop_map(|(a, text)| format!("label_join({a}, \"to\", {text}, \"from\")")),
            (inner, duration()).prop_map(|(a, range)| format!("rate(({a})[{range}:1m])")),
            (name(), duration()).prop_map(|(name, range)| format!("increase({name}[{range}] anchored)")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_understood_as_the_same(query in vector()) {
        let expr = parse_expr(&query).unwrap();
        let line = expr.to_string();
        let again = parse_expr(&line).unwrap();
        prop_assert_eq!(ordered(to_json(&again)), ordered(to_json(&expr)));
        prop_assert_eq!(again.to_string(), line.clone());
        let lines = parse_expr(&pretty(&expr)).unwrap();
        prop_assert_eq!(lines.to_string(), line);
    }

    #[test]
    fn no_text_takes_the_parser_down(query in any::<String>(), tokens in proptest::collection::vec("[a-z]{1,3}|[-+*/^(){}\\[\\]@:,=!~<>\"'`#]|[0-9.]{1,3}[smhd]?| by | on | offset | @ |step\\(\\)", 0..30)) {
        let _ = parse_expr(&query);
        let _ = parse_expr(&tokens.concat());
    }
}
