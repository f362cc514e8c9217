//! Our own cases: what definitions are refused for and where, what flags evaluate to, and what is told of it.

use proptest::prelude::{ProptestConfig, Strategy as _, any, prop_assert, prop_assert_eq, proptest};
use vitrine_flags_engine::{
    Algorithm, Attributes, Change, EvaluationError, Flag, FlagSet, FlagType, Logic, MAX_FLAGS, MAX_NODES, Mode,
    Snapshot, Value, cbor, json, number_text,
};

const NOW: u64 = 1_795_228_166;

fn flag(rest: &str) -> String {
    format!(
        "{{\"flags\": {{\"f\": {{\"state\": \"ENABLED\", \"variants\": {{\"on\": true, \"off\": false}}, {rest}}}}}}}"
    )
}

fn read(text: &str) -> Snapshot {
    Snapshot::read(text, Mode::Strict).unwrap_or_else(|refused| panic!("{refused}: {text}")).read
}

#[test]
fn what_is_wrong_is_refused_at_its_location() {
    let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
    let cases = [
        ("{\"flags\": {}} x", "line 1, column 15: the end of the document was expected, and 'x' stands there"),
        ("{\"flags\":\n {\"f\": }}", "line 2, column 8: a value was expected, and '}' stands there"),
        (
            "{\"flags\": {}",
            "line 1, column 13: a comma or the end of the object was expected, and the document ends there",
        ),
        (&deep, "line 1, column 65: lists and objects nest at most 64 deep"),
        (
            "{\"flags\": {\"f\": {\"state\": \"ON\"}}}",
            "line 1, column 27: state is ENABLED or DISABLED, and not \"ON\"",
        ),
        (
            "{\"flags\": {\"f\": {\"variants\": {\"a\": 1}}}}",
            "line 1, column 17: a flag has a state: ENABLED or DISABLED",
        ),
        (
            "{\"flags\": {\"f\": {\"state\": \"ENABLED\", \"variants\": {\"a\": 1, \"b\": \"x\"}}}}",
            "line 1, column 64: all variants are of one type: a is a number, and b is not",
        ),
        (
            "{\"flags\": {\"f\": {\"state\": \"ENABLED\", \"variants\": {\"a\": [1]}}}}",
            "line 1, column 56: a variant is a boolean, a text, a number or an object, and here is a list",
        ),
        (
            "{\"flags\": {\"f\": {\"state\": \"ENABLED\", \"variants\": {\"a\": 9007199254740993}}}}",
            "line 1, column 56: whole numbers lie within ±9007199254740991, since clients read them as doubles: not 9007199254740993",
        ),
        (
            "{\"flags\": {\"f\": {\"state\": \"ENABLED\", \"variants\": {\"a\": NaN}}}}",
            "line 1, column 56: a value was expected, and 'N' stands there",
        ),
        (
            "{\"flags\": {}, \"metadata\": {\"a\": []}}",
            "line 1, column 33: a value of metadata is a text, a number or a boolean, and here is a list",
        ),
        (
            "{\"flags\": {}, \"metadata\": {\"fractional\": \"v4\"}}",
            "line 1, column 42: fractional is v1, v2 or v3, and not \"v4\"",
        ),
        ("{\"flags\": {\"f\": {}, \"f\": {}}}", "line 1, column 21: \"f\" is there twice"),
        ("[]", "line 1, column 1: a flag set is an object, and here is a list"),
        ("{}", "line 1, column 1: a flag set has flags"),
    ];
    for (text, expected) in cases {
        let refused = Snapshot::read(text, Mode::Strict).expect_err(text);
        assert_eq!(refused.to_string(), expected, "{text}");
        // What has no meaning at all is not taken of a file either.
        assert!(Snapshot::read(text, Mode::Lenient).is_err(), "{text}");
    }
}

#[test]
fn what_flagd_takes_and_cannot_work_is_refused_of_people_and_told_of_files() {
    let cases = [
        (r#""defaultVariant": "on", "targeting": {"nope": [1]}"#, "there is no operator \"nope\""),
        (r#""targeting": {"$ref": "nowhere"}"#, "there is no evaluator \"nowhere\""),
        (r#""targeting": {"fractional": [["on", -1], ["off"]]}"#, "a weight is not below zero, and -1 is taken for 0"),
        (
            r#""targeting": {"fractional": [["on", 2147483647], ["off"]]}"#,
            "the weights of a fractional sum up to at most 2147483647",
        ),
        (r#""targeting": {"fractional": [["on", 0.5], ["off"]]}"#, "a weight is a whole number, and here is 0.5"),
        (
            r#""targeting": {"sem_ver": [{"var": "v"}, "===", "1.0.0"]}"#,
            "sem_ver compares with one of = != < > <= >= ~ ^",
        ),
        (r#""targeting": {"sem_ver": [{"var": "v"}, "=", "1.x"]}"#, "\"1.x\" is no semantic version"),
        (r#""targeting": {"starts_with": [{"var": "v"}]}"#, "starts_with takes 2 to 2 arguments, and has 1"),
        (
            r#""targeting": {"if": [true, "on"], "==": [1, 1]}"#,
            "an operation has one name: an object with several is only a value",
        ),
        (
            r#""targeting": {"==": [{"var": "$flagd.nope"}, 1]}"#,
            "$flagd.nope is not there: $flagd.flagKey and $flagd.timestamp are, outside of items",
        ),
    ];
    for (rest, expected) in cases {
        let refused = Snapshot::read(&flag(rest), Mode::Strict).expect_err(rest);
        assert!(refused.0.message.ends_with(expected), "{rest}: {refused}");
        assert_eq!(refused.0.location.line, 1);
        let read = Snapshot::read(&flag(rest), Mode::Lenient).unwrap_or_else(|refused| panic!("{rest}: {refused}"));
        assert!(read.findings.iter().any(|finding| finding.message == refused.0.message), "{:?}", read.findings);
    }
}

#[test]
fn what_has_no_end_is_refused() {
    let circle = r#"{"flags": {"f": {"state": "ENABLED", "variants": {"on": true}, "targeting": {"$ref": "a"}}},
        "$evaluators": {"a": {"!": {"$ref": "b"}}, "b": {"!": {"$ref": "a"}}}}"#;
    let refused = Snapshot::read(circle, Mode::Lenient).expect_err("a circle");
    assert!(refused.to_string().contains("the evaluator \"b\" takes in itself"), "{refused}");

    // Each evaluator takes in the one before twice: small to write, and without end to evaluate.
    let doubling: Vec<String> = (1..30)
        .map(|n| format!("\"e{n}\": {{\"or\": [{{\"$ref\": \"e{0}\"}}, {{\"$ref\": \"e{0}\"}}]}}", n - 1))
        .collect();
    let text = format!("{{\"flags\": {{}}, \"$evaluators\": {{\"e0\": {{\"!\": true}}, {}}}}}", doubling.join(", "));
    let refused = Snapshot::read(&text, Mode::Lenient).expect_err("too many nodes");
    assert!(refused.to_string().contains(&format!("at most {MAX_NODES} nodes")), "{refused}");

    // A text that many rules take in, many times each.
    let texts = vec![r#"{"$ref": "long"}"#; 100].join(",");
    let text =
        format!(r#"{{"flags": {{}}, "$evaluators": {{"long": "{}", "e": {{"cat": [{texts}]}}}}}}"#, "x".repeat(20_000));
    let refused = Snapshot::read(&text, Mode::Lenient).expect_err("too much text");
    assert!(refused.to_string().contains("at most 1048576 bytes of evaluators"), "{refused}");

    let many: Vec<String> = (0..=MAX_FLAGS)
        .map(|n| format!("\"f{n}\": {{\"state\": \"ENABLED\", \"variants\": {{\"on\": true}}}}"))
        .collect();
    let text = format!("{{\"flags\": {{{}}}}}", many.join(","));
    let refused = Snapshot::read(&text, Mode::Strict).expect_err("too many flags");
    assert_eq!(refused.to_string(), "line 1, column 11: a set has at most 10000 flags, and here are 10001");
    let fewer = text.replacen(&format!("{},", many[0]), "", 1);
    assert_eq!(read(&fewer).flags().len(), MAX_FLAGS);
}

#[test]
fn arguments_are_found_again_however_many_there_are() {
    for count in [0_u16, 1, 3, 4, 5, 64, 1_000] {
        let parts: Vec<String> = (0..count).map(|n| format!("{{\"var\": \"v{}\"}}", n % 10)).collect();
        let rule = format!("[{{\"cat\": [{}]}}, {{\"+\": [1, 2, 3, 4, 5]}}, {{\"var\": \"v3\"}}]", parts.join(","));
        let logic = Logic::read(&rule, Mode::Strict).expect(&rule).read;
        let names: Vec<String> = (0..10).map(|n| format!("v{n}")).collect();
        let context: Vec<(&str, Value<'_>)> =
            names.iter().map(|name| (name.as_str(), Value::from(&name[1..]))).collect();
        let said = logic.apply(&Attributes(&context), "f", NOW, Algorithm::V2).expect(&rule);
        let digits: String = (0..count).map(|n| char::from(b'0' + (n % 10) as u8)).collect();
        assert_eq!(said, format!("[\"{digits}\",15,\"3\"]"), "{count}");
    }
}

#[test]
fn no_context_holds_the_evaluator() {
    let rule = r#""targeting": {"map": [{"var": "l"}, {"map": [{"var": "l"}, {"cat": [{"var": ""}]}]}]}"#;
    // A list of lists of lists, and a rule that goes through all of it for each of its items; and a text that doubles with each item.
    let items = vec!["1"; 2_000].join(",");
    let context = format!("{{\"targetingKey\": \"u\", \"l\": [{items}]}}");
    let context = json::read(&context).expect("JSON");
    let nested = r#""targeting": {"reduce": [{"var": "l"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}, "x"]}, "x"]}"#;
    let growing = r#""targeting": {"reduce": [{"var": "l"}, {"merge": [{"var": "accumulator"}, {"var": "accumulator"}, [1]]}, [1]]}"#;
    let deep = r#""targeting": {"reduce": [{"var": "l"}, [{"var": "accumulator"}], 1]}"#;
    for rule in [nested, growing, deep] {
        let error = read(&flag(rule)).evaluate("f", &context, NOW).expect_err(rule);
        assert_eq!(error, EvaluationError::General("the rule of \"f\" takes more than 1000000 steps".to_owned()));
    }
    // Within the bound, a list is no variant.
    assert_eq!(read(&flag(rule)).evaluate("f", &context, NOW).expect_err(rule).code(), "GENERAL");
}

#[test]
fn results_are_variants() {
    // (variants and rule, the variant, the reason)
    let cases: [(&str, Option<&str>, &str); 8] = [
        (r#""variants": {"true": 1, "false": 0}, "targeting": {"==": [1, 1]}"#, Some("true"), "TARGETING_MATCH"),
        (r#""variants": {"3": 1, "4": 0}, "targeting": {"+": [1, 2]}"#, Some("3"), "TARGETING_MATCH"),
        (r#""variants": {"a": 1}, "defaultVariant": "a", "targeting": {"/": [1, 0]}"#, Some("a"), "DEFAULT"),
        (r#""variants": {"a": 1}, "defaultVariant": "a", "targeting": {"if": [false, "b"]}"#, Some("a"), "DEFAULT"),
        (r#""variants": {"a": 1}, "defaultVariant": "a", "targeting": {}"#, Some("a"), "STATIC"),
        (r#""variants": {"a": 1}, "defaultVariant": "a", "targeting": null"#, Some("a"), "STATIC"),
        (r#""variants": {"a": 1}, "defaultVariant": null"#, None, "DEFAULT"),
        (
            r#""variants": {"2026": 1}, "targeting": {"if": [{">": [{"var": "$flagd.timestamp"}, 1795228165]}, 2026]}"#,
            Some("2026"),
            "TARGETING_MATCH",
        ),
    ];
    for (rest, variant, reason) in cases {
        let flags = read(&format!("{{\"flags\": {{\"f\": {{\"state\": \"ENABLED\", {rest}}}}}}}"));
        let evaluation = flags.evaluate("f", &Attributes(&[]), NOW).unwrap_or_else(|error| panic!("{rest}: {error}"));
        assert_eq!(
            (evaluation.variant.map(|v| v.name.as_ref()), evaluation.reason.name()),
            (variant, reason),
            "{rest}"
        );
    }
    let flags = read(&flag(r#""defaultVariant": "on", "targeting": {"if": [true, "maybe"]}"#));
    assert_eq!(flags.evaluate("f", &Attributes(&[]), NOW).expect_err("no variant").code(), "GENERAL");
    assert_eq!(flags.evaluate("g", &Attributes(&[]), NOW).expect_err("no flag").code(), "FLAG_NOT_FOUND");
}

#[test]
fn numbers_are_as_they_were_written() {
    let flags = read(
        r#"{"flags": {
        "i": {"state": "ENABLED", "variants": {"a": 10, "b": -0}, "defaultVariant": "a"},
        "f": {"state": "ENABLED", "variants": {"a": 10, "b": 0.5, "c": 1e3}, "defaultVariant": "a"},
        "w": {"state": "ENABLED", "variants": {"a": 10.0}, "defaultVariant": "a"},
        "o": {"state": "ENABLED", "variants": {"a": {"n": 1.50, "t": "\u00e9\ud83d\ude00\n"}}, "defaultVariant": "a"}
    }}"#,
    );
    for (key, kind, json) in [
        ("i", FlagType::Integer, "10"),
        ("f", FlagType::Float, "10.0"),
        ("w", FlagType::Float, "10.0"),
        ("o", FlagType::Object, "{\"n\":1.50,\"t\":\"é😀\\n\"}"),
    ] {
        let evaluation = flags.evaluate(key, &Attributes(&[]), NOW).expect("a value");
        assert_eq!(evaluation.flag.kind(), kind);
        assert_eq!(evaluation.variant.expect("a variant").json.as_ref(), json);
    }
    let evaluate = |key| flags.evaluate(key, &Attributes(&[]), NOW).expect("a value");
    assert!(evaluate("i").expect(FlagType::Float).is_ok());
    assert!(evaluate("w").expect(FlagType::Integer).is_ok());
    let mismatch = evaluate("i").expect(FlagType::String).expect_err("no text");
    assert_eq!(mismatch.to_string(), "flag \"i\" has integer values: string was asked for");
}

#[test]
fn fractional_has_three_ways() {
    let rule = Logic::read(r#"{"fractional": [{"var": "k"}, ["a", 1], ["b", 1], ["c", 1], ["d", 1]]}"#, Mode::Strict)
        .expect("a rule")
        .read;
    let usual =
        Logic::read(r#"{"fractional": [["a", 1], ["b", 1], ["c", 1], ["d", 1]]}"#, Mode::Strict).expect("a rule").read;
    // Drawn by PyPI openfeature-flagd-core 2.0.0, which is v3.
    let third = [
        ("1", "\"d\""),
        ("true", "\"a\""),
        ("1.5", "\"a\""),
        ("\"jack\"", "\"b\""),
        ("[1, \"x\"]", "\"b\""),
        ("{\"b\": 1, \"aa\": 2}", "\"a\""),
        ("-7", "\"a\""),
        ("300", "\"c\""),
        ("5.0", "\"b\""),
        ("1e300", "\"c\""),
    ];
    for (key, expected) in third {
        let text = format!("{{\"k\": {key}}}");
        let context = json::read(&text).expect("JSON");
        let drawn = rule.apply(&context, "flag", NOW, Algorithm::V3).expect("a result");
        assert_eq!(drawn, expected, "{key}");
    }
    let subject = json::read("{\"targetingKey\": \"u\"}").expect("JSON");
    assert_eq!(usual.apply(&subject, "flag", NOW, Algorithm::V3).expect("a result"), "\"b\"");
    // A key that is there and no text: a mistake in v1 and v2. One that is not: the usual key in v1 and v2, nothing in v3.
    let number = json::read("{\"k\": 1, \"targetingKey\": \"u\"}").expect("JSON");
    assert_eq!(rule.apply(&number, "flag", NOW, Algorithm::V2).expect("a result"), "null");
    let absent = json::read("{\"targetingKey\": \"u\"}").expect("JSON");
    for algorithm in [Algorithm::V1, Algorithm::V2] {
        let usual = usual.apply(&absent, "flag", NOW, algorithm).expect("a result");
        assert_ne!(usual, "null");
        assert_eq!(rule.apply(&absent, "flag", NOW, algorithm).expect("a result"), usual);
    }
    assert_eq!(rule.apply(&absent, "flag", NOW, Algorithm::V3).expect("a result"), "null");
}

#[test]
fn evaluators_are_put_in_and_nothing_unknown_leaves() {
    let read = Snapshot::read(
        r#"{"$schema": "x", "flags": [{"key": "f", "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "description": "ours", "targeting": {"if": [{"$ref": "swiss"}, "on"]}, "metadata": {"owner": "us", "set": "own"}}],
            "$evaluators": {"swiss": {"and": [{"$ref": "known"}, {"==": [{"var": "country"}, "CH"]}]}, "known": {"!!": {"var": "country"}}},
            "metadata": {"flagSetId": "shop", "set": "all"}}"#,
        Mode::Strict,
    )
    .expect("definitions");
    assert_eq!(read.findings.len(), 1);
    assert_eq!(
        read.findings[0].to_string(),
        "line 2, column 13: a flag has no member \"description\": it is kept, and not sent to anyone"
    );
    let flags = read.read;
    assert_eq!(
        flags.sync_payload(),
        r#"{"flags":{"f":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"and":[{"!!":{"var":"country"}},{"==":[{"var":"country"},"CH"]}]},"on"]},"metadata":{"owner":"us","set":"own"}}},"metadata":{"flagSetId":"shop","set":"all"}}"#
    );
    let context = [("country", Value::from("CH"))];
    let evaluation = flags.evaluate("f", &Attributes(&context), NOW).expect("a value");
    assert_eq!(evaluation.metadata, r#"{"flagSetId":"shop","owner":"us","set":"own"}"#);
    // The payload is a definition with the same results.
    let again = self::read(&flags.sync_payload());
    assert_eq!(
        again.evaluate("f", &Attributes(&context), NOW).expect("a value").variant.map(|v| v.json.clone()),
        Some("true".into())
    );
}

#[test]
fn a_change_of_what_flags_share_changes_them() {
    let text = r#"{"flags": {
        "a": {"state": "ENABLED", "variants": {"on": true}, "targeting": {"if": [{"$ref": "e"}, "on"]}},
        "b": {"state": "ENABLED", "variants": {"on": true}},
        "c": {"state": "ENABLED", "variants": {"on": true}}
    }, "$evaluators": {"e": {"==": [1, 1]}}, "metadata": {"m": 1}}"#;
    let old = read(text);
    let names = |new: &str| -> Vec<(String, &'static str)> {
        old.changes(&read(new)).into_iter().map(|(key, change)| (key.to_string(), change.name())).collect()
    };
    assert!(names(text).is_empty());
    assert_eq!(names(&text.replace("[1, 1]", "[1, 2]")), [("a".to_owned(), "update")]);
    assert_eq!(names(&text.replace("\"m\": 1", "\"m\": 2")).len(), 3);
    assert_eq!(names(&text.replace("\"c\":", "\"d\":")), [("c".to_owned(), "delete"), ("d".to_owned(), "write")]);
    assert_eq!(Change::Write.name(), "write");
}

#[test]
fn a_flag_is_read_with_its_sets_evaluators() {
    let set = FlagSet::read(
        r#"{"$evaluators": {"swiss": {"==": [{"var": "country"}, "CH"]}}, "metadata": {"fractional": "v3"}}"#,
        Mode::Strict,
    )
    .expect("a set")
    .read;
    assert_eq!(set.algorithm(), Algorithm::V3);
    let text = r#"{"state": "ENABLED", "variants": {"on": true}, "targeting": {"if": [{"$ref": "swiss"}, "on"]}}"#;
    let flag = Flag::read("a/b", text, &set, Mode::Strict).expect("a flag").read;
    let flags = Snapshot::new([flag.into()], set.into());
    let context = [("country", Value::from("CH"))];
    assert!(flags.evaluate("a/b", &Attributes(&context), NOW).expect("a value").variant.is_some());
    let refused = Flag::read("", text, &FlagSet::default(), Mode::Strict).expect_err("no key");
    assert_eq!(refused.to_string(), "line 1, column 1: a flag's key has 1 to 512 bytes");
}

#[test]
fn an_explanation_tells_the_branch_and_the_bucket() {
    let flags = read(
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"red": "r", "blue": "b"}, "defaultVariant": "red", "targeting":
        {"if": [{"==": [{"var": "country"}, "CH"]}, "blue",
                {"in": [{"var": "plan"}, ["a", "b", "c", "d", "e", "f", "g", "h"]]}, {"fractional": [["red", 30], ["blue", 70]]}]}}}}"#,
    );
    let context = [("country", Value::from("DE")), ("plan", Value::from("h")), ("targetingKey", Value::from("u1"))];
    let explained = flags.explain("f", &Attributes(&context), NOW).expect("explained");
    assert_eq!(explained.reason, "SPLIT");
    let rule = explained.rule.expect("a rule");
    assert_eq!((rule.node.as_str(), rule.location.line, rule.location.column), ("if", 2, 9));
    let told: Vec<(&str, String, bool)> =
        rule.children.iter().map(|c| (c.node.as_str(), c.value.to_string(), c.decides)).collect();
    assert_eq!(told[0], ("==", "false".to_owned(), false));
    assert_eq!(told[1], ("in 8 texts", "true".to_owned(), false));
    assert_eq!((told[2].0, told[2].2), ("fractional", true));
    let bucket = rule.children[2].bucket.as_ref().expect("a bucket");
    assert_eq!(bucket.total, 100);
    assert!(bucket.range.0 <= bucket.at && bucket.at < bucket.range.1, "{bucket:?}");
    assert_eq!(explained.variant.as_deref(), Some(["red", "blue"][bucket.number]));
    assert_eq!(rule.children[0].children[0].node, "var country");

    // A first branch that holds decides without a draw.
    let context = [("country", Value::from("CH"))];
    let explained = flags.explain("f", &Attributes(&context), NOW).expect("explained");
    assert_eq!((explained.reason, explained.variant.as_deref()), ("TARGETING_MATCH", Some("blue")));
}

#[test]
fn javascript_converts() {
    // (rule, result) with the context {"n": null, "l": [1, 2], "o": {"a": 1}}, as json-logic-js says.
    let cases = [
        (r#"{"==": [null, 0]}"#, "false"),
        (r#"{"==": ["", 0]}"#, "true"),
        (r#"{"==": ["1,2", {"var": "l"}]}"#, "true"),
        (r#"{"==": [true, "1"]}"#, "true"),
        (r#"{"<": ["10", "9"]}"#, "true"),
        (r#"{"<": ["10", 9]}"#, "false"),
        (r#"{"<": ["x", 9]}"#, "false"),
        (r#"{"+": ["3.14abc", 1]}"#, "4.140000000000001"),
        (r#"{"cat": [1.0, null, true, {"var": "l"}]}"#, "\"1true1,2\""),
        (r#"{"cat": [1e21, " ", 1e-7]}"#, "\"1e+21 1e-7\""),
        (r#"{"-": [null, 0]}"#, "0"),
        (r#"{"%": [1, 0]}"#, "null"),
        (r#"{"max": []}"#, "null"),
        (r#"{"in": [2, {"var": "l"}]}"#, "true"),
        (r#"{"in": ["2", {"var": "l"}]}"#, "false"),
        (r#"{"substr": ["äöü", -2, 1]}"#, "\"ö\""),
        (r#"{"var": ["o.a"]}"#, "1"),
        (r#"{"var": ["l.1"]}"#, "2"),
        (r#"{"!!": [{"var": "o"}]}"#, "true"),
    ];
    let context = json::read(r#"{"n": null, "l": [1, 2], "o": {"a": 1}}"#).expect("JSON");
    for (rule, expected) in cases {
        let logic = Logic::read(rule, Mode::Lenient).expect(rule).read;
        assert_eq!(logic.apply(&context, "f", NOW, Algorithm::V2).expect(rule), expected, "{rule}");
    }
}

/// How many of `count` subjects get the first variant.
fn share(first: u64, second: u64, algorithm: Algorithm, count: u32, salt: u64) -> u32 {
    let rule = format!("{{\"fractional\": [{{\"var\": \"k\"}}, [\"a\", {first}], [\"b\", {second}]]}}");
    let logic = Logic::read(&rule, Mode::Strict).expect("a rule").read;
    let hits = (0..count).filter(|n| {
        let key = format!("{salt}-{n}");
        logic.apply(&Attributes(&[("k", Value::from(key.as_str()))]), "f", NOW, algorithm).expect("a result") == "\"a\""
    });
    u32::try_from(hits.count()).expect("a count")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_share_is_met_within_four_sigma(percent in 1_u64..100, salt: u64, third: bool) {
        let count = 4_000;
        let algorithm = if third { Algorithm::V3 } else { Algorithm::V2 };
        let hit = f64::from(share(percent, 100 - percent, algorithm, count, salt));
        let p = percent as f64 / 100.0;
        let sigma = (f64::from(count) * p * (1.0 - p)).sqrt();
        prop_assert!((hit - f64::from(count) * p).abs() <= 4.0 * sigma + 1.0, "{hit} of {count} at {percent} %");
    }

    /// A roll-out never takes back what it gave: the total stays, the first bucket grows.
    #[test]
    fn growing_the_first_bucket_keeps_its_members(keys in proptest::collection::vec("[a-z0-9]{1,12}", 1..60), from in 0_u64..100, more in 0_u64..100) {
        let to = (from + more).min(100);
        for algorithm in [Algorithm::V1, Algorithm::V2, Algorithm::V3] {
            let rules = [from, to].map(|first| Logic::read(&format!("{{\"fractional\": [{{\"var\": \"k\"}}, [\"a\", {first}], [\"b\", {}]]}}", 100 - first), Mode::Strict).expect("a rule").read);
            for key in &keys {
                let values = [("k", Value::from(key.as_str()))];
                let [before, after] = rules.each_ref().map(|rule| rule.apply(&Attributes(&values), "f", NOW, algorithm).expect("a result"));
                prop_assert!(before != "\"a\"" || after == "\"a\"", "{key} left at {from} to {to}");
            }
        }
    }

    /// Numbers are written so that they are read as the same number, and CBOR of a value does not depend on how it was written.
    #[test]
    fn numbers_survive(number in any::<f64>().prop_filter("JSON has no others", |n| n.is_finite())) {
        let text = number_text(number);
        prop_assert_eq!(text.parse::<f64>().expect("a number"), number);
        let (mut plain, mut scientific) = (Vec::new(), Vec::new());
        cbor(&Value::Number(number), &mut plain);
        let written = format!("{number:e}");
        let read = json::read(&written).expect("a number");
        cbor(&Value::from(&read), &mut scientific);
        prop_assert_eq!(plain, scientific);
    }

    /// No text takes the reader down, and what it reads it writes so that it reads the same.
    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:0-9a-z\\\\ue.+ -]{0,60}") {
        if let Ok(read) = json::read(&text) {
            let written = read.to_string();
            prop_assert_eq!(json::read(&written).expect("what was written").to_string(), written);
        }
        let _ = Snapshot::read(&text, Mode::Lenient);
        let _ = Logic::read(&text, Mode::Lenient).map(|logic| logic.read.apply(&Attributes(&[]), "f", NOW, Algorithm::V3));
    }
}
