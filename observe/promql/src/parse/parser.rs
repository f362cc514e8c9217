//! Expressions: operators by precedence, modifiers, calls, aggregations.

use vitrine_observe_series::Labels;

use crate::ast::{AggregateOp, BinaryOp, Cardinality, Expr, ExprKind, Matching, Span};
use crate::functions::{hints, table};
use crate::parse::lexer::Lexer;
use crate::parse::literals;
use crate::parse::selectors::is_metric_name;
use crate::parse::token::{Keyword, Token, TokenKind};
use crate::parse::{MOST_DEPTH, MOST_QUERY_BYTES, ParseError};
use crate::text::go_quote;

/// Where operands of an operator end. Greater binds tighter.
const UNARY_PRECEDENCE: u8 = 6;

/// Why there is no result.
pub(super) enum Failure {
    /// A token that cannot stand there; what was being read is not told yet.
    Unexpected,
    /// What is wrong.
    Error(ParseError),
}

pub(super) type Parsed<T> = Result<T, Failure>;

/// Reads one text. Tokens are read only when they are looked at, so that of two mistakes the first is told.
pub(super) struct Parser<'a> {
    pub(super) input: &'a str,
    lexer: Lexer<'a>,
    ahead: Option<Token>,
    consumed: usize,
    /// How deep the reader is in recursion.
    depth: usize,
    /// Levels of the expression that was read last.
    pub(super) height: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(input: &'a str) -> Result<Self, ParseError> {
        if input.len() > MOST_QUERY_BYTES {
            let message = format!("the query has {} bytes, and may have {MOST_QUERY_BYTES}", input.len());
            return Err(ParseError::new(message, Span::default(), input));
        }
        Ok(Self { input, lexer: Lexer::new(input), ahead: None, consumed: 0, depth: 0, height: 0 })
    }

    /// Where the last token ended that was taken.
    pub(super) fn consumed(&self) -> usize {
        self.consumed
    }

    pub(super) fn peek(&mut self) -> Parsed<Token> {
        if let Some(token) = self.ahead {
            return Ok(token);
        }
        let token = self.lexer.next_token().map_err(Failure::Error)?;
        self.ahead = Some(token);
        Ok(token)
    }

    pub(super) fn take(&mut self) -> Parsed<Token> {
        let token = self.peek()?;
        self.ahead = None;
        self.consumed = token.span.end;
        Ok(token)
    }

    pub(super) fn is_next(&mut self, kind: TokenKind) -> Parsed<bool> {
        Ok(self.peek()?.kind == kind)
    }

    /// Takes the next token if it is of this kind.
    pub(super) fn accept(&mut self, kind: TokenKind) -> Parsed<Option<Token>> {
        if self.is_next(kind)? { self.take().map(Some) } else { Ok(None) }
    }

    pub(super) fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        self.accept(kind)?.ok_or(Failure::Unexpected)
    }

    pub(super) fn text(&self, token: Token) -> &'a str {
        self.input.get(token.span.start..token.span.end).unwrap_or_default()
    }

    pub(super) fn error<T>(&self, message: impl Into<String>, span: Span) -> Parsed<T> {
        Err(Failure::Error(ParseError::new(message, span, self.input)))
    }

    /// The error for the token ahead.
    pub(super) fn unexpected(&mut self, context: &str, expected: &str) -> ParseError {
        match self.peek() {
            Ok(token) => {
                let mut message = format!("unexpected {}", token.describe(self.input));
                if !context.is_empty() {
                    message = format!("{message} in {context}");
                }
                if !expected.is_empty() {
                    message = format!("{message}, expected {expected}");
                }
                ParseError::new(message, token.span, self.input)
            }
            Err(Failure::Error(error)) => error,
            Err(Failure::Unexpected) => ParseError::new("unexpected input", Span::default(), self.input),
        }
    }

    /// Says what was being read where a token cannot stand.
    pub(super) fn within<T>(
        &mut self,
        context: &str,
        expected: &str,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        read(self).map_err(|failure| match failure {
            Failure::Unexpected => Failure::Error(self.unexpected(context, expected)),
            error => error,
        })
    }

    /// What is read, or an error that says which token could not stand where it does.
    fn parsed<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Result<T, ParseError> {
        read(self).map_err(|failure| match failure {
            Failure::Error(error) => error,
            Failure::Unexpected => self.unexpected("", ""),
        })
    }

    fn whole<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Result<T, ParseError> {
        let read = |parser: &mut Self| {
            let value = read(parser)?;
            parser.expect(TokenKind::End)?;
            Ok(value)
        };
        self.parsed(read)
    }

    pub(super) fn whole_expr(&mut self) -> Result<Expr, ParseError> {
        self.whole(|parser| {
            if parser.is_next(TokenKind::End)? {
                return parser.error("no expression found in input", Span::default());
            }
            parser.expr()
        })
    }

    pub(super) fn whole_selector(&mut self) -> Result<Vec<vitrine_observe_series::Matcher>, ParseError> {
        self.whole(|parser| Ok(parser.vector_selector()?.0.matchers))
    }

    pub(super) fn whole_metric(&mut self) -> Result<Labels, ParseError> {
        self.whole(|parser| {
            let name = parser.metric_name()?;
            let braces = parser.is_next(TokenKind::LeftBrace)?;
            parser.labels(name, braces)
        })
    }

    /// The labels of a series; what follows them is not looked at.
    pub(super) fn metric_prefix(&mut self) -> Result<Labels, ParseError> {
        let read = |parser: &mut Self| {
            let name = parser.metric_name()?;
            let braces = match name {
                Some(_) => parser.input[parser.consumed..].starts_with('{'),
                None => parser.is_next(TokenKind::LeftBrace)?,
            };
            parser.labels(name, braces)
        };
        self.parsed(read)
    }

    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.binary(1)
    }

    /// Counts a level of recursion.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MOST_DEPTH {
            return self.too_deep();
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn too_deep<T>(&mut self) -> Parsed<T> {
        let span = self.peek()?.span;
        self.error(format!("the expression nests more than {MOST_DEPTH} levels deep"), span)
    }

    /// Notes the levels of an expression made of others.
    pub(super) fn raise(&mut self, height: usize) -> Parsed<()> {
        self.height = height + 1;
        if self.height > MOST_DEPTH { self.too_deep() } else { Ok(()) }
    }

    /// An expression whose operators bind at least as tightly as this.
    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        self.deeper(|parser| {
            let mut lhs = parser.unary()?;
            while let TokenKind::Operator(op) = parser.peek()?.kind {
                let precedence = precedence(op);
                if precedence < least {
                    break;
                }
                parser.take()?;
                let height = parser.height;
                let (returns_bool, matching) = parser.matching()?;
                let rhs = parser.binary(if op == BinaryOp::Pow { precedence } else { precedence + 1 })?;
                parser.raise(height.max(parser.height))?;
                lhs = binary_expr(op, lhs, rhs, returns_bool, matching);
            }
            Ok(lhs)
        })
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let token = self.peek()?;
        let negate = match token.kind {
            TokenKind::Operator(BinaryOp::Sub) => true,
            TokenKind::Operator(BinaryOp::Add) => false,
            _ => return self.postfix(),
        };
        self.take()?;
        let operand = self.binary(UNARY_PRECEDENCE)?;
        let span = Span { start: token.span.start, end: operand.span.end };
        if let ExprKind::Number { value, duration } = operand.kind {
            return Ok(Expr { kind: ExprKind::Number { value: if negate { -value } else { value }, duration }, span });
        }
        self.raise(self.height)?;
        Ok(Expr { kind: ExprKind::Unary { negate, expr: Box::new(operand) }, span })
    }

    /// An operand with the brackets and modifiers behind it.
    fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.operand()?;
        loop {
            match self.peek()?.kind {
                TokenKind::LeftBracket => expr = self.bracket(expr)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(&mut expr)?,
                TokenKind::At => self.at(&mut expr)?,
                TokenKind::Keyword(Keyword::Anchored) => self.extended(&mut expr, true)?,
                TokenKind::Keyword(Keyword::Smoothed) => self.extended(&mut expr, false)?,
                _ => return Ok(expr),
            }
        }
    }

    fn operand(&mut self) -> Parsed<Expr> {
        self.height = 1;
        let token = self.peek()?;
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let (value, duration) = self.literal()?;
                Ok(Expr { kind: ExprKind::Number { value, duration }, span: token.span })
            }
            TokenKind::String => {
                self.take()?;
                match literals::unquote(self.text(token)) {
                    Ok(text) => Ok(Expr { kind: ExprKind::String(text), span: token.span }),
                    Err(why) => self.error(why, token.span),
                }
            }
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.expr()?;
                let end = self.expect(TokenKind::RightParen)?.span.end;
                self.raise(self.height)?;
                Ok(Expr { kind: ExprKind::Paren(Box::new(inner)), span: Span { start: token.span.start, end } })
            }
            TokenKind::Aggregator(op) => self.aggregate_or_selector(op),
            TokenKind::Identifier => self.call_or_selector(),
            TokenKind::Keyword(keyword) if keyword.is_function() => self.call_or_selector(),
            _ => self.selector_expr(None),
        }
    }

    fn selector_expr(&mut self, name: Option<Token>) -> Parsed<Expr> {
        let (selector, span) = match name {
            Some(name) => self.named_selector(name)?,
            None => self.vector_selector()?,
        };
        Ok(Expr { kind: ExprKind::Vector(selector), span })
    }

    fn call_or_selector(&mut self) -> Parsed<Expr> {
        let name = self.take()?;
        if !self.is_next(TokenKind::LeftParen)? {
            return self.selector_expr(Some(name));
        }
        let args = self.arguments()?;
        let text = self.text(name);
        let Some(function) = table::find(text) else {
            let hint = hints::promql_way(text).map_or_else(String::new, |way| format!(": {way}"));
            return self.error(format!("unknown function with name {}{hint}", go_quote(text)), name.span);
        };
        self.raise(self.height)?;
        let span = Span { start: name.span.start, end: self.consumed };
        Ok(Expr { kind: ExprKind::Call { function, args }, span })
    }

    /// Arguments between parentheses. The height is that of the highest.
    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(TokenKind::LeftParen)?;
        self.height = 0;
        let mut args = Vec::new();
        if self.accept(TokenKind::RightParen)?.is_some() {
            return Ok(args);
        }
        let mut height = 0;
        loop {
            args.push(self.expr()?);
            height = height.max(self.height);
            let Some(comma) = self.accept(TokenKind::Comma)? else { break };
            if !self.starts_expr()? {
                return self.error("trailing commas not allowed in function call args", comma.span);
            }
        }
        self.expect(TokenKind::RightParen)?;
        self.height = height;
        Ok(args)
    }

    fn starts_expr(&mut self) -> Parsed<bool> {
        let kind = self.peek()?.kind;
        Ok(match kind {
            TokenKind::Number
            | TokenKind::Duration
            | TokenKind::String
            | TokenKind::LeftParen
            | TokenKind::LeftBrace
            | TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => true,
            _ => is_metric_name(kind),
        })
    }

    fn aggregate_or_selector(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let name = self.take()?;
        match self.peek()?.kind {
            TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without) => {}
            _ => return self.selector_expr(Some(name)),
        }
        self.within("aggregation", "", |parser| parser.aggregate(op, name))
    }

    fn aggregate(&mut self, op: AggregateOp, name: Token) -> Parsed<Expr> {
        let before = self.grouping()?;
        let mut args = self.arguments()?;
        let mut end = self.consumed;
        let height = self.height;
        let (grouping, without) = match before {
            Some(grouping) => grouping,
            None => match self.grouping()? {
                Some(grouping) => {
                    end = self.consumed;
                    grouping
                }
                None => (Vec::new(), false),
            },
        };
        let span = Span { start: name.span.start, end };
        let wanted = if op.param().is_some() { 2 } else { 1 };
        if args.is_empty() {
            return self.error("no arguments for aggregate expression provided", span);
        }
        if args.len() != wanted {
            let got = args.len();
            let message =
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}");
            return self.error(message, span);
        }
        self.raise(height)?;
        let expr = args.pop().map(Box::new).ok_or(Failure::Unexpected)?;
        let param = args.pop().map(Box::new);
        Ok(Expr { kind: ExprKind::Aggregate { op, expr, param, grouping, without }, span })
    }

    /// `by (…)` or `without (…)`, if one of them is next; whether it is `without`.
    fn grouping(&mut self) -> Parsed<Option<(Vec<String>, bool)>> {
        let without = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.take()?;
        Ok(Some((self.grouping_labels()?, without)))
    }

    /// A sign if one is next; whether it negates.
    pub(super) fn sign(&mut self) -> Parsed<Option<(bool, Token)>> {
        let negate = match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Sub) => true,
            TokenKind::Operator(BinaryOp::Add) => false,
            _ => return Ok(None),
        };
        Ok(Some((negate, self.take()?)))
    }

    /// A number, or a duration in seconds; whether it is a duration.
    pub(super) fn literal(&mut self) -> Parsed<(f64, bool)> {
        let token = self.peek()?;
        let value = match token.kind {
            TokenKind::Number => literals::number(self.text(token)),
            TokenKind::Duration => literals::duration_seconds(self.text(token)),
            _ => return Err(Failure::Unexpected),
        };
        self.take()?;
        match value {
            Ok(value) => Ok((value, token.kind == TokenKind::Duration)),
            Err(why) => self.error(why, token.span),
        }
    }
}

/// How tightly an operator binds.
fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Greater
        | BinaryOp::Less
        | BinaryOp::GreaterOrEqual
        | BinaryOp::LessOrEqual
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => 6,
    }
}

fn binary_expr(op: BinaryOp, lhs: Expr, rhs: Expr, returns_bool: bool, mut matching: Matching) -> Expr {
    if op.is_set() && matching.cardinality == Cardinality::OneToOne {
        matching.cardinality = Cardinality::ManyToMany;
    }
    let span = Span { start: lhs.span.start, end: rhs.span.end };
    let kind = ExprKind::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs), returns_bool, matching: Some(matching) };
    Expr { kind, span }
}
