//! How large a document may be, however it is written: looked at before anything else walks it.
//!
//! Fragments make a short document a long one: each of thirty that uses the next one twice is a billion fields. So what a fragment
//! consists of is counted once, and nothing is walked as often as it is used.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, FragmentDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, ServerError};

/// How deep fields may lie in each other.
pub(crate) const MAX_DEPTH: usize = 12;
/// Most fields, with those of fragments as often as these are used.
const MAX_FIELDS: usize = 2_000;
/// Most fields that are given another name.
const MAX_ALIASES: usize = 50;
/// Most directives.
const MAX_DIRECTIVES: usize = 16;
/// How deep selections may lie in each other, fragments included.
pub(crate) const MAX_RECURSION: usize = 32;

/// What a selection consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    depth: usize,
    nesting: usize,
    fields: usize,
    aliases: usize,
    directives: usize,
}

impl Size {
    /// Both, one after the other.
    fn plus(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            fields: self.fields.saturating_add(other.fields),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
        }
    }
}

/// What is known of a fragment.
enum Known {
    /// It is being counted: one that uses it now is a part of it.
    Open,
    Counted(Size),
}

struct Counter<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    known: HashMap<&'a str, Known>,
    /// How deep it is at this moment: a chain of fragments must not take the stack.
    level: usize,
}

impl<'a> Counter<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Size, ServerError> {
        self.level += 1;
        if self.level > MAX_RECURSION {
            return Err(too_much("RECURSION_LIMIT", TOO_DEEP, self.level, MAX_RECURSION));
        }
        let mut size = Size::default();
        for item in &set.items {
            size = size.plus(self.selection(&item.node)?);
        }
        self.level -= 1;
        Ok(Size { nesting: size.nesting + 1, ..size })
    }

    fn selection(&mut self, selection: &'a Selection) -> Result<Size, ServerError> {
        match selection {
            Selection::Field(field) => {
                let within = match field.node.selection_set.node.items.is_empty() {
                    true => Size::default(),
                    false => self.set(&field.node.selection_set.node)?,
                };
                // Types of types lie deep, and every tool asks for them so; fields and nesting bound that, too.
                let is_introspection = field.node.name.node.starts_with("__");
                let size = Size {
                    depth: if is_introspection { 1 } else { within.depth + 1 },
                    fields: within.fields.saturating_add(1),
                    aliases: within.aliases.saturating_add(usize::from(field.node.alias.is_some())),
                    ..within
                };
                Ok(with(size, &field.node.directives))
            }
            Selection::InlineFragment(fragment) => {
                let size = self.set(&fragment.node.selection_set.node)?;
                Ok(with(size, &fragment.node.directives))
            }
            Selection::FragmentSpread(spread) => {
                let size = self.fragment(&spread.node.fragment_name.node)?;
                Ok(with(size, &spread.node.directives))
            }
        }
    }

    fn fragment(&mut self, name: &str) -> Result<Size, ServerError> {
        // One that is not there is told by the validation.
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Ok(Size::default()) };
        match self.known.get(name.as_str()) {
            Some(Known::Counted(size)) => return Ok(*size),
            Some(Known::Open) => {
                return Err(refused("FRAGMENT_CYCLE", &format!("the fragment {name} is a part of itself")));
            }
            None => {}
        }
        self.known.insert(name, Known::Open);
        let size = self.set(&fragment.node.selection_set.node)?;
        let size = with(size, &fragment.node.directives);
        self.known.insert(name, Known::Counted(size));
        Ok(size)
    }
}

fn with(size: Size, directives: &[Positioned<Directive>]) -> Size {
    Size { directives: size.directives.saturating_add(directives.len()), ..size }
}

const TOO_DEEP: &str = "selections lie too deep in each other";

fn too_much(code: &str, what: &str, is: usize, most: usize) -> ServerError {
    refused(code, &format!("{what}: {is}, at most {most} are allowed"))
}

/// An error that names a limit.
pub(crate) fn refused(code: &str, message: &str) -> ServerError {
    let extensions = super::error::coded(message, code, false).extensions;
    ServerError { extensions, ..ServerError::new(message, None) }
}

/// Refuses a document that is too large in any way. Returns what its one operation is.
pub(crate) fn check(document: &ExecutableDocument) -> Result<OperationType, ServerError> {
    let mut operations = document.operations.iter();
    let (Some((_, operation)), None) = (operations.next(), operations.next()) else {
        return Err(refused("OPERATION_LIMIT", "the document has several operations: send each by itself"));
    };
    let mut counter = Counter { fragments: &document.fragments, known: HashMap::new(), level: 0 };
    let size = with(counter.set(&operation.node.selection_set.node)?, &operation.node.directives);
    // Those that are not used are walked by the validation, too.
    for name in document.fragments.keys() {
        counter.fragment(name)?;
    }
    for (code, what, is, most) in [
        ("DEPTH_LIMIT", "fields lie too deep in each other", size.depth, MAX_DEPTH),
        ("RECURSION_LIMIT", TOO_DEEP, size.nesting, MAX_RECURSION),
        ("ALIAS_LIMIT", "too many fields are given another name", size.aliases, MAX_ALIASES),
        ("DIRECTIVE_LIMIT", "there are too many directives", size.directives, MAX_DIRECTIVES),
        ("FIELD_LIMIT", "there are too many fields, with those of fragments", size.fields, MAX_FIELDS),
    ] {
        if is > most {
            return Err(too_much(code, what, is, most));
        }
    }
    Ok(operation.node.ty)
}

#[cfg(test)]
mod tests {
    use async_graphql::Value;
    use async_graphql::parser::parse_query;

    use super::{MAX_ALIASES, MAX_DEPTH, MAX_DIRECTIVES, MAX_FIELDS, check};

    /// The code that a document is refused with.
    fn code(document: &str) -> Option<String> {
        let refused = check(&parse_query(document).expect("GraphQL")).err()?;
        match refused.extensions?.get("code")?.clone() {
            Value::String(code) => Some(code),
            other => panic!("{other}"),
        }
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "{a".repeat(depth), "}".repeat(depth))
    }

    #[test]
    fn every_limit_is_held_and_named() {
        let aliases = |n: usize| format!("{{{}}}", (0..n).map(|i| format!("a{i}: b ")).collect::<String>());
        let directives = |n: usize| format!("{{a {}}}", "@b ".repeat(n));
        let fields = |n: usize| format!("{{{}}}", "a ".repeat(n));
        let inline = |n: usize| format!("{}a{}", "{...".repeat(n), "}".repeat(n)).replace("a}", "{a}}");
        for (document, expected) in [
            (nested(MAX_DEPTH), None),
            (nested(MAX_DEPTH + 1), Some("DEPTH_LIMIT")),
            (aliases(MAX_ALIASES), None),
            (aliases(MAX_ALIASES + 1), Some("ALIAS_LIMIT")),
            (directives(MAX_DIRECTIVES), None),
            (directives(MAX_DIRECTIVES + 1), Some("DIRECTIVE_LIMIT")),
            (fields(MAX_FIELDS), None),
            (fields(MAX_FIELDS + 1), Some("FIELD_LIMIT")),
            (inline(40), Some("RECURSION_LIMIT")),
            ("query A {a} query B {b}".to_owned(), Some("OPERATION_LIMIT")),
            ("{...A} fragment A on Query {...B} fragment B on Query {...A}".to_owned(), Some("FRAGMENT_CYCLE")),
            ("{a} fragment A on Query {...A}".to_owned(), Some("FRAGMENT_CYCLE")),
            (format!("{{__schema{}}}", nested(MAX_DEPTH + 4)), None),
            ("{...Nowhere}".to_owned(), None),
        ] {
            assert_eq!(code(&document).as_deref(), expected, "{document}");
        }
    }

    /// Thirty fragments, each twice as large as the next one.
    #[test]
    fn a_bomb_of_fragments_is_counted_and_not_walked() {
        let bomb: String = (0..30).map(|i| format!("fragment F{i} on Query {{...F{} ...F{}}}", i + 1, i + 1)).collect();
        let document = format!("{{...F0}} {bomb} fragment F30 on Query {{a}}");
        assert!(matches!(code(&document).as_deref(), Some("FIELD_LIMIT" | "RECURSION_LIMIT")), "{:?}", code(&document));
        let chain: String = (0..1500).map(|i| format!("fragment F{i} on Query {{...F{}}}", i + 1)).collect();
        let document = format!("{{...F0}} {chain} fragment F1500 on Query {{a}}");
        assert_eq!(code(&document).as_deref(), Some("RECURSION_LIMIT"));
        let wide: String =
            (0..8).map(|i| format!("fragment F{i} on Query {{{}}}", format!("...F{} ", i + 1).repeat(100))).collect();
        let document = format!("{{...F0}} {wide} fragment F8 on Query {{a}}");
        assert_eq!(code(&document).as_deref(), Some("FIELD_LIMIT"));
    }
}
