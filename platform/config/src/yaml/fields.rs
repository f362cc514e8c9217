//! Typed fields taken out of a tree; what is wrong is noted, and reading goes on.

use std::cell::RefCell;
use std::str::FromStr;
use std::time::Duration;

use vitrine_kit::duration::prometheus;

use super::{Key, Location, MAX_MISTAKES, Mistake, Node, Value, parse};
use crate::suggest;

/// Reads a text by a function that takes what it needs and returns what the text says. If anything was wrong, all mistakes in order of location,
/// at most [`MAX_MISTAKES`].
///
/// The function may return nothing only where it has noted a mistake; otherwise that is told as one.
pub fn read<T>(text: &str, of: impl FnOnce(&Node, &Reader) -> Option<T>) -> Result<T, Vec<Mistake>> {
    let root = parse(text)?;
    let reader = Reader::default();
    let value = of(&root, &reader);
    let mut mistakes = reader.mistakes.into_inner();
    match value {
        Some(value) if mistakes.is_empty() => return Ok(value),
        None if mistakes.is_empty() => {
            mistakes.push(Mistake {
                location: root.location,
                message: format!("expected something else than {}", root.kind()),
            });
        }
        _ => {}
    }
    mistakes.sort();
    mistakes.dedup();
    let more = mistakes.len().saturating_sub(MAX_MISTAKES);
    if more > 0 {
        mistakes.truncate(MAX_MISTAKES);
        let location = mistakes.last().map_or(root.location, |last| last.location);
        mistakes.push(Mistake { location, message: format!("and {more} more mistakes") });
    }
    Err(mistakes)
}

/// Notes mistakes while a tree is read.
#[derive(Debug, Default)]
pub struct Reader {
    mistakes: RefCell<Vec<Mistake>>,
}

impl Reader {
    /// Notes a mistake.
    pub fn mistake(&self, location: Location, message: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake { location, message: message.into() });
    }

    /// The fields of a map; nothing is taken as an empty map.
    pub fn fields<'a>(&'a self, node: &'a Node) -> Option<Fields<'a>> {
        let entries: &[(Key, Node)] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                self.mistake(node.location, format!("expected a map, not {}", node.kind()));
                return None;
            }
        };
        Some(Fields { reader: self, location: node.location, entries, asked: Vec::new(), is_open: false })
    }

    /// The nodes of a list; nothing is taken as an empty list. `name` begins the message of a mistake.
    pub fn list<'a>(&self, name: &str, node: &'a Node) -> &'a [Node] {
        match &node.value {
            Value::List(nodes) => nodes,
            Value::Null => &[],
            _ => {
                self.mistake(node.location, format!("{name}: expected a list, not {}", node.kind()));
                &[]
            }
        }
    }

    /// A scalar as it is written; none, noted, for lists and maps. Nothing is an empty text.
    pub fn text<'a>(&self, name: &str, node: &'a Node) -> Option<&'a str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null => Some(""),
            _ => {
                self.mistake(node.location, format!("{name}: expected a text, not {}", node.kind()));
                None
            }
        }
    }

    /// A scalar that a function reads; `expected` follows the word "expected".
    pub fn parsed<T>(&self, name: &str, node: &Node, expected: &str, of: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name, node)?;
        let value = of(text);
        if value.is_none() {
            self.mistake(node.location, format!("{name}: expected {expected}, not {text:?}"));
        }
        value
    }

    /// A Prometheus duration.
    pub fn duration(&self, name: &str, node: &Node) -> Option<Duration> {
        self.parsed(name, node, "a duration such as \"30s\" or \"1h30m\"", prometheus::parse)
    }

    /// A truth value, as YAML 1.1 has it, which Go's readers take.
    pub fn flag(&self, name: &str, node: &Node) -> Option<bool> {
        self.parsed(name, node, "true or false", |text| match text {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
            _ => None,
        })
    }

    /// Names and texts, in order of the names.
    pub fn texts(&self, name: &str, node: &Node) -> Vec<(String, String)> {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return Vec::new(),
            _ => {
                self.mistake(node.location, format!("{name}: expected a map of texts, not {}", node.kind()));
                return Vec::new();
            }
        };
        let mut texts: Vec<(String, String)> = entries
            .iter()
            .filter_map(|(key, node)| {
                let text = self.text(&format!("{name}.{}", key.text), node)?;
                Some((key.text.clone(), text.to_owned()))
            })
            .collect();
        texts.sort();
        texts
    }
}

/// Fields of a map. What was not asked for by the time it is dropped is noted as unknown, with what was probably meant.
#[derive(Debug)]
pub struct Fields<'a> {
    reader: &'a Reader,
    location: Location,
    entries: &'a [(Key, Node)],
    asked: Vec<&'static str>,
    is_open: bool,
}

impl<'a> Fields<'a> {
    /// Where the map begins.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Where a field's value stands; where the map begins if there is no such field.
    pub fn location_of(&self, name: &str) -> Location {
        self.entries.iter().find(|(key, _)| key.text == name).map_or(self.location, |(_, node)| node.location)
    }

    /// Leaves fields alone that nobody asks for.
    pub fn allow_others(&mut self) {
        self.is_open = true;
    }

    /// A field's node; none where it is not there, or nothing stands there.
    pub fn node(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        self.entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// Notes that a field is missing, and returns what is there.
    pub fn required<T>(&self, name: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && self.entries.iter().all(|(key, node)| key.text != name || node.is_null()) {
            self.reader.mistake(self.location, format!("the field {name:?} is missing"));
        }
        value
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let node = self.node(name)?;
        self.reader.text(name, node).map(str::to_owned)
    }

    /// A truth value.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let node = self.node(name)?;
        self.reader.flag(name, node)
    }

    /// A number.
    pub fn number<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        self.parsed(name, "a number", |text| text.parse().ok())
    }

    /// A Prometheus duration.
    pub fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let node = self.node(name)?;
        self.reader.duration(name, node)
    }

    /// A scalar that a function reads; `expected` follows the word "expected".
    pub fn parsed<T>(&mut self, name: &'static str, expected: &str, of: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let node = self.node(name)?;
        self.reader.parsed(name, node, expected, of)
    }

    /// A map with fields of its own.
    pub fn fields(&mut self, name: &'static str) -> Option<Fields<'a>> {
        let node = self.node(name)?;
        self.reader.fields(node)
    }

    /// The nodes of a list.
    pub fn list(&mut self, name: &'static str) -> &'a [Node] {
        let reader = self.reader;
        self.node(name).map_or(&[], |node| reader.list(name, node))
    }

    /// A list of texts; a single text stands for a list of one.
    pub fn list_of_texts(&mut self, name: &'static str) -> Vec<String> {
        let Some(node) = self.node(name) else { return Vec::new() };
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        nodes.iter().filter_map(|node| self.reader.text(name, node).map(str::to_owned)).collect()
    }

    /// Names and texts, in order of the names.
    pub fn texts(&mut self, name: &'static str) -> Vec<(String, String)> {
        let reader = self.reader;
        self.node(name).map_or_else(Vec::new, |node| reader.texts(name, node))
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        if self.is_open {
            return;
        }
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.asked.contains(&key.text.as_str())) {
            let near = suggest::nearest(&key.text, &self.asked);
            let hint = near.map_or_else(String::new, |near| format!(": did you mean {near:?}?"));
            self.reader.mistake(key.location, format!("unknown field {:?}{hint}", key.text));
        }
    }
}
