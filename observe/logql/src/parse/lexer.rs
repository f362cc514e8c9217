//! Tokens.

use vitrine_observe_promql::parse::unquote;

use super::ParseError;

/// Operators and brackets, the longer ones first.
const SYMBOLS: [&str; 31] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "==", "=~", ">=", "<=", "=", ">", "<", "|", "{", "}", "(", ")", "[", "]", ",",
    "+", "-", "*", "/", "%", "^", "@", ":", ".", "!",
];

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    End,
    /// An operator or a bracket.
    Symbol,
    /// A name or a keyword.
    Name,
    Text,
    Number,
    Duration,
    Bytes,
    /// `--strict`
    Flag,
}

/// A token: what, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

/// An error at a place of a query.
pub(super) fn error_at(input: &str, at: usize, message: impl Into<String>) -> ParseError {
    let before = input.get(..at).unwrap_or(input);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ParseError::At { line, column, message: message.into() }
}

/// The tokens of a query; the last one is its end.
pub(super) fn tokens(input: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut all = Vec::new();
    let mut at = 0;
    loop {
        at += blank(&input[at..]);
        let rest = &input[at..];
        let Some(first) = rest.chars().next() else { break };
        let (kind, length) = match first {
            '"' | '`' => (Kind::Text, quoted(input, at)?),
            'a'..='z' | 'A'..='Z' | '_' => (Kind::Name, run(rest, |c| c.is_ascii_alphanumeric() || c == '_')),
            '0'..='9' => quantity(input, at)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => quantity(input, at)?,
            '-' if is_flag(rest) => (Kind::Flag, 2 + run(&rest[2..], |c| c.is_ascii_alphabetic() || c == '-')),
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Kind::Symbol, symbol.len()),
                None => return Err(error_at(input, at, format!("syntax error: unexpected character {first:?}"))),
            },
        };
        all.push(Token { kind, text: &rest[..length], start: at });
        at += length;
    }
    all.push(Token { kind: Kind::End, text: "", start: input.len() });
    Ok(all)
}

fn is_flag(rest: &str) -> bool {
    rest.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Bytes of blanks and comments at the beginning.
fn blank(text: &str) -> usize {
    let mut at = 0;
    loop {
        at += run(&text[at..], char::is_whitespace);
        if !text[at..].starts_with('#') {
            return at;
        }
        at += run(&text[at..], |c| c != '\n');
    }
}

/// Bytes at the beginning whose characters are such.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

/// Bytes of a quoted text.
fn quoted(input: &str, at: usize) -> Result<usize, ParseError> {
    let rest = &input[at..];
    let quote = rest.as_bytes()[0];
    let mut is_escaped = false;
    for (place, byte) in rest.bytes().enumerate().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if byte == b'\\' && quote == b'"' {
            is_escaped = true;
        } else if byte == quote {
            let length = place + 1;
            return match unquote(&rest[..length]) {
                Ok(_) => Ok(length),
                Err(why) => Err(error_at(input, at, why)),
            };
        } else if byte == b'\n' && quote == b'"' {
            break;
        }
    }
    Err(error_at(input, at, "literal not terminated"))
}

/// A number, a duration or an amount of bytes.
fn quantity(input: &str, at: usize) -> Result<(Kind, usize), ParseError> {
    let rest = &input[at..];
    let mut length = run(rest, |c| c.is_alphanumeric() || c == '.' || c == 'µ' || c == 'μ');
    // The sign of an exponent.
    let is_exponent = rest[..length].ends_with(['e', 'E']) && rest[..length - 1].parse::<f64>().is_ok();
    if is_exponent && rest[length..].starts_with(['+', '-']) {
        length += 1 + run(&rest[length + 1..], |c| c.is_ascii_digit());
    }
    let text = &rest[..length];
    let kind = if text.parse::<f64>().is_ok() {
        Kind::Number
    } else if crate::units::duration_ns(text).is_some() {
        Kind::Duration
    } else if crate::units::bytes(text).is_some() {
        Kind::Bytes
    } else {
        let why = format!("syntax error: {text:?} is neither a number nor a duration nor an amount of bytes");
        return Err(error_at(input, at, why));
    };
    Ok((kind, length))
}
