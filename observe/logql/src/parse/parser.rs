//! What all of the grammar needs: tokens taken one by one, names, texts and selectors.

use vitrine_observe_promql::parse::unquote;
use vitrine_observe_series::{MatchOp, Matcher};

use super::lexer::{Kind, Token, error_at, tokens};
use super::{MAX_DEPTH, MAX_OPERATORS, MAX_QUERY_BYTES, ParseError};
use crate::ast::{Expr, LogExpr};

/// What a selector must have at least: otherwise it would select everything.
const NO_CONDITION: &str = "queries require at least one regexp or equality matcher that does not have an empty-compatible value. \
     For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will";

pub(super) type Parsed<T> = Result<T, ParseError>;

/// Reads one text.
pub(super) struct Parser<'a> {
    input: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
    operators: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(input: &'a str) -> Parsed<Self> {
        if input.len() > MAX_QUERY_BYTES {
            let message = format!("input size too long ({} > {MAX_QUERY_BYTES})", input.len());
            return Err(ParseError::Meaning(message));
        }
        Ok(Self { input, tokens: tokens(input)?, at: 0, depth: 0, operators: 0 })
    }

    /// The whole text as a query.
    pub(super) fn whole(&mut self) -> Parsed<Expr> {
        let expr = self.expr(0)?;
        self.end()?;
        if let Expr::Log(log) = &expr {
            Self::selective(log)?;
        }
        Ok(expr)
    }

    /// An error unless streams are selected by something.
    pub(super) fn selective(log: &LogExpr) -> Parsed<()> {
        let is_selective = log.matchers.iter().any(|matcher| !matcher.matches(""));
        if is_selective { Ok(()) } else { Err(ParseError::Meaning(NO_CONDITION.to_owned())) }
    }

    pub(super) fn end(&mut self) -> Parsed<()> {
        if self.peek().kind == Kind::End { Ok(()) } else { Err(self.unexpected("")) }
    }

    pub(super) fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }

    /// The token so many further on.
    pub(super) fn ahead(&self, by: usize) -> Token<'a> {
        self.tokens[(self.at + by).min(self.tokens.len() - 1)]
    }

    pub(super) fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Symbol && token.text == symbol
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Name && token.text.eq_ignore_ascii_case(name)
    }

    pub(super) fn accept(&mut self, symbol: &str) -> bool {
        let is_next = self.is_symbol(symbol);
        if is_next {
            self.take();
        }
        is_next
    }

    pub(super) fn accept_name(&mut self, name: &str) -> bool {
        let is_next = self.is_name(name);
        if is_next {
            self.take();
        }
        is_next
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected(symbol)) }
    }

    /// A token of a kind, and how errors call it.
    pub(super) fn expect_kind(&mut self, kind: Kind, called: &str) -> Parsed<Token<'a>> {
        if self.peek().kind == kind { Ok(self.take()) } else { Err(self.unexpected(called)) }
    }

    pub(super) fn name(&mut self) -> Parsed<String> {
        Ok(self.expect_kind(Kind::Name, "IDENTIFIER")?.text.to_owned())
    }

    pub(super) fn text(&mut self) -> Parsed<String> {
        let token = self.expect_kind(Kind::Text, "STRING")?;
        unquote(token.text).map_err(|why| error_at(self.input, token.start, why))
    }

    /// A number with its sign.
    pub(super) fn signed_number(&mut self) -> Parsed<f64> {
        let is_negative = self.accept("-");
        if !is_negative {
            self.accept("+");
        }
        let number: f64 = self.expect_kind(Kind::Number, "NUMBER")?.text.parse().unwrap_or(f64::NAN);
        Ok(if is_negative { -number } else { number })
    }

    pub(super) fn error(&self, token: Token<'_>, message: impl Into<String>) -> ParseError {
        error_at(self.input, token.start, message)
    }

    /// The error for the token ahead.
    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        let token = self.peek();
        let called = match token.kind {
            Kind::End => "$end",
            Kind::Symbol | Kind::Flag => token.text,
            Kind::Name => "IDENTIFIER",
            Kind::Text => "STRING",
            Kind::Number => "NUMBER",
            Kind::Duration => "DURATION",
            Kind::Bytes => "BYTES",
        };
        let expecting = if expected.is_empty() { String::new() } else { format!(", expecting {expected}") };
        self.error(token, format!("syntax error: unexpected {called}{expecting}"))
    }

    /// Reads what is one level deeper.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(self.peek(), format!("the query nests deeper than {MAX_DEPTH} levels")));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Counts an operator: each makes the tree a level higher at most.
    pub(super) fn operator(&mut self, token: Token<'_>) -> Parsed<()> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(self.error(token, format!("the query has more than {MAX_OPERATORS} operators")));
        }
        Ok(())
    }

    /// `{a="b", c=~"d"}`.
    pub(super) fn selector(&mut self) -> Parsed<Vec<Matcher>> {
        self.expect("{")?;
        let mut matchers = Vec::new();
        while !self.accept("}") {
            let name = self.name()?;
            matchers.push(self.matcher(name)?);
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(matchers)
    }

    /// What follows a label's name: an operator and a text.
    pub(super) fn matcher(&mut self, name: String) -> Parsed<Matcher> {
        let token = self.take();
        let op = match token.text {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            "!~" => MatchOp::NotRegex,
            _ => {
                self.at = self.at.saturating_sub(usize::from(token.kind != Kind::End));
                return Err(self.unexpected("= or != or =~ or !~"));
            }
        };
        let place = self.peek();
        let text = self.text()?;
        Matcher::new(&name, op, &text).map_err(|why| self.error(place, why.0))
    }
}
