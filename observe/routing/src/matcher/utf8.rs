//! The syntax in which names and values are any UTF-8: in quotes, or without quotes as long as nothing reserved is in them.

use vitrine_observe_series::MatchOp;

use super::{Matcher, MatcherError, is_reserved};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Comma,
    Op(MatchOp),
    Quoted,
    Unquoted,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// Characters before it and up to its end.
    columns: (usize, usize),
}

/// Reads matchers, in braces or without.
pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let tokens = tokens(text)?;
    let mut rest = tokens.as_slice();
    let has_brace = rest.first().is_some_and(|token| token.kind == Kind::Open);
    if has_brace {
        rest = &rest[1..];
    }
    let mut matchers = Vec::new();
    while let Some(token) = rest.first()
        && token.kind != Kind::Close
    {
        let (matcher, after) = matcher(rest)?;
        matchers.push(matcher);
        rest = match after.first().map(|token| token.kind) {
            Some(Kind::Comma) => &after[1..],
            Some(Kind::Close) | None => after,
            Some(_) => return Err(unexpected(&after[0], "a comma or close brace")),
        };
    }
    match (has_brace, rest) {
        (false, []) => Ok(matchers),
        (true, [close]) if close.kind == Kind::Close => Ok(matchers),
        (true, []) => Err(MatcherError(format!("0:{}: end of input: expected close brace", text.chars().count()))),
        (false, [close, ..]) => Err(MatcherError(format!("0:{}: }}: expected opening brace", close.columns.1))),
        (true, [_, more, ..]) => Err(unexpected(more, "end of input")),
        (true, [other]) => Err(unexpected(other, "close brace")),
    }
}

fn unexpected(token: &Token<'_>, expected: &str) -> MatcherError {
    let (from, to) = token.columns;
    MatcherError(format!("{from}:{to}: unexpected {}: expected {expected}", token.text))
}

/// One matcher, and what follows it.
fn matcher<'t, 'a>(tokens: &'t [Token<'a>]) -> Result<(Matcher, &'t [Token<'a>]), MatcherError> {
    let end = |expected: &str| MatcherError(format!("end of input: expected {expected}"));
    let [name, after @ ..] = tokens else { return Err(end("label name")) };
    let name = text_of(name).ok_or_else(|| unexpected(name, "label name"))??;
    let op_expected = "an operator such as '=', '!=', '=~' or '!~'";
    let [op, after @ ..] = after else { return Err(end(op_expected)) };
    let Kind::Op(op) = op.kind else { return Err(unexpected(op, op_expected)) };
    let [value, after @ ..] = after else { return Err(end("label value")) };
    let value = text_of(value).ok_or_else(|| unexpected(value, "label value"))??;
    Ok((Matcher::new(&name, op, &value)?, after))
}

/// What a name or value says; none for what is neither.
fn text_of(token: &Token<'_>) -> Option<Result<String, MatcherError>> {
    match token.kind {
        Kind::Unquoted => Some(Ok(token.text.to_owned())),
        Kind::Quoted => Some(unquote(token.text).ok_or_else(|| {
            let (from, to) = token.columns;
            MatcherError(format!("{from}:{to}: {}: invalid input", token.text))
        })),
        _ => None,
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, MatcherError> {
    let mut found = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut column = 0;
    while let Some((start, c)) = chars.next() {
        let first = column;
        column += 1;
        if c.is_whitespace() {
            continue;
        }
        let kind = match c {
            '{' => Kind::Open,
            '}' => Kind::Close,
            ',' => Kind::Comma,
            '=' | '!' => {
                let second = chars.peek().map(|(_, c)| *c);
                let op = match (c, second) {
                    ('=', Some('~')) => MatchOp::Regex,
                    ('=', _) => MatchOp::Equal,
                    (_, Some('=')) => MatchOp::NotEqual,
                    (_, Some('~')) => MatchOp::NotRegex,
                    _ => return Err(MatcherError(format!("{first}:{column}: !: expected one of '=~'"))),
                };
                if op != MatchOp::Equal {
                    chars.next();
                    column += 1;
                }
                Kind::Op(op)
            }
            '"' => {
                let mut is_escaped = false;
                loop {
                    let Some((_, c)) = chars.next() else {
                        return Err(MatcherError(format!("{first}:{column}: {}: missing end \"", &text[start..])));
                    };
                    column += 1;
                    match c {
                        _ if is_escaped => is_escaped = false,
                        '\\' => is_escaped = true,
                        '"' => break,
                        _ => {}
                    }
                }
                Kind::Quoted
            }
            c if !is_reserved(c) => {
                while chars.next_if(|(_, c)| !is_reserved(*c)).is_some() {
                    column += 1;
                }
                Kind::Unquoted
            }
            c => return Err(MatcherError(format!("{first}:{column}: {c}: invalid input"))),
        };
        let end = chars.peek().map_or(text.len(), |(place, _)| *place);
        found.push(Token { kind, text: &text[start..end], columns: (first, column) });
    }
    Ok(found)
}

/// Reads a text in double quotes as Go writes it; none where an escape is none, or what comes out is not UTF-8.
fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\n' => return None,
            '\\' => match chars.next()? {
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                c @ ('\\' | '"') => c,
                'u' => char::from_u32(number(&mut chars, 4, 16)?)?,
                'U' => char::from_u32(number(&mut chars, 8, 16)?)?,
                'x' => {
                    bytes.push(u8::try_from(number(&mut chars, 2, 16)?).ok()?);
                    continue;
                }
                first @ '0'..='3' => {
                    let rest = number(&mut chars, 2, 8)?;
                    bytes.push(u8::try_from(first.to_digit(8)? * 64 + rest).ok()?);
                    continue;
                }
                _ => return None,
            },
            c => c,
        };
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The number that so many digits say.
fn number(chars: &mut std::str::Chars<'_>, digits: usize, radix: u32) -> Option<u32> {
    let mut sum = 0_u32;
    for _ in 0..digits {
        sum = sum.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)?;
    }
    Some(sum)
}
