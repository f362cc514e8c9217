//! Lines that Docker cuts at 16 KiB: their parts are joined again.
//!
//! Parts of one line have the same `partial_id`, come in order over one connection, and the last has `partial_last`. A part whose sender
//! wants an acknowledgement is kept as it came: its sender waits for the acknowledgement before it sends the next, and nothing that is
//! acknowledged may be in memory only.

use std::borrow::Cow;

use crate::document::value::{Object, Value};

/// Bytes of lines that one connection may have in parts; what is more is kept as it came.
const MAX_HELD_BYTES: usize = 1 << 20;
/// Lines that one connection may have in parts.
const MAX_HELD: usize = 64;
/// What says that a record is a part.
const MARK: &str = "partial_message";
/// What parts of one line have in common.
const ID: &str = "partial_id";
/// Whether it is the last.
const LAST: &str = "partial_last";
/// Where the text is.
const TEXT: &str = "log";

/// A record, where and when it came.
#[derive(Clone, Debug)]
pub(super) struct Whole<'a> {
    pub tag: Cow<'a, [u8]>,
    pub time_ns: Option<u64>,
    pub record: Object<'a>,
}

/// Lines of which parts have come.
#[derive(Clone, Debug, Default)]
pub(super) struct Partials {
    held: Vec<(String, Whole<'static>)>,
    bytes: usize,
}

impl Partials {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes a record, and returns it if it is whole, or the line that it is the last part of.
    pub(super) fn join<'a>(&mut self, whole: Whole<'a>) -> Option<Whole<'a>> {
        let (Some("true"), Some(id), Some(part)) =
            (text(&whole.record, MARK), text(&whole.record, ID), text(&whole.record, TEXT))
        else {
            return Some(whole);
        };
        let is_last = text(&whole.record, LAST) == Some("true");
        let place = self.held.iter().position(|(known, _)| known == id);
        let fits = self.bytes + part.len() <= MAX_HELD_BYTES && (place.is_some() || self.held.len() < MAX_HELD);
        match place {
            Some(place) if is_last => {
                let (_, mut line) = self.held.swap_remove(place);
                self.bytes -= text(&line.record, TEXT).map_or(0, str::len);
                append(&mut line.record, part);
                line.record.retain(|(key, _)| !key.starts_with("partial_"));
                Some(line)
            }
            Some(place) if fits => {
                self.bytes += part.len();
                append(&mut self.held[place].1.record, part);
                None
            }
            None if fits && !is_last => {
                self.bytes += part.len();
                self.held.push((id.to_owned(), owned(&whole)));
                None
            }
            _ => Some(whole),
        }
    }

    /// What is there of lines that do not go on.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Whole<'static>> {
        self.bytes = 0;
        std::mem::take(&mut self.held).into_iter().map(|(_, whole)| whole)
    }
}

fn text<'r>(record: &'r Object<'_>, key: &str) -> Option<&'r str> {
    record.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.as_text())
}

fn append(record: &mut Object<'_>, part: &str) {
    if let Some((_, Value::Text(text))) = record.iter_mut().find(|(name, _)| name == TEXT) {
        text.to_mut().push_str(part);
    }
}

fn owned(whole: &Whole<'_>) -> Whole<'static> {
    Whole { tag: whole.tag.clone().into_owned().into(), time_ns: whole.time_ns, record: object_of(&whole.record) }
}

fn object_of(object: &Object<'_>) -> Object<'static> {
    object.iter().map(|(key, value)| (key.clone().into_owned().into(), value_of(value))).collect()
}

fn value_of(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        Value::Bool(flag) => Value::Bool(*flag),
        Value::Int(number) => Value::Int(*number),
        Value::Unsigned(number) => Value::Unsigned(*number),
        Value::Double(number) => Value::Double(*number),
        Value::Text(text) => Value::Text(text.clone().into_owned().into()),
        Value::Bytes(bytes) => Value::Bytes(bytes.clone().into_owned().into()),
        Value::List(items) => Value::List(items.iter().map(value_of).collect()),
        Value::Object(object) => Value::Object(object_of(object)),
    }
}
