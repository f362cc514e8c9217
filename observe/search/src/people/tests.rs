//! Queries are read, printed and refused.

use std::time::Duration;

use proptest::prelude::{BoxedStrategy, Just, Strategy, any as whatever, prop, prop_oneof, proptest};
use vitrine_observe_model::LogField;

use super::level::Level;
use super::query::Query;
use super::tree::{Amount, Comparison, Field, Node, Term, Test, all, any};
use super::{MAX_BYTES, MAX_DEPTH, MAX_PATTERNS, MAX_TERMS};

#[test]
fn a_query_is_printed_in_one_way() {
    for (text, printed) in [
        ("", "*"),
        ("*", "*"),
        ("  card  declined ", "card declined"),
        ("\"card declined\"", "\"card declined\""),
        (
            "service:checkout status:error \"card declined\" duration:>200ms -level:debug (a OR b) key:* key:a* /re gex/",
            "service:checkout status:error \"card declined\" duration:>200ms -level:debug (a OR b) key:* key:a* /re gex/",
        ),
        ("a AND NOT b", "a -b"),
        ("a b OR c d", "(a b) OR (c d)"),
        ("a (b OR (c OR d))", "a (b OR c OR d)"),
        ("-(a b)", "-(a b)"),
        ("--a", "--a"),
        ("service:(a OR -b*)", "service:a OR -service:b*"),
        ("severity:warning body:x trace_id:ab", "level:warning message:x trace:000000000000000000000000000000ab"),
        ("\"service\":x resource.host:y attributes.\"a b\":z", "\"service\":x resource.host:y attributes.\"a b\":z"),
        ("foo-bar GET:/api/v1/orders", "foo-bar GET:\"/api/v1/orders\""),
        ("/api/v1/orders", "\"/api/v1/orders\""),
        ("http://host:80/x", "\"http://host:80/x\""),
        ("a:/b\\/c/", "a:/b\\/c/"),
        ("n:200..299 d:1500ms..2s l:-1 n:>=-0.5", "n:200..299 d:1500ms..2s l:\"-1\" n:>=-0.5"),
        ("level:>=WARN level:info..error level:<9", "level:>=warn level:info..error level:<9"),
        ("a\\*b \"c*\"*", "\"a*b\" \"c*\"*"),
        ("or \"OR\"", "or \"OR\""),
        ("a..b k:a..b", "\"a..b\" k:\"a..b\""),
        ("*fund* te*t **", "*fund* te*t"),
    ] {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.to_string(), printed, "{text}");
        assert_eq!(Query::parse(printed).as_ref(), Ok(&query), "{printed}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, position, problem) in [
        ("a OR", 5, "a condition is missing"),
        ("OR b", 1, "OR has nothing before it"),
        ("a (b", 3, "a bracket is not closed"),
        ("k:(b", 1, "a bracket is not closed"),
        ("a) b", 2, "a bracket is closed that was not opened"),
        ("ä \"b", 3, "a quote is not closed"),
        ("service: x", 9, "service: has no value"),
        (":x", 1, "this is no key"),
        ("a*:x", 1, "this is no key"),
        ("a - b", 4, "nothing stands after -"),
        ("a \\", 3, "nothing is escaped"),
        ("\"\"", 1, "this text is empty"),
        ("n:>x", 3, "this is no amount"),
        ("n:>inf", 3, "this is no amount"),
        ("n:3..2", 3, "this is no range"),
        ("n:3..2ms", 3, "this is no range"),
        ("trace:xyz", 7, "this is no id"),
        ("span:a*", 6, "ids are whole or not"),
        ("service:>5", 9, "this field is a text"),
        ("level:>5ms", 7, "a level is no duration"),
        ("k:/(/", 3, "a regular expression cannot be compiled"),
        ("/(a{1000}){1000}/", 1, "a regular expression cannot be compiled"),
    ] {
        let error = Query::parse(text).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.problem.starts_with(problem), "{text}: {error}");
    }
}

#[test]
fn queries_have_bounds() {
    for (text, problem) in [
        ("a".repeat(MAX_BYTES + 1), "a query of 16385 bytes"),
        ("(".repeat(MAX_DEPTH + 1), "it is nested too deeply"),
        (format!("{}a", "-".repeat(MAX_DEPTH + 1)), "it is nested too deeply"),
        ("a ".repeat(MAX_TERMS + 1), "there are too many conditions"),
        ("a* ".repeat(MAX_PATTERNS + 1), "there are too many patterns"),
    ] {
        let error = Query::parse(&text).expect_err("too much");
        assert_eq!(error.problem, problem);
    }
    assert!(Query::parse(&"a ".repeat(MAX_TERMS)).is_ok());
}

#[test]
fn traces_are_asked_for_where_that_can_be() {
    let query =
        Query::parse("service:checkout status:error name:\"POST /orders\" duration:200ms..2s http.route:\"/x\"");
    let traces = query.expect("a query").trace_query().expect("of traces");
    assert_eq!(traces.service.as_deref(), Some("checkout"));
    assert_eq!(traces.operation.as_deref(), Some("POST /orders"));
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(traces.tags, [tag("error", "true"), tag("http.route", "/x")]);
    assert_eq!((traces.min_duration_ns, traces.max_duration_ns), (Some(200_000_000), Some(2_000_000_000)));
    let short = Query::parse("duration:<1ms").expect("a query").trace_query().expect("of traces");
    assert_eq!(short.max_duration_ns, Some(999_999));
    for (text, part) in [
        ("service:a declined", "declined"),
        ("service:a service:b", "service:b"),
        ("-service:a", "-service:a"),
        ("a OR b", "a OR b"),
        ("level:warn", "level:warn"),
        ("duration:>5", "duration:>5"),
        ("duration:>1s duration:>2s", "duration:>2s"),
        ("k:*", "k:*"),
    ] {
        let error = Query::parse(text).expect("a query").trace_query().expect_err(text);
        assert_eq!(error.part, part);
        assert!(error.to_string().contains("cannot be asked of traces"));
    }
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z0-9_.]{1,8}",
        "[ -~]{1,12}",
        "\\PC{1,6}",
        Just("OR".to_owned()),
        Just("-x".to_owned()),
        Just("1..2".to_owned()),
        Just("/x/".to_owned()),
    ]
    .boxed()
}

fn field() -> BoxedStrategy<Field> {
    prop_oneof![
        Just(Field::Status),
        Just(Field::Log(LogField::Any)),
        Just(Field::Log(LogField::Service)),
        Just(Field::Log(LogField::Body)),
        text().prop_map(|key| Field::Log(LogField::Named(key))),
        text().prop_map(|key| Field::Log(LogField::Attribute(key))),
        text().prop_map(|key| Field::Log(LogField::Resource(key))),
    ]
    .boxed()
}

fn amount() -> BoxedStrategy<Amount> {
    prop_oneof![
        whatever::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Amount::Number),
        whatever::<u64>().prop_map(|ns| Amount::Duration(Duration::from_nanos(ns))),
    ]
    .boxed()
}

fn comparison() -> BoxedStrategy<Comparison> {
    let all = [Comparison::Less, Comparison::AtMost, Comparison::AtLeast, Comparison::Greater];
    prop::sample::select(all.to_vec()).boxed()
}

fn term() -> BoxedStrategy<Term> {
    let wildcard = prop::collection::vec(prop_oneof![Just(String::new()), text()], 2..4)
        .prop_filter("not only stars", |parts| parts.iter().any(|part| !part.is_empty()));
    let texts = prop_oneof![
        text().prop_map(Test::Text),
        wildcard.prop_map(Test::Wildcard),
        "[a-z /]{1,6}".prop_map(Test::Regex),
    ];
    let of_attribute = (
        text(),
        prop_oneof![
            Just(Test::Exists),
            (comparison(), amount()).prop_map(|(comparison, amount)| Test::Compare(comparison, amount)),
            (0u32..9, 9u32..20)
                .prop_map(|(low, high)| Test::Between(Amount::Number(low.into()), Amount::Number(high.into()))),
        ],
    );
    prop_oneof![
        (field(), texts).prop_map(|(field, test)| Term { field, test }),
        of_attribute.prop_map(|(key, test)| Term { field: Field::Log(LogField::Named(key)), test }),
        (comparison(), prop::sample::select(Level::ALL.to_vec())).prop_map(|(comparison, level)| Term {
            field: Field::Log(LogField::Severity),
            test: Test::Compare(comparison, Amount::Level(level)),
        }),
    ]
    .boxed()
}

fn node() -> BoxedStrategy<Node> {
    term()
        .prop_map(Node::Term)
        .prop_recursive(4, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(all),
                prop::collection::vec(inner.clone(), 1..4).prop_map(any),
                inner.prop_map(|node| Node::Not(Box::new(node))),
            ]
        })
        .boxed()
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same(node in node()) {
        let printed = Query::of(node.clone()).to_string();
        let again = Query::parse(&printed).unwrap_or_else(|error| panic!("{node:?} is printed {printed}: {error}"));
        assert_eq!(again.root, node, "{printed}");
    }

    #[test]
    fn whatever_is_read_is_printed_as_the_same(text in "[a-z:*/\\\\\"() .<>=0-9-]{0,40}") {
        if let Ok(query) = Query::parse(&text) {
            let printed = query.to_string();
            assert_eq!(Query::parse(&printed).as_ref(), Ok(&query), "{text} is printed {printed}");
        }
    }
}
