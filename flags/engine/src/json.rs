//! JSON as it was written: each value knows where it stands, numbers keep their text, members keep their order.
//!
//! Used for definitions, whose errors name a line and a column, and for contexts, which are borrowed from the request's bytes. A general
//! reader would lose both the location and the difference between `10` and `10.0`, which clients see.

mod read;

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

use serde::Serialize;

pub use read::read;

/// Longest document, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 64;

/// A location in a document, counted from one; columns are characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The line.
    pub line: u32,
    /// The character in the line.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Where the lines of a document begin.
#[derive(Debug)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<u32>,
}

impl<'a> Lines<'a> {
    /// The lines of a text of at most [`MAX_BYTES`].
    pub fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX))).collect();
        Self { text, starts }
    }

    /// The location of a byte.
    pub fn location(&self, at: u32) -> Location {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts[line - 1] as usize;
        let end = (at as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |before| before.chars().count());
        Location {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub struct Json<'a> {
    /// Its first byte in the document.
    pub at: u32,
    /// The byte after its last one.
    pub end: u32,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number: its nearest double, and its text as it was written.
    Number(f64, Cow<'a, str>),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// A map, in the order in which it was written.
    Map(Vec<Member<'a>>),
}

/// A member of a map.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Where its name begins.
    pub at: u32,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its value.
    pub value: Json<'a>,
}

impl<'a> Json<'a> {
    /// The member of a map with this name; of several, the last one, as JavaScript does.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        match &self.kind {
            Kind::Map(members) => members.iter().rev().find(|m| m.name == name).map(|m| &m.value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, in an error's words.
    pub fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(..) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "an object",
        }
    }

    /// Its text in the document of which it is.
    pub fn written<'t>(&self, document: &'t str) -> &'t str {
        document.get(self.at as usize..self.end as usize).unwrap_or_default()
    }

    /// The same value, on its own.
    pub fn into_owned(self) -> Json<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        let kind = match self.kind {
            Kind::Null => Kind::Null,
            Kind::Bool(value) => Kind::Bool(value),
            Kind::Number(value, text) => Kind::Number(value, own(text)),
            Kind::Text(text) => Kind::Text(own(text)),
            Kind::List(items) => Kind::List(items.into_iter().map(Json::into_owned).collect()),
            Kind::Map(members) => Kind::Map(
                members
                    .into_iter()
                    .map(|m| Member { at: m.at, name: own(m.name), value: m.value.into_owned() })
                    .collect(),
            ),
        };
        Json { at: self.at, end: self.end, kind }
    }

    /// Writes it without spaces, numbers as they were written.
    pub fn write(&self, out: &mut String) {
        self.write_with(out, &|_, _| false);
    }

    /// The same; `instead` may write something else for a value, and says whether it did.
    pub fn write_with(&self, out: &mut String, instead: &dyn Fn(&Json<'_>, &mut String) -> bool) {
        if instead(self, out) {
            return;
        }
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Bool(value) => {
                let _ = write!(out, "{value}");
            }
            Kind::Number(_, text) => out.push_str(text),
            Kind::Text(text) => write_text(text, out),
            Kind::List(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    item.write_with(out, instead);
                }
                out.push(']');
            }
            Kind::Map(members) => {
                out.push('{');
                for (n, member) in members.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    write_text(&member.name, out);
                    out.push(':');
                    member.value.write_with(out, instead);
                }
                out.push('}');
            }
        }
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

/// Writes a text as JSON.
pub fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
}
