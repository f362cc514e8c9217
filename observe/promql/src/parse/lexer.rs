//! From text to tokens.
//!
//! What a character may mean depends on where it stands, as in Prometheus's lexer: within braces words are no keywords,
//! within brackets only durations and what computes them may stand until the first number.

use crate::ast::{BinaryOp, Span};
use crate::parse::ParseError;
use crate::parse::token::{Keyword, Token, TokenKind, duration_keyword, keyword};
use crate::text::{go_quote, go_quote_char};

/// What stands for the end of the input in errors that name a character.
const NO_CHARACTER: char = char::REPLACEMENT_CHARACTER;

/// Hands out token after token. After an error there is nothing more to be had.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    input: &'a str,
    /// The next character.
    at: usize,
    /// Where the token begins that is being read.
    start: usize,
    depth: usize,
    in_braces: bool,
    in_brackets: bool,
    /// Whether a bracket was opened, and no number has come since.
    in_duration: bool,
    colon_seen: bool,
    duration_seen: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self {
            input,
            at: 0,
            start: 0,
            depth: 0,
            in_braces: false,
            in_brackets: false,
            in_duration: false,
            colon_seen: false,
            duration_seen: false,
        }
    }

    /// The next token; the last one is [`TokenKind::End`].
    pub(crate) fn next_token(&mut self) -> Result<Token, ParseError> {
        loop {
            self.start = self.at;
            if self.in_duration {
                if let Some(token) = self.duration_token()? {
                    return Ok(token);
                }
                continue;
            }
            if self.rest().starts_with('#') {
                self.skip_while(|c| c != '\n' && c != '\r');
                continue;
            }
            let Some(c) = self.peek() else { return self.end() };
            if is_space(c) {
                self.skip_while(is_space);
                continue;
            }
            return if self.in_braces { self.brace_token() } else { self.statement_token() };
        }
    }

    fn end(&self) -> Result<Token, ParseError> {
        if self.in_braces {
            Err(self.error("unexpected end of input inside braces"))
        } else if self.depth > 0 {
            Err(self.error("unclosed left parenthesis"))
        } else if self.in_brackets {
            Err(self.error("unclosed left bracket"))
        } else {
            Ok(self.token(TokenKind::End))
        }
    }

    fn rest(&self) -> &'a str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    /// Takes the next character if it is one of these.
    fn accept(&mut self, valid: &str) -> bool {
        let found = self.is(valid);
        if found {
            self.bump();
        }
        found
    }

    fn is(&self, valid: &str) -> bool {
        self.peek().is_some_and(|c| valid.contains(c))
    }

    fn text(&self) -> &'a str {
        &self.input[self.start..self.at]
    }

    fn token(&self, kind: TokenKind) -> Token {
        Token { kind, span: Span { start: self.start, end: self.at } }
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message, Span { start: self.start, end: self.input.len() }, self.input)
    }

    fn statement_token(&mut self) -> Result<Token, ParseError> {
        let Some(c) = self.bump() else { return self.end() };
        let kind = match c {
            ',' => TokenKind::Comma,
            '*' => TokenKind::Operator(BinaryOp::Mul),
            '/' => TokenKind::Operator(BinaryOp::Div),
            '%' => TokenKind::Operator(BinaryOp::Mod),
            '+' => TokenKind::Operator(BinaryOp::Add),
            '-' => TokenKind::Operator(BinaryOp::Sub),
            '^' => TokenKind::Operator(BinaryOp::Pow),
            '@' => TokenKind::At,
            '=' | '!' | '<' | '>' => return self.comparison(c),
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            '(' | ')' => return self.paren(c),
            '{' => {
                self.in_braces = true;
                TokenKind::LeftBrace
            }
            '[' if self.in_brackets => {
                return Err(self.error(format!("unexpected left bracket {}", go_quote_char(c))));
            }
            '[' => {
                self.colon_seen = false;
                self.in_brackets = true;
                self.in_duration = true;
                TokenKind::LeftBracket
            }
            ']' if !self.in_brackets => {
                return Err(self.error(format!("unexpected right bracket {}", go_quote_char(c))));
            }
            ']' => {
                self.in_brackets = false;
                TokenKind::RightBracket
            }
            _ if is_digit(c) || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.at = self.start;
                return self.number_or_duration();
            }
            _ if (is_alpha(c) || c == ':') && self.in_brackets => return self.bracket_word(c),
            _ if is_alpha(c) || c == ':' => return Ok(self.word()),
            _ => return Err(self.error(format!("unexpected character: {}", go_quote_char(c)))),
        };
        Ok(self.token(kind))
    }

    fn comparison(&mut self, first: char) -> Result<Token, ParseError> {
        let next = self.peek();
        let (kind, two) = match (first, next) {
            ('=', Some('=')) => (TokenKind::Operator(BinaryOp::Equal), true),
            ('=', Some('~')) => return Err(self.error("unexpected character after '=': '~'")),
            ('=', _) => (TokenKind::Assign, false),
            ('!', Some('=')) => (TokenKind::Operator(BinaryOp::NotEqual), true),
            ('!', _) => {
                let other = go_quote_char(next.unwrap_or(NO_CHARACTER));
                return Err(self.error(format!("unexpected character after '!': {other}")));
            }
            ('<', Some('=')) => (TokenKind::Operator(BinaryOp::LessOrEqual), true),
            ('<', Some('/')) => (TokenKind::Operator(BinaryOp::TrimUpper), true),
            ('<', _) => (TokenKind::Operator(BinaryOp::Less), false),
            (_, Some('=')) => (TokenKind::Operator(BinaryOp::GreaterOrEqual), true),
            (_, Some('/')) => (TokenKind::Operator(BinaryOp::TrimLower), true),
            _ => (TokenKind::Operator(BinaryOp::Greater), false),
        };
        if two {
            self.bump();
        }
        Ok(self.token(kind))
    }

    fn paren(&mut self, c: char) -> Result<Token, ParseError> {
        if c == '(' {
            self.depth += 1;
            return Ok(self.token(TokenKind::LeftParen));
        }
        let token = self.token(TokenKind::RightParen);
        let Some(depth) = self.depth.checked_sub(1) else {
            self.start = self.at;
            return Err(self.error("unexpected right parenthesis ')'"));
        };
        self.depth = depth;
        Ok(token)
    }

    /// A letter or a colon within brackets, after the first number.
    fn bracket_word(&mut self, c: char) -> Result<Token, ParseError> {
        if c == ':' {
            if self.colon_seen {
                return Err(self.error("unexpected colon ':'"));
            }
            self.colon_seen = true;
            return Ok(self.token(TokenKind::Colon));
        }
        match self.duration_word(c) {
            Some(keyword) => Ok(self.token(TokenKind::Keyword(keyword))),
            None => Err(self.error(format!("unexpected character: {}, expected ':'", go_quote_char(c)))),
        }
    }

    /// The rest of a word that begins with this character; none if it has no meaning within brackets.
    fn duration_word(&mut self, c: char) -> Option<Keyword> {
        if !matches!(c.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.skip_while(is_alpha);
        duration_keyword(&self.text().to_ascii_lowercase())
    }

    /// A token within brackets before the first number; none for space.
    fn duration_token(&mut self) -> Result<Option<Token>, ParseError> {
        let Some(c) = self.bump() else {
            return Err(self.error("unexpected end of input in duration expression"));
        };
        let kind = match c {
            _ if is_space(c) => return Ok(None),
            ']' => {
                self.in_brackets = false;
                self.in_duration = false;
                self.colon_seen = false;
                TokenKind::RightBracket
            }
            ':' => {
                let token = self.token(TokenKind::Colon);
                self.start = self.at;
                if !self.duration_seen {
                    return Err(self.error("unexpected colon before duration in duration expression"));
                }
                if self.colon_seen {
                    return Err(self.error("unexpected repeated colon in duration expression"));
                }
                self.colon_seen = true;
                return Ok(Some(token));
            }
            '(' | ')' => return self.paren(c).map(Some),
            '+' => TokenKind::Operator(BinaryOp::Add),
            '-' => TokenKind::Operator(BinaryOp::Sub),
            '*' => TokenKind::Operator(BinaryOp::Mul),
            '/' => TokenKind::Operator(BinaryOp::Div),
            '%' => TokenKind::Operator(BinaryOp::Mod),
            '^' => TokenKind::Operator(BinaryOp::Pow),
            ',' => TokenKind::Comma,
            _ if is_digit(c) || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.at = self.start;
                self.duration_seen = true;
                self.in_duration = false;
                return self.number_or_duration().map(Some);
            }
            _ => match self.duration_word(c) {
                Some(keyword) => TokenKind::Keyword(keyword),
                None => {
                    let c = go_quote_char(c);
                    return Err(self.error(format!("unexpected character in duration expression: {c}")));
                }
            },
        };
        Ok(Some(self.token(kind)))
    }

    fn brace_token(&mut self) -> Result<Token, ParseError> {
        let Some(c) = self.bump() else { return self.end() };
        let kind = match c {
            _ if is_alpha(c) => {
                self.skip_while(is_alphanumeric);
                TokenKind::Identifier
            }
            ',' => TokenKind::Comma,
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            '=' if self.accept("~") => TokenKind::MatchRegex,
            '=' => TokenKind::Assign,
            '!' => match self.bump() {
                Some('~') => TokenKind::MatchNotRegex,
                Some('=') => TokenKind::Operator(BinaryOp::NotEqual),
                other => {
                    let other = go_quote_char(other.unwrap_or(NO_CHARACTER));
                    return Err(self.error(format!("unexpected character after '!' inside braces: {other}")));
                }
            },
            '{' => return Err(self.error("unexpected left brace '{'")),
            '}' => {
                self.in_braces = false;
                TokenKind::RightBrace
            }
            _ => return Err(self.error(format!("unexpected character inside braces: {}", go_quote_char(c)))),
        };
        Ok(self.token(kind))
    }

    /// A keyword or an identifier. Its first character is read.
    fn word(&mut self) -> Token {
        self.skip_while(|c| is_alphanumeric(c) || c == ':');
        let word = self.text();
        let kind = match keyword(word) {
            // Metrics may be called so: before these became keywords they were.
            Some(TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.rest().trim_start_matches(is_space).starts_with('(') =>
            {
                TokenKind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        };
        self.token(kind)
    }

    /// A string up to its quote; the first quote is read.
    fn string(&mut self, quote: char) -> Result<Token, ParseError> {
        loop {
            match self.bump() {
                Some('\\') => self.escape(quote)?,
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.error("invalid UTF-8 rune")),
                None | Some('\n') => return Err(self.error("unterminated quoted string")),
                Some(c) if c == quote => return Ok(self.token(TokenKind::String)),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Result<Token, ParseError> {
        loop {
            match self.bump() {
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.error("invalid UTF-8 rune")),
                None => return Err(self.error("unterminated raw string")),
                Some('`') => return Ok(self.token(TokenKind::String)),
                Some(_) => {}
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, quote: char) -> Result<(), ParseError> {
        let unfinished = "escape sequence not terminated";
        let Some(c) = self.bump() else { return Err(self.error(unfinished)) };
        let (digits, base, most, mut code) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            _ if c == quote => return Ok(()),
            '0'..='7' => (2, 8, 255, u32::from(c) - u32::from('0')),
            'x' => (2, 16, 255, 0),
            'u' => (4, 16, u32::from(char::MAX), 0),
            'U' => (8, 16, u32::from(char::MAX), 0),
            _ => return Err(self.error(format!("unknown escape sequence {}", unicode(c)))),
        };
        for _ in 0..digits {
            let Some(c) = self.bump() else { return Err(self.error(unfinished)) };
            let Some(digit) = c.to_digit(base) else {
                return Err(self.error(format!("illegal character {} in escape sequence", unicode(c))));
            };
            code = code.wrapping_mul(base).wrapping_add(digit);
        }
        if code > most || (0xD800..0xE000).contains(&code) {
            return Err(self.error("escape sequence is an invalid Unicode code point"));
        }
        Ok(())
    }

    fn number_or_duration(&mut self) -> Result<Token, ParseError> {
        if self.scan_number() {
            return Ok(self.token(TokenKind::Number));
        }
        if self.scan_duration() {
            return Ok(self.token(TokenKind::Duration));
        }
        Err(self.error(format!("bad number or duration syntax: {}", go_quote(self.text()))))
    }

    /// Reads the units and further numbers of a duration whose first number is read.
    fn scan_duration(&mut self) -> bool {
        if !self.accept("smhdwy") {
            return false;
        }
        // Of ms. Units such as hs are found when the duration is parsed.
        self.accept("s");
        while self.accept("0123456789") {
            self.skip_while(is_digit);
            if !self.accept("smhdw") {
                return false;
            }
            self.accept("s");
        }
        let ends = !self.peek().is_some_and(is_alphanumeric);
        if !ends {
            self.bump();
        }
        ends
    }

    /// Reads what may be a number; whether it is one, its parser knows.
    fn scan_number(&mut self) -> bool {
        let begin = self.at;
        let mut digits = "0123456789";
        let hexadecimal = self.accept("0") && self.accept("xX");
        if hexadecimal {
            self.accept("_");
            digits = "0123456789abcdefABCDEF";
        }
        self.accept(".");
        self.accept(digits);
        let (mut dot_seen, mut exponent_seen) = (false, false);
        while self.is(digits) || self.is("._eE") {
            if (self.is(".") && dot_seen) || (self.is("eE") && exponent_seen) {
                self.bump();
                return false;
            }
            if self.accept(".") {
                dot_seen = true;
                if self.accept("_.") || hexadecimal {
                    return false;
                }
            } else if self.accept("eE") {
                exponent_seen = true;
                self.accept("+-");
                if self.accept("._eE") || self.peek().is_none() {
                    return false;
                }
            } else if self.accept("_") {
                if self.accept("._eE") || self.peek().is_none() {
                    return false;
                }
            } else {
                self.skip_while(|c| digits.contains(c));
            }
        }
        self.at > begin && !self.peek().is_some_and(is_alphanumeric)
    }
}

/// As `%#U` writes a character.
fn unicode(c: char) -> String {
    let code = format!("U+{:04X}", u32::from(c));
    if c.is_control() { code } else { format!("{code} '{c}'") }
}

pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(crate) fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

pub(crate) fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

pub(crate) fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || is_digit(c)
}
