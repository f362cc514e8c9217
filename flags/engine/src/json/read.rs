//! The reader.

use std::borrow::Cow;

use super::{Json, Kind, MAX_BYTES, MAX_DEPTH, Member};
use crate::error::Malformed;

/// Reads a whole document. An error says at which byte, and what was expected there.
pub fn read(text: &str) -> Result<Json<'_>, Malformed> {
    if text.len() > MAX_BYTES {
        return Err(Malformed {
            at: 0,
            message: format!("a document has at most {MAX_BYTES} bytes: this one has {}", text.len()),
        });
    }
    let mut reader = Reader { text, at: 0 };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.wrong("the end of the document was expected")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn here(&self) -> u32 {
        u32::try_from(self.at).expect("a document is shorter than MAX_BYTES")
    }

    fn wrong(&self, expected: &str) -> Malformed {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => "the document ends".to_owned(),
            Some(c) => format!("{c:?} stands"),
        };
        Malformed { at: self.here(), message: format!("{expected}, and {found} there") }
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, Malformed> {
        let at = self.here();
        let kind = match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                return Err(Malformed { at, message: format!("lists and objects nest at most {MAX_DEPTH} deep") });
            }
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Kind::Text(self.text()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(b'n') => self.word("null", Kind::Null)?,
            _ => return Err(self.wrong("a value was expected")),
        };
        Ok(Json { at, end: self.here(), kind })
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Result<Kind<'a>, Malformed> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong("a value was expected"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn list(&mut self, depth: usize) -> Result<Kind<'a>, Malformed> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.wrong("a comma or the end of the list was expected")),
            }
        }
        self.at += 1;
        Ok(Kind::List(items))
    }

    fn map(&mut self, depth: usize) -> Result<Kind<'a>, Malformed> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Map(members));
        }
        loop {
            self.space();
            let at = self.here();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a name in quotes was expected"));
            }
            let name = self.text()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.wrong("a colon was expected"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth + 1)?;
            members.push(Member { at, name, value });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.wrong("a comma or the end of the object was expected")),
            }
        }
        self.at += 1;
        Ok(Kind::Map(members))
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self) -> Result<Kind<'a>, Malformed> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if self.digits() == 0 {
            return Err(self.wrong("a digit was expected"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.wrong("a digit was expected"));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.wrong("a digit was expected"));
            }
        }
        let text = &self.text[from..self.at];
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Kind::Number(value, Cow::Borrowed(text))),
            _ => {
                Err(Malformed { at: u32::try_from(from).unwrap_or(u32::MAX), message: format!("{text} is no double") })
            }
        }
    }

    /// A text in quotes: borrowed where nothing in it is escaped.
    fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.at += 1;
        let from = self.at;
        self.plain();
        match self.peek() {
            Some(b'"') => {
                let text = &self.text[from..self.at];
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            Some(b'\\') => self.escaped(from),
            _ => Err(self.wrong("the end of the text was expected")),
        }
    }

    /// Goes to the next byte of a text that is not its own: a quote, a backslash, or what may not be in it.
    fn plain(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
    }

    fn escaped(&mut self, from: usize) -> Result<Cow<'a, str>, Malformed> {
        let mut out = self.text[from..self.at].to_owned();
        loop {
            let plain = self.at;
            self.plain();
            out.push_str(&self.text[plain..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.wrong("the end of the text was expected")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.wrong("one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u was expected")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// `\uXXXX`, or two of them that are one character above U+FFFF.
    fn unicode(&mut self) -> Result<char, Malformed> {
        let at = self.here();
        let lone = || Malformed { at, message: "a surrogate stands alone".to_owned() };
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or_else(lone);
        }
        if first >= 0xdc00 || !self.text[self.at..].starts_with("\\u") {
            return Err(lone());
        }
        self.at += 1;
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(lone());
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(lone)
    }

    fn hex(&mut self) -> Result<u32, Malformed> {
        self.at += 1;
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let value = digits
            .and_then(|digits| digits.iter().try_fold(0, |sum, byte| Some(sum * 16 + char::from(*byte).to_digit(16)?)));
        match value {
            Some(value) => {
                self.at += 4;
                Ok(value)
            }
            None => Err(self.wrong("four hexadecimal digits were expected")),
        }
    }
}
