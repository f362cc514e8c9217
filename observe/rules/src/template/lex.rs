//! From a template's text to text and actions, each a list of tokens.

use super::TemplateError;

/// Longest template, in bytes.
pub(super) const MAX_TEMPLATE: usize = 1024 * 1024;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// A part of a template.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text that is written as it stands.
    Text(String),
    /// What stands between braces; never empty.
    Action(Vec<Token>),
}

/// What an action consists of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A name or keyword.
    Name(String),
    /// `.name`.
    Field(String),
    /// `$name`, or `$` alone.
    Variable(String),
    Dot,
    Text(String),
    Int(i64),
    Float(f64),
    Bar,
    Left,
    Right,
    Declare,
    Assign,
    Comma,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Its first byte in the template.
    pub(super) start: usize,
    /// The byte behind its last.
    pub(super) end: usize,
    /// Whether white space stands before it.
    pub(super) spaced: bool,
}

/// Splits a template.
pub(super) fn split(name: &str, text: &str) -> Result<Vec<Piece>, TemplateError> {
    let error = |at: usize, message: &str| TemplateError::parse(name, text, at, message);
    if text.len() > MAX_TEMPLATE {
        return Err(error(0, &format!("the template has {} bytes: expected at most {MAX_TEMPLATE}", text.len())));
    }
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trims = false;
    while let Some(found) = text[at..].find(OPEN) {
        let begin = at + found;
        let mut inside = begin + OPEN.len();
        let mut between = &text[at..begin];
        if trims {
            between = between.trim_start_matches(is_space);
        }
        if text[inside..].starts_with('-') && text[inside + 1..].starts_with(is_space) {
            between = between.trim_end_matches(is_space);
            inside += 1;
        }
        if !between.is_empty() {
            pieces.push(Piece::Text(between.to_owned()));
        }
        let comment = text[inside..].trim_start_matches(is_space);
        if comment.starts_with("/*") {
            let start = text.len() - comment.len();
            let end = text[start..].find("*/").ok_or_else(|| error(begin, "unclosed comment"))? + start + 2;
            (at, trims) = close(text, end).ok_or_else(|| error(begin, "comment ends before closing delimiter"))?;
            continue;
        }
        let mut lexer = Lexer { name, text, at: inside, tokens: Vec::new(), parens: 0 };
        (at, trims) = lexer.action(begin)?;
        if lexer.tokens.is_empty() {
            return Err(error(begin, "missing value for command"));
        }
        pieces.push(Piece::Action(lexer.tokens));
    }
    let rest = if trims { text[at..].trim_start_matches(is_space) } else { &text[at..] };
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// White space as Go's templates know it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Where the text goes on behind closing braces, and whether white space is to be cut off there; none if they are not here.
fn close(text: &str, at: usize) -> Option<(usize, bool)> {
    let rest = &text[at..];
    if rest.starts_with(CLOSE) {
        return Some((at + CLOSE.len(), false));
    }
    let mut chars = rest.chars();
    let trims = chars.next().is_some_and(is_space) && chars.as_str().starts_with("-}}");
    trims.then_some((at + 1 + 1 + CLOSE.len(), true))
}

struct Lexer<'a> {
    name: &'a str,
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    parens: usize,
}

impl Lexer<'_> {
    fn error(&self, at: usize, message: &str) -> TemplateError {
        TemplateError::parse(self.name, self.text, at, message)
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Reads tokens up to the closing braces; where the text goes on, and whether white space is to be cut off there.
    fn action(&mut self, begin: usize) -> Result<(usize, bool), TemplateError> {
        let mut spaced = false;
        loop {
            if let Some(behind) = close(self.text, self.at) {
                if self.parens > 0 {
                    return Err(self.error(begin, "unclosed left paren"));
                }
                return Ok(behind);
            }
            let Some(c) = self.rest().chars().next() else { return Err(self.error(begin, "unclosed action")) };
            if is_space(c) {
                self.at += 1;
                spaced = true;
                continue;
            }
            let start = self.at;
            let kind = self.token(c)?;
            self.tokens.push(Token { kind, start, end: self.at, spaced });
            spaced = false;
        }
    }

    fn token(&mut self, c: char) -> Result<Kind, TemplateError> {
        let next = self.rest().chars().nth(1);
        let kind = match c {
            ':' if next == Some('=') => {
                self.at += 1;
                Kind::Declare
            }
            '=' => Kind::Assign,
            ',' => Kind::Comma,
            '|' => Kind::Bar,
            '(' => {
                self.parens += 1;
                Kind::Left
            }
            ')' => {
                self.parens =
                    self.parens.checked_sub(1).ok_or_else(|| self.error(self.at, "unexpected right paren"))?;
                Kind::Right
            }
            '"' | '`' => return self.quoted(c),
            '\'' => return self.character(),
            '$' => {
                self.at += 1;
                let name = self.word();
                return Ok(Kind::Variable(format!("${name}")));
            }
            '.' if !next.is_some_and(|c| c.is_ascii_digit()) => {
                self.at += 1;
                let name = self.word();
                return Ok(if name.is_empty() { Kind::Dot } else { Kind::Field(name) });
            }
            '+' | '-' | '.' | '0'..='9' => return self.number(),
            c if c.is_alphabetic() || c == '_' => return Ok(Kind::Name(self.word())),
            c => {
                let code = u32::from(c);
                return Err(self.error(self.at, &format!("unrecognized character in action: U+{code:04X}{}", shown(c))));
            }
        };
        self.at += 1;
        Ok(kind)
    }

    fn word(&mut self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        self.at += end;
        word
    }

    /// `"…"` with Go's escapes, or raw between backticks.
    fn quoted(&mut self, quote: char) -> Result<Kind, TemplateError> {
        let start = self.at;
        let unclosed = if quote == '`' { "unterminated raw quoted string" } else { "unterminated quoted string" };
        let body = &self.text[start + 1..];
        let mut escaped = false;
        let end = body.char_indices().find_map(|(at, c)| {
            if escaped {
                escaped = false;
                return (c == '\n').then_some((at, false));
            }
            match c {
                '\\' if quote == '"' => escaped = true,
                '\n' if quote == '"' => return Some((at, false)),
                c if c == quote => return Some((at, true)),
                _ => {}
            }
            None
        });
        let Some((end, true)) = end else { return Err(self.error(start, unclosed)) };
        self.at = start + 1 + end + 1;
        let body = &body[..end];
        if quote == '`' {
            return Ok(Kind::Text(body.replace('\r', "")));
        }
        unescape(body).map(Kind::Text).ok_or_else(|| self.error(start, "invalid syntax in a quoted string"))
    }

    /// `'a'`, a number.
    fn character(&mut self) -> Result<Kind, TemplateError> {
        let start = self.at;
        let body = &self.text[start + 1..];
        let skip = if body.starts_with('\\') { 2 } else { 0 };
        let from = body.char_indices().nth(skip.max(1)).map_or(body.len(), |(at, _)| at);
        let end = body[from..]
            .find('\'')
            .map(|at| at + from)
            .ok_or_else(|| self.error(start, "unterminated character constant"))?;
        self.at = start + 1 + end + 1;
        let text = unescape(&body[..end].replace("\\'", "'"));
        let mut chars = text.as_deref().unwrap_or_default().chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Kind::Int(i64::from(u32::from(c)))),
            _ => Err(self.error(start, "malformed character constant")),
        }
    }

    fn number(&mut self) -> Result<Kind, TemplateError> {
        let start = self.at;
        let rest = self.rest();
        let unsigned = rest.trim_start_matches(['+', '-']);
        let sign = rest.len() - unsigned.len();
        let is_hex = unsigned.starts_with("0x") || unsigned.starts_with("0X");
        let mut before = ' ';
        let end = unsigned
            .find(|c: char| {
                let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E' | 'p' | 'P') && !is_hex;
                before = c;
                !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign)
            })
            .unwrap_or(unsigned.len());
        let text = &rest[..sign + end];
        let kind = number(text).filter(|_| sign < 2);
        let message = format!("bad number syntax: {text:?}");
        self.at = start + sign + end.max(1);
        kind.ok_or_else(|| self.error(start, &message))
    }
}

/// A number as Go writes it: decimal, `0x`, `0o`, `0b`, with `_` between digits.
fn number(text: &str) -> Option<Kind> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let plain = digits.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    let whole = |digits: &str, radix: u32| {
        i64::from_str_radix(&format!("{}{digits}", if negative { "-" } else { "" }), radix).ok()
    };
    let starts_right = lower.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !starts_right {
        return None;
    }
    if let Some(digits) = lower.strip_prefix("0x") {
        return whole(digits, 16).map(Kind::Int);
    }
    if let Some(digits) = lower.strip_prefix("0b") {
        return whole(digits, 2).map(Kind::Int);
    }
    if let Some(digits) = lower.strip_prefix("0o") {
        return whole(digits, 8).map(Kind::Int);
    }
    if lower.contains(['.', 'e']) {
        let value: f64 = lower.parse().ok()?;
        return Some(Kind::Float(if negative { -value } else { value }));
    }
    if lower.len() > 1 && lower.starts_with('0') {
        return whole(&lower[1..], 8).map(Kind::Int);
    }
    whole(&lower, 10).map(Kind::Int)
}

/// Go's escapes resolved; none for what is no escape.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let c = rest[at + 1..].chars().next()?;
        let body = &rest[at + 1 + c.len_utf8()..];
        let code = |digits: usize, radix: u32| u32::from_str_radix(body.get(..digits)?, radix).ok();
        let mut taken = 0;
        match c {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' | '"' | '\'' => bytes.push(u8::try_from(c).ok()?),
            'x' => {
                bytes.push(u8::try_from(code(2, 16)?).ok()?);
                taken = 2;
            }
            'u' | 'U' => {
                taken = if c == 'u' { 4 } else { 8 };
                let c = char::from_u32(code(taken, 16)?)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            '0'..='7' => {
                let octal = rest.get(at + 1..at + 4)?;
                bytes.push(u8::try_from(u32::from_str_radix(octal, 8).ok()?).ok()?);
                taken = 2;
            }
            _ => return None,
        }
        rest = body.get(taken..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn shown(c: char) -> String {
    if c.is_control() || c.is_whitespace() { String::new() } else { format!(" '{c}'") }
}
