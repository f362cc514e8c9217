//! Facts of Alertmanager's own tests of its two parsers.

use super::Matcher;

fn read(text: &str) -> Result<Vec<String>, String> {
    Matcher::parse_all(text).map(|found| found.iter().map(ToString::to_string).collect()).map_err(|error| error.0)
}

#[test]
fn matchers_are_read_in_both_syntaxes() {
    for (text, expected) in [
        ("", &[][..]),
        ("{}", &[]),
        ("{foo=bar}", &[r#"foo="bar""#]),
        ("foo=bar", &[r#"foo="bar""#]),
        ("foo=\"bar\",", &[r#"foo="bar""#]),
        ("{foo=\"bar\", bar!~\"baz+\"}", &[r#"foo="bar""#, r#"bar!~"baz+""#]),
        ("foo!=bar", &[r#"foo!="bar""#]),
        ("foo=~[a-z]+", &[r#"foo=~"[a-z]+""#]),
        ("{foo=\"\"}", &[r#"foo="""#]),
        ("{foo🙂=bar}", &[r#"foo🙂="bar""#]),
        ("{\"foo bar\"=\"🙂\"}", &[r#""foo bar"="🙂""#]),
        (r#"{"foo"="\U0001f642"}"#, &[r#"foo="🙂""#]),
        (r#"{foo="bar\"baz\\"}"#, &[r#"foo="bar\"baz\\""#]),
        // Only the classic syntax reads these.
        ("{", &[]),
        ("{foo=bar", &[r#"foo="bar""#]),
        ("foo=", &[r#"foo="""#]),
        (r"foo=~a\d", &[r#"foo=~"a\\d""#]),
        ("foo=bar=baz", &[r#"foo="bar=baz""#]),
        // Both read it, and differently: the classic one counts.
        (r#"foo="\t""#, &[r#"foo="\\t""#]),
        // The new syntax alone.
        (r#""foo"="bar""#, &[r#"foo="bar""#]),
    ] {
        assert_eq!(read(text).expect(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_matcher_is_told() {
    for text in ["foo", "=bar", "foo=\"bar", "foo=~(", ",", "{,}", "foo=bar baz\"", "5x=1 {", "\"a\"=b\"", "{\"a\"=b"] {
        let told = read(text);
        assert!(told.as_ref().is_err_and(|told| !told.is_empty()), "{text}: {told:?}");
    }
    for text in ["{foo=bar}", "foo=bar}", "", "\"foo\"=1,bar=2"] {
        assert!(Matcher::parse(text).is_err(), "{text}");
    }
    assert!(Matcher::parse_all(&"a".repeat(super::MAX_MATCHERS_BYTES + 1)).is_err());
}

#[test]
fn a_pattern_takes_the_whole_value() {
    for (text, value, expected) in [
        ("a=~b|c", "b", true),
        ("a=~b|c", "bc", false),
        ("a=~b.", "b\n", false),
        ("a!~b|c", "bc", true),
        ("a=b", "b", true),
        ("a!=b", "", true),
        ("a=~.*", "", true),
    ] {
        assert_eq!(Matcher::parse(text).expect(text).matches(value), expected, "{text} {value:?}");
    }
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read_again(name in "[a-z_]{1,8}|\\PC{1,8}", value in "\\PC{0,12}|[a-z\\\\\"\n]{0,12}", op in 0..2usize) {
        let op = [super::MatchOp::Equal, super::MatchOp::NotEqual][op];
        let matcher = Matcher::new(&name, op, &value).expect("no pattern");
        let written = super::written(&[matcher.clone(), matcher.clone()]);
        proptest::prop_assert_eq!(Matcher::parse_all(&written).expect("read"), vec![matcher.clone(), matcher.clone()]);
        let json = serde_json::to_string(&matcher).expect("JSON");
        proptest::prop_assert_eq!(serde_json::from_str::<Matcher>(&json).expect("read"), matcher);
    }
}
