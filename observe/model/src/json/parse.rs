//! From text to values.
//!
//! `serde_json` is not used: it unites equal keys, and may be wrong in the last digit of a floating point number.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BYTES, DOUBLE, MAP, MAX_DEPTH};
use crate::{Attribute, Value};

/// How deep brackets may be nested: each map may be wrapped once.
const MAX_BRACKETS: u32 = 2 * MAX_DEPTH + 2;

/// A value out of typed JSON; the text itself when it is none.
pub(crate) fn parse(text: &str) -> Value {
    let mut parser = Parser { rest: text.as_bytes(), text };
    match parser.value(0) {
        Some(value) if parser.at_end() => value,
        _ => Value::String(text.to_owned()),
    }
}

/// Attributes out of one JSON object; none when it is no object.
pub(crate) fn parse_attributes(text: &str) -> Vec<Attribute> {
    let mut parser = Parser { rest: text.as_bytes(), text };
    parser.object(0).filter(|_| parser.at_end()).map(Parsed::entries).unwrap_or_default()
}

struct Parser<'a> {
    rest: &'a [u8],
    text: &'a str,
}

impl Parser<'_> {
    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > MAX_BRACKETS {
            return None;
        }
        self.blanks();
        match self.rest.first()? {
            b'"' => self.string().map(Value::String),
            b'{' => self.object(depth).map(Parsed::value),
            b'[' => {
                self.rest = &self.rest[1..];
                let mut items = Vec::new();
                while self.more(b']', items.is_empty())? {
                    items.push(self.value(depth + 1)?);
                }
                Some(Value::Array(items))
            }
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Empty),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: u32) -> Option<Parsed> {
        if depth > MAX_BRACKETS {
            return None;
        }
        self.blanks();
        self.take(b'{')?;
        let mut entries = Vec::new();
        while self.more(b'}', entries.is_empty())? {
            self.blanks();
            let key = self.string()?;
            self.blanks();
            self.take(b':')?;
            self.blanks();
            let value = if entries.is_empty() && key == MAP && self.rest.starts_with(b"{") {
                let inner = self.object(depth + 1)?;
                self.blanks();
                if self.take(b'}').is_some() {
                    return Some(Parsed::Wrapped(Box::new(inner)));
                }
                inner.value()
            } else {
                self.value(depth + 1)?
            };
            entries.push(Attribute { key, value });
        }
        Some(Parsed::Entries(entries))
    }

    /// Whether an item follows; takes the comma before it, or the bracket.
    fn more(&mut self, end: u8, first: bool) -> Option<bool> {
        self.blanks();
        if *self.rest.first()? == end {
            self.rest = &self.rest[1..];
            return Some(false);
        }
        if !first {
            self.take(b',')?;
        }
        Some(true)
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut text = String::new();
        loop {
            let plain = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            let start = self.place();
            text.push_str(self.text.get(start..start + plain)?);
            self.rest = &self.rest[plain + 1..];
            if self.text.as_bytes()[start + plain] == b'"' {
                return Some(text);
            }
            text.push(self.escaped()?);
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let (letter, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match letter {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let high = self.hex()?;
                if (0xD800..0xDC00).contains(&high) && self.rest.starts_with(b"\\u") {
                    self.rest = &self.rest[2..];
                    let low = self.hex()?;
                    char::decode_utf16([high, low]).next()?.ok()?
                } else {
                    char::from_u32(u32::from(high))?
                }
            }
            byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)? as u16))
    }

    fn number(&mut self) -> Option<Value> {
        let length = self.rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let (start, length) = (self.place(), length.count());
        let text = self.text.get(start..start + length)?;
        self.rest = &self.rest[length..];
        if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            return text.parse().ok().map(Value::Double);
        }
        text.parse().ok().map(Value::Int)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.rest = self.rest.strip_prefix(word.as_bytes())?;
        Some(value)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn at_end(&mut self) -> bool {
        self.blanks();
        self.rest.is_empty()
    }

    fn place(&self) -> usize {
        self.text.len() - self.rest.len()
    }
}

/// An object that has been read; what it means depends on where it stands.
enum Parsed {
    Entries(Vec<Attribute>),
    /// An object within an object with `kvlistValue` as its only key.
    Wrapped(Box<Parsed>),
}

impl Parsed {
    /// Where any value may stand.
    fn value(self) -> Value {
        match self {
            Self::Entries(entries) => typed(entries),
            Self::Wrapped(inner) => Value::Map(inner.entries()),
        }
    }

    /// Where only a map may stand.
    fn entries(self) -> Vec<Attribute> {
        match self {
            Self::Entries(entries) => entries,
            Self::Wrapped(inner) => vec![Attribute { key: MAP.to_owned(), value: inner.value() }],
        }
    }
}

fn typed(entries: Vec<Attribute>) -> Value {
    let special = match entries.as_slice() {
        [Attribute { key, value: Value::String(text) }] => match (key.as_str(), text.as_str()) {
            (BYTES, text) => STANDARD.decode(text).ok().map(Value::Bytes),
            (DOUBLE, "NaN") => Some(Value::Double(f64::NAN)),
            (DOUBLE, "Infinity") => Some(Value::Double(f64::INFINITY)),
            (DOUBLE, "-Infinity") => Some(Value::Double(f64::NEG_INFINITY)),
            _ => None,
        },
        _ => None,
    };
    special.unwrap_or(Value::Map(entries))
}
