//! Filters of chance, and what they mean, spelled out.

use std::sync::Arc;

use vitrine_observe_columns::{Column, Columns, Filter, Kind, TextTest, double_text};
use vitrine_observe_text::TextMatch;

use super::tables::{Cell, SplitMix, cell};

/// A filter for a table whose values repeat as `variety` says; often it asks for something that a row has.
pub fn filter(rng: &mut SplitMix, columns: &Columns, depth: u64) -> Filter {
    let lists = &columns.lists;
    match rng.below(if depth == 0 { 6 } else { 13 }) {
        12 => {
            let column = rng.below(columns.flat.len() as u64) as usize;
            let digit = char::from(b'0' + rng.below(10) as u8);
            let test = TextTest::Where(Arc::new(move |text| text.contains(digit)));
            Filter::AsText { column: columns.flat[column].name.to_string(), test }
        }
        6 => Filter::All((0..rng.below(4)).map(|_| filter(rng, columns, depth - 1)).collect()),
        7 => Filter::Any((0..rng.below(4)).map(|_| filter(rng, columns, depth - 1)).collect()),
        8 | 9 => {
            let list = rng.below(lists.len() as u64) as usize;
            let children = &lists[list].children;
            let inner = |rng: &mut SplitMix| {
                let child = rng.below(children.len() as u64) as usize;
                of_column(rng, &children[child])
            };
            let (first, second) = (inner(rng), inner(rng));
            let filter = match rng.below(4) {
                0 => Filter::All(vec![first, second]),
                1 => Filter::Any(vec![first, second]),
                2 => Filter::Not(Box::new(first)),
                _ => first,
            };
            Filter::Element { list: columns.definition.lists[list].name.to_owned(), filter: Box::new(filter) }
        }
        10 => Filter::Not(Box::new(filter(rng, columns, depth - 1))),
        11 => {
            let column = rng.below(columns.flat.len() as u64) as usize;
            let name = if rng.below(10) == 0 { "absent" } else { &columns.flat[column].name };
            Filter::Exists { column: name.to_owned() }
        }
        _ => {
            let column = rng.below(columns.flat.len() as u64) as usize;
            of_column(rng, &columns.flat[column])
        }
    }
}

fn of_column(rng: &mut SplitMix, column: &Column) -> Filter {
    let rows = column.data.len().max(1);
    let some = |rng: &mut SplitMix| match column.data.len() {
        0 => Cell::Null,
        _ => cell(column, rng.below(rows as u64) as usize),
    };
    let mut name = column.name.to_string();
    if rng.below(20) == 0 {
        name = "absent".to_owned();
    }
    // Now and then a filter of another kind than the column's.
    let kind = if rng.below(20) == 0 { Kind::Int } else { column.kind };
    match kind {
        Kind::Text => {
            let text = |rng: &mut SplitMix| match some(rng) {
                Cell::Text(text) if rng.below(5) > 0 => text,
                _ => "no such text".to_owned(),
            };
            let test = match rng.below(5) {
                0 => TextTest::OneOf((0..rng.below(4)).map(|_| text(rng)).collect()),
                1 => {
                    let text = text(rng);
                    let from = text.char_indices().nth(rng.below(4) as usize).map_or(0, |(from, _)| from);
                    TextTest::Match(Arc::new(TextMatch::Contains(text[from..].to_owned())))
                }
                2 => {
                    let digit = char::from(b'0' + rng.below(10) as u8);
                    TextTest::Where(Arc::new(move |text| text.contains(digit)))
                }
                _ => TextTest::Equal(text(rng)),
            };
            Filter::Text { column: name, test }
        }
        Kind::Int | Kind::Time => {
            let bound = |rng: &mut SplitMix, extreme| match some(rng) {
                Cell::Int(value) if rng.below(5) > 0 => value,
                _ => extreme,
            };
            Filter::Int { column: name, min: bound(rng, i64::MIN), max: bound(rng, i64::MAX) }
        }
        Kind::Double => {
            let bound = |rng: &mut SplitMix, extreme| match some(rng) {
                Cell::Double(bits) if rng.below(5) > 0 => f64::from_bits(bits),
                _ => extreme,
            };
            Filter::Double { column: name, min: bound(rng, f64::NEG_INFINITY), max: bound(rng, f64::INFINITY) }
        }
        Kind::Bool => Filter::Bool { column: name, value: rng.below(2) == 0 },
        Kind::Id16 | Kind::Id8 | Kind::Parent => {
            let value = match some(rng) {
                Cell::Bytes(bytes) => bytes.iter().fold(0, |id, byte| id << 8 | u128::from(*byte)),
                _ => [0, 1 << 100, 3][rng.below(3) as usize],
            };
            Filter::Id { column: name, value }
        }
    }
}

/// Whether a row meets a filter.
pub fn meets(filter: &Filter, columns: &Columns, row: usize) -> bool {
    let element = |list: &str, filter: &Filter| {
        let place = columns.definition.lists.iter().position(|each| each.name == list).expect("a list");
        let list = &columns.lists[place];
        list.range(row).any(|element| value_meets(filter, &list.children, element))
    };
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| meets(filter, columns, row)),
        Filter::Any(filters) => filters.iter().any(|filter| meets(filter, columns, row)),
        Filter::Not(filter) => !meets(filter, columns, row),
        Filter::Element { list, filter } => element(list, filter),
        filter => value_meets(filter, &columns.flat, row),
    }
}

fn value_meets(filter: &Filter, columns: &[Column], row: usize) -> bool {
    let value = |name: &str| {
        let column = columns.iter().find(|column| &*column.name == name);
        column.map_or(Cell::Null, |column| cell(column, row))
    };
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| value_meets(filter, columns, row)),
        Filter::Any(filters) => filters.iter().any(|filter| value_meets(filter, columns, row)),
        Filter::Not(filter) => !value_meets(filter, columns, row),
        Filter::Exists { column } => value(column) != Cell::Null,
        Filter::AsText { column, test } => match value(column) {
            Cell::Int(i64::MIN) | Cell::Null | Cell::Text(_) | Cell::List(_) => false,
            Cell::Int(value) => test.meets(&value.to_string()),
            Cell::Double(bits) => test.meets(&double_text(f64::from_bits(bits))),
            Cell::Bool(value) => test.meets(&value.to_string()),
            Cell::Bytes(bytes) => {
                let columns = columns.iter().find(|found| *found.name == **column && found.kind != Kind::Parent);
                columns.is_some() && bytes.iter().any(|byte| *byte != 0) && test.meets(&hex::encode(&bytes))
            }
        },
        Filter::Text { column, test } => match (value(column), test) {
            (Cell::Text(text), TextTest::Equal(wanted)) => text == *wanted,
            (Cell::Text(text), TextTest::OneOf(wanted)) => wanted.contains(&text),
            (Cell::Text(text), TextTest::Match(wanted)) => wanted.matches(&text),
            (Cell::Text(text), TextTest::Where(test)) => test(&text),
            _ => false,
        },
        Filter::Int { column, min, max } => match value(column) {
            Cell::Int(value) => value != i64::MIN && *min <= value && value <= *max,
            _ => false,
        },
        Filter::Double { column, min, max } => match value(column) {
            Cell::Double(bits) => *min <= f64::from_bits(bits) && f64::from_bits(bits) <= *max,
            _ => false,
        },
        Filter::Bool { column, value: wanted } => value(column) == Cell::Bool(*wanted),
        Filter::Id { column, value: wanted } => match value(column) {
            Cell::Bytes(bytes) => {
                *wanted != 0 && bytes.iter().fold(0, |id, byte| id << 8 | u128::from(*byte)) == *wanted
            }
            _ => false,
        },
        Filter::Element { .. } => false,
    }
}
