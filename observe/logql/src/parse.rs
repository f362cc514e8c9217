//! From text to the syntax tree, with Loki's errors.
//!
//! The grammar is that of Loki's `pkg/logql/syntax/syntax.y`; what it checks afterwards (`ast.go`) is checked here, too.

mod lexer;
mod metric;
mod parser;
mod pipeline;

use crate::ast::{Expr, LogExpr};
use parser::Parser;

/// The longest query that is read, in bytes: Loki's own.
pub const MAX_QUERY_BYTES: usize = 131_072;

/// So many levels a query may nest: trees are walked by recursion.
pub const MAX_DEPTH: usize = 120;

/// So many operators a query may have, those between conditions on labels included: with the levels that are how high its tree can be.
pub const MAX_OPERATORS: usize = 100;

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// At a place.
    #[error("parse error at line {line}, col {column}: {message}")]
    At {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// In what it means.
    #[error("parse error : {0}")]
    Meaning(String),
}

/// Reads a query.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    Parser::new(text)?.whole()
}

/// Reads a query for lines.
pub fn parse_log(text: &str) -> Result<LogExpr, ParseError> {
    match parse(text)? {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) => Err(ParseError::Meaning("only log selector is supported".to_owned())),
    }
}

/// Reads the conditions of a stream selector; `{}` is everything.
pub fn parse_matchers(text: &str) -> Result<Vec<vitrine_observe_series::Matcher>, ParseError> {
    let mut parser = Parser::new(text)?;
    let matchers = parser.selector()?;
    parser.end()?;
    Ok(matchers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{MAX_QUERY_BYTES, parse};

    #[test]
    fn queries_are_written_in_one_way() {
        for (query, written) in [
            (r#"{app="a"}"#, r#"{app="a"}"#),
            (r#"{ app =~ `a|b` , env!="dev" }"#, r#"{app=~"a|b", env!="dev"}"#),
            (r#"{app="a"} |= "x" or "y" != ip("10.0.0.0/8") # end"#, r#"{app="a"} |= "x" or "y" != ip("10.0.0.0/8")"#),
            (
                r#"{app="a"}|json|status>=400|line_format"{{.a}}""#,
                r#"{app="a"} | json | status>=400 | line_format "{{.a}}""#,
            ),
            (
                r#"{app="a"} | logfmt --strict --keep-empty a, b="c""#,
                r#"{app="a"} | logfmt --strict --keep-empty a="a",b="c""#,
            ),
            (r#"{app="a"} | a="b" and c>1m or d!=5KB"#, r#"{app="a"} | ( ( a="b" , c>1m ) or d!=5KB )"#),
            (r#"{app="a"} | a="b", c="d" | (e="f" or g="h")"#, r#"{app="a"} | ( a="b" , c="d" ) | ( e="f" or g="h" )"#),
            (r#"{app="a"} | json != "x""#, r#"{app="a"} | json != "x""#),
            (
                r#"{app="a"} | label_format a=b, c="{{.d}}" | drop a, b="c" | keep d | decolorize | unpack"#,
                r#"{app="a"} | label_format a=b,c="{{.d}}" | drop a,b="c" | keep d | decolorize | unpack"#,
            ),
            (r#"rate({app="a"}[5m])"#, r#"rate({app="a"}[5m])"#),
            (r#"rate({app="a"}[5m] |= "x")"#, r#"rate({app="a"} |= "x" [5m])"#),
            (r#"rate(({app="a"} |= "x")[1h30m] offset -5m)"#, r#"rate({app="a"} |= "x" [1h30m] offset -5m)"#),
            (
                r#"quantile_over_time(0.99, {app="a"} | json | unwrap duration(took) | __error__="" [5m]) by (x)"#,
                r#"quantile_over_time(0.99,{app="a"} | json | unwrap duration(took) | __error__="" [5m]) by (x)"#,
            ),
            (r#"sum(rate({app="a"}[5m])) by (x, y)"#, r#"sum by (x,y) (rate({app="a"}[5m]))"#),
            (r#"topk without(x) (5, rate({app="a"}[5m]))"#, r#"topk without (x) (5,rate({app="a"}[5m]))"#),
            (r#"approx_topk(3, rate({app="a"}[5m]))"#, r#"approx_topk(3,rate({app="a"}[5m]))"#),
            (r#"sort_desc(sum(rate({app="a"}[5m])))"#, r#"sort_desc(sum(rate({app="a"}[5m])))"#),
            ("vector(1)+vector(-2)*3", "(vector(1) + (vector(-2) * 3))"),
            ("2 ^ 3 ^ 2 - 1", "((2 ^ (3 ^ 2)) - 1)"),
            (r#"rate({a="b"}[1m]) > bool 5 or vector(0)"#, r#"((rate({a="b"}[1m]) > bool 5) or vector(0))"#),
            (
                r#"rate({a="b"}[1m]) / on(x) group_left(y) sum by(x) (rate({a="b"}[1m]))"#,
                r#"(rate({a="b"}[1m]) / on (x) group_left (y) sum by (x) (rate({a="b"}[1m])))"#,
            ),
            (r#"label_replace(vector(1), "a", "$1", "b", "(.*)")"#, r#"label_replace(vector(1),"a","$1","b","(.*)")"#),
        ] {
            let parsed = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
            assert_eq!(parsed.to_string(), written, "{query}");
            assert_eq!(parse(written).map(|again| again.to_string()).as_deref(), Ok(written));
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (query, error) in [
            ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
            ("{app=\"a\"", "parse error at line 1, col 9: syntax error: unexpected $end, expecting }"),
            ("{app=a}", "parse error at line 1, col 6: syntax error: unexpected IDENTIFIER, expecting STRING"),
            ("{app=\"a\"} |= 5", "parse error at line 1, col 11: syntax error: unexpected |="),
            (
                "{app=\"a\"}\n| json |~ \"[\"",
                "parse error at line 2, col 11: error parsing regexp: missing closing ]: `[`",
            ),
            (
                "{app=~\".*\"}",
                "parse error : queries require at least one regexp or equality matcher that does not have an \
              empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will",
            ),
            (
                "{app=\"a\"} | regexp \"a\"",
                "parse error at line 1, col 20: at least one named capture must be supplied",
            ),
            (
                "{app=\"a\"} | pattern \"<a><b>\"",
                "parse error at line 1, col 21: found consecutive capture '<b>': expected a text between captures",
            ),
            ("{app=\"a\"} | unwrap x", "parse error at line 1, col 11: syntax error: unexpected |"),
            ("rate({app=\"a\"})", "parse error at line 1, col 15: syntax error: unexpected ), expecting ["),
            ("sum_over_time({app=\"a\"}[5m])", "parse error : invalid aggregation sum_over_time without unwrap"),
            (
                "count_over_time({app=\"a\"} | unwrap x [5m])",
                "parse error : invalid aggregation count_over_time with unwrap",
            ),
            ("rate({app=\"a\"}[5m]) by (x)", "parse error : grouping not allowed for rate aggregation"),
            (
                "quantile_over_time({app=\"a\"} | unwrap x [5m])",
                "parse error : parameter required for operation quantile_over_time",
            ),
            ("topk(rate({app=\"a\"}[5m]))", "parse error : parameter required for operation topk"),
            ("topk(0, rate({app=\"a\"}[5m]))", "parse error : invalid parameter (must be greater than 0) topk(0"),
            ("1 or vector(1)", "parse error : unexpected literal for left leg of logical/set binary operation (or): 1"),
            (
                "{app=\"a\"} + 1",
                "parse error at line 1, col 11: unexpected type for a leg of binary operation (+): a log query",
            ),
            ("{app=\"a", "parse error at line 1, col 6: literal not terminated"),
            (
                "{app=\"a\"} | line_format \"{{\"",
                "parse error at line 1, col 25: invalid template: template: line:1: unclosed action",
            ),
        ] {
            let found = parse(query).map_or_else(|error| error.to_string(), |expr| format!("taken: {expr}"));
            assert_eq!(found, error, "{query}");
        }
    }

    #[test]
    fn long_and_deep_queries_are_refused() {
        let long = format!("{{app=\"{}\"}}", "a".repeat(MAX_QUERY_BYTES));
        assert!(parse(&long).unwrap_err().to_string().contains("input size too long"), "long");
        for (open, inner, close) in [("(", "vector(1)", ")"), ("sum(", "vector(1)", ")")] {
            let deep = format!("{}{inner}{}", open.repeat(5_000), close.repeat(5_000));
            assert!(parse(&deep).unwrap_err().to_string().contains("nests deeper"), "{open}");
        }
        for (many, text) in [(" + 1", "1"), (" or a=\"b\"", "{app=\"a\"} | a=\"b\"")] {
            let many = format!("{text}{}", many.repeat(5_000));
            assert!(parse(&many).unwrap_err().to_string().contains("more than 100 operators"), "{text}");
        }
        let deep = format!("{{app=\"a\"}} | {}a=\"b\"{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(parse(&deep).unwrap_err().to_string().contains("nests deeper"), "labels");
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_read_is_read_again(parts in prop::collection::vec(prop::sample::select(vec![
            "{a=\"b\"}", "|= \"x\"", "| json", "| a=\"b\"", "or", "and", "[5m]", "rate(", "sum by (a) (", ")", "+", "1", "vector(1)",
            "| unwrap a", "!= \"y\"", "-", "> bool", "offset 1m", "topk(2,", "| a > 5m", "unless on (a)",
        ]), 0..12)) {
            let text = parts.join(" ");
            if let Ok(parsed) = parse(&text) {
                let written = parsed.to_string();
                let again = parse(&written).map(|again| again.to_string());
                assert_eq!(again.as_deref(), Ok(written.as_str()), "{text}");
            }
        }
    }
}
