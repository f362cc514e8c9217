//! Pipelines: `|= "a" | json | status >= 500 | line_format "…"`.

use vitrine_observe_promql::ast::BinaryOp;
use vitrine_observe_series::go_regex_unanchored;

use super::lexer::{Kind, Token};
use super::parser::{Parsed, Parser};
use crate::ast::{
    Extraction, FormatSource, LabelChoice, LabelFilter, LabelFormat, LineFilter, LineOp, LineWanted, LogExpr, Quantity,
    Stage,
};
use crate::pipeline::{check_line_pattern, check_path, check_pattern, check_regexp, check_template, parse_ips};
use crate::units;

impl Parser<'_> {
    /// A selector and all stages behind it.
    pub(super) fn log(&mut self) -> Parsed<LogExpr> {
        let matchers = self.selector()?;
        let mut stages = Vec::new();
        while let Some(stage) = self.stage()? {
            stages.push(stage);
        }
        Ok(LogExpr { matchers, stages })
    }

    /// The stage that comes next; none if no stage does.
    pub(super) fn stage(&mut self) -> Parsed<Option<Stage>> {
        let next = self.ahead(1);
        let op = LineOp::ALL.into_iter().find(|op| self.is_symbol(op.name()));
        if let Some(op) = op.filter(|_| next.kind == Kind::Text || next.text == "ip") {
            self.take();
            return self.line_filter(op).map(|filter| Some(Stage::Line(filter)));
        }
        // `unwrap` belongs to what is computed over a range, which reads it itself.
        if !self.is_symbol("|") || next.text == "unwrap" {
            return Ok(None);
        }
        self.take();
        self.named_stage().map(Some)
    }

    fn line_filter(&mut self, op: LineOp) -> Parsed<LineFilter> {
        let mut wanted = vec![self.line_wanted(op)?];
        while self.is_name("or") && (self.ahead(1).kind == Kind::Text || self.ahead(1).text == "ip") {
            self.take();
            wanted.push(self.line_wanted(op)?);
        }
        Ok(LineFilter { op, wanted })
    }

    fn line_wanted(&mut self, op: LineOp) -> Parsed<LineWanted> {
        let place = self.peek();
        if self.accept_name("ip") {
            if !matches!(op, LineOp::Contains | LineOp::NotContains) {
                return Err(self.error(place, "ip: only |= and != are possible with it"));
            }
            return self.ip_text().map(LineWanted::Ip);
        }
        let text = self.text()?;
        let checked = match op {
            LineOp::Regex | LineOp::NotRegex => go_regex_unanchored(&text).map(|_| ()).map_err(|why| why.to_string()),
            LineOp::Pattern | LineOp::NotPattern => check_line_pattern(&text),
            LineOp::Contains | LineOp::NotContains => Ok(()),
        };
        checked.map_err(|why| self.error(place, why))?;
        Ok(LineWanted::Text(text))
    }

    /// `("10.0.0.0/8")`.
    fn ip_text(&mut self) -> Parsed<String> {
        self.expect("(")?;
        let place = self.peek();
        let text = self.text()?;
        self.expect(")")?;
        parse_ips(&text).map_err(|why| self.error(place, why))?;
        Ok(text)
    }

    /// A stage behind its `|`.
    fn named_stage(&mut self) -> Parsed<Stage> {
        let token = self.peek();
        // A label may be called as a stage is: then an operator follows.
        let is_label = self.ahead(1).kind == Kind::Symbol && !["|", ")", "[", ","].contains(&self.ahead(1).text);
        if token.kind != Kind::Name || is_label && !LineOp::ALL.iter().any(|op| self.ahead(1).text == op.name()) {
            return self.label_filter(0).map(Stage::Label);
        }
        let stage = match token.text {
            "json" => {
                self.take();
                Stage::Json(self.extractions(true)?)
            }
            "logfmt" => {
                self.take();
                self.logfmt()?
            }
            "regexp" => {
                self.take();
                Stage::Regexp(self.checked_text(check_regexp)?)
            }
            "pattern" => {
                self.take();
                Stage::Pattern(self.checked_text(check_pattern)?)
            }
            "line_format" => {
                self.take();
                Stage::LineFormat(self.checked_text(check_template)?)
            }
            "label_format" => {
                self.take();
                Stage::LabelFormat(self.label_formats()?)
            }
            "unpack" => {
                self.take();
                Stage::Unpack
            }
            "decolorize" => {
                self.take();
                Stage::Decolorize
            }
            "drop" => {
                self.take();
                Stage::Drop(self.label_choices()?)
            }
            "keep" => {
                self.take();
                Stage::Keep(self.label_choices()?)
            }
            _ => Stage::Label(self.label_filter(0)?),
        };
        Ok(stage)
    }

    fn checked_text(&mut self, check: fn(&str) -> Result<(), String>) -> Parsed<String> {
        let place = self.peek();
        let text = self.text()?;
        check(&text).map_err(|why| self.error(place, why))?;
        Ok(text)
    }

    fn logfmt(&mut self) -> Parsed<Stage> {
        let (mut strict, mut keep_empty) = (false, false);
        while self.peek().kind == Kind::Flag {
            let flag = self.take();
            match flag.text {
                "--strict" => strict = true,
                "--keep-empty" => keep_empty = true,
                other => {
                    return Err(self.error(flag, format!("unexpected {other}, expecting --strict or --keep-empty")));
                }
            }
        }
        Ok(Stage::Logfmt { strict, keep_empty, extractions: self.extractions(false)? })
    }

    /// `a, b="path"`.
    fn extractions(&mut self, are_paths: bool) -> Parsed<Vec<Extraction>> {
        let mut all = Vec::new();
        if self.peek().kind != Kind::Name || is_word_operator(self.peek()) {
            return Ok(all);
        }
        loop {
            let label = self.name()?;
            let path = if self.accept("=") {
                let place = self.peek();
                let path = self.text()?;
                if are_paths {
                    check_path(&path).map_err(|why| self.error(place, why))?;
                }
                path
            } else {
                label.clone()
            };
            all.push(Extraction { label, path });
            if !self.accept(",") {
                return Ok(all);
            }
        }
    }

    fn label_formats(&mut self) -> Parsed<Vec<LabelFormat>> {
        let mut all: Vec<LabelFormat> = Vec::new();
        loop {
            let place = self.peek();
            let to = self.name()?;
            if all.iter().any(|format| format.to == to) {
                return Err(
                    self.error(place, format!("multiple label name '{to}' not allowed in a single format operation"))
                );
            }
            if to == "__error__" {
                return Err(self.error(place, "__error__ cannot be formatted"));
            }
            self.expect("=")?;
            let from = if self.peek().kind == Kind::Text {
                FormatSource::Template(self.checked_text(check_template)?)
            } else {
                FormatSource::Label(self.name()?)
            };
            all.push(LabelFormat { to, from });
            if !self.accept(",") {
                return Ok(all);
            }
        }
    }

    fn label_choices(&mut self) -> Parsed<Vec<LabelChoice>> {
        let mut all = Vec::new();
        loop {
            let name = self.name()?;
            let is_value = ["=", "!=", "=~", "!~"].iter().any(|op| self.is_symbol(op));
            all.push(if is_value { LabelChoice::Value(self.matcher(name)?) } else { LabelChoice::Name(name) });
            if !self.accept(",") {
                return Ok(all);
            }
        }
    }

    /// A condition on labels; `and` binds tighter than `or`, and so do a comma and nothing at all.
    pub(super) fn label_filter(&mut self, at_least: u8) -> Parsed<LabelFilter> {
        let mut left = self.label_operand()?;
        loop {
            let token = self.peek();
            let (strength, has_token) = match (token.kind, token.text) {
                (Kind::Name, name) if name.eq_ignore_ascii_case("or") => (1, true),
                (Kind::Name, name) if name.eq_ignore_ascii_case("and") => (2, true),
                (Kind::Symbol, ",") => (2, true),
                (Kind::Name, _) if !is_word_operator(token) && is_comparison(self.ahead(1)) => (2, false),
                (Kind::Symbol, "(") => (2, false),
                _ => return Ok(left),
            };
            if strength <= at_least {
                return Ok(left);
            }
            // Between two queries for numbers, `and` is no part of a condition.
            if has_token && !(self.ahead(1).text == "(" || is_comparison(self.ahead(2))) {
                return Ok(left);
            }
            if has_token {
                self.take();
            }
            self.operator(token)?;
            let right = self.deeper(|parser| parser.label_filter(strength))?;
            let (a, b) = (Box::new(left), Box::new(right));
            left = if strength == 1 { LabelFilter::Or(a, b) } else { LabelFilter::And(a, b) };
        }
    }

    fn label_operand(&mut self) -> Parsed<LabelFilter> {
        if self.accept("(") {
            let inner = self.deeper(|parser| parser.label_filter(0))?;
            self.expect(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        let (op, value) = (self.peek(), self.ahead(1));
        match value.kind {
            Kind::Text => return self.matcher(name).map(LabelFilter::Text),
            Kind::Name if value.text == "ip" && matches!(op.text, "=" | "!=") => {
                self.take();
                self.take();
                return Ok(LabelFilter::Ip { name, negated: op.text == "!=", wanted: self.ip_text()? });
            }
            _ => {}
        }
        let op = match op.text {
            "=" | "==" => BinaryOp::Equal,
            "!=" => BinaryOp::NotEqual,
            ">" => BinaryOp::Greater,
            ">=" => BinaryOp::GreaterOrEqual,
            "<" => BinaryOp::Less,
            "<=" => BinaryOp::LessOrEqual,
            _ => return Err(self.unexpected("a comparison")),
        };
        self.take();
        Ok(LabelFilter::Quantity { name, op, value: self.quantity()? })
    }

    fn quantity(&mut self) -> Parsed<Quantity> {
        let is_negative = self.is_symbol("-");
        let token = if is_negative { self.ahead(1) } else { self.peek() };
        match token.kind {
            Kind::Duration => {
                if is_negative {
                    self.take();
                }
                self.take();
                let text = format!("{}{}", if is_negative { "-" } else { "" }, token.text);
                let ns = units::duration_ns(&text).unwrap_or_default();
                Ok(Quantity::Duration(ns, text))
            }
            Kind::Bytes => {
                self.take();
                Ok(Quantity::Bytes(units::bytes(token.text).unwrap_or_default(), token.text.to_owned()))
            }
            _ => self.signed_number().map(Quantity::Number),
        }
    }
}

/// Whether a name is an operator here and no label.
fn is_word_operator(token: Token<'_>) -> bool {
    const WORDS: [&str; 10] = ["and", "or", "unless", "by", "without", "offset", "on", "ignoring", "bool", "unwrap"];
    token.kind == Kind::Name && WORDS.iter().any(|word| token.text.eq_ignore_ascii_case(word))
}

fn is_comparison(token: Token<'_>) -> bool {
    token.kind == Kind::Symbol && ["=", "==", "!=", "=~", "!~", ">", ">=", "<", "<="].contains(&token.text)
}
