//! The values of every attribute of some spans, as codes: of texts those of their dictionary.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rustc_hash::FxBuildHasher;
use serde::Serialize;
use vitrine_observe_columns::{Column, Columns, Data, List, NULL_BOOL, NULL_CODE, NULL_DOUBLE, NULL_INT, Texts};
use vitrine_observe_store::SpanChunk;
use vitrine_observe_store::model::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES, spans};
use vitrine_observe_store::model::{
    SpanKind, StatusCode, Value, attribute_columns, attribute_key, json_attributes, json_value,
};

use super::part;

/// The attribute of an event that says what was thrown.
const EXCEPTION_TYPE: &str = "exception.type";
/// What the names of a span's events are called.
const EVENT: &str = "event";

/// A map by keys that nobody can choose to collide, or that are few.
pub(super) type FxMap<K, V> = HashMap<K, V, FxBuildHasher>;

/// What an attribute belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Of {
    /// What every span has, and its status message.
    Field,
    /// The span.
    Attribute,
    /// Its resource.
    Resource,
    /// One of its events.
    Event,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub of: Of,
    pub name: String,
}

impl Key {
    /// The columns and lists that hold its values.
    pub(super) fn columns(&self) -> Vec<String> {
        match (self.of, self.name.as_str()) {
            (Of::Field, "operation") => vec!["name".to_owned()],
            (Of::Field, name) => vec![name.to_owned()],
            (Of::Attribute, key) => attribute_columns(key).into_iter().chain(["attributes".to_owned()]).collect(),
            (Of::Resource, _) => vec!["resource".to_owned()],
            (Of::Event, _) => vec!["events".to_owned()],
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    Text(Cow<'a, str>),
    Number(f64),
}

/// The codes of values by row. A row without a value has none, or [`NULL_CODE`].
pub(super) enum Rows<'a> {
    /// One for each row.
    Dense(&'a [u32]),
    /// Rows and codes in order of rows; a row may have several codes, but each once.
    Sparse(&'a [(u32, u32)]),
}

/// The values of an attribute, or some of them: one that is stored in several ways is visited several times, each row once.
pub(super) struct Values<'a, 'c> {
    pub rows: Rows<'a>,
    /// How many codes there are.
    pub codes: usize,
    /// The value of a code.
    pub cell: &'a dyn Fn(u32) -> Cell<'c>,
}

/// Takes the values of an attribute.
pub(super) type Visit<'v> = dyn FnMut(Of, &str, &Values<'_, '_>) + 'v;

/// Hands out the values of all attributes, or of these.
pub(super) fn visit_values(chunk: &SpanChunk<'_>, wanted: Option<&HashSet<Key>>, visit: &mut Visit<'_>) {
    let is_wanted = |of: Of| wanted.is_none_or(|wanted| wanted.iter().any(|key| key.of == of));
    let mut visit = |of: Of, name: &str, values: &Values<'_, '_>| {
        let is_wanted = |wanted: &HashSet<Key>| wanted.contains(&Key { of, name: name.to_owned() });
        if wanted.is_none_or(is_wanted) {
            visit(of, name, values);
        }
    };
    fields(chunk.columns, &mut visit);
    if is_wanted(Of::Attribute) {
        chunk.columns.attributes().iter().for_each(|column| attribute(column, &mut visit));
        rare(chunk, &mut visit);
    }
    if is_wanted(Of::Resource) {
        resource(chunk.columns, &mut visit);
    }
    if is_wanted(Of::Event) {
        events(chunk, &mut visit);
    }
}

fn texts(column: &Column) -> Option<&Texts> {
    match &column.data {
        Data::Text(texts) => Some(texts),
        _ => None,
    }
}

fn of_texts(of: Of, name: &str, texts: &Texts, visit: &mut Visit<'_>) {
    let cell = |code| Cell::Text(texts.dictionary.text(code).into());
    visit(of, name, &Values { rows: Rows::Dense(&texts.codes), codes: texts.dictionary.len(), cell: &cell });
}

fn fields(columns: &Columns, visit: &mut Visit<'_>) {
    let named = [(spans::SERVICE, "service"), (spans::NAME, "operation"), (spans::STATUS_MESSAGE, "status_message")];
    for (place, name) in named {
        if let Some(texts) = texts(&columns.flat[place]) {
            of_texts(Of::Field, name, texts, visit);
        }
    }
    let numbered: [(usize, &str, &dyn Fn(u32) -> Cell<'static>, usize); 2] = [
        (spans::KIND, "kind", &|code| Cell::Text(SpanKind::ALL[code as usize].full_name().into()), SpanKind::ALL.len()),
        (
            spans::STATUS,
            "status",
            &|code| Cell::Text(StatusCode::ALL[code as usize].full_name().into()),
            StatusCode::ALL.len(),
        ),
    ];
    for (place, name, cell, codes) in numbered {
        let Data::Int(numbers) = &columns.flat[place].data else { continue };
        // A number that has no name means as much as none.
        let code = |number: &i64| u32::try_from(*number).ok().filter(|code| (*code as usize) < codes).unwrap_or(0);
        let rows: Vec<u32> = numbers.iter().map(code).collect();
        visit(Of::Field, name, &Values { rows: Rows::Dense(&rows), codes, cell });
    }
}

/// Numbers as codes.
fn of_numbers(name: &str, numbers: impl Iterator<Item = Option<f64>>, visit: &mut Visit<'_>) {
    let (mut known, mut distinct) = (FxMap::default(), Vec::new());
    let code = |number: Option<f64>| {
        let Some(number) = number else { return NULL_CODE };
        *known.entry(number.to_bits()).or_insert_with(|| {
            distinct.push(number);
            distinct.len() as u32 - 1
        })
    };
    let rows: Vec<u32> = numbers.map(code).collect();
    let cell = |code: u32| number_cell(distinct[code as usize]);
    visit(Of::Attribute, name, &Values { rows: Rows::Dense(&rows), codes: distinct.len(), cell: &cell });
}

/// What is no number is a text among numbers.
fn number_cell(number: f64) -> Cell<'static> {
    if number.is_nan() { Cell::Text("NaN".into()) } else { Cell::Number(number) }
}

fn attribute(column: &Column, visit: &mut Visit<'_>) {
    let Some(name) = attribute_key(column) else { return };
    match &column.data {
        Data::Text(texts) => of_texts(Of::Attribute, name, texts, visit),
        Data::Int(values) => {
            of_numbers(name, values.iter().map(|value| (*value != NULL_INT).then_some(*value as f64)), visit);
        }
        Data::Double(values) => {
            of_numbers(name, values.iter().map(|bits| (*bits != NULL_DOUBLE).then(|| f64::from_bits(*bits))), visit);
        }
        Data::Bool(values) => {
            let code = |value: &u8| if *value == NULL_BOOL { NULL_CODE } else { u32::from(*value) };
            let rows: Vec<u32> = values.iter().map(code).collect();
            let cell = |code| Cell::Text(if code == 0 { "false" } else { "true" }.into());
            visit(Of::Attribute, name, &Values { rows: Rows::Dense(&rows), codes: 2, cell: &cell });
        }
        Data::Id16(_) | Data::Id8(_) => {}
    }
}

fn value_cell(value: Value) -> Cell<'static> {
    match value {
        Value::Int(number) => Cell::Number(number as f64),
        Value::Double(number) => number_cell(number),
        other => Cell::Text(other.text().into()),
    }
}

/// Rows and codes of each of so many names, of the elements of rows that are compared.
fn by_name(
    chunk: &SpanChunk<'_>,
    list: &List,
    names: usize,
    pair: impl Fn(usize) -> Option<(u32, u32)>,
) -> Vec<Vec<(u32, u32)>> {
    let mut found = vec![Vec::new(); names];
    for row in (0..chunk.columns.rows).filter(|row| part(chunk.parts, *row).is_some()) {
        for (name, code) in list.range(row).filter_map(&pair) {
            let pairs: &mut Vec<(u32, u32)> = &mut found[name as usize];
            let is_new = |known: &&(u32, u32)| known.0 == row as u32;
            if !pairs.iter().rev().take_while(is_new).any(|known| known.1 == code) {
                pairs.push((row as u32, code));
            }
        }
    }
    found
}

fn rare(chunk: &SpanChunk<'_>, visit: &mut Visit<'_>) {
    let list = &chunk.columns.lists[ATTRIBUTES];
    let (Some(keys), Some(values)) = (texts(&list.children[ATTRIBUTE_KEY]), texts(&list.children[ATTRIBUTE_VALUE]))
    else {
        return;
    };
    // What was sent without a value has the code after those of values.
    let (codes, empty) = (values.dictionary.len() + 1, values.dictionary.len() as u32);
    let code = |element: usize| Some(values.codes[element]).filter(|code| *code != NULL_CODE).unwrap_or(empty);
    let pair = |element: usize| Some((keys.codes[element], code(element))).filter(|(key, _)| *key != NULL_CODE);
    let cell = |code: u32| match code {
        code if code == empty => value_cell(Value::Empty),
        code => value_cell(json_value(values.dictionary.text(code))),
    };
    for (key, pairs) in by_name(chunk, list, keys.dictionary.len(), pair).iter().enumerate() {
        if !pairs.is_empty() {
            let values = Values { rows: Rows::Sparse(pairs), codes, cell: &cell };
            visit(Of::Attribute, keys.dictionary.text(key as u32), &values);
        }
    }
}

/// What each of some JSON objects has under each key, as codes: the codes by object, and what they mean.
#[derive(Default)]
struct OfObjects {
    codes: Vec<u32>,
    cells: Vec<Cell<'static>>,
}

fn of_objects(objects: &Texts, keys: impl Fn(&str) -> bool) -> HashMap<String, OfObjects> {
    let mut found: HashMap<String, OfObjects> = HashMap::new();
    for code in 0..objects.dictionary.len() {
        for attribute in json_attributes(objects.dictionary.text(code as u32)) {
            if !keys(&attribute.key) {
                continue;
            }
            let values = found.entry(attribute.key).or_default();
            values.codes.resize(objects.dictionary.len(), NULL_CODE);
            let cell = value_cell(attribute.value);
            let place = values.cells.iter().position(|known| *known == cell).unwrap_or_else(|| {
                values.cells.push(cell);
                values.cells.len() - 1
            });
            values.codes[code] = place as u32;
        }
    }
    found
}

fn resource(columns: &Columns, visit: &mut Visit<'_>) {
    let Some(objects) = texts(&columns.flat[spans::RESOURCE]) else { return };
    for (name, OfObjects { codes, cells }) in of_objects(objects, |_| true) {
        let code = |object: &u32| codes.get(*object as usize).copied().unwrap_or(NULL_CODE);
        let rows: Vec<u32> = objects.codes.iter().map(code).collect();
        let cell = |code: u32| cells[code as usize].clone();
        visit(Of::Resource, &name, &Values { rows: Rows::Dense(&rows), codes: cells.len(), cell: &cell });
    }
}

fn events(chunk: &SpanChunk<'_>, visit: &mut Visit<'_>) {
    let list = &chunk.columns.lists[spans::EVENTS];
    if let Some(names) = texts(&list.children[spans::EVENT_NAME]) {
        let pair = |element: usize| Some((0, names.codes[element])).filter(|(_, code)| *code != NULL_CODE);
        let pairs = by_name(chunk, list, 1, pair).pop().unwrap_or_default();
        let cell = |code| Cell::Text(names.dictionary.text(code).into());
        visit(Of::Event, EVENT, &Values { rows: Rows::Sparse(&pairs), codes: names.dictionary.len(), cell: &cell });
    }
    let Some(objects) = texts(&list.children[spans::EVENT_ATTRIBUTES]) else { return };
    for (name, OfObjects { codes, cells }) in of_objects(objects, |key| key == EXCEPTION_TYPE) {
        let code = |element: usize| codes.get(objects.codes[element] as usize).copied();
        let pair = |element: usize| Some((0, code(element)?)).filter(|(_, code)| *code != NULL_CODE);
        let pairs = by_name(chunk, list, 1, pair).pop().unwrap_or_default();
        let cell = |code: u32| cells[code as usize].clone();
        visit(Of::Event, &name, &Values { rows: Rows::Sparse(&pairs), codes: cells.len(), cell: &cell });
    }
}
