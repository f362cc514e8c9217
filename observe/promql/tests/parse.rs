//! What is refused, with Prometheus's words and places, and what is understood.

use vitrine_observe_promql::ast::{At, Duration, Expr, ExprKind, ValueType};
use vitrine_observe_promql::parse::{MOST_DEPTH, MOST_QUERY_BYTES, parse_expr, parse_metric, parse_selector};

fn refused(query: &str) -> String {
    match parse_expr(query) {
        Ok(expr) => panic!("{query} was understood as {expr:?}"),
        Err(error) => error.to_string(),
    }
}

fn expr(query: &str) -> Expr {
    parse_expr(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

#[test]
fn syntax_errors_name_what_was_read_and_what_was_expected() {
    for (query, wanted) in [
        ("", "unknown position: parse error: no expression found in input"),
        ("  # nothing", "1:1: parse error: no expression found in input"),
        ("up +", "1:5: parse error: unexpected end of input"),
        ("up\n  + * 2", "2:5: parse error: unexpected <op:*>"),
        ("up down", "1:4: parse error: unexpected identifier \"down\""),
        ("a:b(up)", "1:4: parse error: unexpected \"(\""),
        ("up 12345678901", "1:4: parse error: unexpected number \"1234567890\"..."),
        ("sum(up +)", "1:9: parse error: unexpected \")\" in aggregation"),
        ("sum by job (up)", "1:8: parse error: unexpected identifier \"job\" in grouping opts, expected \"(\""),
        ("sum by (job", "1:12: parse error: unclosed left parenthesis"),
        (
            "sum by (job up)",
            "1:13: parse error: unexpected identifier \"up\" in grouping opts, expected \",\" or \")\"",
        ),
        ("sum by (1) (up)", "1:9: parse error: unexpected number \"1\" in grouping opts, expected label"),
        ("sum by (\"\") (up)", "1:9: parse error: invalid label name for grouping: \"\""),
        ("up{job}", "1:7: parse error: unexpected \"}\" in label matching, expected label matching operator"),
        ("up{job=1}", "1:8: parse error: unexpected character inside braces: '1'"),
        ("up{job=api}", "1:8: parse error: unexpected identifier \"api\" in label matching, expected string"),
        ("up{=\"api\"}", "1:4: parse error: unexpected \"=\" in label matching, expected identifier or \"}\""),
        ("up{a=\"b\" c}", "1:10: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\""),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        (
            "up[]",
            "1:4: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
        ),
        ("up[5m", "1:6: parse error: unclosed left bracket"),
        ("up[5m 5m]", "1:7: parse error: unexpected duration \"5m\" in subquery or range, expected \":\" or \"]\""),
        ("up[5m:1m 1m]", "1:10: parse error: unexpected duration \"1m\" in subquery selector, expected \"]\""),
        (
            "up[5m:*]",
            "1:7: parse error: unexpected <op:*> in subquery selector, expected number, duration, step(), range(), or \"]\"",
        ),
        ("up[:5m]", "1:5: parse error: unexpected colon before duration in duration expression"),
        ("up[5x]", "1:4: parse error: bad number or duration syntax: \"5\""),
        (
            "up offset",
            "1:10: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
        ),
        ("up @ up", "1:6: parse error: unexpected identifier \"up\" in @, expected timestamp"),
        ("up))", "1:4: parse error: unexpected right parenthesis ')'"),
        ("'a", "1:1: parse error: unterminated quoted string"),
        (r#""\z""#, "1:1: parse error: unknown escape sequence U+007A 'z'"),
        ("up ! up", "1:4: parse error: unexpected character after '!': ' '"),
        ("ü", "1:1: parse error: unexpected character: 'ü'"),
        ("abs(up,)", "1:7: parse error: trailing commas not allowed in function call args"),
        ("1e999", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range"),
        ("a + fill (b) c", "1:11: parse error: unexpected identifier \"b\""),
    ] {
        assert_eq!(refused(query), wanted, "{query}");
    }
}

#[test]
fn what_has_no_meaning_is_refused() {
    for (query, wanted) in [
        ("nope(up)", "1:1: parse error: unknown function with name \"nope\""),
        (
            "1 + median_over_time(up[5m])",
            "1:5: parse error: unknown function with name \"median_over_time\": write quantile_over_time(0.5, …)",
        ),
        ("rate(up)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
        ("rate(up[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"),
        ("round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"),
        ("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"),
        (
            "topk(up)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
        ),
        ("topk(\"a\", up)", "1:6: parse error: expected type scalar in aggregation parameter, got string"),
        (
            "-up[5m]",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"",
        ),
        ("up + \"a\"", "1:6: parse error: binary expression must contain only scalar and instant vector types"),
        ("1 <  2", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("up + bool 2", "1:4: parse error: bool modifier can only be used on comparison operators"),
        ("up and 2", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
        ("up + on(job) 2", "1:1: parse error: vector matching only allowed between instant vectors"),
        ("a + on(x) group_left(x) b", "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"),
        ("a or on(x) group_left b", "1:1: parse error: no grouping allowed for \"or\" operation"),
        ("a unless fill (1) b", "1:1: parse error: filling in missing series not allowed for set operators"),
        ("a + fill (1) 2", "1:1: parse error: filling in missing series only allowed between instant vectors"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("up{__name__=\"down\"}", "1:1: parse error: metric name must not be set twice: \"up\" or \"down\""),
        ("sum(up)[5m]", "1:8: parse error: ranges only allowed for vector selectors"),
        ("up offset 1m [5m]", "1:14: parse error: no offset modifiers allowed before range"),
        ("up[5m][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"),
        ("up offset 1m offset 1m", "1:1: parse error: offset may not be set multiple times"),
        ("up @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        ("up @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
        (
            "sum(up) offset 1m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        ),
        ("up[5m] anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together"),
        ("up[5m:] smoothed", "1:1: parse error: smoothed modifier is not supported for subqueries"),
        ("up[0s]", "1:4: parse error: duration must be greater than 0"),
        ("up[1m/0]", "1:6: parse error: division by zero"),
        ("up[1e10]", "1:4: parse error: duration out of range"),
        ("up[1m1h]", "1:4: parse error: not a valid duration string: \"1m1h\""),
        ("info(up, down)", "1:10: parse error: expected label selectors only, got vector selector instead"),
    ] {
        assert_eq!(refused(query), wanted, "{query}");
    }
}

#[test]
fn operators_bind_as_in_prometheus() {
    for (query, same) in [
        ("1 + 2 * 3 ^ 2 ^ 2", "1 + (2 * (3 ^ (2 ^ 2)))"),
        ("-a ^ 2", "-(a ^ 2)"),
        ("-a * b", "(-a) * b"),
        ("a or b and c == d + e", "a or (b and (c == (d + e)))"),
        ("a - b - c", "(a - b) - c"),
        ("a + b offset 5m", "a + (b offset 5m)"),
        ("a offset -2 ^ 2", "(a offset -2) ^ 2"),
        ("a % b atan2 c", "(a % b) atan2 c"),
        ("a </ b > c", "(a </ b) > c"),
    ] {
        let shape = |query: &str| shape(&expr(query));
        assert_eq!(shape(query), shape(same), "{query}");
    }
}

/// An expression without its places and parentheses.
fn shape(expr: &Expr) -> String {
    let inner = expr.without_parens();
    let head = match &inner.kind {
        ExprKind::Binary { op, .. } => op.name().to_owned(),
        ExprKind::Vector(selector) => format!("{}{:?}", selector.name, selector.offset),
        ExprKind::Number { value, .. } => value.to_string(),
        ExprKind::Unary { .. } => "sign".to_owned(),
        _ => "other".to_owned(),
    };
    let below: Vec<String> = inner.children().into_iter().map(shape).collect();
    format!("({head} {})", below.join(" "))
}

#[test]
fn words_with_a_meaning_are_names_too() {
    for query in [
        "sum",
        "by{offset=\"1\"}",
        "fill + fill",
        "start - end",
        "sum by (sum, by, on) (by)",
        "step[5m]",
        "and and and",
    ] {
        expr(query);
    }
    for query in ["on", "bool + 1", "group_left", "ignoring{}"] {
        refused(query);
    }
}

#[test]
fn names_of_any_characters_stand_in_quotes() {
    let parsed = expr(r#"sum by ("http.code", job) ({"http.requests", "url path"=~"/.*", job!='a'})"#);
    let selectors = parsed.selectors();
    let conditions: Vec<(&str, &str)> =
        selectors[0].matchers.iter().map(|matcher| (matcher.name.as_str(), matcher.value.as_str())).collect();
    assert_eq!(conditions, [("__name__", "http.requests"), ("url path", "/.*"), ("job", "a")]);
}

#[test]
fn modifiers_and_computed_durations_are_understood() {
    let ExprKind::Matrix { selector, range, .. } = expr("up[1h30m] @ 1.5 offset -5m").kind else { panic!() };
    assert_eq!((range, selector.at), (Duration::Millis(5_400_000), Some(At::Time(1500))));
    assert_eq!(selector.offset, Some(Duration::Millis(-300_000)));
    let ExprKind::Subquery { step, at, offset, .. } = expr("up[1h:] offset 0 @ end()").kind else { panic!() };
    assert_eq!((step, at, offset), (None, Some(At::End), None));
    for query in
        ["up[5m*2]", "up[max_of(step(), 30s)]", "up offset (5m + range())", "up offset -step()", "up[-(-1m) % 7:2 ^ 3]"]
    {
        expr(query);
    }
    let ExprKind::Number { value, duration } = expr("-1h").kind else { panic!() };
    assert_eq!((value, duration), (-3600.0, true));
}

#[test]
fn places_are_those_of_the_whole_node() {
    let parsed = expr("  sum(rate(up[5m])) by (job) + 1");
    assert_eq!((parsed.span.start, parsed.span.end, parsed.value_type()), (2, 32, ValueType::Vector));
    let spans: Vec<_> = parsed.children().into_iter().map(|child| (child.span.start, child.span.end)).collect();
    assert_eq!(spans, [(2, 28), (31, 32)]);
}

#[test]
fn selectors_and_series_are_read_by_themselves() {
    assert_eq!(parse_selector("{}").map(|matchers| matchers.len()), Ok(0));
    assert_eq!(parse_selector("up{a=\"b\"}").map(|matchers| matchers.len()), Ok(2));
    assert!(parse_selector("up[5m]").is_err_and(|error| error.message == "unexpected \"[\""));
    let labels = parse_metric("up{b=\"2\", \"a.b\"='1'}").unwrap();
    assert_eq!((labels.metric(), labels.get("a.b"), labels.get("b")), ("up", Some("1"), Some("2")));
    assert!(parse_metric("up{a}").is_err_and(|error| error.message == "unexpected \"}\" in label set, expected \"=\""));
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    let deep = [
        "(".repeat(100_000),
        "-+".repeat(100_000),
        "1".to_owned() + &" + 1".repeat(50_000),
        "abs(".repeat(50_000),
        "up".to_owned() + &"[1m:]".repeat(50_000),
        format!("up[{}1m{}]", "(".repeat(60_000), ")".repeat(60_000)),
        format!("up[1{}]", "+1".repeat(60_000)),
        format!("up offset {}1m", "-".repeat(60_000)),
    ];
    for query in &deep {
        let error = refused(query);
        assert!(error.contains(&format!("nests more than {MOST_DEPTH} levels")), "{error}");
    }
    let long = refused(&" ".repeat(MOST_QUERY_BYTES + 1));
    assert!(long.contains("and may have 262144"), "{long}");
    expr(&format!("{}1{}", "(".repeat(MOST_DEPTH / 2), ")".repeat(MOST_DEPTH / 2)));
}
