//! What a rule can read about the subject of an evaluation: a trait over borrowed values, so that nothing is copied to be looked at.

use crate::json::{Json, Kind};
use crate::value::{Value, item};

/// Where a value is in a context: names with dots between them, each a member's or an item's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<'p>(Option<&'p str>);

impl<'p> Path<'p> {
    /// The path that is written so; the empty one is the whole context.
    pub fn new(text: &'p str) -> Self {
        Self(Some(text).filter(|text| !text.is_empty()))
    }

    /// The first name, and the path from there on; none at the end.
    pub fn split_first(self) -> Option<(&'p str, Self)> {
        let text = self.0?;
        // Names are short: to look for the dot by hand is faster than to prepare for a long search.
        match text.bytes().position(|byte| byte == b'.') {
            Some(dot) => Some((&text[..dot], Self(Some(&text[dot + 1..])))),
            None => Some((text, Self(None))),
        }
    }

    /// Whether it leads no further.
    pub fn is_at_end(self) -> bool {
        self.0.is_none()
    }
}

/// Where attributes are found.
pub trait Context {
    /// The value at a path, null where there is none.
    fn find<'a>(&'a self, path: Path<'_>) -> Value<'a>;
}

impl Context for Value<'_> {
    fn find<'a>(&'a self, path: Path<'_>) -> Value<'a> {
        walk(self.clone(), path)
    }
}

pub(crate) fn walk<'a>(from: Value<'a>, mut path: Path<'_>) -> Value<'a> {
    let mut at = from;
    while let Some((name, rest)) = path.split_first() {
        at = at.child(name);
        path = rest;
    }
    at
}

impl Context for Json<'_> {
    fn find<'a>(&'a self, mut path: Path<'_>) -> Value<'a> {
        let mut at = self;
        while let Some((name, rest)) = path.split_first() {
            let next = match &at.kind {
                Kind::Map(_) => at.get(name),
                Kind::List(items) => item(items, name),
                _ => None,
            };
            let Some(next) = next else { return Value::Null };
            at = next;
            path = rest;
        }
        Value::from(at)
    }
}

/// Attributes by name, for callers that hold theirs as they are. Of the whole context (`{"var": ""}`) nothing is seen.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(pub &'a [(&'a str, Value<'a>)]);

impl Context for Attributes<'_> {
    fn find<'a>(&'a self, path: Path<'_>) -> Value<'a> {
        let Some((first, rest)) = path.split_first() else { return Value::Null };
        let found = self.0.iter().find(|(name, _)| *name == first);
        found.map_or(Value::Null, |(_, value)| walk(value.clone(), rest))
    }
}
