//! What a rule can read about the subject of an evaluation: a trait over borrowed values, so that nothing is copied to be looked at.

use crate::json::{Json, Kind};
use crate::value::Value;

/// One step of a path: a member's name, which may also be an item's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The name.
    pub name: Box<str>,
    /// The same, if it is a number.
    pub index: Option<usize>,
}

impl Segment {
    /// The steps of a path with dots between them; the empty path is the whole context.
    pub fn path(path: &str) -> Box<[Self]> {
        if path.is_empty() {
            return Box::default();
        }
        path.split('.').map(|name| Self { name: name.into(), index: name.parse().ok() }).collect()
    }
}

/// Where attributes are found.
pub trait Context {
    /// The value at a path, null where there is none.
    fn find<'a>(&'a self, path: &[Segment]) -> Value<'a>;
}

impl Context for Value<'_> {
    fn find<'a>(&'a self, path: &[Segment]) -> Value<'a> {
        walk(self.clone(), path)
    }
}

pub(crate) fn walk<'a>(from: Value<'a>, path: &[Segment]) -> Value<'a> {
    path.iter().fold(from, |value, step| value.child(&step.name, step.index))
}

impl Context for Json<'_> {
    fn find<'a>(&'a self, path: &[Segment]) -> Value<'a> {
        let mut at = self;
        for step in path {
            let next = match &at.kind {
                Kind::Map(_) => at.get(&step.name),
                Kind::List(items) => step.index.and_then(|n| items.get(n)),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => return Value::Null,
            }
        }
        Value::from(at)
    }
}

/// Attributes by name, for callers that hold theirs as they are. Of the whole context (`{"var": ""}`) nothing is seen.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(pub &'a [(&'a str, Value<'a>)]);

impl Context for Attributes<'_> {
    fn find<'a>(&'a self, path: &[Segment]) -> Value<'a> {
        let Some((first, rest)) = path.split_first() else { return Value::Null };
        let found = self.0.iter().find(|(name, _)| *name == &*first.name);
        found.map_or(Value::Null, |(_, value)| walk(value.clone(), rest))
    }
}
