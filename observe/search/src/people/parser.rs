//! Reading a query: `OR` binds less than what stands side by side, and that less than `-`.

use std::mem::discriminant;

use vitrine_kit::duration;
use vitrine_observe_model::{LogField, SpanId, TraceId};

use super::filter;
use super::level::Level;
use super::lexer::{Lexer, Word};
use super::names;
use super::tree::{
    Amount, Comparison, Field, MAX_BYTES, MAX_DEPTH, MAX_PATTERNS, MAX_TERMS, Node, SyntaxError, Term, Test, all, any,
};

/// The comparisons, the longer ones first.
const COMPARISONS: [(&str, Comparison); 4] =
    [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::Greater), ("<", Comparison::Less)];
/// What may stand after a key.
const VALUES: &str = "a value such as text, \"a text\", te*t, /regex/, *, >5, <=200ms, 200..299 or (a OR b)";

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser { lexer: Lexer { text, at: 0 }, depth: 0, terms: 0, patterns: 0 };
    if text.len() > MAX_BYTES {
        let problem = format!("a query of {} bytes", text.len());
        return Err(parser.lexer.error_at(0, problem, format!("{MAX_BYTES} bytes or fewer")));
    }
    parser.lexer.skip_blanks();
    if parser.lexer.rest().is_empty() {
        return Ok(Node::All(Vec::new()));
    }
    let node = parser.alternatives(None)?;
    match parser.lexer.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("a bracket is closed that was not opened", "( before it, or the text in quotes")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
    terms: usize,
    patterns: usize,
}

impl Parser<'_> {
    fn error(&self, problem: impl Into<String>, expected: impl Into<String>) -> SyntaxError {
        self.lexer.error_at(self.lexer.at, problem, expected)
    }

    /// `a OR b`; within brackets after a key, of this field.
    fn alternatives(&mut self, field: Option<&Field>) -> Result<Node, SyntaxError> {
        let mut nodes = vec![self.sequence(field)?];
        while self.lexer.operator("OR") {
            nodes.push(self.sequence(field)?);
        }
        Ok(any(nodes))
    }

    /// `a b`, up to what ends it.
    fn sequence(&mut self, field: Option<&Field>) -> Result<Node, SyntaxError> {
        let mut nodes = vec![self.negation(field)?];
        loop {
            self.lexer.skip_blanks();
            let begin = self.lexer.at;
            if self.lexer.operator("AND") {
                nodes.push(self.negation(field)?);
            } else if self.lexer.operator("OR") {
                self.lexer.at = begin;
                return Ok(all(nodes));
            } else if matches!(self.lexer.peek(), None | Some(')')) {
                return Ok(all(nodes));
            } else {
                nodes.push(self.negation(field)?);
            }
        }
    }

    fn negation(&mut self, field: Option<&Field>) -> Result<Node, SyntaxError> {
        self.lexer.skip_blanks();
        if self.lexer.take('-') {
            if self.lexer.peek().is_none_or(char::is_whitespace) {
                return Err(self.error("nothing stands after -", "what it must not have, such as -level:debug"));
            }
        } else if !self.lexer.operator("NOT") {
            return self.condition(field);
        }
        let node = self.deeper(|parser| parser.negation(field))?;
        Ok(Node::Not(Box::new(node)))
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<Node, SyntaxError>) -> Result<Node, SyntaxError> {
        if self.depth == MAX_DEPTH {
            let expected = format!("{MAX_DEPTH} levels of brackets and negations, or fewer");
            return Err(self.error("it is nested too deeply", expected));
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    /// Brackets, or one condition.
    fn condition(&mut self, field: Option<&Field>) -> Result<Node, SyntaxError> {
        let begin = self.lexer.at;
        if self.lexer.take('(') {
            let node = self.deeper(|parser| parser.alternatives(field))?;
            return if self.lexer.take(')') {
                Ok(node)
            } else {
                Err(self.lexer.error_at(begin, "a bracket is not closed", ") after the conditions"))
            };
        }
        let operator = ["AND", "OR"].into_iter().find(|name| self.lexer.operator(name));
        if let Some(operator) = operator {
            let expected = format!("a condition before {operator}; as a text it is in quotes");
            return Err(self.lexer.error_at(begin, format!("{operator} has nothing before it"), expected));
        }
        if matches!(self.lexer.peek(), None | Some(')')) {
            return Err(self.error("a condition is missing", "a word, \"a text\", key:value or (…)"));
        }
        match field {
            Some(field) => self.value(begin, field.clone()),
            None => self.keyed(begin),
        }
    }

    /// `key:value`, or a text alone.
    fn keyed(&mut self, begin: usize) -> Result<Node, SyntaxError> {
        if self.lexer.peek() != Some('/') {
            let word = self.lexer.word(true)?;
            if self.lexer.take(':') {
                let key = word.text().filter(|key| !key.is_empty());
                let Some(key) = key else {
                    return Err(self.lexer.error_at(begin, "this is no key", "the name of a field before the colon"));
                };
                let field = names::field(key, word.begins_quoted);
                if self.lexer.take('(') {
                    let node = self.deeper(|parser| parser.alternatives(Some(&field)))?;
                    return if self.lexer.take(')') {
                        Ok(node)
                    } else {
                        Err(self.lexer.error_at(begin, "a bracket is not closed", ") after the values"))
                    };
                }
                if self.lexer.is_between() {
                    return Err(self.error(format!("{key}: has no value"), VALUES));
                }
                return self.value(begin, field);
            }
            self.lexer.at = begin;
        }
        self.value(begin, Field::Log(LogField::Any))
    }

    /// What a field must be.
    fn value(&mut self, begin: usize, field: Field) -> Result<Node, SyntaxError> {
        let at = self.lexer.at;
        let is_any = field == Field::Log(LogField::Any);
        let comparison = COMPARISONS.iter().find(|(sign, _)| !is_any && self.lexer.rest().starts_with(sign));
        let test = if let Some(source) = self.lexer.regex() {
            Test::Regex(source)
        } else if let Some((sign, comparison)) = comparison {
            self.lexer.at += sign.len();
            let word = self.lexer.word(false)?;
            let amount = word.text().and_then(|text| amount(&field, text));
            let expected = "a number such as 5 or 0.25, a duration such as 200ms, or for level one such as warn";
            Test::Compare(*comparison, amount.ok_or_else(|| self.lexer.error_at(at, "this is no amount", expected))?)
        } else {
            let word = self.lexer.word(false)?;
            match self.range(at, &field, &word)? {
                Some(test) => test,
                None if word.parts.len() == 1 => Test::Text(word.parts.concat()),
                None if word.parts.iter().all(String::is_empty) && is_any => return Ok(Node::All(Vec::new())),
                None if word.parts.iter().all(String::is_empty) => Test::Exists,
                None => Test::Wildcard(word.parts),
            }
        };
        let term = self.checked(at, Term { field, test })?;
        self.count(begin, &term)?;
        Ok(Node::Term(term))
    }

    /// `200..299`
    fn range(&self, at: usize, field: &Field, word: &Word) -> Result<Option<Test>, SyntaxError> {
        let text = word.text().filter(|_| !word.is_quoted && *field != Field::Log(LogField::Any));
        let Some((low, high)) = text.and_then(|text| text.split_once("..")) else { return Ok(None) };
        let (Some(low), Some(high)) = (amount(field, low), amount(field, high)) else { return Ok(None) };
        if discriminant(&low) == discriminant(&high) && low <= high {
            return Ok(Some(Test::Between(low, high)));
        }
        Err(self.lexer.error_at(at, "this is no range", "two amounts of one kind, the smaller one first"))
    }

    /// A condition that its field can be asked for, as it is always written.
    fn checked(&self, at: usize, term: Term) -> Result<Term, SyntaxError> {
        let wrong = |problem: &str, expected: &str| Err(self.lexer.error_at(at, problem, expected));
        let is_amount = matches!(term.test, Test::Compare(..) | Test::Between(..));
        let id = |text: &str, read: fn(&str) -> Option<String>| {
            read(text).ok_or_else(|| self.lexer.error_at(at, "this is no id", "hexadecimal digits, not all zero"))
        };
        let field = match &term.field {
            Field::Log(field) => field.clone(),
            Field::Status => return Ok(term),
        };
        let test = match (field, term.test) {
            (LogField::Any, Test::Text(text)) if text.is_empty() => {
                return wrong("this text is empty", "a text that is looked for, or * for everything");
            }
            (LogField::TraceId, Test::Text(text)) => {
                Test::Text(id(&text, |t| Some(TraceId::parse(t).ok()?.to_string()))?)
            }
            (LogField::SpanId, Test::Text(text)) => {
                Test::Text(id(&text, |t| Some(SpanId::parse(t).ok()?.to_string()))?)
            }
            (LogField::TraceId | LogField::SpanId, test) if test != Test::Exists => {
                return wrong("ids are whole or not", "hexadecimal digits, or *");
            }
            (LogField::Severity, Test::Compare(_, Amount::Duration(_)) | Test::Between(Amount::Duration(_), _)) => {
                return wrong("a level is no duration", "a level such as warn, or a severity number");
            }
            (
                LogField::Service
                | LogField::SeverityText
                | LogField::Body
                | LogField::EventName
                | LogField::ScopeName
                | LogField::ScopeVersion,
                _,
            ) if is_amount => return wrong("this field is a text", "a text, in quotes if it looks like an amount"),
            (_, test) => test,
        };
        let term = Term { test, ..term };
        match filter::of_term(&term) {
            Ok(_) => Ok(term),
            Err(problem) => wrong(&format!("a regular expression cannot be compiled: {problem}"), "one that can be"),
        }
    }

    fn count(&mut self, begin: usize, term: &Term) -> Result<(), SyntaxError> {
        self.terms += 1;
        self.patterns += usize::from(matches!(term.test, Test::Regex(_) | Test::Wildcard(_)));
        let limits = [(self.terms, MAX_TERMS, "conditions"), (self.patterns, MAX_PATTERNS, "patterns")];
        match limits.into_iter().find(|(count, most, _)| count > most) {
            Some((_, most, of)) => {
                Err(self.lexer.error_at(begin, format!("there are too many {of}"), format!("{most} {of} or fewer")))
            }
            None => Ok(()),
        }
    }
}

/// Reads an amount that a field can have.
fn amount(field: &Field, text: &str) -> Option<Amount> {
    let is_numeric = |text: &str| text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    let number = || text.parse().ok().filter(|number: &f64| is_numeric(text) && number.is_finite());
    let level = || Level::parse(text).filter(|_| *field == Field::Log(LogField::Severity));
    let time = || duration::parse(text).map(Amount::Duration);
    number().map(Amount::Number).or_else(|| level().map(Amount::Level)).or_else(time)
}
