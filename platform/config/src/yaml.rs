//! YAML that people write: rule files, scrape and Alertmanager configurations. Where each thing stands is known, and all mistakes are told
//! at once.
//!
//! [`parse`] makes a tree of [`Node`]s with locations; [`read`] gives it to code that takes typed fields out of it by [`Reader`] and
//! [`Fields`], which note what is wrong and go on. serde is not used here: it stops at the first mistake.
//!
//! Anchors, aliases and merge keys (`<<`) are resolved. What a file can make of them is bounded, see [`MAX_NODES`] and [`MAX_DEPTH`].
//!
//! ```
//! use vitrine_platform_config::yaml;
//!
//! let read = |text: &str| {
//!     yaml::read(text, |root, reader| {
//!         let mut fields = reader.fields(root)?;
//!         Some((fields.text("name"), fields.duration("interval")))
//!     })
//! };
//! assert!(read("name: api\ninterval: 1m30s").is_ok());
//! let mistakes = read("nam: api\ninterval: soon").expect_err("two mistakes");
//! assert_eq!(
//!     mistakes.iter().map(ToString::to_string).collect::<Vec<_>>(),
//!     [
//!         "1:1: unknown field \"nam\": did you mean \"name\"?",
//!         "2:11: interval: expected a duration such as \"30s\" or \"1h30m\", not \"soon\"",
//!     ],
//! );
//! ```

mod fields;

use std::collections::HashMap;
use std::fmt;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError};

pub use fields::{Fields, Reader, read};

/// Largest text, in bytes.
pub const MAX_TEXT: usize = 8 * 1024 * 1024;
/// Most nodes of a tree, with those that aliases stand for.
pub const MAX_NODES: usize = 500_000;
/// How deep a tree may be, with what aliases stand for.
pub const MAX_DEPTH: usize = 64;
/// Most mistakes that are told of one text.
pub const MAX_MISTAKES: usize = 200;

/// Where something stands: line and column, both from 1. The column counts characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where.
    pub location: Location,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for Mistake {
    /// `LINE:COLUMN: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}

impl std::error::Error for Mistake {}

/// Something in a YAML text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub location: Location,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar. `plain`: without quotes, so that it may also be meant as a number or a truth value.
    Scalar {
        /// What it says.
        text: String,
        /// Whether it stands there without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order in which it is written; each key once.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub location: Location,
    /// What it says.
    pub text: String,
}

impl Node {
    /// What kind of thing it is, for people.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Whether nothing is there.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}

/// Reads a text of one document. An empty text is [`Value::Null`].
pub fn parse(text: &str) -> Result<Node, Vec<Mistake>> {
    if text.len() > MAX_TEXT {
        let message = format!("the text has {} bytes: expected at most {MAX_TEXT}", text.len());
        return Err(vec![Mistake { location: Location { line: 1, column: 1 }, message }]);
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.block_nesting_limit = MAX_DEPTH;
    options.flow_nesting_limit = MAX_DEPTH;
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                builder.mistakes.push(syntax(&error));
                break;
            }
        };
        let location = Location { line: span.start.line(), column: span.start.col() + 1 };
        if let Err(message) = builder.event(event, location) {
            builder.mistakes.push(Mistake { location, message });
            break;
        }
    }
    if builder.mistakes.is_empty() {
        Ok(builder.root.unwrap_or(Node { location: Location { line: 1, column: 1 }, value: Value::Null }))
    } else {
        Err(builder.mistakes)
    }
}

fn syntax(error: &ScanError) -> Mistake {
    let location = Location { line: error.marker().line(), column: error.marker().col() + 1 };
    Mistake { location, message: format!("not YAML: {}", error.info()) }
}

/// A collection that is not yet complete.
enum Open {
    List { location: Location, anchor: usize, nodes: Vec<Node> },
    Map { location: Location, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key>, merged: Vec<Node> },
}

/// What an anchor stands for.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

/// Makes a tree of events, without recursion.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    anchors: HashMap<usize, Anchored>,
    mistakes: Vec<Mistake>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, location: Location) -> Result<(), String> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document begins here: expected one".to_owned());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = match tag.as_ref().map(|tag| tag.core_suffix().unwrap_or("")) {
                    None | Some("int" | "float" | "bool" | "null") => false,
                    Some("str") => true,
                    Some(_) => return Err("this tag is not known: expected none".to_owned()),
                };
                let plain = style == ScalarStyle::Plain && !is_text;
                let value = match (&*text, plain) {
                    ("" | "~" | "null" | "Null" | "NULL", true) => Value::Null,
                    _ => Value::Scalar { text: text.into_owned(), plain },
                };
                self.add(Node { location, value }, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(Open::List { location, anchor, nodes: Vec::new() })?;
            }
            Event::MappingStart(_, anchor, _) => {
                let (entries, merged) = (Vec::new(), Vec::new());
                self.begin(Open::Map { location, anchor, entries, key: None, merged })?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { location, anchor, nodes }) => {
                    self.add(Node { location, value: Value::List(nodes) }, anchor)?;
                }
                Some(Open::Map { location, anchor, mut entries, merged, .. }) => {
                    self.merge(&mut entries, merged);
                    self.add(Node { location, value: Value::Map(entries) }, anchor)?;
                }
                None => return Err("something ends here that did not begin".to_owned()),
            },
            Event::Alias(id) => {
                let anchored = self.anchors.get(&id).ok_or("what this alias stands for is not complete here")?;
                if anchored.depth + self.open.len() > MAX_DEPTH {
                    return Err(format!("this alias makes the tree deeper than {MAX_DEPTH}"));
                }
                self.nodes += anchored.nodes;
                check_nodes(self.nodes)?;
                let node = anchored.node.clone();
                self.add(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, open: Open) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("the tree is deeper than {MAX_DEPTH}"));
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.nodes += 1;
        check_nodes(self.nodes)?;
        if anchor != 0 {
            let (nodes, depth) = measure(&node);
            self.nodes += nodes;
            check_nodes(self.nodes)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, depth });
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { nodes, .. }) => nodes.push(node),
            Some(Open::Map { entries, key, merged, .. }) => match key.take() {
                Some(of) if of.text == "<<" => merged.push(node),
                Some(of) => entries.push((of, node)),
                None => match node.value {
                    Value::Scalar { text, .. } => *key = Some(Key { location: node.location, text }),
                    Value::Null => *key = Some(Key { location: node.location, text: String::new() }),
                    _ => return Err(format!("expected a text as a key, not {}", node.kind())),
                },
            },
        }
        Ok(())
    }

    /// Takes over what merge keys bring, and notes keys that stand there twice.
    fn merge(&mut self, entries: &mut Vec<(Key, Node)>, merged: Vec<Node>) {
        let mut seen: HashMap<String, Location> = HashMap::new();
        entries.retain(|(key, _)| match seen.get(&key.text) {
            Some(first) => {
                let message =
                    format!("the key {:?} stands here a second time, the first is on line {}", key.text, first.line);
                self.mistakes.push(Mistake { location: key.location, message });
                false
            }
            None => {
                seen.insert(key.text.clone(), key.location);
                true
            }
        });
        for node in merged {
            let maps = match node.value {
                Value::List(nodes) => nodes,
                _ => vec![node],
            };
            for map in maps {
                let Value::Map(others) = map.value else {
                    let message = format!("<<: expected a map or a list of maps, not {}", map.kind());
                    self.mistakes.push(Mistake { location: map.location, message });
                    continue;
                };
                for (key, node) in others {
                    if seen.insert(key.text.clone(), key.location).is_none() {
                        entries.push((key, node));
                    }
                }
            }
        }
    }
}

fn check_nodes(nodes: usize) -> Result<(), String> {
    if nodes > MAX_NODES { Err(format!("the text stands for more than {MAX_NODES} values")) } else { Ok(()) }
}

/// How many nodes a node consists of, and how deep it is. Recursion ends at [`MAX_DEPTH`].
fn measure(node: &Node) -> (usize, usize) {
    let add = |(nodes, depth): (usize, usize), inner: &Node| {
        let (more, deep) = measure(inner);
        (nodes + more, depth.max(deep + 1))
    };
    match &node.value {
        Value::Null | Value::Scalar { .. } => (1, 1),
        Value::List(inner) => inner.iter().fold((1, 1), add),
        Value::Map(entries) => entries.iter().map(|(_, inner)| inner).fold((1, 1), add),
    }
}

#[cfg(test)]
mod tests;
