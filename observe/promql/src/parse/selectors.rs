//! What stands in braces and in groupings: conditions, labels, names.

use vitrine_observe_series::{Label, Labels, MatchOp, Matcher, NAME};

use crate::ast::{BinaryOp, Span, VectorSelector};
use crate::parse::literals;
use crate::parse::parser::{Failure, Parsed, Parser};
use crate::parse::token::{Keyword, Token, TokenKind};
use crate::text::{go_quote, is_label_name};

/// A list of items between brackets, and what errors say is expected in it.
struct List {
    context: &'static str,
    end: TokenKind,
    item: &'static str,
    separator: &'static str,
}

const CONDITIONS: List = List {
    context: "label matching",
    end: TokenKind::RightBrace,
    item: "identifier or \"}\"",
    separator: "\",\" or \"}\"",
};
const LABELS: List = List { context: "label set", ..CONDITIONS };
const GROUPING: List =
    List { context: "grouping opts", end: TokenKind::RightParen, item: "label", separator: "\",\" or \")\"" };

/// Whether a metric may be called so though it has a meaning of its own.
pub(super) fn is_metric_name(kind: TokenKind) -> bool {
    match kind {
        TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregator(_) => true,
        TokenKind::Operator(op) => matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless),
        TokenKind::Keyword(keyword) => !matches!(
            keyword,
            Keyword::Bool | Keyword::On | Keyword::Ignoring | Keyword::GroupLeft | Keyword::GroupRight
        ),
        _ => false,
    }
}

/// Whether a label may be called so in a grouping.
fn may_be_label(kind: TokenKind) -> bool {
    match kind {
        TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregator(_) => true,
        TokenKind::Operator(op) => matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2),
        TokenKind::Keyword(keyword) => keyword != Keyword::Without,
        _ => false,
    }
}

impl Parser<'_> {
    /// A selector with or without a name, and where it stands.
    pub(super) fn vector_selector(&mut self) -> Parsed<(VectorSelector, Span)> {
        let token = self.peek()?;
        if is_metric_name(token.kind) {
            self.take()?;
            return self.named_selector(token);
        }
        if token.kind != TokenKind::LeftBrace {
            return Err(Failure::Unexpected);
        }
        let matchers = self.conditions()?;
        let span = Span { start: token.span.start, end: self.consumed() };
        Ok((VectorSelector { matchers, ..VectorSelector::default() }, span))
    }

    /// A selector whose name was taken.
    pub(super) fn named_selector(&mut self, token: Token) -> Parsed<(VectorSelector, Span)> {
        let name = self.text(token).to_owned();
        let mut matchers = if self.is_next(TokenKind::LeftBrace)? { self.conditions()? } else { Vec::new() };
        let span = Span { start: token.span.start, end: self.consumed() };
        matchers.push(self.matcher(NAME, MatchOp::Equal, &name, token.span)?);
        Ok((VectorSelector { name, matchers, ..VectorSelector::default() }, span))
    }

    fn matcher(&self, name: &str, op: MatchOp, value: &str, span: Span) -> Parsed<Matcher> {
        Matcher::new(name, op, value).or_else(|error| self.error(error.to_string(), span))
    }

    fn unquoted(&self, token: Token) -> Parsed<String> {
        literals::unquote(self.text(token)).or_else(|why| self.error(why, token.span))
    }

    /// Conditions between braces.
    fn conditions(&mut self) -> Parsed<Vec<Matcher>> {
        self.expect(TokenKind::LeftBrace)?;
        self.list(&CONDITIONS, Self::condition)
    }

    /// What stands between brackets, of which the first was taken, separated by commas.
    fn list<T>(&mut self, list: &List, read: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        loop {
            if self.accept(list.end)?.is_some() {
                return Ok(items);
            }
            items.push(self.within(list.context, list.item, &read)?);
            if self.accept(list.end)?.is_some() {
                return Ok(items);
            }
            self.within(list.context, list.separator, |parser| parser.expect(TokenKind::Comma))?;
        }
    }

    /// The name of a label, quoted or not.
    fn label_name(&mut self) -> Parsed<(Token, String)> {
        let token = self.peek()?;
        let name = match token.kind {
            TokenKind::Identifier => self.text(token).to_owned(),
            TokenKind::String => self.unquoted(token)?,
            _ => return Err(Failure::Unexpected),
        };
        self.take()?;
        Ok((token, name))
    }

    fn condition(&mut self) -> Parsed<Matcher> {
        let (token, name) = self.label_name()?;
        let op = match self.peek()?.kind {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            TokenKind::MatchRegex => MatchOp::Regex,
            TokenKind::MatchNotRegex => MatchOp::NotRegex,
            _ if token.kind == TokenKind::String => return self.matcher(NAME, MatchOp::Equal, &name, token.span),
            _ => {
                let expected = "label matching operator";
                return self.within("label matching", expected, |_| Err(Failure::Unexpected));
            }
        };
        self.take()?;
        let value = self.within("label matching", "string", |parser| parser.expect(TokenKind::String))?;
        let text = self.unquoted(value)?;
        self.matcher(&name, op, &text, Span { start: token.span.start, end: value.span.end })
    }

    /// The name of a series, if it begins with one.
    pub(super) fn metric_name(&mut self) -> Parsed<Option<Token>> {
        if is_metric_name(self.peek()?.kind) { self.take().map(Some) } else { Ok(None) }
    }

    /// The labels of a series whose name was taken.
    pub(super) fn labels(&mut self, name: Option<Token>, braces: bool) -> Parsed<Labels> {
        let mut labels = Vec::new();
        if braces {
            self.expect(TokenKind::LeftBrace)?;
            labels = self.list(&LABELS, Self::label)?;
        }
        if let Some(name) = name {
            labels.push(Label { name: NAME.into(), value: self.text(name).into() });
        }
        Ok(Labels::new(labels))
    }

    fn label(&mut self) -> Parsed<Label> {
        let (token, name) = self.label_name()?;
        if self.accept(TokenKind::Assign)?.is_none() {
            if token.kind == TokenKind::String {
                return Ok(Label { name: NAME.into(), value: name.into() });
            }
            return self.within("label set", "\"=\"", |_| Err(Failure::Unexpected));
        }
        let value = self.within("label set", "string", |parser| parser.expect(TokenKind::String))?;
        Ok(Label { name: name.into(), value: self.unquoted(value)?.into() })
    }

    /// Labels between parentheses.
    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        self.within(GROUPING.context, "\"(\"", |parser| parser.expect(TokenKind::LeftParen))?;
        self.list(&GROUPING, Self::grouping_label)
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.peek()?;
        let label = match token.kind {
            TokenKind::String => self.unquoted(token)?,
            kind if may_be_label(kind) => self.text(token).to_owned(),
            _ => return Err(Failure::Unexpected),
        };
        self.take()?;
        if !is_label_name(&label) {
            return self.error(format!("invalid label name for grouping: {}", go_quote(&label)), token.span);
        }
        Ok(label)
    }
}
